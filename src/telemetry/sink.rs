//! Lines to a file or standard error without making a review wait for a disk.
//!
//! Lines are collected in memory and written by a thread of their own, many at
//! a time. A line that finds the memory full – the disk stands still – is
//! counted as lost rather than holding up admission for the whole cluster; the
//! count is a metric, and the next line that is written says so. Whatever was
//! accepted is written before [`Sink::close`] returns; a process that is killed
//! loses what it accepted in the last few milliseconds.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes that may wait: about ten thousand lines, a second of the busiest
/// clusters.
const CAPACITY: usize = 8 * 1024 * 1024;
/// How long lines are collected before they are written: waking the thread for
/// each line would cost more than the line. Where reviews have one core to share
/// with it, they wait while it writes, so that a longer time makes fewer but
/// longer waits, which show in the p99.
const COLLECT: Duration = Duration::from_millis(1);
/// Buffers for lines that are kept for the next line, and the largest of them.
const SPARE: usize = 16;
const SPARE_BYTES: usize = 64 * 1024;

/// Owns the thread that writes. Dropping it writes everything and ends the
/// thread.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Accepts lines. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SinkHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    lost: AtomicU64,
    spare: Mutex<Vec<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines lost since the last write.
    lost: u64,
    idle: bool,
    closed: bool,
}

impl Sink {
    /// Appends to the file at `path`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Self::start(file)
    }

    /// Writes to standard error.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn stderr() -> io::Result<Self> {
        Self::start(io::stderr())
    }

    /// Writes to `out`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("floe-log".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write_to(out)
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Where lines go in.
    pub fn handle(&self) -> SinkHandle {
        SinkHandle(Arc::clone(&self.shared))
    }

    /// Writes what is waiting and ends the thread. Lines that come later are
    /// lost, and counted.
    pub fn close(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has lost lines; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close();
    }
}

impl SinkHandle {
    /// Hands over whole lines, each with its line end.
    pub fn write(&self, lines: &[u8]) {
        let mut state = self.0.lock();
        if state.closed || state.waiting.len() + lines.len() > CAPACITY {
            state.lost += 1;
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(lines);
        if std::mem::take(&mut state.idle) {
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// Hands over what `write` appends to an empty buffer: whole lines.
    ///
    /// The buffer is used again. A line of some kilobytes is too large for the
    /// quick path of the memory allocator, and there is one for each review.
    pub fn write_with(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut line = self.0.spare().pop().unwrap_or_default();
        write(&mut line);
        self.write(&line);
        if line.capacity() <= SPARE_BYTES {
            line.clear();
            let mut spare = self.0.spare();
            if spare.len() < SPARE {
                spare.push(line);
            }
        }
    }

    /// How many lines were lost so far.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement that changes it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() && state.lost == 0 && !state.closed {
                state.idle = true;
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if !state.closed {
                state = self
                    .changed
                    .wait_timeout(state, COLLECT)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            if state.waiting.is_empty() && state.lost == 0 && state.closed {
                return;
            }
            std::mem::swap(&mut lines, &mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            drop(state);
            if lost > 0 {
                lines.extend_from_slice(
                    format!("{{\"level\":\"ERROR\",\"message\":\"{lost} log lines were lost\"}}\n")
                        .as_bytes(),
                );
            }
            if out.write_all(&lines).and_then(|()| out.flush()).is_err() {
                let count = lines.iter().filter(|byte| **byte == b'\n').count();
                self.lost.fetch_add(count as u64, Ordering::Relaxed);
            }
            lines.clear();
        }
    }
}

/// A writer of one event of `tracing`: the event is handed over whole.
#[derive(Debug)]
pub struct EventWriter<'h> {
    sink: &'h SinkHandle,
    line: Vec<u8>,
}

impl Write for EventWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for EventWriter<'_> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.sink.write(&self.line);
        }
    }
}

impl<'h> tracing_subscriber::fmt::MakeWriter<'h> for SinkHandle {
    type Writer = EventWriter<'h>;

    fn make_writer(&'h self) -> Self::Writer {
        EventWriter {
            sink: self,
            line: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("disk full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_order_before_close_returns() {
        let memory = Memory::default();
        let mut sink = Sink::start(memory.clone()).expect("thread");
        let handle = sink.handle();
        let mut expected = Vec::new();
        for number in 0..1000 {
            let line = format!("line {number}\n");
            handle.write(line.as_bytes());
            expected.extend_from_slice(line.as_bytes());
        }
        sink.close();
        assert_eq!(*memory.0.lock().expect("lock"), expected);
        assert_eq!(handle.lost(), 0);
    }

    #[test]
    fn lines_that_cannot_be_written_or_kept_are_counted() {
        let mut sink = Sink::start(Broken).expect("thread");
        let handle = sink.handle();
        handle.write(b"a\n");
        handle.write(b"b\n");
        handle.write(&vec![b'x'; CAPACITY + 1]);
        sink.close();
        handle.write(b"late\n");
        // Four lines, and the one that reports the loss of the third: it cannot
        // be written either.
        assert_eq!(handle.lost(), 5);
    }
}
