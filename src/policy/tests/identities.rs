//! Whom a certificate must name: exactly, by pattern, or as the run of a
//! workflow.

use std::sync::Arc;

use crate::policy::{IdentityRule, Mismatch, PolicyDocument};
use crate::trust::{CertificateIdentity, CiClaims, Materials, NameKind, SubjectName, Window};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const RELEASE: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1";

pub(super) fn named(kind: NameKind, value: &str, issuer: &str) -> CertificateIdentity {
    CertificateIdentity {
        root: "public-good".into(),
        names: vec![SubjectName {
            kind,
            value: value.into(),
        }],
        issuer: Some(issuer.into()),
        claims: CiClaims::default(),
        validity: Window::default(),
    }
}

/// What Fulcio writes for a run of GitHub Actions.
fn github() -> CertificateIdentity {
    CertificateIdentity {
        claims: CiClaims {
            build_signer_uri: Some(RELEASE.into()),
            runner_environment: Some("github-hosted".into()),
            source_repository_uri: Some("https://github.com/acme/app".into()),
            source_repository_ref: Some("refs/tags/v1".into()),
            source_repository_identifier: Some("17".into()),
            source_repository_owner_uri: Some("https://github.com/acme".into()),
            source_repository_owner_identifier: Some("4".into()),
            build_config_uri: Some(RELEASE.into()),
            build_trigger: Some("push".into()),
            ..CiClaims::default()
        },
        ..named(NameKind::Uri, RELEASE, GITHUB)
    }
}

/// The run of another workflow file, at another ref of it.
fn signed_by(name: &str) -> CertificateIdentity {
    let mut identity = github();
    identity.names[0].value = name.into();
    identity.claims.build_signer_uri = Some(name.into());
    identity
}

fn gitlab() -> CertificateIdentity {
    let name = "https://gitlab.com/acme/team/app//.gitlab-ci.yml@refs/heads/main";
    CertificateIdentity {
        claims: CiClaims {
            build_signer_uri: Some(name.into()),
            runner_environment: Some("gitlab-hosted".into()),
            source_repository_uri: Some("https://gitlab.com/acme/team/app".into()),
            source_repository_ref: Some("refs/heads/main".into()),
            source_repository_identifier: Some("9".into()),
            source_repository_owner_identifier: Some("3".into()),
            build_trigger: Some("push".into()),
            ..CiClaims::default()
        },
        ..named(NameKind::Uri, name, "https://gitlab.com")
    }
}

/// The rule of an authority written so.
pub(super) fn rule(keyless: &str) -> IdentityRule {
    let text = format!(
        "{{apiVersion: floe.dev/v1, kind: TrustPolicy, metadata: {{name: p}}, spec: \
         {{match: {{}}, authorities: [{{name: a, keyless: {keyless}}}]}}}}"
    );
    let documents = [PolicyDocument {
        origin: "p.yaml".into(),
        text,
    }];
    let compiled = crate::policy::compile(&documents);
    let compiled = compiled.unwrap_or_else(|problems| panic!("{keyless}: {problems:#?}"));
    let set = compiled.bind(&Materials::default());
    let policy = set.policies().next().expect("one policy");
    policy.authorities[0].identity.clone().expect("a rule")
}

const ACME: &str =
    "{github: {repository: acme/app, workflow: .github/workflows/release.yml, ref: refs/tags/v*}}";

fn acme(more: &str) -> IdentityRule {
    rule(&ACME.replace("refs/tags/v*}", &format!("refs/tags/v*, {more}}}")))
}

/// Which claim differs.
fn claim(rule: &IdentityRule, identity: &CertificateIdentity) -> &'static str {
    match rule.judge(identity) {
        Ok(()) => "accepted",
        Err(Mismatch::Issuer { .. }) => "issuer",
        Err(Mismatch::Subject { .. }) => "subject",
        Err(Mismatch::OneOfSeveral { .. }) => "one of several",
        Err(Mismatch::Claim { claim, .. }) => claim,
    }
}

