//! Patterns on normalised repository names and on namespace names.
//!
//! A pattern is normalised like a reference, so that what is written in a
//! policy and what is written in a Pod meet under one name. Matching looks at
//! whole names, allocates nothing, and never lets a wildcard cross from one
//! segment into the next unless it says so (`**`).

use std::sync::Arc;

use crate::oci::{ReferenceError, Repository};

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is there.
    #[error("a pattern is empty")]
    Empty,
    /// Longer than any name.
    #[error("a pattern has at most {MAX_PATTERN} characters")]
    TooLong,
    /// It names a tag or digest.
    #[error("a pattern names repositories; leave the tag or digest out")]
    TagOrDigest,
    /// `**` beside other characters, or three stars.
    #[error("`**` stands for whole segments; write it between slashes, and `*` inside a segment")]
    DoubleStar,
    /// A lone `*`, or `*` where a registry and a user of Docker Hub look alike.
    #[error("write the registry before the first `*`, or `**` for every repository")]
    Ambiguous,
    /// A registry and nothing else.
    #[error("it names a registry but no repository; write {0}/** for all of them")]
    HostOnly(String),
    /// `*` in the last label of a host, or in a port.
    #[error("the last label of a registry host and its port must be written out")]
    OpenHost,
    /// With its wildcards filled in, it is no repository.
    #[error("it matches no repository: {0}")]
    Repository(#[from] ReferenceError),
    /// Not a pattern of namespace names.
    #[error(
        "{0:?} is not a pattern for namespaces; use lower-case letters, digits, hyphens and `*`"
    )]
    Namespace(String),
}

/// The longest name that the reference grammar admits.
const MAX_PATTERN: usize = 255;

/// A compiled pattern for repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// `**`
    Any,
    /// No wildcard.
    Exact(Box<str>),
    /// A literal with its slash, then `**`.
    Under(Box<str>),
    /// Everything else.
    Segments(Box<[Segment]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: one or more whole segments.
    Many,
    /// The host: `*` stays within one label.
    Host(Box<str>),
    /// A path component: `*` stays within it.
    Path(Box<str>),
}

impl ImagePattern {
    /// Compiles a pattern such as `registry.example.com/payments/**`.
    ///
    /// `*` stands for any characters of one segment, `**` for one or more whole
    /// segments. A text whose first segment is no host is about Docker Hub, as
    /// in a reference.
    ///
    /// # Errors
    ///
    /// See [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        if text == "**" {
            return Ok(Self(Kind::Any));
        }
        let last = text.rsplit('/').next().unwrap_or(text);
        if text.contains('@') || (last.contains(':') && last != text && !last.starts_with('[')) {
            return Err(PatternError::TagOrDigest);
        }
        if last == text && text.contains(':') {
            return Err(PatternError::TagOrDigest);
        }
        if text.split('/').any(|s| s.contains("**") && s != "**") {
            return Err(PatternError::DoubleStar);
        }
        let normal = normalise(text)?;
        if !normal.contains('*') {
            return Ok(Self(Kind::Exact(normal.into())));
        }
        if let Some(under) = normal.strip_suffix("**")
            && !under.contains('*')
        {
            return Ok(Self(Kind::Under(under.into())));
        }
        let segments = normal
            .split('/')
            .enumerate()
            .map(|(index, text)| match text {
                "**" => Segment::Many,
                _ if index == 0 => Segment::Host(text.into()),
                _ => Segment::Path(text.into()),
            });
        Ok(Self(Kind::Segments(segments.collect())))
    }

    /// Whether it matches the whole name of `repository`.
    pub fn matches(&self, repository: &Repository) -> bool {
        self.matches_bytes(repository.as_str().as_bytes())
    }

    fn matches_bytes(&self, name: &[u8]) -> bool {
        match &self.0 {
            Kind::Any => true,
            Kind::Exact(text) => text.as_bytes() == name,
            Kind::Under(prefix) => name.starts_with(prefix.as_bytes()),
            Kind::Segments(segments) => segments_match(segments, name),
        }
    }
}

/// Stands for the segments of a `**` where a pattern is matched by another; no
/// name has it.
const MANY: &str = "\u{2}";

impl ImagePattern {
    /// Whether it matches every name.
    pub(super) const fn covers_everything(&self) -> bool {
        matches!(self.0, Kind::Any)
    }

    /// Whether this matches everything that `other` matches. Says no where that
    /// cannot be told from the two texts.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        // A star of the other is a character that only a star can match, and
        // whatever it stands for is then matched too.
        let other: String = match &other.0 {
            Kind::Any => return matches!(self.0, Kind::Any),
            Kind::Exact(text) => text.to_string(),
            Kind::Under(prefix) => format!("{prefix}{MANY}"),
            Kind::Segments(segments) => segments
                .iter()
                .map(|segment| match segment {
                    Segment::Many => MANY,
                    Segment::Host(text) | Segment::Path(text) => text,
                })
                .collect::<Vec<_>>()
                .join("/"),
        };
        self.matches_bytes(other.as_bytes())
    }
}

