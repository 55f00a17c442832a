//! Logs made for the tests: real keys, real trees, entries of every kind.

mod binding;
mod inclusion;

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::evidence::dsse::{Envelope, IN_TOTO};
use crate::evidence::{DsseContent, InclusionProof, SignerMaterial, VerificationMaterial};
use crate::oci::Digest;
use crate::trust::signed::Payload;
use crate::trust::{PublicKey, Window};

/// When the keys of the logs begin and end to be trusted, and when entries are
/// taken in.
const START: i64 = 1_700_000_000;
const END: i64 = 1_800_000_000;
const TAKEN: i64 = 1_750_000_000;

enum Key {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Self::Ecdsa(pair.expect("a key"))
    }

    fn p384() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING);
        Self::Ecdsa(pair.expect("a key"))
    }

    fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("a key"))
    }

    fn spki(&self) -> Vec<u8> {
        let der = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
        };
        der.expect("DER").as_ref().to_vec()
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_spki(&self.spki()).expect("a public key")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = match self {
            Self::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .expect("a signature"),
            Self::Ed25519(pair) => pair.sign(message),
        };
        signature.as_ref().to_vec()
    }

    fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).expect("PEM")
}

/// A log with the key that signs for it.
struct Operator {
    key: Key,
    log: Log,
    generation: Generation,
}

impl Operator {
    fn new(key: Key, id: u8, origin: &str, generation: Generation) -> Self {
        let log = Log {
            id: [id; 32],
            key: key.public(),
            origin: origin.into(),
            window: Window {
                start: Timestamp::from_second(START).ok(),
                end: Timestamp::from_second(END).ok(),
            },
        };
        Self {
            key,
            log,
            generation,
        }
    }

    fn checkpoint(&self, size: u64, root: &[u8]) -> String {
        let name = match self.generation {
            Generation::V1 => format!("{} - 42", self.log.origin),
            Generation::V2 => self.log.origin.to_string(),
        };
        let note = format!("{name}\n{size}\n{}\n", STANDARD.encode(root));
        format!("{note}\n{}", self.line(&note))
    }

    fn line(&self, note: &str) -> String {
        let signature = [&self.log.id[..4], &self.key.sign(note.as_bytes())].concat();
        format!(
            "\u{2014} {} {}\n",
            self.log.origin,
            STANDARD.encode(signature)
        )
    }

    fn promise(&self, entry: &mut LogEntry) {
        // Rekor's own order of keys, which is that of RFC 8785.
        let signed = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(&entry.body),
            entry.integrated_time.unwrap_or(0),
            format!("{:02x}", entry.log_id[0]).repeat(entry.log_id.len()),
            entry.index,
        );
        entry.promise = Some(self.key.sign(signed.as_bytes()));
    }

    /// Takes a body in as the second of three leaves.
    fn enter(&self, body: &Value) -> LogEntry {
        let bytes = body.to_string().into_bytes();
        let leaves = [&b"first"[..], &bytes, b"third"].map(sigstore_merkle::hash_leaf);
        let left = sigstore_merkle::hash_children(&leaves[0], &leaves[1]);
        let root = sigstore_merkle::hash_children(&left, &leaves[2]);
        let mut entry = LogEntry {
            index: match self.generation {
                Generation::V1 => 1001,
                Generation::V2 => 1,
            },
            log_id: self.log.id.to_vec(),
            kind: body["kind"].as_str().expect("a kind").into(),
            version: body["apiVersion"].as_str().expect("a version").into(),
            integrated_time: None,
            promise: None,
            proof: Some(InclusionProof {
                index: 1,
                root_hash: root.as_bytes().to_vec(),
                tree_size: 3,
                hashes: [leaves[0], leaves[2]].map(|hash| *hash.as_bytes()).into(),
                checkpoint: Some(self.checkpoint(3, root.as_bytes())),
            }),
            body: bytes,
        };
        if self.generation == Generation::V1 {
            entry.integrated_time = Some(TAKEN);
            self.promise(&mut entry);
        }
        entry
    }
}

