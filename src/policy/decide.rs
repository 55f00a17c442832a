//! Selection and established facts in, outcomes out. No cryptography, no
//! clock, no I/O.

use std::sync::Arc;

use jiff::Timestamp;

use super::{MaterialId, Selection};
use crate::evidence::Obstacle;
use crate::oci::{PinnedReference, Reference};
use crate::trust::Established;
use crate::verdict::Verdict;

/// How the artifact that is judged was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinning {
    /// The reference has a digest.
    Digest(PinnedReference),
    /// The reference has none; its tag points to this artifact now.
    Resolved(PinnedReference),
    /// The reference has none, and what its tag points to could not be had.
    Unresolved(Obstacle),
}

/// What is known about one artifact.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// For each material of the selection, sorted: what each document is worth
    /// under it.
    pub established: Vec<(MaterialId, Vec<Arc<Established>>)>,
    /// What could not be looked at. While there is any, no authority is
    /// violated.
    pub gaps: Vec<Obstacle>,
}

impl Facts {
    /// What each document is worth under `material`.
    pub fn under(&self, material: MaterialId) -> &[Arc<Established>] {
        self.established
            .binary_search_by_key(&material, |(id, _)| *id)
            .map_or(&[], |at| &self.established[at].1)
    }
}

/// Combines the policies for an image with what is known about it, as of `at`.
pub fn decide(
    _reference: &Reference,
    _pinning: &Pinning,
    _selection: &Selection,
    _facts: &Facts,
    _at: Timestamp,
) -> Verdict {
    panic!("placeholder")
}
