//! What was decided, and why: one outcome for each policy, findings with stable
//! codes, and the decision that follows from them.

mod reason;
pub mod report;
mod subject;

pub use reason::{Code, Finding, FindingKind};
pub use subject::{Enforcement, PolicyName, Subject};

use std::sync::Arc;

use crate::oci::{PinnedReference, Reference, Repository};
use crate::trust::{Proof, SignerId};

/// The end of the matter for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It may run.
    Allow,
    /// It may not.
    Deny,
}

/// How far a requirement was met, in strong Kleene logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Looked, and it holds.
    Satisfied,
    /// Looked, and it does not hold.
    Violated,
    /// Could not look.
    Inconclusive,
}

/// What is decided where no policy matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NoMatch {
    /// Denied: the default.
    #[default]
    Deny,
    /// Admitted with a warning.
    Warn,
    /// Admitted.
    Allow,
}

/// One policy's answer for one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which policy.
    pub policy: PolicyName,
    /// How its outcome is rendered.
    pub enforcement: Enforcement,
    /// Whether it is satisfied; `None` for a policy that is `off` and was not
    /// evaluated.
    pub status: Option<Status>,
    /// Who satisfied it.
    pub signers: Vec<SignedBy>,
    /// What was found, in the order in which it should be read.
    pub findings: Vec<Finding>,
}

/// One signer who satisfied a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// Name of the authority in the policy.
    pub authority: Arc<str>,
    /// Who it was, as proven.
    pub signer: SignerId,
    /// What proved it: of several signatures by this signer, the first that
    /// counts. `None` where there is no single one, because each entry of an
    /// index has its own.
    pub proof: Option<Arc<Proof>>,
}

/// Everything decided about one image.
///
/// There is no `Err` beside it: whatever goes wrong is a finding of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    reference: Option<Reference>,
    pinned: Option<PinnedReference>,
    decision: Decision,
    outcomes: Vec<Outcome>,
    findings: Vec<Finding>,
}

impl Verdict {
    /// Concludes from the outcomes of all policies that match.
    ///
    /// Denied if and only if an outcome under `enforce` is not satisfied, or no
    /// policy with `enforce` or `warn` matches and `no_match` is
    /// [`NoMatch::Deny`].
    pub fn conclude(
        reference: Reference,
        pinned: Option<PinnedReference>,
        outcomes: Vec<Outcome>,
        no_match: NoMatch,
    ) -> Self {
        Self::concluded(Some(reference), pinned, outcomes, no_match)
    }

    /// Concludes about a file that is not an image: denied unless every policy
    /// that is evaluated is satisfied, and there is one.
    pub fn conclude_blob(outcomes: Vec<Outcome>) -> Self {
        Self::concluded(None, None, outcomes, NoMatch::Deny)
    }

    fn concluded(
        reference: Option<Reference>,
        pinned: Option<PinnedReference>,
        outcomes: Vec<Outcome>,
        no_match: NoMatch,
    ) -> Self {
        let evaluated = outcomes
            .iter()
            .any(|outcome| outcome.enforcement != Enforcement::Off);
        let refused = outcomes.iter().any(Outcome::refuses);
        let mut findings = Vec::new();
        if !evaluated && no_match != NoMatch::Allow {
            findings.push(Finding::violation(
                Code::NoPolicyMatches,
                "no policy matches this image, and without one it is not admitted",
            ));
        }
        let deny = refused || (!evaluated && no_match == NoMatch::Deny);
        Self {
            reference,
            pinned,
            // The only place where anything is allowed.
            decision: if deny {
                Decision::Deny
            } else {
                Decision::Allow
            },
            outcomes,
            findings,
        }
    }

    /// A denial that no policy had a say in: the reference cannot be read, the
    /// gate is not ready, the check itself failed.
    pub fn refused(reference: Option<Reference>, finding: Finding) -> Self {
        let pinned = reference.as_ref().and_then(Reference::pinned);
        Self {
            reference,
            pinned,
            decision: Decision::Deny,
            outcomes: Vec::new(),
            findings: vec![finding],
        }
    }

    /// The reference that was judged; `None` if it could not be parsed.
    pub const fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// The artifact that was judged: the digest written, or the one that the
    /// tag pointed to, in the repository that it was judged as.
    pub const fn pinned(&self) -> Option<&PinnedReference> {
        self.pinned.as_ref()
    }

    /// What the reference is a copy of, and was judged as, where it names a
    /// mirror.
    pub fn origin(&self) -> Option<&Repository> {
        let (reference, pinned) = (self.reference.as_ref()?, self.pinned.as_ref()?);
        let judged = pinned.repository();
        (judged != reference.repository()).then_some(judged)
    }

    /// Allow or deny.
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// One entry for each policy that matches, `off` ones included.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Findings that belong to no policy.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// All findings, of policies and of none.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .chain(self.outcomes.iter().flat_map(|o| &o.findings))
    }

    /// Whether any outcome is denied under `warn`, or nothing matched under
    /// [`NoMatch::Warn`].
    pub fn warns(&self) -> bool {
        self.outcomes.iter().any(Outcome::warns)
            || (self.decision == Decision::Allow && !self.findings.is_empty())
    }

    /// For a denial: whether everything that denies is inconclusive, so that
    /// nothing bad was found and another look may give another answer.
    pub fn is_inconclusive(&self) -> bool {
        self.decision == Decision::Deny
            && self.findings.iter().all(Finding::is_obstacle)
            && self
                .outcomes
                .iter()
                .filter(|o| o.refuses())
                .all(|o| o.status == Some(Status::Inconclusive))
    }
}

impl Outcome {
    /// Whether this outcome denies the image.
    pub fn refuses(&self) -> bool {
        self.enforcement == Enforcement::Enforce && self.status != Some(Status::Satisfied)
    }

    /// Whether this outcome would deny the image if it were enforced.
    pub fn warns(&self) -> bool {
        self.enforcement == Enforcement::Warn && self.status != Some(Status::Satisfied)
    }
}
