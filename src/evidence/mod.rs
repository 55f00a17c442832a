//! What was gathered for one artifact, gaps included.
//!
//! Evidence is unchecked: documents have been read and parsed, nothing has been
//! verified. [`crate::trust`] turns documents into verified claims. What could
//! not be looked at is an [`Obstacle`] and stays in the evidence, so that
//! "could not look" is never mistaken for "nothing there".

mod document;
mod obstacle;

pub use document::{Body, Document, Evidence, Location, LocationEvidence};
pub use obstacle::{Obstacle, ObstacleKind};