#[test]
fn an_exact_identity_is_compared_byte_for_byte() {
    let rule = IdentityRule::exact("alice@acme.example", "https://accounts.example");
    let judged = |name: &str, issuer: &str| claim(&rule, &named(NameKind::Email, name, issuer));
    assert_eq!(
        judged("alice@acme.example", "https://accounts.example"),
        "accepted"
    );
    for other in [
        "Alice@acme.example",
        "alice@acme.example.evil",
        "alice@ACME.example",
        "*",
    ] {
        assert_eq!(
            judged(other, "https://accounts.example"),
            "subject",
            "{other}"
        );
    }
    for other in [
        "https://accounts.example/",
        "http://accounts.example",
        "https://Accounts.example",
    ] {
        assert_eq!(judged("alice@acme.example", other), "issuer", "{other}");
    }
    let mut nobody = named(NameKind::Email, "alice@acme.example", "x");
    nobody.issuer = None;
    assert_eq!(claim(&rule, &nobody), "issuer");
}

#[test]
fn the_slash_at_the_end_of_an_issuer_is_pointed_out() {
    let rule = IdentityRule::exact("a@b.example", "https://accounts.example");
    let other = named(NameKind::Email, "a@b.example", "https://accounts.example/");
    let mismatch = rule.judge(&other).expect_err("another issuer");
    assert_eq!(
        mismatch.to_string(),
        "the certificate was given for a token of https://accounts.example/; \
         https://accounts.example is accepted; they differ in the slash at the end, so write the \
         issuer as the certificate has it, if it is yours"
    );
    let other = named(NameKind::Email, "a@b.example", "https://evil.example");
    let mismatch = rule.judge(&other).expect_err("another issuer");
    assert_eq!(
        mismatch.to_string(),
        "the certificate was given for a token of https://evil.example; \
         https://accounts.example is accepted"
    );
}

#[test]
fn each_name_of_a_certificate_must_be_accepted() {
    let rule = IdentityRule::exact("a@b.example", "https://i.example");
    let mut two = named(NameKind::Email, "a@b.example", "https://i.example");
    two.names.push(SubjectName {
        kind: NameKind::Email,
        value: "evil@b.example".into(),
    });
    assert_eq!(
        rule.judge(&two).expect_err("two names").to_string(),
        "the certificate names evil@b.example besides others, and each of its 2 names must be \
         a@b.example"
    );
    two.names[1].value = "a@b.example".into();
    assert_eq!(claim(&rule, &two), "accepted");
    two.names.clear();
    assert_eq!(claim(&rule, &two), "subject");
    let pattern = self::rule("{issuer: 'https://i.example', subjectPattern: '*@b.example'}");
    let mut two = named(NameKind::Email, "a@b.example", "https://i.example");
    two.names.push(two.names[0].clone());
    two.names[1].value = "c@b.example".into();
    assert_eq!(claim(&pattern, &two), "accepted");
    two.names[1].value = "c@evil.example".into();
    assert_eq!(claim(&pattern, &two), "one of several");
    let mut run = github();
    run.names.push(run.names[0].clone());
    assert_eq!(claim(&self::rule(ACME), &run), "one of several");
}

#[test]
fn issuers_may_be_patterns_that_leave_no_host_open() {
    let rule = rule("{issuerPattern: 'https://*.acme.example/realms/*', subject: a@b.example}");
    let judged = |issuer: &str| claim(&rule, &named(NameKind::Email, "a@b.example", issuer));
    assert_eq!(judged("https://id.acme.example/realms/dev"), "accepted");
    for other in [
        "https://id.acme.example/realms/dev/x",
        "https://id.acme.example/realms/",
        "https://id.acme.example.evil.example/realms/dev",
        "https://a.id.acme.example/realms/dev",
    ] {
        assert_eq!(judged(other), "issuer", "{other}");
    }
}

