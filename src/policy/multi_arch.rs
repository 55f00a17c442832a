//! Whether an image index is judged by its own signatures, by those of every
//! entry, or not at all.
//!
//! A signature is for one digest. That of an index says nothing about an entry
//! that is referenced directly, and those of the entries nothing about the
//! index: which of them a policy asks for is written in it, and nothing is
//! concluded from one about the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::require::{assign, ways};
use super::{Facts, MultiArch, Policy, Requirement};
use crate::evidence::{Obstacle, ObstacleKind};
use crate::oci::Digest;
use crate::trust::SignerId;
use crate::verdict::{Code, Enforcement, Finding, FindingKind, Outcome, SignedBy, Status};

/// What the artifact that is judged turned out to be.
#[derive(Debug, Clone, Default)]
pub enum Family {
    /// Nobody looked, because no policy asks.
    #[default]
    NotAsked,
    /// Its manifest, or one below it, could not be looked at.
    Unknown(Obstacle),
    /// A single image or artifact.
    Image,
    /// An image index.
    Index {
        /// Every manifest that it lists and that nested indexes list, nested
        /// indexes included; each once.
        children: Vec<Child>,
        /// An index among them, or the index itself, that lists nothing.
        empty: Option<Digest>,
    },
}

/// One entry of an image index.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// The platform that the index gives for it: a claim, for messages.
    pub platform: Option<Arc<str>>,
    /// What is known about it; empty unless a policy asks for every entry.
    pub facts: Facts,
}

/// How one artifact is judged by a policy, whatever it belongs to.
pub(super) struct One<'b, 'f> {
    /// Judges it and writes what was found into the outcome.
    pub(super) judge: &'b dyn Fn(&'f Facts, &mut Outcome) -> Status,
    /// Who signed it for the authority of this index, as far as the policy
    /// accepts the signatures.
    pub(super) signers: &'b dyn Fn(&'f Facts, usize) -> BTreeSet<&'f SignerId>,
}

/// Entries that are named one by one; a list of sixty tells no more than one of
/// eight.
const MAX_NAMED: usize = 8;

/// Judges the artifact of `facts` as the policy wants indexes judged.
pub(super) fn judge<'f>(
    policy: &'f Policy,
    requirement: &Requirement,
    facts: &'f Facts,
    outcome: &mut Outcome,
    one: &One<'_, 'f>,
) -> Status {
    match (policy.multi_arch, &facts.family) {
        (MultiArch::Index, _) | (_, Family::Image) => (one.judge)(facts, outcome),
        (_, Family::Unknown(obstacle)) => {
            outcome.findings.push(obstacle.into());
            Status::Inconclusive
        }
        (_, Family::NotAsked) => {
            outcome.findings.push(Finding::blocked(
                Code::Obstacle(ObstacleKind::LookFailed),
                "nobody looked whether this is an image index, which is a defect",
            ));
            Status::Inconclusive
        }
        (MultiArch::Child, Family::Index { children, .. }) => {
            outcome.findings.push(not_accepted(children));
            Status::Violated
        }
        (MultiArch::EveryChild, Family::Index { children, empty }) => {
            if let Some(empty) = empty {
                outcome.findings.push(Finding::violation(
                    Code::IndexEmpty,
                    format!("the image index {empty} lists nothing"),
                ));
                return Status::Violated;
            }
            Every::new(policy, children, outcome, one).judge(requirement, outcome)
        }
    }
}

fn not_accepted(children: &[Child]) -> Finding {
    // What BuildKit adds beside the images runs nowhere.
    let runs = |child: &&Child| child.platform.as_deref() != Some("unknown/unknown");
    let images: Vec<_> = children.iter().filter(runs).collect();
    let mut names: Vec<_> = images.iter().take(MAX_NAMED).map(|c| c.name()).collect();
    if images.len() > MAX_NAMED {
        names.push(format!("{} more", images.len() - MAX_NAMED));
    }
    let instead = match names.as_slice() {
        [] => "it lists none".to_owned(),
        _ => format!("it lists {}", names.join(", ")),
    };
    Finding::violation(
        Code::IndexNotAccepted,
        format!("this is an image index, and only a single image is accepted; {instead}"),
    )
}

/// All entries of one index under one policy.
struct Every<'f> {
    policy: &'f Policy,
    children: &'f [Child],
    /// What the policy says about each by itself.
    judged: Vec<(Status, Outcome)>,
    /// For each entry and each authority, who signed.
    signers: Vec<Vec<BTreeSet<&'f SignerId>>>,
}

impl<'f> Every<'f> {
    fn new(
        policy: &'f Policy,
        children: &'f [Child],
        outcome: &Outcome,
        one: &One<'_, 'f>,
    ) -> Self {
        let judged = children.iter().map(|child| {
            let mut own = Outcome {
                policy: outcome.policy.clone(),
                enforcement: Enforcement::Enforce,
                status: None,
                signers: Vec::new(),
                findings: Vec::new(),
            };
            let status = (one.judge)(&child.facts, &mut own);
            (status, own)
        });
        let authorities = 0..policy.authorities.len();
        Self {
            judged: judged.collect(),
            signers: children
                .iter()
                .map(|child| {
                    let signers = |authority| (one.signers)(&child.facts, authority);
                    authorities.clone().map(signers).collect()
                })
                .collect(),
            policy,
            children,
        }
    }

