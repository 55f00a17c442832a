//! A certificate transparency log: signed certificate timestamps over
//! precertificates (RFC 6962, section 3.2), embedded as a list.

use jiff::Timestamp;

use super::certificate::{Extension, SCT_LIST};
use super::der;
use super::root::Window;
use super::tree::{Hash, sha256};
use super::{Key, KeyKind};

/// A log of certificates.
pub(crate) struct CtLog {
    pub(crate) url: String,
    pub(crate) key: Key,
    pub(crate) valid: Window,
}

/// One timestamp, before it is encoded.
#[derive(Debug, Clone)]
pub(crate) struct Sct {
    pub(crate) log_id: Hash,
    pub(crate) at: Timestamp,
    pub(crate) extensions: Vec<u8>,
    /// Hash and signature algorithm of TLS 1.2.
    pub(crate) algorithm: [u8; 2],
    pub(crate) signature: Vec<u8>,
}

impl CtLog {
    pub(crate) fn new(url: &str, kind: KeyKind, valid: Window) -> Self {
        Self {
            url: url.to_owned(),
            key: Key::generate(kind),
            valid,
        }
    }

    /// SHA-256 of the key.
    pub(crate) fn id(&self) -> Hash {
        sha256(&[self.key.spki()])
    }

    /// A timestamp over a certificate that has no list of timestamps yet, as
    /// `issuer_spki` will sign it.
    pub(crate) fn sign(
        &self,
        tbs: &[u8],
        issuer_spki: &[u8],
        at: Timestamp,
        extensions: &[u8],
    ) -> Sct {
        let mut message = vec![0, 0];
        message.extend(milliseconds(at));
        message.extend([0, 1]);
        message.extend(sha256(&[issuer_spki]));
        message.extend(&(tbs.len() as u32).to_be_bytes()[1..]);
        message.extend(tbs);
        message.extend(prefixed(extensions));
        Sct {
            log_id: self.id(),
            at,
            extensions: extensions.to_vec(),
            algorithm: match self.key.kind {
                KeyKind::P256 => [4, 3],
                KeyKind::P384 => [5, 3],
                KeyKind::P521 => [6, 3],
                KeyKind::Rsa => [4, 1],
                KeyKind::Ed25519 => [8, 7],
            },
            signature: self.key.sign(&message),
        }
    }
}

impl Sct {
    /// The structure as TLS encodes it.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut out = vec![0];
        out.extend(self.log_id);
        out.extend(milliseconds(self.at));
        out.extend(prefixed(&self.extensions));
        out.extend(self.algorithm);
        out.extend(prefixed(&self.signature));
        out
    }
}

/// The extension of a certificate that holds these timestamps.
pub(crate) fn list(scts: &[Sct]) -> Extension {
    let entries: Vec<u8> = scts
        .iter()
        .flat_map(|sct| prefixed(&sct.encoded()))
        .collect();
    Extension::new(SCT_LIST, der::octets(&prefixed(&entries)))
}

fn milliseconds(at: Timestamp) -> [u8; 8] {
    at.as_millisecond().to_be_bytes()
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend(bytes);
    out
}