/// The pattern as it would look if a reference had been written: lower-case
/// host, no default port, Docker Hub under its one name.
fn normalise(text: &str) -> Result<String, PatternError> {
    let (first, rest) = match text.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    };
    if first == "**" {
        // Any host: only the path is checked, beside a host that is one.
        fill(&format!("host.example/{}", rest.unwrap_or_default()))?;
        return Ok(text.to_owned());
    }
    let is_host = first.contains(['.', ':'])
        || first == "localhost"
        || first.chars().any(|c| c.is_ascii_uppercase());
    if first.contains('*') && (first == "*" || (rest.is_some() && !is_host)) {
        return Err(PatternError::Ambiguous);
    }
    if is_host && rest.is_none_or(str::is_empty) {
        return Err(PatternError::HostOnly(first.to_owned()));
    }
    if !is_host || rest.is_none() {
        // A path of Docker Hub; one without a slash is an official image.
        let path = if rest.is_none() {
            format!("docker.io/library/{text}")
        } else {
            format!("docker.io/{text}")
        };
        fill(&path)?;
        return Ok(path);
    }
    let rest = rest.unwrap_or_default();
    let (host, port) = match first.rsplit_once(':') {
        Some((host, port)) if !first.ends_with(']') => (host, port),
        _ => (first, ""),
    };
    let last_label = host.rsplit('.').next().unwrap_or(host);
    if last_label.contains('*') || port.contains('*') {
        return Err(PatternError::OpenHost);
    }
    let filled = fill(&format!("{first}/host"))?;
    let normal = filled.registry().as_str();
    // The filler is one character for one star, and normalising only lowers
    // case or drops the port from the end – unless there is an IPv6 address or
    // an alias of Docker Hub, and neither can have held a star.
    let host: String = if first.contains('*') {
        let stars = first.bytes().map(|b| b == b'*');
        let restore = |(c, star)| if star { '*' } else { c };
        normal.chars().zip(stars).map(restore).collect()
    } else {
        normal.to_owned()
    };
    let hub = host == "docker.io" && !rest.contains('/') && rest != "**";
    let normal = format!("{host}/{}{rest}", if hub { "library/" } else { "" });
    fill(&normal)?;
    Ok(normal)
}

/// Parses the pattern with its stars filled in: what that is not, no
/// repository can be.
fn fill(text: &str) -> Result<Repository, ReferenceError> {
    // `q` is in none of the names of Docker Hub, so that filling a star never
    // spells one of them.
    text.replace("**", "q").replace('*', "q").parse()
}

fn segments_match(pattern: &[Segment], name: &[u8]) -> bool {
    // Where to go on if what follows the last `**` does not fit: one more
    // segment for it. Going back further never helps.
    let mut pattern_at = 0;
    let mut rest = Some(name);
    let mut back: Option<(usize, &[u8])> = None;
    loop {
        match (pattern.get(pattern_at), rest) {
            (None, None) => return true,
            (Some(Segment::Many), Some(text)) => {
                let (_, after) = split(text);
                pattern_at += 1;
                rest = after;
                back = after.map(|after| (pattern_at, after));
                continue;
            }
            (Some(segment), Some(text)) => {
                let (head, after) = split(text);
                if segment.fits(head) {
                    pattern_at += 1;
                    rest = after;
                    continue;
                }
            }
            (None, Some(_)) | (Some(_), None) => {}
        }
        let Some((at, text)) = back else { return false };
        let (_, after) = split(text);
        pattern_at = at;
        rest = after;
        back = after.map(|after| (at, after));
    }
}

/// The first segment and what follows its slash.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == b'/') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

impl Segment {
    fn fits(&self, text: &[u8]) -> bool {
        match self {
            Self::Many => false,
            Self::Host(pattern) => star_match(pattern.as_bytes(), text, |b| !b".\x02".contains(&b)),
            Self::Path(pattern) => star_match(pattern.as_bytes(), text, |b| b != b'\x02'),
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any bytes that are
/// `allowed`.
pub(super) fn star_match(pattern: &[u8], text: &[u8], allowed: impl Fn(u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            back = Some((p, t));
        } else if t < text.len() && pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else {
            match back {
                Some((after, from)) if from < text.len() && allowed(text[from]) => {
                    back = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                _ => return false,
            }
        }
    }
    true
}

/// A compiled pattern for namespace names, such as `payments-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Arc<str>);

impl NamePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError::Namespace`] where no namespace could have such a name.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'*';
        let good = (1..=63).contains(&text.len())
            && text.bytes().all(legal)
            && !text.contains("**")
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good {
            Ok(Self(text.into()))
        } else {
            Err(PatternError::Namespace(text.chars().take(80).collect()))
        }
    }

    /// Whether it matches the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        star_match(self.0.as_bytes(), name.as_bytes(), |_| true)
    }

    /// Whether this matches everything that `other` matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        // The star of the other is a character like any other, which only a
        // star matches.
        self.matches(&other.0)
    }
}
