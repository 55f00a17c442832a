//! Signatures: a changed document that is still accepted claims the same of the
//! same image by the same signer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use floe::evidence::Document;
use floe::evidence::format::{bundle_layers, simple_signing_layers};
use floe::oci::{Content, Descriptor, Digest, ImageManifest, Manifest};
use floe::trust::{AuthorityMaterial, Claim, Established, PublicKey, SignerId, establish};
use serde_json::{Value, json};

use super::holds;
use super::tree::{Reading, Tree};
use crate::support::authority::{
    Attachment, BUNDLE, COSIGN_SIGN, IN_TOTO, Image, Key, KeyKind, MANIFEST, RepositoryContents,
    cosign_bundle, cosign_legacy, legacy, signed_bundle, simple_signing_payload, statement,
};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(KeyKind::P256));
static MATERIAL: LazyLock<AuthorityMaterial> =
    LazyLock::new(|| AuthorityMaterial::key(PublicKey::from_pem(&KEY.pem()).expect("a good key")));
static IMAGES: LazyLock<(Image, Image)> = LazyLock::new(|| {
    let mut contents = RepositoryContents::new();
    (contents.image("one"), contents.image("two"))
});

fn image() -> &'static Image {
    &IMAGES.0
}

/// Both images, so that a splice can lead from one to the other.
fn attached(attach: fn(&Key, &Image) -> Attachment) -> Vec<Vec<u8>> {
    let other = Key::generate(KeyKind::Ed25519);
    [(&*KEY, &IMAGES.0), (&*KEY, &IMAGES.1), (&other, &IMAGES.0)]
        .into_iter()
        .map(|(key, image)| match attach(key, image) {
            Attachment::Bundle { bytes, .. }
            | Attachment::Legacy { payload: bytes, .. }
            | Attachment::Attestation {
                envelope: bytes, ..
            } => bytes,
        })
        .collect()
}

fn judged(document: &Document) -> Established {
    let found = establish(document, &image().digest, &MATERIAL);
    if let Ok(signature) = &found {
        let subject = match signature.claim() {
            Claim::Signature(claim) => claim.subject,
            Claim::Attestation(claim) => claim.subject,
        };
        assert_eq!(subject, image().digest);
        let SignerId::Key(signer) = &signature.proof().signer else {
            panic!("a key signed");
        };
        assert_eq!(*signer, MATERIAL.keys()[0].fingerprint());
    }
    found
}

fn bundle(bytes: &[u8]) -> Document {
    let content = Content::of_tag(BUNDLE, Bytes::copy_from_slice(bytes));
    Document::bundle(image().digest, &content)
}

#[test]
fn a_changed_bundle_that_is_accepted_claims_the_same() {
    let seeds = attached(cosign_bundle);
    let good = judged(&bundle(&seeds[0])).expect("a good signature");
    holds(1_500, &seeds, |bytes| {
        let Ok(found) = judged(&bundle(bytes)) else {
            return false;
        };
        assert_eq!(found, good);
        // What was signed is in it, once, for every reader.
        let Some(tree) = Tree::parse(bytes) else {
            return true;
        };
        let payload = &tree.read(Reading::First)["dsseEnvelope"]["payload"];
        assert_eq!(
            *payload,
            tree.read(Reading::Last)["dsseEnvelope"]["payload"]
        );
        let any_case = tree.read(Reading::AnyCase);
        assert_eq!(*payload, any_case["dsseenvelope"]["payload"]);
        true
    });
}

/// What a statement must say, in whatever way it is read. Predicates and names
/// of keys are those of in-toto.
#[test]
fn a_changed_statement_that_the_signer_signed_is_accepted_only_if_it_names_the_image() {
    let said = |image: &Image, kind: &str| {
        statement(kind, &[&image.digest.to_string()], json!({})).to_string()
    };
    let seeds = [
        said(&IMAGES.0, COSIGN_SIGN),
        said(&IMAGES.1, COSIGN_SIGN),
        said(&IMAGES.0, "https://spdx.dev/Document"),
        statement(
            COSIGN_SIGN,
            &[&IMAGES.1.digest.to_string(), &IMAGES.0.digest.to_string()],
            json!({"a": [1]}),
        )
        .to_string(),
    ]
    .map(String::into_bytes);
    holds(1_000, &seeds, |payload| {
        let signed = signed_bundle(&KEY, IN_TOTO, payload).to_string();
        let is_signature = judged(&bundle(signed.as_bytes()))
            .is_ok_and(|verified| verified.claim().as_signature().is_some());
        if !is_signature {
            return false;
        }
        let Some(tree) = Tree::parse(payload) else {
            return true;
        };
        for (reading, kind) in [
            (Reading::First, "predicateType"),
            (Reading::Last, "predicateType"),
            (Reading::AnyCase, "predicatetype"),
        ] {
            let statement = tree.read(reading);
            assert_eq!(statement[kind], json!(COSIGN_SIGN), "{reading:?}");
            let subjects = statement["subject"].as_array().expect("a list");
            let hex = json!(image().digest.hex());
            let named = subjects.iter().any(|s| s["digest"]["sha256"] == hex);
            assert!(named, "{reading:?} {statement}");
        }
        true
    });
}

