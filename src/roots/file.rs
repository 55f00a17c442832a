//! Reading files, folders and environment variables within bounds. No error
//! quotes what was read: somebody may have named the wrong file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What is read, and how large one of it can be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sort {
    limit: u64,
    /// What it is called in an error.
    noun: &'static str,
}

/// A public key: one of RSA with 8192 bits takes about 1.5 KiB in PEM.
pub(super) const KEY: Sort = Sort {
    limit: 64 * 1024,
    noun: "key",
};

/// A trust root, or certificates as one: Sigstore's own takes 7 KiB, a bundle
/// of all the authorities that browsers know 220 KiB.
pub(super) const ROOT: Sort = Sort {
    limit: 1024 * 1024,
    noun: "trust root",
};

/// What is kept of a TUF repository: metadata is a few hundred KiB at most, and
/// some of it lies there twice.
pub(super) const CACHE: Sort = Sort {
    limit: 32 * 1024 * 1024,
    noun: "cache",
};

/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 1000;

/// The whole text of a regular file.
pub(super) fn text(path: &Path, sort: Sort) -> Result<String, String> {
    let bytes = bytes(path, sort)?;
    String::from_utf8(bytes).map_err(|_| format!("is not text, so it is no {}", sort.noun))
}

/// The whole content of a regular file.
pub(super) fn bytes(path: &Path, sort: Sort) -> Result<Vec<u8>, String> {
    // Asked before opening, because opening a pipe waits for its other end.
    let about = fs::metadata(path).map_err(cannot)?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(sort.limit + 1).read_to_end(&mut bytes))
        .map_err(cannot)?;
    if bytes.len() as u64 > sort.limit {
        let Sort { limit, noun } = sort;
        return Err(format!("is larger than {limit} bytes, so it is no {noun}"));
    }
    Ok(bytes)
}

/// The text of an environment variable.
pub(super) fn env(name: &str, sort: Sort) -> Result<String, String> {
    let Sort { limit, noun } = sort;
    let text = std::env::var_os(name).ok_or("is not set")?;
    if text.len() as u64 > limit {
        return Err(format!("is longer than {limit} bytes, so it is no {noun}"));
    }
    text.into_string()
        .map_err(|_| format!("is not text, so it is no {noun}"))
}

/// What is in a folder, by name. Hidden entries are left out: in a mounted
/// ConfigMap they are second copies of the others.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            found.push(folder.join(name));
        }
        if found.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} entries"));
        }
    }
    found.sort();
    Ok(found)
}

fn cannot(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => format!("cannot be read: {kind}"),
    }
}
