//! The integration tests, in one binary so that they link once.

mod architecture;
#[cfg(feature = "webhook")]
mod cli;
mod establish;
mod layout;
mod policy;
mod reasons;
#[cfg(feature = "webhook")]
mod registry;
#[cfg(feature = "webhook")]
mod samples;
mod support;
mod verifier;
