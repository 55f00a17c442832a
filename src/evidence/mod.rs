//! What was gathered for one artifact, gaps included.
//!
//! Evidence is unchecked: documents have been read and parsed, nothing has been
//! verified. [`crate::trust`] turns documents into verified claims. What could
//! not be looked at is an [`Obstacle`] and stays in the evidence, so that
//! "could not look" is never mistaken for "nothing there".

mod annotations;
mod bundle;
mod document;
pub mod dsse;
pub mod format;
pub(crate) mod json;
mod log_entry;
mod material;
mod obstacle;
pub(crate) mod pem;
mod predicate;
pub mod simple_signing;
pub mod statement;

pub use bundle::{Bundle, BundleContent, DsseContent, MessageDigest, MessageSignature};
pub use document::{Attestation, Body, Document, Location, LocationEvidence, SimpleSigning};
pub use format::{AttestationLayer, BundleVersion, Class, Layers, SimpleSigningLayer};
pub use material::{InclusionProof, LogEntry, SignerMaterial, VerificationMaterial};
pub use obstacle::{Obstacle, ObstacleKind};
pub use predicate::{
    Json, Predicate, PredicateFamily, PredicateKind, Provenance, Severity, TreeError,
    VerificationSummary, Vulnerability, VulnerabilityScan,
};
