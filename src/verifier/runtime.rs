//! The little that the pipeline needs from an executor.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// A task that runs to its end, whoever stops waiting for it.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sleep, spawn and a monotonic clock.
pub trait Runtime: Send + Sync + 'static {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Completes when `deadline` has passed.
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send;

    /// Runs `task` to its end, detached.
    fn spawn(&self, task: Task);
}

/// For sources that never wait, such as layouts: a task runs to its end where
/// it is spawned, nothing sleeps, and [`Blocking::run`] drives the caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking;

impl Blocking {
    /// Drives `future` to its end on this thread.
    pub fn run<F: Future>(self, future: F) -> F::Output {
        futures_executor::block_on(future)
    }
}

impl Runtime for Blocking {
    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, _deadline: Instant) {
        std::future::pending::<()>().await;
    }

    fn spawn(&self, mut task: Task) {
        // Driven by hand and not by an executor, because the caller is itself
        // driven by one and executors refuse to nest. A source that never
        // waits is ready at the first poll; cooperative yields take a few more.
        let waker = futures_util::task::noop_waker();
        let mut context = std::task::Context::from_waker(&waker);
        while task.as_mut().poll(&mut context).is_pending() {
            std::thread::yield_now();
        }
    }
}

/// Runs on the current tokio runtime.
#[cfg(feature = "client")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokio;

#[cfg(feature = "client")]
impl Runtime for Tokio {
    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// Lets other tasks of this thread run before going on.
pub(super) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
