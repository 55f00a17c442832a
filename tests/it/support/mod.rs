//! What several test modules share.

pub(crate) mod authority;
#[cfg(feature = "webhook")]
pub(crate) mod floe;
#[cfg(feature = "webhook")]
pub(crate) mod hostile;
pub(crate) mod mutator;
