//! The canonical bodies of log entries, byte by byte as Rekor writes them.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authority::{pae, pem};
use super::rekor::hex;
use super::root::key_details;
use super::signed::Envelope;
use super::{Hashing, Key, KeyKind};

/// A body, with the kind and version that it is announced as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) kind: &'static str,
    pub(crate) version: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Who verifies: a certificate in DER, or a key.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Certificate(&'a [u8], KeyKind),
    Key(&'a Key),
}

impl By<'_> {
    fn pem(self) -> String {
        match self {
            Self::Certificate(der, _) => pem("CERTIFICATE", der),
            Self::Key(key) => key.pem(),
        }
    }

    fn verifier(self) -> Value {
        match self {
            Self::Certificate(der, kind) => json!({
                "keyDetails": key_details(kind),
                "x509Certificate": {"rawBytes": STANDARD.encode(der)},
            }),
            Self::Key(key) => json!({
                "keyDetails": key_details(key.kind),
                "publicKey": {"rawBytes": STANDARD.encode(key.spki())},
            }),
        }
    }
}

/// `hashedrekord` 0.0.1 over `message`.
pub(crate) fn hashedrekord_v001(
    message: &[u8],
    hash: Hashing,
    signature: &[u8],
    by: By<'_>,
) -> Body {
    body(
        "hashedrekord",
        "0.0.1",
        &json!({
            "data": {"hash": {"algorithm": hash.name(), "value": hex(&hash.of(message))}},
            "signature": {
                "content": STANDARD.encode(signature),
                "publicKey": {"content": STANDARD.encode(by.pem())},
            },
        }),
    )
}

/// `hashedrekord` 0.0.2 over `message`, which for an envelope is its PAE.
pub(crate) fn hashedrekord_v002(
    message: &[u8],
    hash: Hashing,
    signature: &[u8],
    by: By<'_>,
) -> Body {
    body(
        "hashedrekord",
        "0.0.2",
        &json!({"hashedRekordV002": {
            "data": {"algorithm": hash.protobuf(), "digest": STANDARD.encode(hash.of(message))},
            "signature": {"content": STANDARD.encode(signature), "verifier": by.verifier()},
        }}),
    )
}

/// `dsse` 0.0.1.
pub(crate) fn dsse_v001(envelope: &Envelope, by: By<'_>) -> Body {
    let mut signatures: Vec<_> = envelope
        .signatures
        .iter()
        .map(|s| STANDARD.encode(s))
        .collect();
    signatures.sort();
    let signatures: Vec<_> = signatures
        .iter()
        .map(|s| json!({"signature": s, "verifier": STANDARD.encode(by.pem())}))
        .collect();
    body(
        "dsse",
        "0.0.1",
        &json!({
            "envelopeHash": hashed(envelope.text().as_bytes()),
            "payloadHash": hashed(&envelope.payload),
            "signatures": signatures,
        }),
    )
}

/// `dsse` 0.0.2, which verifiers of this project refuse.
pub(crate) fn dsse_v002(envelope: &Envelope, by: By<'_>) -> Body {
    let signatures: Vec<_> = envelope
        .signatures
        .iter()
        .map(|s| json!({"content": STANDARD.encode(s), "verifier": by.verifier()}))
        .collect();
    body(
        "dsse",
        "0.0.2",
        &json!({"dsseV002": {
            "payloadHash": {
                "algorithm": "SHA2_256",
                "digest": STANDARD.encode(Hashing::Sha256.of(&envelope.payload)),
            },
            "signatures": signatures,
        }}),
    )
}

/// `intoto` 0.0.1.
pub(crate) fn intoto_v001(envelope: &Envelope, by: By<'_>) -> Body {
    body(
        "intoto",
        "0.0.1",
        &json!({
            "content": {
                "hash": hashed(envelope.text().as_bytes()),
                "payloadHash": hashed(&envelope.payload),
            },
            "publicKey": STANDARD.encode(by.pem()),
        }),
    )
}

/// `intoto` 0.0.2, without the payload, which Rekor keeps elsewhere. The
/// signature is encoded twice.
pub(crate) fn intoto_v002(envelope: &Envelope, by: By<'_>) -> Body {
    let signatures: Vec<_> = envelope
        .signatures
        .iter()
        .map(|s| {
            json!({
                "publicKey": STANDARD.encode(by.pem()),
                "sig": STANDARD.encode(STANDARD.encode(s)),
            })
        })
        .collect();
    body(
        "intoto",
        "0.0.2",
        &json!({"content": {
            "envelope": {"payloadType": envelope.payload_type, "signatures": signatures},
            "hash": hashed(envelope.text().as_bytes()),
            "payloadHash": hashed(&envelope.payload),
        }}),
    )
}

/// The bytes that an envelope's signature is over.
pub(crate) fn envelope_message(envelope: &Envelope) -> Vec<u8> {
    pae(&envelope.payload_type, &envelope.payload)
}

fn hashed(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex(&Hashing::Sha256.of(bytes))})
}

fn body(kind: &'static str, version: &'static str, spec: &Value) -> Body {
    let text = canonical(&json!({"apiVersion": version, "kind": kind, "spec": spec}));
    Body {
        kind,
        version,
        bytes: text.into_bytes(),
    }
}

/// JSON in canonical form (RFC 8785), for values without fractions and with
/// keys in ASCII.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_str());
            let members: Vec<_> = members
                .into_iter()
                .map(|(key, value)| format!("{}:{}", json!(key), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

impl Hashing {
    /// The algorithm that a key of this kind is signed with.
    pub(crate) fn for_key(kind: KeyKind) -> Self {
        match kind {
            KeyKind::P384 => Self::Sha384,
            KeyKind::P521 => Self::Sha512,
            KeyKind::P256 | KeyKind::Ed25519 | KeyKind::Rsa => Self::Sha256,
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(crate) fn protobuf(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }

    pub(crate) fn oid(self) -> &'static str {
        match self {
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }
}
