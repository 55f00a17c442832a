//! Expressions: what they mean, what they may cost, and what they survive.

use std::sync::Arc;

use super::evaluate::{EvaluationError, evaluate};
use super::limits::{MAX_INPUT_BYTES, MAX_INPUT_VALUES};
use super::translate::compile;
use crate::evidence::{Json, Predicate};
use crate::oci::Digest;
use crate::trust::{AttestationClaim, SignatureLayout};

const TYPE: &str = "https://example.com/review/v1";
const PREDICATE: &str = r#"{
    "passed": true, "score": 7, "ratio": 0.5, "big": 18446744073709551615, "nothing": null,
    "name": "Grüße", "finishedOn": "2026-03-04T05:06:07Z", "empty": [], "none": {},
    "reviewers": [{"name": "ann", "team": "core", "votes": 2}, {"name": "bob", "votes": 1}],
    "tags": ["a", "b", "c"], "labels": {"x": "1", "y": "2"}
}"#;

fn tree(text: &str) -> Json {
    Predicate::parse(TYPE, text)
        .tree(MAX_INPUT_BYTES, MAX_INPUT_VALUES)
        .expect("strict JSON")
}

fn run_on(source: &str, predicate: &Json) -> Result<bool, EvaluationError> {
    let expression = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    evaluate(&expression, predicate, TYPE, "sha256:abc")
}

fn run(source: &str) -> Result<bool, EvaluationError> {
    run_on(source, &tree(PREDICATE))
}

fn claim(text: &str) -> AttestationClaim {
    AttestationClaim {
        subject: Digest::sha256(b"image"),
        layout: SignatureLayout::Bundle,
        document: Digest::sha256(text.as_bytes()),
        predicate_type: TYPE.into(),
        predicate: Arc::new(Predicate::parse(TYPE, text)),
    }
}

mod bounds;
mod meaning;
