//! The run of a CI workflow, as GitHub Actions and GitLab CI describe it to
//! Fulcio and Fulcio in its certificates.
//!
//! Follows Fulcio's `docs/oid-info.md` and the templates of its issuers. The
//! name of a certificate is the workflow that signs: for GitHub
//! `https://github.com/OWNER/REPO/.github/workflows/FILE@REF`, for GitLab
//! `https://gitlab.com/GROUP/PROJECT//FILE@REF`. It is the same text as the
//! build signer URI (extension .9). The repository that was built (.12) and its
//! ref (.14) are others if the workflow is a reusable one of another
//! repository. The display name of a workflow appears nowhere: whoever may
//! write a workflow chooses it.

use std::fmt;
use std::sync::Arc;

use super::Mismatch;
use crate::policy::text::TextPattern;
use crate::trust::{CertificateIdentity, NameKind};

/// Where the run took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forge {
    GitHub,
    GitLab,
}

/// A run as it must have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workflow {
    pub(super) forge: Forge,
    /// The URL of the instance with the slash at its end.
    pub(super) base: Arc<str>,
    /// The repository that is built, without the base.
    pub(super) repository: TextPattern,
    pub(super) file: File,
    /// The ref that is built, and that of a workflow of the same repository.
    pub(super) reference: TextPattern,
    /// Which triggers are accepted; if none is named, all but those of pull
    /// requests.
    pub(super) triggers: Vec<Box<str>>,
    pub(super) runner: Option<Box<str>>,
    pub(super) repository_id: Option<Box<str>>,
    pub(super) owner_id: Option<Box<str>>,
}

/// The file of the workflow that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Where it stands, if not in the repository that is built: the repository,
    /// and the ref at which it is used.
    pub(super) elsewhere: Option<(TextPattern, TextPattern)>,
    pub(super) path: TextPattern,
}

/// A build signer URI, taken apart.
struct Signer<'a> {
    repository: &'a str,
    path: &'a str,
    reference: &'a str,
}

impl Workflow {
    /// Compares a run with this.
    pub(super) fn judge(&self, identity: &CertificateIdentity) -> Result<(), Mismatch> {
        let [name] = &identity.names[..] else {
            return Err(Mismatch::OneOfSeveral {
                found: identity
                    .names
                    .last()
                    .map_or_else(|| "nobody".into(), |name| Arc::clone(&name.value)),
                count: identity.names.len(),
                expected: format!("that of a workflow of {}", self.base).into(),
            });
        };
        let run = Run { name: &name.value };
        let claims = &identity.claims;
        if name.kind != NameKind::Uri || claims.build_signer_uri.as_deref() != Some(&*name.value) {
            return run.differs(
                "build signer",
                claims.build_signer_uri.as_deref(),
                "the workflow that the certificate names",
            );
        }
        let Some(signer) = self.signer(&name.value) else {
            return Err(Mismatch::Subject {
                found: Arc::clone(&name.value),
                expected: self.to_string().into(),
            });
        };
        let uri = claims.source_repository_uri.as_deref();
        let Some(source) = uri.and_then(|uri| uri.strip_prefix(&*self.base)) else {
            let expected = format!("{}{}", self.base, self.repository);
            return run.differs("repository", uri, &expected);
        };
        if !self.repository.matches(source) {
            return run.differs("repository", Some(source), self.repository.as_str());
        }
        let number = claims.source_repository_identifier.as_deref();
        if self.repository_id.is_some() && self.repository_id.as_deref() != number {
            return run.differs("repository's number", number, or_empty(&self.repository_id));
        }
        let number = claims.source_repository_owner_identifier.as_deref();
        if self.owner_id.is_some() && self.owner_id.as_deref() != number {
            return run.differs("owner's number", number, or_empty(&self.owner_id));
        }
        self.file(&run, &signer, source)?;
        let reference = claims.source_repository_ref.as_deref();
        if !reference.is_some_and(|reference| self.reference.matches(reference)) {
            return run.differs("ref", reference, self.reference.as_str());
        }
        let trigger = claims.build_trigger.as_deref();
        if !trigger.is_some_and(|trigger| self.triggered_by(trigger)) {
            return run.differs("trigger", trigger, &self.accepted_triggers());
        }
        let runner = claims.runner_environment.as_deref();
        if self.runner.is_some() && self.runner.as_deref() != runner {
            return run.differs("runner", runner, or_empty(&self.runner));
        }
        Ok(())
    }

