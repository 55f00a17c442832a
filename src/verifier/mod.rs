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
mod flight;
mod gather;
mod limits;
mod memory;
mod recall;
mod runtime;

pub use limits::Limits;
pub use recall::Prepared;
#[cfg(feature = "client")]
pub use runtime::Tokio;
pub use runtime::{Blocking, Runtime, Task};

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;

use crate::evidence::{Location, LocationEvidence, Obstacle, ObstacleKind};
use crate::oci::{Digest, PinnedReference, Reference, Registry, Repository, Tag};
use crate::policy::{Facts, MaterialId, Pinning, PolicySet, Selection, decide};
use crate::source::{Scope, Source};
use crate::trust::establish;
use crate::verdict::{Decision, Enforcement, Outcome, Subject, Verdict};
use cache::{Caches, EvidenceKey, Kept, Question};
use flight::{Boarding, Capacity, Flights, Place};
use memory::{Account, Memory};

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

type Looked = Arc<LocationEvidence>;
type TagKey = (Repository, Tag, Scope);

#[derive(Debug)]
struct Inner<S, R> {
    source: S,
    runtime: R,
    limits: Limits,
    caches: Caches,
    looks: Flights<EvidenceKey, Looked>,
    tags: Flights<TagKey, Result<Digest, Obstacle>>,
    registries: Capacity<Registry>,
    namespaces: Capacity<Arc<str>>,
    memory: Arc<Memory>,
}

/// How many documents are judged before other tasks of the thread get a turn.
/// A signature check takes some 40 to 200 µs, so this is about a millisecond.
const JUDGED_IN_ONE_TURN: u32 = 16;

impl<S: Source, R: Runtime> Verifier<S, R> {
    /// An engine over `source`.
    pub fn new(source: S, runtime: R, limits: Limits) -> Self {
        Self {
            inner: Arc::new(Inner {
                caches: Caches::new(&limits),
                looks: Flights::new(),
                tags: Flights::new(),
                registries: Capacity::new(limits.flights_per_registry),
                namespaces: Capacity::new(limits.flights_per_namespace),
                memory: Arc::new(Memory::new(&limits)),
                source,
                runtime,
                limits,
            }),
        }
    }

    /// How many lookups are under way.
    pub fn flights_under_way(&self) -> usize {
        self.inner.looks.under_way() + self.inner.tags.under_way()
    }

    /// The monotonic clock that deadlines are measured with.
    pub fn now(&self) -> Instant {
        self.inner.runtime.now()
    }

    /// Judges one image.
    ///
    /// Always answers: not later than the deadline plus the time of the
    /// cryptography that is under way then. Dropping the future is harmless;
    /// what it waited for goes on for others.
    pub async fn verify(&self, request: Request<'_>) -> Verdict {
        let repository = request.reference.repository();
        let selection = request.policies.select(repository, request.subject);
        let reference = request.reference;
        // Nothing evaluates this image: no request goes out for it.
        if !selection.is_evaluated() {
            let pinning = match reference.pinned() {
                Some(pinned) => Pinning::Digest(pinned),
                None => Pinning::Unresolved(Obstacle::new(
                    ObstacleKind::RegistryRefused,
                    format!("{reference} was not resolved: no policy is evaluated for it"),
                )),
            };
            return decide(
                reference,
                &pinning,
                &selection,
                &Facts::default(),
                request.at,
            );
        }
        let pinning = match reference.pinned() {
            Some(pinned) => Pinning::Digest(pinned),
            None => match self.resolve(&request).await {
                Ok(digest) => Pinning::Resolved(repository.pin(digest)),
                Err(obstacle) => Pinning::Unresolved(obstacle),
            },
        };
        let image = match &pinning {
            Pinning::Digest(image) | Pinning::Resolved(image) => image.clone(),
            Pinning::Unresolved(_) => {
                return decide(
                    reference,
                    &pinning,
                    &selection,
                    &Facts::default(),
                    request.at,
                );
            }
        };
        let materials = if selection.needs_evidence() {
            selection.materials()
        } else {
            Vec::new()
        };
        if materials.is_empty() {
            return decide(
                reference,
                &pinning,
                &selection,
                &Facts::default(),
                request.at,
            );
        }
        Judgement {
            verifier: self,
            request: &request,
            pinning: &pinning,
            known_good_for: known_good_for(&selection),
            selection: &selection,
            materials,
            image,
            looked: Vec::with_capacity(Location::SIGNATURES.len()),
        }
        .conclude()
        .await
    }

    /// The digest that the tag of a reference without digest points to now.
    async fn resolve(&self, request: &Request<'_>) -> Result<Digest, Obstacle> {
        let inner = &self.inner;
        let repository = request.reference.repository();
        let tag = request.reference.tag_or_latest();
        let key = (repository.clone(), tag, inner.source.scope(repository));
        let boarding = inner.tags.board(
            &inner.runtime,
            &key,
            || None,
            || {
                let places = inner.places(request).map_err(Err)?;
                let inner = Arc::clone(inner);
                let (repository, tag, _) = key.clone();
                Ok(async move {
                    let _places = places;
                    let deadline = inner.budget();
                    inner
                        .source
                        .resolve(&repository, &tag, deadline)
                        .await
                        .map_err(|error| gather::unresolved(&repository, &tag, &error))
                })
            },
        );
        inner
            .wait(boarding, request.deadline)
            .await
            .unwrap_or_else(Err)
    }
}

