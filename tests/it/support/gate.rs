//! A gate over a registry that is not there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use floe::admission::{Coverage, Gate};
use floe::oci::{Content, Descriptor, Digest, PinnedReference, Repository, Tag};
use floe::source::{Referrers, Scope, Source, SourceError};
use floe::verifier::{Limits, Runtime, Verifier};

/// A registry that has nothing.
#[derive(Debug)]
pub(crate) enum Nowhere {
    /// It says so at once.
    Empty,
    /// It never answers.
    Hangs,
}

impl Nowhere {
    async fn nothing<T>(&self) -> Result<T, SourceError> {
        match self {
            Self::Empty => Err(SourceError::Layout {
                detail: "nothing is there".into(),
            }),
            Self::Hangs => std::future::pending().await,
        }
    }
}

impl Source for Nowhere {
    fn scope(&self, _: &Repository) -> Scope {
        Scope::default()
    }

    async fn resolve(&self, _: &Repository, _: &Tag, _: Instant) -> Result<Digest, SourceError> {
        self.nothing().await
    }

    async fn manifest(&self, _: &PinnedReference, _: Instant) -> Result<Content, SourceError> {
        self.nothing().await
    }

    async fn manifest_by_tag(
        &self,
        _: &Repository,
        _: &Tag,
        _: Instant,
    ) -> Result<Content, SourceError> {
        self.nothing().await
    }

    async fn blob(
        &self,
        _: &Repository,
        _: &Descriptor,
        _: u64,
        _: Instant,
    ) -> Result<Content, SourceError> {
        self.nothing().await
    }

    async fn referrers(
        &self,
        _: &PinnedReference,
        _: usize,
        _: Instant,
    ) -> Result<Referrers, SourceError> {
        self.nothing().await
    }

    async fn referrers_by_tag(
        &self,
        _: &PinnedReference,
        _: usize,
        _: Instant,
    ) -> Result<Referrers, SourceError> {
        self.nothing().await
    }

    async fn probe_repository(&self, _: &Repository, _: Instant) -> Result<(), SourceError> {
        self.nothing().await
    }

    async fn probe(&self, _: &PinnedReference, _: Instant) -> Result<(), SourceError> {
        self.nothing().await
    }
}

/// The tokio of the test.
#[derive(Debug)]
pub(crate) struct Tokio;

impl Runtime for Tokio {
    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

pub(crate) type TestGate = Gate<Nowhere, Tokio>;

/// A gate without policies. Looking up the channels of the namespace `panic`
/// panics, which stands for a defect anywhere in the check.
pub(crate) fn gate() -> Arc<TestGate> {
    gate_with(Coverage::builtin())
}

pub(crate) fn gate_with(coverage: Coverage) -> Arc<TestGate> {
    over(Nowhere::Empty, coverage)
}

/// A gate over a registry that never answers.
pub(crate) fn hanging_gate() -> Arc<TestGate> {
    over(Nowhere::Hangs, Coverage::builtin())
}

fn over(source: Nowhere, coverage: Coverage) -> Arc<TestGate> {
    let verifier = Verifier::new(source, Tokio, Limits::default());
    let channels = |namespace: &str| {
        assert_ne!(namespace, "panic", "a defect, on purpose");
        None
    };
    Arc::new(Gate::new(verifier, coverage, Box::new(channels)))
}
