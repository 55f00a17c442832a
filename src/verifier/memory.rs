//! How many bytes of attached documents flights hold at once.
//!
//! Whoever names an image chooses the registry that answers, so the number of
//! documents and the size of each are somebody else's choice, and their product
//! must not be. Bytes are counted before they are fetched and given back when
//! the flight ends; what is kept after that is bounded by the cache.

use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;
use super::flight::{Capacity, Place};

/// Documents up to this size do not count against what one flight may read: a
/// signature is smaller, and must not be crowded out by large documents beside
/// it. Their number is bounded.
const SMALL: u64 = 64 * 1024;

/// The bytes of all flights.
#[derive(Debug)]
pub(super) struct Memory {
    all: Capacity<()>,
    namespaces: Capacity<Arc<str>>,
    one: u64,
    /// Room that a flight needs at its start.
    reserve: usize,
}

/// The bytes of one flight.
pub(super) struct Account {
    memory: Arc<Memory>,
    namespace: Option<Arc<str>>,
    held: Mutex<Held>,
}

/// One document's place among all, and among those of its namespace.
type Room = (Place<()>, Option<Place<Arc<str>>>);

#[derive(Default)]
struct Held {
    large: u64,
    places: Vec<Room>,
}

/// Why there is no room for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Too much is attached to this image.
    Image,
    /// Too much is being read at this moment.
    Now,
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Self {
        let count = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            all: Capacity::new(count(limits.document_bytes_at_once)),
            namespaces: Capacity::new(count(limits.document_bytes_per_namespace)),
            one: limits.document_bytes,
            reserve: count(limits.document_bytes_per_namespace / 16),
        }
    }

    /// The account of a flight for `namespace`, or none if that has no room for
    /// it: others may join the flight, and must not be refused for what this
    /// namespace has used up.
    pub(super) fn account(self: &Arc<Self>, namespace: Option<&Arc<str>>) -> Option<Account> {
        let room = |namespace| self.namespaces.free(namespace) >= self.reserve;
        namespace.is_none_or(room).then(|| Account {
            memory: Arc::clone(self),
            namespace: namespace.cloned(),
            held: Mutex::default(),
        })
    }
}

impl Account {
    /// Room for a document of `bytes`, until the account is dropped.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Full> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let large = match bytes {
            0..=SMALL => held.large,
            _ => held.large.saturating_add(bytes),
        };
        if large > self.memory.one {
            return Err(Full::Image);
        }
        let count = usize::try_from(bytes).map_err(|_| Full::Image)?;
        let all = self.memory.all.take_many(&(), count).ok_or(Full::Now)?;
        let in_namespace = match &self.namespace {
            Some(namespace) => Some(
                self.memory
                    .namespaces
                    .take_many(namespace, count)
                    .ok_or(Full::Now)?,
            ),
            None => None,
        };
        held.large = large;
        held.places.push((all, in_namespace));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(one: u64, namespace: u64, all: u64) -> Arc<Memory> {
        Arc::new(Memory::new(&Limits {
            document_bytes: one,
            document_bytes_per_namespace: namespace,
            document_bytes_at_once: all,
            ..Limits::default()
        }))
    }

    #[test]
    fn large_documents_fill_a_flight_and_small_ones_still_find_room() {
        let account = memory(3 * SMALL, u64::MAX, u64::MAX)
            .account(None)
            .expect("room");
        assert_eq!(account.take(2 * SMALL), Ok(()));
        assert_eq!(account.take(2 * SMALL), Err(Full::Image));
        for _ in 0..100 {
            assert_eq!(account.take(SMALL), Ok(()));
        }
    }

    #[test]
    fn what_a_flight_held_is_free_again_when_it_has_ended() {
        let (tenant, other) = (Arc::from("tenant"), Arc::from("other"));
        let memory = memory(u64::MAX, 1000, 1500);
        let account = |namespace| memory.account(namespace).expect("room");
        let first = account(Some(&tenant));
        assert_eq!(first.take(900), Ok(()));
        assert_eq!(account(Some(&tenant)).take(200), Err(Full::Now));
        let second = account(Some(&other));
        assert_eq!(second.take(600), Ok(()));
        assert_eq!(account(None).take(1), Err(Full::Now));
        drop(first);
        assert_eq!(account(Some(&tenant)).take(900), Ok(()));
    }

    #[test]
    fn a_namespace_without_room_starts_no_flight_that_others_could_join() {
        let (tenant, other) = (Arc::from("tenant"), Arc::from("other"));
        let memory = memory(u64::MAX, 1600, u64::MAX);
        let first = memory.account(Some(&tenant)).expect("room");
        assert_eq!(first.take(1501), Ok(()));
        assert!(memory.account(Some(&tenant)).is_none());
        assert!(memory.account(Some(&other)).is_some());
        drop(first);
        assert!(memory.account(Some(&tenant)).is_some());
    }
}
