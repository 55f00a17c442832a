//! The integration tests, in one binary so that they link once.

mod architecture;
mod cli;
mod establish;
mod reasons;
mod samples;
mod support;
mod verifier;
