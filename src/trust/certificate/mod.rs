//! X.509: what a signing certificate says, whether a certificate authority
//! vouches for it, and whether a certificate transparency log has seen it.

use std::sync::Arc;

use jiff::Timestamp;

use super::root::{CertificateAuthority, TrustRoot};
use super::{
    CertificateIdentity, KeyFingerprint, PublicKey, Rejection, RejectionKind, SctProof, Window,
};

/// A signing certificate, read strictly; nobody vouches for it yet.
#[derive(Debug, Clone)]
pub(super) struct Leaf<'a> {
    pub(super) der: &'a [u8],
    pub(super) key: PublicKey,
    pub(super) validity: Window,
    identity: CertificateIdentity,
}

/// Who vouches for a certificate.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// SubjectPublicKeyInfo of the certificate that signed the leaf, DER.
    pub(super) issuer_spki: Vec<u8>,
    /// The key of the trust anchor.
    pub(super) anchor: KeyFingerprint,
    /// When the whole path is valid, the leaf included.
    pub(super) validity: Window,
}

impl<'a> Leaf<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// [`RejectionKind::CertificateInvalid`]: not DER, a key that is not
    /// supported, no subject alternative name, a name with control characters,
    /// an extension that comes twice or cannot be read.
    pub(super) fn parse(_der: &'a [u8]) -> Result<Self, Rejection> {
        Err(Rejection::new(
            RejectionKind::FormatNotSupported,
            "certificates are not read yet",
        ))
    }

    /// Who it says that its holder is, as vouched for by `root`.
    pub(super) fn identity(&self, root: &Arc<str>) -> CertificateIdentity {
        CertificateIdentity {
            root: Arc::clone(root),
            ..self.identity.clone()
        }
    }
}

/// Finds a path from `leaf` to the anchor of one of `authorities` that was valid
/// at each of `times`, and whose authority was.
///
/// `above` are certificates that came with the signature: they may stand in the
/// path, and are no anchors. The leaf must not be an authority, and must be for
/// code signing.
///
/// # Errors
///
/// [`RejectionKind::CertificateUntrusted`] if there is no path,
/// [`RejectionKind::CertificateExpired`] if there is one and it was not valid
/// at one of the times.
pub(super) fn path_at(
    leaf: &Leaf<'_>,
    _above: &[Vec<u8>],
    _authorities: &[CertificateAuthority],
    _times: &[Timestamp],
) -> Result<Path, Rejection> {
    Err(untrusted(leaf))
}

/// Finds a path as [`path_at`] does where no time is known: the one that is
/// valid longest, with its interval.
///
/// # Errors
///
/// [`RejectionKind::CertificateUntrusted`] if there is no path that is valid at
/// any time.
pub(super) fn path(
    leaf: &Leaf<'_>,
    _above: &[Vec<u8>],
    _authorities: &[CertificateAuthority],
) -> Result<Path, Rejection> {
    Err(untrusted(leaf))
}

/// Checks the signed certificate timestamps in `leaf` against the certificate
/// transparency logs of `root`. Follows RFC 6962, section 3.2.
///
/// # Errors
///
/// [`RejectionKind::SctMissing`] if there is none,
/// [`RejectionKind::SctInvalid`] if one is not by a log of the root that was
/// trusted then, over this certificate.
pub(super) fn scts(
    _leaf: &Leaf<'_>,
    _issuer_spki: &[u8],
    _root: &TrustRoot,
) -> Result<SctProof, Rejection> {
    Err(Rejection::new(
        RejectionKind::SctMissing,
        "signed certificate timestamps are not read yet",
    ))
}

fn untrusted(leaf: &Leaf<'_>) -> Rejection {
    Rejection::new(
        RejectionKind::CertificateUntrusted,
        format!(
            "no certificate authority vouches for the certificate ({} bytes)",
            leaf.der.len()
        ),
    )
}
