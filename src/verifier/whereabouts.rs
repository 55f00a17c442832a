//! Where an image belongs, and where its signatures are kept.
//!
//! Both are configuration. An image that is pulled through a mirror is judged as
//! that of the origin: policies are selected for the origin's name, and evidence
//! is looked up there. What is attached to an image is usually kept beside it,
//! and may be kept in a repository of its own – what cosign's `COSIGN_REPOSITORY`
//! does –, under tags that begin with a text of their own.
//!
//! Credentials are always those of the repository that is asked.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::oci::{Digest, PinnedReference, Repository, Tag};
use crate::policy::ImagePattern;
use crate::source::{Mirrors, NoOrigin};

/// Characters of a tag, by the distribution specification.
const MAX_TAG: usize = 128;

/// What the tags of cosign's legacy layout begin with before the digest of the
/// image, as `--attachment-tag-prefix` sets it; empty unless it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TagPrefix(Option<Arc<str>>);

/// Why a text is not a [`TagPrefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagPrefixError {
    /// It could not stand at the beginning of a tag.
    #[error(
        "use letters, digits, underscores, dots and hyphens, not beginning with a dot or hyphen"
    )]
    Characters,
    /// The whole tag would be none.
    #[error("is too long; with the digest behind it a tag has at most {MAX_TAG} characters")]
    TooLong,
}

impl FromStr for TagPrefix {
    type Err = TagPrefixError;

    fn from_str(text: &str) -> Result<Self, TagPrefixError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let longest = Tag::cosign(&Digest::sha256(b""), "sig");
        if text.len() > MAX_TAG - longest.as_str().len() {
            return Err(TagPrefixError::TooLong);
        }
        text.parse::<Tag>()
            .map_err(|_| TagPrefixError::Characters)?;
        Ok(Self(Some(text.into())))
    }
}

impl TagPrefix {
    /// The tag under which `suffix` things of `subject` are kept.
    pub(super) fn tag(&self, subject: &Digest, suffix: &str) -> Tag {
        let tag = Tag::cosign(subject, suffix);
        match &self.0 {
            None => tag,
            Some(prefix) => Tag::from_parts(&[prefix, tag.as_str()]),
        }
    }
}

/// Where the signatures of some images are kept, if not beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureStore {
    /// Which images, by the name that they are judged as.
    pub images: ImagePattern,
    /// The repository that holds all that is attached to them; their own
    /// without one.
    pub repository: Option<Repository>,
    /// What the tags of the legacy layout begin with there.
    pub tag_prefix: TagPrefix,
}

/// Why [`Whereabouts`] cannot be used. The numbers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhereaboutsError {
    /// It changes nothing.
    #[error("needs a repository, a tag prefix, or both")]
    Nothing {
        /// Which.
        at: usize,
    },
    /// The first entry that matches counts, and that is never this one.
    #[error("is never used: entry {by} before it matches all of its images")]
    Hidden {
        /// Which.
        at: usize,
        /// The entry before it.
        by: usize,
    },
}

impl WhereaboutsError {
    /// Which entry it is about.
    pub const fn at(self) -> usize {
        match self {
            Self::Nothing { at } | Self::Hidden { at, .. } => at,
        }
    }
}

/// Which images belong elsewhere, and whose signatures are kept elsewhere. The
/// default is: none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    mirrors: Mirrors,
    stores: Vec<SignatureStore>,
}

impl Whereabouts {
    /// Puts the two together. For each image the first of `stores` counts that
    /// matches it.
    ///
    /// # Errors
    ///
    /// Every [`WhereaboutsError`] among `stores`.
    pub fn new(
        mirrors: Mirrors,
        stores: Vec<SignatureStore>,
    ) -> Result<Self, Vec<WhereaboutsError>> {
        let mut errors = Vec::new();
        for (at, store) in stores.iter().enumerate() {
            if store.repository.is_none() && store.tag_prefix == TagPrefix::default() {
                errors.push(WhereaboutsError::Nothing { at });
            }
            let hides = |before: &SignatureStore| before.images.covers(&store.images);
            if let Some(by) = stores[..at].iter().position(hides) {
                errors.push(WhereaboutsError::Hidden { at, by });
            }
        }
        if errors.is_empty() {
            Ok(Self { mirrors, stores })
        } else {
            Err(errors)
        }
    }

