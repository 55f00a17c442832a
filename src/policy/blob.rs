//! The decision about a file and the bundle that came with it.

use std::sync::Arc;

use jiff::Timestamp;

use super::accept::Case;
use super::{Facts, Policy, PolicySet, notes};
use crate::verdict::{Code, Finding, Outcome, SignedBy, Status, Verdict};

/// Decides whether a file was signed, as of `at`. Every policy of the set is
/// asked, whatever it matches; `facts` are those of the one bundle that the
/// user gave, so that nothing is missing from them.
///
/// A statement of any type counts as signed: who asks names the signer and has
/// the bundle at hand.
pub fn decide_blob(policies: &PolicySet, facts: &Facts, at: Timestamp) -> Verdict {
    let outcomes = policies
        .policies()
        .map(|policy| outcome(policy, facts, at))
        .collect();
    Verdict::conclude_blob(outcomes)
}

fn outcome(policy: &Policy, facts: &Facts, at: Timestamp) -> Outcome {
    let mut outcome = Outcome {
        policy: policy.name.clone(),
        enforcement: policy.enforcement,
        status: Some(Status::Violated),
        signers: Vec::new(),
        findings: Vec::new(),
    };
    let case = Case {
        policy,
        facts,
        repository: None,
        at,
    };
    for (index, authority) in policy.authorities.iter().enumerate() {
        if let Some(verified) = case.accepted(index).next() {
            outcome.status = Some(Status::Satisfied);
            let proof = Arc::clone(verified.proof());
            outcome.signers.push(SignedBy {
                authority: Arc::clone(&authority.name),
                signer: proof.signer.clone(),
                proof: Some(proof),
            });
            return outcome;
        }
    }
    outcome.findings.push(Finding::violation(
        Code::SignatureMissing,
        "the bundle does not show that this file was signed by whom was named",
    ));
    notes::write(&notes::unused(case), Status::Violated, &mut outcome);
    outcome
}
