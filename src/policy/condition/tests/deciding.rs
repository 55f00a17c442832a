//! What satisfies a demand. Everything that does has twins that do not, each for
//! its own reason.

use super::*;

/// Provenance as GitHub writes it.
fn provenance(builder: &str, build_type: &str, source: &str) -> String {
    format!(
        r#"{{"buildDefinition":{{"buildType":"{build_type}","externalParameters":{{"workflow":
        {{"repository":"{source}"}}}}}},"runDetails":{{"builder":{{"id":"{builder}"}}}}}}"#
    )
}

#[test]
fn provenance_must_come_from_the_builder_the_type_and_the_repository() {
    let demand = "[{predicateType: https://slsa.dev/provenance/v1, by: [ci], \
        builder: https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v*, \
        buildType: https://actions.github.io/buildtypes/workflow/v1, \
        sourceRepository: https://github.com/acme/*}]";
    let (builder, build_type, source) = (
        "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1",
        "https://actions.github.io/buildtypes/workflow/v1",
        "git+https://github.com/acme/app@refs/tags/v1",
    );
    let judge = |builder: &str, build_type: &str, source: &str| {
        let text = provenance(builder, build_type, source);
        judged(demand, vec![statement(PROVENANCE, &text, None)])
    };
    assert_satisfied(&judge(builder, build_type, source));
    for (outcome, why) in [
        (
            judge(
                "https://github.com/acme/app/.github/workflows/r.yml@refs/heads/v1",
                build_type,
                source,
            ),
            "its builder is \"https://github.com/acme/app/.github/workflows/r.yml@refs/heads/v1\", not \
             \"https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v*\"",
        ),
        (
            judge("", build_type, source),
            "its builder is not given, not \
             \"https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v*\"",
        ),
        (
            judge(builder, "https://example.com/other", source),
            "its build type is \"https://example.com/other\", not \
             \"https://actions.github.io/buildtypes/workflow/v1\"",
        ),
        (
            judge(builder, build_type, "https://github.com/acme-evil/app"),
            "its source repository is \"https://github.com/acme-evil/app\", not \
             \"https://github.com/acme/*\"",
        ),
        (
            judge(builder, build_type, "https://github.com/acme/../evil/app"),
            "its source repository is \"https://github.com/acme/../evil/app\", not \
             \"https://github.com/acme/*\"",
        ),
        (
            judge(builder, build_type, ""),
            "its source repository is not given, not \"https://github.com/acme/*\"",
        ),
    ] {
        assert_failed(&outcome, PROVENANCE, why);
    }
    // A second source beside the right one.
    let two = r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters":{"workflow":{"repository":"https://github.com/acme/app"},
        "source":"https://github.com/evil/app"}},"runDetails":{"builder":{"id":
        "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1"}}}"#;
    assert_failed(
        &judged(demand, vec![statement(PROVENANCE, two, None)]),
        PROVENANCE,
        "its source repository is \"https://github.com/evil/app\", not \"https://github.com/acme/*\"",
    );
    let twice = r#"{"buildDefinition":{"buildType":"a","buildType":"b"}}"#;
    assert_failed(
        &judged(demand, vec![statement(PROVENANCE, twice, None)]),
        PROVENANCE,
        "it cannot be read: predicate.buildDefinition: the key \"buildType\" comes twice at line 1 \
         column 33",
    );
}

#[test]
fn nothing_behind_an_at_sign_leads_to_another_repository() {
    for expected in ["https://github.com/acme/app", "https://github.com/acme/*"] {
        let demand = format!(
            "[{{predicateType: '{PROVENANCE}', by: [ci], sourceRepository: '{expected}'}}]"
        );
        let judge = |source: &str| {
            let text = provenance("https://b.example", "https://t.example", source);
            judged(&demand, vec![statement(PROVENANCE, &text, None)])
        };
        assert_satisfied(&judge("git+https://github.com/acme/app@refs/tags/v1"));
        for source in [
            "https://github.com/acme/app@x/../../evil/app",
            "https://github.com/acme/app@x/%2e%2e/%2e%2e/evil/app",
            "git+https://github.com/acme/app@x/../../evil/app.git@refs/heads/main",
            "https://github.com/acme/app@evil/thing.git",
            "https://github.com/acme/app#x/../../evil/app",
        ] {
            let why = format!("its source repository is {source:?}, not {expected:?}");
            assert_failed(&judge(source), PROVENANCE, &why);
        }
    }
}

