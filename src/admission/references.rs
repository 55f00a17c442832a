//! Which images an object names, and where.
//!
//! The same function serves the webhook and manifests on a disk: it takes the
//! kind and the JSON of the object, nothing of a review.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer};

use super::kinds::{self, Shape};
use super::object::{Form, Object};
use super::paths::{ImagePath, PathError};
use super::review::Request;
use super::wire::{Gvk, JsonObject, Text, clip};
use super::workload::{Container, CronJob, Pod, PodSpec, PodTemplate, Workload};
use crate::verdict::Code;

/// Most images of one object that are looked at. A Pod of everyday life names
/// fewer than ten; the largest object the API server accepts could name tens of
/// thousands, and each may cost a look-up.
pub const MAX_IMAGES: usize = 512;

/// What an entry is for. Together with the reference it decides whether an
/// update brings something new.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// An entry of `containers`.
    Container,
    /// An entry of `initContainers`.
    InitContainer,
    /// An entry of `ephemeralContainers`.
    EphemeralContainer,
    /// An image volume.
    Volume,
    /// A field path of the configuration.
    Configured(Arc<str>),
}

/// Where an image stands, printed as `spec.template.spec.containers[0].image`.
/// Built-in places cost nothing until they are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Listed {
        prefix: &'static str,
        list: &'static str,
        index: usize,
        leaf: &'static str,
    },
    Written(Box<str>),
}

impl FieldPath {
    /// The entry that the field belongs to, such as `spec.containers[0]`; the
    /// field itself where there is none.
    pub fn entry(&self) -> impl fmt::Display {
        struct Entry<'a>(&'a Place);

        impl fmt::Display for Entry<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    Place::Listed {
                        prefix,
                        list,
                        index,
                        ..
                    } => write!(f, "{prefix}.{list}[{index}]"),
                    Place::Written(path) => f.write_str(path),
                }
            }
        }

        Entry(&self.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Listed { leaf, .. } => write!(f, "{}.{leaf}", self.entry()),
            Place::Written(path) => f.write_str(path),
        }
    }
}

/// One image that an object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse<'a> {
    /// What it is for.
    pub role: Role,
    /// Where it stands.
    pub path: FieldPath,
    /// Name of the container or volume, where it has one.
    pub name: Option<Text<'a>>,
    /// The reference as written. A field that is missing is the empty text,
    /// which is no reference and is refused as such: an image that nobody named
    /// cannot be judged.
    pub image: Text<'a>,
}

/// Why the images of an object could not be listed. Each is a denial.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferencesError {
    /// The object is not what its kind says.
    #[error("the object cannot be read as {kind}: {detail}")]
    Malformed {
        /// The kind.
        kind: String,
        /// What is wrong, at most 200 bytes.
        detail: String,
    },
    /// It is not known where this kind keeps its images.
    #[error(
        "floe does not know where {kind} keeps its images; add its field paths to `kinds` \
         in the settings, or do not send this kind to floe"
    )]
    NotCovered {
        /// The kind.
        kind: String,
    },
    /// More images than are looked at.
    #[error("the object names {found} images; floe looks at no more than {MAX_IMAGES}")]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl ReferencesError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed { .. } => Code::ReviewMalformed,
            Self::NotCovered { .. } => Code::KindNotCovered,
            Self::TooMany { .. } => Code::TooManyImages,
        }
    }
}

/// What is wrong with a configured kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoverageProblem {
    /// No field path is given.
    #[error("kinds: {kind}: give at least one field path")]
    NoPaths {
        /// The kind.
        kind: String,
    },
    /// A path cannot be read.
    #[error("kinds: {kind}: {path:?}: {source}")]
    Path {
        /// The kind.
        kind: String,
        /// The path as written.
        path: String,
        /// Why.
        source: PathError,
    },
    /// floe knows this kind itself.
    #[error("kinds: {kind}: floe reads the images of this kind itself; remove the entry")]
    BuiltIn {
        /// The kind.
        kind: String,
    },
    /// The kind is there twice.
    #[error("kinds: {kind}: given twice; put all its paths into one entry")]
    Twice {
        /// The kind.
        kind: String,
    },
}