#[test]
fn a_run_of_the_named_workflow_is_accepted() {
    assert_eq!(claim(&rule(ACME), &github()), "accepted");
    for more in [
        "triggers: [push, release]",
        "runner: github-hosted",
        "repositoryId: 17",
        "repositoryId: '17'",
        "ownerId: 4",
    ] {
        assert_eq!(claim(&acme(more), &github()), "accepted", "{more}");
    }
    let any = ACME.replace("acme/app", "'acme/*'");
    assert_eq!(claim(&rule(&any), &github()), "accepted");
}

#[test]
fn each_claim_about_a_run_is_compared() {
    let refused =
        |expected: &str, rule: &IdentityRule, change: &dyn Fn(&mut CertificateIdentity)| {
            let mut identity = github();
            change(&mut identity);
            assert_eq!(claim(rule, &identity), expected, "{identity:#?}");
        };
    let plain = &rule(ACME);
    refused("issuer", plain, &|i| {
        i.issuer = Some("https://gitlab.com".into())
    });
    refused("issuer", plain, &|i| {
        i.issuer = Some(format!("{GITHUB}/acme").into())
    });
    refused("build signer", plain, &|i| {
        i.names[0].kind = NameKind::Email
    });
    refused("build signer", plain, &|i| i.claims.build_signer_uri = None);
    refused("build signer", plain, &|i| {
        i.claims.build_signer_uri = Some(RELEASE.replace("release", "other").into());
    });
    refused("build signer", plain, &|i| {
        i.names[0].value = RELEASE.replace("release", "other").into();
    });
    refused("repository", plain, &|i| {
        i.claims.source_repository_uri = None
    });
    for other in [
        "https://github.com/acme/app2",
        "https://github.com/Acme/app",
        "https://github.com/evil/app",
        "https://github.com/acme/app/",
        "https://github.com.evil.example/acme/app",
        "http://github.com/acme/app",
        "acme/app",
    ] {
        refused("repository", plain, &|i| {
            i.claims.source_repository_uri = Some(other.into());
        });
    }
    refused("ref", plain, &|i| i.claims.source_repository_ref = None);
    for other in ["refs/heads/v1", "refs/tags/v1/x", "refs/pull/1/merge", "v1"] {
        refused("ref", plain, &|i| {
            i.claims.source_repository_ref = Some(other.into());
        });
    }
    refused("trigger", plain, &|i| i.claims.build_trigger = None);
    refused("trigger", &acme("triggers: [release]"), &|_| {});
    refused("runner", &acme("runner: self-hosted"), &|_| {});
    refused("runner", &acme("runner: github-hosted"), &|i| {
        i.claims.runner_environment = None;
    });
    refused("repository's number", &acme("repositoryId: 18"), &|_| {});
    refused("repository's number", &acme("repositoryId: 17"), &|i| {
        i.claims.source_repository_identifier = None;
    });
    refused("owner's number", &acme("ownerId: 5"), &|_| {});
    refused("owner's number", &acme("ownerId: 4"), &|i| {
        i.claims.source_repository_owner_identifier = Some("04".into());
    });
}

