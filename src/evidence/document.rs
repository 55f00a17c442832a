//! Documents that are attached to an artifact, and where they were found.

use std::sync::Arc;

use super::bundle::{Bundle, BundleError, DsseContent};
use super::format::{
    self, CERTIFICATE_ANNOTATION, MAX_BUNDLE_BYTES, MAX_PAYLOAD_BYTES, SIGNATURE_ANNOTATION,
    SimpleSigningLayer,
};
use super::simple_signing::SimpleSigningPayload;
use super::{Obstacle, SignerMaterial, VerificationMaterial, json};
use crate::oci::{Content, Digest};

/// Characters of the sentence that says what is wrong with a document.
const MAX_DETAIL: usize = 300;

/// Where signatures of an artifact are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// Manifests whose `subject` is the artifact: referrers endpoint, referrers
    /// tag, or the manifests of an image layout.
    Referrers,
    /// The tag `sha256-HEX.sig` of cosign's legacy layout.
    SignatureTag,
    /// The tag `sha256-HEX.att` of cosign's legacy layout. Looked at only where
    /// a policy asks for attestations.
    AttestationTag,
}

impl Location {
    /// Every location, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::Referrers, Self::SignatureTag, Self::AttestationTag];

    /// Those that may hold signatures.
    pub const SIGNATURES: [Self; 2] = [Self::Referrers, Self::SignatureTag];

    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Referrers => "referrers",
            Self::SignatureTag => "signature-tag",
            Self::AttestationTag => "attestation-tag",
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

    /// A location that was looked at and is empty.
    pub const fn empty(location: Location) -> Self {
        Self {
            location,
            documents: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// Whether everything there was read.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// One attached document: a signature in one of the known layouts, or what was
/// found in its place. It is parsed when it is made, once for however many
/// authorities it is judged under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Identity of everything in it that verification reads; two documents with
    /// one id verify alike.
    pub id: Digest,
    /// Digest of the manifest that carries it.
    pub manifest: Digest,
    /// The parsed contents.
    pub body: Body,
    weight: usize,
}

/// What a document is. Unknown and broken ones are kept: they become findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A legacy cosign signature.
    SimpleSigning(SimpleSigning),
    /// A legacy cosign attestation.
    Attestation(Attestation),
    /// A Sigstore bundle.
    Bundle(Bundle),
    /// A format that floe does not verify.
    Unsupported {
        /// What it is, in words that follow "is", shortened.
        format: String,
    },
    /// Something of a known format that cannot be read.
    Malformed {
        /// One sentence: what is wrong with it.
        detail: String,
    },
}

/// A legacy cosign signature as found; nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleSigning {
    /// The signed bytes.
    pub signed_bytes: Content,
    /// The signature, decoded.
    pub signature: Vec<u8>,
    /// What the payload says.
    pub payload: SimpleSigningPayload,
    /// What came with it in the annotations of its layer.
    pub material: VerificationMaterial,
}

/// A legacy cosign attestation as found: an envelope that is the blob of a
/// layer. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The envelope.
    pub content: DsseContent,
    /// What came with it in the annotations of its layer.
    pub material: VerificationMaterial,
}

impl Document {
    /// A signature in cosign's legacy layout: `payload` is the blob of `layer`,
    /// which came with [`super::format::simple_signing_layers`].
    pub fn simple_signing(manifest: Digest, payload: Content, layer: &SimpleSigningLayer) -> Self {
        let annotations = &layer.descriptor.annotations;
        let has_certificate = annotations
            .get(CERTIFICATE_ANNOTATION)
            .is_some_and(|text| !text.is_empty());
        let id = Identity::new("simple-signing")
            .with(payload.digest().to_string().as_bytes())
            .with(layer.signature.as_bytes())
            .with(&[u8::from(has_certificate)])
            .finish();
        let weight = payload.bytes().len() * 2 + layer.signature.len();
        let body = Self::read_simple_signing(payload, layer, has_certificate)
            .unwrap_or_else(|detail| Body::Malformed { detail });
        Self::new(id, manifest, body, weight)
    }

