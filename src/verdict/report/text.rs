//! The report as people read it.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{FindingReport, ImageReport, Place, PolicyReport, Uncovered};
use crate::verdict::Code;

/// How much people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One line for what is allowed, one block for what is refused.
    Short,
    /// Every policy, signer and finding, with what to do.
    Explain,
}

/// One line for a terminal: characters that steer it, end the line or turn the
/// direction of writing are written out. Names in manifests and answers of
/// registries are somebody else's words, and must not be able to rewrite ours.
pub(crate) fn plain_line(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

/// One word of a command that people copy into a shell, whatever it is.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
    }
}

/// How a report is put into words: what depends on how it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// How much is shown.
    pub detail: Detail,
    /// The flags with which `floe verify` gives the same answer again, without
    /// the namespace: what follows the reference in the command to run next.
    pub again: String,
    /// Whether keys were named in place of policies, so that there is no policy
    /// whose name means something to the reader.
    pub by_keys: bool,
}

impl From<Detail> for Wording {
    /// For a reader of whom nothing is known.
    fn from(detail: Detail) -> Self {
        Self {
            detail,
            again: "--policy FILE".to_owned(),
            by_keys: false,
        }
    }
}

impl ImageReport {
    /// Whether a policy under `warn` is not satisfied, or nothing matched and
    /// that is only warned about.
    pub fn has_warnings(&self) -> bool {
        !self.is_denied()
            && (!self.findings.is_empty() || self.policies.iter().any(PolicyReport::warns))
    }

    /// For a reference without a digest: the line that says which artifact it
    /// named.
    pub fn resolution(&self) -> Option<String> {
        let pinned = self.pinned.as_ref()?;
        (!self.reference.contains('@')).then(|| format!("{} is {pinned}", self.reference))
    }

    /// The text for people, lines ending in `\n`. A [`Detail`] will do as
    /// wording.
    pub fn to_text(&self, wording: impl Into<Wording>) -> String {
        let mut text = String::new();
        for line in self.lines(&wording.into()) {
            let _ = writeln!(text, "{}", plain_line(&line));
        }
        text
    }

    fn lines(&self, wording: &Wording) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_denied() {
            lines.extend(self.headlines(wording));
        } else {
            lines.push(self.allowed_line());
        }
        if let Some(origin) = &self.judged_as {
            lines.push(format!("  judged as {origin}, which this is a mirror of"));
        }
        match wording.detail {
            Detail::Short => {
                lines.extend(self.short_findings());
                lines.extend(self.next(wording));
            }
            Detail::Explain => self.explain(&mut lines),
        }
        lines
    }

    /// One line for each place of use: which image is refused there, and by
    /// what.
    fn headlines(&self, wording: &Wording) -> Vec<String> {
        let refusing: Vec<_> = self
            .policies
            .iter()
            .filter(|policy| policy.refuses() && !wording.by_keys)
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
        // Nothing is written where the field is empty, or where no image is to
        // blame.
        let what = match (self.uses.is_empty(), self.reference.as_str()) {
            (true, reference) => reference.to_owned(),
            (false, "") => String::new(),
            (false, reference) => format!(": {reference}"),
        };
        if self.uses.is_empty() {
            return vec![format!("{what} {how}{by}")];
        }
        self.uses
            .iter()
            .map(|place| format!("{}{what} {how}{by}", place.to_text()))
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
            let line = format!("  {mark}{:<18}  {}", finding.code, finding.message);
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
                signer.explain("    ", lines);
            }
            for finding in &policy.findings {
                finding.explain("    ", lines);
            }
        }
    }

    /// The command that tells more: none for what is allowed, and none for
    /// what is no reference, because no command can be asked about it.
    fn next(&self, wording: &Wording) -> Option<String> {
        let not_a_reference = self.reference.is_empty()
            || self
                .findings
                .iter()
                .any(|finding| finding.code == Code::ReferenceInvalid.as_str());
        if !self.is_denied() || not_a_reference {
            return None;
        }
        let reference = self.pinned.as_deref().unwrap_or(&self.reference);
        let namespace = match &self.namespace {
            Some(namespace) => format!(" --namespace {}", word(namespace)),
            None => String::new(),
        };
        let reference = word(reference);
        Some(format!(
            "  next: floe verify {reference}{namespace} {} --explain",
            wording.again
        ))
    }
}

impl Uncovered {
    /// The text for people, lines ending in `\n`.
    pub fn to_text(&self) -> String {
        let file = match &self.file {
            Some(file) => format!("{file}: "),
            None => String::new(),
        };
        let (file, object, kind) = (
            plain_line(&file),
            plain_line(&self.object),
            plain_line(&self.kind),
        );
        if self.allowed {
            return format!("{file}{object}: passed over, as {kind} is allowed to be\n");
        }
        format!(
            "{file}{object} is refused\n  {:<18}  floe does not know where {kind} keeps its images\n  \
             next: pass it over with --allow-uncovered {kind}\n",
            self.code
        )
    }
}

impl Place {
    /// `FILE: KIND NAMESPACE/NAME: FIELD "NAME"`, as far as known.
    fn to_text(&self) -> String {
        let parts = [self.file.as_deref(), self.object.as_deref()];
        let parts = parts.into_iter().flatten().chain([self.field.as_str()]);
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        let mut text = parts.join(": ");
        if let Some(name) = &self.name {
            let _ = write!(text, " {name:?}");
        }
        text
    }
}

impl FindingReport {
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
