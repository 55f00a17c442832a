//! Image references with the grammar of the container runtimes.
//!
//! The grammar is that of the distribution project, which Docker, containerd
//! and the kubelet share: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`. What a runtime
//! would pull and what floe checks must be the same thing, so shorthands are
//! expanded here once, and everything a runtime would refuse is refused here.

use std::fmt;
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
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Registry,
    path: Arc<str>,
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
        let path: Arc<str> = if registry.is_docker_hub() && !path.contains('/') {
            if path.len() == 64 && path.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(ReferenceError::ImageId(path.into()));
            }
            format!("library/{path}").into()
        } else {
            path.into()
        };
        if registry.as_str().len() + 1 + path.len() > MAX_NAME {
            return Err(ReferenceError::NameTooLong);
        }
        Ok(Self { registry, path })
    }

    /// The registry.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The path inside the registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The artifact with this digest in this repository.
    pub fn pin(&self, digest: Digest) -> PinnedReference {
        PinnedReference {
            repository: self.clone(),
            digest,
        }
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

    pub(super) fn from_parts(parts: &[&str]) -> Self {
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
        write!(f, "{}/{}", self.registry, self.path)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(text: &str) -> Result<String, ReferenceError> {
        text.parse::<Reference>().map(|r| r.to_string())
    }

    #[test]
    fn shorthands_are_expanded_as_runtimes_do() {
        for (text, normal) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("acme/app", "docker.io/acme/app"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("registry-1.docker.io/acme/app", "docker.io/acme/app"),
            (
                "registry.hub.docker.com/library/nginx",
                "docker.io/library/nginx",
            ),
            ("Registry.Example.COM:443/App", ""),
            ("Registry.Example.COM:443/app", "registry.example.com/app"),
            (
                "registry.example.com:5000/a/b:v1",
                "registry.example.com:5000/a/b:v1",
            ),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("LOCALHOST/app", "localhost/app"),
            ("registry:443/app", "registry:443/app"),
            ("Registry/app", "registry:443/app"),
            ("myhost/app", "docker.io/myhost/app"),
            ("[2001:DB8::1]:5000/app:v1", "[2001:db8::1]:5000/app:v1"),
            ("[::1]/app", "[::1]/app"),
            (
                "oci://registry.example.com/app:v1",
                "registry.example.com/app:v1",
            ),
            ("a.b/c__d/e--f.g_h", "a.b/c__d/e--f.g_h"),
        ] {
            if normal.is_empty() {
                assert!(parse(text).is_err(), "{text}");
            } else {
                assert_eq!(parse(text).as_deref(), Ok(normal), "{text}");
            }
        }
    }

    #[test]
    fn a_tag_and_a_digest_can_stand_together_and_the_digest_pins() {
        let text = format!("registry.example.com/app:v1@sha256:{HEX}");
        let reference: Reference = text.parse().expect("legal");
        assert_eq!(reference.to_string(), text);
        assert_eq!(
            reference.pinned().map(|p| p.to_string()),
            Some(format!("registry.example.com/app@sha256:{HEX}"))
        );
        assert_eq!(reference.tag_or_latest().as_str(), "v1");
    }

    #[test]
    fn the_port_and_host_are_read_back() {
        for (text, host, port) in [
            ("a.example/x", "a.example", None),
            ("a.example:5000/x", "a.example", Some(5000)),
            ("[::1]:5000/x", "::1", Some(5000)),
            ("[::1]/x", "::1", None),
        ] {
            let reference: Reference = text.parse().expect("legal");
            let registry = reference.repository().registry();
            assert_eq!((registry.host(), registry.port()), (host, port));
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_address() {
        for (text, loopback) in [
            ("localhost/x", true),
            ("localhost:5000/x", true),
            ("127.0.0.1:5000/x", true),
            ("127.8.8.8/x", true),
            ("[::1]:80/x", true),
            ("registry.localhost/x", true),
            ("localhost.example/x", false),
            ("10.0.0.1/x", false),
        ] {
            let reference: Reference = text.parse().expect("legal");
            assert_eq!(
                reference.repository().registry().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_runtime_would_refuse_is_refused_by_its_reason() {
        use ReferenceError as E;
        let long = "a".repeat(256);
        let long_tag = format!("app:{}", "t".repeat(129));
        let digest_of = |text: &str| text.parse::<Digest>().expect_err("bad digest");
        for (text, error) in [
            ("", E::Empty),
            (":v1", E::Empty),
            ("@sha256:00", E::Digest(digest_of("sha256:00"))),
            (
                "https://registry.example.com/app",
                E::Scheme("https".into()),
            ),
            ("OCI://registry.example.com/app", E::Scheme("OCI".into())),
            (
                "registry.example.com./app",
                E::Host("registry.example.com.".into()),
            ),
            (
                "user:pass@registry.example.com/app",
                E::Digest(digest_of("registry.example.com/app")),
            ),
            (
                "regïstry.example.com/app",
                E::Host("regïstry.example.com".into()),
            ),
            (
                "re_gistry.example.com/app",
                E::Host("re_gistry.example.com".into()),
            ),
            ("-a.example/app", E::Host("-a.example".into())),
            ("a..example/app", E::Host("a..example".into())),
            ("a.example:0/app", E::Port("0".into())),
            ("a.example:65536/app", E::Port("65536".into())),
            ("a.example:+80/app", E::Port("+80".into())),
            ("a.example:/app", E::Port("".into())),
            ("[::1/app", E::Host("[::1".into())),
            ("[::g]:5000/app", E::Host("[::g]:5000".into())),
            ("[::1]5000/app", E::Host("[::1]5000".into())),
            (
                "registry.example.com/",
                E::NoRepository("registry.example.com/".into()),
            ),
            ("registry.example.com/App", E::Path("App".into())),
            ("registry.example.com//app", E::Path("".into())),
            ("registry.example.com/app/", E::Path("".into())),
            ("registry.example.com/../app", E::Path("..".into())),
            ("registry.example.com/a..b", E::Path("a..b".into())),
            ("registry.example.com/a___b", E::Path("a___b".into())),
            ("registry.example.com/_a", E::Path("_a".into())),
            ("registry.example.com/a-", E::Path("a-".into())),
            ("registry.example.com/a b", E::Path("a b".into())),
            ("registry.example.com/app%2f", E::Path("app%2f".into())),
            (" nginx", E::Path(" nginx".into())),
            ("nginx\n", E::Path("nginx\n".into())),
            ("app:", E::Tag("".into())),
            ("app:-v", E::Tag("-v".into())),
            ("app:.v", E::Tag(".v".into())),
            ("app:v/1", E::Host("app:v".into())),
            ("a.example/app:v:1", E::Tag("v:1".into())),
            (long_tag.as_str(), E::Tag("t".repeat(80))),
            (HEX, E::ImageId(HEX.into())),
            (long.as_str(), E::NameTooLong),
            ("app@", E::Digest(digest_of(""))),
            ("app@sha256:E3", E::Digest(digest_of("sha256:E3"))),
        ] {
            let got = text.parse::<Reference>();
            // A bad port is named as a port even where the host is good.
            if text == "app:v/1" {
                assert_eq!(got, Err(E::Port("v".into())));
            } else {
                assert_eq!(got, Err(error), "{text:?}");
            }
        }
        assert_eq!("a".repeat(2000).parse::<Reference>(), Err(E::TooLong));
    }

    fn path_component() -> impl Strategy<Value = String> {
        "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}"
    }

    proptest! {
        #[test]
        fn print_then_parse_gives_the_same_value(
            host in proptest::option::of("[a-zA-Z0-9]{1,8}(\\.[a-zA-Z0-9]{1,8}){1,2}(:[1-9][0-9]{0,3})?"),
            path in proptest::collection::vec(path_component(), 1..4),
            tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
            digest in proptest::option::of("[0-9a-f]{64}"),
        ) {
            let mut text = String::new();
            match &host {
                Some(host) => { text += host; text.push('/'); text += &path.join("/"); }
                // Without a host, a dot would make one of the first component.
                None => text += &path.join("/").replace('.', "_"),
            }
            if let Some(tag) = &tag { text += ":"; text += tag; }
            if let Some(digest) = &digest { text += "@sha256:"; text += digest; }
            let reference: Reference = text.parse().expect("legal by construction");
            let printed = reference.to_string();
            prop_assert_eq!(printed.parse::<Reference>().expect("printed"), reference.clone());
            prop_assert_eq!(reference.tag().map(|t| t.to_string()), tag);
            prop_assert_eq!(reference.digest().map(|d| d.hex()), digest);
        }

        #[test]
        fn any_text_is_refused_or_has_a_stable_normal_form(text in "\\PC{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                let printed = reference.to_string();
                prop_assert!(printed.is_ascii());
                prop_assert_eq!(printed.parse::<Reference>().expect("printed").to_string(), printed);
            }
        }
    }
}
