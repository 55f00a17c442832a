//! What several test modules share.

pub(crate) mod authority;
pub(crate) mod floe;
pub(crate) mod mutator;
