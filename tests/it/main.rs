//! The integration tests, in one binary so that they link once.

mod establish;
mod layout;
#[cfg(feature = "webhook")]
mod registry;
mod support;
mod verifier;
