//! What stays in force when a folder of policies is read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::compile::{Entry, entries};
use super::{Compiled, PolicyDocument, Problem, compile, spec, yaml};
use crate::verdict::{Code, Finding, PolicyName};

/// What one look at a folder brought.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Every file that could be read.
    pub documents: Vec<PolicyDocument>,
    /// Files that are there and could not be read, each with one sentence why.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Folders without any policy file, or that cannot be listed. Each denies
    /// everything, whatever the others hold: what it was to demand is not known.
    pub missing: Vec<PathBuf>,
    /// Whether the list of files is complete. Only then does a file that is not
    /// in it remove its policies.
    pub complete: bool,
}

const NO_POLICY: &str = "no file of the folder holds a policy; to run without policies, put an \
                         empty TrustPolicyList there";

const NO_FILE: &str = "has no policy any more, or cannot be read; to run without, put an empty \
                       TrustPolicyList there";

const BLANK: &str = "the file had policies and holds none any more; remove the file, or put an \
                     empty TrustPolicyList there";

/// The last good text of every file.
///
/// Last-good covers only the text of documents, never a key.
#[derive(Debug, Clone, Default)]
pub struct Store {
    good: BTreeMap<PathBuf, String>,
}

/// What is in force after a look.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// To be bound to material.
    pub compiled: Compiled,
    /// Everything that is wrong with what was read; empty if it is in force as
    /// it stands.
    pub problems: Vec<Problem>,
}

impl Store {
    /// Starts from documents that must all compile. Without any policy
    /// everything is denied, as in [`Self::reload`].
    ///
    /// # Errors
    ///
    /// Every problem, as [`compile`].
    pub fn start(documents: &[PolicyDocument]) -> Result<(Self, Compiled), Vec<Problem>> {
        let mut compiled = compile(documents)?;
        if compiled.is_empty() && !documents.iter().any(says_empty) {
            compiled = Compiled::denying(Finding::violation(Code::PoliciesMissing, NO_POLICY));
        }
        let good = documents
            .iter()
            .map(|document| (document.origin.clone(), document.text.clone()))
            .collect();
        Ok((Self { good }, compiled))
    }

    /// Takes what a new look brought.
    ///
    /// A file that stopped compiling, or cannot be read any more, keeps its last
    /// good text. One that never compiled denies what its `match` covers, and
    /// everything if that cannot be read. Without any file, of one folder or of
    /// all, everything is denied (`policies-missing`), unless a file says so with
    /// an empty `TrustPolicyList`.
    pub fn reload(&mut self, reading: &Reading) -> Reloaded {
        let mut problems = Vec::new();
        let empty = reading.documents.is_empty() && reading.unreadable.is_empty();
        if empty {
            let message = if reading.complete {
                "the folder of policies is empty; to run without policies, put an empty \
                 TrustPolicyList there"
            } else {
                "the folder of policies cannot be read"
            };
            problems.push(Problem {
                origin: "policies".to_owned(),
                path: String::new(),
                message: message.to_owned(),
            });
            return Reloaded {
                compiled: Compiled::denying(Finding::violation(Code::PoliciesMissing, message)),
                problems,
            };
        }
        for (origin, why) in &reading.unreadable {
            problems.push(Problem {
                origin: origin.display().to_string(),
                path: String::new(),
                message: why.clone(),
            });
        }
        let present = |origin: &PathBuf| {
            reading.documents.iter().any(|d| &d.origin == origin)
                || reading.unreadable.iter().any(|(other, _)| other == origin)
        };
        if reading.complete {
            self.good.retain(|origin, _| present(origin));
        }
        self.merge(reading, problems)
    }

