//! Anchored patterns on what certificates say about their holders: names,
//! issuers, paths and refs.
//!
//! The texts are somebody else's choice, within what an issuer lets them write.
//! A wildcard therefore stands for plain words only: never for an empty segment,
//! `.` or `..`, never for `%`, `?`, `#` or `\`, and for `@`, which separates a
//! workflow from its ref, only where nothing that the pattern says follows.

use super::pattern::star_match;
use std::fmt;
use std::sync::Arc;

/// The longest pattern: subjects are URIs of repositories and workflows, which
/// have two hundred characters at most.
const MAX_PATTERN: usize = 512;
/// The longest text that is compared with a pattern; nothing longer matches.
const MAX_TEXT: usize = 4096;

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TextError {
    /// Longer than any name.
    #[error("a pattern has at most {MAX_PATTERN} characters")]
    TooLong,
    /// What no name has.
    #[error("must be printable ASCII without spaces")]
    Characters,
    /// `**` beside other characters, or three stars.
    #[error("`**` stands for whole segments; write it between slashes, and `*` inside a segment")]
    DoubleStar,
    /// The scheme or the first segment is open.
    #[error("what stands before the first slash must be written out")]
    OpenScheme,
    /// The end of a host is open: anybody can have a name there.
    #[error("the last label of a host must be written out, and `**` is no host")]
    OpenHost,
    /// `.`, `..` or nothing between two slashes, beside a wildcard.
    #[error("`.` and `..` are no segments")]
    DotSegment,
    /// A ref without its kind.
    #[error("must be a full ref, such as refs/heads/main or refs/tags/v*")]
    ShortRef,
    /// A path or repository that holds a ref, or begins or ends with a slash.
    #[error("must be names with single slashes between them, without `@`")]
    NotAPath,
}

/// What a pattern is about, which decides what its wildcards stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A name of a certificate, or an issuer: URI, e-mail address or host.
    Name,
    /// A path or repository inside such a name.
    Path,
    /// A git ref, cut out of everything else.
    Ref,
}

/// A compiled pattern. Without `*` it is an exact text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPattern {
    written: Arc<str>,
    about: About,
    wild: bool,
}

impl TextPattern {
    /// A pattern for subjects or issuers. `*` stands for characters of one
    /// segment, in a host of one label; `**` for one or more whole segments.
    pub(super) fn name(text: &str) -> Result<Self, TextError> {
        let pattern = Self::new(text, About::Name)?;
        let first = text.split('/').next().unwrap_or(text);
        if text.contains('/') && first.contains('*') {
            return Err(TextError::OpenScheme);
        }
        if pattern.wild
            && let Some(host) = host_of(text)
            && has_open_end(host)
        {
            return Err(TextError::OpenHost);
        }
        Ok(pattern)
    }

    /// A pattern for a path or repository.
    pub(super) fn path(text: &str) -> Result<Self, TextError> {
        if text.contains('@') || text.split('/').any(str::is_empty) {
            return Err(TextError::NotAPath);
        }
        Self::new(text, About::Path)
    }

    /// A pattern for a git ref.
    pub(super) fn git_ref(text: &str) -> Result<Self, TextError> {
        let kind = text.strip_prefix("refs/").and_then(|r| r.split_once('/'));
        match kind {
            Some((kind, rest)) if !kind.is_empty() && !kind.contains('*') && !rest.is_empty() => {
                Self::new(text, About::Ref)
            }
            _ => Err(TextError::ShortRef),
        }
    }