    /// Where `repository` belongs and what is attached to its images is kept.
    pub(super) fn of(&self, repository: &Repository) -> Result<Located, NoOrigin> {
        let origin = self.mirrors.origin(repository)?;
        let repository = origin.unwrap_or_else(|| repository.clone());
        let store = self
            .stores
            .iter()
            .find(|store| store.images.matches(&repository));
        Ok(Located {
            evidence: store.and_then(|store| store.repository.clone()),
            tag_prefix: store.map_or_else(TagPrefix::default, |s| s.tag_prefix.clone()),
            repository,
        })
    }
}

/// A repository, located.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// What its images are judged as.
    pub(super) repository: Repository,
    /// Where their signatures are, if not there.
    evidence: Option<Repository>,
    pub(super) tag_prefix: TagPrefix,
}

impl Located {
    /// The repository that is asked for what is attached to images.
    pub(super) fn asked(&self) -> &Repository {
        self.evidence.as_ref().unwrap_or(&self.repository)
    }

    /// Whether the signatures are kept apart from the images, so that seeing an
    /// image says nothing about seeing what is attached to it.
    pub(super) fn is_apart(&self) -> bool {
        self.asked() != &self.repository
    }

    /// The name under which what is attached to `digest` is asked for.
    pub(super) fn asked_for(&self, digest: Digest) -> PinnedReference {
        self.asked().pin(digest)
    }
}

impl fmt::Display for TagPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(images: &str, repository: Option<&str>, prefix: &str) -> SignatureStore {
        SignatureStore {
            images: ImagePattern::parse(images).expect("a pattern"),
            repository: repository.map(|name| name.parse().expect("a repository")),
            tag_prefix: prefix.parse().expect("a prefix"),
        }
    }

    #[test]
    fn the_first_store_that_matches_counts_and_one_that_never_would_is_refused() {
        let stores = vec![
            store("r.test/team/**", Some("r.test/signatures"), ""),
            store("r.test/**", None, "prod-"),
        ];
        let found = Whereabouts::new(Mirrors::default(), stores.clone()).expect("usable");
        let of = |name: &str| {
            let located = found.of(&name.parse().expect("a repository")).expect("ok");
            (located.asked().to_string(), located.tag_prefix.to_string())
        };
        assert_eq!(
            of("r.test/team/app"),
            ("r.test/signatures".into(), "".into())
        );
        assert_eq!(of("r.test/app"), ("r.test/app".into(), "prod-".into()));
        assert_eq!(of("q.test/app"), ("q.test/app".into(), "".into()));

        let swapped = vec![stores[1].clone(), stores[0].clone()];
        assert_eq!(
            Whereabouts::new(Mirrors::default(), swapped),
            Err(vec![WhereaboutsError::Hidden { at: 1, by: 0 }])
        );
        assert_eq!(
            Whereabouts::new(Mirrors::default(), vec![store("**", None, "")]),
            Err(vec![WhereaboutsError::Nothing { at: 0 }])
        );
    }

    #[test]
    fn a_tag_prefix_makes_a_legal_tag_or_is_refused() {
        let subject = Digest::sha256(b"");
        let tag = |text: &str| {
            let prefix: TagPrefix = text.parse()?;
            Ok(prefix.tag(&subject, "sig").as_str().to_owned())
        };
        let plain = format!("sha256-{}.sig", subject.hex());
        assert_eq!(tag(""), Ok(plain.clone()));
        assert_eq!(tag("team."), Ok(format!("team.{plain}")));
        for text in [".a", "-a", "a/b", "a b", "ä", "a:b"] {
            assert_eq!(tag(text), Err(TagPrefixError::Characters), "{text}");
        }
        let longest = "a".repeat(128 - plain.len());
        assert_eq!(tag(&longest).map(|tag| tag.len()), Ok(128));
        assert_eq!(tag(&format!("{longest}a")), Err(TagPrefixError::TooLong));
    }

    #[test]
    fn a_store_matches_the_origin_of_a_mirror_and_not_the_mirror() {
        let mirror = crate::source::Mirror {
            mirror: "m.test".parse().expect("a prefix"),
            of: "r.test".parse().expect("a prefix"),
        };
        let mirrors = Mirrors::new(vec![mirror]).expect("usable");
        let stores = vec![
            store("m.test/**", Some("m.test/wrong"), ""),
            store("r.test/**", Some("r.test/signatures"), ""),
        ];
        let found = Whereabouts::new(mirrors, stores).expect("usable");
        let located = found.of(&"m.test/app".parse().expect("legal")).expect("ok");
        assert_eq!(located.repository.as_str(), "r.test/app");
        assert_eq!(located.asked().as_str(), "r.test/signatures");
        assert!(located.is_apart());
    }
}
