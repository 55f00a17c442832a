//! Pinning, enforcement, broken policies, and the words of findings.

use std::sync::Arc;

use super::combining::{gap, outcome, policy, rejected, signed};
use crate::oci::Reference;
use crate::policy::Requirement::{AllOf, AnyOf, Authority as Is};
use crate::policy::{
    Applies, Facts, MaterialId, Pinning, Policy, Selected, Selection, Tags, decide,
};
use crate::trust::RejectionKind;
use crate::verdict::{Code, Decision, Enforcement, Finding, FindingKind, NoMatch, Status, Verdict};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn run(policy: Policy, applies: Applies, pinning: impl Fn(&Reference) -> Pinning) -> Verdict {
    let reference: Reference = "registry.example.com/app:1.4".parse().expect("legal");
    let selection = Selection {
        policies: vec![Selected {
            policy: Arc::new(policy),
            applies,
        }],
        no_match: NoMatch::Deny,
    };
    let facts = Facts {
        established: vec![(MaterialId(0), vec![signed(1)])],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let at = jiff::Timestamp::UNIX_EPOCH;
    decide(&reference, &pinning(&reference), &selection, &facts, at)
}

fn resolved(reference: &Reference) -> Pinning {
    let digest = DIGEST.parse().expect("canonical");
    Pinning::Resolved(reference.repository().pin(digest))
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.all_findings().map(|f| f.code.as_str()).collect()
}

#[test]
fn a_tag_is_refused_with_the_reference_to_deploy_whatever_is_signed() {
    let verdict = run(policy(1, &[], Is(0)), Applies::Yes, resolved);
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Violated));
    let finding = &verdict.outcomes()[0].findings[0];
    assert_eq!(finding.code, Code::TagNotPinned);
    assert_eq!(
        finding.message,
        format!("the tag can move; deploy registry.example.com/app@{DIGEST}")
    );
}

#[test]
fn a_tag_that_cannot_be_resolved_is_a_violation_all_the_same() {
    let verdict = run(policy(1, &[], Is(0)), Applies::Yes, |_| {
        Pinning::Unresolved(gap())
    });
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Violated));
    assert_eq!(codes(&verdict), ["tag-not-pinned"]);
    assert!(verdict.outcomes()[0].findings[0].message.contains("1.4"));
}

#[test]
fn a_policy_without_signatures_refuses_tags_too() {
    let mut policy = policy(0, &[], Is(0));
    policy.requirement = None;
    let verdict = run(policy, Applies::Yes, resolved);
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(codes(&verdict), ["tag-not-pinned"]);
}

#[test]
fn the_command_lines_keys_judge_what_the_tag_names_now() {
    let keys = || Policy {
        tags: Tags::Resolve,
        ..policy(1, &[], Is(0))
    };
    let verdict = run(keys(), Applies::Yes, resolved);
    assert_eq!(verdict.decision(), Decision::Allow);
    let verdict = run(keys(), Applies::Yes, |_| Pinning::Unresolved(gap()));
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Inconclusive));
    assert_eq!(codes(&verdict), ["registry-unreachable"]);
}

#[test]
fn a_policy_that_may_apply_is_inconclusive() {
    let finding = Finding::blocked(Code::SubjectIncomplete, "name the namespace");
    let applies = Applies::Unknown(finding);
    let verdict = run(policy(1, &[], Is(0)), applies, resolved);
    assert_eq!(verdict.outcomes()[0].status, Some(Status::Inconclusive));
    assert_eq!(codes(&verdict), ["subject-incomplete"]);
    assert!(verdict.is_inconclusive());
}

#[test]
fn a_broken_policy_denies_and_says_why() {
    let broken = |enforcement| Policy {
        broken: Some(Finding::violation(Code::PolicyInvalid, "one key twice")),
        enforcement,
        ..policy(1, &[], Is(0))
    };
    let verdict = run(broken(Enforcement::Enforce), Applies::Yes, resolved);
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(codes(&verdict), ["policy-invalid"]);
    let verdict = run(broken(Enforcement::Warn), Applies::Yes, resolved);
    assert_eq!(verdict.decision(), Decision::Allow);
    assert!(verdict.warns());
}

