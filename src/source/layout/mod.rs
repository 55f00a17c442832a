//! An OCI image layout on disk as a source of artifacts.
//!
//! A layout is a folder with `oci-layout`, `index.json` and `blobs/`, as the
//! OCI image specification v1.1 describes it in *Image Layout*. It belongs to
//! no registry, so it answers for whatever repository it is asked about.
//!
//! * A digest is there if `index.json` lists it, directly or through nested
//!   indexes. Listed without its blob, it is an obstacle, not an absence.
//! * A tag is looked up in `org.opencontainers.image.ref.name` of the entries
//!   of `index.json` itself. The annotation names the tag if it is the tag
//!   alone (`v1`), or a full reference to the same repository with this tag
//!   (`registry.example.com/app:v1`). Two entries of one name with different
//!   digests are an obstacle.
//! * Attached manifests are those whose own `subject` is the digest.
//! * What `cosign save` writes is understood: it tells image, signatures and
//!   attestations apart by an annotation instead of a name, and version 3
//!   leaves attached bundles in `blobs/` without listing them.

mod catalog;
mod files;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use catalog::{
    COSIGN_ATTESTATIONS, COSIGN_IMAGE, COSIGN_INDEX, COSIGN_KIND, COSIGN_SIGNATURES, Catalog,
    MAX_MANIFEST,
};
use files::{Files, ReadError};

use super::{Referrers, ReferrersVia, Scope, Source, SourceError};
use crate::oci::{
    Content, Descriptor, Digest, ImageIndex, Manifest, PinnedReference, Reference, Repository, Tag,
    fallback_tag,
};

/// The annotation that gives an entry of `index.json` its name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An OCI image layout. Cheap to clone.
///
/// `index.json` is read once, when the layout is opened; blobs are read, and
/// checked, each time. The calls of [`Source`] never wait for anything but the
/// disk, so any executor can run them.
#[derive(Debug, Clone)]
pub struct Layout {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    index: ImageIndex,
    /// Built at the first question that needs it.
    catalog: OnceLock<Catalog>,
}

/// Why a folder is not a layout that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A file that every layout has cannot be read.
    #[error("{path} {reason}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What stands in the way, in words.
        reason: String,
    },
    /// `oci-layout` is not what the specification says.
    #[error("{path} is not an OCI layout marker of version 1.0.0")]
    Version {
        /// The file.
        path: PathBuf,
    },
    /// `index.json` is not an image index.
    #[error("{path}: {reason}")]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in words.
        reason: String,
    },
}

impl Layout {
    /// Opens the layout in the folder `path`.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] if `oci-layout` or `index.json` is missing, unreadable
    /// or not what it should be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LayoutError> {
        #[derive(serde::Deserialize)]
        struct Marker {
            #[serde(rename = "imageLayoutVersion")]
            version: String,
        }
        let path = path.as_ref();
        let unreadable = |path: PathBuf| {
            move |error: ReadError| LayoutError::Unreadable {
                path,
                reason: error.to_string(),
            }
        };
        let files = Files::open(path).map_err(unreadable(path.into()))?;
        let marker = files
            .read(Path::new("oci-layout"), 4096)
            .map_err(unreadable(path.join("oci-layout")))?;
        if !serde_json::from_slice::<Marker>(&marker).is_ok_and(|m| m.version == "1.0.0") {
            return Err(LayoutError::Version {
                path: path.join("oci-layout"),
            });
        }
        let index = files
            .read(Path::new("index.json"), MAX_MANIFEST)
            .map_err(unreadable(path.join("index.json")))?;
        let index = Manifest::parse_listing(&index).map_err(|error| LayoutError::Index {
            path: path.join("index.json"),
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                files,
                index,
                catalog: OnceLock::new(),
            }),
        })
    }
}

impl Inner {
    fn catalog(&self) -> &Catalog {
        self.catalog
            .get_or_init(|| Catalog::read(&self.files, &self.index))
    }

    /// The one entry of `index.json` with this name.
    fn named(&self, repository: &Repository, tag: &Tag) -> Result<&Descriptor, SourceError> {
        let named = |entry: &&Descriptor| {
            entry
                .annotations
                .get(REF_NAME)
                .is_some_and(|name| names(name, repository, tag))
        };
        if let Some(entry) = only(self.index.manifests.iter().filter(named), tag)? {
            return Ok(entry);
        }
        if let Some(kind) = self.cosign_kind(tag) {
            let of_kind = |entry: &&Descriptor| {
                entry.annotations.get(COSIGN_KIND).map(String::as_str) == Some(kind)
            };
            if let Some(entry) = only(self.index.manifests.iter().filter(of_kind), tag)? {
                return Ok(entry);
            }
        }
        Err(SourceError::NotFound {
            what: format!("{repository}:{tag} in the layout"),
        })
    }

