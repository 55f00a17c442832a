//! What several test modules share.

pub(crate) mod authority;
#[cfg(feature = "webhook")]
pub(crate) mod floe;
#[cfg(feature = "webhook")]
pub(crate) mod gate;
#[cfg(feature = "webhook")]
pub(crate) mod hostile;
pub(crate) mod mutator;
pub(crate) mod oracle;
#[cfg(feature = "webhook")]
pub(crate) mod reviews;
#[cfg(feature = "webhook")]
pub(crate) mod server;
#[allow(
    dead_code,
    reason = "an authority has every knob; not every build of the tests turns each of them"
)]
pub(crate) mod sigstore;
#[cfg(feature = "webhook")]
pub(crate) mod tls;
#[cfg(feature = "webhook")]
pub(crate) mod tuf;
#[cfg(feature = "webhook")]
pub(crate) mod webhook;
