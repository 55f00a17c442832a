//! What a digest is – an image, or an index of several – and what the index
//! lists, down to the last manifest.
//!
//! The answer follows from the digest alone and never changes. Every manifest is
//! read, whatever its descriptor says: an index that is listed as an image would
//! otherwise hide what it lists.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};

use super::memory::Account;
use super::{Limits, gather};
use crate::evidence::{Obstacle, ObstacleKind};
use crate::oci::{Descriptor, Digest, Manifest, PinnedReference};
use crate::source::Source;

/// Manifests of one tree that are read at once. A registry may answer each with
/// as many bytes as a manifest can have, and they are few.
const AT_ONCE: usize = 8;

/// What a digest turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// A single image or artifact.
    Image,
    /// An index.
    Index {
        /// Every manifest below it, nested indexes included, each once.
        entries: Vec<Entry>,
        /// An index in it, or itself, that lists nothing.
        empty: Option<Digest>,
    },
}

/// A manifest that an index lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) platform: Option<Arc<str>>,
}

impl Tree {
    /// About how many bytes of memory it takes.
    pub(super) fn weight(&self) -> usize {
        let entries = match self {
            Self::Image => 0,
            Self::Index { entries, .. } => entries.len(),
        };
        // A platform has some 80 bytes at most.
        256 + entries * (size_of::<Entry>() + 96)
    }
}

/// Reads the manifest of `image` and all that are below it.
///
/// # Errors
///
/// An obstacle: a manifest that cannot be had or read, or more of them than
/// [`Limits`] allows.
pub(super) async fn read(
    source: &impl Source,
    image: &PinnedReference,
    limits: &Limits,
    account: &Account,
    deadline: Instant,
) -> Result<Tree, Obstacle> {
    let reading = Reading {
        source,
        image,
        limits,
        account,
        deadline,
    };
    let mut level = match reading.manifest(image.digest(), None).await? {
        Manifest::Image(_) => return Ok(Tree::Image),
        Manifest::Index(index) => vec![(image.digest(), index.manifests)],
    };
    let mut seen = HashSet::from([image.digest()]);
    let mut entries = Vec::new();
    let mut empty = None;
    for _ in 0..limits.index_depth {
        let mut fresh = Vec::new();
        for (index, listed) in level {
            if listed.is_empty() {
                empty = Some(index);
            }
            fresh.extend(listed.into_iter().filter(|entry| seen.insert(entry.digest)));
        }
        if entries.len() + fresh.len() > limits.index_manifests {
            let detail = format!("lists more than {} manifests", limits.index_manifests);
            return Err(reading.too_large(&detail));
        }
        entries.extend(fresh.iter().map(|entry| Entry {
            digest: entry.digest,
            platform: entry.platform.as_deref().map(Arc::from),
        }));
        level = Vec::new();
        let mut parts = stream::iter(fresh)
            .map(|entry| reading.below(entry))
            .buffered(AT_ONCE);
        while let Some(part) = parts.next().await {
            level.extend(part?);
        }
        if level.is_empty() {
            return Ok(Tree::Index { entries, empty });
        }
    }
    let detail = format!("has indexes nested more than {} deep", limits.index_depth);
    Err(reading.too_large(&detail))
}

struct Reading<'a, S> {
    source: &'a S,
    image: &'a PinnedReference,
    limits: &'a Limits,
    account: &'a Account,
    deadline: Instant,
}

impl<S: Source> Reading<'_, S> {
    /// What `entry` lists, if it is an index itself.
    async fn below(
        &self,
        entry: Descriptor,
    ) -> Result<Option<(Digest, Vec<Descriptor>)>, Obstacle> {
        Ok(match self.manifest(entry.digest, Some(entry.size)).await? {
            Manifest::Image(_) => None,
            Manifest::Index(index) => Some((entry.digest, index.manifests)),
        })
    }

    async fn manifest(&self, digest: Digest, size: Option<u64>) -> Result<Manifest, Obstacle> {
        if let Some(size) = size
            && let Err(full) = self.account.take(size)
        {
            return Err(gather::no_room(full, self.image, self.limits));
        }
        let pinned = self.image.repository().pin(digest);
        let content =
            self.source
                .manifest(&pinned, self.deadline)
                .await
                .map_err(|error| match size {
                    None => gather::invisible(self.image, &error),
                    Some(_) => gather::missing_is_an_obstacle(&error),
                })?;
        let found = content.bytes().len() as u64;
        if let Some(size) = size
            && found != size
        {
            return Err(Obstacle::new(
                ObstacleKind::DigestMismatch,
                format!("{pinned} has {found} bytes, and {size} where it is listed"),
            ));
        }
        Manifest::parse(&content).map_err(|error| {
            Obstacle::new(
                ObstacleKind::Malformed,
                format!("{pinned} cannot be read as a manifest: {error}"),
            )
        })
    }

    fn too_large(&self, detail: &str) -> Obstacle {
        Obstacle::new(
            ObstacleKind::IndexTooLarge,
            format!(
                "the index {} {detail}; split it, or sign the index itself and let the policy \
                 ask for that",
                self.image
            ),
        )
    }
}
