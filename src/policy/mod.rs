//! What is demanded: documents, their compilation, which of them apply to an
//! image, and the decision. Pure.
//!
//! `compile` turns documents into [`Compiled`] and reports every problem at
//! once; [`Compiled::bind`] adds the material that was read for it and gives the
//! immutable [`PolicySet`] that the engine runs. [`PolicySet::select`] finds the
//! policies for one image, [`decide`] combines them with established facts.
//! [`Store`] keeps what was in force across reloads of a folder.

mod accept;
mod attestations;
mod authority;
mod blob;
#[cfg(feature = "cel")]
mod cel;
mod channel;
mod compile;
mod condition;
mod decide;
mod duration;
mod fields;
mod identity;
mod material;
mod multi_arch;
mod notes;
mod pattern;
mod reload;
mod require;
mod select;
mod signatures;
mod spec;
#[cfg(test)]
mod tests;
mod text;
mod weaker;
pub mod yaml;

pub use blob::decide_blob;
pub use channel::{ChannelError, ChannelMap};
pub use compile::{Compiled, PolicyDocument, Problem, compile};
pub use condition::AttestationRequirement;
pub use decide::{Facts, Pinning, decide};
pub use identity::{IdentityRule, Mismatch};
pub use multi_arch::{Child, Family};
pub use pattern::{ImagePattern, NamePattern, PatternError};
pub use reload::{Reading, Reloaded, Store};
pub use select::{
    Applies, Authority, MaterialId, MultiArch, Policy, PolicySet, Requirement, Selected, Selection,
    Tags, Unavailable,
};
pub use weaker::{Less, Weaker};