#[test]
fn a_changed_payload_that_the_signer_signed_is_accepted_only_if_it_names_the_image() {
    let seeds = attached(cosign_legacy);
    holds(1_000, &seeds, |payload| {
        let signature = KEY.sign(payload);
        let attachment = legacy(payload, &signature);
        let documents = documents(&attachment);
        if documents.iter().all(|document| judged(document).is_err()) {
            return false;
        }
        // Half a surrogate pair in what nobody reads is beyond the oracle.
        let Some(tree) = Tree::parse(payload) else {
            return true;
        };
        for reading in [Reading::First, Reading::Last, Reading::AnyCase] {
            let critical = &tree.read(reading)["critical"];
            let digest = &critical["image"]["docker-manifest-digest"];
            assert_eq!(*digest, json!(image().digest.to_string()), "{reading:?}");
            assert_eq!(critical["type"], json!("cosign container image signature"));
        }
        true
    });
}

#[test]
fn a_changed_payload_under_the_old_signature_is_refused() {
    let payload = simple_signing_payload(&image().digest.to_string(), "registry.example.com/app");
    let signature = KEY.sign(payload.as_bytes());
    let payload = payload.into_bytes();
    let seeds = [payload.clone(), attached(cosign_legacy).swap_remove(1)];
    holds(600, &seeds, |bytes| {
        let documents = documents(&legacy(bytes, &signature));
        let accepted = documents.iter().any(|document| judged(document).is_ok());
        // Written in another way, JSON is another text.
        assert_eq!(accepted, bytes == payload);
        accepted
    });
}

/// Reads an attachment in the way that gathering does.
fn documents(attachment: &Attachment) -> Vec<Document> {
    let mut contents = RepositoryContents::new();
    let any = contents.image("any");
    let digest = contents.attach(&any, attachment);
    let (media_type, bytes) = &contents.manifests[&digest];
    let content = Content::check_digest(digest, media_type, bytes.clone()).expect("checked");
    let Manifest::Image(manifest) = Manifest::parse(&content).expect("a manifest") else {
        panic!("an index");
    };
    read(digest, &manifest, &contents.blobs)
}

fn read(
    digest: Digest,
    manifest: &ImageManifest,
    blobs: &BTreeMap<Digest, Bytes>,
) -> Vec<Document> {
    let blob = |descriptor: &Descriptor| {
        let bytes = blobs.get(&descriptor.digest)?.clone();
        Content::check(descriptor, bytes).ok()
    };
    let bundles = bundle_layers(digest, manifest);
    let signatures = simple_signing_layers(digest, manifest);
    let mut all = Vec::new();
    for layer in &bundles.fetch {
        all.extend(blob(layer).map(|content| Document::bundle(digest, &content)));
    }
    for layer in &signatures.fetch {
        let content = blob(&layer.descriptor);
        all.extend(content.map(|content| Document::simple_signing(digest, content, layer)));
    }
    all.extend(bundles.documents);
    all.extend(signatures.documents);
    all
}

/// The manifest in between is nobody's statement: whatever it says, a document
/// reached through it counts only for the image that was signed.
#[test]
fn a_changed_manifest_of_signatures_leads_to_the_same_claim_or_none() {
    let mut contents = RepositoryContents::new();
    let stored = contents.image("one");
    assert_eq!(stored, *image());
    let attached = [
        contents.sign_bundle(&stored, &KEY),
        contents.sign_legacy(&stored, &KEY),
        contents.attest_sbom(&stored, &KEY),
    ];
    let seeds = attached.map(|digest| contents.manifests[&digest].1.to_vec());
    holds(1_000, &seeds, |bytes| {
        let content = Content::of_tag(MANIFEST, Bytes::copy_from_slice(bytes));
        let Ok(Manifest::Image(manifest)) = Manifest::parse(&content) else {
            return false;
        };
        let documents = read(content.digest(), &manifest, &contents.blobs);
        documents.iter().any(|document| judged(document).is_ok())
    });
}

/// A listing or manifest that is accepted has for every reader the descriptors
/// that floe found in it.
#[test]
fn a_manifest_that_is_accepted_lists_the_same_for_every_reader() {
    let mut contents = RepositoryContents::new();
    let stored = contents.image("one");
    contents.sign_bundle(&stored, &KEY);
    let mut seeds: Vec<_> = contents
        .manifests
        .values()
        .map(|(_, b)| b.to_vec())
        .collect();
    seeds.push(contents.referrers_index(&stored.digest).into_bytes());
    holds(1_500, &seeds, |bytes| {
        let parsed = [MANIFEST, crate::support::authority::INDEX]
            .into_iter()
            .find_map(|kind| {
                Manifest::parse(&Content::of_tag(kind, Bytes::copy_from_slice(bytes))).ok()
            });
        let Some(manifest) = parsed else { return false };
        let Some(tree) = Tree::parse(bytes) else {
            return true;
        };
        for reading in [Reading::First, Reading::Last] {
            let written = tree.read(reading);
            let listed = |name: &str| -> Vec<Value> {
                let items = written[name].as_array().cloned().unwrap_or_default();
                items.iter().map(|item| item["digest"].clone()).collect()
            };
            let digests = |descriptors: &[Descriptor]| -> Vec<Value> {
                descriptors
                    .iter()
                    .map(|d| json!(d.digest.to_string()))
                    .collect()
            };
            match &manifest {
                Manifest::Image(image) => {
                    assert_eq!(listed("layers"), digests(&image.layers));
                    assert_eq!(
                        written["config"]["digest"],
                        json!(image.config.digest.to_string())
                    );
                    assert_eq!(written["manifests"], Value::Null);
                }
                Manifest::Index(index) => {
                    assert_eq!(listed("manifests"), digests(&index.manifests));
                    assert_eq!(written["config"], Value::Null);
                    assert_eq!(written["layers"], Value::Null);
                }
            }
            let subject = manifest.subject().map(|s| json!(s.digest.to_string()));
            assert_eq!(written["subject"]["digest"], subject.unwrap_or_default());
        }
        true
    });
}
