//! Whether the signatures that were found meet a requirement.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::require::{assign, ways};
use super::{Facts, Policy, Requirement};
use crate::trust::{Rejection, RejectionKind, SignerId};
use crate::verdict::{Code, Finding, Outcome, Status};

/// Documents that do not count are explained up to here. Anyone who can push
/// can attach any number of them; the first few tell what is going on.
const MAX_NOTES: usize = 8;

/// Judges `requirement` and writes what was found into `outcome`.
pub(super) fn judge(
    policy: &Policy,
    requirement: &Requirement,
    facts: &Facts,
    outcome: &mut Outcome,
) -> Status {
    let status = if let Some((at, signer)) = first_of_any(policy, requirement, facts) {
        let name = Arc::clone(&policy.authorities[at].name);
        outcome.signers = vec![(name, signer)];
        Status::Satisfied
    } else {
        Combination::new(policy, facts).judge(requirement, outcome)
    };
    match status {
        Status::Satisfied => {}
        Status::Violated => outcome.findings.push(shortfall(policy, requirement, facts)),
        Status::Inconclusive => blocked(policy, facts, outcome),
    }
    notes(policy, facts, outcome);
    status
}

/// The usual case without any table: one authority, or any of several.
fn first_of_any(
    policy: &Policy,
    requirement: &Requirement,
    facts: &Facts,
) -> Option<(usize, SignerId)> {
    match requirement {
        Requirement::Authority(at) => {
            let signer = signers(policy, facts, *at).next()?;
            Some((*at, signer.clone()))
        }
        Requirement::AnyOf(children) => children
            .iter()
            .find_map(|child| first_of_any(policy, child, facts)),
        Requirement::AllOf(_) | Requirement::Threshold { .. } => None,
    }
}

/// Who signed for an authority; a signer once for each document.
pub(super) fn signers<'f>(
    policy: &Policy,
    facts: &'f Facts,
    authority: usize,
) -> impl Iterator<Item = &'f SignerId> {
    policy
        .authorities
        .get(authority)
        .and_then(|authority| authority.material.as_ref().ok())
        .into_iter()
        .flat_map(|material| facts.under(*material))
        .filter_map(|established| established.as_ref().as_ref().ok())
        // An attestation is not a signature.
        .filter(|verified| verified.claim().as_signature().is_some())
        .map(|verified| &verified.proof().signer)
}

/// All signers of all authorities as numbers, so that a requirement can be met
/// by distinct ones.
struct Combination<'f> {
    policy: &'f Policy,
    known: Vec<&'f SignerId>,
    /// For each authority, the numbers of its signers.
    found: Vec<Vec<usize>>,
    /// For each authority, whether there may be signatures that were not seen.
    open: Vec<bool>,
}

impl<'f> Combination<'f> {
    fn new(policy: &'f Policy, facts: &'f Facts) -> Self {
        let indices = 0..policy.authorities.len();
        let known: BTreeSet<_> = indices
            .clone()
            .flat_map(|at| signers(policy, facts, at))
            .collect();
        let known: Vec<_> = known.into_iter().collect();
        let found = indices
            .map(|at| {
                let numbers: BTreeSet<_> = signers(policy, facts, at)
                    .filter_map(|signer| known.binary_search(&signer).ok())
                    .collect();
                numbers.into_iter().collect()
            })
            .collect();
        let open = policy
            .authorities
            .iter()
            .map(|authority| authority.material.is_err() || !facts.gaps.is_empty())
            .collect();
        Self {
            policy,
            known,
            found,
            open,
        }
    }

    fn judge(&self, requirement: &Requirement, outcome: &mut Outcome) -> Status {
        // A requirement that came through `compile` has few enough ways.
        let Some(ways) = ways(requirement) else {
            return Status::Inconclusive;
        };
        let found = |at: usize| self.found.get(at).cloned().unwrap_or_default();
        let met = ways
            .iter()
            .find_map(|way| assign(way, &found, self.known.len()));
        if let Some(assigned) = met {
            outcome
                .signers
                .extend(assigned.into_iter().map(|(at, signer)| {
                    let name = Arc::clone(&self.policy.authorities[at].name);
                    (name, self.known[signer].clone())
                }));
            return Status::Satisfied;
        }
        // An authority that could not be looked at completely may have one more
        // signer, whom nobody else has.
        let hoped = |at: usize| {
            let unseen = self.open.get(at).is_some_and(|open| *open);
            let mut numbers = found(at);
            numbers.extend(unseen.then_some(self.known.len() + at));
            numbers
        };
        let count = self.known.len() + self.open.len();
        if ways.iter().any(|way| assign(way, &hoped, count).is_some()) {
            Status::Inconclusive
        } else {
            Status::Violated
        }
    }
}

