//! RFC 3161 timestamps.

use super::root::TrustRoot;
use super::{Rejection, RejectionKind, TimestampProof};

/// Checks every token in `tokens` over `signature` against the timestamp
/// authorities of `root`.
///
/// # Errors
///
/// [`RejectionKind::TimestampInvalid`] if a token is not by an authority of the
/// root or is over something else, [`RejectionKind::TimestampOutsideValidity`]
/// if its authority was not trusted at the time it names.
pub(super) fn verify(
    tokens: &[Vec<u8>],
    _signature: &[u8],
    _root: &TrustRoot,
) -> Result<Vec<TimestampProof>, Rejection> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    Err(Rejection::new(
        RejectionKind::TimestampInvalid,
        "timestamps are not read yet",
    ))
}
