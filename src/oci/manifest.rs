//! Image manifests and image indexes, read strictly.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Content, Descriptor, DescriptorError};

/// Media types that floe reads or writes, by their registered names.
pub mod media_type {
    /// OCI image manifest.
    pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// The empty descriptor of OCI 1.1: the two bytes `{}`.
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
}

/// A manifest as the image specification knows it: of one image or artifact,
/// or an index of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// One image or artifact.
    Image(ImageManifest),
    /// A list of manifests, usually one a platform.
    Index(ImageIndex),
}

/// An image manifest (OCI or Docker schema 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// What the document says it is; legal to leave out in OCI.
    pub media_type: Option<String>,
    /// Type of the artifact, for artifacts that are not images.
    pub artifact_type: Option<String>,
    /// Configuration blob.
    pub config: Descriptor,
    /// Layers in order.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    pub subject: Option<Descriptor>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// An image index (OCI) or manifest list (Docker).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIndex {
    /// What the document says it is; legal to leave out in OCI.
    pub media_type: Option<String>,
    /// Type of the artifact.
    pub artifact_type: Option<String>,
    /// The manifests listed.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    pub subject: Option<Descriptor>,
    /// Annotations of the index.
    pub annotations: BTreeMap<String, String>,
}

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// `schemaVersion` is not 2.
    #[error("manifest schema version {0} is not supported; version 2 is")]
    SchemaVersion(u32),
    /// The document could be read as an image and as an index, or as neither.
    #[error("the document is {0}; a manifest has either config and layers, or manifests")]
    Ambiguous(&'static str),
    /// The media type inside is not that of the shape, or not the one promised.
    #[error("the document is {shape} but calls itself {media_type:?}")]
    MediaType {
        /// `an image manifest` or `an image index`.
        shape: &'static str,
        /// The media type found.
        media_type: String,
    },
    /// A descriptor in it is unusable.
    #[error("{0}")]
    Descriptor(#[from] DescriptorError),
}

/// Longest account of what is wrong, in characters.
const MAX_DETAIL: usize = 200;

const IMAGE: &str = "an image manifest";
const INDEX: &str = "an image index";

/// The fields that tell an image from an index, looked at before anything else.
#[derive(serde::Deserialize)]
struct Shape<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<u32>,
    #[serde(borrow)]
    config: Option<&'a RawValue>,
    #[serde(borrow)]
    layers: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    manifests: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
}

impl Shape<'_> {
    /// Whether every descriptor is written as an object. serde reads a struct
    /// from a list of its fields too, which no other client does.
    fn has_objects(&self) -> bool {
        let listed = [&self.layers, &self.manifests].into_iter().flatten();
        listed
            .flatten()
            .chain(&self.config)
            .chain(&self.subject)
            .all(|descriptor| descriptor.get().starts_with('{'))
    }
}

impl Manifest {
    /// Reads a manifest from checked bytes.
    ///
    /// The shape decides: `config` and `layers` make an image, `manifests` an
    /// index. A document with both is refused, and so is one whose media type
    /// (its own, or the one it was promised under) belongs to the other shape:
    /// clients would disagree about what it is (CVE-2021-41190).
    ///
    /// # Errors
    ///
    /// A [`ManifestError`] that names what is wrong.
    pub fn parse(content: &Content) -> Result<Self, ManifestError> {
        let manifest = Self::parse_bytes(content.bytes())?;
        manifest.check_media_type(Some(content.media_type()))?;
        Ok(manifest)
    }