/// The kinds whose images floe can list: the built-in ones, and those for
/// which the configuration gives field paths.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// By group and kind.
    configured: BTreeMap<(String, String), Vec<ConfiguredPath>>,
}

/// A path as written, shared by the uses found there, and as parsed.
type ConfiguredPath = (Arc<str>, ImagePath);

impl Coverage {
    /// The built-in kinds only.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The built-in kinds, and each `(group, kind, field paths)` given.
    ///
    /// # Errors
    ///
    /// Every [`CoverageProblem`].
    pub fn with_kinds<'k>(
        kinds: impl IntoIterator<Item = (&'k str, &'k str, &'k [String])>,
    ) -> Result<Self, Vec<CoverageProblem>> {
        let mut configured = BTreeMap::new();
        let mut problems = Vec::new();
        for (group, kind, paths) in kinds {
            let name = if group.is_empty() {
                kind.to_owned()
            } else {
                format!("{kind}.{group}")
            };
            if kinds::has_shape(group, kind) {
                problems.push(CoverageProblem::BuiltIn { kind: name });
                continue;
            }
            if paths.is_empty() {
                problems.push(CoverageProblem::NoPaths { kind: name });
                continue;
            }
            let mut parsed = Vec::with_capacity(paths.len());
            for path in paths {
                match path.parse::<ImagePath>() {
                    Ok(read) => parsed.push((Arc::from(read.as_str()), read)),
                    Err(source) => problems.push(CoverageProblem::Path {
                        kind: name.clone(),
                        path: path.clone(),
                        source,
                    }),
                }
            }
            if configured
                .insert((group.to_owned(), kind.to_owned()), parsed)
                .is_some()
            {
                problems.push(CoverageProblem::Twice { kind: name });
            }
        }
        if problems.is_empty() {
            Ok(Self { configured })
        } else {
            Err(problems)
        }
    }

    /// Every image that `object`, a JSON text of `kind`, names. Empty if and
    /// only if it can name none: a kind or subresource without images, or a
    /// configured kind whose fields are not set.
    ///
    /// `subresource` is what the request was for: `scale` and `status` carry no
    /// image, whatever the object beside them says, because the API server
    /// takes nothing else from it. `ephemeralcontainers` is read as a Pod.
    ///
    /// # Errors
    ///
    /// Each is a denial: see [`ReferencesError`].
    pub fn references<'a>(
        &self,
        kind: &Gvk<'_>,
        subresource: Option<&str>,
        object: &'a str,
    ) -> Result<Vec<ImageUse<'a>>, ReferencesError> {
        if matches!(subresource, Some("scale" | "status")) {
            return Ok(Vec::new());
        }
        let uses = if let Some(shape) = kinds::shape(kind) {
            let spec = read_pod(shape, object).map_err(|error| malformed(kind, &error))?;
            pod_images(shape, &spec)
        } else if let Some(paths) = self.paths(kind) {
            configured_images(paths, object).map_err(|error| malformed(kind, &error))?
        } else if kinds::carries_no_images(kind) {
            return Ok(Vec::new());
        } else {
            return Err(ReferencesError::NotCovered {
                kind: clip(&kind.to_string(), 200).into_owned(),
            });
        };
        bounded(uses)
    }

    /// Every image that an object of `request` names, as for
    /// [`Coverage::references`]; none for an object that is missing.
    ///
    /// # Errors
    ///
    /// As for [`Coverage::references`].
    pub fn references_in<'a>(
        &self,
        request: &Request<'a>,
        object: Option<&Object<'a>>,
    ) -> Result<Vec<ImageUse<'a>>, ReferencesError> {
        let text = match object.map(|object| &object.0) {
            Some(Form::Pod(shape, spec)) => {
                return match request.subresource() {
                    Some("scale" | "status") => Ok(Vec::new()),
                    _ => bounded(pod_images(*shape, spec)),
                };
            }
            Some(Form::Text(text)) => text.get(),
            None => "null",
        };
        self.references(&request.kind, request.subresource(), text)
    }

    fn paths(&self, kind: &Gvk<'_>) -> Option<&[ConfiguredPath]> {
        if self.configured.is_empty() {
            return None;
        }
        self.configured
            .get(&(kind.group.to_string(), kind.kind.to_string()))
            .map(Vec::as_slice)
    }
}

