//! From signatures that are accepted to ones that must not be, each with a name
//! and the one reason it must be refused for.
//!
//! Where a mutation changes what is signed, it is signed again with the
//! authority's own key: the reason must be the mutation, not the signature.

mod bundles;
pub(crate) mod keyless;
mod legacies;

use serde_json::{Value, json};

use super::authority::{
    Attachment, COSIGN_SIGN, IN_TOTO, Image, Key, KeyKind, signed_bundle, statement,
};
pub(crate) use bundles::bundles;
pub(crate) use legacies::legacies;

/// A signature that must be refused.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) attachment: Attachment,
    /// The stable code of the reason.
    pub(crate) code: &'static str,
}

const MALFORMED: &str = "document-malformed";
const FORMAT: &str = "format-not-supported";
const SIGNER: &str = "signature-not-by-authority";
const MISMATCH: &str = "subject-mismatch";
const MISSING: &str = "subject-missing";
const PREDICATE: &str = "predicate-not-a-signature";
const PAYLOAD: &str = "payload-type-unexpected";
const COUNT: &str = "envelope-signature-count";
const VERSION: &str = "bundle-version-not-accepted";
const CHAIN: &str = "certificate-chain-in-bundle";

/// More bytes than are read of a bundle or payload.
const OVERSIZED: usize = 9 << 20;

/// What every mutation starts from.
pub(crate) struct Start<'a> {
    /// The accepted signer.
    pub(crate) key: &'a Key,
    /// Another signer, with a key of the same kind.
    pub(crate) stranger: &'a Key,
    /// Another signer, with a key of another kind.
    pub(crate) other_kind: &'a Key,
    /// The image that is judged.
    pub(crate) image: &'a Image,
    /// Another image of the same signer.
    pub(crate) other: &'a Image,
}

struct List(Vec<Mutation>);

impl List {
    fn add(&mut self, name: &'static str, code: &'static str, attachment: Attachment) {
        self.0.push(Mutation {
            name,
            attachment,
            code,
        });
    }
}

impl Start<'_> {
    fn digest(&self) -> String {
        self.image.digest.to_string()
    }

    fn statement(&self) -> Value {
        statement(COSIGN_SIGN, &[&self.digest()], json!({}))
    }

    fn signed(&self, payload: impl AsRef<[u8]>) -> Value {
        signed_bundle(self.key, IN_TOTO, payload.as_ref())
    }

    fn signatures_that_are_none(&self, message: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let good = self.key.sign(message);
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let mut list = vec![
            ("first byte of the signature flipped", flipped(0)),
            (
                "last byte of the signature flipped",
                flipped(good.len() - 1),
            ),
            ("empty signature", Vec::new()),
            ("signature cut short", good[..good.len() - 1].to_vec()),
            (
                "signature with a byte behind it",
                [&good[..], &[0]].concat(),
            ),
            ("signature by another key", self.stranger.sign(message)),
            (
                "signature by a key of another kind",
                self.other_kind.sign(message),
            ),
            ("signature of the empty message", self.key.sign(b"")),
            (
                "signature of the digest of the message",
                self.key.sign(floe::oci::Digest::sha256(message).as_bytes()),
            ),
        ];
        match self.key.kind {
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => {
                list.push((
                    "ECDSA signature with r and s zero",
                    vec![0x30, 6, 2, 1, 0, 2, 1, 0],
                ));
                list.push((
                    "ECDSA signature with r and s one",
                    vec![0x30, 6, 2, 1, 1, 2, 1, 1],
                ));
                list.push(("ECDSA signature as two fixed numbers", fixed(&good)));
            }
            KeyKind::Ed25519 => list.push(("Ed25519 signature of zeros", vec![0; 64])),
            KeyKind::Rsa => list.push(("RSA signature of zeros", vec![0; 256])),
        }
        list
    }
}

/// The numbers of a DER signature side by side, as JOSE writes them.
fn fixed(der: &[u8]) -> Vec<u8> {
    let body = if der[1] & 0x80 == 0 {
        &der[2..]
    } else {
        &der[3..]
    };
    let r = &body[2..2 + usize::from(body[1])];
    let rest = &body[2 + r.len()..];
    let s = &rest[2..2 + usize::from(rest[1])];
    let width = if der.len() > 120 {
        66
    } else if der.len() > 90 {
        48
    } else {
        32
    };
    let padded = |number: &[u8]| {
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        [vec![0; width - digits.len()], digits.to_vec()].concat()
    };
    [padded(r), padded(s)].concat()
}

fn flip_hex(hex: &str) -> String {
    let flipped = if hex.ends_with('0') { "1" } else { "0" };
    format!("{}{flipped}", &hex[..hex.len() - 1])
}
