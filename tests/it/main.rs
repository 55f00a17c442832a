//! The integration tests, in one binary so that they link once.

mod establish;
mod support;
mod verifier;
