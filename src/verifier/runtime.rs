//! The little that the pipeline needs from an executor.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// Sleep, spawn and a monotonic clock.
pub trait Runtime: Send + Sync + 'static {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Completes when `deadline` has passed.
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send;

    /// Runs `task` to its end, whoever stops waiting for it.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// For sources that never wait, such as layouts: tasks run where they are
/// spawned, and nothing sleeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking;

impl Runtime for Blocking {
    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, _deadline: Instant) {
        std::future::pending::<()>().await;
    }

    fn spawn(&self, _task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        panic!("placeholder")
    }
}
