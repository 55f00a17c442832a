//! A finished signature or attestation, and the forms that it is written in.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authority::{Attachment, DSSE_LAYER, SIGNATURE, SIMPLE_SIGNING, pem, raw_bundle_of};
use super::rekor::LogEntry;
use super::{Hashing, Key, Layout, Leaf, Version};

pub(crate) const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
pub(crate) const CHAIN: &str = "dev.sigstore.cosign/chain";
pub(crate) const LOG_BUNDLE: &str = "dev.sigstore.cosign/bundle";
pub(crate) const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) payload_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// The envelope as cosign 2 writes it: what logs hash, and the layer of an
    /// `.att` manifest.
    pub(crate) fn text(&self) -> String {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|s| format!(r#"{{"keyid":"","sig":"{}"}}"#, STANDARD.encode(s)))
            .collect();
        format!(
            r#"{{"payloadType":{},"payload":"{}","signatures":[{}]}}"#,
            json!(self.payload_type),
            STANDARD.encode(&self.payload),
            signatures.join(",")
        )
    }

    fn json(&self) -> Value {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|s| json!({"sig": STANDARD.encode(s)}))
            .collect();
        json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        })
    }
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Dsse(Envelope),
    /// Bytes, with the hash that a bundle names for them.
    Bytes {
        signed: Vec<u8>,
        hash: Hashing,
        signature: Vec<u8>,
    },
}

impl Content {
    /// The first signature.
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Self::Dsse(envelope) => envelope.signatures.first().map_or(&[], Vec::as_slice),
            Self::Bytes { signature, .. } => signature,
        }
    }
}

/// A finished signature or attestation.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) layout: Layout,
    /// The key that signed.
    pub(crate) key: Arc<Key>,
    /// The certificate of the key; without one it is a managed key.
    pub(crate) leaf: Option<Arc<Leaf>>,
    /// Certificates that are written, the leaf first, in DER.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Whether a bundle has a chain in place of one certificate.
    pub(crate) chained: bool,
    /// `publicKey.hint`, for managed keys.
    pub(crate) hint: String,
    pub(crate) content: Content,
    pub(crate) entries: Vec<LogEntry>,
    /// Timestamp tokens.
    pub(crate) tokens: Vec<Vec<u8>>,
}

impl Signed {
    /// The bundle, whatever the layout says.
    pub(crate) fn bundle(&self) -> Value {
        let version = match self.layout {
            Layout::Bundle(version) | Layout::Message(version) => version,
            Layout::Sig | Layout::Att => Version::V03,
        };
        let mut material = json!({});
        let raw: Vec<_> = self
            .certificates
            .iter()
            .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
            .collect();
        if raw.is_empty() {
            material["publicKey"] = json!({"hint": self.hint});
        } else if self.chained {
            material["x509CertificateChain"] = json!({"certificates": raw});
        } else {
            material["certificate"] = raw[0].clone();
        }
        if !self.entries.is_empty() {
            material["tlogEntries"] = self.entries.iter().map(LogEntry::json).collect();
        }
        if !self.tokens.is_empty() {
            let tokens: Vec<_> = self
                .tokens
                .iter()
                .map(|t| json!({"signedTimestamp": STANDARD.encode(t)}))
                .collect();
            material["timestampVerificationData"] = json!({"rfc3161Timestamps": tokens});
        }
        let mut bundle = json!({
            "mediaType": version.media_type(),
            "verificationMaterial": material,
        });
        match &self.content {
            Content::Dsse(envelope) => bundle["dsseEnvelope"] = envelope.json(),
            Content::Bytes {
                signed,
                hash,
                signature,
            } => {
                bundle["messageSignature"] = json!({
                    "messageDigest": {
                        "algorithm": hash.protobuf(),
                        "digest": STANDARD.encode(hash.of(signed)),
                    },
                    "signature": STANDARD.encode(signature),
                });
            }
        }
        bundle
    }

    /// The annotations of a layer in the legacy layouts.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        let signature = match &self.content {
            Content::Dsse(_) => String::new(),
            Content::Bytes { signature, .. } => STANDARD.encode(signature),
        };
        annotations.insert(SIGNATURE.to_owned(), signature);
        if let Content::Dsse(envelope) = &self.content {
            let statement: Value = serde_json::from_slice(&envelope.payload).unwrap_or_default();
            if let Some(kind) = statement["predicateType"].as_str() {
                annotations.insert("predicateType".to_owned(), kind.to_owned());
            }
        }
        if let Some((leaf, chain)) = self.certificates.split_first() {
            annotations.insert(CERTIFICATE.to_owned(), pem("CERTIFICATE", leaf));
            let chain: String = chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
            annotations.insert(CHAIN.to_owned(), chain);
        }
        if let Some(entry) = self.entries.first() {
            annotations.insert(LOG_BUNDLE.to_owned(), entry.legacy_json().to_string());
        }
        if let Some(token) = self.tokens.first() {
            let token = json!({"SignedRFC3161Timestamp": STANDARD.encode(token)});
            annotations.insert(TIMESTAMP.to_owned(), token.to_string());
        }
        annotations
    }

    /// What is attached to an image.
    pub(crate) fn attachment(&self) -> Attachment {
        match (self.layout, &self.content) {
            (Layout::Bundle(version) | Layout::Message(version), _) => {
                raw_bundle_of(version.media_type(), self.bundle().to_string())
            }
            (_, Content::Dsse(envelope)) => Attachment::Attestation {
                envelope: envelope.text().into_bytes(),
                media_type: DSSE_LAYER.into(),
                annotations: self.annotations(),
            },
            (_, Content::Bytes { signed, .. }) => Attachment::Legacy {
                payload: signed.clone(),
                media_type: SIMPLE_SIGNING.into(),
                annotations: self.annotations(),
            },
        }
    }
}

impl Version {
    pub(crate) const ALL: [Self; 3] = [Self::V01, Self::V02, Self::V03];

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::V01 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V02 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V03 => "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
    }
}
