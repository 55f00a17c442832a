//! Looking: the only I/O of the pipeline. Makes no decisions.
//!
//! Each function reads one location of one image within the budget of its
//! flight and returns what is there, gaps included.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};

use super::Limits;
use super::cache::{EvidenceKey, Question};
use super::memory::{Account, Full};
use super::whereabouts::TagPrefix;
use crate::evidence::format::{
    MAX_BUNDLE_BYTES, MAX_PAYLOAD_BYTES, attestation_layers, bundle_layers, classify,
    simple_signing_layers,
};
use crate::evidence::{
    AttestationLayer, Class, Document, Layers, Location, LocationEvidence, Obstacle, ObstacleKind,
    SimpleSigningLayer,
};
use crate::oci::{
    Content, Descriptor, Digest, ImageManifest, Manifest, PinnedReference, Repository, Tag,
};
use crate::source::{Referrers, ReferrersVia, Source, SourceError};

/// Everything a reading function needs to know.
struct Look<'a, S> {
    source: &'a S,
    image: &'a PinnedReference,
    prefix: &'a TagPrefix,
    limits: &'a Limits,
    account: &'a Account,
    deadline: Instant,
}

/// Documents and gaps, as they come in.
#[derive(Default)]
struct Found {
    documents: Vec<Arc<Document>>,
    gaps: Vec<Obstacle>,
}

/// Answers one question about one image.
pub(super) async fn look(
    source: &impl Source,
    key: &EvidenceKey,
    limits: &Limits,
    account: &Account,
    deadline: Instant,
) -> LocationEvidence {
    let look = Look {
        source,
        image: &key.image,
        prefix: &key.prefix,
        limits,
        account,
        deadline,
    };
    let found = match key.question {
        Question::Attached(Location::Referrers) => look.referrers().await,
        Question::Attached(Location::SignatureTag) => look.signature_tag().await,
        Question::Attached(Location::AttestationTag) => look.attestation_tag().await,
        Question::Visible => look.visible().await,
        Question::Listed => look.listed_at_all().await,
    };
    LocationEvidence {
        location: key.question.location(),
        documents: found.documents,
        gaps: found.gaps,
    }
}

