//! What is kept between reviews: facts, never decisions.
//!
//! *Evidence* is keyed by what was looked at and with which credentials; policy
//! and trust changes do not touch it. *Established facts* are keyed by document,
//! subject and material; changed material is another key, and nothing is ever
//! flushed. *Absences* have a small cache of their own and evict neither.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, UnitWeighter, Weighter};

use super::Limits;
use super::tree::Tree;
use super::whereabouts::TagPrefix;
use crate::evidence::format::MAX_BUNDLE_BYTES;
use crate::evidence::{Location, LocationEvidence};
use crate::oci::{Digest, PinnedReference};
use crate::source::Scope;
use crate::trust::{Established, Fingerprint};

type Hasher = foldhash::fast::RandomState;

/// What is asked of a source about an image, with which credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct EvidenceKey {
    /// The image, in the repository that is asked.
    pub image: PinnedReference,
    pub scope: Scope,
    /// What the tags of the legacy layout begin with.
    pub prefix: TagPrefix,
    pub question: Question,
}

/// An [`EvidenceKey`] in borrowed parts, to look something up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EvidenceQuery<'a> {
    pub image: &'a PinnedReference,
    pub scope: &'a Scope,
    pub prefix: &'a TagPrefix,
    pub question: Question,
}

impl EvidenceKey {
    pub(super) const fn query(&self) -> EvidenceQuery<'_> {
        EvidenceQuery {
            image: &self.image,
            scope: &self.scope,
            prefix: &self.prefix,
            question: self.question,
        }
    }
}

impl Equivalent<EvidenceKey> for EvidenceQuery<'_> {
    fn equivalent(&self, key: &EvidenceKey) -> bool {
        *self == key.query()
    }
}

/// The questions that a flight answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// What is attached there?
    Attached(Location),
    /// Can the image itself be seen? Answered by no gap or by one.
    Visible,
    /// Can the repository be seen, whatever is in it? Answered in the same way.
    Listed,
}

impl Question {
    /// The location that the answer is filed under.
    pub(super) const fn location(self) -> Location {
        match self {
            Self::Attached(location) => location,
            Self::Visible | Self::Listed => Location::Referrers,
        }
    }
}

/// A manifest that is to be read with all that are below it, with which
/// credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TreeKey {
    pub image: PinnedReference,
    pub scope: Scope,
}

/// Evidence that was looked at completely, and when.
#[derive(Debug)]
pub(super) struct Kept {
    pub evidence: Arc<LocationEvidence>,
    pub looked_at: Instant,
    next_refresh: Mutex<Instant>,
}

impl Kept {
    /// Whether it should be looked at again when there is an occasion.
    pub(super) fn is_old(&self, now: Instant, limits: &Limits) -> bool {
        now.saturating_duration_since(self.looked_at) >= limits.soft_lifetime
    }

    /// Whether it is time to look again in the background; says so once in an
    /// interval, so that an outage does not make every review look.
    pub(super) fn claim_refresh(&self, now: Instant, limits: &Limits) -> bool {
        if !self.is_old(now, limits) {
            return false;
        }
        let mut next = self
            .next_refresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if now < *next {
            return false;
        }
        *next = now + limits.refresh_interval;
        true
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FactKey {
    document: Digest,
    subject: Digest,
    material: Fingerprint,
}

#[derive(Debug)]
pub(super) struct Caches {
    evidence: Cache<EvidenceKey, Arc<Kept>, Weigh, Hasher>,
    absences: Cache<EvidenceKey, Arc<Kept>, UnitWeighter, Hasher>,
    facts: Cache<FactKey, Arc<Established>, WeighFacts, Hasher>,
    trees: Cache<TreeKey, Arc<Tree>, WeighTrees, Hasher>,
    absence_lifetime: Duration,
}

impl Caches {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            // The table is sized for evidence of one signature each.
            evidence: weighed(limits.evidence_bytes, 4096, limits.document_bytes, Weigh),
            absences: counted(limits.absences),
            facts: weighed(limits.facts_bytes, FACT_BYTES, MAX_BUNDLE_BYTES, WeighFacts),
            trees: weighed(limits.tree_bytes, 1024, 64 * 1024, WeighTrees),
            absence_lifetime: limits.absence_lifetime,
        }
    }

    /// Complete, non-empty evidence that is not older than `known_good_for`.
    pub(super) fn kept(
        &self,
        query: &EvidenceQuery<'_>,
        now: Instant,
        known_good_for: Duration,
    ) -> Option<Arc<Kept>> {
        let kept = self.evidence.get(query)?;
        (now.saturating_duration_since(kept.looked_at) <= known_good_for).then_some(kept)
    }

    /// Whether this was looked at completely a moment ago and was empty.
    pub(super) fn is_absent(&self, key: &EvidenceKey, now: Instant) -> bool {
        self.absences
            .get(key)
            .is_some_and(|empty| self.is_absence(&empty, now))
    }

    /// Whether `empty` still counts as "nothing is there" against an image.
    pub(super) fn is_absence(&self, empty: &Kept, now: Instant) -> bool {
        now.saturating_duration_since(empty.looked_at) < self.absence_lifetime
    }

