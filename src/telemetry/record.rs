//! The record of one review: one line in the log, with what was decided for
//! each image, by which policy, on whose signature.
//!
//! Written by hand because it is written for every admission: the general
//! machinery of structured logging costs more than deciding does.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::verdict::{Code, Decision, Enforcement, Outcome, SignedBy, Status, Verdict};

/// Images written into one line; the line says how many there were.
const MAX_IMAGES: usize = 64;

/// How the record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordFormat {
    /// One JSON object.
    #[default]
    Json,
    /// For people: one short line.
    Text,
}

/// What is recorded of a review. Texts are as the API server wrote them.
#[derive(Debug)]
pub struct ReviewRecord<'a> {
    /// The time of the decision.
    pub at: Timestamp,
    /// The uid of the review.
    pub uid: &'a str,
    /// The namespace, if any.
    pub namespace: Option<&'a str>,
    /// Group of the kind.
    pub group: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The subresource, if any.
    pub subresource: Option<&'a str>,
    /// Name of the object, where it has one already.
    pub name: Option<&'a str>,
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`; empty if unreadable.
    pub operation: &'static str,
    /// Who asked.
    pub user: Option<&'a str>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// `authenticated` or `unauthenticated`.
    pub caller: &'static str,
    /// What was answered.
    pub allowed: bool,
    /// How the answer came about.
    pub path: &'static str,
    /// All codes.
    pub codes: &'a [Code],
    /// Each image as written, with its verdict.
    pub images: &'a [(&'a str, &'a Verdict)],
    /// From the body to the answer.
    pub took: Duration,
}

impl ReviewRecord<'_> {
    /// Appends the record and a line end to `out`.
    pub fn write(&self, format: RecordFormat, out: &mut Vec<u8>) {
        match format {
            RecordFormat::Json => self.json(out),
            RecordFormat::Text => self.text(out),
        }
    }

    const fn decision(&self) -> &'static str {
        if self.allowed { "allow" } else { "deny" }
    }

    fn json(&self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(
            out,
            "{{\"timestamp\":\"{}\",\"level\":\"INFO\",\"message\":\"review\"",
            self.at
        );
        text(out, "uid", self.uid);
        option(out, "namespace", self.namespace);
        text(out, "group", self.group);
        text(out, "kind", self.kind);
        option(out, "subresource", self.subresource);
        option(out, "name", self.name);
        text(out, "operation", self.operation);
        option(out, "user", self.user);
        text(out, "decision", self.decision());
        text(out, "path", self.path);
        text(out, "caller", self.caller);
        let _ = write!(
            out,
            ",\"dryRun\":{},\"durationMicros\":{},\"codes\":",
            self.dry_run,
            self.took.as_micros()
        );
        list(out, self.codes.iter().map(|code| code.as_str()));
        let _ = write!(out, ",\"imageCount\":{},\"verdicts\":[", self.images.len());
        verdicts(out, self.images);
        out.extend_from_slice(b"]}\n");
    }

    fn text(&self, out: &mut Vec<u8>) {
        let _ = write!(
            out,
            "{} INFO review {} {} {}/{} {} uid={} images={} took={}us",
            self.at,
            self.decision(),
            self.operation,
            Plain(self.namespace.unwrap_or("-")),
            Plain(self.name.unwrap_or("-")),
            Plain(self.kind),
            Plain(self.uid),
            self.images.len(),
            self.took.as_micros()
        );
        for code in self.codes {
            let _ = write!(out, " {}", code.as_str());
        }
        out.push(b'\n');
    }
}

/// The verdicts, each with the images that it is for. The images of one object
/// mostly have the same signers under the same policies: said once, that halves
/// the line.
fn verdicts(out: &mut Vec<u8>, images: &[(&str, &Verdict)]) {
    let shown = &images[..images.len().min(MAX_IMAGES)];
    let groups = shown.chunk_by(|(_, a), (_, b)| alike(a, b));
    for (index, group) in groups.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"images\":");
        list(out, group.iter().map(|(written, _)| *written));
        if let [(_, verdict), ..] = group {
            judged(out, verdict);
        }
        out.push(b'}');
    }
}

/// Whether two images can share a verdict. One whose digest does not stand in
/// its reference cannot, because the record names the digest.
fn alike(a: &Verdict, b: &Verdict) -> bool {
    resolved(a).is_none()
        && resolved(b).is_none()
        && a.decision() == b.decision()
        && a.findings() == b.findings()
        && a.outcomes().len() == b.outcomes().len()
        && a.outcomes().iter().zip(b.outcomes()).all(|(a, b)| {
            a.policy == b.policy
                && a.enforcement == b.enforcement
                && a.status == b.status
                && a.findings == b.findings
                && a.signers.len() == b.signers.len()
                && a.signers.iter().zip(&b.signers).all(|(a, b)| {
                    // What proved it is not in the record, and differs from
                    // image to image.
                    a.authority == b.authority && a.signer == b.signer
                })
        })
}

/// What a tag pointed to.
fn resolved(verdict: &Verdict) -> Option<impl std::fmt::Display> {
    let written = verdict.reference().and_then(|reference| reference.digest());
    match written {
        Some(_) => None,
        None => verdict.pinned().map(|pinned| pinned.digest()),
    }
}

fn judged(out: &mut Vec<u8>, verdict: &Verdict) {
    if let Some(digest) = resolved(verdict) {
        let _ = write!(out, ",\"digest\":\"{digest}\"");
    }
    text(
        out,
        "decision",
        match verdict.decision() {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        },
    );
    if !verdict.findings().is_empty() {
        out.extend_from_slice(b",\"codes\":");
        let findings = verdict.findings().iter();
        list(out, findings.map(|finding| finding.code.as_str()));
    }
    policies(out, verdict.outcomes());
}

fn policies(out: &mut Vec<u8>, outcomes: &[Outcome]) {
    out.extend_from_slice(b",\"policies\":[");
    for (index, outcome) in outcomes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        string(out, &outcome.policy.0);
        if outcome.enforcement != Enforcement::Enforce {
            text(out, "enforcement", outcome.enforcement.as_str());
        }
        text(
            out,
            "status",
            match outcome.status {
                Some(Status::Satisfied) => "satisfied",
                Some(Status::Violated) => "violated",
                Some(Status::Inconclusive) => "inconclusive",
                None => "not-evaluated",
            },
        );
        let mut first = true;
        for SignedBy {
            authority, signer, ..
        } in &outcome.signers
        {
            out.extend_from_slice(if first {
                b",\"signers\":[{\"authority\":"
            } else {
                b",{\"authority\":"
            });
            first = false;
            string(out, authority);
            out.extend_from_slice(b",\"signer\":");
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut *out, &format_args!("{signer}"));
            out.push(b'}');
        }
        if !first {
            out.push(b']');
        }
        if !outcome.findings.is_empty() {
            out.extend_from_slice(b",\"codes\":");
            list(
                out,
                outcome.findings.iter().map(|finding| finding.code.as_str()),
            );
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn list<'t>(out: &mut Vec<u8>, items: impl Iterator<Item = &'t str>) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, item);
    }
    out.push(b']');
}

fn option(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        text(out, key, value);
    }
}

/// `,"key":"value"`; keys are ours and need no escape.
fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    string(out, value);
}

fn string(out: &mut Vec<u8>, value: &str) {
    // Nearly every text is written as it is; what serde_json would escape are
    // these three.
    let plain = value.bytes().fold(true, |plain, b| {
        plain & (b >= b' ') & (b != b'"') & (b != b'\\')
    });
    if plain {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
        return;
    }
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// A text on one line.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self
            .0
            .contains(|c: char| c.is_control() || c.is_whitespace())
        {
            write!(f, "{}", self.0.escape_debug())
        } else {
            f.write_str(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Reference;
    use crate::verdict::{Finding, NoMatch, PolicyName};

    fn written(format: RecordFormat) -> String {
        let reference: Reference = "registry.test/app:1".parse().expect("reference");
        let finding = Finding::violation(Code::TagNotPinned, "the tag can move");
        let outcome = Outcome {
            policy: PolicyName("prod".into()),
            enforcement: Enforcement::Enforce,
            status: Some(Status::Violated),
            signers: vec![],
            findings: vec![finding],
        };
        let verdict = Verdict::conclude(reference, None, vec![outcome], NoMatch::Deny);
        let record = ReviewRecord {
            at: "2026-01-05T10:00:00Z".parse().expect("time"),
            uid: "u-1",
            namespace: Some("shop"),
            group: "",
            kind: "Pod",
            subresource: None,
            name: Some("a\"\nb"),
            operation: "CREATE",
            user: Some("alice"),
            dry_run: false,
            caller: "unauthenticated",
            allowed: false,
            path: "judged",
            codes: &[Code::TagNotPinned],
            images: &[("registry.test/app:1", &verdict)],
            took: Duration::from_micros(42),
        };
        let mut out = Vec::new();
        record.write(format, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_record_is_one_line_of_json_with_the_facts_of_each_image() {
        let line = written(RecordFormat::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "timestamp": "2026-01-05T10:00:00Z", "level": "INFO", "message": "review",
                "uid": "u-1", "namespace": "shop", "group": "", "kind": "Pod", "name": "a\"\nb",
                "operation": "CREATE", "user": "alice", "decision": "deny", "path": "judged",
                "caller": "unauthenticated", "dryRun": false, "durationMicros": 42,
                "codes": ["tag-not-pinned"], "imageCount": 1,
                "verdicts": [{
                    "images": ["registry.test/app:1"], "decision": "deny",
                    "policies": [{"name": "prod", "status": "violated", "codes": ["tag-not-pinned"]}],
                }],
            })
        );
    }

    #[test]
    fn images_with_one_verdict_share_it_and_a_resolved_tag_names_its_digest() {
        let hex = "0f".repeat(32);
        let outcome = |status| Outcome {
            policy: PolicyName("prod".into()),
            enforcement: Enforcement::Enforce,
            status: Some(status),
            signers: vec![],
            findings: vec![],
        };
        let verdict = |text: &str, status| {
            let reference: Reference = text.parse().expect("reference");
            let digest = format!("sha256:{hex}").parse().expect("digest");
            let pinned = reference.repository().pin(digest);
            Verdict::conclude(
                reference,
                Some(pinned),
                vec![outcome(status)],
                NoMatch::Deny,
            )
        };
        let images: Vec<(String, Verdict)> = [
            (format!("registry.test/a@sha256:{hex}"), Status::Satisfied),
            (format!("registry.test/b@sha256:{hex}"), Status::Satisfied),
            (format!("registry.test/c@sha256:{hex}"), Status::Violated),
            ("registry.test/d:1".to_owned(), Status::Violated),
        ]
        .map(|(text, status)| (text.clone(), verdict(&text, status)))
        .into();
        let images: Vec<_> = images.iter().map(|(t, v)| (t.as_str(), v)).collect();
        let mut out = b"[".to_vec();
        verdicts(&mut out, &images);
        out.push(b']');
        let json: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        let prod = |status| serde_json::json!([{"name": "prod", "status": status}]);
        assert_eq!(
            json,
            serde_json::json!([
                {"images": [images[0].0, images[1].0], "decision": "allow", "policies": prod("satisfied")},
                {"images": [images[2].0], "decision": "deny", "policies": prod("violated")},
                {
                    "images": ["registry.test/d:1"], "digest": format!("sha256:{hex}"),
                    "decision": "deny", "policies": prod("violated"),
                },
            ])
        );
    }

    #[test]
    fn a_record_for_people_stays_on_one_line_whatever_the_names_say() {
        let line = written(RecordFormat::Text);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(
            line.contains(
                "review deny CREATE shop/a\\\"\\nb Pod uid=u-1 images=1 took=42us tag-not-pinned"
            ),
            "{line}"
        );
    }
}
