//! Writing the answer.
//!
//! An answer starts as a denial and becomes an admission only through
//! [`Grounds::allows`]. Every text in it is bounded: the API server copies the
//! message into events, audit logs and terminals.

use std::fmt::{self, Write as _};

use super::grounds::{Grounds, JudgedImage};
use super::review::{API_VERSION, KIND};
use super::wire::clip;
use crate::verdict::{Code, Enforcement, Finding, Outcome};

/// Longest message of a denial, in bytes. etcd, events and terminals cope with
/// it; the longest list of images would not fit anywhere.
const MAX_MESSAGE: usize = 7 * 1024;
/// Longest warning. The API server's documentation asks for 120 and warns above
/// 256 characters.
const MAX_WARNING: usize = 256;
/// The API server drops warnings beyond 4096 characters in total; the last one
/// says how many are missing.
const MAX_WARNINGS: usize = 4096 - MAX_WARNING;
/// Longest value of one audit annotation.
const MAX_ANNOTATION: usize = 1024;
/// Findings shown for one image.
const MAX_FINDINGS: usize = 12;
/// Longest sentence of a finding.
const MAX_SENTENCE: usize = 480;
/// Longest piece of somebody else's text: a reference, a name.
const MAX_QUOTED: usize = 320;
/// Places shown for one image.
const MAX_PLACES: usize = 4;

/// Who called the webhook, as far as TLS can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// With a client certificate of the configured authority.
    Authenticated,
    /// Without one, because none is asked for.
    Unauthenticated,
}

impl Caller {
    /// The word in audit annotations and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// Writes the AdmissionReview that answers `uid`.
pub(super) fn render(
    uid: &str,
    namespace: Option<&str>,
    grounds: &Grounds<'_>,
    caller: Caller,
) -> Vec<u8> {
    let allowed = grounds.allows();
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"{\"apiVersion\":\"");
    out.extend_from_slice(API_VERSION.as_bytes());
    out.extend_from_slice(b"\",\"kind\":\"");
    out.extend_from_slice(KIND.as_bytes());
    out.extend_from_slice(b"\",\"response\":{\"uid\":");
    string(&mut out, uid);
    out.extend_from_slice(if allowed {
        b",\"allowed\":true"
    } else {
        b",\"allowed\":false"
    });
    if !allowed {
        out.extend_from_slice(
            b",\"status\":{\"status\":\"Failure\",\"code\":403,\"reason\":\"Forbidden\",\"message\":",
        );
        string(&mut out, &message(namespace, grounds));
        out.push(b'}');
    }
    annotations(&mut out, grounds, allowed, caller);
    warnings(&mut out, grounds);
    out.extend_from_slice(b"}}");
    out
}

/// Writes a JSON string.
fn string(out: &mut Vec<u8>, text: &str) {
    // Nearly every text is written as it is; what serde_json would escape are
    // these three.
    let plain = text.bytes().fold(true, |plain, b| {
        plain & (b >= b' ') & (b != b'"') & (b != b'\\')
    });
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    let start = out.len();
    // Writing a string to memory does not fail; if it did, an answer that is
    // not JSON is a failure of the call, which the API server treats as one.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.truncate(start);
    }
}

/// What a denial says.
fn message(namespace: Option<&str>, grounds: &Grounds<'_>) -> String {
    let mut text = String::with_capacity(512);
    if let Grounds::Refused(finding) = grounds {
        text.push_str("the request is refused\n");
        finding_line(&mut text, finding);
        retry_line(&mut text, std::iter::once(finding));
    }
    let mut left_out = 0;
    for image in grounds.images().filter(JudgedImage::is_denied) {
        let block = block(&image, namespace);
        if text.len() + block.len() > MAX_MESSAGE {
            left_out += 1;
        } else {
            text.push_str(&block);
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            text,
            "{left_out} more images are refused; floe verify -f MANIFEST --policy FILE shows all"
        );
    }
    text.truncate(text.trim_end().len());
    text
}

