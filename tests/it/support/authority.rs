//! A virtual authority: keys of every kind, signatures in both layouts exactly
//! as cosign writes them, and a repository that holds the result in memory and
//! writes it as an OCI image layout.
//!
//! Built on nothing of floe but its digests, so that what floe reads is never
//! what floe wrote.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use floe::oci::Digest;
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub(crate) const DSSE_LAYER: &str = "application/vnd.dsse.envelope.v1+json";
pub(crate) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
pub(crate) const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// Kinds of key that the authority makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::P256, Self::P384, Self::P521, Self::Ed25519, Self::Rsa];
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A key pair.
pub(crate) struct Key {
    pub(crate) kind: KeyKind,
    pair: Pair,
    spki: Vec<u8>,
}

impl Key {
    pub(crate) fn generate(kind: KeyKind) -> Self {
        let pair = match kind {
            KeyKind::P256 => ecdsa(&lc::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::P384 => ecdsa(&lc::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::P521 => ecdsa(&lc::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyKind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            KeyKind::Rsa => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")),
        };
        let spki = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
            Pair::Rsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
        }
        .expect("a public key");
        Self { kind, pair, spki }
    }

    /// The SubjectPublicKeyInfo in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key as cosign and openssl write it.
    pub(crate) fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// `publicKey.hint` of a bundle by this key.
    pub(crate) fn hint(&self) -> String {
        STANDARD.encode(Digest::sha256(&self.spki).as_bytes())
    }

    /// Signs as cosign does with a key of this kind.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .expect("a signature")
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(_) => self.sign_rsa(&lc::RSA_PKCS1_SHA256, message),
        }
    }

    /// Signs with an RSA key under another padding or hash.
    pub(crate) fn sign_rsa(
        &self,
        encoding: &'static lc::RsaSignatureEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else {
            panic!("not an RSA key");
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
            .expect("a signature");
        signature
    }
}

fn ecdsa(algorithm: &'static lc::EcdsaSigningAlgorithm) -> Pair {
    Pair::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("a key"))
}

/// A PEM block with lines of 64 characters.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// What a signature or attestation is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// One signature or attestation, before it is attached.
#[derive(Debug, Clone)]
pub(crate) enum Attachment {
    /// A layer of a `.sig` manifest.
    Legacy {
        payload: Vec<u8>,
        media_type: String,
        annotations: BTreeMap<String, String>,
    },
    /// A layer of an `.att` manifest.
    Attestation {
        envelope: Vec<u8>,
        media_type: String,
        annotations: BTreeMap<String, String>,
    },
    /// A layer of a referrer.
    Bundle {
        bytes: Vec<u8>,
        artifact_type: String,
        media_type: String,
    },
}

/// A simple-signing payload as cosign 2 writes it.
pub(crate) fn simple_signing_payload(digest: &str, repository: &str) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"{repository}"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
    )
}

/// A signature in the legacy layout over any payload.
pub(crate) fn legacy(payload: impl Into<Vec<u8>>, signature: &[u8]) -> Attachment {
    Attachment::Legacy {
        payload: payload.into(),
        media_type: SIMPLE_SIGNING.into(),
        annotations: [(SIGNATURE.to_owned(), STANDARD.encode(signature))].into(),
    }
}

/// An in-toto statement, version 1, about digests given as `algorithm:hex`.
pub(crate) fn statement(predicate_type: &str, digests: &[&str], predicate: Value) -> Value {
    let subjects: Vec<Value> = digests
        .iter()
        .map(|digest| {
            let (algorithm, hex) = digest.split_once(':').expect("algorithm:hex");
            json!({"digest": {algorithm: hex}, "annotations": {}})
        })
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}

/// The bytes that DSSE signs: PAE, version 1.
pub(crate) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A bundle as cosign 3 writes it for a managed key, with any signatures.
pub(crate) fn bundle_json(
    hint: &str,
    payload_type: &str,
    payload: &[u8],
    signatures: &[&[u8]],
) -> Value {
    let signatures: Vec<Value> = signatures
        .iter()
        .map(|signature| json!({"sig": STANDARD.encode(signature)}))
        .collect();
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": signatures,
        },
    })
}

/// A bundle in which `key` signs `payload`.
pub(crate) fn signed_bundle(key: &Key, payload_type: &str, payload: &[u8]) -> Value {
    let signature = key.sign(&pae(payload_type, payload));
    bundle_json(&key.hint(), payload_type, payload, &[&signature])
}

