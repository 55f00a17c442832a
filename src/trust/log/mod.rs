//! Transparency logs: that an entry is in a log, and that it is about this
//! signature.

use super::root::TrustRoot;
use super::signed::{Signed, SignerKey};
use super::{LogProof, Rejection, RejectionKind};

/// Checks every log entry that came with `signed` against the logs of `root`:
/// that the log took it (signed entry timestamp, proof of inclusion,
/// checkpoint), and that it is about this signature, this key or certificate
/// and this payload.
///
/// A signed entry timestamp alone is enough in the legacy layouts and in
/// bundles of version 0.1; in others a proof with a checkpoint must be there.
/// What is there must verify.
///
/// # Errors
///
/// `log-*` kinds; the first thing that is wrong.
pub(super) fn verify(
    signed: &Signed<'_>,
    _signer: &SignerKey<'_>,
    _root: &TrustRoot,
) -> Result<Vec<LogProof>, Rejection> {
    if signed.material.log_entries.is_empty() {
        return Ok(Vec::new());
    }
    Err(Rejection::new(
        RejectionKind::LogEntryUnsupported,
        "log entries are not read yet",
    ))
}
