//! Servers that are stopped with the test, ports for them, and waiting.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a server may take to become ready. An API server needs 3 s on a
/// quiet machine of two cores; the rest is for one that also compiles.
const READY: Duration = Duration::from_secs(120);

/// Starts the command, and kills it when the pipe from the test closes. The
/// exit status is the command's own.
const KEEPER: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
( read -r _ <&3; kill -KILL "$child" 2>/dev/null ) 3<&3 &
keeper=$!
exec 3<&-
wait "$child"
status=$?
kill -KILL "$keeper" 2>/dev/null
exit "$status"
"#;

/// A server of ours.
///
/// It is the child of a small shell that holds a pipe from this process, so it
/// ends on drop, and also when this process is killed or the owner is a static,
/// which is never dropped. Only this one child is ever signalled.
#[derive(Debug)]
pub struct Process {
    name: String,
    keeper: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to `NAME.log` in `logs`.
    ///
    /// # Panics
    ///
    /// It cannot be started.
    pub fn start(name: &str, command: &Command, logs: &Path) -> Self {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => keeper.env(key, value),
                None => keeper.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            keeper.current_dir(dir);
        }
        let keeper = keeper
            // A signal to the tests' group is for them: the shell must live to
            // see the pipe close.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a file handle can be copied"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: starting {command:?}: {error}"));
        Self {
            name: name.to_owned(),
            keeper,
            log,
        }
    }

    /// Waits until `ready` gives a value.
    ///
    /// # Panics
    ///
    /// The server ended, or was not ready in time; with the end of its log.
    pub fn wait_until_ready<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(value) = ready() {
                return value;
            }
            let ended = self.keeper.try_wait().expect("a child can be asked");
            if let Some(status) = ended {
                panic!(
                    "{} ended with {status} before it was ready:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            if started.elapsed() > READY {
                panic!(
                    "{} was not ready after {READY:?}:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            thread::sleep(POLL);
        }
    }

    /// Stops the server and waits until it is gone.
    pub fn stop(&mut self) {
        drop(self.keeper.stdin.take());
        // A drop has nobody to tell; the shell only fails if it was killed.
        let _ = self.keeper.wait();
    }

    /// The last lines that the server printed.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How often a condition is looked at: short beside every server's start, long
/// beside a look.
const POLL: Duration = Duration::from_millis(25);

/// Waits for a condition, and gives what it found.
///
/// # Panics
///
/// It did not come about within 15 s; the message says what was awaited.
#[track_caller]
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "waited too long for {what}"
        );
        thread::sleep(POLL);
    }
}

/// Different loopback ports that were free a moment ago. All are held until all
/// are found.
///
/// # Panics
///
/// There is no free port.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| {
        TcpListener::bind(("127.0.0.1", 0)).expect("there is a free loopback port")
    });
    held.map(|listener| {
        listener
            .local_addr()
            .expect("a bound listener has an address")
            .port()
    })
}