#[test]
fn only_the_named_file_at_an_accepted_ref_may_sign() {
    let plain = rule(ACME);
    for (name, expected) in [
        (
            "https://github.com/acme/app/.github/workflows/evil.yml@refs/tags/v1",
            "workflow",
        ),
        (
            "https://github.com/acme/app/.github/workflows/Release.yml@refs/tags/v1",
            "workflow",
        ),
        (
            "https://github.com/acme/app/release.yml@refs/tags/v1",
            "workflow",
        ),
        (
            "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/evil",
            "workflow's ref",
        ),
        (
            "https://github.com/acme/app/.github/workflows/release.yml@main",
            "workflow's ref",
        ),
        // A file or a branch with an `@` in its name moves nothing.
        (
            "https://github.com/acme/app/.github/workflows/release.yml@x.yml@refs/tags/v1",
            "workflow's ref",
        ),
        (
            "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/x@refs/tags/v1",
            "workflow",
        ),
        // Another repository's workflow, called from this one.
        (
            "https://github.com/evil/ci/.github/workflows/release.yml@refs/tags/v1",
            "workflow",
        ),
        (
            "https://github.com/acme/other/.github/workflows/release.yml@refs/tags/v1",
            "workflow",
        ),
        (
            "https://github.com/acme/app/.github/workflows/release.yml",
            "subject",
        ),
        ("https://github.com/acme@refs/tags/v1", "subject"),
        (
            "https://ghe.example/acme/app/.github/workflows/release.yml@refs/tags/v1",
            "subject",
        ),
    ] {
        assert_eq!(claim(&plain, &signed_by(name)), expected, "{name}");
    }
    // Both repositories fit the pattern, and still one may not sign for the
    // other.
    let any = rule(&ACME.replace("acme/app", "'acme/*'"));
    let other = "https://github.com/acme/other/.github/workflows/release.yml@refs/tags/v1";
    assert_eq!(claim(&any, &signed_by(other)), "workflow");
}

#[test]
fn a_reusable_workflow_is_named_with_its_repository_and_ref() {
    let rule = rule(
        "{github: {repository: acme/app, ref: refs/tags/v*, \
         workflow: acme/ci/.github/workflows/build.yml@refs/heads/main}}",
    );
    let name = "https://github.com/acme/ci/.github/workflows/build.yml@refs/heads/main";
    assert_eq!(claim(&rule, &signed_by(name)), "accepted");
    for (name, expected) in [
        (
            "https://github.com/acme/ci/.github/workflows/build.yml@refs/heads/x",
            "workflow's ref",
        ),
        (
            "https://github.com/acme/ci/.github/workflows/evil.yml@refs/heads/main",
            "workflow",
        ),
        (
            "https://github.com/evil/ci/.github/workflows/build.yml@refs/heads/main",
            "workflow",
        ),
        (
            "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main",
            "workflow",
        ),
    ] {
        assert_eq!(claim(&rule, &signed_by(name)), expected, "{name}");
    }
    // What is built is still that of the policy.
    let mut other = signed_by(name);
    other.claims.source_repository_uri = Some("https://github.com/evil/app".into());
    assert_eq!(claim(&rule, &other), "repository");
    let mut other = signed_by(name);
    other.claims.source_repository_ref = Some("refs/heads/main".into());
    assert_eq!(claim(&rule, &other), "ref");
}

#[test]
fn runs_of_pull_requests_sign_nothing_unless_they_are_named() {
    let run = |trigger: &str, base: CertificateIdentity| CertificateIdentity {
        claims: CiClaims {
            build_trigger: Some(trigger.into()),
            ..base.claims
        },
        ..base
    };
    for trigger in ["pull_request", "pull_request_target", "pull_request_review"] {
        assert_eq!(claim(&rule(ACME), &run(trigger, github())), "trigger");
        let named = acme(&format!("triggers: [{trigger}]"));
        assert_eq!(claim(&named, &run(trigger, github())), "accepted");
        assert_eq!(claim(&named, &github()), "trigger");
    }
    let gitlab_rule = rule(
        "{gitlab: {repository: acme/team/app, workflow: .gitlab-ci.yml, ref: refs/heads/main}}",
    );
    for trigger in ["merge_request_event", "external_pull_request_event"] {
        assert_eq!(claim(&gitlab_rule, &run(trigger, gitlab())), "trigger");
    }
    assert_eq!(claim(&gitlab_rule, &run("schedule", gitlab())), "accepted");
}