    /// The file that signs: of the repository that is built and at a ref that
    /// is accepted for it, or where the policy says that it is.
    fn file(&self, run: &Run<'_>, signer: &Signer<'_>, source: &str) -> Result<(), Mismatch> {
        let reference = match &self.file.elsewhere {
            None if signer.repository != source => {
                // Another repository's file runs in the name of this one only
                // if the policy says so, even where a pattern has both.
                let found = format!("of {}", signer.repository);
                return run.differs("workflow", Some(&found), &format!("one of {source}"));
            }
            None => &self.reference,
            Some((repository, _)) if !repository.matches(signer.repository) => {
                let found = format!("of {}", signer.repository);
                return run.differs("workflow", Some(&found), &format!("one of {repository}"));
            }
            Some((_, reference)) => reference,
        };
        if !self.file.path.matches(signer.path) {
            return run.differs("workflow", Some(signer.path), self.file.path.as_str());
        }
        if !reference.matches(signer.reference) {
            return run.differs("workflow's ref", Some(signer.reference), reference.as_str());
        }
        Ok(())
    }

    /// Takes a name apart. The first `@` ends the path: no path that a policy
    /// can name holds one, and a ref may.
    fn signer<'a>(&self, name: &'a str) -> Option<Signer<'a>> {
        let (place, reference) = name.strip_prefix(&*self.base)?.split_once('@')?;
        let (repository, path) = match self.forge {
            Forge::GitHub => {
                let (owner, rest) = place.split_once('/')?;
                let (repository, path) = rest.split_once('/')?;
                (&place[..owner.len() + 1 + repository.len()], path)
            }
            Forge::GitLab => place.split_once("//")?,
        };
        Some(Signer {
            repository,
            path,
            reference,
        })
    }

    fn triggered_by(&self, trigger: &str) -> bool {
        if self.triggers.is_empty() {
            return !is_of_pull_request(trigger);
        }
        self.triggers.iter().any(|known| **known == *trigger)
    }

    fn accepted_triggers(&self) -> String {
        if self.triggers.is_empty() {
            "any but those of pull requests, which `triggers` would have to name,".to_owned()
        } else {
            self.triggers.join(" or ")
        }
    }

    /// Whether this accepts every run that `other` accepts, as far as that can
    /// be told.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let free =
            |mine: &Option<Box<str>>, other: &Option<Box<str>>| mine.is_none() || mine == other;
        let triggers = if self.triggers.is_empty() {
            !other
                .triggers
                .iter()
                .any(|trigger| is_of_pull_request(trigger))
        } else {
            !other.triggers.is_empty()
                && other
                    .triggers
                    .iter()
                    .all(|trigger| self.triggers.contains(trigger))
        };
        let elsewhere = match (&self.file.elsewhere, &other.file.elsewhere) {
            (None, None) => true,
            (Some((repository, reference)), Some((other, other_reference))) => {
                repository.covers(other) && reference.covers(other_reference)
            }
            _ => false,
        };
        self.forge == other.forge
            && self.base == other.base
            && self.repository.covers(&other.repository)
            && elsewhere
            && self.file.path.covers(&other.file.path)
            && self.reference.covers(&other.reference)
            && triggers
            && free(&self.runner, &other.runner)
            && free(&self.repository_id, &other.repository_id)
            && free(&self.owner_id, &other.owner_id)
    }

    /// That names can be had again by somebody else, and numbers cannot.
    pub(super) fn advice(&self) -> Option<String> {
        if self.repository_id.is_some() || self.owner_id.is_some() {
            return None;
        }
        Some(format!(
            "{} is pinned by name only: if it is renamed or deleted, whoever takes the name over \
             is accepted; write repositoryId or ownerId too",
            self.repository
        ))
    }
}

impl fmt::Display for Workflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            base,
            repository,
            file,
            reference,
            ..
        } = self;
        let path = &file.path;
        write!(f, "{base}{repository} at {reference}, ")?;
        match &file.elsewhere {
            None => write!(f, "workflow {path}"),
            Some((repository, reference)) => {
                write!(f, "workflow {path} of {repository} at {reference}")
            }
        }
    }
}

/// One run while it is judged.
struct Run<'a> {
    name: &'a Arc<str>,
}

impl Run<'_> {
    fn differs(
        &self,
        claim: &'static str,
        found: Option<&str>,
        expected: &str,
    ) -> Result<(), Mismatch> {
        Err(Mismatch::Claim {
            signer: Arc::clone(self.name),
            claim,
            found: found.map(Into::into),
            expected: expected.into(),
        })
    }
}

fn or_empty(text: &Option<Box<str>>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// Whether a trigger runs what somebody only proposes: GitHub's events of pull
/// requests, GitLab's sources of merge requests.
pub(super) fn is_of_pull_request(trigger: &str) -> bool {
    trigger.starts_with("pull_request")
        || matches!(
            trigger,
            "merge_request_event" | "external_pull_request_event"
        )
}
