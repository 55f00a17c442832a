//! How a command ends.

use std::process::ExitCode;

/// Exit codes, a contract with scripts. Other commands will add theirs; a
/// number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything is allowed.
    Success,
    /// The command could not run: a file, a document or a policy cannot be
    /// read.
    CouldNotRun,
    /// Denied only because something could not be looked at.
    Inconclusive,
    /// Denied because something was looked at and is bad.
    Denied,
    /// The command was called in a way that has no meaning.
    Usage,
}

impl Exit {
    /// The number.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::CouldNotRun => 1,
            Self::Inconclusive => 5,
            Self::Denied => 6,
            Self::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that stops before it has an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// Called in a way that has no meaning: 64.
    #[error("{0}")]
    Usage(String),
    /// Something it needs cannot be read or started: 1.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Stop {
    /// A usage error.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// How the process ends.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Failed(_) => Exit::CouldNotRun,
        }
    }
}
