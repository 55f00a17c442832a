//! Documents to [`Compiled`], with every problem reported at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::authority::AuthoritySpec;
use super::select::Matcher;
use super::spec::{self, Spec};
use super::{Authority, MultiArch, Policy, PolicySet, Tags, Unavailable, yaml};
use crate::oci::Digest;
use crate::trust::{MaterialRef, Materials, OldBundles};
use crate::verdict::{Code, Enforcement, Finding, PolicyName};

/// One document as it was read: where from, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    /// Where it came from, for messages and for resolving relative paths.
    pub origin: PathBuf,
    /// YAML or JSON, one or several documents.
    pub text: String,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {path}{}{message}", if path.is_empty() { "" } else { ": " })]
pub struct Problem {
    /// File, and line where known.
    pub origin: String,
    /// Path of the field, such as `spec.authorities[1].key`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Policies that compile, before their material was read.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    pub(super) entries: Vec<Entry>,
}

/// One policy, or what stands in for one that cannot be evaluated.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) spec: Spec,
    pub(super) broken: Option<Finding>,
    /// Identity of the document.
    pub(super) digest: Digest,
    /// Where it stands, for messages.
    pub(super) origin: String,
}

/// Compiles documents.
///
/// # Errors
///
/// Every [`Problem`] of every document.
pub fn compile(documents: &[PolicyDocument]) -> Result<Compiled, Vec<Problem>> {
    let mut compiled = Compiled::default();
    let mut problems = Vec::new();
    for document in documents {
        match entries(document) {
            Ok(entries) => compiled.entries.extend(entries),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(duplicates(&compiled.entries));
    if problems.is_empty() {
        Ok(compiled)
    } else {
        Err(problems)
    }
}

/// The policies of one text, each good by itself.
pub(super) fn entries(document: &PolicyDocument) -> Result<Vec<Entry>, Vec<Problem>> {
    let origin = document.origin.display();
    let found = yaml::documents(&document.text).map_err(|error| {
        vec![Problem {
            origin: origin.to_string(),
            path: String::new(),
            message: error.to_string(),
        }]
    })?;
    // A file that is being written is empty for a moment. Taken for "no policy",
    // it would take what it held out of force.
    if found.is_empty() && !yaml::explicitly_empty(&document.text) {
        return Err(vec![Problem {
            origin: origin.to_string(),
            path: String::new(),
            message: "holds no policy; write one, or remove the file".to_owned(),
        }]);
    }
    let folder = document.origin.parent().unwrap_or(Path::new(""));
    let file = |path: &str| folder.join(path).to_string_lossy().into_owned();
    let mut entries = Vec::with_capacity(found.len());
    let mut problems = Vec::new();
    for document in found {
        let origin = format!("{origin}:{}", document.line);
        match spec::read(&document.value, &file) {
            Ok(spec) => entries.push(Entry {
                spec,
                broken: None,
                digest: identity(&document.value),
                origin,
            }),
            Err(complaints) => problems.extend(complaints.into_iter().map(|(path, message)| {
                let dot = if document.path.is_empty() || path.is_empty() {
                    ""
                } else {
                    "."
                };
                Problem {
                    origin: origin.clone(),
                    path: format!("{}{dot}{path}", document.path),
                    message,
                }
            })),
        }
    }
    problems.extend(duplicates(&entries));
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

pub(super) fn identity(document: &Value) -> Digest {
    Digest::sha256(document.to_string().as_bytes())
}

/// Names that more than one policy has: which of them an exemption or a report
/// meant could not be told.
fn duplicates(entries: &[Entry]) -> Vec<Problem> {
    let mut first: BTreeMap<&PolicyName, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for entry in entries {
        let name = &entry.spec.name;
        if let Some(other) = first.get(name) {
            problems.push(Problem {
                origin: entry.origin.clone(),
                path: "metadata.name".to_owned(),
                message: format!("`{name}` is the name of another policy, in {other}"),
            });
        } else {
            first.insert(name, &entry.origin);
        }
    }
    problems
}

impl Compiled {
    /// A policy that denies everything and says why: for a folder that cannot be
    /// read.
    pub fn denying(finding: Finding) -> Self {
        let mut compiled = Self::default();
        let name = PolicyName("policies".into());
        compiled.deny(name, Matcher::default(), "policies".to_owned(), finding);
        compiled
    }

    /// Adds what stands in for a document that cannot be evaluated.
    pub(super) fn deny(
        &mut self,
        name: PolicyName,
        matcher: Matcher,
        origin: String,
        finding: Finding,
    ) {
        let digest = Digest::sha256(format!("{origin}\0{}", finding.message).as_bytes());
        self.entries.push(Entry {
            spec: Spec {
                name,
                matcher,
                enforcement: Enforcement::Enforce,
                tags: Tags::Deny,
                authorities: Vec::new(),
                requirement: None,
                multi_arch: MultiArch::Index,
                signed_for_repository: false,
                old_bundles: OldBundles::Refused,
                attestations: Vec::new(),
                known_good_for: Duration::ZERO,
            },
            broken: Some(finding),
            digest,
            origin,
        });
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no policy.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The material that the policies refer to, to be read by the caller: in
    /// order, each once.
    pub fn materials(&self) -> Vec<MaterialRef> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .flat_map(|entry| &entry.spec.authorities)
            .flat_map(AuthoritySpec::references)
            .cloned()
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Adds the material. What could not be read makes the authority
    /// inconclusive (`key-unavailable`, `trust-root-unavailable`,
    /// `trust-root-expired`); nothing is dropped. A policy that turns out to name
    /// one key or identity twice is broken and denies in its scope.
    pub fn bind(&self, materials: &Materials) -> PolicySet {
        let mut set = PolicySet::default();
        let mut hashed = b"floe policies v1\0".to_vec();
        for entry in &self.entries {
            hashed.extend_from_slice(entry.digest.as_bytes());
            let spec = &entry.spec;
            let mut authorities = Vec::with_capacity(spec.authorities.len());
            for authority in &spec.authorities {
                let material = authority
                    .bind(materials)
                    .map(|material| set.intern(Arc::new(material)));
                match &material {
                    Ok(id) => {
                        hashed.push(1);
                        hashed.extend_from_slice(set.materials[id.0].fingerprint().as_bytes());
                    }
                    // The reason is part of every denial.
                    Err(Unavailable { code, why }) => {
                        hashed.push(0);
                        hashed.extend_from_slice(code.as_str().as_bytes());
                        hashed.extend_from_slice(Digest::sha256(why.as_bytes()).as_bytes());
                    }
                }
                authorities.push(Authority {
                    name: Arc::clone(&authority.name),
                    material,
                    identity: authority.identity.clone(),
                    validity: authority.validity,
                });
            }
            let broken = entry.broken.clone().or_else(|| one_key_twice(&authorities));
            let policy = Policy {
                name: spec.name.clone(),
                enforcement: spec.enforcement,
                tags: spec.tags,
                authorities,
                requirement: spec.requirement.clone(),
                multi_arch: spec.multi_arch,
                signed_for_repository: spec.signed_for_repository,
                old_bundles: spec.old_bundles,
                attestations: spec.attestations.clone(),
                known_good_for: spec.known_good_for,
                broken,
            };
            set.policies.push((spec.matcher.clone(), Arc::new(policy)));
        }
        set.hash = Digest::sha256(&hashed);
        set
    }
}

/// Two authorities with the same key or identity look like two people and are
/// one. That the requirement counts distinct signers would stop it, but
/// whoever wrote it believes something that is not so.
fn one_key_twice(authorities: &[Authority]) -> Option<Finding> {
    for (index, authority) in authorities.iter().enumerate() {
        let Ok(material) = &authority.material else {
            continue;
        };
        let same = |other: &&Authority| {
            other.material.as_ref() == Ok(material) && other.identity == authority.identity
        };
        if let Some(other) = authorities[..index].iter().find(same) {
            let what = match &authority.identity {
                Some(_) => "identity",
                None => "key",
            };
            return Some(Finding::violation(
                Code::PolicyInvalid,
                format!(
                    "authorities {} and {} have one and the same {what}; name each {what} once",
                    other.name, authority.name
                ),
            ));
        }
    }
    None
}
