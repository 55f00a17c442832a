//! A signature with everything that is needed to judge it, in one form for all
//! layouts.

use aws_lc_rs::digest as lc;

use super::certificate::Leaf;
use super::{PublicKey, Rejection, RejectionKind, Scheme};
use crate::evidence::{BundleVersion, DsseContent, VerificationMaterial};
use crate::oci::{Algorithm, Digest};

/// A signature and what came with it. Unverified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) signature: &'a [u8],
    /// What timestamps are over: the signature, but in the legacy layout of
    /// attestations the envelope as it is written, which holds the signature
    /// (cosign, `attest` and `VerifyRFC3161Timestamp`).
    pub(super) stamped: &'a [u8],
    pub(super) payload: Payload<'a>,
    pub(super) material: &'a VerificationMaterial,
    /// The version of the bundle; `None` in the legacy layouts.
    pub(super) bundle: Option<BundleVersion>,
}

/// What a signature is over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payload<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// Bytes of which only the digest is known.
    Digest(&'a Digest),
    /// The envelope, as the DSSE protocol encodes it.
    Dsse(&'a DsseContent),
}

/// The key that is to have made a signature.
#[derive(Debug, Clone, Copy)]
pub(super) enum SignerKey<'a> {
    /// A key of the authority.
    Managed(&'a PublicKey),
    /// The key of a certificate.
    Certificate(&'a Leaf<'a>),
}

impl Payload<'_> {
    /// Whether what is signed has this digest; `algorithm` is named as in the
    /// Sigstore protobuf specifications.
    ///
    /// # Errors
    ///
    /// [`RejectionKind::FormatNotSupported`] if that cannot be said: another
    /// algorithm, or one of which the digest is not known.
    pub(super) fn has_digest(&self, algorithm: &str, digest: &[u8]) -> Result<bool, Rejection> {
        let unknown = |why: &str| {
            Err(Rejection::new(
                RejectionKind::FormatNotSupported,
                format!("the digest algorithm {algorithm:?} {why}"),
            ))
        };
        let hash = match algorithm {
            "SHA2_256" => &lc::SHA256,
            "SHA2_384" => &lc::SHA384,
            "SHA2_512" => &lc::SHA512,
            _ => return unknown("is not supported"),
        };
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Dsse(content) => &content.signed_bytes[..],
            Self::Digest(known) => {
                let same = match known.algorithm() {
                    Algorithm::Sha256 => "SHA2_256",
                    Algorithm::Sha512 => "SHA2_512",
                };
                return if same == algorithm {
                    Ok(known.as_bytes() == digest)
                } else {
                    unknown("is another than that of the digest given; give the file itself")
                };
            }
        };
        Ok(lc::digest(hash, bytes).as_ref() == digest)
    }
}

impl SignerKey<'_> {
    pub(super) const fn public(&self) -> &PublicKey {
        match self {
            Self::Managed(key) => key,
            Self::Certificate(leaf) => &leaf.key,
        }
    }
}

impl Signed<'_> {
    /// With which scheme `key` made the signature, if it did.
    pub(super) fn by(&self, key: &PublicKey) -> Option<Scheme> {
        match self.payload {
            Payload::Bytes(bytes) => key.verify(bytes, self.signature),
            Payload::Digest(digest) => key.verify_digest(digest, self.signature),
            Payload::Dsse(content) => key.verify(&content.signed_bytes, self.signature),
        }
    }
}
