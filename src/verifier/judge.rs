//! One image on its way to a verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, FuturesUnordered, StreamExt as _};

use super::cache::{EvidenceKey, Question, TreeKey};
use super::engine::{Inner, Looked, TreeFound};
use super::tree::Tree;
use super::whereabouts::{Located, TagPrefix};
use super::{Request, Runtime, is_admitted_by_enforcement, is_satisfied, known_good_for, runtime};
use crate::evidence::{Location, Obstacle, ObstacleKind};
use crate::oci::{Digest, Repository};
use crate::policy::{Child, Facts, Family, MaterialId, Pinning, Selection, decide};
use crate::source::Source;
use crate::trust::establish;
use crate::verdict::Verdict;

/// For how long documents are judged before other tasks of the thread get a
/// turn. What a document costs is up to whoever made it: a signature check takes
/// some 40 to 500 µs, and there may be dozens.
const TURN: Duration = Duration::from_millis(2);

/// How long after the deadline documents are still judged: what was found while
/// another location hung until then is worth an answer.
const AFTER_DEADLINE: Duration = Duration::from_millis(25);

/// One image on its way to a verdict.
pub(super) struct Judgement<'a, S, R> {
    inner: &'a Arc<Inner<S, R>>,
    request: &'a Request<'a>,
    pinning: &'a Pinning,
    selection: &'a Selection,
    materials: Vec<MaterialId>,
    known_good_for: Duration,
    located: &'a Located,
    digest: Digest,
    /// What the image is, once that was asked.
    tree: Option<TreeFound>,
    /// What evidence is needed of: the image itself, where a policy wants that,
    /// then every entry of the index, where one wants those.
    artifacts: Vec<Artifact>,
    /// Whether the first of them is the image itself.
    itself: bool,
}

/// One digest, and what is known about it.
struct Artifact {
    digest: Digest,
    /// What was looked at so far.
    looked: Vec<Looked>,
    /// Why nothing found there proves nothing.
    unseen: Vec<Obstacle>,
}

impl Artifact {
    const fn new(digest: Digest) -> Self {
        Self {
            digest,
            looked: Vec::new(),
            unseen: Vec::new(),
        }
    }

    /// Adds what was found, in place of what was known of that location before.
    fn add(&mut self, found: Looked) {
        self.looked.retain(|known| known.location != found.location);
        self.looked.push(found);
    }

    fn has_documents(&self) -> bool {
        self.looked
            .iter()
            .any(|looked| !looked.documents.is_empty())
    }

    /// Whether everything was looked at and nothing was there.
    fn is_bare(&self) -> bool {
        !self.has_documents() && self.looked.iter().all(|looked| looked.gaps.is_empty())
    }
}

/// The questions about one artifact that are still open.
struct Open {
    artifact: usize,
    keys: Vec<EvidenceKey>,
}

impl<'a, S: Source, R: Runtime> Judgement<'a, S, R> {
    /// The judgement of `digest`, which `pinning` names.
    pub(super) fn new(
        inner: &'a Arc<Inner<S, R>>,
        request: &'a Request<'a>,
        pinning: &'a Pinning,
        selection: &'a Selection,
        materials: Vec<MaterialId>,
        located: &'a Located,
        digest: Digest,
    ) -> Self {
        Self {
            inner,
            request,
            pinning,
            known_good_for: known_good_for(selection),
            selection,
            materials,
            located,
            digest,
            tree: None,
            artifacts: vec![Artifact::new(digest)],
            itself: true,
        }
    }

    pub(super) async fn conclude(mut self) -> Verdict {
        let now = self.inner.runtime.now();
        if self.selection.asks_for_manifest() {
            self.tree = Some(self.read_tree(now).await);
            self.name_artifacts();
        }
        // What is known is used before anything is looked at: most reviews end
        // in this.
        let mut open = Vec::new();
        let (verdict, admitted) = self.recall(now, &mut open).await;
        if let Some(verdict) = verdict {
            return verdict;
        }
        let until = self.patience(admitted, now);
        self.look_at(open, now, until).await
    }

    /// Until when another look is waited for. Where known facts admit the image,
    /// looking on is for the sake of a warning, and must not hold up the answer
    /// while a registry hangs.
    fn patience(&self, admitted: bool, now: Instant) -> Instant {
        if admitted {
            let patience = self.inner.limits.warning_patience;
            self.request.deadline.min(now + patience)
        } else {
            self.request.deadline
        }
    }

