//! Descriptors: what some content is, how large, and its digest.

use std::collections::BTreeMap;

use super::{Digest, DigestError};

/// A pointer to content: media type, digest and size, with what the writer
/// said about it.
///
/// `artifact_type`, `platform` and `annotations` are claims of whoever wrote the document
/// that holds the descriptor. Registries differ in what they put there, so
/// nothing may be trusted on their word. Follows the OCI image specification
/// v1.1, *Descriptors*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Type of the artifact, where the content is a manifest. A claim.
    pub artifact_type: Option<String>,
    /// Where the content is an image of an index: for which platform, as
    /// `os/architecture` or `os/architecture/variant`. A claim.
    pub platform: Option<String>,
    /// Annotations of the descriptor. Claims.
    pub annotations: BTreeMap<String, String>,
}

/// Why a descriptor in a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// The digest is not canonical.
    #[error("digest {text:?}")]
    Digest {
        /// What stood there, shortened.
        text: String,
        /// What is wrong with it.
        #[source]
        source: DigestError,
    },
}

impl Descriptor {
    /// A descriptor without artifact type, platform and annotations.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(super) fn from_wire(wire: &oci_spec::image::Descriptor) -> Result<Self, DescriptorError> {
        let text = wire.digest().to_string();
        let digest = text.parse().map_err(|source| DescriptorError::Digest {
            text: text.chars().take(80).collect(),
            source,
        })?;
        Ok(Self {
            media_type: wire.media_type().to_string(),
            digest,
            size: wire.size(),
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            platform: wire.platform().as_ref().map(platform),
            annotations: wire
                .annotations()
                .iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        })
    }
}

/// Characters of each part of a platform that are kept; the longest known has
/// 11. Whoever wrote the index chose them.
const MAX_PLATFORM_PART: usize = 24;

fn platform(wire: &oci_spec::image::Platform) -> String {
    let (os, architecture) = (wire.os().to_string(), wire.architecture().to_string());
    let variant = wire.variant().as_deref();
    let parts: Vec<String> = [Some(&*os), Some(&*architecture), variant]
        .into_iter()
        .flatten()
        .map(|part| {
            let plain = part.chars().take(MAX_PLATFORM_PART);
            plain.flat_map(char::escape_debug).collect()
        })
        .collect();
    parts.join("/")
}
