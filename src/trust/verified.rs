//! Claims whose signature was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{CertificateIdentity, KeyFingerprint, Scheme, Window};
use crate::evidence::Predicate;
use crate::oci::Digest;

/// A claim whose signature was checked, with what proved it.
///
/// The only constructor is private to [`super::establish`]'s module tree, and
/// the type cannot be deserialised: who holds a `Verified<T>` knows that the
/// check was made in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    claim: T,
    proof: Proof,
}

impl<T> Verified<T> {
    pub(super) const fn new(claim: T, proof: Proof) -> Self {
        Self { claim, proof }
    }

    /// A claim that nobody checked, for tests of what follows from claims.
    #[cfg(test)]
    pub(crate) const fn for_test(claim: T, proof: Proof) -> Self {
        Self::new(claim, proof)
    }

    /// What was claimed.
    pub const fn claim(&self) -> &T {
        &self.claim
    }

    /// What proved it.
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

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
    /// Since when the log's key is trusted: an entry cannot be older.
    pub trusted_since: Option<Timestamp>,
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

/// Who signed, as proven. Two signatures are by distinct signers if and only if
/// these differ, whatever the authorities are called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignerId {
    /// The holder of a key.
    Key(KeyFingerprint),
    /// Whom a certificate names.
    Certificate {
        /// The key of the trust anchor that vouches for the certificate.
        anchor: KeyFingerprint,
        /// The issuer of the token, where the certificate has one.
        issuer: Option<Arc<str>>,
        /// All subject alternative names, sorted, each with its kind.
        subject: Arc<str>,
    },
}

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(f, "key {fingerprint}"),
            Self::Certificate {
                issuer, subject, ..
            } => match issuer {
                Some(issuer) => write!(f, "{subject} ({issuer})"),
                None => write!(f, "{subject}"),
            },
        }
    }
}

/// What a document claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// "This is what I signed."
    Signature(SignatureClaim),
    /// "This is what I say about it."
    Attestation(AttestationClaim),
}

impl Claim {
    /// About how many bytes of memory the claim takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Signature(claim) => claim.weight(),
            Self::Attestation(claim) => claim.weight(),
        }
    }

    /// The claim of a signature.
    pub const fn as_signature(&self) -> Option<&SignatureClaim> {
        match self {
            Self::Signature(claim) => Some(claim),
            Self::Attestation(_) => None,
        }
    }

    /// The claim of an attestation.
    pub const fn as_attestation(&self) -> Option<&AttestationClaim> {
        match self {
            Self::Signature(_) => None,
            Self::Attestation(claim) => Some(claim),
        }
    }
}

/// The claim of a signature: "this digest is what I signed".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureClaim {
    /// The digest signed; always the one that was asked for.
    pub subject: Digest,
    /// The layout in which it was found.
    pub layout: SignatureLayout,
    /// The reference that a simple-signing payload names. Reported, not
    /// required: a signature binds by digest.
    pub docker_reference: Option<String>,
    /// What the signer annotated: `optional` of a simple-signing payload, or
    /// the subject's annotations in a statement. Strings only.
    pub annotations: BTreeMap<String, String>,
}

impl SignatureClaim {
    /// About how many bytes of memory the claim takes.
    pub fn weight(&self) -> usize {
        let texts = self.annotations.iter().map(|(k, v)| k.len() + v.len() + 96);
        size_of::<Self>()
            + self.docker_reference.as_ref().map_or(0, String::len)
            + texts.sum::<usize>()
    }
}

/// The claim of an attestation: "this is what I say about this digest".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationClaim {
    /// The digest it is about; always the one that was asked for.
    pub subject: Digest,
    /// The layout in which it was found.
    pub layout: SignatureLayout,
    /// Digest of the document, which tells two statements apart.
    pub document: Digest,
    /// What kind of thing is said.
    pub predicate_type: Arc<str>,
    /// What is said; shared with the document it was read from.
    pub predicate: Arc<Predicate>,
}

impl AttestationClaim {
    /// About how many bytes of memory the claim takes. The predicate counts:
    /// a fact may outlive the evidence that it was read from.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.predicate_type.len() + self.predicate.weight()
    }
}

/// The layouts in which signatures and attestations are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureLayout {
    /// Simple signing in a `.sig` tag.
    SimpleSigning,
    /// An envelope in a `.att` tag.
    Attestation,
    /// A Sigstore bundle attached as a referrer.
    Bundle,
}
