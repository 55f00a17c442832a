//! Whether the signatures that were found meet a requirement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accept::Case;
use super::notes::{self, Why};
use super::require::{assign, ways};
use super::{Policy, Requirement, Unavailable};
use crate::trust::{Proof, SignerId};
use crate::verdict::{Code, Finding, Outcome, SignedBy, Status};

/// Judges `requirement` and writes what was found into `outcome`.
pub(super) fn judge(case: Case<'_>, requirement: &Requirement, outcome: &mut Outcome) -> Status {
    let status = if let Some((at, proof)) = first_of_any(case, requirement) {
        outcome.signers = vec![SignedBy {
            authority: Arc::clone(&case.policy.authorities[at].name),
            signer: proof.signer.clone(),
            proof: Some(Arc::clone(proof)),
        }];
        Status::Satisfied
    } else {
        Combination::new(case).judge(requirement, outcome)
    };
    let unused = notes::unused(case);
    match status {
        Status::Satisfied => {}
        Status::Violated => outcome.findings.push(shortfall(case, requirement, &unused)),
        Status::Inconclusive => blocked(case, outcome),
    }
    notes::write(&unused, status, outcome);
    status
}

/// The usual case without any table: one authority, or any of several.
fn first_of_any<'a>(case: Case<'a>, requirement: &Requirement) -> Option<(usize, &'a Arc<Proof>)> {
    match requirement {
        Requirement::Authority(at) => Some((*at, case.signatures(*at).next()?)),
        Requirement::AnyOf(children) => children.iter().find_map(|child| first_of_any(case, child)),
        Requirement::AllOf(_) | Requirement::Threshold { .. } => None,
    }
}

/// All signers of all authorities as numbers, so that a requirement can be met
/// by distinct ones.
struct Combination<'f> {
    case: Case<'f>,
    known: Vec<&'f SignerId>,
    /// For each of them, the first that is the same person.
    person: Vec<usize>,
    /// For each authority, the numbers of the persons who signed.
    found: Vec<Vec<usize>>,
    /// For each authority, whether there may be signatures that were not seen.
    open: Vec<bool>,
}

impl<'f> Combination<'f> {
    fn new(case: Case<'f>) -> Self {
        let policy = case.policy;
        let indices = 0..policy.authorities.len();
        let known: BTreeSet<_> = indices.clone().flat_map(|at| case.signers(at)).collect();
        let known: Vec<_> = known.into_iter().collect();
        let person = persons(case, &known);
        let found = indices
            .map(|at| {
                let numbers: BTreeSet<_> = case
                    .signers(at)
                    .filter_map(|signer| known.binary_search(&signer).ok())
                    .map(|number| person[number])
                    .collect();
                numbers.into_iter().collect()
            })
            .collect();
        let open = policy
            .authorities
            .iter()
            .map(|authority| authority.material.is_err() || !case.facts.gaps.is_empty())
            .collect();
        Self {
            case,
            known,
            person,
            found,
            open,
        }
    }

    fn person_of(&self, signer: &SignerId) -> Option<usize> {
        let number = self.known.binary_search(&signer).ok()?;
        Some(self.person[number])
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
                .extend(assigned.into_iter().map(|(at, person)| {
                    let is_it = |proof: &&Arc<Proof>| self.person_of(&proof.signer) == Some(person);
                    let proof = self.case.signatures(at).find(is_it);
                    let signer = proof.map_or(self.known[person], |proof| &proof.signer);
                    SignedBy {
                        authority: Arc::clone(&self.case.policy.authorities[at].name),
                        signer: signer.clone(),
                        proof: proof.cloned(),
                    }
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

/// For each of the signers, the first that is the same person. Whoever made one
/// signature that counts under several names – by a key, and by a certificate
/// for that key – is one person, or one signature would count for two.
fn persons(case: Case<'_>, known: &[&SignerId]) -> Vec<usize> {
    let mut person: Vec<usize> = (0..known.len()).collect();
    let mut by_document: BTreeMap<usize, usize> = BTreeMap::new();
    for at in 0..case.policy.authorities.len() {
        for (document, signer) in case.numbered(at) {
            let Ok(number) = known.binary_search(&signer) else {
                continue;
            };
            let first = *by_document.entry(document).or_insert(number);
            // No signature is by two keys.
            if let (SignerId::Key(_), SignerId::Key(_)) = (known[first], known[number]) {
                continue;
            }
            let (one, other) = (person[number], person[first]);
            let (kept, given) = (one.min(other), one.max(other));
            for of in &mut person {
                if *of == given {
                    *of = kept;
                }
            }
        }
    }
    person
}

/// What is missing where everything was read.
fn shortfall(case: Case<'_>, requirement: &Requirement, unused: &[Why<'_>]) -> Finding {
    let policy = case.policy;
    let name = |at: usize| &*policy.authorities[at].name;
    // Authorities that only attest would not help by signing.
    let mut asked = BTreeSet::new();
    requirement.authorities(&mut asked);
    let signed: Vec<usize> = asked
        .iter()
        .copied()
        .filter(|at| case.signers(*at).next().is_some())
        .collect();
    if signed.is_empty() {
        let names: Vec<_> = asked.iter().map(|at| name(*at)).collect();
        let others = unused
            .iter()
            .filter(|why| why.is_by_somebody_else())
            .count();
        let found = match others {
            0 if unused.is_empty() => "found none".to_owned(),
            0 => "found none that counts".to_owned(),
            1 => "found 1 signature by somebody else".to_owned(),
            n => format!("found {n} signatures by somebody else"),
        };
        return Finding::violation(
            Code::SignatureMissing,
            format!("no signature by {}; {found}", one_of(&names)),
        );
    }
    let distinct: BTreeSet<_> = signed.iter().flat_map(|at| case.signers(*at)).collect();
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
fn blocked(case: Case<'_>, outcome: &mut Outcome) {
    for authority in &case.policy.authorities {
        if let Err(Unavailable { code, why }) = &authority.material {
            outcome.findings.push(Finding::blocked(
                *code,
                format!("{} cannot be checked: {why}", authority.name),
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for gap in &case.facts.gaps {
        if seen.insert((gap.kind, &gap.detail)) {
            outcome.findings.push(gap.into());
        }
    }
}
