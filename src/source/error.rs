//! What can go wrong between floe and a registry or a layout.

use std::time::Duration;

/// Why a source has no answer. The variants are the ones that decisions depend
/// on; the detail is one sentence for people, free of credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It was looked for in the right place and is not there.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for, for example `manifest registry/app@sha256:…`.
        what: String,
    },
    /// 401, 403, or no token.
    #[error("{detail}")]
    Denied {
        /// One sentence.
        detail: String,
    },
    /// 429.
    #[error("{detail}")]
    RateLimited {
        /// One sentence.
        detail: String,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// Name resolution, TCP, TLS, or a broken connection.
    #[error("{detail}")]
    Unreachable {
        /// One sentence.
        detail: String,
    },
    /// The deadline passed.
    #[error("{detail}")]
    TimedOut {
        /// One sentence.
        detail: String,
    },
    /// 5xx, or a status that has no meaning at this endpoint.
    #[error("{detail}")]
    Server {
        /// One sentence.
        detail: String,
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// The body is over its bound.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// The answer is not what the endpoint is specified to give.
    #[error("{detail}")]
    Malformed {
        /// One sentence.
        detail: String,
    },
    /// The bytes are not those that were asked for.
    #[error("{detail}")]
    DigestMismatch {
        /// One sentence.
        detail: String,
    },
    /// A redirect or token realm leads where it must not.
    #[error("{detail}")]
    RedirectRefused {
        /// One sentence.
        detail: String,
    },
    /// The configuration does not let floe talk to this registry.
    #[error("{detail}")]
    NotPermitted {
        /// One sentence that names the setting.
        detail: String,
    },
    /// A file of a layout cannot be read.
    #[error("{detail}")]
    Layout {
        /// One sentence with the path.
        detail: String,
    },
}

impl SourceError {
    /// Whether asking again within the same deadline could give another answer.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unreachable { .. } => true,
            // 501 says that it never will.
            Self::Server { status, .. } => *status >= 500 && *status != 501,
            Self::TimedOut { .. }
            | Self::NotFound { .. }
            | Self::Denied { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::RedirectRefused { .. }
            | Self::NotPermitted { .. }
            | Self::Layout { .. } => false,
        }
    }
}
