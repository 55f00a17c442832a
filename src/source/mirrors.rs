//! Which repository an image belongs to that was pulled from somewhere else.
//!
//! A mirror serves the artifacts of its origin under other names. What is
//! demanded of them, and where their signatures are, follows from the origin: an
//! image named in a mirror is judged as the origin's.
//!
//! A name is mapped once. The longest mirror that matches wins, as in the
//! configurations of container runtimes, and no origin may lie in a mirror or
//! around one, so that no name could be mapped twice.

use std::fmt;
use std::str::FromStr;

use crate::oci::{ReferenceError, Registry, Repository};

/// A registry, or repositories of one that begin alike:
/// `HOST[:PORT][/PATH]`, in whole path components.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryPrefix(Box<str>);

/// Why a text is not a [`RepositoryPrefix`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The registry is missing; a path alone would be one of Docker Hub.
    #[error("write the registry first, such as registry.example.com/PATH or docker.io/PATH")]
    NoRegistry,
    /// It names a tag or digest.
    #[error("leave the tag or digest out")]
    TagOrDigest,
    /// It is not the beginning of a repository's name.
    #[error(transparent)]
    Name(#[from] ReferenceError),
}

impl FromStr for RepositoryPrefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty.into());
        }
        let (host, path) = match text.split_once('/') {
            Some((host, path)) => (host, Some(path)),
            None => (text, None),
        };
        if path.is_some_and(|path| path.contains([':', '@'])) {
            return Err(PrefixError::TagOrDigest);
        }
        let host: Registry = host.parse()?;
        // Two components more make a repository of it that stays as written:
        // with one, Docker Hub would put `library` in front.
        let repository: Repository = format!("{text}/a/a").parse()?;
        if *repository.registry() != host {
            return Err(PrefixError::NoRegistry);
        }
        let normal = repository.as_str();
        Ok(Self(normal[..normal.len() - "/a/a".len()].into()))
    }
}

impl fmt::Display for RepositoryPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RepositoryPrefix {
    /// What `name` has behind this prefix: nothing, or `/` and the rest.
    fn rest<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&*self.0)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether one of the two lies in the other, or they are the same.
    fn overlaps(&self, other: &Self) -> bool {
        self.rest(&other.0).is_some() || other.rest(&self.0).is_some()
    }
}

/// One mirror and what it is a mirror of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Where images are pulled from.
    pub mirror: RepositoryPrefix,
    /// Where they come from.
    pub of: RepositoryPrefix,
}

/// Why mirrors cannot be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// Two origins for one mirror.
    #[error("{0} is given twice; a mirror has one origin")]
    Twice(RepositoryPrefix),
    /// An origin is itself mapped, or has mapped names below it.
    #[error(
        "{of}, which {mirror} is a mirror of, lies in or around the mirror {other}; \
         name what comes from where without a mirror of a mirror"
    )]
    Chain {
        /// The mirror.
        mirror: RepositoryPrefix,
        /// Its origin.
        of: RepositoryPrefix,
        /// The mirror that the origin meets.
        other: RepositoryPrefix,
    },
}

/// Why a name in a mirror has no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{repository} is in a mirror of {of}, where it would have no legal name")]
pub struct NoOrigin {
    /// The name in the mirror.
    repository: Repository,
    /// What it is a mirror of.
    of: RepositoryPrefix,
    /// What is wrong with the name there.
    #[source]
    source: ReferenceError,
}

/// All mirrors that are configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// The longest first, so that the first that matches is the one that counts.
    mirrors: Vec<Mirror>,
}

