//! `floe verify --bundle`: a file, and the bundle that came with it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;

use crate::cli::Stop;
use crate::evidence::Document;
use crate::evidence::format::MAX_BUNDLE_BYTES;
use crate::oci::{Content, Digest};
use crate::policy::{Facts, PolicySet, decide_blob};
use crate::trust::{Blob, establish_blob};
use crate::verdict::report::ImageReport;

/// The largest file that is read into memory. Of larger ones the user gives the
/// digest, which any tool computes in constant memory.
const MAX_BLOB: u64 = 256 << 20;

/// What the user wants to know about.
pub(super) enum Named {
    /// A file.
    File(Vec<u8>),
    /// The digest of one.
    Digest(Digest),
}

/// Reads what `text` names: `sha256:` or `sha512:` with hex digits, or else a
/// file.
///
/// # Errors
///
/// The file cannot be read, or is too large.
pub(super) fn named(text: &str) -> Result<Named, Stop> {
    let path = Path::new(text);
    // A file of such a name can be given as ./sha256:…
    if let Ok(digest) = text.parse() {
        return Ok(Named::Digest(digest));
    }
    let digest = text.starts_with("sha256:") || text.starts_with("sha512:");
    if digest && !path.exists() {
        return Err(Stop::usage(format!(
            "{text:?} is no file, and no digest: sha256: with 64 lower-case hex digits, or \
             sha512: with 128, is one"
        )));
    }
    let bytes = read(path, MAX_BLOB)?.ok_or_else(|| {
        anyhow::anyhow!(
            "{text} has more than {MAX_BLOB} bytes; give its digest in its place: sha256:…"
        )
    })?;
    Ok(Named::File(bytes))
}

/// Judges whether the bundle in `path` shows that `named` was signed for one of
/// `policies`.
///
/// # Errors
///
/// The bundle cannot be read as a file. What is wrong inside it is a finding.
pub(super) fn judge(
    path: &Path,
    text: &str,
    named: &Named,
    policies: &PolicySet,
    at: Timestamp,
) -> Result<ImageReport, Stop> {
    let document = bundle(path)?;
    let blob = match named {
        Named::File(bytes) => Blob::Bytes(bytes),
        Named::Digest(digest) => Blob::Digest(*digest),
    };
    let facts = Facts {
        established: policies
            .every_material()
            .map(|(id, material)| {
                let established = establish_blob(&document, &blob, material);
                (id, vec![Arc::new(established)])
            })
            .collect(),
        ..Facts::default()
    };
    let verdict = decide_blob(policies, &facts, at);
    Ok(ImageReport::new(
        text.to_owned(),
        None,
        Vec::new(),
        &verdict,
    ))
}

fn bundle(path: &Path) -> Result<Document, Stop> {
    let digest = Digest::sha256(b"");
    let Some(bytes) = read(path, MAX_BUNDLE_BYTES)? else {
        let detail = format!("more than the {MAX_BUNDLE_BYTES} bytes that are read");
        return Ok(Document::malformed(digest, detail));
    };
    let content = Content::of_tag("application/json", Bytes::from(bytes));
    Ok(Document::bundle(content.digest(), &content))
}

/// A file, unless it has more than `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Stop> {
    let cannot = || format!("{} cannot be read", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .with_context(cannot)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