    fn judge(&self, requirement: &Requirement, outcome: &mut Outcome) -> Status {
        let violated = |(status, _): &&(Status, Outcome)| *status == Status::Violated;
        let violations = self.judged.iter().filter(violated).count();
        if violations > 0 {
            self.explain(violations, outcome);
            return Status::Violated;
        }
        let all: Vec<usize> = (0..self.children.len()).collect();
        let satisfied = self.judged.iter().all(|(s, _)| *s == Status::Satisfied);
        if satisfied && let Some(signers) = self.common(&all).meet(requirement) {
            outcome.signers = signers
                .into_iter()
                .map(|(at, signer)| SignedBy {
                    authority: Arc::clone(&self.policy.authorities[at].name),
                    signer,
                    proof: None,
                })
                .collect();
            return Status::Satisfied;
        }
        // Whoever signed every entry that was read completely may have signed
        // the others too.
        let mut read = all;
        read.retain(|at| self.children[*at].facts.gaps.is_empty());
        let mut hoped = self.common(&read);
        hoped.unknown = self
            .policy
            .authorities
            .iter()
            .map(|authority| read.is_empty() || authority.material.is_err())
            .collect();
        if hoped.meet(requirement).is_some() {
            self.blocked(outcome);
            return Status::Inconclusive;
        }
        outcome.findings.push(Finding::violation(
            Code::ChildSignersDiffer,
            format!(
                "the {} entries of the index are signed, but not all by the same signers",
                self.children.len()
            ),
        ));
        Status::Violated
    }

    /// For each authority, who signed all of `entries` for it; whoever signed any
    /// entry at all, if nothing is known about others.
    fn common(&self, entries: &[usize]) -> Common<'f> {
        let authorities = 0..self.policy.authorities.len();
        let found = authorities.clone().map(|authority| {
            let mut sets = entries.iter().map(|entry| &self.signers[*entry][authority]);
            if entries.is_empty() {
                let any = self.signers.iter().flat_map(|entry| &entry[authority]);
                return any.copied().collect();
            }
            let first = sets.next().cloned().unwrap_or_default();
            sets.fold(first, |common, set| {
                common.intersection(set).copied().collect()
            })
        });
        Common {
            found: found.collect(),
            unknown: vec![false; authorities.len()],
        }
    }

    /// Names the entries that do not satisfy the policy, and what was seen on
    /// them.
    fn explain(&self, violations: usize, outcome: &mut Outcome) {
        let mut seen = BTreeSet::new();
        let mut notes = Vec::new();
        let violated = self.judged.iter().zip(self.children);
        let violated = violated.filter(|((status, _), _)| *status == Status::Violated);
        for ((_, own), child) in violated.take(MAX_NAMED) {
            let why = own
                .findings
                .iter()
                .find(|finding| finding.kind == FindingKind::Violation)
                .map_or("it does not satisfy the policy", |f| f.message.as_str());
            outcome.findings.push(Finding::violation(
                Code::ChildNotSigned,
                format!("{} of the index: {why}", child.name()),
            ));
            let own = own.findings.iter();
            notes.extend(
                own.filter(|finding| finding.kind == FindingKind::Note)
                    .filter(|note| seen.insert((note.code, &note.message)))
                    .cloned(),
            );
        }
        if violations > MAX_NAMED {
            outcome.findings.push(Finding::violation(
                Code::ChildNotSigned,
                format!("and {} more entries of the index", violations - MAX_NAMED),
            ));
        }
        notes.truncate(MAX_NAMED);
        outcome.findings.extend(notes);
    }

    /// What stood in the way of looking at the entries.
    fn blocked(&self, outcome: &mut Outcome) {
        let mut seen = BTreeSet::new();
        let obstacles = self
            .judged
            .iter()
            .flat_map(|(_, own)| &own.findings)
            .filter(|finding| finding.is_obstacle())
            .filter(|finding| seen.insert((finding.code, &finding.message)));
        outcome.findings.extend(obstacles.take(MAX_NAMED).cloned());
        if outcome.findings.is_empty() {
            // Each entry is satisfied by itself; what could not be read may hold
            // the signers that they have in common.
            let gaps = self.children.iter().flat_map(|child| &child.facts.gaps);
            outcome
                .findings
                .extend(gaps.take(MAX_NAMED).map(Finding::from));
        }
    }
}

/// Signers that several entries have in common, by authority.
struct Common<'f> {
    found: Vec<BTreeSet<&'f SignerId>>,
    /// For each authority, whether it may have one more, whom nobody else has.
    unknown: Vec<bool>,
}

impl Common<'_> {
    /// Who meets `requirement`, by authority. Somebody unknown who does is not
    /// named.
    fn meet(&self, requirement: &Requirement) -> Option<Vec<(usize, SignerId)>> {
        let known: BTreeSet<&SignerId> = self.found.iter().flatten().copied().collect();
        let known: Vec<&SignerId> = known.into_iter().collect();
        let numbers = |authority: usize| {
            let found = self.found.get(authority).into_iter().flatten();
            let mut numbers: Vec<usize> = found
                .filter_map(|signer| known.binary_search(signer).ok())
                .collect();
            let unknown = self.unknown.get(authority) == Some(&true);
            numbers.extend(unknown.then_some(known.len() + authority));
            numbers
        };
        let count = known.len() + self.unknown.len();
        // A requirement that came through `compile` has few enough ways.
        let ways = ways(requirement)?;
        let assigned = ways.iter().find_map(|way| assign(way, &numbers, count))?;
        let named = assigned.into_iter().filter_map(|(authority, number)| {
            let signer = known.get(number)?;
            Some((authority, (*signer).clone()))
        });
        Some(named.collect())
    }
}

impl Child {
    fn name(&self) -> String {
        match &self.platform {
            Some(platform) => format!("{platform} ({})", self.digest),
            None => self.digest.to_string(),
        }
    }
}
