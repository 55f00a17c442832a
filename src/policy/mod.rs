//! What is demanded: documents, their compilation, which of them apply to an
//! image, and the decision. Pure.
//!
//! `compile` turns documents into [`Compiled`] and reports every problem at
//! once; [`Compiled::bind`] adds the material that was read for it and gives the
//! immutable [`PolicySet`] that the engine runs. [`PolicySet::select`] finds the
//! policies for one image, [`decide`] combines them with established facts.

mod compile;
mod decide;
mod select;

pub use compile::{Compiled, PolicyDocument, Problem, compile};
pub use decide::{Facts, Pinning, decide};
pub use select::{
    Applies, Authority, MaterialId, Policy, PolicySet, Requirement, Selected, Selection, Tags,
};
