//! The log of everything but reviews.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::sink::SinkHandle;
use crate::config::LogFormat;

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is one already.
    #[error("the log is set up already")]
    AlreadyInstalled,
}

/// Sends the events of this process, `info` and above, to `sink`.
///
/// # Errors
///
/// [`LogError::AlreadyInstalled`]: a process has one log.
pub fn install(format: LogFormat, sink: SinkHandle) -> Result<(), LogError> {
    let registry = tracing_subscriber::registry().with(LevelFilter::INFO);
    let installed = match format {
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(sink),
            )
            .try_init(),
        LogFormat::Text => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(sink),
            )
            .try_init(),
    };
    installed.map_err(|_| LogError::AlreadyInstalled)
}