    /// That this was empty when it was last looked at, not longer ago than
    /// `known_good_for`. It says that there was nothing newer than what is kept
    /// of the other locations, and not, after a moment, that nothing is there.
    pub(super) fn empty(
        &self,
        query: &EvidenceQuery<'_>,
        now: Instant,
        known_good_for: Duration,
    ) -> Option<Arc<Kept>> {
        let empty = self.absences.get(query)?;
        (now.saturating_duration_since(empty.looked_at) <= known_good_for).then_some(empty)
    }

    /// Keeps what a flight found – unless it has gaps, which are never kept.
    pub(super) fn keep(&self, key: &EvidenceKey, found: &Arc<LocationEvidence>, now: Instant) {
        if !found.is_complete() {
            return;
        }
        let kept = Arc::new(Kept {
            evidence: Arc::clone(found),
            looked_at: now,
            next_refresh: Mutex::new(now),
        });
        if found.documents.is_empty() {
            self.evidence.remove(key);
            self.absences.insert(key.clone(), kept);
        } else {
            self.absences.remove(key);
            self.evidence.insert(key.clone(), kept);
        }
    }

    /// What the manifest of `key` is. Follows from its digest, so that it holds
    /// for as long as it is kept.
    pub(super) fn tree(&self, key: &TreeKey) -> Option<Arc<Tree>> {
        self.trees.get(key)
    }

    pub(super) fn keep_tree(&self, key: TreeKey, tree: Arc<Tree>) {
        self.trees.insert(key, tree);
    }

    /// What `document` is worth, if that is in memory.
    pub(super) fn remembered(
        &self,
        document: Digest,
        subject: Digest,
        material: Fingerprint,
    ) -> Option<Arc<Established>> {
        self.facts.get(&FactKey {
            document,
            subject,
            material,
        })
    }

    /// What `document` is worth, from memory or by `judge`.
    pub(super) fn established(
        &self,
        document: Digest,
        subject: Digest,
        material: Fingerprint,
        judge: impl FnOnce() -> Option<Established>,
    ) -> Option<(Arc<Established>, bool)> {
        let key = FactKey {
            document,
            subject,
            material,
        };
        if let Some(known) = self.facts.get(&key) {
            return Some((known, false));
        }
        // Judged outside the cache's own lock on purpose: two reviews may do
        // the same work once, and none waits for another's cryptography.
        let fresh = Arc::new(judge()?);
        self.facts.insert(key, Arc::clone(&fresh));
        Some((fresh, true))
    }
}

/// A cache of at most `bytes`, usually in entries of `usual` bytes and never of
/// more than about `largest`.
fn weighed<K, V, W>(bytes: u64, usual: u64, largest: u64, weigh: W) -> Cache<K, V, W, Hasher>
where
    K: Eq + std::hash::Hash,
    V: Clone,
    W: Weighter<K, V> + Clone,
{
    let options = OptionsBuilder::new()
        // What is heavier than a shard is not kept at all, and the usual number
        // of shards follows from that of the processors: an image with a large
        // SBOM would be known on a small machine and cold for ever on a large
        // one.
        .shards(
            usize::try_from(bytes / (largest.max(1) * 2)).map_or(1, |shards| shards.clamp(1, 16)),
        )
        .estimated_items_capacity(usize::try_from(bytes / usual).unwrap_or(usize::MAX))
        .weight_capacity(bytes)
        .build()
        .expect("items and weight are given");
    Cache::with_options(
        options,
        weigh,
        Hasher::default(),
        DefaultLifecycle::default(),
    )
}

/// A cache of at most `entries`.
fn counted<K: Eq + std::hash::Hash, V: Clone>(entries: u64) -> Cache<K, V, UnitWeighter, Hasher> {
    Cache::with(
        usize::try_from(entries).unwrap_or(usize::MAX),
        entries,
        UnitWeighter,
        Hasher::default(),
        DefaultLifecycle::default(),
    )
}

/// What a fact without annotations occupies: key, claim or rejection, entry and
/// bookkeeping.
const FACT_BYTES: u64 = 600;

/// An estimate of the bytes that a fact occupies.
#[derive(Debug, Clone, Copy)]
struct WeighFacts;

impl Weighter<FactKey, Arc<Established>> for WeighFacts {
    fn weight(&self, _key: &FactKey, fact: &Arc<Established>) -> u64 {
        let words = match &**fact {
            Ok(verified) => verified.claim().weight(),
            Err(rejection) => rejection.detail.len(),
        };
        FACT_BYTES + words as u64
    }
}

/// An estimate of the bytes that a tree of manifests occupies.
#[derive(Debug, Clone, Copy)]
struct WeighTrees;

impl Weighter<TreeKey, Arc<Tree>> for WeighTrees {
    fn weight(&self, _key: &TreeKey, tree: &Arc<Tree>) -> u64 {
        tree.weight() as u64
    }
}

/// An estimate of the bytes that evidence occupies.
#[derive(Debug, Clone, Copy)]
struct Weigh;

impl Weighter<EvidenceKey, Arc<Kept>> for Weigh {
    fn weight(&self, _key: &EvidenceKey, kept: &Arc<Kept>) -> u64 {
        /// Key, entry and bookkeeping.
        const OVERHEAD: usize = 512;
        let documents = kept.evidence.documents.iter();
        let bytes: usize = documents.map(|document| document.weight()).sum();
        (OVERHEAD + bytes) as u64
    }
}
