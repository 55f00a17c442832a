//! The policies in force, and what was worked out under them so far.
//!
//! Both are swapped together, so that nothing outlives the policies that it
//! follows from.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, UnitWeighter};

use super::PolicyState;
use crate::oci::{Reference, ReferenceError};
use crate::verdict::Subject;
use crate::verifier::Prepared;

/// References, each in one namespace, that are kept. A cluster of a thousand
/// nodes runs a few thousand; one entry takes about 700 bytes.
const MAX_PREPARED: usize = 8192;

/// One state of the policies.
pub(super) struct InForce {
    pub(super) state: PolicyState,
    prepared: Cache<Key, Arc<Prepared>, UnitWeighter, foldhash::fast::RandomState>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    image: Box<str>,
    subject: Subject,
}

#[derive(Debug, Clone, Copy)]
struct Query<'a> {
    image: &'a str,
    subject: &'a Subject,
}

impl Hash for Query<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.image.hash(state);
        // The channels follow from it, or nearly always.
        self.subject.namespace.hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { image, subject } = self;
        Query { image, subject }.hash(state);
    }
}

impl Equivalent<Key> for Query<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.image == *key.image && *self.subject == key.subject
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InForce").finish_non_exhaustive()
    }
}

impl InForce {
    pub(super) fn new(state: PolicyState) -> Self {
        Self {
            state,
            prepared: Cache::with(
                MAX_PREPARED,
                MAX_PREPARED as u64,
                UnitWeighter,
                foldhash::fast::RandomState::default(),
                DefaultLifecycle::default(),
            ),
        }
    }

    /// The reference that `image` is, with what follows from the policies of this
    /// state. `prepare` works that out, the first time.
    pub(super) fn prepared(
        &self,
        image: &str,
        subject: &Subject,
        prepare: impl FnOnce(Reference) -> Prepared,
    ) -> Result<Arc<Prepared>, ReferenceError> {
        if let Some(known) = self.prepared.get(&Query { image, subject }) {
            return Ok(known);
        }
        let reference: Reference = image.parse()?;
        let prepared = Arc::new(prepare(reference));
        let key = Key {
            image: image.into(),
            subject: subject.clone(),
        };
        self.prepared.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}