impl<S: Source> Look<'_, S> {
    async fn referrers(&self) -> Found {
        let limit = self.limits.max_referrers;
        let mut found = match self
            .source
            .referrers(self.image, limit, self.deadline)
            .await
        {
            Ok(listing) => {
                let endpoint = listing.via == ReferrersVia::Endpoint;
                let found = self.listed(listing).await;
                if !(endpoint && found.documents.is_empty() && found.gaps.is_empty()) {
                    return found;
                }
                found
            }
            Err(error) => return Found::blocked(obstacle(&error)),
        };
        // Registries that were upgraded may have the endpoint and still keep
        // older listings under the tag only.
        match self
            .source
            .referrers_by_tag(self.image, limit, self.deadline)
            .await
        {
            Ok(listing) => found.append(self.listed(listing).await),
            Err(error) => found.gaps.push(obstacle(&error)),
        }
        found
    }

    /// Reads the manifests of a listing, the likeliest first.
    async fn listed(&self, listing: Referrers) -> Found {
        let mut found = Found::default();
        if listing.truncated {
            found.gaps.push(Obstacle::new(
                ObstacleKind::TooManyReferrers,
                format!(
                    "{} has more than {} referrers; remove some of what is attached to it",
                    self.image, self.limits.max_referrers
                ),
            ));
        }
        let mut candidates: Vec<(Class, Descriptor)> = listing
            .entries
            .into_iter()
            .map(|entry| (classify(entry.artifact_type.as_deref()), entry))
            .filter(|(class, _)| *class != Class::Foreign)
            .collect();
        candidates.sort_by_key(|(class, _)| *class);
        let mut seen = HashSet::new();
        candidates.retain(|(_, entry)| seen.insert(entry.digest));
        if candidates.len() > self.limits.max_candidates {
            found.gaps.push(Obstacle::new(
                ObstacleKind::TooManyDocuments,
                format!(
                    "{} has {} referrers that could be signatures and {} are read; \
                     remove some of what is attached to it",
                    self.image,
                    candidates.len(),
                    self.limits.max_candidates
                ),
            ));
            candidates.truncate(self.limits.max_candidates);
        }
        let mut parts = stream::iter(candidates)
            .map(|(_, entry)| self.referrer(entry))
            .buffered(self.limits.parallel_requests);
        while let Some(part) = parts.next().await {
            found.append(part);
        }
        found
    }

    /// Reads one attached manifest and the documents it carries.
    async fn referrer(&self, entry: Descriptor) -> Found {
        let pinned = self.image.repository().pin(entry.digest);
        let content = match self.source.manifest(&pinned, self.deadline).await {
            Ok(content) => content,
            Err(error) => return Found::blocked(missing_is_an_obstacle(&error)),
        };
        let digest = content.digest();
        let manifest = match Manifest::parse(&content) {
            Ok(manifest) => manifest,
            Err(error) => return Found::document(Document::malformed(digest, error.to_string())),
        };
        // Only the manifest itself says what it is attached to. Registries list
        // by whatever they were told.
        if manifest.subject().map(|subject| subject.digest) != Some(self.image.digest()) {
            return Found::default();
        }
        let image = match manifest {
            Manifest::Image(image) => image,
            Manifest::Index(index) => {
                let format = index.artifact_type.as_deref().unwrap_or("an image index");
                return Found::document(Document::unsupported(digest, format));
            }
        };
        self.layers(bundle_layers(digest, &image), |content, _| {
            Document::bundle(digest, &content)
        })
        .await
    }

    async fn signature_tag(&self) -> Found {
        let (digest, image) = match self.tagged("sig").await {
            Ok(tagged) => tagged,
            Err(found) => return found,
        };
        self.layers(simple_signing_layers(digest, &image), |content, layer| {
            Document::simple_signing(digest, content, layer)
        })
        .await
    }

    async fn attestation_tag(&self) -> Found {
        let (digest, image) = match self.tagged("att").await {
            Ok(tagged) => tagged,
            Err(found) => return found,
        };
        self.layers(attestation_layers(digest, &image), |content, layer| {
            Document::attestation(digest, &content, layer)
        })
        .await
    }

    /// The manifest under the tag of cosign's legacy layout with this suffix, or
    /// what is found in its place.
    async fn tagged(&self, suffix: &str) -> Result<(Digest, ImageManifest), Found> {
        let repository = self.image.repository();
        let tag = self.prefix.tag(&self.image.digest(), suffix);
        let content = match self
            .source
            .manifest_by_tag(repository, &tag, self.deadline)
            .await
        {
            Ok(content) => content,
            Err(SourceError::NotFound { .. }) => return Err(Found::default()),
            Err(error) => return Err(Found::blocked(obstacle(&error))),
        };
        let digest = content.digest();
        match Manifest::parse(&content) {
            Ok(Manifest::Image(image)) => Ok((digest, image)),
            Ok(Manifest::Index(_)) => {
                let document = Document::unsupported(digest, "an image index");
                Err(Found::document(document))
            }
            Err(error) => Err(Found::document(Document::malformed(
                digest,
                error.to_string(),
            ))),
        }
    }

    /// Reads the blobs that the layers of one manifest ask for.
    async fn layers<T: Fetch>(
        &self,
        layers: Layers<T>,
        make: impl Fn(Content, &T) -> Document,
    ) -> Found {
        let mut found = Found {
            documents: layers.documents.into_iter().map(Arc::new).collect(),
            gaps: layers.gap.into_iter().collect(),
        };
        let make = &make;
        let mut parts = stream::iter(layers.fetch)
            .map(|layer| async move {
                self.document(layer.descriptor(), T::LIMIT, |content| {
                    make(content, &layer)
                })
                .await
            })
            .buffered(self.limits.parallel_requests);
        while let Some(part) = parts.next().await {
            found.append(part);
        }
        found
    }

    /// Reads one blob and makes a document of it.
    async fn document(
        &self,
        descriptor: &Descriptor,
        limit: u64,
        make: impl FnOnce(Content) -> Document,
    ) -> Found {
        let repository = self.image.repository();
        // What is over the bound is not fetched at all.
        if descriptor.size <= limit
            && let Err(full) = self.account.take(descriptor.size)
        {
            return Found::blocked(no_room(full, self.image, self.limits));
        }
        match self
            .source
            .blob(repository, descriptor, limit, self.deadline)
            .await
        {
            Ok(content) => Found::document(make(content)),
            Err(error) => Found::blocked(missing_is_an_obstacle(&error)),
        }
    }

    /// "Nothing there" counts only where the image itself can be seen with the
    /// same credentials; registries answer 404 for what one may not see.
    async fn visible(&self) -> Found {
        match self.source.probe(self.image, self.deadline).await {
            Ok(()) => Found::default(),
            Err(error) => Found::blocked(invisible(self.image, &error)),
        }
    }

    /// The same for a repository that holds signatures of images that are
    /// elsewhere.
    async fn listed_at_all(&self) -> Found {
        let repository = self.image.repository();
        let probing = self.source.probe_repository(repository, self.deadline);
        match probing.await {
            Ok(()) => Found::default(),
            Err(SourceError::NotFound { .. } | SourceError::Denied { .. }) => {
                Found::blocked(Obstacle::new(
                    ObstacleKind::SignaturesNotVisible,
                    format!(
                        "{repository}, where signatures are kept, does not exist, or cannot be \
                         seen with the credentials in use"
                    ),
                ))
            }
            Err(error) => Found::blocked(obstacle(&error)),
        }
    }
}

