//! Folders that go away with the process, however it ends.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A folder for one test's files, with a path short enough for Unix sockets.
///
/// A shell that reads from a pipe of ours removes it as soon as the pipe
/// closes: on drop, and also when the process is killed or the owner is a
/// static, which is never dropped. `FLOE_E2E_KEEP=1` keeps it, to read logs.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    remover: Option<Child>,
}

impl Scratch {
    /// An empty folder.
    ///
    /// # Panics
    ///
    /// The folder cannot be made, or there is no `sh`.
    pub fn new() -> Self {
        let path = tempfile::Builder::new()
            .prefix("floe-")
            .tempdir()
            .expect("a scratch folder can be made")
            .keep();
        let remover = env::var_os("FLOE_E2E_KEEP").is_none().then(|| {
            Command::new("sh")
                // Twice, because a server that is being killed at the same
                // moment may still write.
                .args([
                    "-c",
                    "read -r _; rm -rf \"$1\" || { sleep 1; rm -rf \"$1\"; }",
                    "sh",
                ])
                .arg(&path)
                .process_group(0)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("sh can be started")
        });
        Self { path, remover }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in the folder and gives its path.
    ///
    /// # Panics
    ///
    /// The file cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A folder inside the folder.
    ///
    /// # Panics
    ///
    /// The folder cannot be made.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(remover) = &mut self.remover {
            drop(remover.stdin.take());
            // It has done its work or the machine is in trouble; a drop has
            // nobody to tell.
            let _ = remover.wait();
        }
    }
}