    /// What the image is: from memory, or by reading its manifest.
    async fn read_tree(&mut self, now: Instant) -> TreeFound {
        let repository = &self.located.repository;
        let key = TreeKey {
            image: repository.pin(self.digest),
            scope: self.inner.source.scope(repository),
        };
        if let Some(tree) = self.inner.caches.tree(&key) {
            return Ok(tree);
        }
        // The other policies may be satisfied without it.
        self.tree = Some(Err(Obstacle::new(
            ObstacleKind::DeadlineExceeded,
            "what the image is has not been looked at",
        )));
        let (_, admitted) = self.recall(now, &mut Vec::new()).await;
        self.artifacts = vec![Artifact::new(self.digest)];
        let until = self.patience(admitted, now);
        let boarding = self.inner.board_tree(&key, self.request);
        let waiting = self.inner.wait(boarding, until);
        waiting.await.unwrap_or_else(Err)
    }

    /// Decides what evidence is needed of, now that it is known what the image
    /// is.
    fn name_artifacts(&mut self) {
        self.artifacts.clear();
        let entries = match &self.tree {
            Some(Ok(tree)) => match &**tree {
                Tree::Image => None,
                Tree::Index { entries, .. } => Some(entries.as_slice()),
            },
            // Nothing that depends on it can be satisfied.
            Some(Err(_)) => Some(&[][..]),
            None => None,
        };
        self.itself = entries.is_none() || self.selection.asks_for_index();
        if self.itself {
            self.artifacts.push(Artifact::new(self.digest));
        }
        if self.selection.asks_for_children() {
            let digests = entries.into_iter().flatten().map(|entry| entry.digest);
            self.artifacts.extend(digests.map(Artifact::new));
        }
    }

    /// The verdict as far as it needs nothing that is not in memory, and whether
    /// the policies that enforce are satisfied by that. What is not in memory is
    /// added to `open`.
    async fn recall(&mut self, now: Instant, open: &mut Vec<Open>) -> (Option<Verdict>, bool) {
        let mut admitted = false;
        let attested = self.selection.demands_attestations();
        let scope = self.inner.source.scope(self.located.asked());
        let mut missing: Vec<Open> = (0..self.artifacts.len())
            .map(|artifact| Open {
                artifact,
                keys: Vec::new(),
            })
            .collect();
        for location in self.selection.locations() {
            let mut more = false;
            for (artifact, missing) in self.artifacts.iter_mut().zip(&mut missing) {
                let key = EvidenceKey {
                    image: self.located.asked_for(artifact.digest),
                    scope: scope.clone(),
                    prefix: self.located.tag_prefix.clone(),
                    question: Question::Attached(*location),
                };
                let inner = self.inner;
                let query = key.query();
                let kept = inner.caches.kept(&query, now, self.known_good_for);
                let found = kept.is_some();
                let empty = || inner.caches.empty(&query, now, self.known_good_for);
                let Some(kept) = kept.or_else(empty) else {
                    missing.keys.push(key);
                    continue;
                };
                if !found && !inner.caches.is_absence(&kept, now) {
                    // Asked again, unless everything is satisfied without.
                    missing.keys.push(key.clone());
                    if !attested {
                        continue;
                    }
                }
                if kept.claim_refresh(now, &inner.limits) {
                    inner.refresh(&key, self.request);
                }
                artifact.looked.push(Arc::clone(&kept.evidence));
                more = true;
            }
            if more && self.artifacts.iter().all(Artifact::has_documents) {
                let verdict = self.decide().await;
                if is_satisfied(&verdict) {
                    return (Some(verdict), true);
                }
                admitted |= is_admitted_by_enforcement(&verdict);
            }
        }
        missing.retain(|missing| !missing.keys.is_empty());
        *open = missing;
        (None, admitted)
    }

    /// Looks at the locations that are not known, all at once, and ends as soon
    /// as the policies are satisfied: a location that hangs does not hold up
    /// what another one proves.
    async fn look_at(mut self, open: Vec<Open>, since: Instant, until: Instant) -> Verdict {
        let (inner, request) = (self.inner, self.request);
        let mut outstanding: usize = open.iter().map(|open| open.keys.len()).sum();
        let waiting = stream::iter(open).map(|open| {
            let artifact = open.artifact;
            let looks: FuturesUnordered<_> = open
                .keys
                .into_iter()
                .map(|key| async move { (artifact, inner.look(&key, request, since, until).await) })
                .collect();
            looks
        });
        let mut waiting = waiting.flatten_unordered(inner.limits.children_at_once);
        while let Some((artifact, looked)) = waiting.next().await {
            self.artifacts[artifact].add(looked);
            outstanding -= 1;
            // With another location still out, only a verdict that nothing
            // more can improve ends the wait.
            if outstanding > 0 && self.artifacts.iter().all(Artifact::has_documents) {
                let verdict = self.decide().await;
                if is_satisfied(&verdict) {
                    return verdict;
                }
            }
        }
        drop(waiting);
        for artifact in &mut self.artifacts {
            artifact.looked.sort_by_key(|looked| looked.location);
        }
        self.ask_what_absence_means(since, until).await;
        self.decide().await
    }

