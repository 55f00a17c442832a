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
use super::engine::Looked;
use super::whereabouts::TagPrefix;
use super::{Request, Verifier, is_satisfied, known_good_for};
use crate::evidence::{Location, LocationEvidence};
use crate::oci::{PinnedReference, Reference};
use crate::policy::{Facts, MaterialId, Pinning, PolicySet, Selection, decide};
use crate::source::Source;
use crate::verdict::{Subject, Verdict};

/// One reference in one place, with what follows from the policies in force.
///
/// Of use only with the policies and the subject that it was made with, and for
/// the verifier that made it.
#[derive(Debug)]
pub struct Prepared {
    reference: Reference,
    /// What can be looked up in memory. `None` for a tag, about which a registry
    /// must be asked each time; for what depends on more than one digest; and
    /// for a name that is none.
    recallable: Option<Recallable>,
    facts: ArcSwapOption<Established>,
}

#[derive(Debug)]
struct Recallable {
    pinning: Pinning,
    /// The image, where evidence of it is asked for.
    image: PinnedReference,
    prefix: TagPrefix,
    selection: Selection,
    materials: Vec<MaterialId>,
    known_good_for: Duration,
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
    /// The reference.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl<S: Source, R: Runtime> Verifier<S, R> {
    /// Works out for `reference`, used at `subject`, what can be without looking
    /// at anything.
    pub fn prepare(
        &self,
        reference: Reference,
        subject: &Subject,
        policies: &PolicySet,
    ) -> Prepared {
        let recallable = self.recallable(&reference, subject, policies);
        Prepared {
            recallable,
            facts: ArcSwapOption::empty(),
            reference,
        }
    }

    fn recallable(
        &self,
        reference: &Reference,
        subject: &Subject,
        policies: &PolicySet,
    ) -> Option<Recallable> {
        let digest = reference.digest()?;
        let located = self.inner.whereabouts.of(reference.repository()).ok()?;
        let selection = policies.select(&located.repository, subject);
        if selection.asks_for_manifest() {
            return None;
        }
        let needs_evidence = selection.is_evaluated() && selection.needs_evidence();
        Some(Recallable {
            pinning: Pinning::Digest(located.repository.pin(digest)),
            image: located.asked_for(digest),
            prefix: located.tag_prefix,
            materials: if needs_evidence {
                selection.materials()
            } else {
                Vec::new()
            },
            known_good_for: known_good_for(&selection),
            selection,
        })
    }

    /// Judges one image from what is in memory. `None` unless every policy is
    /// satisfied by that: then [`Verifier::verify`] has to look further. The
    /// same goes for evidence that is old enough to be looked at again.
    ///
    /// `prepared` must have been made by this verifier with the reference, the
    /// subject and the policies of `request`; `now` is a reading of
    /// [`Verifier::now`].
    pub fn recall(
        &self,
        request: &Request<'_>,
        prepared: &Prepared,
        now: Instant,
    ) -> Option<Verdict> {
        let known = prepared.recallable.as_ref()?;
        let conclude = |facts: &Facts| {
            let verdict = decide(
                request.reference,
                &known.pinning,
                &known.selection,
                facts,
                request.at,
            );
            is_satisfied(&verdict).then_some(verdict)
        };
        if known.materials.is_empty() {
            return conclude(&Facts::default());
        }
        let inner = &self.inner;
        let scope = inner.source.scope(known.image.repository());
        let mut found: [Option<Arc<Kept>>; Location::ALL.len()] = Default::default();
        let attested = known.selection.demands_attestations();
        let last = known.selection.locations().len() - 1;
        for (index, location) in known.selection.locations().iter().enumerate() {
            let query = EvidenceQuery {
                image: &known.image,
                scope: &scope,
                prefix: &known.prefix,
                question: Question::Attached(*location),
            };
            match inner.caches.kept(&query, now, known.known_good_for) {
                Some(kept) if kept.is_old(now, &inner.limits) => return None,
                Some(kept) => found[index] = Some(kept),
                None if !attested => continue,
                None if location.may_hold_attestations() => {
                    let empty = inner.caches.empty(&query, now, known.known_good_for)?;
                    if empty.is_old(now, &inner.limits) {
                        return None;
                    }
                }
                None => {}
            }
            // Of attestations the newest decides, wherever it is.
            if attested && index < last {
                continue;
            }
            let looked = || found.iter().flatten().map(|kept| &kept.evidence);
            let verdict = match &*prepared.facts.load() {
                Some(established) if established.is_of(looked()) => conclude(&established.facts),
                _ => {
                    let facts = self.remembered(request.policies, known, looked)?;
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
        known: &Recallable,
        looked: impl Fn() -> L,
    ) -> Option<Facts> {
        let caches = &self.inner.caches;
        let subject = known.image.digest();
        let worth = |id: &MaterialId| {
            let fingerprint = policies.material(*id).fingerprint();
            let worth: Option<Vec<_>> = looked()
                .flat_map(|looked| &looked.documents)
                .map(|document| caches.remembered(document.id, subject, fingerprint))
                .collect();
            Some((*id, worth?))
        };
        let established: Option<Vec<_>> = known.materials.iter().map(worth).collect();
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
