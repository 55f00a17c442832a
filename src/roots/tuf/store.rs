//! Metadata by name, in memory: what the TUF client writes through, and what it
//! finds again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MetadataStore, Repository, Result};

/// Files by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What was verified so far.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: Mutex<Files>,
}

impl From<Files> for Store {
    fn from(files: Files) -> Self {
        Self {
            files: Mutex::new(files),
        }
    }
}

impl Store {
    /// Everything in it.
    pub(super) fn files(&self) -> Files {
        self.lock().clone()
    }

    /// Adds what is not there yet.
    pub(super) fn fill(&self, files: Files) {
        let mut known = self.lock();
        for (name, bytes) in files {
            known.entry(name).or_insert(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetadataStore for Store {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        // Each snapshot comes a second time under its version, which would
        // grow for ever and is never asked for.
        if versioned(name).is_none_or(|(_, rest)| rest != "snapshot.json") {
            self.lock().insert(name.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}

/// A [`Store`] in place of a mirror: what it does not have is not there.
#[derive(Debug)]
pub(super) struct Offline {
    store: Arc<Store>,
}

impl Offline {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    fn get(&self, name: &str, max_length: u64) -> Result<Option<Vec<u8>>> {
        let files = self.store.lock();
        let found = files.get(name).or_else(|| match versioned(name) {
            // A newer root would have been found in the history already.
            None | Some((_, "root.json")) => None,
            // Roles are kept without the version that a mirror has in front;
            // which one it is, is checked as everything else.
            Some((_, rest)) => files.get(rest),
        });
        match found {
            Some(bytes) if bytes.len() as u64 > max_length => Err(Error::transport(format!(
                "{name} is larger than {max_length} bytes"
            ))),
            found => Ok(found.cloned()),
        }
    }
}

impl Repository for Offline {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        let found = self.get(name, max_length);
        Box::pin(async move { found })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _max_length: u64) -> FetchFuture<'a> {
        // The client looks for a target in the store before it asks.
        Box::pin(async { Ok(None) })
    }
}

/// A name that begins with a version, such as `12.snapshot.json`.
fn versioned(name: &str) -> Option<(&str, &str)> {
    name.split_once('.')
        .filter(|(version, _)| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
}
