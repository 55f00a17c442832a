//! What the parts of this module promise together.

mod accepting;
mod authorities;
mod combining;
mod deciding;
mod documents;
mod families;
mod identities;
mod patterns;
mod reloading;
mod selecting;
mod texts;
mod weaker;
mod written;
