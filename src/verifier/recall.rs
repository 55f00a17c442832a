//! Verdicts from what is in memory: no future, no flight, no cryptography.
//!
//! What is worked out for every image of every review – which policies select
//! it, whose material they need, what its evidence is worth under that – follows
//! from the reference, its place, the policies in force and the evidence alone.
//! A [`Prepared`] keeps it for one reference in one place. It holds facts and
//! nothing else: the policies are evaluated from them each time.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::Runtime;
use super::cache::{EvidenceQuery, Kept, Question};
use super::{Looked, Request, Verifier, is_satisfied, known_good_for};
use crate::evidence::{Location, LocationEvidence};
use crate::oci::{PinnedReference, Reference};
use crate::policy::{Facts, MaterialId, Pinning, PolicySet, Selection, decide};
use crate::source::Source;
use crate::verdict::{Subject, Verdict};

/// One reference in one place, with what follows from the policies in force.
///
/// Of use only with the policies and the subject that it was made with.
#[derive(Debug)]
pub struct Prepared {
    reference: Reference,
    /// `None` for a tag, about which a registry must be asked each time.
    pinning: Option<Pinning>,
    selection: Selection,
    materials: Vec<MaterialId>,
    known_good_for: Duration,
    facts: ArcSwapOption<Established>,
}

/// What certain evidence is worth.
#[derive(Debug)]
struct Established {
    /// That evidence. Not kept alive by this, and no other evidence can be
    /// taken for it: while there is a `Weak`, its address is not used again.
    evidence: Vec<Weak<LocationEvidence>>,
    facts: Facts,
}

impl Prepared {
    /// Works out what can be without looking at anything.
    pub fn new(reference: Reference, subject: &Subject, policies: &PolicySet) -> Self {
        let selection = policies.select(reference.repository(), subject);
        let needs_evidence = selection.is_evaluated() && selection.needs_evidence();
        Self {
            pinning: reference.pinned().map(Pinning::Digest),
            materials: if needs_evidence {
                selection.materials()
            } else {
                Vec::new()
            },
            known_good_for: known_good_for(&selection),
            facts: ArcSwapOption::empty(),
            reference,
            selection,
        }
    }

    /// The reference.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl<S: Source, R: Runtime> Verifier<S, R> {
    /// Judges one image from what is in memory. `None` unless every policy is
    /// satisfied by that: then [`Verifier::verify`] has to look further. The
    /// same goes for evidence that is old enough to be looked at again.
    ///
    /// `prepared` must have been made with the reference, the subject and the
    /// policies of `request`; `now` is a reading of [`Verifier::now`].
    pub fn recall(
        &self,
        request: &Request<'_>,
        prepared: &Prepared,
        now: Instant,
    ) -> Option<Verdict> {
        let pinning = prepared.pinning.as_ref()?;
        let conclude = |facts: &Facts| {
            let verdict = decide(
                request.reference,
                pinning,
                &prepared.selection,
                facts,
                request.at,
            );
            is_satisfied(&verdict).then_some(verdict)
        };
        let Pinning::Digest(image) = pinning else {
            return None;
        };
        if prepared.materials.is_empty() {
            return conclude(&Facts::default());
        }
        let inner = &self.inner;
        let scope = inner.source.scope(image.repository());
        let mut found: [Option<Arc<Kept>>; Location::SIGNATURES.len()] = Default::default();
        for (index, location) in Location::SIGNATURES.into_iter().enumerate() {
            let query = EvidenceQuery {
                image,
                scope: &scope,
                question: Question::Attached(location),
            };
            let Some(kept) = inner.caches.kept(&query, now, prepared.known_good_for) else {
                continue;
            };
            if kept.is_old(now, &inner.limits) {
                return None;
            }
            found[index] = Some(kept);
            let looked = || found.iter().flatten().map(|kept| &kept.evidence);
            let verdict = match &*prepared.facts.load() {
                Some(known) if known.is_of(looked()) => conclude(&known.facts),
                _ => {
                    let facts = self.remembered(request.policies, prepared, image, looked)?;
                    let verdict = conclude(&facts);
                    prepared.facts.store(Some(Arc::new(Established {
                        evidence: looked().map(Arc::downgrade).collect(),
                        facts,
                    })));
                    verdict
                }
            };
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }

    /// What `looked` gives is worth, if all of that was established before.
    fn remembered<'l, L: Iterator<Item = &'l Looked>>(
        &self,
        policies: &PolicySet,
        prepared: &Prepared,
        image: &PinnedReference,
        looked: impl Fn() -> L,
    ) -> Option<Facts> {
        let caches = &self.inner.caches;
        let subject = image.digest();
        let worth = |id: &MaterialId| {
            let fingerprint = policies.material(*id).fingerprint();
            let worth: Option<Vec<_>> = looked()
                .flat_map(|looked| &looked.documents)
                .map(|document| caches.remembered(document.id, subject, fingerprint))
                .collect();
            Some((*id, worth?))
        };
        let established: Option<Vec<_>> = prepared.materials.iter().map(worth).collect();
        Some(Facts {
            established: established?,
            // What has gaps is never kept.
            gaps: Vec::new(),
            ..Facts::default()
        })
    }
}

impl Established {
    fn is_of<'l>(&self, looked: impl Iterator<Item = &'l Looked>) -> bool {
        let known = self.evidence.iter().map(Weak::as_ptr);
        known.eq(looked.map(Arc::as_ptr))
    }
}
