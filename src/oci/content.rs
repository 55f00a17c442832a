//! Bytes whose size and digest were checked: the only way in for artifacts.

use bytes::Bytes;

use super::{Descriptor, Digest};

/// Bytes that have the digest (and, where it was known, the size) that a
/// descriptor promised.
///
/// There is no other constructor than a check, so a function that takes a
/// `&Content` cannot be handed unchecked bytes. The media type is the one that
/// was promised; what the bytes are is for their parser to say. Cloning is
/// cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    media_type: String,
    digest: Digest,
    bytes: Bytes,
}

/// Why bytes are not the content that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The number of bytes is not the descriptor's size.
    #[error("{digest} should have {expected} bytes and has {found}")]
    Size {
        /// Digest of the content that was asked for.
        digest: Digest,
        /// Size in the descriptor.
        expected: u64,
        /// Bytes received.
        found: u64,
    },
    /// The bytes hash to another digest.
    #[error("the bytes received for {expected} have the digest {found}")]
    Digest {
        /// Digest that was asked for.
        expected: Digest,
        /// Digest of the bytes received.
        found: Box<Digest>,
    },
}

impl Content {
    /// Checks `bytes` against the size and digest of `descriptor`.
    ///
    /// # Errors
    ///
    /// [`ContentError::Size`] or [`ContentError::Digest`] if they differ.
    pub fn check(descriptor: &Descriptor, bytes: Bytes) -> Result<Self, ContentError> {
        let found = bytes.len() as u64;
        if found != descriptor.size {
            return Err(ContentError::Size {
                digest: descriptor.digest,
                expected: descriptor.size,
                found,
            });
        }
        Self::check_digest(descriptor.digest, descriptor.media_type.clone(), bytes)
    }

    /// Checks `bytes` against a digest alone, for content that is asked for by
    /// digest before anybody said its size.
    ///
    /// # Errors
    ///
    /// [`ContentError::Digest`] if the digest differs.
    pub fn check_digest(
        digest: Digest,
        media_type: impl Into<String>,
        bytes: Bytes,
    ) -> Result<Self, ContentError> {
        let found = Digest::of(digest.algorithm(), &bytes);
        if found != digest {
            return Err(ContentError::Digest {
                expected: digest,
                found: Box::new(found),
            });
        }
        Ok(Self {
            media_type: media_type.into(),
            digest,
            bytes,
        })
    }

    /// Names bytes by their own SHA-256 digest, for content that is asked for
    /// by a name that promises nothing, such as a tag.
    pub fn of_tag(media_type: impl Into<String>, bytes: Bytes) -> Self {
        Self {
            media_type: media_type.into(),
            digest: Digest::sha256(&bytes),
            bytes,
        }
    }

    /// The media type that was promised.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The digest of the bytes.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A descriptor of this content.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&*self.media_type, self.digest, self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;

    #[test]
    fn a_flipped_or_missing_byte_is_refused_by_its_own_reason() {
        let bytes = Bytes::from_static(b"hello");
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::of(algorithm, &bytes);
            let descriptor = Descriptor::new("text/plain", digest, 5);
            let content = Content::check(&descriptor, bytes.clone()).expect("good bytes");
            assert_eq!(content.digest(), digest);

            assert_eq!(
                Content::check(&descriptor, Bytes::from_static(b"hellp")),
                Err(ContentError::Digest {
                    expected: digest,
                    found: Box::new(Digest::of(algorithm, b"hellp")),
                })
            );
            assert_eq!(
                Content::check(&descriptor, Bytes::from_static(b"hell")),
                Err(ContentError::Size {
                    digest,
                    expected: 5,
                    found: 4
                })
            );
        }
    }
}
