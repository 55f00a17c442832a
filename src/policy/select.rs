//! Policies ready to run, and which of them apply to an image.

use std::sync::Arc;
use std::time::Duration;

use crate::oci::Repository;
use crate::trust::AuthorityMaterial;
use crate::verdict::{Enforcement, Finding, NoMatch, PolicyName, Subject};

/// Index of one authority's material in its [`PolicySet`]. Authorities with the
/// same material share it, whatever their names and policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaterialId(pub(crate) usize);

/// How authorities combine; the numbers are indices into
/// [`Policy::authorities`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// This authority must have signed.
    Authority(usize),
    /// At least one; never empty.
    AnyOf(Vec<Requirement>),
    /// Every one, by distinct signers; never empty.
    AllOf(Vec<Requirement>),
    /// At least `k`, by distinct signers; `1 <= k <= of.len()`.
    Threshold {
        /// How many.
        k: usize,
        /// Of which.
        of: Vec<Requirement>,
    },
}

/// Whom a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The name in the policy.
    pub name: Arc<str>,
    /// What its signatures are checked against, or one sentence why that could
    /// not be had.
    pub material: Result<MaterialId, Arc<str>>,
}

/// What a policy says about references without a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tags {
    /// Denied.
    #[default]
    Deny,
    /// Judged by the digest that the tag names now. Only the command line makes
    /// such a policy, for a key given without a policy.
    Resolve,
}

/// One policy, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// How its outcome is rendered.
    pub enforcement: Enforcement,
    /// What it says about tags.
    pub tags: Tags,
    /// Whom it accepts.
    pub authorities: Vec<Authority>,
    /// How they combine; `None` for level `unverified`, which demands nothing
    /// but a digest.
    pub requirement: Option<Requirement>,
    /// How long evidence may be used without having been looked at again.
    pub known_good_for: Duration,
    /// Set where the document cannot be evaluated: what to report instead. Such
    /// a policy denies in its scope.
    pub broken: Option<Finding>,
}

/// All policies in force, with the material of their authorities. Immutable;
/// swapped whole.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    pub(super) policies: Vec<(super::compile::Matcher, Arc<Policy>)>,
    pub(super) materials: Vec<Arc<AuthorityMaterial>>,
    pub(super) no_match: NoMatch,
}

/// Whether a policy is known to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// It may: what it names of the subject is not known.
    Unknown(Finding),
}

/// One policy that applies, or may.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Whether it is known to apply.
    pub applies: Applies,
}

/// The policies for one image in one place.
#[derive(Debug, Clone)]
pub struct Selection {
    /// In the order of the documents, `off` ones included.
    pub policies: Vec<Selected>,
    /// What is decided if none of them is evaluated.
    pub no_match: NoMatch,
}

impl PolicySet {
    /// Finds the policies for an image of `repository` used at `subject`.
    pub fn select(&self, _repository: &Repository, _subject: &Subject) -> Selection {
        let _ = (&self.policies, self.no_match);
        panic!("placeholder")
    }

    /// The material behind an index.
    pub fn material(&self, id: MaterialId) -> &Arc<AuthorityMaterial> {
        &self.materials[id.0]
    }
}

impl Selection {
    /// Whether any policy is to be evaluated, so that a request may go out.
    pub fn is_evaluated(&self) -> bool {
        self.policies
            .iter()
            .any(|selected| selected.policy.enforcement != Enforcement::Off)
    }

    /// Whether any policy to be evaluated demands signatures.
    pub fn needs_evidence(&self) -> bool {
        self.policies.iter().any(|selected| {
            selected.policy.enforcement != Enforcement::Off
                && selected.policy.requirement.is_some()
                && selected.policy.broken.is_none()
                && selected.applies == Applies::Yes
        })
    }

    /// The distinct material that the evaluated policies need, in order.
    pub fn materials(&self) -> Vec<MaterialId> {
        let mut ids: Vec<_> = self
            .policies
            .iter()
            .filter(|selected| selected.policy.enforcement != Enforcement::Off)
            .flat_map(|selected| &selected.policy.authorities)
            .filter_map(|authority| authority.material.as_ref().ok().copied())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