    /// Files as they were come first: a changed or new file never pushes out a
    /// name that is in force.
    fn merge(&mut self, reading: &Reading, mut problems: Vec<Problem>) -> Reloaded {
        let mut names: BTreeMap<PolicyName, String> = BTreeMap::new();
        let mut accepted: BTreeMap<PathBuf, Vec<Entry>> = BTreeMap::new();
        let changed: Vec<_> = reading
            .documents
            .iter()
            .filter(|d| self.good.get(&d.origin) != Some(&d.text))
            .collect();
        for (origin, text) in &self.good {
            if changed.iter().any(|d| &d.origin == origin) {
                continue;
            }
            if let Ok(found) = good_entries(origin, text) {
                claim(&found, &mut names);
                accepted.insert(origin.clone(), found);
            }
        }
        let mut failed = Vec::new();
        let mut blank = Vec::new();
        for document in changed {
            match entries(document).and_then(|found| free(found, &names)) {
                // A file that is being written is empty for a moment.
                Ok(found) if found.is_empty() && self.had_policies(document) => {
                    blank.push(document);
                }
                Ok(found) => {
                    claim(&found, &mut names);
                    accepted.insert(document.origin.clone(), found);
                    self.good
                        .insert(document.origin.clone(), document.text.clone());
                }
                Err(found) => {
                    problems.extend(found);
                    failed.push(document);
                }
            }
        }
        // Where nothing else is left, the folder as a whole has become empty.
        if accepted.values().any(|found| !found.is_empty()) {
            problems.extend(blank.iter().map(|document| Problem {
                origin: document.origin.display().to_string(),
                path: String::new(),
                message: BLANK.to_owned(),
            }));
            failed.extend(blank);
        }
        let mut stand_ins = Compiled::default();
        for document in failed {
            let last_good = self
                .good
                .get(&document.origin)
                .and_then(|text| good_entries(&document.origin, text).ok())
                .and_then(|found| free(found, &names).ok());
            match last_good {
                Some(found) => {
                    claim(&found, &mut names);
                    accepted.insert(document.origin.clone(), found);
                }
                None => stand_in(document, &mut stand_ins),
            }
        }
        for (origin, _) in &reading.unreadable {
            if !accepted.contains_key(origin) {
                deny_all(&origin.display().to_string(), &mut stand_ins);
            }
        }
        // The policies of the other folders alone would admit what those of this
        // one were there to refuse.
        for folder in &reading.missing {
            let message = format!("{} {NO_FILE}", folder.display());
            let name = PolicyName(folder.display().to_string().into());
            let finding = Finding::violation(Code::PoliciesMissing, message.clone());
            stand_ins.deny(
                name,
                Default::default(),
                folder.display().to_string(),
                finding,
            );
            problems.push(Problem {
                origin: folder.display().to_string(),
                path: String::new(),
                message: NO_FILE.to_owned(),
            });
        }
        let mut compiled = Compiled {
            entries: accepted.into_values().flatten().collect(),
        };
        compiled.entries.append(&mut stand_ins.entries);
        if compiled.is_empty() && !reading.documents.iter().any(says_empty) {
            problems.push(Problem {
                origin: "policies".to_owned(),
                path: String::new(),
                message: NO_POLICY.to_owned(),
            });
            compiled = Compiled::denying(Finding::violation(Code::PoliciesMissing, NO_POLICY));
        }
        Reloaded { compiled, problems }
    }
}

impl Store {
    /// Whether a file that says nothing any more had policies, and does not say
    /// that there are to be none.
    fn had_policies(&self, document: &PolicyDocument) -> bool {
        let before = self.good.get(&document.origin);
        before
            .and_then(|text| good_entries(&document.origin, text).ok())
            .is_some_and(|found| !found.is_empty())
            && !says_empty(document)
    }
}

fn good_entries(origin: &Path, text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
    entries(&PolicyDocument {
        origin: origin.to_path_buf(),
        text: text.to_owned(),
    })
}

fn claim(entries: &[Entry], names: &mut BTreeMap<PolicyName, String>) {
    for entry in entries {
        names.insert(entry.spec.name.clone(), entry.origin.clone());
    }
}

/// The entries, if none of their names is taken.
fn free(
    entries: Vec<Entry>,
    names: &BTreeMap<PolicyName, String>,
) -> Result<Vec<Entry>, Vec<Problem>> {
    let taken: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            let name = &entry.spec.name;
            let other = names.get(name)?;
            Some(Problem {
                origin: entry.origin.clone(),
                path: "metadata.name".to_owned(),
                message: format!("`{name}` is the name of another policy, in {other}"),
            })
        })
        .collect();
    if taken.is_empty() {
        Ok(entries)
    } else {
        Err(taken)
    }
}

/// What a file denies that never compiled: the places of all its documents,
/// good ones included, as they were meant to be one change.
fn stand_in(document: &PolicyDocument, compiled: &mut Compiled) {
    let origin = document.origin.display().to_string();
    let Ok(documents) = yaml::documents(&document.text) else {
        deny_all(&origin, compiled);
        return;
    };
    for found in &documents {
        match spec::scope(&found.value) {
            Some((name, Some(matcher))) => {
                let finding = invalid(&origin);
                compiled.deny(name, matcher, format!("{origin}:{}", found.line), finding);
            }
            _ => deny_all(&origin, compiled),
        }
    }
}

fn deny_all(origin: &str, compiled: &mut Compiled) {
    let name = PolicyName(origin.into());
    compiled.deny(name, Default::default(), origin.to_owned(), invalid(origin));
}

fn invalid(origin: &str) -> Finding {
    Finding::violation(
        Code::PolicyInvalid,
        format!(
            "{origin} does not compile and never did; its problems were reported when it was read"
        ),
    )
}

/// Whether a file says that there are to be no policies.
fn says_empty(document: &PolicyDocument) -> bool {
    yaml::explicitly_empty(&document.text)
}
