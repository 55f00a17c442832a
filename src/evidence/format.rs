//! Media type → parser: the closed table of what is read, what is known by
//! name, and what may be left unread.
//!
//! Only a type on the list of foreign ones lets a referrer be skipped. What a
//! descriptor says about its manifest is a claim, and registries get it wrong
//! (some report the type of the configuration), so everything else is looked at.

use std::fmt;

use super::{Document, Obstacle, ObstacleKind, annotations};
use crate::oci::{Descriptor, Digest, ImageManifest, media_type};

/// Media type of a cosign simple-signing layer.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Media type of a layer that is a DSSE envelope, in an `.att` manifest.
pub const DSSE_ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// Layers of one bundle manifest that are read; cosign writes one.
pub const MAX_BUNDLE_LAYERS: usize = 8;

/// Layers of one `.sig` manifest that are read; cosign adds one for each
/// signature.
pub const MAX_SIGNATURE_LAYERS: usize = 64;

/// Layers of one `.att` manifest that are read; cosign adds one for each
/// attestation.
pub const MAX_ATTESTATION_LAYERS: usize = 64;

/// The largest bundle or envelope worth reading, in bytes. A signature has less than 10
/// KiB; attestations with an SBOM have some MiB.
pub const MAX_BUNDLE_BYTES: u64 = 8 << 20;

/// The largest simple-signing payload worth reading, in bytes. cosign writes
/// about 250, and annotations come on top.
pub const MAX_PAYLOAD_BYTES: u64 = 256 << 10;

/// The versions of the Sigstore bundle format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleVersion {
    /// A signed entry timestamp is enough, a proof of inclusion optional.
    V0_1,
    /// Log entries carry a proof of inclusion with a checkpoint.
    V0_2,
    /// As 0.2, and the certificate comes without others above it.
    V0_3,
}

impl fmt::Display for BundleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
            Self::V0_3 => "0.3",
        })
    }
}

impl BundleVersion {
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.dev.sigstore.bundle.v0.3+json"
            | "application/vnd.dev.sigstore.bundle+json;version=0.3" => Some(Self::V0_3),
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Some(Self::V0_2),
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Some(Self::V0_1),
            _ => None,
        }
    }
}

/// How promising a referrer is, from what its descriptor says. Candidates are
/// looked at in this order, so that a limit is reached by the least promising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Says to be a Sigstore bundle.
    Bundle,
    /// Says nothing: no type, the empty type, or the type of a configuration,
    /// which some registries put in place of the artifact's.
    Generic,
    /// Says to be something that is not verified, or is not known. It is read,
    /// because only its manifest can say what it is.
    Other,
    /// Says to be something that is never a signature, and may be left unread.
    Foreign,
}

/// Types of configurations, which say nothing about an artifact.
const GENERIC: &[&str] = &[
    "",
    media_type::EMPTY,
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.unknown.config.v1+json",
    "application/octet-stream",
    "application/json",
];

/// Artifacts that carry no signature of what they are attached to.
const FOREIGN: &[&str] = &[
    "application/spdx+json",
    "application/spdx",
    "text/spdx",
    "text/spdx+json",
    "application/vnd.cyclonedx",
    "application/vnd.cyclonedx+json",
    "application/vnd.cyclonedx+xml",
    "application/vnd.syft+json",
    "application/sarif+json",
    "application/vnd.openvex+json",
    "application/vnd.csaf+json",
    "application/vnd.aquasec.trivy.report.sarif.v1",
    "application/vnd.goharbor.harbor.sbom.v1",
];

/// Signature formats that are known by name, so that a refusal can use it.
const KNOWN: &[(&str, &str)] = &[
    (
        "application/vnd.cncf.notary.signature",
        "a Notary Project signature",
    ),
    (
        "application/vnd.cncf.notary.v2.signature",
        "a Notary Project signature",
    ),
    (
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "a cosign signature in the experimental OCI 1.1 layout",
    ),
    (
        "application/vnd.dsse.envelope.v1+json",
        "a legacy cosign attestation",
    ),
    (
        "application/vnd.in-toto+json",
        "an in-toto attestation without a bundle",
    ),
    ("application/pgp-signature", "an OpenPGP signature"),
    (
        "application/vnd.docker.attestation.manifest.v1+json",
        "a BuildKit attestation",
    ),
];

/// How to treat a referrer whose descriptor says it is of `artifact_type`.
pub fn classify(artifact_type: Option<&str>) -> Class {
    match artifact_type {
        None => Class::Generic,
        Some(name) if GENERIC.contains(&name) => Class::Generic,
        Some(name) if BundleVersion::of(name).is_some() => Class::Bundle,
        Some(name) if FOREIGN.contains(&name) => Class::Foreign,
        Some(_) => Class::Other,
    }
}

/// What `name` is in words, for a format that is not verified.
pub(super) fn describe(name: &str) -> String {
    // The writer chose the name: no line breaks or control characters from it
    // into a message.
    let shown: String = name
        .chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect();
    match KNOWN.iter().find(|(known, _)| *known == name) {
        Some((_, words)) => format!("{words} ({shown})"),
        None if shown.is_empty() => "an artifact without a type".into(),
        None => format!("an artifact of type {shown}"),
    }
}

/// What a manifest that may carry documents holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers<T> {
    /// The layers whose blobs are to be fetched, in order.
    pub fetch: Vec<T>,
    /// Documents that are complete without a fetch: what is not verified, and
    /// what is broken already in the manifest.
    pub documents: Vec<Document>,
    /// Set if there are more layers than are looked at.
    pub gap: Option<Obstacle>,
}

impl<T> Default for Layers<T> {
    fn default() -> Self {
        Self {
            fetch: Vec::new(),
            documents: Vec::new(),
            gap: None,
        }
    }
}