/// A bundle to be attached.
pub(crate) fn bundle(value: &Value) -> Attachment {
    raw_bundle(value.to_string())
}

/// Any bytes to be attached as a bundle.
pub(crate) fn raw_bundle(bytes: impl Into<Vec<u8>>) -> Attachment {
    raw_bundle_of(BUNDLE, bytes)
}

/// Any bytes to be attached as a bundle of this media type.
pub(crate) fn raw_bundle_of(media_type: &str, bytes: impl Into<Vec<u8>>) -> Attachment {
    Attachment::Bundle {
        bytes: bytes.into(),
        artifact_type: media_type.into(),
        media_type: media_type.into(),
    }
}

/// The bundle of `cosign sign` by `key`.
pub(crate) fn cosign_bundle(key: &Key, image: &Image) -> Attachment {
    attestation(key, image, COSIGN_SIGN, json!({}))
}

/// The bundle of `cosign attest` by `key`.
pub(crate) fn attestation(
    key: &Key,
    image: &Image,
    predicate_type: &str,
    predicate: Value,
) -> Attachment {
    let statement = statement(predicate_type, &[&image.digest.to_string()], predicate);
    bundle(&signed_bundle(
        key,
        IN_TOTO,
        statement.to_string().as_bytes(),
    ))
}

/// The legacy signature of `cosign sign` by `key`.
pub(crate) fn cosign_legacy(key: &Key, image: &Image) -> Attachment {
    let payload = simple_signing_payload(&image.digest.to_string(), "registry.example.com/app");
    let signature = key.sign(payload.as_bytes());
    legacy(payload, &signature)
}

/// One repository in memory: what a registry or an image layout would hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct RepositoryContents {
    pub(crate) blobs: BTreeMap<Digest, Bytes>,
    /// Manifests by digest, with their media types.
    pub(crate) manifests: BTreeMap<Digest, (String, Bytes)>,
    pub(crate) tags: BTreeMap<String, Digest>,
    /// What the referrers endpoint answers for each subject: descriptors.
    pub(crate) referrers: BTreeMap<Digest, Vec<Value>>,
    /// Layers of the manifests under `sha256-HEX.sig` and `.att`.
    layers: BTreeMap<(Digest, &'static str), Vec<Value>>,
}

