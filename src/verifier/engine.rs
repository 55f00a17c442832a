//! What all requests of one verifier share: caches, flights and their bounds.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{self, Either};

use super::cache::{Caches, EvidenceKey, Question, TreeKey};
use super::flight::{Boarding, Capacity, Flights, Place};
use super::memory::{Account, Memory};
use super::tree::{self, Tree};
use super::whereabouts::Whereabouts;
use super::{Limits, Request, Runtime, gather};
use crate::evidence::{Location, LocationEvidence, Obstacle, ObstacleKind};
use crate::oci::{Digest, Registry, Repository, Tag};
use crate::source::{Scope, Source};

/// What was found at one location.
pub(super) type Looked = Arc<LocationEvidence>;
/// What a manifest turned out to be.
pub(super) type TreeFound = Result<Arc<Tree>, Obstacle>;
type TagKey = (Repository, Tag, Scope);

#[derive(Debug)]
pub(super) struct Inner<S, R> {
    pub(super) source: S,
    pub(super) runtime: R,
    pub(super) limits: Limits,
    pub(super) whereabouts: Whereabouts,
    pub(super) caches: Caches,
    looks: Flights<EvidenceKey, Looked>,
    trees: Flights<TreeKey, TreeFound>,
    tags: Flights<TagKey, Result<Digest, Obstacle>>,
    registries: Capacity<Registry>,
    namespaces: Capacity<Arc<str>>,
    memory: Arc<Memory>,
}

impl<S: Source, R: Runtime> Inner<S, R> {
    pub(super) fn new(source: S, runtime: R, limits: Limits, whereabouts: Whereabouts) -> Self {
        Self {
            caches: Caches::new(&limits),
            looks: Flights::new(),
            trees: Flights::new(),
            tags: Flights::new(),
            registries: Capacity::new(limits.flights_per_registry),
            namespaces: Capacity::new(limits.flights_per_namespace),
            memory: Arc::new(Memory::new(&limits)),
            source,
            runtime,
            limits,
            whereabouts,
        }
    }

    pub(super) fn flights_under_way(&self) -> usize {
        self.looks.under_way() + self.trees.under_way() + self.tags.under_way()
    }

    /// The end of a flight that starts now.
    fn budget(&self) -> Instant {
        self.runtime.now() + self.limits.gather_budget
    }

    /// The places that a flight to `registry` for this request needs, or the
    /// obstacle that there are none.
    fn places(&self, registry: &Registry, request: &Request<'_>) -> Result<Places, Obstacle> {
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

    /// The digest that the tag of a reference without digest points to now, in
    /// the repository that was written: that is what would be pulled.
    pub(super) async fn resolve(
        self: &Arc<Self>,
        request: &Request<'_>,
    ) -> Result<Digest, Obstacle> {
        let repository = request.reference.repository();
        let tag = request.reference.tag_or_latest();
        let key = (repository.clone(), tag, self.source.scope(repository));
        let boarding = self.tags.board(
            &self.runtime,
            &key,
            || None,
            || {
                let places = self.places(repository.registry(), request).map_err(Err)?;
                let inner = Arc::clone(self);
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
        self.wait(boarding, request.deadline)
            .await
            .unwrap_or_else(Err)
    }

    /// Joins or starts the flight that answers `key`, for a caller who has found
    /// nothing in the caches at `since`.
    pub(super) fn board(
        self: &Arc<Self>,
        key: &EvidenceKey,
        request: &Request<'_>,
        since: Instant,
    ) -> Boarding<Looked> {
        let location = key.question.location();
        self.looks.board(
            &self.runtime,
            key,
            || {
                // A flight that landed between our look into the cache and now.
                let now = self.runtime.now();
                if self.caches.is_absent(key, now) {
                    return Some(Arc::new(LocationEvidence::empty(location)));
                }
                // Anything older was there already, and too old for the caller.
                self.caches
                    .kept(&key.query(), now, now.saturating_duration_since(since))
                    .map(|kept| Arc::clone(&kept.evidence))
            },
            || {
                let places = self
                    .places(key.image.repository().registry(), request)
                    .map_err(|obstacle| Arc::new(LocationEvidence::blocked(location, obstacle)))?;
                Ok(self.fly(key.clone(), places))
            },
        )
    }

    /// Looks again in the background; whoever asks meanwhile joins.
    pub(super) fn refresh(self: &Arc<Self>, key: &EvidenceKey, request: &Request<'_>) {
        self.looks.board(
            &self.runtime,
            key,
            || None,
            || match self.places(key.image.repository().registry(), request) {
                Ok(places) => Ok(self.fly(key.clone(), places)),
                Err(obstacle) => Err(Arc::new(LocationEvidence::blocked(
                    key.question.location(),
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
                &key,
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

    /// Joins or starts the flight that reads the manifest of `key` and those
    /// below it.
    pub(super) fn board_tree(
        self: &Arc<Self>,
        key: &TreeKey,
        request: &Request<'_>,
    ) -> Boarding<TreeFound> {
        self.trees.board(
            &self.runtime,
            key,
            || self.caches.tree(key).map(Ok),
            || {
                let registry = key.image.repository().registry();
                let places = self.places(registry, request).map_err(Err)?;
                let (inner, key) = (Arc::clone(self), key.clone());
                Ok(async move {
                    let deadline = inner.budget();
                    let reading = tree::read(
                        &inner.source,
                        &key.image,
                        &inner.limits,
                        &places.account,
                        deadline,
                    );
                    let found = reading.await.map(Arc::new);
                    if let Ok(tree) = &found {
                        inner.caches.keep_tree(key, Arc::clone(tree));
                    }
                    drop(places);
                    found
                })
            },
        )
    }

    /// Waits for an answer, not longer than the caller's own deadline.
    pub(super) async fn wait<V: Clone>(
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

    /// The answer to `key`, waiting for it not longer than `until`.
    pub(super) async fn look(
        self: &Arc<Self>,
        key: &EvidenceKey,
        request: &Request<'_>,
        since: Instant,
        until: Instant,
    ) -> Looked {
        let location: Location = key.question.location();
        if matches!(key.question, Question::Visible | Question::Listed)
            && self.caches.is_absent(key, self.runtime.now())
        {
            return Arc::new(LocationEvidence::empty(location));
        }
        let boarding = self.board(key, request, since);
        self.wait(boarding, until)
            .await
            .unwrap_or_else(|obstacle| Arc::new(LocationEvidence::blocked(location, obstacle)))
    }
}

/// Held by a flight while it is under way.
struct Places {
    _at_registry: Place<Registry>,
    _in_namespace: Option<Place<Arc<str>>>,
    account: Account,
}
