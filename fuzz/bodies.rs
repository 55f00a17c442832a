//! The bodies of the fuzz targets. Each takes any bytes, must neither panic nor
//! run away with memory or time, and holds a property of what it accepts. It
//! says whether that was anything.
//!
//! One file for two drivers: libFuzzer (`fuzz_targets/`), and the mutations of
//! the test suite where there is no nightly compiler (`tests/it/fuzz.rs`).

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use floe::admission::{Coverage, MAX_IMAGES, Request};
use floe::evidence::Document;
use floe::evidence::format::{
    MAX_ATTESTATION_LAYERS, MAX_BUNDLE_LAYERS, MAX_SIGNATURE_LAYERS, SIMPLE_SIGNING,
    attestation_layers, bundle_layers, simple_signing_layers,
};
use floe::oci::{Content, Digest, Manifest, Reference};
use floe::policy::{IdentityRule, PolicyDocument, compile};
use floe::trust::{
    AuthorityMaterial, Blob, CertificateIdentity, Claim, Demands, Established, Materials,
    OldBundles, PublicKey, Signers, TrustRoot, establish, establish_blob,
};
use serde_json::{Value, json};

mod issuing;

use issuing::AUTHORITY;

/// A target: its name, which is that of its corpus, and its body.
pub(crate) type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub(crate) const TARGETS: [Target; 8] = [
    ("reference", reference),
    ("manifest", manifest),
    ("dsse", dsse),
    ("bundle", bundle),
    ("simple_signing", simple_signing),
    ("certificate_identity", certificate_identity),
    ("policy", policy),
    ("admission_review", admission_review),
];

/// What the cases of the corpus that are signed are signatures of: an image
/// whose manifest these bytes are, and a file of the same bytes. Nobody signed
/// anything else.
pub(crate) const SIGNED: &[u8] = b"what is signed";

/// The authority that signed the corpus, which nobody can ask again: its keys
/// were never kept.
const ROOT: &str = include_str!("authority/root.json");
const KEY: &str = include_str!("authority/key.pub");

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

static KEYLESS: LazyLock<AuthorityMaterial> = LazyLock::new(|| {
    let root = TrustRoot::from_json("fuzz", ROOT).expect("the root can be read");
    AuthorityMaterial::new(
        Signers::Keyless,
        vec![Arc::new(root)],
        Demands {
            old_bundles: OldBundles::Accepted,
            ..Demands::KEYLESS
        },
    )
});

static MANAGED: LazyLock<AuthorityMaterial> =
    LazyLock::new(|| AuthorityMaterial::key(PublicKey::from_pem(KEY).expect("a public key")));

/// Nobody who signed the corpus.
static STRANGER: LazyLock<AuthorityMaterial> = LazyLock::new(|| {
    let root = TrustRoot::public_good().expect("the embedded root can be read");
    AuthorityMaterial::new(Signers::Keyless, vec![root.into()], Demands::KEYLESS)
});

/// Certificates of an authority that signs everything.
static ANY_CERTIFICATE: LazyLock<AuthorityMaterial> = LazyLock::new(|| {
    let root = TrustRoot::from_certificates("any", &AUTHORITY.pem()).expect("a certificate");
    AuthorityMaterial::new(
        Signers::Certificates(Arc::new(root)),
        Vec::new(),
        Demands::NONE,
    )
});

/// A reference that is accepted means after printing what it meant before.
pub(crate) fn reference(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(reference) = text.parse::<Reference>() else {
        return false;
    };
    let printed = reference.to_string();
    assert_eq!(printed.parse::<Reference>().as_ref(), Ok(&reference));
    assert!(printed.is_ascii());
    true
}

/// A manifest that is read has no digest that is not one, and leads to a
/// bounded number of documents.
pub(crate) fn manifest(data: &[u8]) -> bool {
    let Ok(manifest) = Manifest::parse(&content(MANIFEST, data)) else {
        return false;
    };
    let descriptors = match &manifest {
        Manifest::Image(image) => image.layers.clone(),
        Manifest::Index(index) => index.manifests.clone(),
    };
    for descriptor in descriptors.iter().chain(manifest.subject()) {
        let text = descriptor.digest.to_string();
        assert_eq!(text.parse::<Digest>(), Ok(descriptor.digest));
    }
    if let Manifest::Image(image) = &manifest {
        let digest = Digest::sha256(data);
        assert!(bundle_layers(digest, image).fetch.len() <= MAX_BUNDLE_LAYERS);
        assert!(simple_signing_layers(digest, image).fetch.len() <= MAX_SIGNATURE_LAYERS);
        assert!(attestation_layers(digest, image).fetch.len() <= MAX_ATTESTATION_LAYERS);
    }
    true
}

/// An envelope proves nothing but what somebody signed.
pub(crate) fn dsse(data: &[u8]) -> bool {
    let Ok(envelope) = std::str::from_utf8(data) else {
        return false;
    };
    let text = format!(
        r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":""}}}},"dsseEnvelope":{envelope}}}"#
    );
    bundle(text.as_bytes())
}

