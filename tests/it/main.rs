//! Integration tests, in one binary.

mod policy;
