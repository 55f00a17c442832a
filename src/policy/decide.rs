//! Selection and established facts in, outcomes out. No cryptography, no
//! clock, no I/O.

use std::sync::Arc;

use jiff::Timestamp;

use super::accept::Case;
use super::{
    Applies, Family, MaterialId, Requirement, Selected, Selection, Tags, attestations, multi_arch,
    signatures,
};
use crate::evidence::Obstacle;
use crate::oci::{PinnedReference, Reference};
use crate::trust::{Established, OldBundles};
use crate::verdict::{Code, Enforcement, Finding, Outcome, Status, Verdict};

/// How the artifact that is judged was named. Its repository is the one that
/// it is judged as: that of the reference, or the origin where the reference
/// names a mirror.
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
    /// under it, in one order of documents for all of them.
    pub established: Vec<(MaterialId, Vec<Arc<Established>>)>,
    /// What could not be looked at. While there is any, no authority is
    /// violated.
    pub gaps: Vec<Obstacle>,
    /// Whether it is an index, and what is known about its entries. Looked at
    /// only where a policy asks.
    pub family: Family,
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
///
/// `at` is the time of the decision, one for a whole review. What was seen
/// later does not count, and keys and certificates with dates are compared with
/// it where nothing trusted says when they were used.
///
/// Of `facts`, only what belongs to the material of the selection is read; it
/// is empty where nothing had to be gathered.
pub fn decide(
    reference: &Reference,
    pinning: &Pinning,
    selection: &Selection,
    facts: &Facts,
    at: Timestamp,
) -> Verdict {
    let outcomes = selection
        .policies
        .iter()
        .map(|selected| outcome(reference, pinning, selected, facts, at))
        .collect();
    let pinned = match pinning {
        Pinning::Digest(pinned) | Pinning::Resolved(pinned) => Some(pinned.clone()),
        Pinning::Unresolved(_) => None,
    };
    Verdict::conclude(reference.clone(), pinned, outcomes, selection.no_match)
}

fn outcome(
    reference: &Reference,
    pinning: &Pinning,
    selected: &Selected,
    facts: &Facts,
    at: Timestamp,
) -> Outcome {
    let policy = &*selected.policy;
    let mut outcome = Outcome {
        policy: policy.name.clone(),
        enforcement: policy.enforcement,
        status: None,
        signers: Vec::new(),
        findings: Vec::new(),
    };
    if policy.enforcement == Enforcement::Off {
        return outcome;
    }
    // Whether it applies is the first question: what it would say is not worth
    // telling while that is open.
    let instead = match &selected.applies {
        Applies::Unknown(finding) => Some(finding),
        Applies::Yes => policy.broken.as_ref(),
    };
    if let Some(finding) = instead {
        outcome.status = Some(status_of(finding));
        outcome.findings.push(finding.clone());
        return outcome;
    }
    let pin = match (pinning, policy.tags) {
        (Pinning::Digest(_), _) | (Pinning::Resolved(_), Tags::Resolve) => Status::Satisfied,
        (Pinning::Resolved(_) | Pinning::Unresolved(_), Tags::Deny) => {
            outcome.findings.push(tag_not_pinned(reference, pinning));
            Status::Violated
        }
        (Pinning::Unresolved(obstacle), Tags::Resolve) => {
            outcome.findings.push(obstacle.into());
            Status::Inconclusive
        }
    };
    let signed = match (&policy.requirement, pinning) {
        // There is no artifact that could be looked at.
        (_, Pinning::Unresolved(_)) | (None, _) => Status::Satisfied,
        (Some(requirement), Pinning::Digest(pinned) | Pinning::Resolved(pinned)) => {
            let case = Case {
                policy,
                facts,
                repository: Some(pinned.repository()),
                at,
            };
            let status = judge(case, requirement, &mut outcome);
            if policy.old_bundles == OldBundles::Accepted {
                outcome.findings.push(Finding::remark(
                    Code::OldBundlesAccepted,
                    "insecureOldBundles: bundles of versions 0.1 and 0.2 count here",
                ));
            }
            status
        }
    };
    outcome.status = Some(both(pin, signed));
    outcome
}

/// Whether what is known about the artifact meets `requirement`.
fn judge(case: Case<'_>, requirement: &Requirement, outcome: &mut Outcome) -> Status {
    multi_arch::judge(
        case.policy,
        requirement,
        case.facts,
        outcome,
        &multi_arch::One {
            judge: &|facts, outcome| {
                let case = Case { facts, ..case };
                let signed = signatures::judge(case, requirement, outcome);
                both(signed, attestations::judge(case, outcome))
            },
            signers: &|facts, authority| Case { facts, ..case }.signers(authority).collect(),
        },
    )
}

/// Strong Kleene "and".
const fn both(a: Status, b: Status) -> Status {
    match (a, b) {
        (Status::Violated, _) | (_, Status::Violated) => Status::Violated,
        (Status::Inconclusive, _) | (_, Status::Inconclusive) => Status::Inconclusive,
        (Status::Satisfied, Status::Satisfied) => Status::Satisfied,
    }
}

fn status_of(finding: &Finding) -> Status {
    if finding.is_obstacle() {
        Status::Inconclusive
    } else {
        Status::Violated
    }
}

fn tag_not_pinned(reference: &Reference, pinning: &Pinning) -> Finding {
    let message = match pinning {
        Pinning::Digest(pinned) | Pinning::Resolved(pinned) => {
            // What was judged may have another name, where the reference names a
            // mirror; what is deployed keeps the one that was written.
            let written = reference.repository().pin(pinned.digest());
            format!("the tag can move; deploy {written}")
        }
        Pinning::Unresolved(obstacle) => format!(
            "the tag can move; deploy {}@DIGEST (what {} points to now could not be had: {})",
            reference.repository(),
            reference.tag_or_latest(),
            obstacle.detail
        ),
    };
    Finding::violation(Code::TagNotPinned, message)
}
