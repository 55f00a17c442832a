//! What counts as a signature of an image, and the one reason why anything else
//! does not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_lc_rs::signature as lc;
use bytes::Bytes;
use floe::evidence::Document;
use floe::evidence::format::{bundle_layers, simple_signing_layers};
use floe::oci::{Algorithm, Content, Descriptor, Digest, ImageManifest, Manifest};
use floe::trust::{
    AuthorityMaterial, Claim, Established, PublicKey, RejectionKind, SignatureLayout, SignerId,
    establish,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::authority::{
    Attachment, COSIGN_SIGN, IN_TOTO, Image, Key, KeyKind, RepositoryContents, bundle, bundle_json,
    cosign_bundle, cosign_legacy, legacy, pae, raw_bundle, signed_bundle, simple_signing_payload,
    statement,
};
use crate::support::mutator::{self, Start};

/// Two keys of each kind, made once: RSA keys take their time.
static KEYS: LazyLock<Vec<(Key, Key)>> = LazyLock::new(|| {
    KeyKind::ALL
        .into_iter()
        .map(|kind| (Key::generate(kind), Key::generate(kind)))
        .collect()
});

fn key(kind: KeyKind) -> &'static Key {
    &KEYS[KeyKind::ALL
        .iter()
        .position(|k| *k == kind)
        .expect("a kind")]
    .0
}

fn images() -> (Image, Image) {
    let mut repository = RepositoryContents::new();
    (repository.image("one"), repository.image("two"))
}

fn material(key: &Key) -> AuthorityMaterial {
    AuthorityMaterial::key(PublicKey::from_pem(&key.pem()).expect("a good key"))
}

/// Reads an attachment in the way that gathering does.
fn documents(attachment: &Attachment) -> Vec<Document> {
    let mut repository = RepositoryContents::new();
    let image = repository.image("any");
    let digest = repository.attach(&image, attachment);
    read(&repository, digest)
}

fn read(repository: &RepositoryContents, digest: Digest) -> Vec<Document> {
    let (media_type, bytes) = &repository.manifests[&digest];
    let content = Content::check_digest(digest, media_type, bytes.clone()).expect("checked");
    let Manifest::Image(manifest) = Manifest::parse(&content).expect("a manifest") else {
        panic!("an index");
    };
    let blob = |descriptor: &Descriptor| {
        Content::check(descriptor, repository.blobs[&descriptor.digest].clone()).expect("a blob")
    };
    let bundles = bundle_layers(digest, &manifest);
    if manifest.subject.is_some() {
        let fetched = bundles
            .fetch
            .iter()
            .map(|layer| Document::bundle(digest, &blob(layer)));
        return fetched.chain(bundles.documents).collect();
    }
    let signatures = simple_signing_layers(digest, &manifest);
    let fetched = signatures
        .fetch
        .iter()
        .map(|layer| Document::simple_signing(digest, blob(&layer.descriptor), layer));
    fetched.chain(signatures.documents).collect()
}

fn judge(attachment: &Attachment, image: &Image, key: &Key) -> Established {
    let [document] = &documents(attachment)[..] else {
        panic!("one document is expected");
    };
    establish(document, &image.digest, &material(key))
}

/// What a document is worth where signatures are asked for. An attestation that
/// was verified is none, and a policy says of it what this says.
fn code(established: &Established) -> &'static str {
    match established {
        Ok(verified) => match verified.claim() {
            Claim::Signature(_) => "accepted",
            Claim::Attestation(_) => RejectionKind::NotASignature.code(),
        },
        Err(rejection) => rejection.kind.code(),
    }
}

#[test]
fn a_signature_by_every_kind_of_key_is_established_in_both_layouts() {
    let (image, _) = images();
    for (key, _) in KEYS.iter() {
        for (attachment, layout) in [
            (cosign_bundle(key, &image), SignatureLayout::Bundle),
            (cosign_legacy(key, &image), SignatureLayout::SimpleSigning),
        ] {
            let verified = judge(&attachment, &image, key).expect("a good signature");
            let claim = verified.claim().as_signature().expect("a signature");
            assert_eq!(claim.subject, image.digest);
            assert_eq!(claim.layout, layout);
            let SignerId::Key(fingerprint) = verified.proof().signer else {
                panic!("a key signed");
            };
            assert_eq!(
                fingerprint.to_string(),
                Digest::sha256(key.spki()).to_string()
            );
            let reference = (layout == SignatureLayout::SimpleSigning)
                .then(|| "registry.example.com/app".to_owned());
            assert_eq!(claim.docker_reference, reference);
            let scheme = match key.kind {
                KeyKind::P256 => "ecdsa-p256-sha256",
                KeyKind::P384 => "ecdsa-p384-sha384",
                KeyKind::P521 => "ecdsa-p521-sha512",
                KeyKind::Ed25519 => "ed25519",
                KeyKind::Rsa => "rsa-pkcs1-sha256",
            };
            assert_eq!(verified.proof().scheme.as_str(), scheme);
        }
    }
}