impl Mirrors {
    /// Puts mirrors together.
    ///
    /// # Errors
    ///
    /// Every [`MirrorError`] among them.
    pub fn new(mut mirrors: Vec<Mirror>) -> Result<Self, Vec<MirrorError>> {
        let mut errors = Vec::new();
        for (at, one) in mirrors.iter().enumerate() {
            if mirrors[..at].iter().any(|other| other.mirror == one.mirror) {
                errors.push(MirrorError::Twice(one.mirror.clone()));
            }
            let meets = |other: &&Mirror| one.of.overlaps(&other.mirror);
            errors.extend(mirrors.iter().find(meets).map(|other| MirrorError::Chain {
                mirror: one.mirror.clone(),
                of: one.of.clone(),
                other: other.mirror.clone(),
            }));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        mirrors.sort_by_key(|entry| std::cmp::Reverse(entry.mirror.0.len()));
        Ok(Self { mirrors })
    }

    /// The repository that `repository` is a copy of; `None` if it is in no
    /// mirror.
    ///
    /// # Errors
    ///
    /// [`NoOrigin`] if it is in a mirror and its name in the origin would be
    /// none: too long, or nothing but a registry.
    pub fn origin(&self, repository: &Repository) -> Result<Option<Repository>, NoOrigin> {
        let found = self.mirrors.iter().find_map(|entry| {
            let rest = entry.mirror.rest(repository.as_str())?;
            Some((&entry.of, rest))
        });
        let Some((of, rest)) = found else {
            return Ok(None);
        };
        // A bare registry without a path would be read as a path of Docker Hub.
        let named = match (of.0.contains('/'), rest) {
            (false, "") => Err(ReferenceError::NoRepository(of.to_string())),
            _ => format!("{of}{rest}").parse(),
        };
        named.map(Some).map_err(|source| NoOrigin {
            repository: repository.clone(),
            of: of.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(entries: &[(&str, &str)]) -> Result<Mirrors, Vec<MirrorError>> {
        let entries = entries.iter().map(|(mirror, of)| Mirror {
            mirror: mirror.parse().expect("a prefix"),
            of: of.parse().expect("a prefix"),
        });
        Mirrors::new(entries.collect())
    }

    fn origin(mirrors: &Mirrors, name: &str) -> Option<String> {
        let repository = name.parse().expect("a repository");
        let origin = mirrors.origin(&repository).expect("a legal name");
        origin.map(|repository| repository.to_string())
    }

    #[test]
    fn a_name_is_mapped_by_whole_components_and_by_the_longest_mirror() {
        let mirrors = mirrors(&[
            ("mirror.test", "registry.test"),
            ("mirror.test/hub", "docker.io"),
            ("mirror.test/hub/team", "quay.io/team"),
            ("Cache.Test:443/one", "registry.test/app"),
        ])
        .expect("usable");
        for (name, expected) in [
            ("mirror.test/app", Some("registry.test/app")),
            ("mirror.test/hubs/app", Some("registry.test/hubs/app")),
            ("mirror.test/hub/user/app", Some("docker.io/user/app")),
            ("mirror.test/hub/nginx", Some("docker.io/library/nginx")),
            ("mirror.test/hub/team/app", Some("quay.io/team/app")),
            ("mirror.test/hub/teams/app", Some("docker.io/teams/app")),
            ("mirror.test:5000/app", None),
            ("cache.test/one", Some("registry.test/app")),
            ("cache.test/one/more", Some("registry.test/app/more")),
            ("cache.test/ones", None),
            ("registry.test/app", None),
            ("nginx", None),
        ] {
            assert_eq!(origin(&mirrors, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_in_the_origin_is_an_error_and_not_left_as_it_is() {
        let mirrors = mirrors(&[
            ("m.test/hub", "docker.io"),
            ("m.test/a", "registry.with-a-long-name.test/and/a/long/path"),
        ])
        .expect("usable");
        let source = |name: &str| {
            let repository = name.parse().expect("a repository");
            mirrors.origin(&repository).map_err(|error| error.source)
        };
        assert_eq!(
            source("m.test/hub"),
            Err(ReferenceError::NoRepository("docker.io".into()))
        );
        let long = format!("m.test/a/{}", "a".repeat(240));
        assert_eq!(source(&long), Err(ReferenceError::NameTooLong));
    }

    #[test]
    fn a_mirror_has_one_origin_and_is_no_origin() {
        assert_eq!(
            mirrors(&[("m.test", "a.test"), ("M.test:443", "b.test")]),
            Err(vec![MirrorError::Twice("m.test".parse().expect("legal"))])
        );
        for chain in [
            [("a.test", "b.test"), ("b.test", "c.test")],
            [("a.test", "b.test/x"), ("b.test", "c.test")],
            [("a.test", "b.test"), ("b.test/x", "c.test")],
            [("a.test", "a.test/origin"), ("d.test", "e.test")],
        ] {
            let errors = mirrors(&chain).expect_err("a chain");
            assert!(
                matches!(errors[..], [MirrorError::Chain { .. }]),
                "{errors:?}"
            );
        }
        assert!(mirrors(&[("a.test/x", "b.test"), ("a.test/y", "b.test")]).is_ok());
    }

    #[test]
    fn a_prefix_names_its_registry_and_nothing_else_is_one() {
        let parse = |text: &str| text.parse::<RepositoryPrefix>();
        for (text, normal) in [
            ("index.docker.io/team", "docker.io/team"),
            ("docker.io", "docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("[::1]:5000/a", "[::1]:5000/a"),
            ("Registry.test:443/a/b", "registry.test/a/b"),
        ] {
            assert_eq!(parse(text).expect(text).to_string(), normal);
        }
        for text in ["team/app", "cache", "library"] {
            assert_eq!(parse(text), Err(PrefixError::NoRegistry), "{text}");
        }
        for text in ["r.test/app:v1", "r.test/app@sha256:00"] {
            assert_eq!(parse(text), Err(PrefixError::TagOrDigest), "{text}");
        }
        for text in [
            "",
            "r.test/",
            "r.test//a",
            "r.test/A",
            "/a",
            "a b",
            "r.test/*",
        ] {
            assert!(matches!(parse(text), Err(PrefixError::Name(_))), "{text}");
        }
    }
}