#[test]
fn a_policy_that_is_off_is_listed_and_no_match() {
    let off = Policy {
        enforcement: Enforcement::Off,
        ..policy(1, &[], Is(0))
    };
    let verdict = run(off, Applies::Yes, resolved);
    assert_eq!(verdict.outcomes()[0].status, None);
    assert_eq!(verdict.decision(), Decision::Deny);
    assert_eq!(codes(&verdict), ["no-policy-matches"]);
}

#[test]
fn what_is_missing_is_said_in_words() {
    let any = AnyOf(vec![Is(0), Is(1)]);
    let none = outcome(policy(2, &[], any.clone()), &Facts::default());
    assert_eq!(
        none.findings,
        [Finding::violation(
            Code::SignatureMissing,
            "no signature by a or b; found none"
        )]
    );
    let foreign = rejected(RejectionKind::SignatureInvalid, "made by another key");
    let facts = Facts {
        established: vec![
            (MaterialId(0), vec![foreign.clone()]),
            (MaterialId(1), vec![foreign]),
        ],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let one = outcome(policy(2, &[], any), &facts);
    assert_eq!(
        one.findings[0].message,
        "no signature by a or b; found 1 signature by somebody else"
    );
    assert_eq!(one.findings.len(), 2);
    let facts = Facts {
        established: vec![(MaterialId(0), vec![signed(1)]), (MaterialId(1), vec![])],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let half = outcome(policy(2, &[], AllOf(vec![Is(0), Is(1)])), &facts);
    assert_eq!(
        half.findings,
        [Finding::violation(
            Code::ThresholdNotMet,
            "needs all of [a, b]; signed by a (1 distinct)"
        )]
    );
}

#[test]
fn what_stood_in_the_way_is_said_once() {
    let facts = Facts {
        established: Vec::new(),
        gaps: vec![gap(), gap()],
        ..Facts::default()
    };
    let found = outcome(policy(2, &[1], AnyOf(vec![Is(0), Is(1)])), &facts);
    assert_eq!(found.status, Some(Status::Inconclusive));
    let messages: Vec<_> = found
        .findings
        .iter()
        .map(|f| (f.code.as_str(), f.message.as_str()))
        .collect();
    assert_eq!(
        messages,
        [
            ("key-unavailable", "b cannot be checked: no such file"),
            ("registry-unreachable", "no connection"),
        ]
    );
}

#[test]
fn a_good_signature_counts_and_a_bad_one_beside_it_is_a_note() {
    let broken = rejected(RejectionKind::Malformed, "no JSON");
    let facts = Facts {
        established: vec![(MaterialId(0), vec![broken, signed(1)])],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let found = outcome(policy(1, &[], Is(0)), &facts);
    assert_eq!(found.status, Some(Status::Satisfied));
    let kinds: Vec<_> = found.findings.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FindingKind::Note]);
}

#[test]
fn a_document_that_counts_for_one_authority_is_no_note_for_another() {
    let foreign = rejected(RejectionKind::SignatureInvalid, "made by another key");
    let facts = Facts {
        established: vec![
            (MaterialId(0), vec![signed(1), foreign.clone()]),
            (MaterialId(1), vec![foreign, signed(2)]),
        ],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let found = outcome(policy(2, &[], AllOf(vec![Is(0), Is(1)])), &facts);
    assert_eq!(found.status, Some(Status::Satisfied));
    assert_eq!(found.findings, []);
}

#[test]
fn notes_are_bounded_and_the_rest_is_counted() {
    let documents = (0..20)
        .map(|n| rejected(RejectionKind::Malformed, &format!("broken {}", n.min(18))))
        .collect();
    let facts = Facts {
        established: vec![(MaterialId(0), documents)],
        gaps: Vec::new(),
        ..Facts::default()
    };
    let found = outcome(policy(1, &[], Is(0)), &facts);
    assert_eq!(found.findings[0].code, Code::SignatureMissing);
    assert_eq!(found.findings.len(), 1 + 8 + 1);
    assert_eq!(
        found.findings[9].message,
        "and 11 more attached documents that do not count"
    );
}
