//! Proofs that an entry is in a log's tree (RFC 6962, section 2.1.1).

use sigstore_types::Sha256Hash;

use super::{Generation, checkpoint};
use crate::evidence::{InclusionProof, LogEntry};
use crate::trust::root::Log;
use crate::trust::{Rejection, RejectionKind};

/// Checks that the body of `entry` is a leaf of the tree whose checkpoint `log`
/// signed.
///
/// Rekor v1 counts entries over all its trees, so the place in the tree stands
/// in the proof. Of Rekor v2's proof nothing but the hashes is used: place and
/// size stand in the entry and in the checkpoint, and what the proof says of
/// size and root beside must only not contradict.
///
/// # Errors
///
/// [`RejectionKind::LogCheckpointInvalid`] if the checkpoint is not by this
/// log, [`RejectionKind::LogProofInvalid`] if the proof does not lead to it.
pub(super) fn verify(
    entry: &LogEntry,
    proof: &InclusionProof,
    log: &Log,
    generation: Generation,
) -> Result<(), Rejection> {
    let text = proof.checkpoint.as_deref().ok_or_else(|| {
        Rejection::new(
            RejectionKind::LogCheckpointInvalid,
            "the proof of inclusion leads to no checkpoint",
        )
    })?;
    let tree = checkpoint::verify(text, log, generation)?;
    let index = match generation {
        Generation::V1 => {
            if proof.root_hash != tree.root.as_bytes() || proof.tree_size != tree.size {
                return Err(invalid("is for another tree than its checkpoint"));
            }
            proof.index
        }
        Generation::V2 => {
            // Copies that nobody needs; one that differs is not of this proof.
            if proof.root_hash != tree.root.as_bytes() {
                return Err(invalid("is for another tree than its checkpoint"));
            }
            if proof.tree_size != 0 && proof.tree_size != tree.size {
                return Err(invalid("is for a tree of another size than its checkpoint"));
            }
            entry.index
        }
    };
    let hashes: Vec<_> = proof.hashes.iter().copied().map(Sha256Hash::new).collect();
    sigstore_merkle::verify_inclusion_proof(
        &sigstore_merkle::hash_leaf(&entry.body),
        index,
        tree.size,
        &hashes,
        &tree.root,
    )
    .map_err(|_| invalid("does not lead from the entry to the checkpoint"))
}

fn invalid(words: &str) -> Rejection {
    Rejection::new(
        RejectionKind::LogProofInvalid,
        format!("the proof of inclusion {words}"),
    )
}
