//! Documents to [`Compiled`], with every problem reported at once.

use std::path::PathBuf;

use super::PolicySet;
use crate::trust::{MaterialRef, Materials};

/// One document as it was read: where from, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    /// Where it came from, for messages and for resolving relative paths.
    pub origin: PathBuf,
    /// YAML or JSON, one or several documents.
    pub text: String,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {path}: {message}")]
pub struct Problem {
    /// File, and line where known.
    pub origin: String,
    /// Path of the field, such as `spec.authorities[1].key`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Which images and places a policy is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Matcher {}

/// Policies that compile, before their material was read.
#[derive(Debug, Clone)]
pub struct Compiled {}

/// Compiles documents.
///
/// # Errors
///
/// Every [`Problem`] of every document.
pub fn compile(_documents: &[PolicyDocument]) -> Result<Compiled, Vec<Problem>> {
    panic!("placeholder")
}

impl Compiled {
    /// The material that the policies refer to, to be read by the caller.
    pub fn materials(&self) -> Vec<MaterialRef> {
        panic!("placeholder")
    }

    /// Adds the material. What could not be read makes the authority
    /// inconclusive (`key-unavailable`); nothing is dropped.
    pub fn bind(&self, _materials: &Materials) -> PolicySet {
        panic!("placeholder")
    }
}