    /// Reads a listing that has no digest of its own, such as the answer of
    /// the referrers endpoint.
    ///
    /// # Errors
    ///
    /// A [`ManifestError`]; an image manifest is one of them.
    pub fn parse_listing(bytes: &[u8]) -> Result<ImageIndex, ManifestError> {
        match Self::parse_bytes(bytes)? {
            Self::Index(index) => Ok(index),
            Self::Image(_) => Err(ManifestError::Ambiguous("an image manifest, not a listing")),
        }
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        // Quotes what stands there, and that may be megabytes.
        let json = |error: serde_json::Error| {
            ManifestError::Json(error.to_string().chars().take(MAX_DETAIL).collect())
        };
        let shape: Shape<'_> = serde_json::from_slice(bytes).map_err(json)?;
        match shape.schema_version {
            Some(2) => {}
            Some(other) => return Err(ManifestError::SchemaVersion(other)),
            None => return Err(ManifestError::Json("schemaVersion is missing".into())),
        }
        if !bytes.trim_ascii_start().starts_with(b"{") || !shape.has_objects() {
            let detail = "a list or word stands where an object must";
            return Err(ManifestError::Json(detail.into()));
        }
        let image = shape.config.is_some() || shape.layers.is_some();
        let manifest = match (image, shape.manifests.is_some()) {
            (true, true) => return Err(ManifestError::Ambiguous("both an image and an index")),
            (false, false) => {
                return Err(ManifestError::Ambiguous("neither an image nor an index"));
            }
            (true, false) => {
                let wire: oci_spec::image::ImageManifest =
                    serde_json::from_slice(bytes).map_err(json)?;
                Self::Image(ImageManifest::from_wire(&wire)?)
            }
            (false, true) => {
                let wire: oci_spec::image::ImageIndex =
                    serde_json::from_slice(bytes).map_err(json)?;
                Self::Index(ImageIndex::from_wire(&wire)?)
            }
        };
        manifest.check_media_type(None)?;
        Ok(manifest)
    }

    fn check_media_type(&self, promised: Option<&str>) -> Result<(), ManifestError> {
        let (shape, inside, own, other) = match self {
            Self::Image(image) => (
                IMAGE,
                &image.media_type,
                [media_type::IMAGE_MANIFEST, media_type::DOCKER_MANIFEST],
                [media_type::IMAGE_INDEX, media_type::DOCKER_LIST],
            ),
            Self::Index(index) => (
                INDEX,
                &index.media_type,
                [media_type::IMAGE_INDEX, media_type::DOCKER_LIST],
                [media_type::IMAGE_MANIFEST, media_type::DOCKER_MANIFEST],
            ),
        };
        // The type inside must be one of the shape's own. The promised one is
        // a header or a foreign descriptor and may be vague, never contrary.
        let contrary = match (promised, inside) {
            (None, Some(inside)) if !own.contains(&inside.as_str()) => inside.as_str(),
            (Some(promised), _) if other.contains(&promised) => promised,
            _ => return Ok(()),
        };
        Err(ManifestError::MediaType {
            shape,
            media_type: contrary.chars().take(120).collect(),
        })
    }

    /// The manifest that this one is attached to, if it names one.
    pub const fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// The type of the artifact: `artifactType`, else the media type of the
    /// configuration, as the distribution specification v1.1 computes it for
    /// referrers.
    pub fn artifact_type(&self) -> Option<&str> {
        match self {
            Self::Image(image) => Some(
                image
                    .artifact_type
                    .as_deref()
                    .unwrap_or(&image.config.media_type),
            ),
            Self::Index(index) => index.artifact_type.as_deref(),
        }
    }
}

impl ImageManifest {
    fn from_wire(wire: &oci_spec::image::ImageManifest) -> Result<Self, ManifestError> {
        Ok(Self {
            media_type: wire.media_type().as_ref().map(ToString::to_string),
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            config: Descriptor::from_wire(wire.config())?,
            layers: wire
                .layers()
                .iter()
                .map(Descriptor::from_wire)
                .collect::<Result<_, _>>()?,
            subject: wire
                .subject()
                .as_ref()
                .map(Descriptor::from_wire)
                .transpose()?,
            annotations: sorted(wire.annotations().as_ref()),
        })
    }
}

impl ImageIndex {
    fn from_wire(wire: &oci_spec::image::ImageIndex) -> Result<Self, ManifestError> {
        Ok(Self {
            media_type: wire.media_type().as_ref().map(ToString::to_string),
            artifact_type: wire.artifact_type().as_ref().map(ToString::to_string),
            manifests: wire
                .manifests()
                .iter()
                .map(Descriptor::from_wire)
                .collect::<Result<_, _>>()?,
            subject: wire
                .subject()
                .as_ref()
                .map(Descriptor::from_wire)
                .transpose()?,
            annotations: sorted(wire.annotations().as_ref()),
        })
    }
}

