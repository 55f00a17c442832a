//! in-toto statements: which digests something is said about, and what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Predicate;
use super::json::{self, JsonError, Object};
use crate::oci::{Algorithm, Digest};

/// The predicate type of a cosign signature in a bundle.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// The two versions of the statement that are read alike here.
const STATEMENT_TYPES: [&str; 2] = [
    "https://in-toto.io/Statement/v1",
    "https://in-toto.io/Statement/v0.1",
];

/// An in-toto statement, version 0.1 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What it is said about.
    pub subjects: Vec<StatementSubject>,
    /// What is said; shared by all who verify it.
    pub predicate: Arc<Predicate>,
}

/// One subject of a statement. Its name is left out: a statement binds to
/// content by digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSubject {
    /// SHA-256 and SHA-512 digests; those of other algorithms are left out.
    pub digests: Vec<Digest>,
    /// Annotations that are strings.
    pub annotations: BTreeMap<String, String>,
}

/// Why a payload is not a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a statement of a known version; the `_type` found, shortened.
    #[error("{0:?} is not an in-toto statement of version 0.1 or 1")]
    Type(String),
    /// Not readable.
    #[error("{0}")]
    Malformed(String),
}

impl From<JsonError> for StatementError {
    fn from(JsonError(detail): JsonError) -> Self {
        Self::Malformed(detail)
    }
}

/// More subjects than this are not read. Provenance of large builds has a few
/// hundred.
const MAX_SUBJECTS: usize = 4096;

/// More annotations than this, of all subjects together, are not read: each
/// takes ten times the memory that it takes in the document.
const MAX_ANNOTATIONS: usize = 1024;

impl Statement {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let object = Object::parse(
            "statement",
            json::text(payload)?,
            &["_type", "subject", "predicateType", "predicate"],
        )?;
        let kind = object.string("_type")?;
        if !STATEMENT_TYPES.contains(&kind.as_str()) {
            return Err(StatementError::Type(json::shortened(&kind)));
        }
        let subjects = object.list("subject")?;
        if subjects.len() > MAX_SUBJECTS {
            return Err(StatementError::Malformed(format!(
                "the statement has {} subjects; {MAX_SUBJECTS} are read at most",
                subjects.len()
            )));
        }
        let mut annotations = 0;
        let mut read = Vec::with_capacity(subjects.len());
        for value in subjects {
            let subject = StatementSubject::parse(value.get())?;
            annotations += subject.annotations.len();
            if annotations > MAX_ANNOTATIONS {
                return Err(StatementError::Malformed(format!(
                    "the subjects have more than {MAX_ANNOTATIONS} annotations"
                )));
            }
            read.push(subject);
        }
        let predicate_type = object.string("predicateType")?;
        let predicate = object.get("predicate").map_or("null", |raw| raw.get());
        let predicate = Arc::new(Predicate::parse(&predicate_type, predicate));
        Ok(Self {
            predicate_type,
            subjects: read,
            predicate,
        })
    }

    /// The first subject with this digest.
    pub fn subject(&self, digest: &Digest) -> Option<&StatementSubject> {
        self.subjects
            .iter()
            .find(|subject| subject.digests.contains(digest))
    }
}

impl StatementSubject {
    fn parse(text: &str) -> Result<Self, JsonError> {
        let object = Object::parse("subject", text, &["name", "digest", "annotations"])?;
        let set = object.object("digest", &["sha256", "sha512"])?;
        let mut digests = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let name = algorithm.as_str();
            if let Some(hex) = set.optional_string(name)? {
                let digest = format!("{name}:{hex}")
                    .parse()
                    .map_err(|error| JsonError(format!("subject digest {name}: {error}")))?;
                digests.push(digest);
            }
        }
        Ok(Self {
            digests,
            annotations: object.annotations("annotations")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_bounded_over_all_subjects() {
        let statement = |subjects: usize, annotations: usize| {
            let pairs: Vec<_> = (0..annotations).map(|n| format!(r#""{n}":"x""#)).collect();
            let subject = format!(r#"{{"digest":{{}},"annotations":{{{}}}}}"#, pairs.join(","));
            let text = format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{}]}}"#,
                vec![subject; subjects].join(",")
            );
            Statement::parse(text.as_bytes())
        };
        assert!(statement(4, 256).is_ok());
        assert_eq!(
            statement(5, 256),
            Err(StatementError::Malformed(
                "the subjects have more than 1024 annotations".into()
            ))
        );
    }
}
