//! Whether the attestations that were found are those that a policy demands.
//!
//! A signature is better for every further one that turns up; a statement is
//! not, because a newer one may take back what it says. So only the newest
//! decides, for each type and authority, and which one that is can be told only
//! where everything was looked at: while something is missing from the evidence,
//! a demand for attestations is inconclusive.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::accept::Case;
use super::condition::{Signed, Unmet, trusted_time};
use super::{AttestationRequirement, IdentityRule};
use crate::trust::{AttestationClaim, Proof};
use crate::verdict::{Code, Finding, Outcome, Status};

/// Longest list of what does not hold in one statement; the first few tell.
const MAX_UNMET: usize = 4;
/// Other types that are named where one is missing.
const MAX_TYPES: usize = 4;
/// Longest type that is shown, in characters.
const MAX_SHOWN: usize = 120;

/// A statement that counts for an authority.
#[derive(Debug, Clone, Copy)]
struct Statement<'a> {
    claim: &'a AttestationClaim,
    proof: &'a Proof,
    /// When it certainly existed.
    trusted: Option<Timestamp>,
}

/// What one authority has to say to one requirement.
#[derive(Debug)]
enum Answer {
    Satisfied,
    /// Its material could not be had, or there is more than was looked at.
    Open,
    Missing,
    Failed(Vec<Unmet>),
}

/// Judges all attestations that the policy demands and writes what was found
/// into `outcome`. Without any, it is satisfied.
pub(super) fn judge(case: Case<'_>, outcome: &mut Outcome) -> Status {
    let mut status = Status::Satisfied;
    for requirement in &case.policy.attestations {
        let answers: Vec<_> = requirement
            .by
            .iter()
            .map(|at| (*at, answer(case, requirement, *at)))
            .collect();
        let any = |wanted: fn(&Answer) -> bool| answers.iter().any(|(_, answer)| wanted(answer));
        if any(|answer| matches!(answer, Answer::Satisfied)) {
            continue;
        }
        if any(|answer| matches!(answer, Answer::Open)) {
            if status == Status::Satisfied {
                status = Status::Inconclusive;
            }
            blocked(case, requirement, outcome);
            continue;
        }
        status = Status::Violated;
        refused(case, requirement, answers, outcome);
    }
    status
}

fn answer(case: Case<'_>, requirement: &AttestationRequirement, authority: usize) -> Answer {
    let Some(by) = case.policy.authorities.get(authority) else {
        return Answer::Missing;
    };
    if by.material.is_err() || !case.facts.gaps.is_empty() {
        return Answer::Open;
    }
    let statements: Vec<_> = case
        .accepted(authority)
        .filter_map(|verified| {
            let claim = verified.claim().as_attestation()?;
            requirement.asks_for(claim).then(|| Statement {
                claim,
                proof: verified.proof(),
                trusted: trusted_time(verified.proof(), case.at),
            })
        })
        .collect();
    if statements.is_empty() {
        return Answer::Missing;
    }
    let keyless = by.identity.as_ref().is_some_and(IdentityRule::is_keyless);
    let signed = if keyless {
        Signed::WithinMinutes
    } else {
        Signed::AtAnyTime
    };
    let failed = deciding(&statements)
        .map(|statement| requirement.unmet(statement.claim, statement.proof, signed, case.at))
        .find(|unmet| !unmet.is_empty());
    failed.map_or(Answer::Satisfied, Answer::Failed)
}

/// The statements that must hold: the newest by trusted time – all of them, if
/// there are several –, and every one without a trusted time, since it may be
/// newer.
///
/// Whoever controls the registry may have an old statement logged or stamped
/// once more and leave out what is older, which makes it the newest. What the
/// signed predicate says itself about the time cannot be changed in that way, so
/// whichever is the newest by that must hold too.
fn deciding<'s, 'a>(statements: &'s [Statement<'a>]) -> impl Iterator<Item = &'s Statement<'a>> {
    let newest = statements.iter().filter_map(|s| s.trusted).max();
    let newest_stated = statements.iter().filter_map(Statement::stated).max();
    statements.iter().filter(move |statement| {
        statement.trusted.is_none()
            || statement.trusted == newest
            || statement.stated() == newest_stated
    })
}

impl Statement<'_> {
    /// The trusted time, or what the predicate says itself, if that is earlier.
    fn stated(&self) -> Option<Timestamp> {
        let trusted = self.trusted?;
        let stated = self.claim.predicate.stated_at();
        Some(stated.map_or(trusted, |stated| stated.min(trusted)))
    }
}

/// Everything was read, and no authority satisfies.
fn refused(
    case: Case<'_>,
    requirement: &AttestationRequirement,
    answers: Vec<(usize, Answer)>,
    outcome: &mut Outcome,
) {
    let predicate_type = &requirement.predicate_type;
    let before = outcome.findings.len();
    for (at, answer) in answers {
        let Answer::Failed(unmet) = answer else {
            continue;
        };
        let name = &case.policy.authorities[at].name;
        let more = unmet.len().saturating_sub(MAX_UNMET);
        let mut parts: Vec<_> = unmet.iter().take(MAX_UNMET).map(Unmet::to_string).collect();
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
        outcome.findings.push(Finding::violation(
            Code::AttestationConditionFailed,
            format!(
                "the attestation {predicate_type} by {name} is not as demanded: {}",
                parts.join("; ")
            ),
        ));
    }
    if outcome.findings.len() == before {
        outcome.findings.push(missing(case, requirement));
    }
}

fn missing(case: Case<'_>, requirement: &AttestationRequirement) -> Finding {
    let names: Vec<&str> = requirement
        .by
        .iter()
        .filter_map(|at| case.policy.authorities.get(*at))
        .map(|authority| &*authority.name)
        .collect();
    let others: BTreeSet<&str> = requirement
        .by
        .iter()
        .flat_map(|at| case.accepted(*at))
        .filter_map(|verified| verified.claim().as_attestation())
        .map(|claim| &*claim.predicate_type)
        .collect();
    let found = if others.is_empty() {
        "found none at all".to_owned()
    } else {
        let shown = |text: &&str| {
            let text: String = text.chars().take(MAX_SHOWN).collect();
            format!("{text:?}")
        };
        let mut shown: Vec<_> = others.iter().take(MAX_TYPES).map(shown).collect();
        if others.len() > MAX_TYPES {
            shown.push(format!("{} more types", others.len() - MAX_TYPES));
        }
        format!("found only {}", shown.join(", "))
    };
    Finding::violation(
        Code::AttestationMissing,
        format!(
            "no attestation {} by {}; {found}",
            requirement.predicate_type,
            names.join(" or ")
        ),
    )
}

/// What stood in the way, unless it was said before.
fn blocked(case: Case<'_>, requirement: &AttestationRequirement, outcome: &mut Outcome) {
    let unavailable = requirement
        .by
        .iter()
        .filter_map(|at| case.policy.authorities.get(*at))
        .filter_map(|authority| {
            let why = authority.material.as_ref().err()?;
            Some(Finding::blocked(
                why.code,
                format!("{} cannot be checked: {}", authority.name, why.why),
            ))
        });
    let gaps = case.facts.gaps.iter().map(Finding::from);
    for finding in unavailable.chain(gaps).collect::<Vec<_>>() {
        if !outcome.findings.contains(&finding) {
            outcome.findings.push(finding);
        }
    }
}
