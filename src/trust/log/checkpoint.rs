//! Checkpoints: what a log says about its tree, as a signed note. Follows C2SP
//! `tlog-checkpoint` and `signed-note`.

use sigstore_types::{Checkpoint, Sha256Hash};

use super::Generation;
use crate::trust::root::Log;
use crate::trust::{Rejection, RejectionKind};

/// A tree as a log signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Number of leaves.
    pub(super) size: u64,
    pub(super) root: Sha256Hash,
}

/// More signatures than this are not looked at: the log's own, and those of its
/// witnesses.
const MAX_SIGNATURES: usize = 32;

/// Reads a checkpoint that `log` signed.
///
/// Other signatures in it – of witnesses, of the log's other keys – are not
/// looked at. Key ids have four bytes and collide, so each signature that
/// claims to be by this log is tried.
///
/// # Errors
///
/// [`RejectionKind::LogCheckpointInvalid`] if it is not a checkpoint, is about
/// another log, or the log did not sign it.
pub(super) fn verify(text: &str, log: &Log, generation: Generation) -> Result<Tree, Rejection> {
    let checkpoint = parse(text).ok_or_else(|| invalid("cannot be read"))?;
    let name = name(checkpoint.origin(), generation)
        .filter(|name| is_called(log, name))
        .ok_or_else(|| {
            invalid(&format!(
                "names another log in its first line than the one at {}",
                log.origin
            ))
        })?;
    let signed = checkpoint.signatures().iter().any(|signature| {
        signature.name == name
            && signature.key_id.as_bytes()[..] == log.id[..4]
            && log
                .key
                .verify(checkpoint.signed_data(), signature.signature.as_bytes())
                .is_some()
    });
    if !signed {
        return Err(invalid("was not signed by the log that the entry names"));
    }
    Ok(Tree {
        size: checkpoint.tree_size(),
        root: *checkpoint.root_hash(),
    })
}

/// Reads a signed note strictly: one text, one meaning.
fn parse(text: &str) -> Option<Checkpoint> {
    let (note, signatures) = text.split_once("\n\n")?;
    // Nothing may stand behind the signatures: other readers take the last
    // blank line for the border.
    let lines = signatures.strip_suffix('\n')?;
    let clean = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
    if !clean(text) || lines.split('\n').count() > MAX_SIGNATURES {
        return None;
    }
    let is_signature = |line: &str| {
        let mut parts = line.split(' ');
        parts.next() == Some("\u{2014}")
            && parts.by_ref().take(2).all(|part| !part.is_empty())
            && line.split(' ').count() == 3
    };
    if !lines.split('\n').all(is_signature) {
        return None;
    }
    let checkpoint = Checkpoint::from_text(text).ok()?;
    // The library trims lines and allows several spellings of a number. What it
    // found is the text itself, or another text was signed.
    let written = checkpoint.to_signed_note_body();
    (written.strip_suffix('\n') == Some(note)).then_some(checkpoint)
}

/// The name in the first line: Rekor v1 writes the name of its host and the
/// number of the tree, Rekor v2 the name alone.
fn name(origin: &str, generation: Generation) -> Option<&str> {
    match generation {
        Generation::V1 => {
            let (name, tree) = origin.split_once(" - ")?;
            (!tree.is_empty() && tree.bytes().all(|b| b.is_ascii_digit())).then_some(name)
        }
        Generation::V2 => Some(origin),
    }
}

/// Whether the log's URL has this name: its host and path, or its host without
/// the port.
fn is_called(log: &Log, name: &str) -> bool {
    let authority = log.origin.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    *log.origin == *name || host == name
}

fn invalid(words: &str) -> Rejection {
    Rejection::new(
        RejectionKind::LogCheckpointInvalid,
        format!("the checkpoint of the log {words}"),
    )
}
