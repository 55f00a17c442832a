//! What several test modules share.

pub(crate) mod authority;
#[cfg(feature = "webhook")]
pub(crate) mod floe;
#[cfg(feature = "webhook")]
pub(crate) mod gate;
#[cfg(feature = "webhook")]
pub(crate) mod hostile;
pub(crate) mod mutator;
#[cfg(feature = "webhook")]
pub(crate) mod reviews;
#[cfg(feature = "webhook")]
pub(crate) mod server;
#[cfg(feature = "webhook")]
pub(crate) mod webhook;
