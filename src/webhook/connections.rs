//! How many connections are open, in all and from one address.
//!
//! Whoever reaches the port can hold a connection open for as long as it likes.
//! Without a bound for each address, one of them could take every place, and
//! the next connection of the API server would wait for ever.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    all: Arc<Semaphore>,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    each: usize,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// Places for `limit` connections, a quarter of them for one address.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            peers: Arc::default(),
            each: limit.div_ceil(4),
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
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.get(&peer).copied().unwrap_or(0);
        if count >= self.each {
            return None;
        }
        peers.insert(peer, count + 1);
        Some(Place {
            peers: Arc::clone(&self.peers),
            peer,
            _permit: room,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
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
        assert!(connections.peers.lock().expect("not poisoned").is_empty());
        assert_eq!(connections.all.available_permits(), 8);
    }
}
