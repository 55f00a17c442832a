//! What several tests need.

pub(crate) mod gate;
pub(crate) mod reviews;
pub(crate) mod server;