/// A layer of a `.sig` manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleSigningLayer {
    /// The payload to fetch.
    pub descriptor: Descriptor,
    /// Base64 of the signature, from the layer's annotation.
    pub signature: String,
}

/// A layer of an `.att` manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationLayer {
    /// The envelope to fetch.
    pub descriptor: Descriptor,
}

/// The bundles in a referrer's manifest, whose digest is `digest`.
///
/// A layer is a bundle if its own media type says so, whatever the artifact
/// type of the manifest; of which version is for the bundle itself to say. A manifest without any is one unsupported document, or
/// none at all if its own type is a foreign one.
pub fn bundle_layers(digest: Digest, manifest: &ImageManifest) -> Layers<Descriptor> {
    let mut layers = Layers::default();
    for layer in &manifest.layers {
        if BundleVersion::of(&layer.media_type).is_none() {
            continue;
        }
        if layers.fetch.len() == MAX_BUNDLE_LAYERS {
            layers.gap = Some(too_many(
                "bundles",
                manifest.layers.len(),
                MAX_BUNDLE_LAYERS,
            ));
            return layers;
        }
        layers.fetch.push(layer.clone());
    }
    if !layers.fetch.is_empty() {
        return layers;
    }
    let own = manifest
        .artifact_type
        .as_deref()
        .unwrap_or(&manifest.config.media_type);
    match classify(Some(own)) {
        Class::Foreign => {}
        Class::Bundle => layers.documents.push(Document::malformed(
            digest,
            "the manifest calls itself a Sigstore bundle and has no layer that is one",
        )),
        Class::Generic => {
            // The type of the first layer says more than that of a
            // configuration.
            let name = manifest
                .layers
                .first()
                .map_or(own, |layer| &layer.media_type);
            if classify(Some(name)) != Class::Foreign {
                layers.documents.push(Document::unsupported(digest, name));
            }
        }
        Class::Other => layers.documents.push(Document::unsupported(digest, own)),
    }
    layers
}

/// The signatures in the manifest of a `.sig` tag, whose digest is `digest`.
///
/// Every layer counts: a simple-signing layer without a signature is a
/// malformed document, any other layer an unsupported one.
pub fn simple_signing_layers(
    digest: Digest,
    manifest: &ImageManifest,
) -> Layers<SimpleSigningLayer> {
    let mut layers = Layers::default();
    for (at, layer) in manifest.layers.iter().enumerate() {
        if at == MAX_SIGNATURE_LAYERS {
            layers.gap = Some(too_many(
                "signature layers",
                manifest.layers.len(),
                MAX_SIGNATURE_LAYERS,
            ));
            break;
        }
        if layer.media_type != SIMPLE_SIGNING {
            layers
                .documents
                .push(Document::unsupported(digest, &layer.media_type));
            continue;
        }
        match layer.annotations.get(annotations::SIGNATURE) {
            Some(signature) => layers.fetch.push(SimpleSigningLayer {
                descriptor: layer.clone(),
                signature: signature.clone(),
            }),
            None => layers.documents.push(Document::malformed(
                digest,
                format!(
                    "layer {at} of the signature manifest has no {} annotation",
                    annotations::SIGNATURE
                ),
            )),
        }
    }
    layers
}

/// The attestations in the manifest of an `.att` tag, whose digest is `digest`.
///
/// Every layer counts: one that is no envelope is an unsupported document.
pub fn attestation_layers(digest: Digest, manifest: &ImageManifest) -> Layers<AttestationLayer> {
    let mut layers = Layers::default();
    for (at, layer) in manifest.layers.iter().enumerate() {
        if at == MAX_ATTESTATION_LAYERS {
            layers.gap = Some(too_many(
                "attestation layers",
                manifest.layers.len(),
                MAX_ATTESTATION_LAYERS,
            ));
            break;
        }
        if layer.media_type == DSSE_ENVELOPE {
            layers.fetch.push(AttestationLayer {
                descriptor: layer.clone(),
            });
        } else {
            layers
                .documents
                .push(Document::unsupported(digest, &layer.media_type));
        }
    }
    layers
}

fn too_many(what: &str, found: usize, limit: usize) -> Obstacle {
    Obstacle::new(
        ObstacleKind::TooManyDocuments,
        format!(
            "one manifest has {found} {what} and {limit} are looked at; remove those that are no longer needed"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_looked_at_bundles_first_and_foreign_types_last() {
        let mut types = [
            Some("application/spdx+json"),
            Some("application/vnd.cncf.notary.signature"),
            Some("application/vnd.oci.empty.v1+json"),
            Some("application/vnd.dev.sigstore.bundle.v0.3+json"),
        ];
        types.sort_by_key(|name| classify(*name));
        assert_eq!(
            types.map(classify),
            [Class::Bundle, Class::Generic, Class::Other, Class::Foreign]
        );
    }

    #[test]
    fn only_foreign_types_may_be_left_unread() {
        for name in GENERIC.iter().chain(KNOWN.iter().map(|(name, _)| name)) {
            assert_ne!(classify(Some(name)), Class::Foreign, "{name}");
        }
        for name in FOREIGN {
            assert_eq!(classify(Some(name)), Class::Foreign, "{name}");
            assert!(
                !name.contains("config") && !name.contains("bundle"),
                "{name}"
            );
        }
        assert_eq!(classify(None), Class::Generic);
        assert_eq!(classify(Some("x/unknown")), Class::Other);
        for old in ["0.1", "0.2"] {
            let name = format!("application/vnd.dev.sigstore.bundle+json;version={old}");
            assert_eq!(classify(Some(&name)), Class::Bundle);
        }
    }
}
