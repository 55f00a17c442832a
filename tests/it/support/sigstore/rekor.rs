//! Transparency logs of both generations: entries in a real Merkle tree, signed
//! checkpoints, and for the first generation the signed entry timestamp.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::entry::{Body, canonical};
use super::root::Window;
use super::tree::{self, Hash, sha256};
use super::{Key, KeyKind};

/// What differs between Rekor v1 and v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Signed entry timestamps, and checkpoints that name a tree. The index of
    /// an entry counts over all trees, the one in its proof within this tree.
    V1 { tree: u64, offset: u64 },
    /// Checkpoints only.
    V2,
}

/// A transparency log.
pub(crate) struct Rekor {
    pub(crate) host: String,
    pub(crate) key: Key,
    pub(crate) generation: Generation,
    pub(crate) valid: Window,
}

/// Somebody who cosigns checkpoints.
pub(crate) struct Witness {
    pub(crate) name: String,
    pub(crate) key: Key,
}

/// Where in a tree of which size an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) size: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { index: 5, size: 11 }
    }
}

/// An inclusion proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) log_index: u64,
    pub(crate) root: Hash,
    pub(crate) size: u64,
    pub(crate) path: Vec<Hash>,
    pub(crate) checkpoint: Option<String>,
}

/// An entry with everything that a log says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) log_index: i64,
    pub(crate) log_id: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) version: String,
    /// Seconds since 1970.
    pub(crate) integrated_time: Option<i64>,
    /// The signed entry timestamp.
    pub(crate) promise: Option<Vec<u8>>,
    pub(crate) proof: Option<Proof>,
    pub(crate) body: Vec<u8>,
}

impl Rekor {
    /// A log of the first generation, which signs with ECDSA.
    pub(crate) fn v1(host: &str, valid: Window) -> Self {
        Self {
            host: host.to_owned(),
            key: Key::generate(KeyKind::P256),
            generation: Generation::V1 {
                tree: 1_193_050_959_916_656_506,
                offset: 25_579_000,
            },
            valid,
        }
    }

    /// A log of the second generation, with an Ed25519 or ECDSA key.
    pub(crate) fn v2(host: &str, kind: KeyKind, valid: Window) -> Self {
        Self {
            host: host.to_owned(),
            key: Key::generate(kind),
            generation: Generation::V2,
            valid,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.host)
    }

    /// What trust roots and entries call this log, its first four bytes being
    /// the key id of checkpoints: SHA-256 of the key, or for Ed25519 what C2SP
    /// signed-note defines over name, algorithm and key.
    pub(crate) fn id(&self) -> Hash {
        match self.key.kind {
            KeyKind::Ed25519 => note_key_id(&self.host, 1, &self.key),
            _ => sha256(&[self.key.spki()]),
        }
    }

    /// The first line of checkpoints.
    pub(crate) fn origin(&self) -> String {
        match self.generation {
            Generation::V1 { tree, .. } => format!("{} - {tree}", self.host),
            Generation::V2 => self.host.clone(),
        }
    }

    /// The signed part of a checkpoint.
    pub(crate) fn note(&self, size: u64, root: &Hash) -> String {
        format!("{}\n{size}\n{}\n", self.origin(), STANDARD.encode(root))
    }

    /// The line with this log's signature over a note.
    pub(crate) fn signature_line(&self, note: &str) -> String {
        let blob = [&self.id()[..4], &self.key.sign(note.as_bytes())].concat();
        format!("\u{2014} {} {}\n", self.host, STANDARD.encode(blob))
    }

    /// A checkpoint by this log.
    pub(crate) fn checkpoint(&self, size: u64, root: &Hash) -> String {
        let note = self.note(size, root);
        format!("{note}\n{}", self.signature_line(&note))
    }

