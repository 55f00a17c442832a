//! Claims whose signature was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{KeyFingerprint, Proof};
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
    /// Shared with the verdicts that it satisfies.
    proof: Arc<Proof>,
}

impl<T> Verified<T> {
    pub(super) fn new(claim: T, proof: Proof) -> Self {
        let proof = Arc::new(proof);
        Self { claim, proof }
    }

    /// A claim that nobody checked, for tests of what follows from claims.
    #[cfg(test)]
    pub(crate) fn for_test(claim: T, proof: Proof) -> Self {
        Self::new(claim, proof)
    }

    /// What was claimed.
    pub const fn claim(&self) -> &T {
        &self.claim
    }

    /// What proved it.
    pub const fn proof(&self) -> &Arc<Proof> {
        &self.proof
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
        /// All subject alternative names, sorted, with spaces between them.
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
