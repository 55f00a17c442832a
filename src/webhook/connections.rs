//! How many connections are open, in all and from one address.
//!
//! Whoever reaches the port can hold a connection open for as long as it likes.
//! Without a bound for each address, one of them could take every place, and
//! the next connection of the API server would wait for ever.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one address may take of something that all share.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    each: usize,
}

/// A part of the share of one address, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
}

impl Shares {
    /// Shares of a quarter of `limit`.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            taken: Arc::default(),
            each: limit.div_ceil(4),
        }
    }

    /// One more for `peer`, or none if it has its share already.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(peer).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share {
            taken: Arc::clone(&self.taken),
            peer,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

/// The places for connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    all: Arc<Semaphore>,
    shares: Shares,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// Places for `limit` connections, a quarter of them for one address.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            shares: Shares::new(limit),
        }
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.all)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed")
    }

    /// The place of a connection from `peer`, or none if that address has its
    /// share already.
    pub(super) fn take(&self, peer: IpAddr, room: OwnedSemaphorePermit) -> Option<Place> {
        let share = self.shares.take(peer)?;
        Some(Place {
            _share: share,
            _permit: room,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_has_a_quarter_of_the_places_and_gets_them_back() {
        let connections = Connections::new(8);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = connections.take(one, connections.room().await);
        let second = connections.take(one, connections.room().await);
        assert!(first.is_some() && second.is_some());
        assert!(connections.take(one, connections.room().await).is_none());
        assert!(connections.take(two, connections.room().await).is_some());
        drop(first);
        assert!(connections.take(one, connections.room().await).is_some());
        drop(second);
        assert!(
            connections
                .shares
                .taken
                .lock()
                .expect("not poisoned")
                .is_empty()
        );
        assert_eq!(connections.all.available_permits(), 8);
    }
}
