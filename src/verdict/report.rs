//! The report of one run, as programs and as people read it.
//!
//! The structs here are a contract with a version: they are written out field
//! by field from the domain types, so that those can change without it. What
//! people read is rendered from the same structs, so that both tell the same.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::{Code, Decision, Finding, FindingKind, Outcome, Status, Verdict};

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

/// One authority that signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignerReport {
    /// Name of the authority in the policy.
    pub authority: String,
    /// Who it was, as proven.
    pub signer: String,
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

/// How much people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One line for what is allowed, one block for what is refused.
    Short,
    /// Every policy, signer and finding, with what to do.
    Explain,
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

    /// The text for people, lines ending in `\n`.
    pub fn to_text(&self, detail: Detail) -> String {
        let mut text = String::new();
        for line in self.lines(detail) {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn lines(&self, detail: Detail) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_denied() {
            lines.extend(self.headlines());
        } else {
            lines.push(self.allowed_line());
        }
        match detail {
            Detail::Short => lines.extend(self.short_findings()),
            Detail::Explain => self.explain(&mut lines),
        }
        if self.is_denied() && detail == Detail::Short {
            lines.push(format!("  next: {}", self.next()));
        }
        lines
    }

    /// One line for each place of use: which image is refused there, and by
    /// what.
    fn headlines(&self) -> Vec<String> {
        let refusing: Vec<_> = self
            .policies
            .iter()
            .filter(|policy| policy.refuses())
            .map(|policy| policy.name.as_str())
            .collect();
        let by = match refusing.as_slice() {
            [] => String::new(),
            [one] => format!(" by policy {one}"),
            many => format!(" by policies {}", many.join(", ")),
        };
        let how = if self.inconclusive {
            "cannot be checked and is refused"
        } else {
            "is refused"
        };
        if self.uses.is_empty() {
            return vec![format!("{} {how}{by}", self.reference)];
        }
        self.uses
            .iter()
            .map(|place| format!("{}: {} {how}{by}", place.to_text(), self.reference))
            .collect()
    }

    fn allowed_line(&self) -> String {
        let mut line = format!("{} is allowed", self.reference);
        let mut signers: Vec<_> = self
            .policies
            .iter()
            .flat_map(|policy| &policy.signers)
            .map(|signer| signer.authority.as_str())
            .collect();
        signers.sort_unstable();
        signers.dedup();
        if !signers.is_empty() {
            let _ = write!(line, ", signed by {}", signers.join(", "));
        }
        line
    }

    fn short_findings(&self) -> Vec<String> {
        let general = self
            .findings
            .iter()
            .map(|finding| (finding, !self.is_denied()));
        let of_policies = self
            .policies
            .iter()
            .filter(|policy| policy.refuses() || policy.warns())
            .flat_map(|policy| policy.findings.iter().map(|f| (f, policy.warns())));
        let mut lines: Vec<String> = Vec::new();
        for (finding, warning) in general.chain(of_policies) {
            let mark = if warning { "warning: " } else { "" };
            let line = format!("  {mark}{:<19} {}", finding.code, finding.message);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn explain(&self, lines: &mut Vec<String>) {
        if let Some(pinned) = &self.pinned {
            lines.push(format!("  judged: {pinned}"));
        }
        if let Some(namespace) = &self.namespace {
            lines.push(format!("  namespace: {namespace}"));
        }
        if !self.is_denied() {
            lines.extend(
                self.uses
                    .iter()
                    .map(|p| format!("  used by: {}", p.to_text())),
            );
        }
        for finding in &self.findings {
            finding.explain("  ", lines);
        }
        if self.policies.is_empty() {
            lines.push("  no policy was evaluated".to_owned());
        }
        for policy in &self.policies {
            lines.push(format!(
                "  policy {} ({}): {}",
                policy.name, policy.enforcement, policy.status
            ));
            for signer in &policy.signers {
                lines.push(format!(
                    "    signed by authority {}: {}",
                    signer.authority, signer.signer
                ));
            }
            for finding in &policy.findings {
                finding.explain("    ", lines);
            }
        }
    }

    fn next(&self) -> String {
        let reference = self.pinned.as_deref().unwrap_or(&self.reference);
        let namespace = match &self.namespace {
            Some(namespace) => format!(" --namespace {namespace}"),
            None => String::new(),
        };
        format!("floe verify {reference}{namespace} --policy FILE --explain")
    }
}

impl Place {
    /// `FILE: KIND NAMESPACE/NAME: FIELD "NAME"`, as far as known.
    fn to_text(&self) -> String {
        let mut text = String::new();
        for part in [&self.file, &self.object].into_iter().flatten() {
            let _ = write!(text, "{part}: ");
        }
        text.push_str(&self.field);
        if let Some(name) = &self.name {
            let _ = write!(text, " {name:?}");
        }
        text
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
            signers: outcome
                .signers
                .iter()
                .map(|(authority, signer)| SignerReport {
                    authority: authority.to_string(),
                    signer: signer.to_string(),
                })
                .collect(),
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

    fn explain(&self, indent: &str, lines: &mut Vec<String>) {
        lines.push(format!(
            "{indent}{} ({}): {}",
            self.code, self.kind, self.message
        ));
        if let Some(seconds) = self.retry_after_seconds {
            lines.push(format!("{indent}  the registry asks to wait {seconds} s"));
        }
        if self.kind != "note" {
            lines.push(format!("{indent}  what to do: {}", self.remedy));
        }
    }
}

/// What to do about a reason, in one sentence. The long form stands in
/// `docs/reasons.md`.
fn remedy(code: Code) -> &'static str {
    use crate::evidence::ObstacleKind as O;
    use crate::trust::RejectionKind as R;
    match code {
        Code::NoPolicyMatches => {
            "add a policy whose match covers this image, or correct the image's name"
        }
        Code::TagNotPinned => "write the reference with its digest",
        Code::ReferenceInvalid => "write the image as [HOST[:PORT]/]PATH[:TAG]@DIGEST",
        Code::SignatureMissing => "sign this digest with a key that the policy accepts",
        Code::ThresholdNotMet => "have more of the named authorities sign this digest",
        Code::KeyUnavailable => "make the key readable where the policy says it is",
        Code::PolicyInvalid => "correct the policy; floe policy check PATH lists every problem",
        Code::PoliciesMissing => "put at least one policy into the folder, or make it readable",
        Code::SubjectIncomplete => "say where the image is used, with --namespace or --channel",
        Code::NamespaceLabelsUnknown => "match namespaces by name: a review carries no labels",
        Code::NotSynced => "wait until the gate is ready; it is still loading",
        Code::ReviewMalformed => "send an AdmissionReview v1 with a readable object",
        Code::TooManyImages => "split the object: it names more images than are looked at",
        Code::KindNotCovered => {
            "do not route this kind to floe, or pass it over with --allow-uncovered"
        }
        Code::InternalError => "report this as a defect of floe, with the log of the review",
        Code::Obstacle(kind) => match kind {
            O::Unreachable => "check name, network and TLS of the registry, then look again",
            O::TimedOut | O::DeadlineExceeded => {
                "look again; if it stays, find out why the registry is slow"
            }
            O::RateLimited => "wait as the registry asks, or use credentials with a higher limit",
            O::Denied => "give floe credentials that may read this repository",
            O::ServerError => "look again; if it stays, the registry is broken",
            O::Malformed => {
                "ask the registry's operator: it does not answer as the specification says"
            }
            O::DigestMismatch => "do not use this image; the registry or a proxy changes content",
            O::TooLarge => "remove or shrink what is attached to the image",
            O::RedirectRefused => {
                "name the token realm or redirect target in the configuration, if it is right"
            }
            O::ContentMissing => "push the missing content again, or sign again",
            O::ImageNotVisible => {
                "check that the image exists and that the credentials may read it"
            }
            O::TooManyReferrers | O::TooManyDocuments => {
                "remove what is not needed from the image's referrers"
            }
            O::Overloaded => "look again; more is asked of this registry than is allowed at once",
            O::RegistryRefused => {
                "name the registry in the configuration, if floe is to talk to it"
            }
            O::LayoutUnreadable => "check the path and the files of the image layout",
        },
        Code::Rejection(kind) => match kind {
            R::Malformed => "remove the broken document, or sign again",
            R::FormatNotSupported => "sign with a key, as a Sigstore bundle v0.3 or a cosign .sig",
            R::SignatureInvalid => "sign with a key that the policy accepts",
            R::SubjectMismatch => {
                "sign this very digest; a signature of another image does not count"
            }
            R::SubjectMissing => "sign again with a tool that names the digest it signs",
            R::NotASignature => "sign the image itself; an attestation is not a signature",
            R::PayloadType => "sign with cosign, or as an in-toto statement in a DSSE envelope",
            R::SignatureCount => "attach one envelope for each signature",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::oci::Reference;
    use crate::verdict::{Enforcement, NoMatch, PolicyName};

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn verdict(enforcement: Enforcement, status: Status, findings: Vec<Finding>) -> Verdict {
        let reference: Reference = "registry.example.com/payments/api:1.4"
            .parse()
            .expect("legal");
        let pinned = format!("registry.example.com/payments/api@sha256:{HEX}")
            .parse::<Reference>()
            .expect("legal")
            .pinned();
        let outcome = Outcome {
            policy: PolicyName(Arc::from("prod")),
            enforcement,
            status: Some(status),
            signers: Vec::new(),
            findings,
        };
        Verdict::conclude(reference, pinned, vec![outcome], NoMatch::Deny)
    }

    fn place() -> Place {
        Place {
            file: None,
            object: None,
            field: "spec.containers[0]".into(),
            name: Some("web".into()),
        }
    }

    fn image(verdict: &Verdict) -> ImageReport {
        ImageReport::new(
            "registry.example.com/payments/api:1.4",
            Some("payments"),
            vec![place()],
            verdict,
        )
    }

    #[test]
    fn a_denial_names_the_container_the_policy_the_finding_and_the_next_step() {
        let verdict = verdict(
            Enforcement::Enforce,
            Status::Violated,
            vec![Finding::violation(Code::TagNotPinned, "the tag can move")],
        );
        assert_eq!(
            image(&verdict).to_text(Detail::Short),
            format!(
                "spec.containers[0] \"web\": registry.example.com/payments/api:1.4 is refused by policy prod\n  \
                 tag-not-pinned      the tag can move\n  \
                 next: floe verify registry.example.com/payments/api@sha256:{HEX} --namespace payments --policy FILE --explain\n"
            )
        );
    }

    #[test]
    fn an_allowed_image_is_one_line_and_a_warning_is_marked() {
        let allowed = verdict(Enforcement::Enforce, Status::Satisfied, Vec::new());
        assert_eq!(
            image(&allowed).to_text(Detail::Short),
            "registry.example.com/payments/api:1.4 is allowed\n"
        );
        let warned = verdict(
            Enforcement::Warn,
            Status::Violated,
            vec![Finding::violation(Code::SignatureMissing, "nobody signed")],
        );
        assert_eq!(
            image(&warned).to_text(Detail::Short),
            "registry.example.com/payments/api:1.4 is allowed\n  \
             warning: signature-missing   nobody signed\n"
        );
    }

    #[test]
    fn the_json_form_has_the_documented_fields() {
        let mut finding = Finding::blocked(
            Code::Obstacle(crate::evidence::ObstacleKind::RateLimited),
            "slow down",
        );
        finding.retry_after = Some(Duration::from_secs(7));
        let verdict = verdict(Enforcement::Enforce, Status::Inconclusive, vec![finding]);
        let report = Report::new(Timestamp::UNIX_EPOCH, vec![image(&verdict)], Vec::new());
        let expected = serde_json::json!({
            "apiVersion": "floe.dev/v1",
            "kind": "VerificationReport",
            "at": "1970-01-01T00:00:00Z",
            "decision": "deny",
            "images": [{
                "reference": "registry.example.com/payments/api:1.4",
                "pinned": format!("registry.example.com/payments/api@sha256:{HEX}"),
                "namespace": "payments",
                "uses": [{"field": "spec.containers[0]", "name": "web"}],
                "decision": "deny",
                "inconclusive": true,
                "policies": [{
                    "name": "prod",
                    "enforcement": "enforce",
                    "status": "inconclusive",
                    "signers": [],
                    "findings": [{
                        "code": "registry-rate-limited",
                        "kind": "obstacle",
                        "message": "slow down",
                        "remedy": "wait as the registry asks, or use credentials with a higher limit",
                        "retryAfterSeconds": 7,
                    }],
                }],
            }],
        });
        assert_eq!(serde_json::to_value(&report).expect("serialises"), expected);
    }

    #[test]
    fn an_explanation_says_what_to_do_for_every_code() {
        for code in Code::all() {
            assert!(!remedy(code).is_empty());
            let finding = Finding::violation(code, "it is so");
            let text = image(&verdict(
                Enforcement::Enforce,
                Status::Violated,
                vec![finding],
            ))
            .to_text(Detail::Explain);
            assert!(text.contains(code.as_str()), "{text}");
            assert!(text.contains(remedy(code)), "{text}");
        }
    }

    #[test]
    fn an_uncovered_object_denies_unless_it_was_allowed() {
        let uncovered = |allowed| Uncovered {
            code: Code::KindNotCovered.as_str(),
            kind: "Widget.example.com".into(),
            object: "Widget w".into(),
            file: None,
            allowed,
        };
        let report = |allowed| {
            Report::new(Timestamp::UNIX_EPOCH, Vec::new(), vec![uncovered(allowed)]).decision
        };
        assert_eq!((report(false), report(true)), ("deny", "allow"));
    }
}