impl<S: Source, R: Runtime> Inner<S, R> {
    /// The end of a flight that starts now.
    fn budget(&self) -> Instant {
        self.runtime.now() + self.limits.gather_budget
    }

    /// The places that a flight for this request needs, or the obstacle that
    /// there are none.
    fn places(&self, request: &Request<'_>) -> Result<Places, Obstacle> {
        let registry = request.reference.repository().registry();
        let full = |what: &dyn std::fmt::Display| {
            Obstacle::new(
                ObstacleKind::Overloaded,
                format!("too many images are being looked up for {what} at once; try again"),
            )
        };
        let at_registry = self
            .registries
            .take(registry)
            .ok_or_else(|| full(&format_args!("registry {registry}")))?;
        let in_namespace = match &request.subject.namespace {
            Some(namespace) => Some(
                self.namespaces
                    .take(namespace)
                    .ok_or_else(|| full(&format_args!("namespace {namespace}")))?,
            ),
            None => None,
        };
        let namespace = request.subject.namespace.as_ref();
        let account = self
            .memory
            .account(namespace)
            .ok_or_else(|| match namespace {
                Some(namespace) => full(&format_args!("namespace {namespace}")),
                None => full(registry),
            })?;
        Ok(Places {
            _at_registry: at_registry,
            _in_namespace: in_namespace,
            account,
        })
    }

    /// Joins or starts the flight that answers `key`, for a caller who has found
    /// nothing in the caches at `since`.
    fn board(
        self: &Arc<Self>,
        key: &EvidenceKey,
        request: &Request<'_>,
        since: Instant,
    ) -> Boarding<Looked> {
        let location = match key.question {
            Question::Attached(location) => location,
            Question::Visible => Location::Referrers,
        };
        self.looks.board(
            &self.runtime,
            key,
            || {
                // A flight that landed between our look into the cache and now.
                let now = self.runtime.now();
                if self.caches.is_absent(key, now) {
                    return Some(Arc::new(LocationEvidence {
                        location,
                        documents: Vec::new(),
                        gaps: Vec::new(),
                    }));
                }
                // Anything older was there already, and too old for the caller.
                self.caches
                    .kept(&key.query(), now, now.saturating_duration_since(since))
                    .map(|kept| Arc::clone(&kept.evidence))
            },
            || {
                let places = self
                    .places(request)
                    .map_err(|obstacle| Arc::new(LocationEvidence::blocked(location, obstacle)))?;
                Ok(self.fly(key.clone(), places))
            },
        )
    }

    /// Looks again in the background; whoever asks meanwhile joins.
    fn refresh(self: &Arc<Self>, key: &EvidenceKey, request: &Request<'_>) {
        self.looks.board(
            &self.runtime,
            key,
            || None,
            || match self.places(request) {
                Ok(places) => Ok(self.fly(key.clone(), places)),
                Err(obstacle) => Err(Arc::new(LocationEvidence::blocked(
                    Location::Referrers,
                    obstacle,
                ))),
            },
        );
    }

    fn fly(
        self: &Arc<Self>,
        key: EvidenceKey,
        places: Places,
    ) -> impl Future<Output = Looked> + Send + 'static {
        let inner = Arc::clone(self);
        async move {
            let deadline = inner.budget();
            let looking = gather::look(
                &inner.source,
                &key.image,
                key.question,
                &inner.limits,
                &places.account,
                deadline,
            );
            let found = Arc::new(looking.await);
            inner.caches.keep(&key, &found, inner.runtime.now());
            drop(places);
            found
        }
    }

    /// Waits for an answer, not longer than the caller's own deadline.
    async fn wait<V: Clone>(
        &self,
        boarding: Boarding<V>,
        deadline: Instant,
    ) -> Result<V, Obstacle> {
        let flight = match boarding {
            Boarding::Known(value) => return Ok(value),
            Boarding::Flight(flight) => flight,
        };
        let sleep = std::pin::pin!(self.runtime.sleep_until(deadline));
        match future::select(flight, sleep).await {
            Either::Left((Ok(value), _)) => Ok(value),
            Either::Left((Err(_), _)) => Err(Obstacle::new(
                ObstacleKind::LookFailed,
                "the lookup ended without an answer, which is a defect; try again",
            )),
            Either::Right(_) => Err(Obstacle::new(
                ObstacleKind::DeadlineExceeded,
                "the time for this request ended before the registry had answered",
            )),
        }
    }
}

/// Held by a flight while it is under way.
struct Places {
    _at_registry: Place<Registry>,
    _in_namespace: Option<Place<Arc<str>>>,
    account: Account,
}

