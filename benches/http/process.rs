//! The servers as processes of their own, each on one core.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core that servers run on; the load comes from [`LOAD_CORE`].
const SERVER_CORE: &str = "1";
/// The core of the load generator and of this process.
pub(crate) const LOAD_CORE: &str = "0";

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, 100 on every Linux that
/// Rust's standard library runs on.
const TICKS: f64 = 100.0;

/// A server under measurement. Killed when dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    plain: Option<SocketAddr>,
    child: Child,
    /// From the call of exec to the first good answer of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

impl Server {
    /// `floe webhook` as it is shipped: settings, policies, a log file.
    pub(crate) fn floe(folder: &Path) -> Self {
        let (address, plain) = (free_port(), free_port());
        let settings = fs::read_to_string(folder.join("floe.yaml")).expect("settings");
        let settings = format!("{settings}metricsListen: \"{plain}\"\n");
        let path = folder.join(format!("floe-{}.yaml", address.port()));
        fs::write(&path, settings).expect("settings");
        let mut command = pinned(env!("CARGO_BIN_EXE_floe"));
        command
            .arg("webhook")
            .arg("--config")
            .arg(&path)
            .arg("--listen")
            .arg(address.to_string())
            .arg("--log-file")
            .arg(folder.join(format!("floe-{}.log", address.port())));
        Self::start("floe", command, address, Some(plain))
    }

    /// This program again, serving `what`.
    pub(crate) fn own(name: &'static str, what: &str, folder: &Path) -> Self {
        let (address, plain) = (free_port(), free_port());
        let program = std::env::current_exe().expect("this program");
        let mut command = pinned(&program.to_string_lossy());
        command
            .args(["--serve", what])
            .arg(address.to_string())
            .arg(plain.to_string())
            .arg(folder);
        Self::start(name, command, address, Some(plain))
    }

    fn start(
        name: &'static str,
        mut command: Command,
        address: SocketAddr,
        plain: Option<SocketAddr>,
    ) -> Self {
        let begun = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("taskset and the server");
        let mut server = Self {
            name,
            address,
            plain,
            child,
            ready_after: Duration::ZERO,
        };
        while !server.is_ready() {
            assert!(
                server.child.try_wait().expect("a process").is_none(),
                "{name} ended at once"
            );
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{name} is not ready"
            );
            std::thread::sleep(Duration::from_micros(500));
        }
        server.ready_after = begun.elapsed();
        server
    }

    fn is_ready(&self) -> bool {
        let Some(plain) = self.plain else {
            return true;
        };
        let Ok(mut stream) = TcpStream::connect(plain) else {
            return false;
        };
        let request = b"GET /readyz HTTP/1.1\r\nHost: floe\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        stream.write_all(request).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Seconds of processor time that the process has used.
    pub(crate) fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("stat");
        // The name in parentheses may hold spaces; utime and stime are the 12th
        // and 13th field behind it.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let field = |at: usize| -> f64 {
            let value = fields.split_whitespace().nth(at);
            value.expect("a field").parse().expect("a number")
        };
        (field(11) + field(12)) / TICKS
    }

    /// Resident memory in MiB.
    pub(crate) fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.expect("VmRSS").trim().trim_end_matches(" kB");
        kib.parse::<f64>().expect("a number") / 1024.0
    }
}

/// A command on the core of servers. `taskset` replaces itself by the program,
/// so that the process is the server's own.
fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE, program]);
    command
}