#[test]
fn runs_of_gitlab_are_compared_as_gitlab_writes_them() {
    let plain = "{gitlab: {repository: acme/team/app, workflow: .gitlab-ci.yml, \
                 ref: refs/heads/main}}";
    assert_eq!(claim(&rule(plain), &gitlab()), "accepted");
    for (pattern, expected) in [
        (plain.replace("acme/team/app", "acme/app"), "repository"),
        (plain.replace("acme/team/app", "acme/*"), "repository"),
        (plain.replace("acme/team/app", "acme/**"), "accepted"),
        (plain.replace(".gitlab-ci.yml", "ci.yml"), "workflow"),
        (
            plain.replace("refs/heads/main", "refs/tags/*"),
            "workflow's ref",
        ),
        (
            plain.replace("main}", "main, runner: gitlab-hosted}"),
            "accepted",
        ),
        (
            plain.replace("main}", "main, runner: self-hosted}"),
            "runner",
        ),
        (
            plain.replace("main}", "main, repositoryId: 9, ownerId: 3}"),
            "accepted",
        ),
        (
            plain.replace(".gitlab-ci.yml", "acme/ci//build.yml@refs/tags/v*"),
            "workflow",
        ),
        (
            plain.replace(
                "{gitlab:",
                "{issuer: 'https://gitlab.acme.example', gitlab:",
            ),
            "issuer",
        ),
    ] {
        assert_eq!(claim(&rule(&pattern), &gitlab()), expected, "{pattern}");
    }
    let central = rule(&plain.replace(".gitlab-ci.yml", "acme/ci//b/build.yml@refs/tags/v*"));
    let name = "https://gitlab.com/acme/ci//b/build.yml@refs/tags/v3";
    let mut run = gitlab();
    run.names[0].value = name.into();
    run.claims.build_signer_uri = Some(name.into());
    assert_eq!(claim(&central, &run), "accepted");
    assert_eq!(claim(&rule(plain), &run), "workflow");
}

#[test]
fn another_instance_is_named_by_its_url_and_its_issuer() {
    let rule = rule(
        "{issuer: 'https://ghe.example/_services/token', github: {repository: \
         'https://ghe.example/acme/app', workflow: .github/workflows/release.yml, \
         ref: refs/tags/v*}}",
    );
    let mut run =
        signed_by("https://ghe.example/acme/app/.github/workflows/release.yml@refs/tags/v1");
    run.issuer = Some("https://ghe.example/_services/token".into());
    assert_eq!(claim(&rule, &run), "repository");
    run.claims.source_repository_uri = Some("https://ghe.example/acme/app".into());
    assert_eq!(claim(&rule, &run), "accepted");
    run.issuer = Some(GITHUB.into());
    assert_eq!(claim(&rule, &run), "issuer");
}

#[test]
fn a_mismatch_shows_what_was_found_and_what_is_accepted() {
    let found = rule(ACME).judge(&signed_by(
        "https://github.com/acme/app/.github/workflows/evil.yml@refs/tags/v1",
    ));
    assert_eq!(
        found.expect_err("another file").to_string(),
        "signed by https://github.com/acme/app/.github/workflows/evil.yml@refs/tags/v1: its \
         workflow is .github/workflows/evil.yml; .github/workflows/release.yml is accepted"
    );
    let mut run = github();
    run.claims.build_trigger = Some("pull_request".into());
    assert_eq!(
        rule(ACME).judge(&run).expect_err("a proposal").to_string(),
        format!(
            "signed by {RELEASE}: its trigger is pull_request; any but those of pull requests, \
             which `triggers` would have to name, is accepted"
        )
    );
    // Names may have thousands of characters, and messages must not.
    let long: Arc<str> = "x".repeat(10_000).into();
    let other = named(NameKind::Other, &long, GITHUB);
    let found = IdentityRule::exact("a", GITHUB)
        .judge(&other)
        .expect_err("long");
    assert!(found.to_string().chars().count() < 300);
}

#[test]
fn a_name_alone_is_recommended_against() {
    let advice = rule(ACME).advice().expect("advice");
    assert!(advice.contains("repositoryId"), "{advice}");
    assert_eq!(acme("repositoryId: 17").advice(), None);
    assert_eq!(acme("ownerId: 4").advice(), None);
    assert_eq!(IdentityRule::exact("a", "b").advice(), None);
}