/// One image on its way to a verdict.
struct Judgement<'a, S, R> {
    verifier: &'a Verifier<S, R>,
    request: &'a Request<'a>,
    pinning: &'a Pinning,
    selection: &'a Selection,
    materials: Vec<MaterialId>,
    known_good_for: Duration,
    image: PinnedReference,
    /// What was looked at so far.
    looked: Vec<Looked>,
}

impl<S: Source, R: Runtime> Judgement<'_, S, R> {
    async fn conclude(mut self) -> Verdict {
        let inner = &self.verifier.inner;
        let now = inner.runtime.now();
        let scope = inner.source.scope(self.image.repository());
        let mut key = EvidenceKey {
            image: self.image.clone(),
            scope,
            question: Question::Visible,
        };
        // What is known is used before anything is looked at: most reviews end
        // in this loop.
        let mut missing = Vec::new();
        let mut admitted = false;
        for location in Location::SIGNATURES {
            key.question = Question::Attached(location);
            let Some(kept) = inner.caches.kept(&key.query(), now, self.known_good_for) else {
                missing.push(location);
                continue;
            };
            self.refresh_if_old(&key, &kept, now);
            self.looked.push(Arc::clone(&kept.evidence));
            let verdict = self.decide(&[]).await;
            if is_satisfied(&verdict) {
                return verdict;
            }
            admitted |= is_admitted_by_enforcement(&verdict);
        }
        // Known facts admit it, and looking on is for the sake of a warning:
        // that must not hold up the answer while a registry hangs.
        let until = if admitted {
            self.request
                .deadline
                .min(now + inner.limits.warning_patience)
        } else {
            self.request.deadline
        };
        self.look_at(missing, key, now, until).await
    }

    fn refresh_if_old(&self, key: &EvidenceKey, kept: &Kept, now: Instant) {
        let inner = &self.verifier.inner;
        if kept.claim_refresh(now, &inner.limits) {
            inner.refresh(key, self.request);
        }
    }

    /// Looks at the locations that are not known, all at once, and ends as soon
    /// as the policies are satisfied: a location that hangs does not hold up
    /// what another one proves.
    async fn look_at(
        mut self,
        missing: Vec<Location>,
        mut key: EvidenceKey,
        since: Instant,
        until: Instant,
    ) -> Verdict {
        let inner = &self.verifier.inner;
        let mut waiting = FuturesUnordered::new();
        let now = inner.runtime.now();
        for location in missing {
            key.question = Question::Attached(location);
            if inner.caches.is_absent(&key, now) {
                continue;
            }
            let boarding = inner.board(&key, self.request, since);
            waiting.push(async move {
                inner
                    .wait(boarding, until)
                    .await
                    .unwrap_or_else(|obstacle| {
                        Arc::new(LocationEvidence::blocked(location, obstacle))
                    })
            });
        }
        while let Some(looked) = waiting.next().await {
            self.looked.push(looked);
            if waiting.is_empty() {
                break;
            }
            // With another location still out, only a verdict that nothing
            // more can improve ends the wait.
            let verdict = self.decide(&[]).await;
            if is_satisfied(&verdict) {
                return verdict;
            }
        }
        drop(waiting);
        self.looked.sort_by_key(|looked| looked.location);
        let nothing = self
            .looked
            .iter()
            .all(|looked| looked.documents.is_empty() && looked.gaps.is_empty());
        if !nothing {
            return self.decide(&[]).await;
        }
        key.question = Question::Visible;
        let visible = if inner.caches.is_absent(&key, inner.runtime.now()) {
            Ok(Arc::new(LocationEvidence {
                location: Location::Referrers,
                documents: Vec::new(),
                gaps: Vec::new(),
            }))
        } else {
            let boarding = inner.board(&key, self.request, since);
            inner.wait(boarding, until).await
        };
        match visible {
            Ok(visible) => self.decide(&visible.gaps).await,
            Err(obstacle) => self.decide(&[obstacle]).await,
        }
    }

    /// Establishes what was looked at and decides.
    async fn decide(&self, more_gaps: &[Obstacle]) -> Verdict {
        let caches = &self.verifier.inner.caches;
        let subject = self.image.digest();
        let mut judged = 0;
        let mut established = Vec::with_capacity(self.materials.len());
        for id in &self.materials {
            let material = self.request.policies.material(*id);
            let mut worth = Vec::new();
            for document in self.looked.iter().flat_map(|looked| &looked.documents) {
                let (fact, fresh) =
                    caches.established(document.id, subject, material.fingerprint(), || {
                        establish(document, &subject, material)
                    });
                worth.push(fact);
                judged += u32::from(fresh);
                if judged == JUDGED_IN_ONE_TURN {
                    judged = 0;
                    runtime::yield_now().await;
                }
            }
            established.push((*id, worth));
        }
        let gaps = self
            .looked
            .iter()
            .flat_map(|looked| &looked.gaps)
            .chain(more_gaps)
            .cloned()
            .collect();
        let facts = Facts {
            established,
            gaps,
            ..Facts::default()
        };
        decide(
            self.request.reference,
            self.pinning,
            self.selection,
            &facts,
            self.request.at,
        )
    }
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
