//! Where artifacts are read from: the port, and its implementations.
//!
//! A [`Source`] answers for repositories. Everything it returns by digest was
//! checked ([`Content`]); everything it could not do is a [`SourceError`] whose
//! variants keep apart what decides about trust: "not there" is one of them,
//! and an implementation gives it only where the other side said so plainly.
//!
//! There are two implementations: [`layout::Layout`] reads an OCI image layout
//! on disk, and `registry::Registry` (feature `client`) speaks to registries.

mod error;
pub mod layout;
mod mirrors;
#[cfg(feature = "client")]
pub mod registry;

pub use error::SourceError;
pub use mirrors::{Mirror, MirrorError, Mirrors, NoOrigin, PrefixError, RepositoryPrefix};

use std::fmt;
use std::future::Future;
use std::time::Instant;

use crate::oci::{Content, Descriptor, Digest, PinnedReference, Repository, Tag};

/// Opaque name of the credentials that a source uses for a repository.
///
/// Evidence is cached per scope, so that what one credential may see never
/// answers for another. Equal scopes mean equal credentials.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope(pub u64);

/// Hides the value: it is derived from a credential, and a weak one could be
/// guessed from it.
impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == 0 {
            "Scope(anonymous)"
        } else {
            "Scope(..)"
        })
    }
}

/// What a referrers listing said, and how it was had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// The entries, unverified: a referrer counts only if its own manifest
    /// names the subject.
    pub entries: Vec<Descriptor>,
    /// Whether more entries exist than the limit let through.
    pub truncated: bool,
    /// Which of the two mechanisms answered.
    pub via: ReferrersVia,
}

/// The mechanism that gave a referrers listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferrersVia {
    /// The referrers endpoint of the distribution specification v1.1.
    Endpoint,
    /// The referrers tag, because the endpoint is not offered.
    Tag,
    /// An image layout on disk.
    Layout,
}

/// Reads artifacts of repositories, each call within a deadline.
///
/// Implementations retry inside the deadline where that can help; callers do
/// not retry.
pub trait Source: Send + Sync + 'static {
    /// The scope of the credentials used for `repository`. Cheap; no I/O.
    fn scope(&self, repository: &Repository) -> Scope;

    /// The digest that a tag points to now.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotFound`] if the tag does not exist; else an obstacle.
    fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> impl Future<Output = Result<Digest, SourceError>> + Send;

    /// The manifest with this digest.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotFound`] if it does not exist; else an obstacle.
    fn manifest(
        &self,
        image: &PinnedReference,
        deadline: Instant,
    ) -> impl Future<Output = Result<Content, SourceError>> + Send;

    /// The manifest that a tag points to now.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotFound`] if the tag does not exist; else an obstacle.
    fn manifest_by_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> impl Future<Output = Result<Content, SourceError>> + Send;

    /// The blob that `descriptor` describes, at most `limit` bytes of it.
    ///
    /// # Errors
    ///
    /// [`SourceError::TooLarge`] without a request if the descriptor says more
    /// than `limit`; [`SourceError::NotFound`] if it does not exist; else an
    /// obstacle.
    fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
        deadline: Instant,
    ) -> impl Future<Output = Result<Content, SourceError>> + Send;

    /// What is attached to `image`, at most `limit` entries: from the referrers
    /// endpoint, or from the referrers tag where the endpoint is not offered.
    /// No referrers is an empty list, never [`SourceError::NotFound`].
    ///
    /// # Errors
    ///
    /// An obstacle.
    fn referrers(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> impl Future<Output = Result<Referrers, SourceError>> + Send;

    /// What the referrers tag alone lists, for a second look where the endpoint
    /// listed nothing.
    ///
    /// # Errors
    ///
    /// An obstacle.
    fn referrers_by_tag(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> impl Future<Output = Result<Referrers, SourceError>> + Send;

    /// Whether the repository can be seen with these credentials, whatever is in
    /// it.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotFound`] if not, and if there is no such repository; else
    /// an obstacle.
    fn probe_repository(
        &self,
        repository: &Repository,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Whether the image's own manifest can be seen with these credentials.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotFound`] if not; else an obstacle.
    fn probe(
        &self,
        image: &PinnedReference,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;
}