fn sorted(
    annotations: Option<&std::collections::HashMap<String, String>>,
) -> BTreeMap<String, String> {
    annotations
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const D: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{D}","size":2}}"#)
    }

    fn parse(text: &str, promised: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(&Content::of_tag(
            promised,
            Bytes::copy_from_slice(text.as_bytes()),
        ))
    }

    #[test]
    fn an_image_without_its_own_media_type_is_legal() {
        let config = descriptor(media_type::EMPTY);
        let text = format!(
            r#"{{"schemaVersion":2,"config":{config},"layers":[{config}],"subject":{}}}"#,
            descriptor(media_type::IMAGE_MANIFEST)
        );
        let manifest = parse(&text, media_type::IMAGE_MANIFEST).expect("legal");
        assert_eq!(
            manifest.subject().map(|s| s.digest.to_string()),
            Some(D.into())
        );
        assert_eq!(manifest.artifact_type(), Some(media_type::EMPTY));
    }

    #[test]
    fn a_list_in_place_of_an_object_is_refused_and_not_read_as_its_fields() {
        let listed = format!(r#"["{}","{D}",2]"#, media_type::EMPTY);
        let config = descriptor(media_type::EMPTY);
        for text in [
            format!(r#"{{"schemaVersion":2,"config":{listed},"layers":[]}}"#),
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{listed}]}}"#),
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"subject":{listed}}}"#),
            format!(r#"{{"schemaVersion":2,"manifests":[{listed}]}}"#),
            format!(r#"[2,null,null,[{config}],null]"#),
        ] {
            let detail = "a list or word stands where an object must";
            assert_eq!(
                parse(&text, "application/json"),
                Err(ManifestError::Json(detail.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_an_error_quotes_is_shortened() {
        let text = format!(r#"{{"schemaVersion":"{}"}}"#, "x".repeat(1 << 20));
        let Err(ManifestError::Json(detail)) = parse(&text, media_type::IMAGE_INDEX) else {
            panic!("accepted");
        };
        assert_eq!(detail.chars().count(), MAX_DETAIL);
    }

    #[test]
    fn a_document_of_two_shapes_or_none_is_refused() {
        let config = descriptor(media_type::EMPTY);
        let both = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#);
        assert_eq!(
            parse(&both, media_type::IMAGE_INDEX),
            Err(ManifestError::Ambiguous("both an image and an index"))
        );
        assert_eq!(
            parse(r#"{"schemaVersion":2}"#, media_type::IMAGE_INDEX),
            Err(ManifestError::Ambiguous("neither an image nor an index"))
        );
        assert_eq!(
            parse(
                r#"{"schemaVersion":1,"manifests":[]}"#,
                media_type::IMAGE_INDEX
            ),
            Err(ManifestError::SchemaVersion(1))
        );
    }

    #[test]
    fn a_media_type_of_the_other_shape_is_refused_inside_and_outside() {
        let index = |inside: &str| {
            format!(r#"{{"schemaVersion":2,"mediaType":"{inside}","manifests":[]}}"#)
        };
        assert!(parse(&index(media_type::IMAGE_INDEX), media_type::IMAGE_INDEX).is_ok());
        let refused = Err(ManifestError::MediaType {
            shape: INDEX,
            media_type: media_type::IMAGE_MANIFEST.into(),
        });
        assert_eq!(
            parse(&index(media_type::IMAGE_MANIFEST), media_type::IMAGE_INDEX),
            refused
        );
        assert_eq!(
            parse(&index(media_type::IMAGE_INDEX), media_type::IMAGE_MANIFEST),
            refused
        );
    }

    #[test]
    fn a_descriptor_with_a_digest_that_is_not_canonical_is_refused() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"x/y","digest":"{}","size":2}}]}}"#,
            D.to_uppercase().replace("SHA256", "sha256")
        );
        assert!(matches!(
            parse(&text, media_type::IMAGE_INDEX),
            Err(ManifestError::Descriptor(_) | ManifestError::Json(_))
        ));
    }
}