    fn new(text: &str, about: About) -> Result<Self, TextError> {
        if text.len() > MAX_PATTERN {
            return Err(TextError::TooLong);
        }
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TextError::Characters);
        }
        if text.split('/').any(|s| s.contains("**") && s != "**") {
            return Err(TextError::DoubleStar);
        }
        if text.split('/').any(|s| matches!(s, "." | "..")) {
            return Err(TextError::DotSegment);
        }
        Ok(Self {
            written: text.into(),
            about,
            wild: text.contains('*'),
        })
    }

    /// The pattern as it was written.
    pub(super) const fn as_str(&self) -> &Arc<str> {
        &self.written
    }

    /// Whether it matches the whole of `text`, byte for byte where it has no
    /// wildcard.
    pub(super) fn matches(&self, text: &str) -> bool {
        if !self.wild {
            return *self.written == *text;
        }
        if text.len() > MAX_TEXT {
            return false;
        }
        let pattern: Vec<_> = self.written.split('/').collect();
        let text: Vec<_> = text.split('/').collect();
        // reached[t]: the segments of the pattern so far match the first t of
        // the text.
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for (at, segment) in pattern.iter().enumerate() {
            let mut next = vec![false; text.len() + 1];
            if *segment == "**" {
                let at_the_end = at + 1 == pattern.len();
                for t in 0..text.len() {
                    next[t + 1] =
                        (reached[t] || next[t]) && self.is_any_segment(text[t], at_the_end);
                }
            } else {
                for t in 0..text.len() {
                    next[t + 1] = reached[t] && self.fits(at, segment, text[t]);
                }
            }
            reached = next;
        }
        reached[text.len()]
    }

    /// Whether this matches everything that `other` matches. Says no where that
    /// cannot be told from the two texts.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.about == other.about
            && (self.written == other.written || (!other.wild && self.matches(&other.written)))
    }

    /// Whether a `**` may stand for `segment`.
    fn is_any_segment(&self, segment: &str, at_the_end: bool) -> bool {
        let at_sign = at_the_end || self.about == About::Ref;
        is_plain_segment(segment)
            && segment
                .bytes()
                .all(|b| self.is_plain(b) || (at_sign && b == b'@'))
    }

    /// Whether the segment number `at`, which is no `**`, fits `text`.
    fn fits(&self, at: usize, segment: &str, text: &str) -> bool {
        if !segment.contains('*') {
            return segment == text;
        }
        if !is_plain_segment(text) {
            return false;
        }
        let plain = |b: u8| self.is_plain(b);
        let label = |b: u8| self.is_plain(b) && !matches!(b, b'.' | b':');
        let (pattern, text) = (segment.as_bytes(), text.as_bytes());
        if self.about != About::Name {
            return star_match(pattern, text, plain);
        }
        if self.written.contains('/') {
            // The third segment of `scheme://host/path` is the host.
            let is_host = at == 2 && after_scheme(&self.written).is_some();
            return if is_host {
                star_match(pattern, text, label)
            } else {
                star_match(pattern, text, plain)
            };
        }
        // An e-mail address, or a host by itself.
        match (rsplit_at_sign(pattern), rsplit_at_sign(text)) {
            ((Some(local), host), (Some(text_local), text_host)) => {
                star_match(local, text_local, plain) && star_match(host, text_host, label)
            }
            ((None, host), (None, text_host)) => star_match(host, text_host, label),
            _ => false,
        }
    }

    /// Whether a wildcard may stand for this character.
    fn is_plain(&self, b: u8) -> bool {
        b.is_ascii_graphic()
            && !matches!(b, b'%' | b'?' | b'\\')
            && (self.about == About::Ref || !matches!(b, b'@' | b'#'))
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn is_plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

/// The host of a URI, an e-mail address or a host by itself; `None` for any
/// other text with slashes.
fn host_of(text: &str) -> Option<&str> {
    if let Some(rest) = after_scheme(text) {
        return Some(rest.split('/').next().unwrap_or(rest));
    }
    if text.contains('/') {
        return None;
    }
    Some(text.rsplit_once('@').map_or(text, |(_, host)| host))
}

/// What follows `scheme://`.
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (!scheme.contains('/')).then_some(rest)
}

/// Whether anybody can have a name that fits: the last label or the port is
/// open, or there is no host at all.
fn has_open_end(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let last = name.rsplit('.').next().unwrap_or(name);
    last.is_empty() || last.contains('*') || port.contains('*')
}

/// What stands before the last `@`, and what after it.
fn rsplit_at_sign(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match text.iter().rposition(|b| *b == b'@') {
        Some(at) => (Some(&text[..at]), &text[at + 1..]),
        None => (None, text),
    }
}
