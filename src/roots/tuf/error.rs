//! What goes wrong with a TUF repository.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;

/// Longest text of a mirror that is repeated, in characters.
const MAX_WORDS: usize = 300;

/// Why a root from TUF cannot be configured so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TufError {
    /// The pinned `root.json`.
    #[error("the initial root of TUF cannot be used: {0}")]
    InitialRoot(String),
    /// The target is no plain path.
    #[error("{0:?} is no target; write a name such as trusted_root.json")]
    Target(String),
    /// The URL of the mirror.
    #[error("the mirror is not a URL such as https://tuf.example.com without credentials or query")]
    Mirror,
    /// Plain HTTP that nobody allowed.
    #[error("the mirror is asked over plain HTTP, which needs insecureHTTP: true")]
    PlainHttp,
    /// The certificates for the mirror.
    #[error("the authorities for the mirror are not PEM certificates")]
    Ca,
    /// The HTTP client.
    #[error("there is no HTTP client: {0}")]
    Client(String),
}

/// Why a refresh, or reading the cache, gave no trust root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// There is no cache, or what lies there is none.
    #[error("the cache has nothing: {0}")]
    NoCache(String),
    /// The mirror cannot be reached, answers with an error, has not what it
    /// should have, or sends more than is taken.
    #[error("the mirror cannot be used: {0}")]
    Mirror(String),
    /// The mirror did not come to an end.
    #[error("the mirror took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
    /// Metadata has expired: nobody renews it, or somebody holds back newer.
    #[error("{role} metadata expired at {expires}")]
    Expired {
        /// Which role.
        role: String,
        /// When.
        expires: Timestamp,
    },
    /// Metadata is older than what was seen before.
    #[error("{role} went back from version {seen} to {offered}")]
    Rollback {
        /// Which role.
        role: String,
        /// The version seen before.
        seen: u64,
        /// The version offered now.
        offered: u64,
    },
    /// Too few good signatures by the keys that may sign.
    #[error("the signatures do not verify: {0}")]
    Signatures(String),
    /// A length, hash or version is not the one that was signed for it.
    #[error("not what was signed for: {0}")]
    Mismatch(String),
    /// The repository has no such target.
    #[error("the repository has no target {0}")]
    NoTarget(String),
    /// Metadata that cannot be read.
    #[error("metadata cannot be read: {0}")]
    Malformed(String),
    /// The metadata is not whole.
    #[error("some metadata is missing")]
    Incomplete,
    /// The target is what was signed, and is no trust root for floe.
    #[error("the target is no trust root: {0}")]
    Unusable(String),
}

impl From<sigstore_tuf::Error> for RefreshError {
    fn from(error: sigstore_tuf::Error) -> Self {
        use sigstore_tuf::Error;
        match error {
            Error::Expired { role, expires } => Self::Expired { role, expires },
            Error::Rollback { role, trusted, new } => Self::Rollback {
                role,
                seen: trusted,
                offered: new,
            },
            Error::BadRootVersion { trusted, new } => Self::Rollback {
                role: "root".to_owned(),
                seen: trusted,
                offered: new,
            },
            Error::ThresholdNotMet { .. } | Error::DuplicateSignature { .. } => {
                Self::Signatures(words(&error))
            }
            Error::IntegrityMismatch(_) => Self::Mismatch(words(&error)),
            Error::TargetNotFound(name) => Self::NoTarget(name),
            Error::NotRefreshed => Self::Incomplete,
            Error::Transport { .. } | Error::Io { .. } => Self::Mirror(words(&error)),
            _ => Self::Malformed(words(&error)),
        }
    }
}

/// An error with its causes, and never more of it than a line or two: parts of
/// it may come from the mirror.
pub(super) fn words(error: &sigstore_tuf::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let shown: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_WORDS)
        .collect();
    shown
}
