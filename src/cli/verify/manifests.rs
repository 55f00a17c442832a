//! Manifests on a disk or on standard input: which images they name.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::images::{self, Image, Images};
use crate::admission::{Coverage, Gvk, ReferencesError};
use crate::cli::{Stop, files};
use crate::policy::yaml;
use crate::verdict::report::{Place, Uncovered};
use crate::verdict::{Code, Finding};

/// What the user said about where the manifests go.
pub(super) struct Said<'a> {
    /// `--namespace`.
    pub(super) namespace: Option<&'a str>,
    /// `--allow-uncovered`.
    pub(super) allowed: &'a [String],
}

/// Reads every manifest below `paths` and adds the images that it names to
/// `images`; gives the objects of kinds that are not covered.
///
/// An object that names its namespace is judged for it; others for the one that
/// the user names.
///
/// # Errors
///
/// A file that cannot be read, a document that is no manifest, or one for
/// another namespace than the user said: nothing is skipped.
pub(super) fn read(
    paths: &[PathBuf],
    said: &Said<'_>,
    images: &mut Images,
) -> Result<Vec<Uncovered>, Stop> {
    let mut uncovered = Vec::new();
    for path in paths {
        for (name, text) in texts(path)? {
            let documents =
                yaml::documents(&text).with_context(|| format!("{name} cannot be read"))?;
            for document in documents {
                let whence = Whence {
                    file: &name,
                    line: document.line,
                    path: &document.path,
                };
                if let Some(object) = object(&document.value, &whence, said, images)? {
                    uncovered.push(object);
                }
            }
        }
    }
    Ok(uncovered)
}

/// Where a document stands, for messages.
struct Whence<'a> {
    file: &'a str,
    line: u64,
    path: &'a str,
}

impl std::fmt::Display for Whence<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: line {}", self.file, self.line)?;
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        Ok(())
    }
}

fn object(
    value: &Value,
    whence: &Whence<'_>,
    said: &Said<'_>,
    images: &mut Images,
) -> Result<Option<Uncovered>, Stop> {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Err(anyhow::anyhow!(
            "{whence}: not a Kubernetes object: apiVersion or kind is missing"
        )
        .into());
    };
    let metadata = |name: &str| {
        value
            .pointer(&format!("/metadata/{name}"))
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let namespace = match (metadata("namespace"), said.namespace) {
        (Some(own), Some(said)) if own != said => {
            return Err(Stop::usage(format!(
                "{whence}: {kind} is for namespace {own:?}, and --namespace says {said:?}; \
                 remove one of them"
            )));
        }
        (own, said) => own.or(said),
    };
    let name = metadata("name").or_else(|| metadata("generateName"));
    let described = images::described(kind, namespace, name);

    let gvk = Gvk::from_manifest(api_version, kind);
    let json = value.to_string();
    match Coverage::builtin().references(&gvk, None, &json) {
        Ok(uses) => {
            for entry in uses {
                let place = Place {
                    file: Some(whence.file.to_owned()),
                    object: Some(described.clone()),
                    field: entry.path.entry().to_string(),
                    name: entry.name.as_deref().map(str::to_owned),
                };
                images.add(Image::written(&entry.image, namespace), Some(place));
            }
            Ok(None)
        }
        Err(ReferencesError::NotCovered { .. }) => {
            let kind = gvk.to_string();
            Ok(Some(Uncovered {
                code: Code::KindNotCovered.as_str(),
                allowed: said.allowed.contains(&kind),
                kind,
                object: described,
                file: Some(whence.file.to_owned()),
            }))
        }
        Err(error @ ReferencesError::TooMany { .. }) => {
            let place = Place {
                file: Some(whence.file.to_owned()),
                object: Some(described),
                field: String::new(),
                name: None,
            };
            let finding = Finding::violation(error.code(), error.to_string());
            images.add(Image::refused("", namespace, finding), Some(place));
            Ok(None)
        }
        Err(error @ ReferencesError::Malformed { .. }) => {
            // The place is one in the JSON that was made here, which the user
            // never sees.
            let text = error.to_string();
            let text = text
                .split_once(" at line ")
                .map_or(text.as_str(), |(what, _)| what);
            Err(anyhow::anyhow!("{whence}: {text}").into())
        }
    }
}

/// The texts at `path`, with their names: standard input, a file, or every
/// manifest in a folder.
fn texts(path: &Path) -> Result<Vec<(String, String)>, Stop> {
    if path == Path::new("-") {
        return Ok(vec![(
            "standard input".to_owned(),
            files::standard_input()?,
        )]);
    }
    if !path.is_dir() {
        return Ok(vec![(path.display().to_string(), files::text(path)?)]);
    }
    let found = files::manifests_below(path)?;
    if found.is_empty() {
        return Err(Stop::usage(format!(
            "{} has no manifest: no file ends in .yaml, .yml or .json",
            path.display()
        )));
    }
    found
        .into_iter()
        .map(|file| Ok((file.display().to_string(), files::regular_text(&file)?)))
        .collect()
}