    /// Takes an entry in at a time and a place. The other leaves are made up.
    pub(crate) fn enter(&self, body: &Body, at: Timestamp, place: Place) -> LogEntry {
        let leaves: Vec<Hash> = (0..place.size)
            .map(|index| {
                if index == place.index {
                    tree::leaf(&body.bytes)
                } else {
                    tree::leaf(format!("entry {index} of somebody else").as_bytes())
                }
            })
            .collect();
        let root = tree::root(&leaves);
        let size = place.size as u64;
        let proof = Proof {
            log_index: place.index as u64,
            root,
            size,
            path: tree::path(place.index, &leaves),
            checkpoint: Some(self.checkpoint(size, &root)),
        };
        let mut entry = LogEntry {
            log_index: place.index as i64,
            log_id: self.id().to_vec(),
            kind: body.kind.to_owned(),
            version: body.version.to_owned(),
            integrated_time: None,
            promise: None,
            proof: Some(proof),
            body: body.bytes.clone(),
        };
        if let Generation::V1 { offset, .. } = self.generation {
            entry.log_index += offset as i64;
            entry.integrated_time = Some(at.as_second());
            self.promise(&mut entry);
        }
        entry
    }

    /// Signs the entry timestamp over what the entry says now.
    pub(crate) fn promise(&self, entry: &mut LogEntry) {
        entry.promise = Some(self.key.sign(entry.promised().as_bytes()));
    }
}

impl Witness {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: Key::generate(KeyKind::Ed25519),
        }
    }

    /// The line with a cosignature (C2SP tlog-cosignature, version 1).
    pub(crate) fn signature_line(&self, note: &str, at: Timestamp) -> String {
        let seconds = at.as_second();
        let signed = format!("cosignature/v1\ntime {seconds}\n{note}");
        let blob = [
            &note_key_id(&self.name, 4, &self.key)[..4],
            &seconds.to_be_bytes(),
            &self.key.sign(signed.as_bytes()),
        ]
        .concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(blob))
    }
}

impl LogEntry {
    /// What a signed entry timestamp is over: RFC 8785 of these four.
    pub(crate) fn promised(&self) -> String {
        canonical(&json!({
            "body": STANDARD.encode(&self.body),
            "integratedTime": self.integrated_time.unwrap_or(0),
            "logID": hex(&self.log_id),
            "logIndex": self.log_index,
        }))
    }

    /// The entry in a bundle.
    pub(crate) fn json(&self) -> Value {
        let mut entry = json!({
            "logIndex": self.log_index.to_string(),
            "logId": {"keyId": STANDARD.encode(&self.log_id)},
            "kindVersion": {"kind": self.kind, "version": self.version},
            "canonicalizedBody": STANDARD.encode(&self.body),
        });
        if let Some(time) = self.integrated_time {
            entry["integratedTime"] = json!(time.to_string());
        }
        if let Some(promise) = &self.promise {
            entry["inclusionPromise"] = json!({"signedEntryTimestamp": STANDARD.encode(promise)});
        }
        if let Some(proof) = &self.proof {
            let path: Vec<_> = proof.path.iter().map(|h| STANDARD.encode(h)).collect();
            entry["inclusionProof"] = json!({
                "logIndex": proof.log_index.to_string(),
                "rootHash": STANDARD.encode(proof.root),
                "treeSize": proof.size.to_string(),
                "hashes": path,
            });
            if let Some(checkpoint) = &proof.checkpoint {
                entry["inclusionProof"]["checkpoint"] = json!({"envelope": checkpoint});
            }
        }
        entry
    }

    /// The annotation `dev.sigstore.cosign/bundle` of the legacy layouts.
    pub(crate) fn legacy_json(&self) -> Value {
        json!({
            "SignedEntryTimestamp": STANDARD.encode(self.promise.clone().unwrap_or_default()),
            "Payload": {
                "body": STANDARD.encode(&self.body),
                "integratedTime": self.integrated_time.unwrap_or(0),
                "logIndex": self.log_index,
                "logID": hex(&self.log_id),
            },
        })
    }
}

/// The key id of C2SP signed-note, uncut.
fn note_key_id(name: &str, algorithm: u8, key: &Key) -> Hash {
    let raw = &key.spki()[key.spki().len() - 32..];
    sha256(&[name.as_bytes(), b"\n", &[algorithm], raw])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
