//! One piece of work for many who ask for it at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::Shared;

use crate::source::SourceError;

type Landing<V> = Shared<Pin<Box<dyn Future<Output = Result<V, SourceError>> + Send>>>;

/// Work under way, by key. The work runs detached: whoever started it may leave
/// without ending it for the others. Errors are shared with those who wait and
/// then forgotten.
#[derive(Debug)]
pub(super) struct Flights<K, V> {
    under_way: Arc<Mutex<HashMap<K, Landing<V>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }
}

/// Removes the flight when its task ends, by a panic too.
struct Clear<K: Hash + Eq, V>(Arc<Mutex<HashMap<K, Landing<V>>>>, K);

impl<K: Hash + Eq, V> Drop for Clear<K, V> {
    fn drop(&mut self) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.remove(&self.1);
    }
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Waits for the flight with this key until `deadline`, starting it if
    /// there is none. `landed` is asked first, under the same lock: work that
    /// stores its result before it ends is never started twice.
    pub(super) async fn join<W>(
        &self,
        key: K,
        deadline: Instant,
        landed: impl FnOnce() -> Option<V>,
        work: impl FnOnce() -> W,
    ) -> Result<V, SourceError>
    where
        W: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        let landing = {
            let mut map = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(landing) = map.get(&key) {
                landing.clone()
            } else if let Some(value) = landed() {
                return Ok(value);
            } else {
                let clear = Clear(Arc::clone(&self.under_way), key.clone());
                let work = work();
                let task = tokio::spawn(async move {
                    let _clear = clear;
                    work.await
                });
                let landing = task
                    .map(|result| {
                        result.unwrap_or_else(|_| {
                            Err(SourceError::Denied {
                                detail: "the work of getting a token broke off".into(),
                            })
                        })
                    })
                    .boxed()
                    .shared();
                map.insert(key, landing.clone());
                landing
            }
        };
        tokio::time::timeout_at(deadline.into(), landing)
            .await
            .unwrap_or_else(|_| {
                Err(SourceError::TimedOut {
                    detail: "no token was there before the deadline".into(),
                })
            })
    }
}