    fn read_simple_signing(
        payload: Content,
        layer: &SimpleSigningLayer,
        has_certificate: bool,
    ) -> Result<Body, String> {
        let signature = json::base64(&layer.signature)
            .ok_or_else(|| format!("{SIGNATURE_ANNOTATION} is not standard base64 with padding"))?;
        within(payload.bytes().len(), MAX_PAYLOAD_BYTES)?;
        Ok(Body::SimpleSigning(SimpleSigning {
            payload: SimpleSigningPayload::parse(payload.bytes()).map_err(|error| error.0)?,
            signed_bytes: payload,
            signature,
            material: VerificationMaterial {
                signer: if has_certificate {
                    SignerMaterial::Certificate(Vec::new())
                } else {
                    SignerMaterial::PublicKey { hint: None }
                },
                log_entries: Vec::new(),
                timestamps: Vec::new(),
            },
        }))
    }

    /// A Sigstore bundle: the blob of a layer that came with
    /// [`super::format::bundle_layers`].
    pub fn bundle(manifest: Digest, content: &Content) -> Self {
        let id = Identity::new("bundle")
            .with(content.digest().to_string().as_bytes())
            .finish();
        let bytes = content.bytes();
        let body = match within(bytes.len(), MAX_BUNDLE_BYTES) {
            Err(detail) => Body::Malformed { detail },
            Ok(()) => match Bundle::parse(bytes) {
                Ok(bundle) => Body::Bundle(bundle),
                Err(BundleError::Version(media_type)) => Body::Unsupported {
                    format: format::describe(&media_type),
                },
                Err(BundleError::Malformed(detail)) => Body::Malformed { detail },
            },
        };
        Self::new(id, manifest, body, bytes.len())
    }

    /// Something in a format that is not verified: `media_type` is its media
    /// type or artifact type.
    pub fn unsupported(manifest: Digest, media_type: &str) -> Self {
        let format = format::describe(media_type);
        let id = Identity::new("unsupported")
            .with(format.as_bytes())
            .finish();
        Self::new(id, manifest, Body::Unsupported { format }, 0)
    }

    /// Something of a known format that cannot be read; `detail` says why, in
    /// one sentence that quotes no values.
    pub fn malformed(manifest: Digest, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // Parsers quote what they found, however long it is.
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL) {
            detail.truncate(end);
            detail.push('…');
        }
        let id = Identity::new("malformed").with(detail.as_bytes()).finish();
        let weight = detail.len();
        Self::new(id, manifest, Body::Malformed { detail }, weight)
    }

    const fn new(id: Digest, manifest: Digest, body: Body, payload: usize) -> Self {
        Self {
            id,
            manifest,
            body,
            // The parsed form holds its texts and some pointers to them.
            weight: size_of::<Self>() + payload + 256,
        }
    }

    /// About how many bytes of memory the document takes.
    pub const fn weight(&self) -> usize {
        self.weight
    }
}

fn within(found: usize, limit: u64) -> Result<(), String> {
    if found as u64 > limit {
        Err(format!(
            "{found} bytes are more than the {limit} that are read"
        ))
    } else {
        Ok(())
    }
}

/// Hashes parts so that no two lists of parts give the same bytes.
struct Identity(Vec<u8>);

impl Identity {
    fn new(kind: &str) -> Self {
        Self(b"floe document v1".to_vec()).with(kind.as_bytes())
    }

    fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    fn finish(self) -> Digest {
        Digest::sha256(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broken_document_keeps_does_not_grow_with_what_it_says() {
        let digest = Digest::sha256(b"manifest");
        let document = Document::malformed(digest, "é".repeat(4 << 20));
        let Body::Malformed { detail } = &document.body else {
            panic!("{document:?}");
        };
        assert_eq!(detail.chars().count(), MAX_DETAIL + 1);
        assert!(detail.ends_with('…'));
        assert!(document.weight() >= detail.len());
        let short = Document::malformed(digest, "it is short");
        assert_eq!(
            short.body,
            Body::Malformed {
                detail: "it is short".into()
            }
        );
    }
}
