//! The pipeline: select, gather, establish, decide.
//!
//! [`Verifier::verify`] returns a [`Verdict`], not a `Result`: there is no
//! error that a caller could turn into an admission.

mod gather;
mod limits;
mod runtime;

pub use limits::Limits;
pub use runtime::{Blocking, Runtime};

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::oci::Reference;
use crate::policy::PolicySet;
use crate::source::Source;
use crate::verdict::{Subject, Verdict};

/// One image to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the user wrote.
    pub reference: &'a Reference,
    /// Where it is used.
    pub subject: &'a Subject,
    /// The policies in force for this review.
    pub policies: &'a PolicySet,
    /// The time of the decision.
    pub at: Timestamp,
    /// When the answer must be there.
    pub deadline: Instant,
}

/// The engine. Cheap to clone; clones share caches and flights.
#[derive(Debug)]
pub struct Verifier<S, R> {
    inner: Arc<Inner<S, R>>,
}

impl<S, R> Clone for Verifier<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<S, R> {
    source: S,
    runtime: R,
    limits: Limits,
}

impl<S: Source, R: Runtime> Verifier<S, R> {
    /// An engine over `source`.
    pub fn new(source: S, runtime: R, limits: Limits) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                runtime,
                limits,
            }),
        }
    }

    /// Judges one image.
    pub async fn verify(&self, _request: Request<'_>) -> Verdict {
        let _ = (&self.inner.source, &self.inner.runtime, &self.inner.limits);
        panic!("placeholder")
    }
}
