use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::admission::{Coverage, Gvk, Judged};
use crate::oci::Reference;
use crate::verdict::{FindingKind, NoMatch, PolicyName, Status, Verdict};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn outcome(
    policy: &str,
    enforcement: Enforcement,
    status: Status,
    findings: Vec<Finding>,
) -> Outcome {
    Outcome {
        policy: PolicyName(policy.into()),
        enforcement,
        status: (enforcement != Enforcement::Off).then_some(status),
        signers: vec![],
        findings,
    }
}

fn tag() -> Finding {
    Finding::violation(Code::TagNotPinned, "the tag can move")
}

/// One container for each list of outcomes.
fn judged(outcomes: Vec<Vec<Outcome>>, no_match: NoMatch) -> Grounds<'static> {
    let containers: Vec<_> = (0..outcomes.len())
        .map(|n| format!(r#"{{"name":"c{n}","image":"r.test/app:{n}"}}"#))
        .collect();
    let object = format!(r#"{{"spec":{{"containers":[{}]}}}}"#, containers.join(","));
    let uses = Coverage::builtin()
        .references(
            &Gvk::from_manifest("v1", "Pod"),
            None,
            Box::leak(object.into_boxed_str()),
        )
        .expect("readable");
    let verdicts = outcomes
        .into_iter()
        .enumerate()
        .map(|(n, outcomes)| {
            let reference: Reference = format!("r.test/app:{n}").parse().expect("reference");
            let pinned = reference.repository().pin(DIGEST.parse().expect("digest"));
            Verdict::conclude(reference, Some(pinned), outcomes, no_match)
        })
        .collect::<Vec<_>>();
    Grounds::Judged(Judged {
        verdict_of: (0..uses.len()).collect(),
        uses,
        verdicts,
    })
}

fn answer(grounds: &Grounds<'_>) -> Value {
    let bytes = render("u-1", Some("shop"), grounds, Caller::Unauthenticated);
    let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(answer["response"]["uid"], "u-1");
    answer["response"].clone()
}

#[test]
fn a_denial_names_the_container_what_was_found_and_the_next_command() {
    let missing = Finding::violation(Code::SignatureMissing, "no signature by ci");
    let grounds = judged(
        vec![vec![
            outcome(
                "prod",
                Enforcement::Enforce,
                Status::Violated,
                vec![tag(), missing.clone()],
            ),
            outcome("floor", Enforcement::Enforce, Status::Violated, vec![tag()]),
            outcome("good", Enforcement::Enforce, Status::Satisfied, vec![]),
            outcome("later", Enforcement::Off, Status::Violated, vec![]),
        ]],
        NoMatch::Deny,
    );
    let response = answer(&grounds);
    assert_eq!(response["allowed"], false);
    assert_eq!(
        response["status"]["message"],
        format!(
            "spec.containers[0] \"c0\": r.test/app:0 is refused by policies prod, floor\n  \
             tag-not-pinned      the tag can move\n  \
             signature-missing   no signature by ci\n  \
             next: floe verify r.test/app@{DIGEST} --namespace shop --policy FILE --explain"
        )
    );
    assert_eq!(
        response["auditAnnotations"]["codes"],
        "tag-not-pinned, signature-missing"
    );
    assert_eq!(
        response["auditAnnotations"]["policies"],
        "prod=enforce, floor=enforce, good=enforce"
    );
    assert_eq!(response.get("warnings"), None);
}

#[test]
fn a_denial_that_rests_on_obstacles_only_says_when_to_try_again() {
    let blocked = Finding {
        code: Code::KeyUnavailable,
        kind: FindingKind::Obstacle,
        message: "the key cannot be read".into(),
        retry_after: Some(Duration::from_secs(7)),
    };
    let inconclusive =
        |findings| outcome("prod", Enforcement::Enforce, Status::Inconclusive, findings);
    let response = answer(&judged(
        vec![vec![inconclusive(vec![blocked.clone()])]],
        NoMatch::Deny,
    ));
    let message = response["status"]["message"].as_str().expect("message");
    assert!(
        message.contains(
            "\n  retry: something could not be looked at; nothing bad was found. Try again in 7 s\n"
        ),
        "{message}"
    );
    // Not where something bad was found as well.
    let bad = outcome("floor", Enforcement::Enforce, Status::Violated, vec![tag()]);
    let response = answer(&judged(
        vec![vec![inconclusive(vec![blocked]), bad]],
        NoMatch::Deny,
    ));
    let message = response["status"]["message"].as_str().expect("message");
    assert!(!message.contains("retry:"), "{message}");
}

#[test]
fn an_admission_with_a_policy_that_warns_says_what_would_have_been_refused() {
    let grounds = judged(
        vec![
            vec![outcome(
                "soft",
                Enforcement::Warn,
                Status::Violated,
                vec![tag()],
            )],
            vec![outcome(
                "soft",
                Enforcement::Warn,
                Status::Satisfied,
                vec![],
            )],
        ],
        NoMatch::Deny,
    );
    let response = answer(&grounds);
    assert_eq!(response["allowed"], true);
    assert_eq!(response.get("status"), None);
    assert_eq!(
        response["warnings"],
        serde_json::json!([
            "floe: spec.containers[0] \"c0\": r.test/app:0 would be refused by policy soft: tag-not-pinned"
        ])
    );
    assert_eq!(response["auditAnnotations"]["decision"], "allow");
    assert_eq!(response["auditAnnotations"]["policies"], "soft=warn");
    assert_eq!(response["auditAnnotations"]["codes"], "tag-not-pinned");
}

#[test]
fn no_matching_policy_denies_warns_or_says_nothing() {
    let response = answer(&judged(vec![vec![]], NoMatch::Deny));
    assert_eq!(response["allowed"], false);
    let message = response["status"]["message"].as_str().expect("message");
    assert!(
        message
            .starts_with("spec.containers[0] \"c0\": r.test/app:0 is refused\n  no-policy-matches"),
        "{message}"
    );
    let response = answer(&judged(vec![vec![]], NoMatch::Warn));
    assert_eq!(response["allowed"], true);
    assert!(
        response["warnings"][0]
            .as_str()
            .is_some_and(|text| text.ends_with("would be refused: no-policy-matches"))
    );
    let response = answer(&judged(vec![vec![]], NoMatch::Allow));
    assert_eq!(response["allowed"], true);
    assert_eq!(response.get("warnings"), None);
}

#[test]
fn one_refused_image_among_good_ones_refuses_the_object() {
    let good = || {
        vec![outcome(
            "p",
            Enforcement::Enforce,
            Status::Satisfied,
            vec![],
        )]
    };
    let bad = vec![outcome(
        "p",
        Enforcement::Enforce,
        Status::Violated,
        vec![tag()],
    )];
    assert_eq!(
        answer(&judged(vec![good(), good()], NoMatch::Deny))["allowed"],
        true
    );
    let response = answer(&judged(vec![good(), bad, good()], NoMatch::Deny));
    assert_eq!(response["allowed"], false);
    let message = response["status"]["message"].as_str().expect("message");
    assert!(message.starts_with("spec.containers[1]"), "{message}");
}

#[test]
fn no_verdict_at_all_is_a_denial() {
    assert_eq!(answer(&judged(vec![], NoMatch::Allow))["allowed"], false);
}

#[test]
fn warnings_and_annotations_stay_within_what_the_api_server_keeps() {
    let long = "p".repeat(300);
    let images = (0..200)
        .map(|n| {
            vec![outcome(
                &format!("{long}{n}"),
                Enforcement::Warn,
                Status::Violated,
                vec![tag()],
            )]
        })
        .collect();
    let response = answer(&judged(images, NoMatch::Deny));
    let warnings = response["warnings"].as_array().expect("warnings");
    let lengths: Vec<_> = warnings
        .iter()
        .map(|text| text.as_str().expect("text").len())
        .collect();
    assert!(
        lengths.iter().all(|length| *length <= MAX_WARNING),
        "{lengths:?}"
    );
    assert!(lengths.iter().sum::<usize>() <= 4096, "{lengths:?}");
    let left_out = 200 - (warnings.len() - 1);
    assert_eq!(
        *warnings.last().expect("one"),
        Value::from(format!("floe: {left_out} more images would be refused"))
    );
    let policies = response["auditAnnotations"]["policies"]
        .as_str()
        .expect("text");
    assert!(policies.len() <= MAX_ANNOTATION);
}
