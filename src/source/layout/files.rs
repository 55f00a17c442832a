//! Bounded reads of regular files below one folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::oci::Digest;

/// A folder that files are read from, and never from outside it.
#[derive(Debug)]
pub(super) struct Files {
    /// Canonical, so that a link out of the folder shows as another prefix.
    root: PathBuf,
}

/// Why a file was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    #[error("is missing")]
    Missing,
    #[error("leads out of the layout")]
    Outside,
    #[error("is not a regular file")]
    NotAFile,
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    #[error("cannot be read ({0})")]
    Io(io::ErrorKind),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            kind => Self::Io(kind),
        }
    }
}

impl Files {
    pub(super) fn open(root: &Path) -> Result<Self, ReadError> {
        let root = root.canonicalize()?;
        if root.is_dir() {
            Ok(Self { root })
        } else {
            Err(ReadError::Io(io::ErrorKind::NotADirectory))
        }
    }

    pub(super) fn blob_path(digest: &Digest) -> PathBuf {
        ["blobs", digest.algorithm().as_str(), digest.hex().as_str()]
            .iter()
            .collect()
    }

    /// The whole file, if it has at most `limit` bytes.
    pub(super) fn read(&self, relative: &Path, limit: u64) -> Result<Bytes, ReadError> {
        let path = self.root.join(relative).canonicalize()?;
        if !path.starts_with(&self.root) {
            return Err(ReadError::Outside);
        }
        // Looked at before it is opened: opening a named pipe would wait for
        // somebody to write.
        let metadata = path.metadata()?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        if metadata.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        // The file may grow while it is read, so the bound is held here too.
        File::open(&path)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge(limit));
        }
        Ok(bytes.into())
    }

    /// The digests whose blobs are in the folder, at most `limit` of them, and
    /// whether there are more.
    pub(super) fn blobs(&self, limit: usize) -> Result<(Vec<Digest>, bool), ReadError> {
        let mut digests = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            let folder = match self.root.join("blobs").join(algorithm).canonicalize() {
                Ok(folder) if folder.starts_with(&self.root) => folder,
                Ok(_) => return Err(ReadError::Outside),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            for entry in folder.read_dir()? {
                let name = entry?.file_name();
                let Some(Ok(digest)) = name
                    .to_str()
                    .map(|hex| format!("{algorithm}:{hex}").parse::<Digest>())
                else {
                    continue;
                };
                if digests.len() == limit {
                    return Ok((digests, true));
                }
                digests.push(digest);
            }
        }
        // The order of a folder is accidental.
        digests.sort_unstable();
        Ok((digests, false))
    }
}
