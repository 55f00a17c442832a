//! Documents that are attached to an artifact, and where they were found.

use std::sync::Arc;

use super::bundle::{Bundle, BundleError, DsseContent};
use super::dsse::{self, Envelope};
use super::format::{
    self, AttestationLayer, MAX_BUNDLE_BYTES, MAX_PAYLOAD_BYTES, SimpleSigningLayer,
};
use super::json::{self, JsonError, Object};
use super::simple_signing::SimpleSigningPayload;
use super::{Obstacle, VerificationMaterial, annotations};
use crate::oci::{Content, Descriptor, Digest};

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

    /// Whether attestations are looked for here. Of those the newest decides, so
    /// that none of these places may be left out.
    pub const fn may_hold_attestations(self) -> bool {
        match self {
            Self::Referrers | Self::AttestationTag => true,
            Self::SignatureTag => false,
        }
    }

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
    /// The envelope as it is written, which is what timestamps are over here.
    pub envelope: Content,
    /// What came with it in the annotations of its layer.
    pub material: VerificationMaterial,
}

impl Document {
    /// A signature in cosign's legacy layout: `payload` is the blob of `layer`,
    /// which came with [`super::format::simple_signing_layers`].
    pub fn simple_signing(manifest: Digest, payload: Content, layer: &SimpleSigningLayer) -> Self {
        let (id, annotated) = legacy_identity("simple-signing", &payload, &layer.descriptor);
        let weight = payload.bytes().len() * 2 + annotated;
        let body = Self::read_simple_signing(payload, layer)
            .unwrap_or_else(|detail| Body::Malformed { detail });
        Self::new(id, manifest, body, weight)
    }

    fn read_simple_signing(payload: Content, layer: &SimpleSigningLayer) -> Result<Body, String> {
        let signature = annotations::signature(&layer.signature)?;
        within(payload.bytes().len(), MAX_PAYLOAD_BYTES)?;
        Ok(Body::SimpleSigning(SimpleSigning {
            payload: SimpleSigningPayload::parse(payload.bytes()).map_err(|error| error.0)?,
            signed_bytes: payload,
            signature,
            material: VerificationMaterial::from_annotations(&layer.descriptor.annotations),
        }))
    }

    /// An attestation in cosign's legacy layout: `envelope` is the blob of
    /// `layer`, which came with [`super::format::attestation_layers`].
    pub fn attestation(manifest: Digest, envelope: &Content, layer: &AttestationLayer) -> Self {
        let (id, annotated) = legacy_identity("attestation", envelope, &layer.descriptor);
        let bytes = envelope.bytes();
        let body = within(bytes.len(), MAX_BUNDLE_BYTES)
            .and_then(|()| {
                Self::read_attestation(envelope, layer).map_err(|JsonError(detail)| detail)
            })
            .unwrap_or_else(|detail| Body::Malformed { detail });
        // Decoded, and as it is written.
        let weight = decoded(bytes.len()) + bytes.len() + annotated;
        Self::new(id, manifest, body, weight)
    }

    fn read_attestation(envelope: &Content, layer: &AttestationLayer) -> Result<Body, JsonError> {
        let text = json::text(envelope.bytes())?;
        let object = Object::parse("envelope", text, dsse::KEYS)?;
        Ok(Body::Attestation(Attestation {
            content: DsseContent::new(Envelope::parse(&object)?, Some(envelope.digest())),
            envelope: envelope.clone(),
            material: VerificationMaterial::from_annotations(&layer.descriptor.annotations),
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
        Self::new(id, manifest, body, decoded(bytes.len()))
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

/// Identity of a layer in one of the legacy layouts, and how many bytes its
/// annotations have: everything that verification reads.
fn legacy_identity(kind: &str, blob: &Content, layer: &Descriptor) -> (Digest, usize) {
    let mut id = Identity::new(kind).with(blob.digest().to_string().as_bytes());
    let mut bytes = 0;
    for key in annotations::ALL {
        let text = annotations::get(&layer.annotations, key).unwrap_or_default();
        bytes += text.len();
        id = id.with(text.as_bytes());
    }
    (id.finish(), bytes)
}

/// About how many bytes are kept of an envelope or bundle that is written in
/// `bytes`: the payload, decoded from base64, once as it is, once as the bytes
/// that are signed, and once as the text of its predicate.
const fn decoded(bytes: usize) -> usize {
    bytes / 4 * 9 + bytes % 4
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
    const ENVELOPE: &str = r#"{"payloadType":"t","payload":"aGk=","signatures":[{"sig":"AAE="}]}"#;

    fn attestation(envelope: &str, annotations: &[(&str, &str)]) -> Document {
        let content = Content::of_tag("", envelope.to_owned().into());
        let mut descriptor = Descriptor::new(format::DSSE_ENVELOPE, content.digest(), 0);
        let pairs = annotations.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        descriptor.annotations = pairs.collect();
        let layer = AttestationLayer { descriptor };
        Document::attestation(Digest::sha256(b"manifest"), &content, &layer)
    }

    #[test]
    fn the_blob_of_an_attestation_layer_is_the_envelope() {
        let Body::Attestation(found) = attestation(ENVELOPE, &[]).body else {
            panic!("an attestation");
        };
        assert_eq!(found.content.payload, b"hi");
        assert_eq!(found.content.signatures, [vec![0, 1]]);
        assert_eq!(
            found.content.written,
            Some(Digest::sha256(ENVELOPE.as_bytes()))
        );
        let broken = [
            ("[]", "envelope is not an object"),
            ("{}", "envelope.payloadType is missing"),
        ];
        for (text, words) in broken {
            let detail = words.to_owned();
            assert_eq!(attestation(text, &[]).body, Body::Malformed { detail });
        }
    }

    #[test]
    fn every_annotation_that_is_read_is_part_of_the_identity() {
        let mut ids = vec![attestation(ENVELOPE, &[]).id];
        for key in annotations::ALL {
            ids.push(attestation(ENVELOPE, &[(key, "x")]).id);
            // Absent and empty are read alike.
            assert_eq!(attestation(ENVELOPE, &[(key, "")]).id, ids[0]);
        }
        assert_eq!(attestation(ENVELOPE, &[("predicateType", "x")]).id, ids[0]);
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