fn bounded(uses: Vec<ImageUse<'_>>) -> Result<Vec<ImageUse<'_>>, ReferencesError> {
    if uses.len() > MAX_IMAGES {
        return Err(ReferencesError::TooMany { found: uses.len() });
    }
    Ok(uses)
}

fn malformed(kind: &Gvk<'_>, error: &serde_json::Error) -> ReferencesError {
    ReferencesError::Malformed {
        kind: clip(&kind.to_string(), 200).into_owned(),
        detail: clip(&error.to_string(), 200).into_owned(),
    }
}

fn read_pod(shape: Shape, object: &str) -> Result<PodSpec<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let spec = ReadPod(shape).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(spec)
}

/// Reads the Pod of an object of this shape.
pub(super) struct ReadPod(pub(super) Shape);

impl<'de> DeserializeSeed<'de> for ReadPod {
    type Value = PodSpec<'de>;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        Ok(match self.0 {
            Shape::Pod => JsonObject::<Pod<'_>>::deserialize(object)?.0.spec,
            Shape::Workload => {
                let workload = JsonObject::<Workload<'_>>::deserialize(object)?.0;
                workload.spec.template.spec
            }
            Shape::PodTemplate => {
                let template = JsonObject::<PodTemplate<'_>>::deserialize(object)?.0;
                template.template.spec
            }
            Shape::CronJob => {
                let job = JsonObject::<CronJob<'_>>::deserialize(object)?.0;
                job.spec.job_template.spec.template.spec
            }
        })
    }
}

fn pod_images<'a>(shape: Shape, spec: &PodSpec<'a>) -> Vec<ImageUse<'a>> {
    let prefix = shape.prefix();
    let containers = spec.containers.as_deref().unwrap_or_default();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let ephemeral = spec.ephemeral_containers.as_deref().unwrap_or_default();
    let volumes = spec.volumes.as_deref().unwrap_or_default();

    let mut uses = Vec::with_capacity(containers.len() + init.len() + ephemeral.len());
    let mut add = |role: Role, list: &'static str, entries: &[JsonObject<Container<'a>>]| {
        uses.extend(
            entries
                .iter()
                .enumerate()
                .map(|(index, JsonObject(entry))| ImageUse {
                    role: role.clone(),
                    path: FieldPath(Place::Listed {
                        prefix,
                        list,
                        index,
                        leaf: "image",
                    }),
                    name: entry.name.clone(),
                    image: entry.image.clone().unwrap_or_default(),
                }),
        );
    };
    add(Role::InitContainer, "initContainers", init);
    add(Role::Container, "containers", containers);
    add(Role::EphemeralContainer, "ephemeralContainers", ephemeral);
    for (index, JsonObject(volume)) in volumes.iter().enumerate() {
        let Some(image) = &volume.image else { continue };
        uses.push(ImageUse {
            role: Role::Volume,
            path: FieldPath(Place::Listed {
                prefix,
                list: "volumes",
                index,
                leaf: "image.reference",
            }),
            name: volume.name.clone(),
            image: image.reference.clone().unwrap_or_default(),
        });
    }
    uses
}

fn configured_images<'a>(
    paths: &[ConfiguredPath],
    object: &'a str,
) -> Result<Vec<ImageUse<'a>>, serde_json::Error> {
    let mut uses = Vec::new();
    for (text, path) in paths {
        uses.extend(path.find(object)?.into_iter().map(|(at, image)| ImageUse {
            role: Role::Configured(Arc::clone(text)),
            path: FieldPath(Place::Written(at.into())),
            name: None,
            image,
        }));
    }
    Ok(uses)
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
