//! Credential helpers: programs that print a credential.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::{Credential, Secret};
use crate::source::SourceError;

/// Longest output that is read; tokens of cloud providers have a few KiB.
const MAX_OUTPUT: u64 = 64 * 1024;
/// Helpers that ask a cloud need a second or two; one that waits for a person
/// will never answer here.
const PATIENCE: Duration = Duration::from_secs(8);
/// Helpers that run at once. Whoever names an image chooses the registry, and a
/// helper that stands for all of them is started for each.
pub(super) const RUNNING: usize = 16;
/// The user name by which a helper says that the secret is a refresh token.
const IDENTITY: &str = "<token>";

/// A program that follows Docker's credential helper protocol, and the name
/// that it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Helper {
    pub(super) program: PathBuf,
    pub(super) server: String,
}

#[derive(serde::Deserialize)]
struct Output {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Helper {
    /// Runs the helper. It has no credential for this registry: `None`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Denied`] if it fails, [`SourceError::TimedOut`] if it
    /// takes too long. What it printed is in neither.
    pub(super) async fn get(&self, places: &Semaphore) -> Result<Option<Credential>, SourceError> {
        let name = self.program.display();
        let failed = |what: &str| SourceError::Denied {
            detail: format!("credential helper {name} {what}"),
        };
        let run = async {
            let _place = places.acquire().await;
            let mut child = Command::new(&self.program)
                .arg("get")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| failed(&format!("cannot be started ({})", error.kind())))?;
            if let Some(mut stdin) = child.stdin.take() {
                // A helper that does not read its input may still answer.
                let _ = stdin.write_all(self.server.as_bytes()).await;
            }
            let mut output = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                stdout
                    .take(MAX_OUTPUT + 1)
                    .read_to_end(&mut output)
                    .await
                    .map_err(|_| failed("broke off its answer"))?;
            }
            if output.len() as u64 > MAX_OUTPUT {
                return Err(failed("printed more than a credential"));
            }
            let status = child
                .wait()
                .await
                .map_err(|_| failed("could not be waited for"))?;
            Ok((status, output))
        };
        let (status, output) =
            tokio::time::timeout(PATIENCE, run)
                .await
                .map_err(|_| SourceError::TimedOut {
                    detail: format!("credential helper {name} did not answer in time"),
                })??;
        if !status.success() {
            // The protocol's fixed sentence for "I know nothing of it".
            if output.starts_with(b"credentials not found") {
                return Ok(None);
            }
            return Err(failed("failed"));
        }
        let output: Output = serde_json::from_slice(&output)
            .map_err(|_| failed("printed something else than a credential"))?;
        let secret = Secret::new(output.secret);
        Ok(Some(if output.username == IDENTITY {
            Credential::Identity(secret)
        } else {
            Credential::Password {
                username: output.username,
                password: secret,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn no_more_helpers_run_at_once_than_there_are_places() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("helper");
        let running = folder.path().join("running");
        std::fs::create_dir(&running).expect("a folder");
        // Each says how many there are, itself included.
        let script = format!(
            "#!/bin/sh\nread server\ncd {}\ntouch $$\nset -- *\nsleep 0.05\nrm $$\n\
             echo \"{{\\\"Username\\\":\\\"$#\\\",\\\"Secret\\\":\\\"x\\\"}}\"\n",
            running.display()
        );
        std::fs::write(&program, script).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("executable");
        let helpers: Vec<_> = (0..3 * RUNNING)
            .map(|number| Helper {
                program: program.clone(),
                server: format!("{number}.example"),
            })
            .collect();
        let places = Semaphore::new(RUNNING);
        for found in join_all(helpers.iter().map(|helper| helper.get(&places))).await {
            let Ok(Some(Credential::Password { username, .. })) = found else {
                panic!("{found:?}");
            };
            let others: usize = username.parse().expect("a number");
            assert!((1..=RUNNING).contains(&others), "{others}");
        }
    }
}
