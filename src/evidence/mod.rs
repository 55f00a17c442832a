//! What was gathered for one artifact, gaps included.
//!
//! Evidence is unchecked: documents have been read and parsed, nothing has been
//! verified. [`crate::trust`] turns documents into verified claims. What could
//! not be looked at is an [`Obstacle`] and stays in the evidence, so that
//! "could not look" is never mistaken for "nothing there".

mod bundle;
mod document;
pub mod dsse;
pub mod format;
mod json;
mod obstacle;
pub mod simple_signing;
pub mod statement;

pub use bundle::{Bundle, BundleContent, DsseContent, VerificationMaterial};
pub use document::{Body, Document, Location, LocationEvidence, SimpleSigning};
pub use format::{Class, Layers, SimpleSigningLayer};
pub use obstacle::{Obstacle, ObstacleKind};
