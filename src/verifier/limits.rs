//! Bounds on everything that somebody else decides the size of.

use std::time::Duration;

/// Bounds of one verifier.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Budget of one flight, whoever waits for it.
    pub gather_budget: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gather_budget: Duration::from_secs(10),
        }
    }
}