/// The block for one refused image.
fn block(image: &JudgedImage<'_, '_>, namespace: Option<&str>) -> String {
    let verdict = image.verdict();
    let mut text = String::with_capacity(512);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "{}: {} is refused",
        Places(image),
        Quoted(image.written())
    );
    let refusing = || {
        verdict
            .outcomes()
            .iter()
            .filter(|outcome| outcome.refuses())
    };
    policies(&mut text, refusing());
    text.push('\n');
    let findings = || {
        verdict
            .findings()
            .iter()
            .chain(refusing().flat_map(|outcome| &outcome.findings))
    };
    let mut shown: Vec<&Finding> = Vec::new();
    let mut left_out = 0;
    for finding in findings() {
        // Two policies often find the same.
        if shown.contains(&finding) {
            continue;
        }
        if shown.len() == MAX_FINDINGS {
            left_out += 1;
            continue;
        }
        finding_line(&mut text, finding);
        shown.push(finding);
    }
    if left_out > 0 {
        let _ = writeln!(text, "  … and {left_out} more findings");
    }
    if verdict.is_inconclusive() {
        retry_line(&mut text, findings());
    }
    if let Some(origin) = verdict.origin() {
        let _ = writeln!(text, "  judged as {origin}, which this is a mirror of");
    }
    if let Some(reference) = verdict.reference() {
        text.push_str("  next: floe verify ");
        let _ = match verdict.pinned() {
            Some(pinned) => write!(text, "{pinned}"),
            None => write!(text, "{reference}"),
        };
        if let Some(namespace) = namespace {
            let _ = write!(text, " --namespace {}", Quoted(namespace));
        }
        text.push_str(" --policy FILE --explain\n");
    }
    text
}

fn policies<'o>(text: &mut String, outcomes: impl Iterator<Item = &'o Outcome>) {
    let mut names: Vec<&str> = outcomes.map(|outcome| &*outcome.policy.0).collect();
    names.dedup();
    let left_out = names.len().saturating_sub(8);
    names.truncate(8);
    if !names.is_empty() {
        text.push_str(if names.len() == 1 {
            " by policy "
        } else {
            " by policies "
        });
        text.push_str(&clip(&names.join(", "), MAX_QUOTED));
        if left_out > 0 {
            let _ = write!(text, " and {left_out} more");
        }
    }
}

fn finding_line(text: &mut String, finding: &Finding) {
    let _ = writeln!(
        text,
        "  {:<18}  {}",
        finding.code.as_str(),
        Plain(&clip(&finding.message, MAX_SENTENCE))
    );
}

/// For a denial that rests on obstacles only.
fn retry_line<'f>(text: &mut String, findings: impl Iterator<Item = &'f Finding>) {
    let mut blocked = false;
    let mut after = None;
    for finding in findings.filter(|finding| finding.is_obstacle()) {
        blocked = true;
        after = after.max(finding.retry_after);
    }
    if !blocked {
        return;
    }
    text.push_str("  retry: something could not be looked at; nothing bad was found. Try again ");
    let _ = match after {
        Some(wait) => writeln!(text, "in {} s", wait.as_secs().max(1)),
        None => writeln!(text, "when the cause is gone"),
    };
}

/// `warnings`: what `warn` policies would have refused.
fn warnings(out: &mut Vec<u8>, grounds: &Grounds<'_>) {
    let mut total = 0;
    let mut left_out = 0;
    let mut any = false;
    let mut push = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(if any { b"," } else { b",\"warnings\":[" });
        any = true;
        string(out, text);
    };
    for image in grounds.images().filter(|image| image.verdict().warns()) {
        let text = warning(&image);
        if total + text.len() > MAX_WARNINGS {
            left_out += 1;
            continue;
        }
        total += text.len();
        push(out, &text);
    }
    if left_out > 0 {
        push(
            out,
            &format!("floe: {left_out} more images would be refused"),
        );
    }
    if any {
        out.push(b']');
    }
}

