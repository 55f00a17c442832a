//! Where and how an image is used, and how a policy's outcome is rendered.

use std::fmt;
use std::sync::Arc;

/// The name of a policy, as in `metadata.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName(pub Arc<str>);

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the outcome of a policy is rendered – never how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Enforcement {
    /// A denied outcome denies the review.
    #[default]
    Enforce,
    /// A denied outcome is a warning.
    Warn,
    /// Not evaluated, and no match in the sense of the default.
    Off,
}

impl Enforcement {
    /// The word in documents and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

/// Where an image is used. What is not known is `None`, and a policy that names
/// it is then inconclusive (`subject-incomplete`), never skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The namespace.
    pub namespace: Option<Arc<str>>,
    /// The channels of that namespace. Policies of all of them apply.
    pub channels: Option<Vec<Arc<str>>>,
}
