//! Trust roots: certificate authorities, logs and timestamp authorities that
//! belong together, under one name.

use std::fmt;
use std::sync::Arc;

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
    /// Leaf-most first, the trust anchor last; DER. Never empty.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) window: Window,
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
}

/// Why something is not a trust root. Quotes none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Not the JSON of a trusted root.
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
    /// Reads `trusted_root.json` as Sigstore publishes it, verbatim.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: syntax, a key or certificate that cannot
    /// be used, a validity period without its start or that ends before it
    /// starts, two logs with one id.
    pub fn from_json(name: &str, _json: &str) -> Result<Self, RootError> {
        Err(RootError::Malformed(format!(
            "reading {name} is not built yet"
        )))
    }

    /// A root of certificates alone: those that sign themselves are the
    /// anchors, the others stand between them and leaves.
    ///
    /// # Errors
    ///
    /// No certificate, one that cannot be read or is not a certificate
    /// authority, or none that signs itself.
    pub fn from_certificates(name: &str, _pem: &str) -> Result<Self, RootError> {
        Err(RootError::Malformed(format!(
            "reading {name} is not built yet"
        )))
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

    /// The name in policies and reports.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Identity of everything in it.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}