/// A layer whose blob is to be read.
trait Fetch {
    /// Bytes of the blob that are read at most.
    const LIMIT: u64;

    fn descriptor(&self) -> &Descriptor;
}

impl Fetch for Descriptor {
    const LIMIT: u64 = MAX_BUNDLE_BYTES;

    fn descriptor(&self) -> &Descriptor {
        self
    }
}

impl Fetch for SimpleSigningLayer {
    const LIMIT: u64 = MAX_PAYLOAD_BYTES;

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl Fetch for AttestationLayer {
    const LIMIT: u64 = MAX_BUNDLE_BYTES;

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl Found {
    fn document(document: Document) -> Self {
        Self {
            documents: vec![Arc::new(document)],
            gaps: Vec::new(),
        }
    }

    fn blocked(obstacle: Obstacle) -> Self {
        Self {
            documents: Vec::new(),
            gaps: vec![obstacle],
        }
    }

    fn append(&mut self, other: Self) {
        self.documents.extend(other.documents);
        self.gaps.extend(other.gaps);
    }
}

/// Why there is no room for more of what belongs to `image`.
pub(super) fn no_room(full: Full, image: &PinnedReference, limits: &Limits) -> Obstacle {
    match full {
        Full::Image => Obstacle::new(
            ObstacleKind::TooManyDocuments,
            format!(
                "what is attached to {image} and could be signatures has more than {} bytes; \
                 remove some of it",
                limits.document_bytes
            ),
        ),
        Full::Now => Obstacle::new(
            ObstacleKind::Overloaded,
            format!(
                "too much that is attached to images is being read at once, {image} included; try \
                 again"
            ),
        ),
    }
}

/// An image whose own manifest cannot be had.
pub(super) fn invisible(image: &PinnedReference, error: &SourceError) -> Obstacle {
    match error {
        SourceError::NotFound { .. } | SourceError::Denied { .. } => Obstacle::new(
            ObstacleKind::ImageNotVisible,
            format!("{image} does not exist, or cannot be seen with the credentials in use"),
        ),
        error => obstacle(error),
    }
}

/// Content that a readable document points to must be there; if it is not,
/// something that we were shown cannot be looked at.
pub(super) fn missing_is_an_obstacle(error: &SourceError) -> Obstacle {
    match error {
        SourceError::NotFound { what } => Obstacle::new(
            ObstacleKind::ContentMissing,
            format!("{what} is listed and does not exist"),
        ),
        other => obstacle(other),
    }
}

/// The obstacle that an error of the source is.
pub(super) fn obstacle(error: &SourceError) -> Obstacle {
    let (kind, retry_after) = match error {
        // Where "not found" has a meaning, the caller has dealt with it.
        SourceError::NotFound { .. } => (ObstacleKind::ContentMissing, None),
        SourceError::Denied { .. } => (ObstacleKind::Denied, None),
        SourceError::RateLimited { retry_after, .. } => (ObstacleKind::RateLimited, *retry_after),
        SourceError::Unreachable { .. } => (ObstacleKind::Unreachable, None),
        SourceError::TimedOut { .. } => (ObstacleKind::TimedOut, None),
        SourceError::Server { retry_after, .. } => (ObstacleKind::ServerError, *retry_after),
        SourceError::TooLarge { .. } => (ObstacleKind::TooLarge, None),
        SourceError::Malformed { .. } => (ObstacleKind::Malformed, None),
        SourceError::DigestMismatch { .. } => (ObstacleKind::DigestMismatch, None),
        SourceError::RedirectRefused { .. } => (ObstacleKind::RedirectRefused, None),
        SourceError::NotPermitted { .. } => (ObstacleKind::RegistryRefused, None),
        SourceError::Layout { .. } => (ObstacleKind::LayoutUnreadable, None),
    };
    Obstacle {
        kind,
        detail: error.to_string(),
        retry_after,
    }
}

/// Why a tag could not be turned into a digest.
pub(super) fn unresolved(repository: &Repository, tag: &Tag, error: &SourceError) -> Obstacle {
    match error {
        SourceError::NotFound { .. } => Obstacle::new(
            ObstacleKind::ImageNotVisible,
            format!(
                "{repository}:{tag} does not exist, or cannot be seen with the credentials in use"
            ),
        ),
        other => obstacle(other),
    }
}
