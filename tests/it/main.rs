//! The integration tests, in one binary so that they link once.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

#[cfg(feature = "webhook")]
mod admission;
#[cfg(feature = "webhook")]
mod admission_images;
mod architecture;
#[cfg(feature = "webhook")]
mod canary;
#[cfg(feature = "webhook")]
mod cli;
#[cfg(feature = "webhook")]
mod conformance;
mod documentation;
mod establish;
#[cfg(feature = "webhook")]
mod floods;
#[cfg(feature = "webhook")]
mod fuzz;
#[cfg(feature = "webhook")]
mod gather;
mod judging;
mod keyless;
mod layout;
#[cfg(feature = "webhook")]
mod policy;
mod reasons;
#[cfg(feature = "webhook")]
mod registry;
mod rules;
#[cfg(feature = "webhook")]
mod samples;
mod sigstore_authority;
mod support;
#[cfg(feature = "webhook")]
mod total;
#[cfg(feature = "webhook")]
mod trust_roots;
mod verifier;
#[cfg(feature = "webhook")]
mod webhook;
