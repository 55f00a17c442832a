//! What a policy demands of an attestation beyond its signer.

mod read;
#[cfg(test)]
mod tests;

pub(super) use read::read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

#[cfg(feature = "cel")]
use super::cel::Expressions;
use super::text::TextPattern;
use crate::evidence::{
    PredicateFamily, PredicateKind, Provenance, Severity, VerificationSummary, VulnerabilityScan,
};
use crate::trust::{AttestationClaim, Proof};

/// Longest text of a predicate that is shown, in characters.
const MAX_SHOWN: usize = 160;

/// One entry of `attestations`: a statement of this type must be there, by one
/// of these authorities, and hold what is demanded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationRequirement {
    /// The type of the predicate.
    pub predicate_type: Arc<str>,
    /// Who may have attested, as indices into
    /// [`Policy::authorities`](super::Policy::authorities); any of them is
    /// enough. Never empty.
    pub by: Vec<usize>,
    pub(super) conditions: Conditions,
}

/// What the statement must hold. All that is given must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    builder: Option<TextPattern>,
    build_type: Option<TextPattern>,
    source_repository: Option<TextPattern>,
    max_severity: Option<Severity>,
    verifier: Option<TextPattern>,
    resource: Option<TextPattern>,
    levels: Vec<Box<str>>,
    max_age: Option<Age>,
    #[cfg(feature = "cel")]
    cel: Option<Expressions>,
}

/// The longest time between the statement and the decision, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Age {
    written: Box<str>,
    length: Duration,
}

/// How far a trusted time tells when a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// The certificate was valid for minutes, and the trusted time is among
    /// them.
    WithinMinutes,
    /// With a key, or a certificate that is valid for long, a signature may be
    /// much older than the first timestamp that is shown.
    AtAnyTime,
}

/// A condition that does not hold: what was found, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmet {
    #[error("it cannot be read: {detail}")]
    Unreadable { detail: Box<str> },
    #[error("its {field} is {}, not {expected:?}", shown(found.as_deref()))]
    Text {
        field: &'static str,
        found: Option<Box<str>>,
        expected: Arc<str>,
    },
    #[error("its severities cannot be told: {detail}")]
    SeverityUnknown { detail: Box<str> },
    #[error("it has {id}, which is {}; at most {limit} is allowed", rating(*severity))]
    Severity {
        id: String,
        severity: Option<Severity>,
        limit: Severity,
    },
    #[error("its levels are {}, and {expected} is not reached", listed(found))]
    Level {
        found: Vec<Box<str>>,
        expected: Box<str>,
    },
    #[error(
        "no log and no timestamp says when it was made, so that it cannot be shown to be at most \
         {limit} old"
    )]
    AgeUnknown { limit: Box<str> },
    #[error(
        "its age is not known: it does not say when it was made, and what was signed with a key, \
         or with a certificate that is valid for long, can be logged or stamped again at any \
         time, so that it cannot be shown to be at most {limit} old"
    )]
    AgeNotStated { limit: Box<str> },
    #[error("it is of {found}, which is more than {limit} before now ({at})")]
    TooOld {
        found: Timestamp,
        limit: Box<str>,
        at: Timestamp,
    },
    #[cfg(feature = "cel")]
    #[error("{0}")]
    Expression(#[from] super::cel::Unsatisfied),
}

impl AttestationRequirement {
    /// Whether a statement is one of those asked for.
    pub(super) fn asks_for(&self, claim: &AttestationClaim) -> bool {
        PredicateFamily::covers(&self.predicate_type, &claim.predicate_type)
    }

    /// Everything that `claim` does not hold; nothing if it meets the
    /// requirement. `signed` is what its authority's signatures tell of their
    /// time, `at` the time of the decision.
    pub(super) fn unmet(
        &self,
        claim: &AttestationClaim,
        proof: &Proof,
        signed: Signed,
        at: Timestamp,
    ) -> Vec<Unmet> {
        let conditions = &self.conditions;
        let mut unmet = Vec::new();
        match &claim.predicate.kind {
            PredicateKind::Unreadable { detail } => {
                let detail = detail.clone();
                return vec![Unmet::Unreadable { detail }];
            }
            PredicateKind::Provenance(provenance) => conditions.provenance(provenance, &mut unmet),
            PredicateKind::Vulnerabilities(scan) => conditions.scan(scan, &mut unmet),
            PredicateKind::VerificationSummary(summary) => conditions.summary(summary, &mut unmet),
            PredicateKind::BillOfMaterials | PredicateKind::Other => {}
        }
        if let Some(limit) = &conditions.max_age {
            unmet.extend(limit.unmet(claim, proof, signed, at));
        }
        #[cfg(feature = "cel")]
        if let Some(expressions) = &conditions.cel {
            unmet.extend(expressions.unsatisfied(claim).into_iter().map(Into::into));
        }
        unmet
    }
}

