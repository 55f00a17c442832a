//! Stable codes, and findings that carry them.

use std::time::Duration;

use crate::evidence::{Obstacle, ObstacleKind};
use crate::trust::RejectionKind;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Every reason there is. The text is the metric label, the audit key,
        /// the JSON field and the heading in `docs/reasons.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// Something could not be looked at.
            Obstacle(ObstacleKind),
            /// A document was read and does not count.
            Rejection(RejectionKind),
        }

        impl Code {
            /// More is being looked up than the gate has room for.
            pub const OVERLOADED: Self = Self::Obstacle(ObstacleKind::Overloaded);

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Obstacle(kind) => kind.code(),
                    Self::Rejection(kind) => kind.code(),
                }
            }

            /// Every code.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$name,)*]
                    .into_iter()
                    .chain(ObstacleKind::ALL.iter().copied().map(Self::Obstacle))
                    .chain(RejectionKind::ALL.iter().copied().map(Self::Rejection))
            }
        }
    };
}

codes! {
    /// No policy matches, and the default is to deny.
    NoPolicyMatches = "no-policy-matches",
    /// The reference has no digest.
    TagNotPinned = "tag-not-pinned",
    /// The reference cannot be parsed.
    ReferenceInvalid = "reference-invalid",
    /// Everything was read, and no accepted authority signed.
    SignatureMissing = "signature-missing",
    /// Some, but not enough distinct signers.
    ThresholdNotMet = "threshold-not-met",
    /// An entry of the image index does not meet what the policy demands.
    ChildNotSigned = "child-not-signed",
    /// Every entry of the image index is signed, and not by the same signers.
    ChildSignersDiffer = "child-signers-differ",
    /// The policy accepts only a single image, and this is an index.
    IndexNotAccepted = "index-not-accepted",
    /// The image index has no entries.
    IndexEmpty = "index-empty",
    /// Everything was read, and no statement that the policy demands was found.
    AttestationMissing = "attestation-missing",
    /// A statement that the policy demands does not say what is demanded.
    AttestationConditionFailed = "attestation-condition-failed",
    /// The material of an authority cannot be read.
    KeyUnavailable = "key-unavailable",
    /// A trust root of an authority cannot be had.
    TrustRootUnavailable = "trust-root-unavailable",
    /// A trust root of an authority is older than its publisher allows.
    TrustRootExpired = "trust-root-expired",
    /// A certificate that is vouched for names somebody else.
    IdentityMismatch = "identity-mismatch",
    /// A certificate that is vouched for was given for a token of another
    /// issuer.
    IssuerMismatch = "issuer-mismatch",
    /// The time that a log or timestamp names is later than the decision.
    SignedInTheFuture = "signed-in-the-future",
    /// The policy does not accept the key for the time of the signature.
    KeyNotValidThen = "key-not-valid-then",
    /// Nothing says when the signature was made, and the certificate is not
    /// valid at the time of the decision.
    CertificateNotValidNow = "certificate-not-valid-now",
    /// The policy asks for signatures that name the repository, and this one
    /// names another, or none.
    SignatureForAnotherRepository = "signature-for-another-repository",
    /// The policy accepts bundles of old versions.
    OldBundlesAccepted = "old-bundles-accepted",
    /// The policy does not compile or cannot be evaluated.
    PolicyInvalid = "policy-invalid",
    /// The folder of policies is empty or unreadable.
    PoliciesMissing = "policies-missing",
    /// A policy names a namespace or channel, and the subject has none.
    SubjectIncomplete = "subject-incomplete",
    /// Not everything has been loaded yet.
    NotSynced = "not-synced",
    /// The AdmissionReview, or the object in it, cannot be read.
    ReviewMalformed = "review-malformed",
    /// The object names more images than are looked at.
    TooManyImages = "too-many-images",
    /// floe does not know where this kind keeps its images.
    KindNotCovered = "kind-not-covered",
    /// The check itself failed: a defect of floe.
    InternalError = "internal-error",
}

/// Whether a finding says "bad", "could not look", or is there to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Looked, and it is bad.
    Violation,
    /// Could not look.
    Obstacle,
    /// Seen on the way; denies nothing by itself.
    Note,
}

/// One reason in words, with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code.
    pub code: Code,
    /// What kind of reason.
    pub kind: FindingKind,
    /// One sentence for people.
    pub message: String,
    /// For obstacles: when another look may help.
    pub retry_after: Option<Duration>,
}

impl Finding {
    /// Something bad.
    pub fn violation(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, FindingKind::Violation, message)
    }

    /// Something that could not be looked at, without an [`Obstacle`] of the
    /// evidence.
    pub fn blocked(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, FindingKind::Obstacle, message)
    }

    /// Something that explains and denies nothing by itself.
    pub fn remark(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, FindingKind::Note, message)
    }

    fn new(code: Code, kind: FindingKind, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Whether this says "could not look".
    pub fn is_obstacle(&self) -> bool {
        self.kind == FindingKind::Obstacle
    }
}

impl From<&Obstacle> for Finding {
    fn from(obstacle: &Obstacle) -> Self {
        Self {
            retry_after: obstacle.retry_after,
            ..Self::blocked(Code::Obstacle(obstacle.kind), obstacle.detail.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_in_kebab_case() {
        let codes: Vec<_> = Code::all().map(Code::as_str).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for code in codes {
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{code}"
            );
        }
    }
}
