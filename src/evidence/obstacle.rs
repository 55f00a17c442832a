//! Why something could not be looked at.

use std::time::Duration;

/// Something that stood in the way of looking: not "bad", not "nothing there".
///
/// An obstacle makes a check inconclusive. It is never cached, and a denial
/// that rests on it says so and may carry a retry hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Obstacle {
    /// The kind, which gives the stable code.
    pub kind: ObstacleKind,
    /// One sentence: what was looked for, where, and what came instead. Never
    /// contains credentials or bytes of a response.
    pub detail: String,
    /// When a registry said so: how long to wait before asking again.
    pub retry_after: Option<Duration>,
}

impl Obstacle {
    /// An obstacle without a retry hint.
    pub fn new(kind: ObstacleKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The kinds of obstacle, each with a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ObstacleKind { $($(#[$doc])* $name,)* }

        impl ObstacleKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code: metric label, audit key, JSON field.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

kinds! {
    /// No connection: name resolution, TCP, TLS or the connection broke.
    Unreachable = "registry-unreachable",
    /// The deadline passed before an answer was there.
    TimedOut = "registry-timeout",
    /// HTTP 429.
    RateLimited = "registry-rate-limited",
    /// HTTP 401 or 403, or no token to be had.
    Denied = "registry-access-denied",
    /// HTTP 5xx, or a status that has no meaning here.
    ServerError = "registry-error",
    /// An answer that is not what the endpoint is specified to give.
    Malformed = "registry-answer-malformed",
    /// Bytes whose digest or size is not the one asked for.
    DigestMismatch = "content-digest-mismatch",
    /// A body over its bound.
    TooLarge = "content-too-large",
    /// A redirect or token realm that leads where it must not.
    RedirectRefused = "redirect-refused",
    /// Content that a readable document refers to is not there.
    ContentMissing = "content-missing",
    /// The image itself is not there or cannot be seen with these credentials.
    ImageNotVisible = "image-not-visible",
    /// The repository where signatures are kept is not there or cannot be seen
    /// with these credentials.
    SignaturesNotVisible = "signatures-not-visible",
    /// More manifests in an image index, or nested deeper, than are looked at.
    IndexTooLarge = "index-too-large",
    /// More referrers than are looked at.
    TooManyReferrers = "too-many-referrers",
    /// More signatures or documents than are looked at.
    TooManyDocuments = "too-many-documents",
    /// Too many lookups are under way for this registry or namespace.
    Overloaded = "gather-capacity-exceeded",
    /// The registry is not one that floe may talk to as configured.
    RegistryRefused = "registry-not-permitted",
    /// A file of an image layout could not be read.
    LayoutUnreadable = "layout-unreadable",
    /// A lookup ended without an answer: a defect of floe.
    LookFailed = "lookup-failed",
    /// The request's own deadline passed.
    DeadlineExceeded = "deadline-exceeded",
}
