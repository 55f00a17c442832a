//! Demands for attestations: what compiles, and what decides.

use std::sync::Arc;

use jiff::Timestamp;
use rcgen::KeyPair;

use crate::evidence::{Obstacle, ObstacleKind, Predicate};
use crate::oci::{Digest, Reference};
use crate::policy::{Facts, MaterialId, Pinning, PolicyDocument, PolicySet, compile, decide};
use crate::trust::{
    AttestationClaim, Claim, Established, KeyFingerprint, LogProof, Material, MaterialError,
    MaterialRef, Materials, Proof, PublicKey, Scheme, SignatureClaim, SignatureLayout,
    TimestampProof, Verified,
};
use crate::verdict::{Code, Finding, Outcome, Status, Subject};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
const REVIEW: &str = "https://example.com/review/v1";
const IMAGE: &str = "registry.example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The time of every decision here.
fn now() -> Timestamp {
    at("2026-06-30T12:00:00Z")
}

fn document(spec: &str) -> String {
    format!(
        "{{apiVersion: floe.dev/v1, kind: TrustPolicy, metadata: {{name: p}}, spec: {{match: {{}}, \
         {spec}}}}}"
    )
}

/// A document with authorities `ci` and `sec`.
fn attested(attestations: &str) -> String {
    document(&format!(
        "level: attested, authorities: [{{name: ci, key: {{env: CI}}}}, \
         {{name: sec, key: {{env: SEC}}}}], attestations: {attestations}"
    ))
}

fn problems(text: &str) -> Vec<String> {
    let document = PolicyDocument {
        origin: "p.yaml".into(),
        text: text.to_owned(),
    };
    let problems = compile(&[document]).expect_err(text);
    problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

fn set(attestations: &str, unavailable: &[&str]) -> PolicySet {
    let document = PolicyDocument {
        origin: "p.yaml".into(),
        text: attested(attestations),
    };
    let mut materials = Materials::default();
    for name in ["CI", "SEC"] {
        let material = if unavailable.contains(&name) {
            Err(MaterialError::unavailable("no such variable"))
        } else {
            let pair = KeyPair::generate().expect("a key");
            let key = PublicKey::from_pem(&pair.public_key_pem()).expect("a key");
            Ok(Material::Key(key))
        };
        materials.insert(MaterialRef::Env(name.to_owned()), material);
    }
    let compiled = compile(&[document]).unwrap_or_else(|problems| panic!("{problems:?}"));
    compiled.bind(&materials)
}

fn proof(logged: Option<&str>) -> Proof {
    let mut proof = Proof::of_key(KeyFingerprint::from_bytes([1; 32]), Scheme::Ed25519);
    proof.log.extend(logged.map(|time| LogProof {
        root: "r".into(),
        log: [2; 32],
        index: 0,
        integrated: Some(at(time)),
        trusted_since: None,
    }));
    proof
}

fn statement_with(predicate_type: &str, predicate: &str, proof: Proof) -> Arc<Established> {
    let claim = AttestationClaim {
        subject: Digest::sha256(b""),
        layout: SignatureLayout::Bundle,
        document: Digest::sha256(format!("{predicate}{proof:?}").as_bytes()),
        predicate_type: predicate_type.into(),
        predicate: Arc::new(Predicate::parse(predicate_type, predicate)),
    };
    Arc::new(Ok(Verified::for_test(Claim::Attestation(claim), proof)))
}

/// A statement, logged at a time or without any.
fn statement(predicate_type: &str, predicate: &str, logged: Option<&str>) -> Arc<Established> {
    statement_with(predicate_type, predicate, proof(logged))
}

fn signature() -> Arc<Established> {
    let claim = SignatureClaim {
        subject: Digest::sha256(b""),
        layout: SignatureLayout::Bundle,
        docker_reference: None,
        annotations: Default::default(),
    };
    Arc::new(Ok(Verified::for_test(Claim::Signature(claim), proof(None))))
}

/// The outcome for an image that `ci` has signed.
fn outcome_of(
    set: &PolicySet,
    ci: Vec<Arc<Established>>,
    sec: Vec<Arc<Established>>,
    gaps: Vec<Obstacle>,
) -> Outcome {
    let reference: Reference = IMAGE.parse().expect("legal");
    let pinning = Pinning::Digest(reference.pinned().expect("pinned"));
    let selection = set.select(reference.repository(), &Subject::default());
    let mut ci = ci;
    ci.push(signature());
    let columns = [ci, sec].into_iter().enumerate();
    let facts = Facts {
        established: columns
            .map(|(id, column)| (MaterialId(id), column))
            .collect(),
        gaps,
        ..Facts::default()
    };
    let verdict = decide(&reference, &pinning, &selection, &facts, now());
    verdict.outcomes()[0].clone()
}

fn judged(attestations: &str, ci: Vec<Arc<Established>>) -> Outcome {
    outcome_of(&set(attestations, &[]), ci, Vec::new(), Vec::new())
}

/// What denies, in words.
fn denials(outcome: &Outcome) -> Vec<(&'static str, &str)> {
    let denies = |finding: &&Finding| {
        matches!(
            finding.code,
            Code::AttestationMissing | Code::AttestationConditionFailed
        )
    };
    outcome
        .findings
        .iter()
        .filter(denies)
        .map(|finding| (finding.code.as_str(), finding.message.as_str()))
        .collect()
}

#[track_caller]
fn assert_satisfied(outcome: &Outcome) {
    assert_eq!(
        outcome.status,
        Some(Status::Satisfied),
        "{:?}",
        outcome.findings
    );
    assert_eq!(denials(outcome), []);
}

/// Asserts that the one statement is not as demanded.
#[track_caller]
fn assert_failed(outcome: &Outcome, predicate_type: &str, why: &str) {
    assert_eq!(outcome.status, Some(Status::Violated));
    let message = format!("the attestation {predicate_type} by ci is not as demanded: {why}");
    assert_eq!(
        denials(outcome),
        [("attestation-condition-failed", message.as_str())]
    );
}

mod aging;
mod compiling;
mod deciding;
