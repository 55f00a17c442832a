//! The report of one run, as programs and as people read it.
//!
//! The structs here are a contract with a version: they are written out field
//! by field from the domain types, so that those can change without it. What
//! people read is rendered from the same structs, so that both tell the same.

use jiff::Timestamp;
use serde::Serialize;

use super::{Decision, Finding, FindingKind, Outcome, Status, Verdict};

mod remedy;
mod signer;
#[cfg(test)]
mod tests;
mod text;

use remedy::remedy;
pub use signer::{
    BuildReport, CertificateReport, LogReport, NameReport, SctReport, SignerReport, TimestampReport,
};
pub use text::{Detail, Wording};
#[cfg(feature = "webhook")]
pub(crate) use text::{plain_line, word};

/// Version of the report's format.
pub const API_VERSION: &str = "floe.dev/v1";
/// Kind of the report.
pub const KIND: &str = "VerificationReport";

/// Everything one run decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// [`KIND`].
    pub kind: &'static str,
    /// The time of the decision, RFC 3339 in UTC.
    pub at: String,
    /// `allow` if everything is allowed, else `deny`.
    pub decision: &'static str,
    /// One entry for each distinct reference in each distinct place of use.
    pub images: Vec<ImageReport>,
    /// Objects of kinds whose images floe does not know where to find.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<Uncovered>,
}

/// What was decided about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageReport {
    /// What the user wrote.
    pub reference: String,
    /// The artifact that was judged, as `REPOSITORY@DIGEST`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// The repository that it was judged as, where the reference names a mirror
    /// of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_as: Option<String>,
    /// The namespace for which it was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Where it is used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Place>,
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// For a denial: nothing bad was found, something could not be looked at.
    pub inconclusive: bool,
    /// One entry for each policy that matches, `off` ones included.
    pub policies: Vec<PolicyReport>,
    /// Findings that belong to no policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingReport>,
}

/// One place where an image is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The object, as `KIND NAMESPACE/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Path of the field, such as `spec.containers[0]`.
    pub field: String,
    /// Name of the container or volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One policy's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// `metadata.name` of the policy.
    pub name: String,
    /// `enforce`, `warn` or `off`.
    pub enforcement: &'static str,
    /// `satisfied`, `violated`, `inconclusive`, or `not-evaluated`.
    pub status: &'static str,
    /// Who satisfied it.
    pub signers: Vec<SignerReport>,
    /// What was found, in the order in which it should be read.
    pub findings: Vec<FindingReport>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingReport {
    /// Stable code; a heading in `docs/reasons.md`.
    pub code: &'static str,
    /// `violation`, `obstacle` or `note`.
    pub kind: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// When another look may help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

/// An object of a kind whose images floe does not know where to find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uncovered {
    /// The stable code, `kind-not-covered`.
    pub code: &'static str,
    /// `KIND.GROUP`, as the command line's `--allow-uncovered` takes it.
    pub kind: String,
    /// The object, as `KIND NAMESPACE/NAME`.
    pub object: String,
    /// The file it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether the user said that such objects are to be passed over.
    pub allowed: bool,
}

impl Report {
    /// Puts together what was decided as of `at`.
    pub fn new(at: Timestamp, images: Vec<ImageReport>, uncovered: Vec<Uncovered>) -> Self {
        let denied = images.iter().any(ImageReport::is_denied)
            || uncovered.iter().any(|object| !object.allowed);
        Self {
            api_version: API_VERSION,
            kind: KIND,
            at: at.to_string(),
            decision: if denied { "deny" } else { "allow" },
            images,
            uncovered,
        }
    }
}

impl ImageReport {
    /// Writes out one verdict. `written` is the reference as the user wrote it,
    /// which may be one that cannot be parsed.
    pub fn new(
        written: impl Into<String>,
        namespace: Option<&str>,
        uses: Vec<Place>,
        verdict: &Verdict,
    ) -> Self {
        Self {
            reference: written.into(),
            pinned: verdict.pinned().map(ToString::to_string),
            judged_as: verdict.origin().map(ToString::to_string),
            namespace: namespace.map(str::to_owned),
            uses,
            decision: match verdict.decision() {
                Decision::Allow => "allow",
                Decision::Deny => "deny",
            },
            inconclusive: verdict.is_inconclusive(),
            policies: verdict.outcomes().iter().map(PolicyReport::new).collect(),
            findings: verdict.findings().iter().map(FindingReport::new).collect(),
        }
    }

    /// Whether the image is refused.
    pub fn is_denied(&self) -> bool {
        self.decision == "deny"
    }
}

impl PolicyReport {
    fn new(outcome: &Outcome) -> Self {
        Self {
            name: outcome.policy.to_string(),
            enforcement: outcome.enforcement.as_str(),
            status: match outcome.status {
                Some(Status::Satisfied) => "satisfied",
                Some(Status::Violated) => "violated",
                Some(Status::Inconclusive) => "inconclusive",
                None => "not-evaluated",
            },
            signers: outcome.signers.iter().map(SignerReport::new).collect(),
            findings: outcome.findings.iter().map(FindingReport::new).collect(),
        }
    }

    fn refuses(&self) -> bool {
        self.enforcement == "enforce" && self.status != "satisfied"
    }

    fn warns(&self) -> bool {
        self.enforcement == "warn" && self.status != "satisfied"
    }
}

impl FindingReport {
    fn new(finding: &Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            kind: match finding.kind {
                FindingKind::Violation => "violation",
                FindingKind::Obstacle => "obstacle",
                FindingKind::Note => "note",
            },
            message: finding.message.clone(),
            remedy: remedy(finding.code),
            retry_after_seconds: finding.retry_after.map(|wait| wait.as_secs()),
        }
    }
}
