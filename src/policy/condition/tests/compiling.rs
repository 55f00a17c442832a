//! What a document may demand.

use super::{PROVENANCE, REVIEW, SCAN, SUMMARY, attested, document, problems, set};

#[test]
fn every_field_is_read_where_its_type_has_it() {
    let set = set(
        "[{predicateType: https://slsa.dev/provenance/v1, by: [ci, sec], \
           builder: https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v*, \
           buildType: https://actions.github.io/buildtypes/workflow/v1, \
           sourceRepository: https://github.com/acme/*, maxAge: 90d}, \
          {predicateType: https://in-toto.io/attestation/vulns/v0.2, by: [sec], \
           maxSeverity: medium, maxAge: 36h}, \
          {predicateType: https://slsa.dev/verification_summary/v1, by: [sec], \
           verifier: https://example.com/verifier, resource: pkg:oci/app, \
           levels: [SLSA_BUILD_LEVEL_2]}, \
          {predicateType: https://spdx.dev/Document, by: [ci]}]",
        &[],
    );
    let policy = set.policies().next().expect("one policy");
    let found: Vec<_> = policy
        .attestations
        .iter()
        .map(|demand| (&*demand.predicate_type, &demand.by[..]))
        .collect();
    assert_eq!(
        found,
        [
            (PROVENANCE, &[0, 1][..]),
            ("https://in-toto.io/attestation/vulns/v0.2", &[1]),
            (SUMMARY, &[1]),
            ("https://spdx.dev/Document", &[0]),
        ]
    );
    assert!(policy.requirement.is_some());
}

#[test]
fn the_level_and_the_attestations_need_each_other() {
    let authority = "authorities: [{name: ci, key: {env: CI}}]";
    let demand = format!("attestations: [{{predicateType: '{REVIEW}', by: [ci]}}]");
    assert_eq!(
        problems(&document(&format!("level: attested, {authority}"))),
        [
            "spec.attestations: level `attested` needs attestations; name one, or write \
          `level: verified`"
        ]
    );
    for level in ["", "level: verified, "] {
        assert_eq!(
            problems(&document(&format!("{level}{authority}, {demand}"))),
            [
                "spec.attestations: only level `attested` looks at attestations; write that level, \
              or remove this"
            ]
        );
    }
    assert_eq!(
        problems(&document(&format!(
            "level: attested, {authority}, attestations: []"
        ))),
        ["spec.attestations: is empty; remove it, or name what must be attested"]
    );
    assert_eq!(
        problems(&document(&format!(
            "level: attested, {authority}, attestations: null"
        ))),
        ["spec.attestations: is null; remove it"]
    );
    let unverified = problems(&document(&format!("level: unverified, {demand}")));
    assert_eq!(unverified.len(), 2, "{unverified:?}");
    assert_eq!(
        problems(&document(&format!("level: attested, {demand}"))).len(),
        2
    );
}

#[test]
fn an_authority_that_only_attests_is_used() {
    let spec = |by: &str| {
        document(&format!(
            "level: attested, authorities: [{{name: ci, key: {{env: CI}}}}, \
             {{name: sec, key: {{env: SEC}}}}], require: ci, \
             attestations: [{{predicateType: '{REVIEW}', by: [{by}]}}]"
        ))
    };
    let compiled = crate::policy::compile(&[crate::policy::PolicyDocument {
        origin: "p.yaml".into(),
        text: spec("sec"),
    }]);
    assert!(compiled.is_ok());
    assert_eq!(
        problems(&spec("ci")),
        ["spec.require: authority `sec` is never used; name it here or remove it"]
    );
}

#[test]
fn a_condition_on_a_field_that_a_type_does_not_have_is_refused() {
    for (predicate_type, field, what) in [
        (
            SCAN,
            "builder: https://b.example/x",
            "builder: this predicate type has no such field; SLSA provenance has",
        ),
        (
            SUMMARY,
            "buildType: https://b.example/x",
            "buildType: this predicate type has no such field; SLSA provenance has",
        ),
        (
            "https://slsa.dev/provenance/v2",
            "sourceRepository: https://b.example/x",
            "sourceRepository: this predicate type has no such field; SLSA provenance has",
        ),
        (
            PROVENANCE,
            "maxSeverity: low",
            "maxSeverity: this predicate type has no such field; a vulnerability scan has",
        ),
        (
            REVIEW,
            "verifier: https://v.example",
            "verifier: this predicate type has no such field; an SLSA verification summary has",
        ),
        (
            PROVENANCE,
            "levels: [SLSA_BUILD_LEVEL_3]",
            "levels: this predicate type has no such field; an SLSA verification summary has",
        ),
        (
            "https://spdx.dev/Document",
            "resource: 'pkg:x'",
            "resource: this predicate type has no such field; an SLSA verification summary has",
        ),
    ] {
        let text = attested(&format!(
            "[{{predicateType: '{predicate_type}', by: [ci], {field}}}]"
        ));
        assert_eq!(problems(&text), [format!("spec.attestations[0].{what}")]);
    }
}