fn warning(image: &JudgedImage<'_, '_>) -> String {
    let verdict = image.verdict();
    let mut text = String::with_capacity(MAX_WARNING);
    let _ = write!(
        text,
        "floe: {}: {} would be refused",
        Places(image),
        Quoted(image.written())
    );
    let warning = || verdict.outcomes().iter().filter(|outcome| outcome.warns());
    policies(&mut text, warning());
    let mut codes: Vec<Code> = Vec::new();
    for finding in verdict
        .findings()
        .iter()
        .chain(warning().flat_map(|outcome| &outcome.findings))
    {
        if !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    for (index, code) in codes.iter().enumerate() {
        text.push_str(if index == 0 { ": " } else { ", " });
        text.push_str(code.as_str());
    }
    clip(&text, MAX_WARNING).into_owned()
}

/// `auditAnnotations`: short keys, bounded values.
fn annotations(out: &mut Vec<u8>, grounds: &Grounds<'_>, allowed: bool, caller: Caller) {
    out.extend_from_slice(if allowed {
        b",\"auditAnnotations\":{\"decision\":\"allow\",\"caller\":\""
    } else {
        b",\"auditAnnotations\":{\"decision\":\"deny\",\"caller\":\""
    });
    out.extend_from_slice(caller.as_str().as_bytes());
    out.push(b'"');
    if let Grounds::Nothing(why) = grounds {
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(why.as_str().as_bytes());
        out.push(b'"');
    }
    let codes = grounds.codes();
    if !codes.is_empty() {
        let mut text = String::new();
        for code in codes {
            append(&mut text, code.as_str());
        }
        annotation(out, "codes", &text);
    }
    let mut policies: Vec<(&str, &str)> = Vec::new();
    let mut signers = Vec::new();
    for image in grounds.images() {
        for outcome in image.verdict().outcomes() {
            if outcome.enforcement == Enforcement::Off {
                continue;
            }
            let entry = (&*outcome.policy.0, outcome.enforcement.as_str());
            if !policies.contains(&entry) {
                policies.push(entry);
            }
            for by in &outcome.signers {
                let signer = (&by.authority, &by.signer);
                if !signers.contains(&signer) {
                    signers.push(signer);
                }
            }
        }
    }
    if !policies.is_empty() {
        let mut text = String::with_capacity(64);
        for (name, enforcement) in policies {
            append(&mut text, name);
            text.push('=');
            text.push_str(enforcement);
        }
        annotation(out, "policies", &text);
    }
    if !signers.is_empty() {
        // An authority and a fingerprint take about a hundred bytes.
        let mut text = String::with_capacity(128 * signers.len());
        for (authority, signer) in signers {
            append(&mut text, authority);
            let _ = write!(text, "={signer}");
        }
        annotation(out, "signers", &text);
    }
    out.push(b'}');
}

fn append(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

fn annotation(out: &mut Vec<u8>, key: &str, value: &str) {
    out.push(b',');
    string(out, key);
    out.push(b':');
    string(out, &clip(value, MAX_ANNOTATION));
}

/// The places of an image: `spec.containers[0] "web", spec.initContainers[0]`.
struct Places<'i, 'j, 'b>(&'i JudgedImage<'j, 'b>);

impl fmt::Display for Places<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left_out = 0;
        for (index, entry) in self.0.uses().enumerate() {
            if index == MAX_PLACES {
                left_out = self.0.uses().count() - MAX_PLACES;
                break;
            }
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", Quoted(&entry.path.entry().to_string()))?;
            if let Some(name) = &entry.name {
                write!(f, " \"{}\"", Quoted(name))?;
            }
        }
        if left_out > 0 {
            write!(f, " and {left_out} more places")?;
        }
        Ok(())
    }
}

/// Somebody else's text on one line: control characters are replaced, so that a
/// name cannot write lines of its own into a message.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(no image)");
        }
        Plain(&clip(self.0, MAX_QUOTED)).fmt(f)
    }
}

/// A text on one line.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(char::is_control) {
            f.write_str(&rest[..at])?;
            f.write_char('\u{fffd}')?;
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            rest = &rest[at + width..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