/// What is missing where everything was read.
fn shortfall(policy: &Policy, requirement: &Requirement, facts: &Facts) -> Finding {
    let name = |at: usize| &*policy.authorities[at].name;
    let signed: Vec<usize> = (0..policy.authorities.len())
        .filter(|at| signers(policy, facts, *at).next().is_some())
        .collect();
    if signed.is_empty() {
        let names: Vec<_> = policy.authorities.iter().map(|a| &*a.name).collect();
        let others = worst(policy, facts)
            .iter()
            .filter(|rejection| rejection.kind == RejectionKind::SignatureInvalid)
            .count();
        let found = match others {
            0 => "found none that could be one".to_owned(),
            1 => "found 1 signature by somebody else".to_owned(),
            n => format!("found {n} signatures by somebody else"),
        };
        return Finding::violation(
            Code::SignatureMissing,
            format!("no signature by {}; {found}", one_of(&names)),
        );
    }
    let distinct: BTreeSet<_> = signed
        .iter()
        .flat_map(|at| signers(policy, facts, *at))
        .collect();
    let signed: Vec<_> = signed.into_iter().map(name).collect();
    Finding::violation(
        Code::ThresholdNotMet,
        format!(
            "needs {}; signed by {} ({} distinct)",
            describe(policy, requirement),
            signed.join(", "),
            distinct.len()
        ),
    )
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => "anybody".to_owned(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A requirement in words.
fn describe(policy: &Policy, requirement: &Requirement) -> String {
    let all = |of: &[Requirement]| {
        let parts: Vec<_> = of.iter().map(|child| describe(policy, child)).collect();
        parts.join(", ")
    };
    match requirement {
        Requirement::Authority(at) => policy.authorities[*at].name.to_string(),
        Requirement::AnyOf(of) => format!("any of [{}]", all(of)),
        Requirement::AllOf(of) => format!("all of [{}]", all(of)),
        Requirement::Threshold { k, of } => format!("{k} of [{}]", all(of)),
    }
}

/// What stood in the way.
fn blocked(policy: &Policy, facts: &Facts, outcome: &mut Outcome) {
    for authority in &policy.authorities {
        if let Err(why) = &authority.material {
            outcome.findings.push(Finding::blocked(
                Code::KeyUnavailable,
                format!("the key of {} could not be had: {why}", authority.name),
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for gap in &facts.gaps {
        if seen.insert((gap.kind, &gap.detail)) {
            outcome.findings.push(gap.into());
        }
    }
}

/// For each document that counts for no authority of the policy, the rejection
/// that says most: how it is broken, rather than that somebody else signed it.
fn worst<'f>(policy: &Policy, facts: &'f Facts) -> Vec<&'f Rejection> {
    let columns = || {
        policy
            .authorities
            .iter()
            .filter_map(|authority| authority.material.as_ref().ok())
            .map(|material| facts.under(*material))
    };
    let documents = columns().map(<[_]>::len).max().unwrap_or(0);
    let mut found = Vec::new();
    for document in 0..documents {
        let mut worst: Option<&Rejection> = None;
        let mut counts = false;
        for column in columns() {
            match column.get(document).map(|established| &**established) {
                Some(Ok(_)) => counts = true,
                Some(Err(rejection)) => {
                    let vague = |r: &Rejection| r.kind == RejectionKind::SignatureInvalid;
                    if worst.is_none_or(|known| vague(known) && !vague(rejection)) {
                        worst = Some(rejection);
                    }
                }
                None => {}
            }
        }
        if !counts {
            found.extend(worst);
        }
    }
    found
}

fn notes(policy: &Policy, facts: &Facts, outcome: &mut Outcome) {
    let mut seen = BTreeSet::new();
    let mut more: Option<(RejectionKind, usize)> = None;
    for rejection in worst(policy, facts) {
        if !seen.insert((rejection.kind, &rejection.detail)) {
            continue;
        }
        if seen.len() <= MAX_NOTES {
            outcome.findings.push(Finding::note(rejection));
        } else {
            let (kind, count) = more.unwrap_or((rejection.kind, 0));
            more = Some((kind, count + 1));
        }
    }
    if let Some((kind, count)) = more {
        let detail = format!("and {count} more attached documents that do not count");
        outcome
            .findings
            .push(Finding::note(&Rejection::new(kind, detail)));
    }
}
