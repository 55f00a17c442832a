//! What the parts of this module promise together.

mod combining;
mod deciding;
mod documents;
mod patterns;
mod reloading;
mod selecting;
mod weaker;
