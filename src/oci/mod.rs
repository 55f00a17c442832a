//! The vocabulary of the Open Container Initiative: references, digests,
//! descriptors, manifests, referrers, and bytes that were checked against a
//! descriptor.
//!
//! Everything here is parsed once at the edge and trusted by type afterwards.
//! Nothing in this module does I/O.

mod content;
mod descriptor;
mod digest;
mod manifest;
mod reference;
mod referrer;

pub use content::{Content, ContentError};
pub use descriptor::{Descriptor, DescriptorError};
pub(crate) use digest::Hex;
pub use digest::{Algorithm, Digest, DigestError};
pub use manifest::{ImageIndex, ImageManifest, Manifest, ManifestError, media_type};
pub use reference::{PinnedReference, Reference, ReferenceError, Registry, Repository, Tag};
pub use referrer::fallback_tag;