impl Conditions {
    fn provenance(&self, provenance: &Provenance, unmet: &mut Vec<Unmet>) {
        text("builder", &self.builder, &provenance.builder, unmet);
        text(
            "build type",
            &self.build_type,
            &provenance.build_type,
            unmet,
        );
        let Some(expected) = &self.source_repository else {
            return;
        };
        // Every source that is named must be the right one.
        let mut found: Vec<_> = provenance.sources.iter().map(Some).collect();
        if found.is_empty() {
            found.push(None);
        }
        for source in found {
            text(
                "source repository",
                &Some(expected.clone()),
                &source.cloned(),
                unmet,
            );
        }
    }

    fn scan(&self, scan: &VulnerabilityScan, unmet: &mut Vec<Unmet>) {
        let Some(limit) = self.max_severity else {
            return;
        };
        match &scan.worst {
            Ok(Some(worst)) if worst.judged() > limit => unmet.push(Unmet::Severity {
                id: escaped(&worst.id),
                severity: worst.severity,
                limit,
            }),
            Ok(_) => {}
            Err(detail) => unmet.push(Unmet::SeverityUnknown {
                detail: detail.clone(),
            }),
        }
    }

    fn summary(&self, summary: &VerificationSummary, unmet: &mut Vec<Unmet>) {
        const PASSED: &str = "PASSED";
        // A summary that says anything else is none to rely on.
        if summary.result.as_deref() != Some(PASSED) {
            unmet.push(Unmet::Text {
                field: "verification result",
                found: summary.result.clone(),
                expected: PASSED.into(),
            });
        }
        text("verifier", &self.verifier, &summary.verifier, unmet);
        text("resource", &self.resource, &summary.resource, unmet);
        for level in &self.levels {
            if !summary.reaches(level) {
                unmet.push(Unmet::Level {
                    found: summary.levels.clone(),
                    expected: level.clone(),
                });
            }
        }
    }
}

impl Age {
    /// The age counts from the earliest trusted time. Where the predicate says
    /// itself when its work was done, that must not be longer ago either: an old
    /// statement that somebody has logged or stamped again is not a new one.
    /// Where it does not, and nothing bounds when it was signed, its age is not
    /// known.
    fn unmet(
        &self,
        claim: &AttestationClaim,
        proof: &Proof,
        signed: Signed,
        at: Timestamp,
    ) -> Option<Unmet> {
        let limit = self.written.clone();
        let Some(trusted) = trusted_time(proof, at) else {
            return Some(Unmet::AgeUnknown { limit });
        };
        let found = match (claim.predicate.stated_at(), signed) {
            (Some(stated), _) => stated.min(trusted),
            (None, Signed::WithinMinutes) => trusted,
            (None, Signed::AtAnyTime) => return Some(Unmet::AgeNotStated { limit }),
        };
        let age = at.duration_since(found);
        let limited = SignedDuration::try_from(self.length).unwrap_or(SignedDuration::MAX);
        (age > limited).then_some(Unmet::TooOld { found, limit, at })
    }
}

/// When a statement certainly existed, as of the decision: the earliest time
/// that a log or a timestamp authority vouches for. What lies after the decision
/// is no time at which anything was seen.
pub(super) fn trusted_time(proof: &Proof, at: Timestamp) -> Option<Timestamp> {
    proof.trusted_times().filter(|time| *time <= at).min()
}

fn text(
    field: &'static str,
    expected: &Option<TextPattern>,
    found: &Option<Box<str>>,
    unmet: &mut Vec<Unmet>,
) {
    let Some(expected) = expected else { return };
    if !found
        .as_deref()
        .is_some_and(|found| expected.matches(found))
    {
        unmet.push(Unmet::Text {
            field,
            found: found.clone(),
            expected: Arc::clone(expected.as_str()),
        });
    }
}

/// A text of a predicate in a finding: bounded, and nothing in it that a
/// terminal would act on.
fn escaped(text: &str) -> String {
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    shown.escape_debug().to_string()
}

fn shown(found: Option<&str>) -> String {
    match found {
        Some(found) => format!("\"{}\"", escaped(found)),
        None => "not given".to_owned(),
    }
}

fn listed(found: &[Box<str>]) -> String {
    /// More are counted: there is one for each track.
    const SHOWN: usize = 8;
    if found.is_empty() {
        return "not given".to_owned();
    }
    let mut parts: Vec<_> = found
        .iter()
        .take(SHOWN)
        .map(|level| escaped(level))
        .collect();
    if found.len() > SHOWN {
        parts.push(format!("{} more", found.len() - SHOWN));
    }
    parts.join(", ")
}

fn rating(severity: Option<Severity>) -> impl fmt::Display {
    severity.map_or("not rated and counts as critical", Severity::as_str)
}
