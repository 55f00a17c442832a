//! Image references with the grammar of the container runtimes.
//!
//! The grammar is that of the distribution project, which Docker, containerd
//! and the kubelet share: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`. What a runtime
//! would pull and what floe checks must be the same thing, so shorthands are
//! expanded here once, and everything a runtime would refuse is refused here.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::{Digest, DigestError};

/// Longest `HOST/PATH` that the distribution grammar admits.
const MAX_NAME: usize = 255;
/// Longest reference that is looked at; every legal one is shorter.
const MAX_TEXT: usize = 1024;

/// A registry: a host in lower case, with a port unless it is the default one.
///
/// `index.docker.io`, `registry-1.docker.io` and `registry.hub.docker.com` are
/// other names of Docker Hub and become `docker.io`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(Arc<str>);

/// A repository of a registry, such as `docker.io/library/nginx`.
///
/// One allocation, shared by clones: a repository is cloned several times for
/// each image of each review.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository(Arc<RepositoryName>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RepositoryName {
    registry: Registry,
    /// `REGISTRY/PATH`, which patterns and caches look at whole.
    full: Box<str>,
}

/// A tag: a name that can be moved.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

/// What somebody wrote to name an artifact, parsed and normalised.
///
/// Printing gives the normalised form, and parsing that gives the same value.
/// A digest, where there is one, decides; the tag beside it is decoration.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// A repository and a digest: one artifact for ever.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PinnedReference {
    repository: Repository,
    digest: Digest,
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing is there.
    #[error("an image reference is empty")]
    Empty,
    /// Longer than any legal reference.
    #[error("an image reference has at most {MAX_TEXT} characters")]
    TooLong,
    /// `HOST/PATH` is longer than 255 characters.
    #[error("registry and repository together have at most {MAX_NAME} characters")]
    NameTooLong,
    /// A scheme that is not `oci://`.
    #[error("{0:?} is a URL; write an image reference without a scheme, or with oci://")]
    Scheme(String),
    /// The registry is not a host with an optional port.
    #[error("{0:?} is not a registry host; write HOST, HOST:PORT or [IPV6]:PORT")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("{0:?} is not a port; write a number from 1 to 65535")]
    Port(String),
    /// The repository part is missing.
    #[error("{0:?} names a registry but no repository")]
    NoRepository(String),
    /// A path component breaks the grammar.
    #[error(
        "{0:?} is not a repository path component; use lower-case letters and digits, \
         separated by one dot, one or two underscores, or hyphens"
    )]
    Path(String),
    /// The tag breaks the grammar.
    #[error(
        "{0:?} is not a tag; use letters, digits, underscores, dots and hyphens, \
         at most 128, not beginning with a dot or hyphen"
    )]
    Tag(String),
    /// The name is 64 hex digits, which runtimes take for an image ID.
    #[error("{0:?} looks like an image ID; name a repository")]
    ImageId(String),
    /// What stands behind `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Registry {
    /// Docker Hub under the one name that policies match.
    const DOCKER_HUB: &'static str = "docker.io";

    fn parse(text: &str) -> Result<Self, ReferenceError> {
        let bad = || ReferenceError::Host(clip(text));
        let lower = text.to_ascii_lowercase();
        let (host, port) = if let Some(rest) = lower.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(bad)?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| bad())?;
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':').ok_or_else(bad)?),
            };
            (format!("[{address}]"), port)
        } else {
            let (host, port) = match lower.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (lower.as_str(), None),
            };
            if !host.split('.').all(is_domain_component) {
                return Err(bad());
            }
            (host.to_owned(), port)
        };
        let port = port.map(parse_port).transpose()?;
        let host = match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => {
                Self::DOCKER_HUB
            }
            other => other,
        };
        Ok(match port {
            // Printed without its port, `registry:443/app` would be read as a
            // repository of Docker Hub, which is another one.
            None | Some(443) if !names_a_host(host) => Self(format!("{host}:443").into()),
            None | Some(443) => Self(host.into()),
            Some(port) => Self(format!("{host}:{port}").into()),
        })
    }

    /// `HOST` or `HOST:PORT`; IPv6 addresses in brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without a port; IPv6 addresses without brackets.
    pub fn host(&self) -> &str {
        if let Some(rest) = self.0.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        self.0.split(':').next().unwrap_or(&self.0)
    }

    /// The port, where it is not the default one (443).
    pub fn port(&self) -> Option<u16> {
        let rest = match self.0.rsplit_once(']') {
            Some((_, rest)) => rest,
            None => &self.0,
        };
        rest.rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
    }

    /// Whether this is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        &*self.0 == Self::DOCKER_HUB
    }

    /// Whether the host is this very machine: `localhost`, or a loopback
    /// address. Which machine that is depends on who asks.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Registry {
    type Err = ReferenceError;

    /// Parses `HOST` or `HOST:PORT` as it stands in configuration.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        Self::parse(text)
    }
}

