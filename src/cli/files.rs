//! Reading what the user names: texts within a bound, and folders of them.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Stop;
use crate::policy::yaml;

/// Most bytes of one text that are read: what the YAML reader takes, and one
/// more so that it notices that there is more.
const MAX_TEXT: u64 = yaml::MAX_TEXT as u64 + 1;

/// Reads a file.
pub(super) fn text(path: &Path) -> Result<String, Stop> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_TEXT).read_to_string(&mut text))
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text)
}

/// Reads a file that nobody named: one found in a folder, or one that is read
/// again and again. Opening a pipe would wait for its other end, for ever.
pub(super) fn regular_text(path: &Path) -> Result<String, Stop> {
    let about = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if !about.is_file() {
        return Err(anyhow::anyhow!(
            "{} cannot be read: it is not a regular file",
            path.display()
        )
        .into());
    }
    text(path)
}

/// Reads standard input.
pub(super) fn standard_input() -> Result<String, Stop> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_TEXT)
        .read_to_string(&mut text)
        .context("standard input cannot be read")?;
    Ok(text)
}

/// The policies in `folder`, by name.
pub(super) fn manifests(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    // Hidden entries are left out: in a mounted ConfigMap they are second copies
    // of the others.
    let hidden = |path: &Path| {
        let name = path.file_name();
        name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    Ok(entries(folder)?
        .into_iter()
        .filter(|path| is_manifest(path) && !hidden(path) && !path.is_dir())
        .collect())
}

/// The manifests in `folder` and everything below it, by name, hidden ones too:
/// `kubectl` applies them. Linked folders are not entered, so that there is no
/// circle.
pub(super) fn manifests_below(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            if !path.is_symlink() {
                files.extend(manifests_below(&path)?);
            }
        } else if is_manifest(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// What is in `folder`, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries.iter().map(fs::DirEntry::path).collect())
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}