#[test]
fn a_scan_must_stay_below_the_ceiling() {
    let judge = |limit: &str, result: &str| {
        let demand = format!("[{{predicateType: '{SCAN}', by: [ci], maxSeverity: {limit}}}]");
        let text = format!(r#"{{"scanner":{{"result":{result}}}}}"#);
        judged(&demand, vec![statement(SCAN, &text, None)])
    };
    let found = |severity: &str| {
        format!(r#"{{"matches":[{{"vulnerability":{{"id":"CVE-1","severity":"{severity}"}}}}]}}"#)
    };
    assert_satisfied(&judge("none", r#"{"matches":[]}"#));
    assert_satisfied(&judge("medium", &found("Medium")));
    assert_satisfied(&judge("critical", &found("Unknown")));
    for (outcome, why) in [
        (
            judge("medium", &found("High")),
            "it has CVE-1, which is high; at most medium is allowed",
        ),
        (
            judge("none", &found("Negligible")),
            "it has CVE-1, which is low; at most none is allowed",
        ),
        (
            judge("high", &found("Unknown")),
            "it has CVE-1, which is not rated and counts as critical; at most high is allowed",
        ),
        (
            judge("critical", r#"{"runs":[]}"#),
            "its severities cannot be told: scanner.result is neither a report of Trivy nor one of Grype",
        ),
    ] {
        assert_failed(&outcome, SCAN, why);
    }
    // Without a ceiling, any scan that can be read will do.
    let demand = format!("[{{predicateType: '{SCAN}', by: [ci]}}]");
    let sarif = statement(SCAN, r#"{"scanner":{"result":{"runs":[]}}}"#, None);
    assert_satisfied(&judged(&demand, vec![sarif]));
}

#[test]
fn a_summary_must_have_passed_and_reach_every_level() {
    let demand = format!(
        "[{{predicateType: '{SUMMARY}', by: [ci], verifier: https://example.com/verifier, \
         resource: 'pkg:oci/app', levels: [SLSA_BUILD_LEVEL_2, ORG_OK]}}]"
    );
    let good = r#"{"verifier":{"id":"https://example.com/verifier"},"resourceUri":"pkg:oci/app",
        "verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3","ORG_OK"]}"#;
    let judge = |text: &str| judged(&demand, vec![statement(SUMMARY, text, None)]);
    assert_satisfied(&judge(good));
    for (from, to, why) in [
        (
            "PASSED",
            "FAILED",
            "its verification result is \"FAILED\", not \"PASSED\"",
        ),
        (
            "PASSED",
            "passed",
            "its verification result is \"passed\", not \"PASSED\"",
        ),
        (
            "PASSED",
            "",
            "its verification result is not given, not \"PASSED\"",
        ),
        (
            "com/verifier",
            "com/verifier/x",
            "its verifier is \"https://example.com/verifier/x\", not \"https://example.com/verifier\"",
        ),
        (
            "oci/app",
            "oci/other",
            "its resource is \"pkg:oci/other\", not \"pkg:oci/app\"",
        ),
        (
            "LEVEL_3",
            "LEVEL_1",
            "its levels are SLSA_BUILD_LEVEL_1, ORG_OK, and SLSA_BUILD_LEVEL_2 is not reached",
        ),
        (
            "ORG_OK",
            "ORG_\u{1b}[31m",
            "its levels are SLSA_BUILD_LEVEL_3, ORG_\\u{1b}[31m, and ORG_OK is not reached",
        ),
    ] {
        // As JSON has to write it.
        let to = to.replace('\u{1b}', "\\u001b");
        assert_failed(&judge(&good.replace(from, &to)), SUMMARY, why);
    }
    // That it has passed is demanded without being written.
    let bare = format!("[{{predicateType: '{SUMMARY}', by: [ci]}}]");
    let failed = statement(SUMMARY, r#"{"verificationResult":"FAILED"}"#, None);
    assert_failed(
        &judged(&bare, vec![failed]),
        SUMMARY,
        "its verification result is \"FAILED\", not \"PASSED\"",
    );
}

const PASSED: &str = r#"{"verificationResult":"PASSED"}"#;
const FAILED: &str = r#"{"verificationResult":"FAILED"}"#;
const RESULT: &str = "its verification result is \"FAILED\", not \"PASSED\"";

fn summaries(statements: &[(&str, Option<&str>)]) -> Outcome {
    let demand = format!("[{{predicateType: '{SUMMARY}', by: [ci]}}]");
    let statements = statements
        .iter()
        .map(|(text, logged)| statement(SUMMARY, text, *logged));
    judged(&demand, statements.collect())
}

#[test]
fn the_newest_statement_decides_in_whatever_order_they_are_found() {
    let (old, new) = (Some("2026-06-01T00:00:00Z"), Some("2026-06-02T00:00:00Z"));
    assert_satisfied(&summaries(&[(FAILED, old), (PASSED, new)]));
    assert_satisfied(&summaries(&[(PASSED, new), (FAILED, old)]));
    assert_failed(&summaries(&[(PASSED, old), (FAILED, new)]), SUMMARY, RESULT);
    assert_failed(&summaries(&[(FAILED, new), (PASSED, old)]), SUMMARY, RESULT);
}

#[test]
fn in_a_tie_or_without_a_trusted_time_all_must_hold() {
    let (old, new) = (Some("2026-06-01T00:00:00Z"), Some("2026-06-02T00:00:00Z"));
    assert_satisfied(&summaries(&[(PASSED, new), (PASSED, new), (FAILED, old)]));
    assert_failed(&summaries(&[(PASSED, new), (FAILED, new)]), SUMMARY, RESULT);
    assert_satisfied(&summaries(&[(PASSED, None), (PASSED, None)]));
    assert_failed(
        &summaries(&[(PASSED, None), (FAILED, None)]),
        SUMMARY,
        RESULT,
    );
    // One without a time may be newer than the newest, or older.
    assert_failed(
        &summaries(&[(PASSED, new), (FAILED, None)]),
        SUMMARY,
        RESULT,
    );
    assert_failed(
        &summaries(&[(FAILED, new), (PASSED, None)]),
        SUMMARY,
        RESULT,
    );
}

#[test]
fn an_old_statement_that_was_logged_again_does_not_overrule_a_newer_one() {
    let stated = |result: &str, time: &str| {
        format!(r#"{{"verificationResult":"{result}","timeVerified":"{time}"}}"#)
    };
    let (january, february) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let again = stated("PASSED", january);
    let newer = stated("FAILED", february);
    assert_failed(
        &summaries(&[
            (&again, Some("2026-03-01T00:00:00Z")),
            (&newer, Some(february)),
        ]),
        SUMMARY,
        RESULT,
    );
    // Nor does its own word make it newer than it was seen.
    let ahead = stated("PASSED", "2027-01-01T00:00:00Z");
    assert_failed(
        &summaries(&[(&ahead, Some(january)), (&newer, Some(february))]),
        SUMMARY,
        RESULT,
    );
}

#[test]
fn a_statement_from_the_future_does_not_count() {
    let future = Some("2026-06-30T12:00:01Z");
    let outcome = summaries(&[(PASSED, future)]);
    assert_eq!(outcome.status, Some(Status::Violated));
    let missing = format!("no attestation {SUMMARY} by ci; found none at all");
    assert_eq!(
        denials(&outcome),
        [("attestation-missing", missing.as_str())]
    );
    assert_satisfied(&summaries(&[(PASSED, Some("2026-06-30T12:00:00Z"))]));
}

#[test]
fn what_is_not_there_is_missing_and_what_is_there_instead_is_named() {
    let demand = format!("[{{predicateType: '{PROVENANCE}', by: [ci, sec]}}]");
    let outcome = judged(&demand, Vec::new());
    assert_eq!(outcome.status, Some(Status::Violated));
    let message = format!("no attestation {PROVENANCE} by ci or sec; found none at all");
    assert_eq!(
        denials(&outcome),
        [("attestation-missing", message.as_str())]
    );
    let v0_2 = "https://slsa.dev/provenance/v0.2";
    let outcome = judged(&demand, vec![statement(v0_2, "{}", None)]);
    assert_eq!(outcome.status, Some(Status::Violated));
    let message = format!("no attestation {PROVENANCE} by ci or sec; found only \"{v0_2}\"");
    assert_eq!(
        denials(&outcome),
        [("attestation-missing", message.as_str())]
    );
}

#[test]
fn only_the_authorities_that_are_named_may_attest() {
    let judge = |by: &str| {
        let demand = format!("[{{predicateType: '{SUMMARY}', by: [{by}]}}]");
        let passed = vec![statement(SUMMARY, PASSED, None)];
        outcome_of(&set(&demand, &[]), Vec::new(), passed, Vec::new())
    };
    assert_satisfied(&judge("sec"));
    // One of them is enough.
    assert_satisfied(&judge("ci, sec"));
    let outcome = judge("ci");
    let message = format!("no attestation {SUMMARY} by ci; found none at all");
    assert_eq!(
        denials(&outcome),
        [("attestation-missing", message.as_str())]
    );
}

#[test]
fn each_authority_is_judged_by_its_own_newest_statement() {
    let demand = format!("[{{predicateType: '{SUMMARY}', by: [ci, sec]}}]");
    let set = set(&demand, &[]);
    let at = |time| Some(time);
    let failed = vec![statement(SUMMARY, FAILED, at("2026-06-02T00:00:00Z"))];
    let passed = vec![statement(SUMMARY, PASSED, at("2026-06-01T00:00:00Z"))];
    assert_satisfied(&outcome_of(&set, failed.clone(), passed, Vec::new()));
    let outcome = outcome_of(&set, failed.clone(), failed, Vec::new());
    assert_eq!(denials(&outcome).len(), 2);
}

#[test]
fn all_demands_must_be_met() {
    let demands = format!(
        "[{{predicateType: '{SUMMARY}', by: [ci]}}, {{predicateType: '{REVIEW}', by: [ci]}}]"
    );
    let summary = || statement(SUMMARY, PASSED, None);
    let review = || statement(REVIEW, "{}", None);
    assert_satisfied(&judged(&demands, vec![summary(), review()]));
    let outcome = judged(&demands, vec![summary()]);
    let message = format!("no attestation {REVIEW} by ci; found only \"{SUMMARY}\"");
    assert_eq!(
        denials(&outcome),
        [("attestation-missing", message.as_str())]
    );
    assert_eq!(denials(&judged(&demands, Vec::new())).len(), 2);
}

#[test]
fn a_signature_is_no_attestation_and_an_attestation_no_signature() {
    let demand = format!("[{{predicateType: '{REVIEW}', by: [ci]}}]");
    // outcome_of adds the signature, and nothing else is there.
    assert_eq!(judged(&demand, Vec::new()).status, Some(Status::Violated));
    let reference: Reference = IMAGE.parse().expect("legal");
    let pinning = Pinning::Digest(reference.pinned().expect("pinned"));
    let set = set(&demand, &[]);
    let selection = set.select(reference.repository(), &Subject::default());
    let facts = Facts {
        established: vec![(MaterialId(0), vec![statement(REVIEW, "{}", None)])],
        ..Facts::default()
    };
    let verdict = decide(&reference, &pinning, &selection, &facts, now());
    let outcome = &verdict.outcomes()[0];
    assert_eq!(outcome.status, Some(Status::Violated));
    assert_eq!(denials(outcome), []);
    assert_eq!(outcome.findings[0].code, Code::SignatureMissing);
}

#[test]
fn while_something_was_not_looked_at_nothing_is_decided() {
    let demand = format!("[{{predicateType: '{SUMMARY}', by: [ci]}}]");
    let gap = || vec![Obstacle::new(ObstacleKind::Unreachable, "no connection")];
    for statements in [
        vec![],
        vec![statement(SUMMARY, PASSED, None)],
        vec![statement(SUMMARY, FAILED, None)],
    ] {
        let outcome = outcome_of(&set(&demand, &[]), statements, Vec::new(), gap());
        assert_eq!(outcome.status, Some(Status::Inconclusive));
        assert_eq!(denials(&outcome), []);
        let codes: Vec<_> = outcome.findings.iter().map(|f| f.code.as_str()).collect();
        assert_eq!(codes, ["registry-unreachable"]);
    }
}

#[test]
fn without_the_material_of_an_authority_nobody_can_tell_what_it_attested() {
    let judge = |by: &str, sec: &str| {
        let demand = format!("[{{predicateType: '{SUMMARY}', by: [{by}]}}]");
        let ci = vec![statement(SUMMARY, sec, None)];
        outcome_of(&set(&demand, &["SEC"]), ci, Vec::new(), Vec::new())
    };
    let outcome = judge("sec", PASSED);
    assert_eq!(outcome.status, Some(Status::Inconclusive));
    let codes: Vec<_> = outcome.findings.iter().map(|f| f.code.as_str()).collect();
    assert!(codes.contains(&"key-unavailable"), "{codes:?}");
    assert_satisfied(&judge("ci, sec", PASSED));
    assert_eq!(judge("ci, sec", FAILED).status, Some(Status::Inconclusive));
    assert_eq!(judge("ci", FAILED).status, Some(Status::Violated));
}

#[cfg(feature = "cel")]
#[test]
fn expressions_must_be_true_of_the_statement_that_decides() {
    let demand = format!(
        "[{{predicateType: '{REVIEW}', by: [ci], cel: ['predicate.votes > 1', \
         'predicate.who != \"bot\"']}}]"
    );
    let judge = |text: &str| judged(&demand, vec![statement(REVIEW, text, None)]);
    assert_satisfied(&judge(r#"{"votes":2,"who":"ann"}"#));
    for (text, why) in [
        (
            r#"{"votes":1,"who":"ann"}"#,
            r#"the expression "predicate.votes > 1" is false"#,
        ),
        (
            r#"{"who":"ann"}"#,
            r#"the expression "predicate.votes > 1" cannot be evaluated: there is no field "votes""#,
        ),
        (
            r#"{"votes":"2","who":"ann"}"#,
            r#"the expression "predicate.votes > 1" cannot be evaluated: `>` does not work with a text and a number"#,
        ),
        (
            r#"{"votes":2,"votes":3,"who":"ann"}"#,
            "no expression can be evaluated: the predicate is not strict JSON: a key comes twice at line 1 column 20",
        ),
        (
            r#"{"votes":0,"who":"bot"}"#,
            r#"the expression "predicate.votes > 1" is false; the expression "predicate.who != \"bot\"" is false"#,
        ),
    ] {
        assert_failed(&judge(text), REVIEW, why);
    }
}

#[test]
fn findings_stay_short_whatever_a_predicate_says() {
    let long = "x".repeat(1 << 20);
    let demand = format!(
        "[{{predicateType: '{PROVENANCE}', by: [ci], builder: https://b.example/x, \
         sourceRepository: https://s.example/x}}]"
    );
    let text = provenance(&long, "", &long);
    let outcome = judged(&demand, vec![statement(PROVENANCE, &text, None)]);
    assert_eq!(outcome.status, Some(Status::Violated));
    assert!(
        outcome
            .findings
            .iter()
            .all(|finding| finding.message.len() < 1000)
    );
}
