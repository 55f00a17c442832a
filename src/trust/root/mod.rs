//! Trust roots: certificate authorities, logs and timestamp authorities that
//! belong together, under one name.

mod certificates;
mod json;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::certificate::{CaCertificate, Links};
use super::{PublicKey, Window};
use crate::oci::Digest;

/// The name of the embedded root, and of the root that a keyless authority
/// accepts if it names none.
pub const PUBLIC_GOOD: &str = "public-good";

/// Certificate authorities, transparency logs, certificate transparency logs and
/// timestamp authorities that belong together. Immutable; made once from
/// `trusted_root.json` or from certificates, and shared.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustRoot {
    pub(super) name: Arc<str>,
    pub(super) authorities: Vec<CertificateAuthority>,
    pub(super) ct_logs: Vec<Log>,
    pub(super) logs: Vec<Log>,
    pub(super) timestamp_authorities: Vec<TimestampAuthority>,
    pub(super) digest: Digest,
}

/// A certificate authority: one chain with the time in which it issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateAuthority {
    /// Leaf-most first, the trust anchor last. Never empty.
    pub(super) chain: Vec<CaCertificate>,
    /// Who in the chain signed whom.
    pub(super) links: Links,
    pub(super) window: Window,
}

impl CertificateAuthority {
    pub(super) fn new(chain: Vec<CaCertificate>, window: Window) -> Self {
        Self {
            links: Links::within(&chain),
            chain,
            window,
        }
    }
}

/// A log with the time in which its key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    /// What entries and SCTs call it.
    pub(super) id: [u8; 32],
    pub(super) key: PublicKey,
    /// Host and path of its URL, which is how its checkpoints begin.
    pub(super) origin: Box<str>,
    pub(super) window: Window,
}

/// A timestamp authority: one chain with the time in which it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimestampAuthority {
    /// Leaf first, the trust anchor last; DER. Never empty.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) window: Window,
    /// When all certificates of the chain are valid.
    pub(super) validity: Window,
}

/// Why something is not a trust root. Quotes none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Not the JSON of a trusted root, or not certificates in PEM.
    #[error("not a trusted root: {0}")]
    Malformed(String),
    /// Something in it cannot be used.
    #[error("{path}: {why}")]
    Unusable {
        /// Where, such as `tlogs[0].publicKey`.
        path: String,
        /// What is wrong, in words.
        why: String,
    },
}

impl fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoot({} {})", self.name, self.digest)
    }
}

impl TrustRoot {
    /// Reads `trusted_root.json` as Sigstore publishes it, verbatim. Follows
    /// `sigstore_trustroot.proto` of the Sigstore protobuf specifications.
    ///
    /// A log whose key or hash is of a kind that floe does not verify is left
    /// out: published roots add keys for newer clients before anything is
    /// signed with them alone, and a log that is left out vouches for nothing.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: syntax, a key or certificate that cannot
    /// be used, a validity period without its start or that ends before it
    /// starts, two logs with one id.
    pub fn from_json(name: &str, json: &str) -> Result<Self, RootError> {
        json::read(json).map(|parts| Self::new(name, parts))
    }

    /// A root of certificates alone, in PEM: those that name themselves as
    /// their issuer are the anchors, the others stand between them and leaves.
    /// Text around the blocks is passed over.
    ///
    /// # Errors
    ///
    /// No certificate, one that cannot be read or is not a certificate
    /// authority, none that signs itself, or anything but certificates.
    pub fn from_certificates(name: &str, pem: &str) -> Result<Self, RootError> {
        certificates::read(pem).map(|parts| Self::new(name, parts))
    }

    /// Sigstore's public-good instance as it was when floe was built, for a
    /// first start without network.
    ///
    /// # Errors
    ///
    /// Never in a build that was tested.
    pub fn public_good() -> Result<Self, RootError> {
        Self::from_json(
            PUBLIC_GOOD,
            sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        )
    }

    fn new(name: &str, parts: Parts) -> Self {
        let digest = parts.digest();
        Self {
            name: name.into(),
            authorities: parts.authorities,
            ct_logs: parts.ct_logs,
            logs: parts.logs,
            timestamp_authorities: parts.timestamp_authorities,
            digest,
        }
    }

    /// The name in policies and reports.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Identity of everything in it but its name.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// What a root is made of.
#[derive(Debug, Default)]
struct Parts {
    authorities: Vec<CertificateAuthority>,
    ct_logs: Vec<Log>,
    logs: Vec<Log>,
    timestamp_authorities: Vec<TimestampAuthority>,
}

impl Parts {
    /// Identity of everything that is used, whatever it was read from.
    fn digest(&self) -> Digest {
        let mut bytes = b"floe trust root v1\0".to_vec();
        push_length(&mut bytes, self.authorities.len());
        for authority in &self.authorities {
            push_window(&mut bytes, &authority.window);
            push_length(&mut bytes, authority.chain.len());
            for certificate in &authority.chain {
                push(&mut bytes, &certificate.der);
            }
        }
        for logs in [&self.ct_logs, &self.logs] {
            push_length(&mut bytes, logs.len());
            for log in logs {
                push_window(&mut bytes, &log.window);
                bytes.extend_from_slice(&log.id);
                bytes.extend_from_slice(log.key.fingerprint().as_bytes());
                push(&mut bytes, log.origin.as_bytes());
            }
        }
        push_length(&mut bytes, self.timestamp_authorities.len());
        for authority in &self.timestamp_authorities {
            push_window(&mut bytes, &authority.window);
            push_length(&mut bytes, authority.chain.len());
            for certificate in &authority.chain {
                push(&mut bytes, certificate);
            }
        }
        Digest::sha256(&bytes)
    }
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    push_length(bytes, part.len());
    bytes.extend_from_slice(part);
}

fn push_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_be_bytes());
}

fn push_window(bytes: &mut Vec<u8>, window: &Window) {
    for end in [window.start, window.end] {
        match end {
            None => bytes.push(0),
            Some(time) => {
                bytes.push(1);
                bytes.extend_from_slice(&time.as_nanosecond().to_be_bytes());
            }
        }
    }
}

/// Something at `path` that cannot be used.
fn unusable(path: impl Into<String>, why: impl Into<String>) -> RootError {
    RootError::Unusable {
        path: path.into(),
        why: why.into(),
    }
}