/// Two logs under one root, and a signer.
struct World {
    v1: Operator,
    v2: Operator,
    signer: Key,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let signer = Key::p256();
        let payload = b"what is signed".to_vec();
        Self {
            v1: Operator::new(Key::p256(), 1, "rekor.example.test", Generation::V1),
            v2: Operator::new(Key::ed25519(), 2, "log.example.test", Generation::V2),
            signature: signer.sign(&payload),
            signer,
            payload,
        }
    }

    fn root(&self) -> TrustRoot {
        TrustRoot {
            name: Arc::from("test"),
            authorities: Vec::new(),
            ct_logs: Vec::new(),
            logs: vec![self.v1.log.clone(), self.v2.log.clone()],
            timestamp_authorities: Vec::new(),
            digest: Digest::sha256(b"test"),
        }
    }

    /// The entry of the signature in Rekor v1.
    fn first(&self) -> LogEntry {
        self.v1.enter(&hashedrekord_1(
            &self.payload,
            &self.signature,
            &self.signer.pem(),
        ))
    }

    /// The entry of the signature in Rekor v2.
    fn second(&self) -> LogEntry {
        self.v2.enter(&hashedrekord_2(
            &self.payload,
            &self.signature,
            &self.signer,
        ))
    }

    fn judge(&self, entry: LogEntry, bundle: Option<BundleVersion>) -> Judged {
        self.judge_payload(
            entry,
            Payload::Bytes(&self.payload),
            &self.signature,
            bundle,
        )
    }

    /// As [`Self::judge`], for several entries.
    fn judge_all(&self, entries: Vec<LogEntry>) -> Result<usize, &'static str> {
        let signed = Signed {
            signature: &self.signature,
            stamped: &self.signature,
            payload: Payload::Bytes(&self.payload),
            material: &material(entries.into_iter().map(Ok).collect()),
            bundle: Some(BundleVersion::V0_3),
        };
        let key = self.signer.public();
        verify(&signed, &SignerKey::Managed(&key), &self.root())
            .map(|proofs| proofs.len())
            .map_err(|rejection| rejection.kind.code())
    }

    fn judge_payload(
        &self,
        entry: LogEntry,
        payload: Payload<'_>,
        signature: &[u8],
        bundle: Option<BundleVersion>,
    ) -> Judged {
        let signed = Signed {
            signature,
            stamped: signature,
            payload,
            material: &material(vec![Ok(entry)]),
            bundle,
        };
        let key = self.signer.public();
        let proofs = verify(&signed, &SignerKey::Managed(&key), &self.root());
        proofs
            .map(|mut proofs| proofs.remove(0))
            .map_err(|rejection| rejection.kind.code())
    }
}

type Judged = Result<LogProof, &'static str>;

fn material(log_entries: Vec<Result<LogEntry, String>>) -> VerificationMaterial {
    VerificationMaterial {
        signer: SignerMaterial::PublicKey { hint: None },
        log_entries,
        timestamps: Vec::new(),
    }
}

fn body(kind: &str, version: &str, spec: Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "spec": spec})
}

fn sha256(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": Digest::sha256(bytes).hex()})
}

fn hashedrekord_1(payload: &[u8], signature: &[u8], pem: &str) -> Value {
    body(
        "hashedrekord",
        "0.0.1",
        json!({
            "data": {"hash": sha256(payload)},
            "signature": {
                "content": STANDARD.encode(signature),
                "publicKey": {"content": STANDARD.encode(pem)},
            },
        }),
    )
}

fn hashedrekord_2(message: &[u8], signature: &[u8], key: &Key) -> Value {
    let digest = Digest::sha256(message);
    body(
        "hashedrekord",
        "0.0.2",
        json!({"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest.as_bytes())},
            "signature": {
                "content": STANDARD.encode(signature),
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "publicKey": {"rawBytes": STANDARD.encode(key.spki())},
                },
            },
        }}),
    )
}

/// An envelope signed by `key`, which was written in `written`.
fn envelope(key: &Key, payload: &[u8], written: Option<&[u8]>) -> DsseContent {
    let mut envelope = Envelope {
        payload_type: IN_TOTO.into(),
        payload: payload.to_vec(),
        signatures: Vec::new(),
    };
    envelope.signatures = vec![key.sign(&envelope.signed_bytes())];
    DsseContent::new(envelope, written.map(Digest::sha256))
}
