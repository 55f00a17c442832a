//! Credential helpers: programs that print a credential.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{Credential, Secret};
use crate::source::SourceError;

/// Longest output that is read; tokens of cloud providers have a few KiB.
const MAX_OUTPUT: u64 = 64 * 1024;
/// Helpers that ask a cloud need a second or two; one that waits for a person
/// will never answer here.
const PATIENCE: Duration = Duration::from_secs(8);
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
    pub(super) async fn get(&self) -> Result<Option<Credential>, SourceError> {
        let name = self.program.display();
        let failed = |what: &str| SourceError::Denied {
            detail: format!("credential helper {name} {what}"),
        };
        let run = async {
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
