//! The pipeline: select, gather, establish, decide.
//!
//! [`Verifier::verify`] returns a [`Verdict`], not a `Result`: there is no
//! error that a caller could turn into an admission.
//!
//! A review whose facts are known touches no permit, no flight and no socket.
//! One whose facts are not known waits for flights, which are shared by all who
//! ask the same, run detached with a budget of their own, and are capped for
//! each registry and each namespace. Cryptography runs outside flights and
//! locks.

mod cache;
mod engine;
mod flight;
mod gather;
mod judge;
mod limits;
mod memory;
mod recall;
mod runtime;
mod tree;
mod whereabouts;

pub use limits::Limits;
pub use recall::Prepared;
#[cfg(feature = "client")]
pub use runtime::Tokio;
pub use runtime::{Blocking, Runtime, Task};
pub use whereabouts::{SignatureStore, TagPrefix, TagPrefixError, Whereabouts, WhereaboutsError};

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::evidence::{Obstacle, ObstacleKind};
use crate::oci::Reference;
use crate::policy::{Facts, Pinning, PolicySet, Selection, decide};
use crate::source::{NoOrigin, Source};
use crate::verdict::{Code, Decision, Enforcement, Finding, Outcome, Subject, Verdict};
use engine::Inner;
use judge::Judgement;

/// One image to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the user wrote.
    pub reference: &'a Reference,
    /// Where it is used.
    pub subject: &'a Subject,
    /// The policies in force for this review.
    pub policies: &'a PolicySet,
    /// The time of the decision.
    pub at: Timestamp,
    /// When the answer must be there.
    pub deadline: Instant,
}

/// The engine. Cheap to clone; clones share caches and flights.
#[derive(Debug)]
pub struct Verifier<S, R> {
    inner: Arc<Inner<S, R>>,
}

impl<S, R> Clone for Verifier<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: Source, R: Runtime> Verifier<S, R> {
    /// An engine over `source`, for images that belong where they are and have
    /// their signatures beside them.
    pub fn new(source: S, runtime: R, limits: Limits) -> Self {
        Self::located(source, runtime, limits, Whereabouts::default())
    }

    /// An engine over `source`, for images that belong, and have their
    /// signatures, where `whereabouts` says.
    pub fn located(source: S, runtime: R, limits: Limits, whereabouts: Whereabouts) -> Self {
        Self {
            inner: Arc::new(Inner::new(source, runtime, limits, whereabouts)),
        }
    }

    /// How many lookups are under way.
    pub fn flights_under_way(&self) -> usize {
        self.inner.flights_under_way()
    }

    /// The monotonic clock that deadlines are measured with.
    pub fn now(&self) -> Instant {
        self.inner.runtime.now()
    }

    /// Judges one image.
    ///
    /// Always answers: not later than 25 ms after the deadline, plus the time
    /// of the one document that is judged then. What was not judged is an
    /// obstacle. Dropping the future is harmless; what it waited for goes on for
    /// others.
    pub async fn verify(&self, request: Request<'_>) -> Verdict {
        let reference = request.reference;
        let located = match self.inner.whereabouts.of(reference.repository()) {
            Ok(located) => located,
            Err(error) => return Verdict::refused(Some(reference.clone()), no_origin(&error)),
        };
        let repository = &located.repository;
        let selection = request.policies.select(repository, request.subject);
        let conclude = |pinning: &Pinning| {
            let facts = Facts::default();
            decide(reference, pinning, &selection, &facts, request.at)
        };
        // Nothing evaluates this image: no request goes out for it.
        if !selection.is_evaluated() {
            return conclude(&match reference.digest() {
                Some(digest) => Pinning::Digest(repository.pin(digest)),
                None => Pinning::Unresolved(Obstacle::new(
                    ObstacleKind::RegistryRefused,
                    format!("{reference} was not resolved: no policy is evaluated for it"),
                )),
            });
        }
        let pinning = match reference.digest() {
            Some(digest) => Pinning::Digest(repository.pin(digest)),
            None => match self.inner.resolve(&request).await {
                Ok(digest) => Pinning::Resolved(repository.pin(digest)),
                Err(obstacle) => Pinning::Unresolved(obstacle),
            },
        };
        let digest = match &pinning {
            Pinning::Digest(image) | Pinning::Resolved(image) => image.digest(),
            Pinning::Unresolved(_) => return conclude(&pinning),
        };
        let materials = if selection.needs_evidence() {
            selection.materials()
        } else {
            Vec::new()
        };
        if materials.is_empty() && !selection.asks_for_manifest() {
            return conclude(&pinning);
        }
        Judgement::new(
            &self.inner,
            &request,
            &pinning,
            &selection,
            materials,
            &located,
            digest,
        )
        .conclude()
        .await
    }
}

/// The denial of an image in a mirror whose name means nothing in the origin.
fn no_origin(error: &NoOrigin) -> Finding {
    Finding::violation(Code::ReferenceInvalid, error.to_string())
}

/// Whether more evidence could not make this verdict better.
fn is_satisfied(verdict: &Verdict) -> bool {
    verdict.decision() == Decision::Allow && !verdict.warns()
}

/// Whether policies that enforce have admitted it, so that only warnings remain.
fn is_admitted_by_enforcement(verdict: &Verdict) -> bool {
    let enforced = |outcome: &Outcome| outcome.enforcement == Enforcement::Enforce;
    verdict.decision() == Decision::Allow && verdict.outcomes().iter().any(enforced)
}

/// The shortest time for which a policy lets evidence be used without another
/// look. Policies that enforce decide; a warning alone may come from older
/// evidence.
fn known_good_for(selection: &Selection) -> Duration {
    let shortest = |enforcement| {
        selection
            .policies
            .iter()
            .filter(|selected| selected.policy.enforcement == enforcement)
            .map(|selected| selected.policy.known_good_for)
            .min()
    };
    shortest(Enforcement::Enforce)
        .or_else(|| shortest(Enforcement::Warn))
        .unwrap_or(Duration::ZERO)
}
