//! `trusted_root.json`, of any parts and windows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ct::CtLog;
use super::rekor::Rekor;
use super::tsa::Tsa;
use super::{Ca, Key, KeyKind};

/// When a part of the root counts. Both ends are inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

impl Window {
    pub(crate) fn from(start: Timestamp) -> Self {
        Self {
            start: Some(start),
            end: None,
        }
    }

    pub(crate) fn between(start: Timestamp, end: Timestamp) -> Self {
        Self {
            start: Some(start),
            end: Some(end),
        }
    }

    fn json(self) -> Value {
        let mut window = json!({});
        if let Some(start) = self.start {
            window["start"] = json!(start.to_string());
        }
        if let Some(end) = self.end {
            window["end"] = json!(end.to_string());
        }
        window
    }
}

/// The parts of a trusted root, each an entry as it will be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedRoot {
    pub(crate) tlogs: Vec<Value>,
    pub(crate) certificate_authorities: Vec<Value>,
    pub(crate) ctlogs: Vec<Value>,
    pub(crate) timestamp_authorities: Vec<Value>,
}

impl TrustedRoot {
    pub(crate) fn json(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": self.tlogs,
            "certificateAuthorities": self.certificate_authorities,
            "ctlogs": self.ctlogs,
            "timestampAuthorities": self.timestamp_authorities,
        })
    }

    pub(crate) fn text(&self) -> String {
        self.json().to_string()
    }

    /// The parts of both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tlogs.extend(other.tlogs);
        self.certificate_authorities
            .extend(other.certificate_authorities);
        self.ctlogs.extend(other.ctlogs);
        self.timestamp_authorities
            .extend(other.timestamp_authorities);
        self
    }
}

/// An entry of `tlogs`.
pub(crate) fn log(log: &Rekor) -> Value {
    instance(&log.url(), &log.key, &log.id(), log.valid)
}

/// An entry of `ctlogs`.
pub(crate) fn ct_log(log: &CtLog) -> Value {
    instance(&log.url, &log.key, &log.id(), log.valid)
}

/// An entry of `certificateAuthorities`.
pub(crate) fn certificate_authority(ca: &Ca) -> Value {
    json!({
        "subject": {"organization": "sigstore.test", "commonName": "sigstore"},
        "uri": "https://fulcio.example.test",
        "certChain": {"certificates": certificates(&ca.chain())},
        "validFor": ca.valid.json(),
    })
}

/// An entry of `timestampAuthorities`.
pub(crate) fn timestamp_authority(tsa: &Tsa) -> Value {
    json!({
        "subject": {"organization": "sigstore.test", "commonName": "sigstore-tsa"},
        "uri": "https://timestamp.example.test/api/v1/timestamp",
        "certChain": {"certificates": certificates(&tsa.chain())},
        "validFor": tsa.valid.json(),
    })
}

/// How protobuf names the algorithm of a key.
pub(crate) fn key_details(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::P256 => "PKIX_ECDSA_P256_SHA_256",
        KeyKind::P384 => "PKIX_ECDSA_P384_SHA_384",
        KeyKind::P521 => "PKIX_ECDSA_P521_SHA_512",
        KeyKind::Ed25519 => "PKIX_ED25519",
        KeyKind::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
    }
}

fn instance(url: &str, key: &Key, id: &[u8], valid: Window) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(key.spki()),
            "keyDetails": key_details(key.kind),
            "validFor": valid.json(),
        },
        "logId": {"keyId": STANDARD.encode(id)},
    })
}

fn certificates(chain: &[Vec<u8>]) -> Vec<Value> {
    chain
        .iter()
        .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
        .collect()
}
