//! What proved a claim: the signer, and the logs and timestamps beside.

use std::sync::Arc;

use jiff::Timestamp;

use super::{CertificateIdentity, KeyFingerprint, Scheme, SignerId, Window};

/// What proved a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who signed.
    pub signer: SignerId,
    /// With which scheme.
    pub scheme: Scheme,
    /// What the signer's certificate says, where there is one.
    pub identity: Option<Arc<CertificateIdentity>>,
    /// When the signature may have been made, where no trusted time is known:
    /// the validity of the certificates. It is compared with the time of the
    /// decision.
    pub window: Option<Window>,
    /// The log entries that were verified; empty unless they are asked for.
    pub log: Vec<LogProof>,
    /// The certificate transparency log that has seen the certificate.
    pub sct: Option<SctProof>,
    /// The timestamps that were verified; empty unless they are asked for.
    pub timestamps: Vec<TimestampProof>,
}

/// A log entry that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// The trust root that names the log.
    pub root: Arc<str>,
    /// The log.
    pub log: [u8; 32],
    /// Index of the entry.
    pub index: u64,
    /// When the log took it, where the log's signature covers that.
    pub integrated: Option<Timestamp>,
    /// When the log's key is trusted: an entry is no older, and one without a
    /// time of its own must be known to be no younger.
    pub window: Window,
}

/// A signed certificate timestamp that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctProof {
    /// The certificate transparency log.
    pub log: [u8; 32],
    /// When it saw the certificate.
    pub at: Timestamp,
}

/// An RFC 3161 timestamp that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampProof {
    /// The trust root that names the authority.
    pub root: Arc<str>,
    /// The time.
    pub at: Timestamp,
}

impl Proof {
    /// A proof by nothing but a key.
    pub const fn of_key(key: KeyFingerprint, scheme: Scheme) -> Self {
        Self {
            signer: SignerId::Key(key),
            scheme,
            identity: None,
            window: None,
            log: Vec::new(),
            sct: None,
            timestamps: Vec::new(),
        }
    }

    /// The times at which somebody trusted saw the signature.
    pub fn trusted_times(&self) -> impl Iterator<Item = Timestamp> {
        let logged = self.log.iter().filter_map(|entry| entry.integrated);
        logged.chain(self.timestamps.iter().map(|stamp| stamp.at))
    }

    /// When the signature certainly existed: the earliest of
    /// [`Self::trusted_times`].
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.trusted_times().min()
    }
}
