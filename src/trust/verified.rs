//! Claims whose signature was checked.

use std::collections::BTreeMap;
use std::fmt;

use super::{KeyFingerprint, Scheme};
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
}

/// Who signed, as proven. Two signatures are by distinct signers if and only if
/// these differ, whatever the authorities are called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignerId {
    /// The holder of a key.
    Key(KeyFingerprint),
}

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(f, "key {fingerprint}"),
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

/// The two layouts in which cosign attaches signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureLayout {
    /// Simple signing in a `.sig` tag.
    SimpleSigning,
    /// A Sigstore bundle attached as a referrer.
    Bundle,
}