#[test]
fn every_mutation_of_a_good_signature_is_refused_for_its_own_reason() {
    let (image, other) = images();
    let mut failures = Vec::new();
    for (at, (key, stranger)) in KEYS.iter().enumerate() {
        let start = Start {
            key,
            stranger,
            other_kind: &KEYS[(at + 1) % KEYS.len()].0,
            image: &image,
            other: &other,
        };
        let bundles = mutator::bundles(&start);
        let legacies = mutator::legacies(&start);
        assert!(bundles.len() >= 20 && legacies.len() >= 20);
        for (layout, mutation) in bundles
            .iter()
            .map(|m| ("bundle", m))
            .chain(legacies.iter().map(|m| ("legacy", m)))
        {
            let established = judge(&mutation.attachment, &image, key);
            let detail = established.as_ref().err().map_or("", |r| &r.detail);
            assert!(
                !detail.contains(char::is_control) && detail.len() < 400,
                "{detail}"
            );
            if code(&established) != mutation.code {
                failures.push(format!(
                    "{:?} {layout} {:?}: expected {}, found {} ({:?})",
                    key.kind,
                    mutation.name,
                    mutation.code,
                    code(&established),
                    established.err().map(|r| r.detail),
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_does_not_bind_may_differ_and_the_signature_still_counts() {
    let (image, other) = images();
    let key = key(KeyKind::P256);
    let digest = image.digest.to_string();
    let good = statement(COSIGN_SIGN, &[&digest], json!({}));
    let signed = |value: &Value| signed_bundle(key, IN_TOTO, value.to_string().as_bytes());
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut value = signed(&good);
        edit(&mut value);
        value
    };
    let mut v01 = good.clone();
    v01["_type"] = json!("https://in-toto.io/Statement/v0.1");
    let both = statement(
        COSIGN_SIGN,
        &[&other.digest.to_string(), &digest],
        json!({}),
    );
    let mut named = good.clone();
    named["subject"][0]["name"] = json!("whatever");
    let mut predicate = good.clone();
    predicate["predicate"] = json!({"Predicate": {"a": 1, "A": 2}});
    for (name, value) in [
        ("statement of version 0.1", signed(&v01)),
        ("another subject before this one", signed(&both)),
        ("a named subject", signed(&named)),
        ("any predicate", signed(&predicate)),
        (
            "the hint of another key",
            edited(&|b| {
                b["verificationMaterial"]["publicKey"]["hint"] =
                    json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
            }),
        ),
        (
            "a hint that is not base64",
            edited(&|b| b["verificationMaterial"]["publicKey"]["hint"] = json!("my key")),
        ),
        (
            "no hint",
            edited(&|b| b["verificationMaterial"]["publicKey"] = json!({})),
        ),
        (
            "log entries and timestamps, which a key does not ask for",
            edited(&|b| {
                b["verificationMaterial"]["tlogEntries"] = json!([{"logIndex": "1"}]);
                b["verificationMaterial"]["timestampVerificationData"] = json!({});
            }),
        ),
        ("a new member", edited(&|b| b["newMember"] = json!(1))),
        (
            "the other spelling of the media type",
            edited(&|b| {
                b["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.3");
            }),
        ),
        (
            "a key id",
            edited(&|b| b["dsseEnvelope"]["signatures"][0]["keyid"] = json!("x")),
        ),
    ] {
        let established = judge(&bundle(&value), &image, key);
        assert_eq!(code(&established), "accepted", "{name}");
    }

    let payload = simple_signing_payload(&digest, "elsewhere.example.com/other");
    let payload = payload.replace("null", r#"{"team":"a","n":1}"#);
    let mut attachment = legacy(payload.clone(), &key.sign(payload.as_bytes()));
    if let Attachment::Legacy { annotations, .. } = &mut attachment {
        annotations.insert("dev.sigstore.cosign/certificate".into(), "PEM".into());
    }
    let verified = judge(&attachment, &image, key).expect("the key made it, certificate or not");
    let claim = verified.claim().as_signature().expect("a signature");
    assert_eq!(
        claim.annotations,
        BTreeMap::from([("team".to_owned(), "a".to_owned())])
    );
}

#[test]
fn an_image_with_a_sha512_digest_is_bound_by_it() {
    let key = key(KeyKind::P256);
    let digest = Digest::of(Algorithm::Sha512, b"an image");
    let image = Image { digest, size: 8 };
    for attachment in [cosign_bundle(key, &image), cosign_legacy(key, &image)] {
        assert_eq!(code(&judge(&attachment, &image, key)), "accepted");
        let (other, _) = images();
        assert_eq!(code(&judge(&attachment, &other, key)), "subject-mismatch");
    }
}

#[test]
fn rsa_signatures_count_in_both_paddings_and_three_hashes() {
    let (image, _) = images();
    let key = key(KeyKind::Rsa);
    let payload = statement(COSIGN_SIGN, &[&image.digest.to_string()], json!({})).to_string();
    let message = pae(IN_TOTO, payload.as_bytes());
    for (encoding, scheme) in [
        (&lc::RSA_PKCS1_SHA256, "rsa-pkcs1-sha256"),
        (&lc::RSA_PKCS1_SHA384, "rsa-pkcs1-sha384"),
        (&lc::RSA_PKCS1_SHA512, "rsa-pkcs1-sha512"),
        (&lc::RSA_PSS_SHA256, "rsa-pss-sha256"),
        (&lc::RSA_PSS_SHA384, "rsa-pss-sha384"),
        (&lc::RSA_PSS_SHA512, "rsa-pss-sha512"),
    ] {
        let signature = key.sign_rsa(encoding, &message);
        let value = bundle_json(&key.hint(), IN_TOTO, payload.as_bytes(), &[&signature]);
        let verified = judge(&bundle(&value), &image, key).expect(scheme);
        assert_eq!(verified.proof().scheme.as_str(), scheme);
    }
}

#[test]
fn a_rejection_names_the_key_that_the_signature_names() {
    let (image, _) = images();
    let (key, stranger) = &KEYS[0];
    let rejection = judge(&cosign_bundle(stranger, &image), &image, key).expect_err("refused");
    assert_eq!(
        rejection.detail,
        format!(
            "signature by unknown key {}",
            Digest::sha256(stranger.spki())
        )
    );
}

#[test]
fn a_signature_manifest_gives_one_document_for_each_layer_and_skips_none() {
    let mut repository = RepositoryContents::new();
    let image = repository.image("app");
    let key = key(KeyKind::P256);
    let stranger = &KEYS[0].1;
    repository.sign_legacy(&image, stranger);
    let mut foreign = cosign_legacy(key, &image);
    if let Attachment::Legacy { media_type, .. } = &mut foreign {
        *media_type = "application/spdx+json".into();
    }
    repository.attach(&image, &foreign);
    let digest = repository.sign_legacy(&image, key);
    let mut codes: Vec<_> = read(&repository, digest)
        .iter()
        .map(|document| code(&establish(document, &image.digest, &material(key))))
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "accepted",
            "format-not-supported",
            "signature-not-by-authority"
        ]
    );
}

#[test]
fn documents_that_verify_differently_have_different_ids() {
    let (image, other) = images();
    let (key, stranger) = &KEYS[0];
    let mut keyless = cosign_legacy(key, &image);
    if let Attachment::Legacy { annotations, .. } = &mut keyless {
        annotations.insert("dev.sigstore.cosign/certificate".into(), "PEM".into());
    }
    let all = [
        cosign_bundle(key, &image),
        cosign_bundle(stranger, &image),
        cosign_bundle(key, &other),
        cosign_legacy(key, &image),
        cosign_legacy(stranger, &image),
        cosign_legacy(key, &other),
        keyless,
    ];
    let ids: std::collections::BTreeSet<_> = all.iter().map(|a| documents(a)[0].id).collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(documents(&all[0])[0].id, documents(&all[0])[0].id);
}

#[test]
fn too_many_layers_are_a_gap_that_names_the_cure() {
    let layers = |media_type: &str, count: usize| -> ImageManifest {
        let mut repository = RepositoryContents::new();
        let blob = repository.blob("{}");
        let layer = json!({
            "mediaType": media_type, "digest": blob.digest.to_string(), "size": 2,
            "annotations": {"dev.cosignproject.cosign/signature": "AA=="},
        });
        let text = json!({
            "schemaVersion": 2, "config": layer, "layers": vec![layer.clone(); count],
        });
        let content = Content::of_tag("", Bytes::from(text.to_string()));
        match Manifest::parse(&content).expect("a manifest") {
            Manifest::Image(manifest) => manifest,
            Manifest::Index(_) => panic!("an index"),
        }
    };
    let digest = Digest::sha256(b"");
    let bundles = layers("application/vnd.dev.sigstore.bundle.v0.3+json", 9);
    let found = bundle_layers(digest, &bundles);
    assert_eq!(found.fetch.len(), 8);
    assert_eq!(found.gap.expect("a gap").kind.code(), "too-many-documents");

    let signatures = layers("application/vnd.dev.cosign.simplesigning.v1+json", 65);
    let found = simple_signing_layers(digest, &signatures);
    assert_eq!(found.fetch.len(), 64);
    assert_eq!(found.gap.expect("a gap").kind.code(), "too-many-documents");
}

#[test]
fn a_layout_holds_what_was_attached_and_an_attestation_alone_is_no_signature() {
    let mut repository = RepositoryContents::new();
    let image = repository.image("app");
    let key = key(KeyKind::P256);
    let sbom = repository.attest_sbom(&image, key);
    let signature = repository.sign_bundle(&image, key);
    repository.sign_legacy(&image, key);
    repository.tag_referrers(&image);

    let judged = |digest| {
        let document = &read(&repository, digest)[0];
        code(&establish(document, &image.digest, &material(key)))
    };
    assert_eq!(judged(sbom), "predicate-not-a-signature");
    assert_eq!(judged(signature), "accepted");

    let folder = tempfile::tempdir().expect("a folder");
    repository.write_layout(folder.path());
    let index = std::fs::read_to_string(folder.path().join("index.json")).expect("an index");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    let entries = index["manifests"].as_array().expect("a list");
    assert_eq!(entries.len(), 5);
    for entry in entries {
        let digest: Digest = entry["digest"]
            .as_str()
            .expect("a digest")
            .parse()
            .expect("canonical");
        let bytes = std::fs::read(folder.path().join("blobs/sha256").join(digest.hex()));
        assert_eq!(Digest::sha256(&bytes.expect("a manifest")), digest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// No byte of a signed document can be changed so that something else is
    /// claimed; at most the unsigned hint can.
    #[test]
    fn a_changed_byte_never_gives_another_claim(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (image, _) = images();
        let key = key(KeyKind::P256);
        let material = material(key);
        for good in [cosign_bundle(key, &image), cosign_legacy(key, &image)] {
            let accepted = judge(&good, &image, key).expect("a good signature");
            let mut changed = good.clone();
            match &mut changed {
                Attachment::Bundle { bytes, .. }
 | Attachment::Legacy { payload: bytes, .. }
 | Attachment::Attestation { envelope: bytes, .. } => {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
            }
            for document in documents(&changed) {
                match (&good, establish(&document, &image.digest, &material)) {
                    (Attachment::Bundle { .. }, Ok(found)) => prop_assert_eq!(&found, &accepted),
                    (_, found) => prop_assert!(found.is_err()),
                }
            }
        }
    }

    /// Anybody may attach anything.
    #[test]
    fn any_bytes_are_a_document_and_never_a_signature(
        bytes in prop::collection::vec(any::<u8>(), 0..256),
        text in "[\\[\\]{}:,\"a-z0-9\\\\ ]{0,256}",
    ) {
        let (image, _) = images();
        let material = material(key(KeyKind::P256));
        for bytes in [bytes, text.into_bytes()] {
            let signature = key(KeyKind::Ed25519).sign(&bytes);
            for attachment in [raw_bundle(bytes.clone()), legacy(bytes, &signature)] {
                for document in documents(&attachment) {
                    prop_assert!(establish(&document, &image.digest, &material).is_err());
                }
            }
        }
    }
}
