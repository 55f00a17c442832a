//! Load by `h2load`, and what it says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{LOAD_CORE, Server};
use crate::world::Load;

/// How the API server could speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Sixteen requests under way: over as many connections, or over two with
    /// eight streams each.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Http1 => &["--h1", "-c", "16", "-m", "1"],
            Self::Http2 => &["-c", "2", "-m", "8"],
        }
    }
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Answered requests per second of the server's processor time.
    pub(crate) per_second: f64,
    /// 99 of 100 answers took at most this, in microseconds.
    pub(crate) p99: f64,
}

/// Whether the programs that a run needs are there.
pub(crate) fn check_programs() -> Result<(), String> {
    for (program, from) in [("h2load", "nghttp2-client"), ("taskset", "util-linux")] {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(format!(
                "{program} is not installed; on Debian it is in the package {from}"
            ));
        }
    }
    Ok(())
}

/// Sends `load` to `server` for about `time`.
pub(crate) fn run(
    server: &Server,
    protocol: Protocol,
    load: &Load,
    time: Duration,
    scratch: &Path,
) -> Run {
    let log = scratch.join("h2load.log");
    let before = server.processor_time();
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "h2load", "-t", "1"])
        .args(protocol.arguments())
        .arg("-D")
        .arg(format!("{}ms", time.as_millis()))
        .args(["-H", "content-type: application/json", "-d"])
        .arg(&load.path)
        .arg(format!("--log-file={}", log.display()))
        .arg(format!("https://{}/validate?timeout=10s", server.address))
        .output()
        .expect("h2load");
    let used = server.processor_time() - before;
    let text = std::fs::read_to_string(&log).expect("the log of h2load");
    std::fs::remove_file(&log).expect("the log of h2load");
    let mut times = Vec::new();
    for line in text.lines() {
        let mut columns = line.split('\t').skip(1);
        let (status, time) = (columns.next(), columns.next());
        // What was under way when the time was over counts as failed.
        match status {
            Some("200") => times.push(time.and_then(|t| t.parse::<f64>().ok()).expect("a time")),
            Some("-1") => {}
            other => panic!("{} answered {other:?}", server.name),
        }
    }
    assert!(
        times.len() > 100,
        "{}: {}",
        server.name,
        String::from_utf8_lossy(&output.stdout)
    );
    times.sort_by(f64::total_cmp);
    Run {
        per_second: times.len() as f64 / used,
        p99: times[times.len() * 99 / 100],
    }
}

/// The middle of `values`.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
