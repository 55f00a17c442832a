//! The record of one review: one line in the log, with what was decided for
//! each image, by which policy, on whose signature.
//!
//! Written by hand because it is written for every admission: the general
//! machinery of structured logging costs more than deciding does.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::verdict::{Code, Decision, Enforcement, Status, Verdict};

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
        let _ = write!(out, ",\"imageCount\":{},\"images\":[", self.images.len());
        for (index, (written, verdict)) in self.images.iter().take(MAX_IMAGES).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            image(out, written, verdict);
        }
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

fn image(out: &mut Vec<u8>, written: &str, verdict: &Verdict) {
    out.extend_from_slice(b"{\"image\":");
    string(out, written);
    if let Some(pinned) = verdict.pinned() {
        let _ = write!(out, ",\"digest\":\"{}\"", pinned.digest());
    }
    text(
        out,
        "decision",
        match verdict.decision() {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        },
    );
    let mut first = true;
    for finding in verdict.findings() {
        out.extend_from_slice(if first { b",\"codes\":[" } else { b"," });
        first = false;
        string(out, finding.code.as_str());
    }
    if !first {
        out.push(b']');
    }
    out.extend_from_slice(b",\"policies\":[");
    for (index, outcome) in verdict.outcomes().iter().enumerate() {
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
        for (authority, signer) in &outcome.signers {
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
    out.extend_from_slice(b"]}");
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
    use crate::verdict::{Finding, NoMatch, Outcome, PolicyName};

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
                "images": [{
                    "image": "registry.test/app:1", "decision": "deny",
                    "policies": [{"name": "prod", "status": "violated", "codes": ["tag-not-pinned"]}],
                }],
            })
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