#[test]
fn what_could_never_be_met_or_always_is_refused() {
    let long = "x".repeat(300);
    for (demand, problem) in [
        ("by: [ci]", "predicateType: is missing"),
        (
            "predicateType: slsaprovenance1, by: [ci]",
            "predicateType: write the whole type: https://slsa.dev/provenance/v1",
        ),
        (
            "predicateType: review, by: [ci]",
            "predicateType: must be the URI of a type, at most 256 printable characters",
        ),
        (
            &format!("predicateType: 'a:{long}', by: [ci]"),
            "predicateType: must be the URI of a type, at most 256 printable characters",
        ),
        (
            "predicateType: 'https://slsa.dev/*', by: [ci]",
            "predicateType: is compared byte for byte and has no wildcards",
        ),
        (
            "predicateType: 'a:b'",
            "by: is missing; name the authorities that may attest this",
        ),
        (
            "predicateType: 'a:b', by: []",
            "by: is empty; name the authorities that may attest this",
        ),
        ("predicateType: 'a:b', by: null", "by: is null; remove it"),
        (
            "predicateType: 'a:b', by: ci",
            "by: must be a list, not a string",
        ),
        (
            "predicateType: 'a:b', by: [nobody]",
            "by[0]: unknown authority `nobody`",
        ),
        (
            "predicateType: 'a:b', by: [ci, ci]",
            "by[1]: authority `ci` is named twice",
        ),
        (
            "predicateType: 'a:b', by: [3]",
            "by[0]: must be the name of an authority, not a number",
        ),
        (
            "predicateType: 'a:b', by: [ci], maxAge: 0s",
            "maxAge: nothing is as new as that; remove it, or write how old is new enough",
        ),
        (
            "predicateType: 'a:b', by: [ci], maxAge: 3651d",
            "maxAge: at most 3650d",
        ),
        (
            "predicateType: 'a:b', by: [ci], maxAge: 1w",
            "maxAge: write a whole number and a unit: 45s, 90m, 24h or 30d",
        ),
        (
            "predicateType: 'a:b', by: [ci], maxage: 1d",
            "maxage: unknown field; it is written `maxAge`",
        ),
        (
            "predicateType: 'a:b', by: [ci], maxAge: null",
            "maxAge: is null; remove it",
        ),
        (
            &format!("predicateType: '{SCAN}', by: [ci], maxSeverity: severe"),
            "maxSeverity: \"severe\" is not one of none, low, medium, high, critical",
        ),
        (
            &format!("predicateType: '{SUMMARY}', by: [ci], levels: []"),
            "levels: is empty; remove it, or name a level such as SLSA_BUILD_LEVEL_3",
        ),
        (
            &format!("predicateType: '{SUMMARY}', by: [ci], levels: ['a b']"),
            "levels[0]: must be the name of a level, such as SLSA_BUILD_LEVEL_3",
        ),
        (
            &format!("predicateType: '{PROVENANCE}', by: [ci], builder: 'https://*/x'"),
            "builder: the last label of a host must be written out, and `**` is no host",
        ),
    ] {
        let found = problems(&attested(&format!("[{{{demand}}}]")));
        assert_eq!(
            found[0],
            format!("spec.attestations[0].{problem}"),
            "{demand}"
        );
    }
    for repository in [
        "github.com/acme/app",
        "https://github.com",
        "https://GitHub.com/acme/app",
        "git+https://github.com/acme/app",
        "https://github.com/acme/app.git",
        "https://github.com/acme/app/",
        "https://github.com/acme/app@refs/heads/main",
    ] {
        let demand = format!(
            "[{{predicateType: '{PROVENANCE}', by: [ci], sourceRepository: '{repository}'}}]"
        );
        assert_eq!(
            problems(&attested(&demand)),
            [
                "spec.attestations[0].sourceRepository: write the repository as https://HOST/PATH, \
              the host in lower case, without `git+`, `.git`, a ref or a final slash"
            ]
        );
    }
    let many = vec![format!("{{predicateType: '{REVIEW}', by: [ci]}}"); 33].join(",");
    assert_eq!(
        problems(&attested(&format!("[{many}]"))),
        ["spec.attestations: at most 32 attestations; split the policy"]
    );
}

#[cfg(feature = "cel")]
#[test]
fn expressions_that_cannot_be_evaluated_are_refused_with_their_place() {
    for (cel, problem) in [
        ("[]", "cel: is empty; remove it, or write an expression"),
        ("true", "cel: must be a list, not a boolean"),
        (
            "[true]",
            "cel[0]: must be an expression in quotes, not a boolean",
        ),
        (
            "['true', 'x == 1']",
            "cel[1]: unknown variable `x`; known here: predicate, predicateType, subject",
        ),
    ] {
        let demand = format!("[{{predicateType: '{REVIEW}', by: [ci], cel: {cel}}}]");
        assert_eq!(
            problems(&attested(&demand))[0],
            format!("spec.attestations[0].{problem}")
        );
    }
    let many = vec!["'true'"; 17].join(",");
    assert_eq!(
        problems(&attested(&format!(
            "[{{predicateType: '{REVIEW}', by: [ci], cel: [{many}]}}]"
        ))),
        ["spec.attestations[0].cel: at most 16 expressions"]
    );
}

#[cfg(not(feature = "cel"))]
#[test]
fn a_build_without_expressions_refuses_the_field_by_name() {
    let demand = format!("[{{predicateType: '{REVIEW}', by: [ci], cel: ['true']}}]");
    assert_eq!(
        problems(&attested(&demand)),
        ["spec.attestations[0].cel: this build of floe evaluates no expressions; remove it"]
    );
}

#[cfg(feature = "cel")]
#[test]
fn the_example_of_the_page_compiles_and_every_field_has_its_row() {
    const PAGE: &str = include_str!("../../../../docs/attestations.md");
    let start = PAGE.find("```yaml\n").expect("an example") + "```yaml\n".len();
    let example = &PAGE[start..start + PAGE[start..].find("```").expect("its end")];
    let compiled = crate::policy::compile(&[crate::policy::PolicyDocument {
        origin: "p.yaml".into(),
        text: example.to_owned(),
    }]);
    assert!(compiled.is_ok(), "{compiled:?}");
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    for field in crate::policy::condition::read::KNOWN {
        assert!(named.contains(field), "{field}");
    }
}