fn parse_port(text: &str) -> Result<u16, ReferenceError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| digits && *port > 0)
        .ok_or_else(|| ReferenceError::Port(clip(text)))
}

fn is_domain_component(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !part.starts_with('-')
        && !part.ends_with('-')
}

fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !alphanumeric(*first) || !alphanumeric(*last) {
        return false;
    }
    // Between runs of letters and digits stands one separator: one dot, one or
    // two underscores, or any number of hyphens.
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

impl Repository {
    fn parse(name: &str) -> Result<Self, ReferenceError> {
        if name.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if names_a_host(first) => (Registry::parse(first)?, rest),
            _ => (Registry(Registry::DOCKER_HUB.into()), name),
        };
        if path.is_empty() {
            return Err(ReferenceError::NoRepository(clip(name)));
        }
        if let Some(bad) = path.split('/').find(|part| !is_path_component(part)) {
            return Err(ReferenceError::Path(clip(bad)));
        }
        let library = if registry.is_docker_hub() && !path.contains('/') {
            if path.len() == 64 && path.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(ReferenceError::ImageId(path.into()));
            }
            "library/"
        } else {
            ""
        };
        let full = [registry.as_str(), "/", library, path].concat();
        if full.len() > MAX_NAME {
            return Err(ReferenceError::NameTooLong);
        }
        let full = full.into();
        Ok(Self(Arc::new(RepositoryName { registry, full })))
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The path inside the registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.0.full[self.0.registry.as_str().len() + 1..]
    }

    /// Registry and path, as it is printed.
    pub fn as_str(&self) -> &str {
        &self.0.full
    }

    /// The artifact with this digest in this repository.
    pub fn pin(&self, digest: Digest) -> PinnedReference {
        PinnedReference {
            repository: self.clone(),
            digest,
        }
    }
}

impl Hash for Repository {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The registry is the beginning of it.
        self.0.full.hash(state);
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// Parses `[HOST[:PORT]/]PATH` without tag and digest.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

/// Whether the first component of a name is a host rather than a path of
/// Docker Hub: it has a dot, a colon or an upper-case letter, or it is
/// `localhost`. The rule of distribution's `splitDockerDomain`.
fn names_a_host(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first
            .chars()
            .any(|c| !c.is_ascii_lowercase() && c.to_ascii_lowercase() != c)
        || !first.is_ascii()
}

impl Tag {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_parts(parts: &[&str]) -> Self {
        Self(parts.concat().into())
    }

    /// The tag under which cosign keeps what it attaches to `subject`:
    /// `sha256-HEX.SUFFIX`.
    pub fn cosign(subject: &Digest, suffix: &str) -> Self {
        Self::from_parts(&[
            subject.algorithm().as_str(),
            "-",
            &subject.hex(),
            ".",
            suffix,
        ])
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let legal = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|b| word(b) || b == b'.' || b == b'-');
        if legal {
            Ok(Self(text.into()))
        } else {
            Err(ReferenceError::Tag(clip(text)))
        }
    }
}

impl Reference {
    /// The repository.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag as written, if any.
    pub const fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest as written, if any.
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The one artifact that this reference names, if it has a digest.
    pub fn pinned(&self) -> Option<PinnedReference> {
        self.digest.map(|digest| self.repository.pin(digest))
    }

    /// The tag a runtime would pull if there were no digest: the one written,
    /// else `latest`.
    pub fn tag_or_latest(&self) -> Tag {
        self.tag.clone().unwrap_or_else(|| Tag("latest".into()))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > MAX_TEXT {
            return Err(ReferenceError::TooLong);
        }
        let text = match text.split_once("://") {
            Some(("oci", rest)) => rest,
            Some((scheme, _)) => return Err(ReferenceError::Scheme(clip(scheme))),
            None => text,
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon behind the last slash begins the tag; one before it belongs
        // to the registry's port.
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name[slash..].find(':') {
            Some(at) => {
                let (name, tag) = name.split_at(slash + at);
                (name, Some(tag[1..].parse()?))
            }
            None => (name, None),
        };
        Ok(Self {
            repository: Repository::parse(name)?,
            tag,
            digest,
        })
    }
}

impl From<PinnedReference> for Reference {
    fn from(pinned: PinnedReference) -> Self {
        Self {
            repository: pinned.repository,
            tag: None,
            digest: Some(pinned.digest),
        }
    }
}

impl PinnedReference {
    /// The repository.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The digest.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// At most 80 characters of something that somebody else wrote.
fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.full)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PinnedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

macro_rules! debug_as_display {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}
debug_as_display!(Registry Repository Tag Reference PinnedReference);

#[cfg(test)]
mod tests;