    /// The kind of entry that stands for a cosign tag such as
    /// `sha256-HEX.sig`, in a layout that cosign saved: it holds exactly one
    /// image, and the signatures in it are that image's.
    fn cosign_kind(&self, tag: &Tag) -> Option<&'static str> {
        let mut images = self.index.manifests.iter().filter(|entry| {
            matches!(
                entry.annotations.get(COSIGN_KIND).map(String::as_str),
                Some(COSIGN_IMAGE | COSIGN_INDEX)
            )
        });
        let (Some(image), None) = (images.next(), images.next()) else {
            return None;
        };
        [("sig", COSIGN_SIGNATURES), ("att", COSIGN_ATTESTATIONS)]
            .into_iter()
            .find(|(suffix, _)| *tag == Tag::cosign(&image.digest, suffix))
            .map(|(_, kind)| kind)
    }

    fn read(&self, descriptor: &Descriptor, limit: u64) -> Result<Content, SourceError> {
        let path = Files::blob_path(&descriptor.digest);
        let bytes = self.files.read(&path, limit).map_err(|error| match error {
            ReadError::TooLarge(limit) => SourceError::TooLarge {
                what: path.display().to_string(),
                limit,
            },
            error => SourceError::Layout {
                detail: format!("{} {error}", path.display()),
            },
        })?;
        Content::check(descriptor, bytes).map_err(|error| SourceError::DigestMismatch {
            detail: error.to_string(),
        })
    }

    fn listed(&self, image: &PinnedReference) -> Result<&Descriptor, SourceError> {
        self.catalog()
            .get(&image.digest())
            .ok_or_else(|| SourceError::NotFound {
                what: format!("{} in the layout", image.digest()),
            })
    }
}

fn names(name: &str, repository: &Repository, tag: &Tag) -> bool {
    name == tag.as_str()
        || name.parse::<Reference>().is_ok_and(|reference| {
            reference.repository() == repository && reference.tag() == Some(tag)
        })
}

/// The entry that `entries` agree on, if there is one.
fn only<'a>(
    mut entries: impl Iterator<Item = &'a Descriptor>,
    tag: &Tag,
) -> Result<Option<&'a Descriptor>, SourceError> {
    let Some(first) = entries.next() else {
        return Ok(None);
    };
    if entries.any(|entry| entry.digest != first.digest) {
        return Err(SourceError::Layout {
            detail: format!("index.json has several entries for {tag}; name one by its digest"),
        });
    }
    Ok(Some(first))
}

fn in_time(deadline: Instant) -> Result<(), SourceError> {
    if Instant::now() > deadline {
        return Err(SourceError::TimedOut {
            detail: "the deadline passed before the layout was read".into(),
        });
    }
    Ok(())
}

fn cut(mut entries: Vec<Descriptor>, truncated: bool, limit: usize) -> Referrers {
    let truncated = truncated || entries.len() > limit;
    entries.truncate(limit);
    Referrers {
        entries,
        truncated,
        via: ReferrersVia::Layout,
    }
}

impl Source for Layout {
    fn scope(&self, _repository: &Repository) -> Scope {
        Scope::default()
    }

    async fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> Result<Digest, SourceError> {
        in_time(deadline)?;
        Ok(self.inner.named(repository, tag)?.digest)
    }

    async fn manifest(
        &self,
        image: &PinnedReference,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        in_time(deadline)?;
        self.inner.read(self.inner.listed(image)?, MAX_MANIFEST)
    }

    async fn manifest_by_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        in_time(deadline)?;
        self.inner
            .read(self.inner.named(repository, tag)?, MAX_MANIFEST)
    }

    async fn blob(
        &self,
        _repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        in_time(deadline)?;
        if descriptor.size > limit {
            return Err(SourceError::TooLarge {
                what: format!("blob {}", descriptor.digest),
                limit,
            });
        }
        self.inner.read(descriptor, limit)
    }

    async fn referrers(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> Result<Referrers, SourceError> {
        in_time(deadline)?;
        let catalog = self.inner.catalog();
        Ok(cut(
            catalog.attached(&image.digest()),
            catalog.is_truncated(),
            limit,
        ))
    }

    async fn referrers_by_tag(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> Result<Referrers, SourceError> {
        in_time(deadline)?;
        let tag = fallback_tag(&image.digest());
        let entry = match self.inner.named(image.repository(), &tag) {
            Ok(entry) => entry,
            Err(SourceError::NotFound { .. }) => return Ok(cut(Vec::new(), false, limit)),
            Err(error) => return Err(error),
        };
        let content = self.inner.read(entry, MAX_MANIFEST)?;
        match Manifest::parse(&content) {
            Ok(Manifest::Index(index)) => Ok(cut(index.manifests, false, limit)),
            Ok(Manifest::Image(_)) => Err(SourceError::Malformed {
                detail: format!("{tag} names an image, not a list of referrers"),
            }),
            Err(error) => Err(SourceError::Malformed {
                detail: format!("{tag}: {error}"),
            }),
        }
    }

    /// A layout answers for every repository.
    async fn probe_repository(
        &self,
        _repository: &Repository,
        deadline: Instant,
    ) -> Result<(), SourceError> {
        in_time(deadline)
    }

    async fn probe(&self, image: &PinnedReference, deadline: Instant) -> Result<(), SourceError> {
        self.manifest(image, deadline).await.map(drop)
    }
}
