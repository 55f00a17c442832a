//! The integration tests, in one binary so that they link once.

mod establish;
#[cfg(feature = "webhook")]
mod gather;
mod layout;
#[cfg(feature = "webhook")]
mod registry;
mod support;
mod verifier;
