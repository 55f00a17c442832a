//! One flight for each question, however many ask.
//!
//! A flight runs detached with its own budget: the caller that started it may
//! leave without cancelling it for the others. Its result goes to those who
//! wait and is then forgotten here; what may be kept is put into a cache by the
//! flight itself, before it ends.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;
use futures_util::FutureExt as _;
use futures_util::future::Shared;

use super::Runtime;

/// The flights under way for questions `K` with answers `V`.
#[derive(Debug)]
pub(super) struct Flights<K, V: Clone> {
    under_way: Arc<Mutex<HashMap<K, Shared<oneshot::Receiver<V>>>>>,
}

/// What a caller who wants an answer gets.
#[derive(Debug)]
pub(super) enum Boarding<V: Clone> {
    /// The answer is there already.
    Known(V),
    /// Wait for this; it ends without a value only if the flight panicked.
    Flight(Shared<oneshot::Receiver<V>>),
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }

    /// How many there are.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Joins the flight for `key`, or starts one.
    ///
    /// `known` is asked while no flight can start or land, so that an answer
    /// that was stored a moment ago is not fetched again. `start` may refuse to
    /// fly and give the answer itself.
    pub(super) fn board<F>(
        &self,
        runtime: &impl Runtime,
        key: &K,
        known: impl FnOnce() -> Option<V>,
        start: impl FnOnce() -> Result<F, V>,
    ) -> Boarding<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (task, answer) = {
            let mut under_way = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(flight) = under_way.get(key) {
                return Boarding::Flight(flight.clone());
            }
            if let Some(value) = known() {
                return Boarding::Known(value);
            }
            let flight = match start() {
                Ok(flight) => flight,
                Err(value) => return Boarding::Known(value),
            };
            let (sender, receiver) = oneshot::channel();
            let answer = receiver.shared();
            under_way.insert(key.clone(), answer.clone());
            let landing = Landing {
                under_way: Arc::clone(&self.under_way),
                key: key.clone(),
            };
            let task = async move {
                let value = flight.await;
                drop(landing);
                // Nobody waiting is fine: the flight has stored what it found.
                let _ = sender.send(value);
            };
            (task, answer)
        };
        // Outside the lock: a runtime may run the task at once.
        runtime.spawn(Box::pin(task));
        Boarding::Flight(answer)
    }
}

/// Removes a flight from the list when it ends, by a panic too.
struct Landing<K: Eq + Hash, V: Clone> {
    under_way: Arc<Mutex<HashMap<K, Shared<oneshot::Receiver<V>>>>>,
    key: K,
}

impl<K: Eq + Hash, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

/// Counts what is under way for each key, up to a limit.
#[derive(Debug)]
pub(super) struct Capacity<K: Eq + Hash> {
    used: Arc<Mutex<HashMap<K, usize>>>,
    limit: usize,
}

/// Places of a [`Capacity`], given back when dropped.
pub(super) struct Place<K: Eq + Hash> {
    used: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
    count: usize,
}

impl<K: Clone + Eq + Hash> Capacity<K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: Arc::default(),
            limit,
        }
    }

    /// Takes a place at once, or none.
    pub(super) fn take(&self, key: &K) -> Option<Place<K>> {
        self.take_many(key, 1)
    }

    /// How many places are free.
    pub(super) fn free(&self, key: &K) -> usize {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.limit
            .saturating_sub(used.get(key).copied().unwrap_or(0))
    }

    /// Takes `count` places at once, or none.
    pub(super) fn take_many(&self, key: &K, count: usize) -> Option<Place<K>> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = used.get(key).copied().unwrap_or(0);
        let after = taken.checked_add(count)?;
        if after > self.limit {
            return None;
        }
        used.insert(key.clone(), after);
        Some(Place {
            used: Arc::clone(&self.used),
            key: key.clone(),
            count,
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = used.get_mut(&self.key) {
            *count -= self.count;
            if *count == 0 {
                used.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::Blocking;

    #[test]
    fn a_full_capacity_refuses_at_once_and_a_dropped_place_is_free_again() {
        let capacity = Capacity::new(2);
        let first = capacity.take(&"a");
        let second = capacity.take(&"a");
        assert!(first.is_some() && second.is_some());
        assert!(capacity.take(&"a").is_none());
        assert!(
            capacity.take(&"b").is_some(),
            "another key has its own places"
        );
        drop(first);
        assert!(capacity.take(&"a").is_some());
    }

    #[test]
    fn a_flight_that_panics_leaves_nothing_behind() {
        let flights: Flights<u8, u8> = Flights::new();
        let flown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            flights.board(
                &Blocking,
                &1,
                || None,
                || Ok(async { panic!("as a defect would") }),
            )
        }));
        assert!(flown.is_err(), "the blocking runtime flies at once");
        let again = flights.board(&Blocking, &1, || None, || Ok(async { 7 }));
        let Boarding::Flight(flight) = again else {
            panic!("a new flight was expected");
        };
        assert_eq!(Blocking.run(flight), Ok(7));
    }

    #[test]
    fn what_became_known_while_boarding_is_not_fetched_again() {
        let flights: Flights<u8, u8> = Flights::new();
        let boarding = flights.board(
            &Blocking,
            &1,
            || Some(3),
            || Ok(async { panic!("no flight was needed") }),
        );
        assert!(matches!(boarding, Boarding::Known(3)));
    }
}
