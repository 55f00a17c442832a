//! Transparency logs: that an entry is in a log, and that it is about this
//! signature.
//!
//! Two generations are read. Rekor v1 promises to include an entry at a time
//! that it signs (signed entry timestamp), and proves inclusion by a checkpoint
//! of one of its trees. Rekor v2 has one tree for each log, proves inclusion
//! only, and knows no time. Which of them an entry is of follows from its kind.

mod body;
mod checkpoint;
mod promise;
mod proof;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::body::{Body, Kind};
use super::root::{Log, TrustRoot};
use super::signed::{Signed, SignerKey};
use super::{LogProof, Rejection, RejectionKind};
use crate::evidence::{BundleVersion, LogEntry};

/// Checks every log entry that came with `signed` against the logs of `root`:
/// that the log took it (signed entry timestamp, proof of inclusion,
/// checkpoint), and that it is about this signature, this key or certificate
/// and this payload.
///
/// In the legacy layouts and in bundles of version 0.1 the signed entry
/// timestamp must be there and is enough; in others a proof with a checkpoint
/// must be there. What is there must verify. A time counts only where the
/// log's signature covers it.
///
/// # Errors
///
/// `log-*` kinds; the first thing that is wrong: whether the entry can be read,
/// whose log it is, what the log signed, and what the entry is about.
/// [`RejectionKind::FormatNotSupported`] if the entry names a digest that
/// cannot be compared with the one known of the payload.
pub(super) fn verify(
    signed: &Signed<'_>,
    signer: &SignerKey<'_>,
    root: &TrustRoot,
) -> Result<Vec<LogProof>, Rejection> {
    let malformed = |detail: &str| Rejection::new(RejectionKind::LogEntryMalformed, detail);
    let entries = signed.material.log_entries.iter();
    let proofs = entries
        .map(|entry| match entry {
            Ok(entry) => self::entry(entry, signed, signer, root),
            Err(detail) => Err(malformed(detail)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Whoever counts entries would count one of them for two.
    let mut seen = BTreeSet::new();
    if !proofs
        .iter()
        .all(|proof| seen.insert((proof.log, proof.index)))
    {
        return Err(malformed("the same entry of a log came twice"));
    }
    Ok(proofs)
}

/// The two generations of Rekor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    V1,
    V2,
}

fn entry(
    entry: &LogEntry,
    signed: &Signed<'_>,
    signer: &SignerKey<'_>,
    root: &TrustRoot,
) -> Result<LogProof, Rejection> {
    let kind = Kind::of(entry)?;
    let body = Body::parse(kind, &entry.body)?;
    let generation = kind.generation();
    let log = named(entry, root)?;
    complete(entry, generation, signed.bundle)?;
    let promised = match &entry.promise {
        Some(promise) => Some(promise::verify(entry, promise, log)?),
        None => None,
    };
    if let Some(proof) = &entry.proof {
        proof::verify(entry, proof, log, generation)?;
    }
    body.is_about(signed, signer)?;
    Ok(LogProof {
        root: root.name().clone(),
        log: log.id,
        // The index in the log as a whole is covered by the promise of Rekor
        // v1 and, there being one tree, by the proof of Rekor v2.
        index: match (&promised, &entry.proof, generation) {
            (None, Some(proof), Generation::V1) => proof.index,
            _ => entry.index,
        },
        integrated: promised.flatten(),
        window: log.window,
    })
}

/// The log that the entry names.
fn named<'r>(entry: &LogEntry, root: &'r TrustRoot) -> Result<&'r Log, Rejection> {
    let mut logs = root.logs.iter();
    logs.find(|log| log.id[..] == entry.log_id[..])
        .ok_or_else(|| {
            Rejection::new(
                RejectionKind::LogUnknown,
                format!(
                    "the entry is of a log that trust root {} does not name",
                    root.name()
                ),
            )
        })
}

/// Whether everything came that the log's generation and the layout must have.
fn complete(
    entry: &LogEntry,
    generation: Generation,
    bundle: Option<BundleVersion>,
) -> Result<(), Rejection> {
    let missing = |kind, words: &str| Err(Rejection::new(kind, words));
    let proven = entry
        .proof
        .as_ref()
        .is_some_and(|proof| proof.checkpoint.is_some());
    let old = matches!(bundle, None | Some(BundleVersion::V0_1));
    if !proven && (generation == Generation::V2 || !old) {
        return missing(
            RejectionKind::LogProofMissing,
            "the entry came without a proof that it is in the log, or without the checkpoint \
             that the proof leads to",
        );
    }
    if generation == Generation::V2 && entry.promise.is_some() {
        return missing(
            RejectionKind::LogPromiseInvalid,
            "the entry is of Rekor v2 and came with a signed entry timestamp, which that does \
             not give",
        );
    }
    if old && entry.promise.is_none() {
        return missing(
            RejectionKind::LogPromiseMissing,
            "the entry came without a signed entry timestamp, which this layout must have",
        );
    }
    Ok(())
}