impl RepositoryContents {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a small image whose content depends on `tag`, tagged so.
    pub(crate) fn image(&mut self, tag: &str) -> Image {
        let config = self.blob(format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{"Labels":{{"name":"{tag}"}}}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        ));
        let layer = self.blob(format!("layer of {tag}"));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        let image = self.manifest(MANIFEST, manifest.to_string());
        self.tags.insert(tag.to_owned(), image.digest);
        image
    }

    /// `cosign sign` of version 3: a bundle as a referrer.
    pub(crate) fn sign_bundle(&mut self, image: &Image, key: &Key) -> Digest {
        self.attach(image, &cosign_bundle(key, image))
    }

    /// `cosign sign` of version 2: a layer of the `.sig` manifest.
    pub(crate) fn sign_legacy(&mut self, image: &Image, key: &Key) -> Digest {
        self.attach(image, &cosign_legacy(key, image))
    }

    /// `cosign attest` with an SPDX predicate: not a signature.
    pub(crate) fn attest_sbom(&mut self, image: &Image, key: &Key) -> Digest {
        let predicate = json!({"spdxVersion": "SPDX-2.3", "name": "sbom"});
        self.attach(
            image,
            &attestation(key, image, "https://spdx.dev/Document", predicate),
        )
    }

    /// Attaches anything; gives the digest of the manifest that carries it.
    pub(crate) fn attach(&mut self, image: &Image, attachment: &Attachment) -> Digest {
        match attachment {
            Attachment::Legacy {
                payload,
                media_type,
                annotations,
            } => self.attach_layer(image, "sig", payload, media_type, annotations),
            Attachment::Attestation {
                envelope,
                media_type,
                annotations,
            } => self.attach_layer(image, "att", envelope, media_type, annotations),
            Attachment::Bundle {
                bytes,
                artifact_type,
                media_type,
            } => {
                let config = self.blob("{}");
                let layer = self.blob(bytes.clone());
                let manifest = json!({
                    "schemaVersion": 2,
                    "mediaType": MANIFEST,
                    "config": descriptor(EMPTY, &config),
                    "layers": [descriptor(media_type, &layer)],
                    "annotations": {
                        "dev.sigstore.bundle.content": "dsse-envelope",
                        "dev.sigstore.bundle.predicateType": predicate_type(bytes),
                        "org.opencontainers.image.created": "2026-11-21T00:00:00Z",
                    },
                    "subject": {
                        "mediaType": MANIFEST,
                        "digest": image.digest.to_string(),
                        "size": image.size,
                    },
                    "artifactType": artifact_type,
                });
                let stored = self.manifest(MANIFEST, manifest.to_string());
                let mut entry = descriptor(MANIFEST, &stored);
                entry["artifactType"] = json!(artifact_type);
                self.referrers.entry(image.digest).or_default().push(entry);
                stored.digest
            }
        }
    }

    /// Adds a layer to the manifest under the tag `sha256-HEX.SUFFIX`.
    fn attach_layer(
        &mut self,
        image: &Image,
        suffix: &'static str,
        bytes: &[u8],
        media_type: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Digest {
        let blob = self.blob(bytes);
        let mut layer = descriptor(media_type, &blob);
        layer["annotations"] = json!(annotations);
        let layers = self.layers.entry((image.digest, suffix)).or_default();
        layers.push(layer);
        let layers = layers.clone();
        let config = self.blob(
            r#"{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#,
        );
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": layers,
        });
        let tag = format!("sha256-{}.{suffix}", image.digest.hex());
        if let Some(earlier) = self.tags.remove(&tag) {
            self.manifests.remove(&earlier);
        }
        let stored = self.manifest(MANIFEST, manifest.to_string());
        self.tags.insert(tag, stored.digest);
        stored.digest
    }

    /// The tag `sha256-HEX` of registries without the referrers endpoint.
    pub(crate) fn tag_referrers(&mut self, image: &Image) {
        let index = self.referrers_index(&image.digest);
        let stored = self.manifest(INDEX, index);
        self.tags
            .insert(format!("sha256-{}", image.digest.hex()), stored.digest);
    }

    /// The answer of the referrers endpoint.
    pub(crate) fn referrers_index(&self, subject: &Digest) -> String {
        let manifests = self.referrers.get(subject).cloned().unwrap_or_default();
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string()
    }

    /// Stores a blob.
    pub(crate) fn blob(&mut self, bytes: impl Into<Vec<u8>>) -> Image {
        let bytes = Bytes::from(bytes.into());
        let digest = Digest::sha256(&bytes);
        let size = bytes.len() as u64;
        self.blobs.insert(digest, bytes);
        Image { digest, size }
    }

    /// Stores a manifest under its digest.
    pub(crate) fn manifest(&mut self, media_type: &str, text: impl Into<Vec<u8>>) -> Image {
        let bytes = Bytes::from(text.into());
        let digest = Digest::sha256(&bytes);
        let size = bytes.len() as u64;
        self.manifests.insert(digest, (media_type.into(), bytes));
        Image { digest, size }
    }

    /// Writes everything as an OCI image layout. Every manifest is in
    /// `index.json`; tags are ref names.
    pub(crate) fn write_layout(&self, folder: &Path) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder");
        let manifests = self.manifests.iter().map(|(digest, (_, b))| (digest, b));
        for (digest, bytes) in self.blobs.iter().chain(manifests) {
            std::fs::write(blobs.join(digest.hex()), bytes).expect("a blob");
        }
        let mut entries = Vec::new();
        for (digest, (media_type, bytes)) in &self.manifests {
            let stored = Image {
                digest: *digest,
                size: bytes.len() as u64,
            };
            let names: Vec<_> = self.tags.iter().filter(|(_, d)| *d == digest).collect();
            for (name, _) in &names {
                let mut entry = descriptor(media_type, &stored);
                entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
                entries.push(entry);
            }
            if names.is_empty() {
                entries.push(descriptor(media_type, &stored));
            }
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        std::fs::write(folder.join("index.json"), index.to_string()).expect("an index");
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .expect("a layout file");
    }
}

/// The predicate type inside of a bundle, which cosign writes beside it.
fn predicate_type(bundle: &[u8]) -> String {
    let bundle: Value = serde_json::from_slice(bundle).unwrap_or_default();
    let payload = bundle["dsseEnvelope"]["payload"]
        .as_str()
        .unwrap_or_default();
    let payload = STANDARD.decode(payload).unwrap_or_default();
    let statement: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let kind = statement["predicateType"].as_str();
    kind.unwrap_or(COSIGN_SIGN).to_owned()
}

fn descriptor(media_type: &str, content: &Image) -> Value {
    json!({
        "mediaType": media_type,
        "digest": content.digest.to_string(),
        "size": content.size,
    })
}