    /// Where nothing at all was found: whether anything could have been.
    async fn ask_what_absence_means(&mut self, since: Instant, until: Instant) {
        let (inner, request, located) = (self.inner, self.request, self.located);
        let ask = |repository: &Repository, digest, question| {
            let key = EvidenceKey {
                image: repository.pin(digest),
                scope: inner.source.scope(repository),
                prefix: TagPrefix::default(),
                question,
            };
            async move { inner.look(&key, request, since, until).await }
        };
        let mut bare = Vec::new();
        let mut asking = Vec::new();
        for (at, artifact) in self.artifacts.iter().enumerate() {
            if artifact.is_bare() {
                bare.push(at);
                let image = &located.repository;
                asking.push(ask(image, artifact.digest, Question::Visible));
            }
        }
        if bare.is_empty() {
            return;
        }
        // Whether signatures that are kept apart could have been seen is the
        // same for all that is looked for there.
        if located.is_apart() {
            asking.push(ask(located.asked(), self.digest, Question::Listed));
        }
        let mut answers = stream::iter(asking).buffered(inner.limits.children_at_once);
        for at in &bare {
            if let Some(looked) = answers.next().await {
                let unseen = &mut self.artifacts[*at].unseen;
                unseen.extend(looked.gaps.iter().cloned());
            }
        }
        if let Some(looked) = answers.next().await {
            for at in bare {
                let unseen = &mut self.artifacts[at].unseen;
                unseen.extend(looked.gaps.iter().cloned());
            }
        }
    }

    /// Establishes what was looked at and decides.
    async fn decide(&self) -> Verdict {
        let mut turn = self.inner.runtime.now();
        let mut known = Vec::with_capacity(self.artifacts.len());
        for artifact in &self.artifacts {
            known.push(self.facts(artifact, &mut turn).await);
        }
        let mut known = known.into_iter();
        let mut facts = if self.itself {
            known.next().unwrap_or_default()
        } else {
            Facts::default()
        };
        facts.family = match &self.tree {
            None => Family::NotAsked,
            Some(Err(obstacle)) => Family::Unknown(obstacle.clone()),
            Some(Ok(tree)) => family(tree, known),
        };
        decide(
            self.request.reference,
            self.pinning,
            self.selection,
            &facts,
            self.request.at,
        )
    }

    /// What the documents of one artifact are worth. `turn` is since when other
    /// tasks had none.
    async fn facts(&self, artifact: &Artifact, turn: &mut Instant) -> Facts {
        let (caches, runtime) = (&self.inner.caches, &self.inner.runtime);
        let subject = artifact.digest;
        let until = self.request.deadline + AFTER_DEADLINE;
        let mut unjudged = 0_usize;
        let mut established = Vec::with_capacity(self.materials.len());
        for id in &self.materials {
            let material = self.request.policies.material(*id);
            let mut worth = Vec::new();
            for document in artifact.looked.iter().flat_map(|looked| &looked.documents) {
                let judge =
                    || (runtime.now() < until).then(|| establish(document, &subject, material));
                let fact = caches.established(document.id, subject, material.fingerprint(), judge);
                let Some((fact, fresh)) = fact else {
                    unjudged += 1;
                    continue;
                };
                worth.push(fact);
                if fresh && runtime.now().saturating_duration_since(*turn) >= TURN {
                    runtime::yield_now().await;
                    *turn = runtime.now();
                }
            }
            established.push((*id, worth));
        }
        let gaps = artifact.looked.iter().flat_map(|looked| &looked.gaps);
        let mut gaps: Vec<_> = gaps.chain(&artifact.unseen).cloned().collect();
        if unjudged > 0 {
            gaps.push(Obstacle::new(
                ObstacleKind::DeadlineExceeded,
                format!("{unjudged} times a document was not judged before the deadline"),
            ));
        }
        // Of attestations the newest decides, and it may be where nobody has
        // looked yet.
        let seen = |location| artifact.looked.iter().any(|l| l.location == location);
        let attested = self.selection.demands_attestations();
        let unseen = Location::ALL
            .into_iter()
            .filter(|location| attested && location.may_hold_attestations())
            .find(|location| !seen(*location));
        gaps.extend(unseen.map(|location| {
            Obstacle::new(
                ObstacleKind::LookFailed,
                format!("{} was not looked at", location.as_str()),
            )
        }));
        Facts {
            established,
            gaps,
            family: Family::NotAsked,
        }
    }
}

/// What is known about the image that `tree` describes, with `facts` about its
/// entries, in order, where a policy asks for them.
fn family(tree: &Tree, mut facts: impl Iterator<Item = Facts>) -> Family {
    match tree {
        Tree::Image => Family::Image,
        Tree::Index { entries, empty } => Family::Index {
            children: entries
                .iter()
                .map(|entry| Child {
                    digest: entry.digest,
                    platform: entry.platform.clone(),
                    facts: facts.next().unwrap_or_default(),
                })
                .collect(),
            empty: *empty,
        },
    }
}
