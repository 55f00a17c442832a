//! What was verified, on disk: one file, so that it is one whole set or none.
//!
//! Two sets of metadata lie in it. *Good* is what the last successful refresh
//! ended with, and is what serves after a restart. *Seen* is the newest of each
//! that was verified at all, also by a refresh that failed later on: the floor
//! below which a mirror may not go back. Both are verified again when they are
//! read; the file is trusted for nothing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::file::{self, CACHE};
use super::error::RefreshError;
use super::store::Files;

const FILE: &str = "tuf.json";

/// What the first field of the file says.
const FORMAT: &str = "floe-tuf-cache/v1";

/// The file of one root.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

/// What lay in it, verified by nobody.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cached {
    pub(super) good: Files,
    pub(super) seen: Files,
    /// When the last success was; it is shown and decides nothing.
    pub(super) refreshed: Option<Timestamp>,
}

impl Cache {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(super) fn read(&self) -> Result<Cached, RefreshError> {
        let path = self.folder.join(FILE);
        let bytes = file::bytes(&path, CACHE)
            .map_err(|why| RefreshError::NoCache(format!("{}: {why}", path.display())))?;
        decode(&bytes)
            .ok_or_else(|| RefreshError::NoCache(format!("{}: is damaged", path.display())))
    }

    /// Replaces the file: a reader sees the old one or the new one, also after
    /// a crash.
    pub(super) fn write(&self, cached: &Cached) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // Another process may write at the same time, and neither in a
        // container knows the other's number.
        let temporary = self
            .folder
            .join(format!(".{FILE}.{:016x}", rand::random::<u64>()));
        let written = File::create_new(&temporary)
            .and_then(|mut file| {
                file.write_all(&encode(cached))?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, self.folder.join(FILE)));
        if written.is_err() {
            // What went wrong before is what matters.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

fn encode(cached: &Cached) -> Vec<u8> {
    let files = |files: &Files| -> Map<String, Value> {
        files
            .iter()
            .map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes).into()))
            .collect()
    };
    let document = json!({
        "format": FORMAT,
        "refreshed": cached.refreshed.map(|at| at.to_string()),
        "good": files(&cached.good),
        "seen": files(&cached.seen),
    });
    document.to_string().into_bytes()
}

fn decode(bytes: &[u8]) -> Option<Cached> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    if document.get("format")? != FORMAT {
        return None;
    }
    let files = |field: &str| -> Option<Files> {
        let written = document.get(field)?.as_object()?;
        written
            .iter()
            .map(|(name, text)| {
                let bytes = STANDARD.decode(text.as_str()?).ok()?;
                Some((name.clone(), bytes))
            })
            .collect()
    };
    Some(Cached {
        good: files("good")?,
        seen: files("seen")?,
        refreshed: document
            .get("refreshed")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok()),
    })
}
