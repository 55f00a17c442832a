//! Documents that are attached to an artifact, and where they were found.

use std::sync::Arc;

use super::Obstacle;
use crate::oci::{Content, Digest};

/// Where signatures of an artifact are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// Manifests whose `subject` is the artifact: referrers endpoint, referrers
    /// tag, or the manifests of an image layout.
    Referrers,
    /// The tag `sha256-HEX.sig` of cosign's legacy layout.
    SignatureTag,
}

impl Location {
    /// Every location, in the order in which they are reported.
    pub const ALL: [Self; 2] = [Self::Referrers, Self::SignatureTag];

    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Referrers => "referrers",
            Self::SignatureTag => "signature-tag",
        }
    }
}

/// What one location holds for one artifact.
///
/// With gaps it is incomplete: documents may be missing from it. Without gaps
/// and without documents the location was looked at and is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationEvidence {
    /// Where this was found.
    pub location: Location,
    /// The documents found, broken ones included.
    pub documents: Vec<Arc<Document>>,
    /// What could not be looked at.
    pub gaps: Vec<Obstacle>,
}

impl LocationEvidence {
    /// A location that could not be looked at.
    pub fn blocked(location: Location, obstacle: Obstacle) -> Self {
        Self {
            location,
            documents: Vec::new(),
            gaps: vec![obstacle],
        }
    }

    /// Whether everything there was read.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// Everything gathered for one artifact, gaps included.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// One entry for each location that was looked at.
    pub locations: Vec<Arc<LocationEvidence>>,
}

impl Evidence {
    /// All documents of all locations.
    pub fn documents(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.locations.iter().flat_map(|l| &l.documents)
    }

    /// All gaps of all locations.
    pub fn gaps(&self) -> impl Iterator<Item = &Obstacle> {
        self.locations.iter().flat_map(|l| &l.gaps)
    }
}

/// One attached document: a signature in one of the known layouts, or what was
/// found in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Identity of everything in it that verification reads; two documents with
    /// one id verify alike.
    pub id: Digest,
    /// Digest of the manifest that carries it.
    pub manifest: Digest,
    /// The parsed contents.
    pub body: Body,
}

/// What a document is. Unknown and broken ones are kept: they become findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A legacy cosign signature.
    SimpleSigning {
        /// The signed bytes.
        payload: Content,
        /// Base64 of the signature, from the layer's annotation.
        signature: String,
    },
    /// A Sigstore bundle.
    Bundle(Content),
    /// A format that floe knows by name only, or not at all.
    Unsupported {
        /// Its media type or artifact type, shortened.
        format: String,
    },
}
