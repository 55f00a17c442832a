//! Whom a certificate must name, and whether it does.
//!
//! A rule is compared with what a verified certificate says. Facts about
//! certificates are shared by all authorities with the same roots, so nothing
//! here is part of what establishes them.

mod read;
mod workflow;

use std::fmt;
use std::sync::Arc;

pub(super) use read::{certificate, keyless};

use self::workflow::Workflow;
use super::text::TextPattern;
use crate::trust::{CertificateIdentity, SubjectName};

/// Longest text of a certificate that a message shows; names may have
/// thousands of characters.
const MAX_SHOWN: usize = 200;

/// Whom a certificate must name. Without a pattern, texts are compared byte for
/// byte.
///
/// A certificate stands for all of its subject alternative names together, so
/// that each of them must be accepted: a further name that nobody asked about
/// would otherwise ride along, and make one holder look like two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRule {
    /// `None` for certificates of one's own authority, which have no issuer of
    /// a token.
    issuer: Option<TextRule>,
    subject: SubjectRule,
}

/// A text as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TextRule {
    Exact(Arc<str>),
    Pattern(TextPattern),
}

/// What the names must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SubjectRule {
    Name(TextRule),
    Workflow(Arc<Workflow>),
}

/// Why a certificate is not the one that a rule asks for. Shows what was found
/// and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The token, with which the certificate was asked for, is by another
    /// issuer.
    #[error(
        "the certificate was given for a token of {}; {expected} is accepted{}",
        found.as_deref().map_or("nobody known".into(), shown),
        slash(found.as_deref(), expected)
    )]
    Issuer {
        /// The issuer in the certificate.
        found: Option<Arc<str>>,
        /// The issuer, or pattern, of the policy.
        expected: Arc<str>,
    },
    /// The certificate names somebody else.
    #[error("signed as {}; {expected} is accepted", shown(found))]
    Subject {
        /// The name in the certificate that is not accepted.
        found: Arc<str>,
        /// The name, or pattern, of the policy.
        expected: Arc<str>,
    },
    /// The certificate has several names, and not all of them are accepted.
    #[error(
        "the certificate names {} besides others, and each of its {count} names must be {expected}",
        shown(found)
    )]
    OneOfSeveral {
        /// A name that is not accepted.
        found: Arc<str>,
        /// How many names there are.
        count: usize,
        /// The name, or pattern, of the policy.
        expected: Arc<str>,
    },
    /// What the certificate says about a CI run is not what the policy asks
    /// for.
    #[error(
        "signed by {}: its {claim} is {}; {expected} is accepted",
        shown(signer),
        found.as_deref().map_or("not said".into(), shown)
    )]
    Claim {
        /// The name of the certificate.
        signer: Arc<str>,
        /// Which claim, in words.
        claim: &'static str,
        /// What the certificate says.
        found: Option<Box<str>>,
        /// What the policy asks for.
        expected: Box<str>,
    },
}

impl IdentityRule {
    /// Whether it is about certificates for tokens, which are valid for minutes.
    pub(super) const fn is_keyless(&self) -> bool {
        self.issuer.is_some()
    }

    /// Exactly this subject alternative name, for which a token of exactly this
    /// issuer was shown.
    pub fn exact(identity: &str, issuer: &str) -> Self {
        Self {
            issuer: Some(TextRule::Exact(issuer.into())),
            subject: SubjectRule::Name(TextRule::Exact(identity.into())),
        }
    }

    /// Compares what a verified certificate says with the rule.
    ///
    /// # Errors
    ///
    /// The first [`Mismatch`]: the issuer, then the names, then the claims
    /// about a CI run.
    pub fn judge(&self, identity: &CertificateIdentity) -> Result<(), Mismatch> {
        if let Some(expected) = &self.issuer {
            let found = identity.issuer.as_deref();
            if !found.is_some_and(|found| expected.matches(found)) {
                return Err(Mismatch::Issuer {
                    found: identity.issuer.clone(),
                    expected: Arc::clone(expected.as_str()),
                });
            }
        }
        match &self.subject {
            SubjectRule::Name(expected) => names(expected, &identity.names),
            SubjectRule::Workflow(workflow) => workflow.judge(identity),
        }
    }

    /// Whether this accepts everybody whom `other` accepts. Says no where that
    /// cannot be told from the two.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let issuer = match (&self.issuer, &other.issuer) {
            (Some(issuer), Some(other)) => issuer.covers(other),
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
        };
        let subject = match (&self.subject, &other.subject) {
            (SubjectRule::Name(name), SubjectRule::Name(other)) => name.covers(other),
            (SubjectRule::Workflow(one), SubjectRule::Workflow(other)) => one.covers(other),
            _ => false,
        };
        issuer && subject
    }

    /// What a reader of the policy should consider, where there is anything.
    pub fn advice(&self) -> Option<String> {
        match &self.subject {
            SubjectRule::Name(_) => None,
            SubjectRule::Workflow(workflow) => workflow.advice(),
        }
    }
}

impl fmt::Display for IdentityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            SubjectRule::Name(name) => f.write_str(name.as_str())?,
            SubjectRule::Workflow(workflow) => workflow.fmt(f)?,
        }
        match &self.issuer {
            Some(issuer) => write!(f, " (token of {})", issuer.as_str()),
            None => Ok(()),
        }
    }
}

fn names(expected: &TextRule, names: &[SubjectName]) -> Result<(), Mismatch> {
    let other = names.iter().find(|name| !expected.matches(&name.value));
    match other {
        // Nobody is named: whoever made this up did not read it from a
        // certificate.
        None if names.is_empty() => Err(Mismatch::Subject {
            found: "nobody".into(),
            expected: Arc::clone(expected.as_str()),
        }),
        None => Ok(()),
        Some(other) if names.len() == 1 => Err(Mismatch::Subject {
            found: Arc::clone(&other.value),
            expected: Arc::clone(expected.as_str()),
        }),
        Some(other) => Err(Mismatch::OneOfSeveral {
            found: Arc::clone(&other.value),
            count: names.len(),
            expected: Arc::clone(expected.as_str()),
        }),
    }
}

impl TextRule {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Pattern(pattern) => pattern.matches(text),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(text)) => self.matches(text),
            (Self::Pattern(pattern), Self::Pattern(other)) => pattern.covers(other),
            (Self::Exact(_), Self::Pattern(_)) => false,
        }
    }

    const fn as_str(&self) -> &Arc<str> {
        match self {
            Self::Exact(text) => text,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

/// A text of a certificate, cut to a length that fits a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The cure for the mismatch that looks like none.
fn slash(found: Option<&str>, expected: &str) -> &'static str {
    let differ = |found: &str| {
        found != expected && found.trim_end_matches('/') == expected.trim_end_matches('/')
    };
    if found.is_some_and(differ) {
        "; they differ in the slash at the end, so write the issuer as the certificate has it, \
         if it is yours"
    } else {
        ""
    }
}
