//! The bodies of the fuzz targets. Each takes any bytes, must neither panic nor
//! run away with memory or time, and holds a property of what it accepts. It
//! says whether that was anything.
//!
//! One file for two drivers: libFuzzer (`fuzz_targets/`), and the mutations of
//! the test suite where there is no nightly compiler (`tests/it/fuzz.rs`).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use floe::admission::{Coverage, MAX_IMAGES, Request};
use floe::evidence::format::{SIMPLE_SIGNING, simple_signing_layers};
use floe::evidence::{Body, Document};
use floe::oci::{Content, Digest, Manifest, Reference};
use floe::policy::{PolicyDocument, compile};
use floe::trust::{
    AuthorityMaterial, Blob, Demands, Established, Materials, Signers, TrustRoot, establish,
    establish_blob,
};

/// A target: its name, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("reference", reference),
    ("manifest", manifest),
    ("dsse", dsse),
    ("bundle", bundle),
    ("simple_signing", simple_signing),
    ("certificate_identity", certificate_identity),
    ("policy", policy),
    ("admission_review", admission_review),
];

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Keyless, with everything demanded, under the embedded root: nothing that a
/// fuzzer writes is ever accepted.
static MATERIAL: LazyLock<AuthorityMaterial> = LazyLock::new(|| {
    let root = TrustRoot::public_good().expect("the embedded root can be read");
    AuthorityMaterial::new(Signers::Keyless, vec![root.into()], Demands::KEYLESS)
});

/// A reference that is accepted means after printing what it meant before.
pub fn reference(data: &[u8]) -> bool {
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

/// A manifest that is read has no digest that is not one.
pub fn manifest(data: &[u8]) -> bool {
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
    true
}

/// An envelope that can be read, and was signed by nobody, proves nothing.
pub fn dsse(data: &[u8]) -> bool {
    let Ok(envelope) = std::str::from_utf8(data) else {
        return false;
    };
    let text = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":""}}}},"dsseEnvelope":{envelope}}}"#
    );
    bundle(text.as_bytes())
}

/// A bundle that can be read, and was signed by nobody, proves nothing, neither
/// about an image nor about a file.
pub fn bundle(data: &[u8]) -> bool {
    let document = Document::bundle(Digest::sha256(b"manifest"), &content("", data));
    refused(&establish(&document, &Digest::sha256(b"image"), &MATERIAL));
    refused(&establish_blob(&document, &Blob::Bytes(b"file"), &MATERIAL));
    matches!(document.body, Body::Bundle(_))
}

/// The same of a legacy signature: annotations and payload.
pub fn simple_signing(data: &[u8]) -> bool {
    // The first line is the value of an annotation, the rest the payload.
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (signature, other) = (text(), text());
    let payload = content(SIMPLE_SIGNING, parts.next().unwrap_or_default());
    let annotations = serde_json::json!({
        "dev.cosignproject.cosign/signature": signature,
        "dev.sigstore.cosign/certificate": other,
        "dev.sigstore.cosign/chain": other,
        "dev.sigstore.cosign/bundle": other,
        "dev.sigstore.cosign/rfc3161timestamp": other,
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/json", "digest": payload.digest().to_string(), "size": 2},
        "layers": [{
            "mediaType": SIMPLE_SIGNING,
            "digest": payload.digest().to_string(),
            "size": payload.bytes().len(),
            "annotations": annotations,
        }],
    });
    let digest = Digest::sha256(b"manifest");
    let Ok(Manifest::Image(image)) =
        Manifest::parse(&content(MANIFEST, manifest.to_string().as_bytes()))
    else {
        return false;
    };
    let layers = simple_signing_layers(digest, &image);
    let mut read = false;
    for layer in &layers.fetch {
        let document = Document::simple_signing(digest, payload.clone(), layer);
        refused(&establish(&document, &Digest::sha256(b"image"), &MATERIAL));
        read |= matches!(document.body, Body::SimpleSigning(_));
    }
    read
}

/// A certificate in DER never becomes an identity that nobody vouches for.
pub fn certificate_identity(data: &[u8]) -> bool {
    let text = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": STANDARD.encode(data)}},
        "messageSignature": {"signature": STANDARD.encode(b"nobody's")},
    });
    let text = text.to_string();
    let document = Document::bundle(Digest::sha256(b"manifest"), &content("", text.as_bytes()));
    let established = establish_blob(&document, &Blob::Bytes(b"file"), &MATERIAL);
    refused(&established);
    // A certificate that can be read fails by its signature, one that cannot by
    // itself.
    established.is_err_and(|rejection| rejection.kind.code() == "signature-not-by-authority")
}

/// A policy that compiles can be bound, and denies where its material is
/// missing; whatever does not compile says where.
pub fn policy(data: &[u8]) -> bool {
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
pub fn admission_review(data: &[u8]) -> bool {
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

fn refused(established: &Established) {
    assert!(established.is_err(), "{established:?}");
}