/// A bundle proves nothing but what somebody signed, neither about an image nor
/// about a file.
pub(crate) fn bundle(data: &[u8]) -> bool {
    let document = Document::bundle(Digest::sha256(b"manifest"), &content("", data));
    let [signed, other] = [SIGNED, b"another"];
    let mut accepted = judged(&document);
    for material in [&*KEYLESS, &*MANAGED] {
        accepted |= is_about_signed(&establish_blob(&document, &Blob::Bytes(signed), material));
        refused(&establish_blob(&document, &Blob::Bytes(other), material));
    }
    refused(&establish_blob(&document, &Blob::Bytes(signed), &STRANGER));
    accepted
}

/// The same of the layouts in which annotations say what belongs to a
/// signature or attestation: an object of the media type of the layer, its
/// annotations and its content.
pub(crate) fn simple_signing(data: &[u8]) -> bool {
    let Ok(layer) = serde_json::from_slice::<Value>(data) else {
        return false;
    };
    let payload = layer["content"].as_str().unwrap_or_default();
    let payload = content(SIMPLE_SIGNING, payload.as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/json", "digest": payload.digest().to_string(), "size": 2},
        "layers": [{
            "mediaType": layer["mediaType"],
            "digest": payload.digest().to_string(),
            "size": payload.bytes().len(),
            "annotations": layer["annotations"],
        }],
    });
    let digest = Digest::sha256(b"manifest");
    let Ok(Manifest::Image(image)) =
        Manifest::parse(&content(MANIFEST, manifest.to_string().as_bytes()))
    else {
        return false;
    };
    let mut accepted = false;
    for layer in &simple_signing_layers(digest, &image).fetch {
        accepted |= judged(&Document::simple_signing(digest, payload.clone(), layer));
    }
    for layer in &attestation_layers(digest, &image).fetch {
        accepted |= judged(&Document::attestation(digest, &payload, layer));
    }
    accepted
}

/// Extensions, as they stand one after the other in a certificate, that an
/// authority signed: whoever is named in them is named for every reader. Taken
/// as a whole certificate, nobody vouches for them.
pub(crate) fn certificate_identity(data: &[u8]) -> bool {
    let judge = |bundle: &Value, material| {
        let document = content("", bundle.to_string().as_bytes());
        let document = Document::bundle(Digest::sha256(b"manifest"), &document);
        establish_blob(&document, &Blob::Bytes(SIGNED), material)
    };
    let whole = issuing::bundle(data, b"nobody's");
    for material in [&*ANY_CERTIFICATE, &*KEYLESS, &*STRANGER] {
        refused(&judge(&whole, material));
    }
    let signed = AUTHORITY.bundle(data, SIGNED);
    refused(&judge(&signed, &STRANGER));
    let Ok(verified) = judge(&signed, &ANY_CERTIFICATE) else {
        return false;
    };
    named(verified.proof().identity.as_deref().expect("a certificate"));
    true
}

/// What an identity is made of is text, and only a rule that says the same
/// accepts it.
fn named(identity: &CertificateIdentity) {
    let issuer = identity.issuer.as_deref();
    let names = || identity.names.iter().map(|name| &*name.value);
    assert!(names().count() > 0);
    for text in names().chain(issuer) {
        assert!(!text.is_empty() && !text.contains(char::is_control));
    }
    for name in names() {
        let rule = IdentityRule::exact(name, issuer.unwrap_or_default());
        let only = names().all(|other| other == name);
        assert_eq!(rule.judge(identity).is_ok(), only && issuer.is_some());
        let longer = format!("{name}x");
        let rule = IdentityRule::exact(&longer, issuer.unwrap_or_default());
        let same = names().all(|other| other == longer);
        assert!(rule.judge(identity).is_err() || same);
    }
}

/// A policy that compiles can be bound, and denies where its material is
/// missing; whatever does not compile says where.
pub(crate) fn policy(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let document = PolicyDocument {
        origin: "policy.yaml".into(),
        text: text.to_owned(),
    };
    match compile(&[document]) {
        Ok(compiled) => {
            let set = compiled.bind(&Materials::default());
            set.policies().len() > 0
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            false
        }
    }
}

/// A review that can be read names a bounded number of images.
pub(crate) fn admission_review(data: &[u8]) -> bool {
    static COVERAGE: LazyLock<Coverage> = LazyLock::new(Coverage::builtin);
    let Ok(request) = Request::read(data) else {
        return false;
    };
    for object in [&request.object, &request.old_object] {
        if let Ok(uses) = COVERAGE.references_in(&request, object.as_ref()) {
            assert!(uses.len() <= MAX_IMAGES);
        }
    }
    true
}

fn content(media_type: &str, data: &[u8]) -> Content {
    Content::of_tag(media_type, Bytes::copy_from_slice(data))
}

/// Whether a document says anything about the image that was signed. About
/// another one, or by strangers, it never does.
fn judged(document: &Document) -> bool {
    let image = Digest::sha256(SIGNED);
    let other = Digest::sha256(b"another");
    let mut accepted = false;
    for material in [&*KEYLESS, &*MANAGED] {
        accepted |= is_about_signed(&establish(document, &image, material));
        refused(&establish(document, &other, material));
    }
    refused(&establish(document, &image, &STRANGER));
    accepted
}

fn is_about_signed(established: &Established) -> bool {
    let Ok(verified) = established else {
        return false;
    };
    let subject = match verified.claim() {
        Claim::Signature(claim) => claim.subject,
        Claim::Attestation(claim) => claim.subject,
    };
    assert_eq!(subject, Digest::sha256(SIGNED));
    true
}

fn refused(established: &Established) {
    assert!(established.is_err(), "{established:?}");
}
