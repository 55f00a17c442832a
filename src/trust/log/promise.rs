//! The signed entry timestamp of Rekor v1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::evidence::LogEntry;
use crate::oci::Hex;
use crate::trust::root::Log;
use crate::trust::{Rejection, RejectionKind};

/// Checks the log's promise to include `entry`, and returns the time that it
/// covers, if it names one.
///
/// # Errors
///
/// [`RejectionKind::LogPromiseInvalid`] if `log` did not sign this body, index
/// and time, [`RejectionKind::LogUnknown`] if the log's key was not trusted
/// then.
pub(super) fn verify(
    entry: &LogEntry,
    promise: &[u8],
    log: &Log,
) -> Result<Option<Timestamp>, Rejection> {
    if log
        .key
        .verify(signed_bytes(entry).as_bytes(), promise)
        .is_none()
    {
        return Err(Rejection::new(
            RejectionKind::LogPromiseInvalid,
            "the signed entry timestamp was not made by the log over this entry",
        ));
    }
    let Some(seconds) = entry.integrated_time else {
        return Ok(None);
    };
    let time = Timestamp::from_second(seconds).map_err(|_| {
        Rejection::new(
            RejectionKind::LogEntryMalformed,
            "the entry was taken in at a time beyond all calendars",
        )
    })?;
    if !log.window.contains(time) {
        return Err(Rejection::new(
            RejectionKind::LogUnknown,
            format!("the key of the log was not trusted at {time}, when it took the entry"),
        ));
    }
    Ok(Some(time))
}

/// What the log signs: body, time, log and index in canonical JSON (RFC 8785).
/// Of a fixed shape, with nothing that needs an escape.
pub(super) fn signed_bytes(entry: &LogEntry) -> String {
    format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
        STANDARD.encode(&entry.body),
        entry.integrated_time.unwrap_or(0),
        Hex::of(&entry.log_id).as_str(),
        entry.index,
    )
}
