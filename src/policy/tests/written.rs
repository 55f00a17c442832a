//! Authorities as they may be written, and what is said where they may not.

use rcgen::KeyPair;

use super::authorities::{KEY, bound, compile, policy, problems, spec};
use crate::policy::MultiArch;
use crate::trust::{MaterialRef, Signers, Window};

#[test]
fn the_dates_of_a_key_are_times_with_a_zone() {
    let dated = |dates: &str| spec(&format!("{{name: a, key: {{file: a.pub, {dates}}}}}"), "");
    let set = bound(&dated(
        "validFrom: '2026-01-31T00:00:00Z', validUntil: '2026-02-01T00:00:00.5+01:00'",
    ));
    assert_eq!(
        policy(&set).authorities[0].validity,
        Window {
            start: Some("2026-01-31T00:00:00Z".parse().expect("a time")),
            end: Some("2026-01-31T23:00:00.5Z".parse().expect("a time")),
        }
    );
    let open = bound(&dated("validFrom: 2026-01-31T00:00:00Z"));
    assert_eq!(policy(&open).authorities[0].validity.end, None);
    for dates in [
        "validFrom: 2026-01-31",
        "validFrom: '2026-01-31 00:00:00Z'",
        "validFrom: '2026-01-31T00:00Z'",
        "validFrom: '2026-01-31T00:00:00'",
        "validFrom: '2026-01-31T00:00:00z'",
        "validFrom: '2026-01-31T00:00:00Z[UTC]'",
        "validFrom: '2026-02-30T00:00:00Z'",
        "validFrom: '20260131T000000Z'",
        "validFrom: tomorrow",
        "validFrom: ",
        "validFrom: 1769817600",
    ] {
        let found = compile(&dated(dates)).expect_err(dates);
        assert_eq!(found.len(), 1, "{dates}: {found:#?}");
        assert_eq!(found[0].path, "spec.authorities[0].key.validFrom");
    }
    assert_eq!(
        problems(&dated(
            "validFrom: '2026-01-31T00:00:00Z', validUntil: '2026-01-31T00:00:00Z'"
        )),
        ["spec.authorities[0].key.validUntil: is not after `validFrom`"]
    );
}

#[test]
fn certificates_of_ones_own_authority_are_named_with_whom_they_are_for() {
    let pem = |ca: bool| {
        let key = KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        if ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let pem = params.self_signed(&key).expect("a certificate").pem();
        serde_json::Value::from(pem).to_string()
    };
    let own = |certificate: &str| spec(&format!("{{name: c, certificate: {certificate}}}"), "");
    let inline = own(&format!(
        "{{roots: {{pem: {}}}, subjectPattern: '*@b.example'}}",
        pem(true)
    ));
    let set = bound(&inline);
    let id = policy(&set).authorities[0].material.clone().expect("bound");
    let Signers::Certificates(root) = set.material(id).signers() else {
        panic!("not certificates");
    };
    assert_eq!(&**root.name(), "c");
    let references = compile(&own("{roots: {env: CA}, subject: s}"))
        .expect("good")
        .materials();
    assert_eq!(references, [MaterialRef::CertificatesEnv("CA".to_owned())]);
    let references = compile(&own("{roots: {file: ca.pem}, subject: s}"))
        .expect("good")
        .materials();
    let file = MaterialRef::CertificatesFile("dir/ca.pem".to_owned());
    assert_eq!(references, [file]);
    for (certificate, path) in [
        ("{roots: {env: CA}}".to_owned(), "certificate"),
        ("{subject: s}".to_owned(), "certificate.roots"),
        (
            "{roots: {env: CA}, subject: s, subjectPattern: 's.example'}".to_owned(),
            "certificate",
        ),
        ("{roots: {}, subject: s}".to_owned(), "certificate.roots"),
        (
            "{roots: {env: A, file: b}, subject: s}".to_owned(),
            "certificate.roots",
        ),
        (
            "{roots: {pem: x}, subject: s}".to_owned(),
            "certificate.roots.pem",
        ),
        (
            format!("{{roots: {{pem: {}}}, subject: s}}", pem(false)),
            "certificate.roots.pem",
        ),
        (
            "{roots: {env: CA}, subject: '*'}".to_owned(),
            "certificate.subject",
        ),
        (
            "{roots: {env: CA}, subjectPattern: '*'}".to_owned(),
            "certificate.subjectPattern",
        ),
        (
            "{roots: {env: CA}, subject: s, issuer: x}".to_owned(),
            "certificate.issuer",
        ),
    ] {
        let found = compile(&own(&certificate)).expect_err(&certificate);
        let paths: Vec<_> = found.iter().map(|problem| &*problem.path).collect();
        assert_eq!(
            paths,
            [format!("spec.authorities[0].{path}")],
            "{certificate}"
        );
    }
}

#[test]
fn each_thing_that_is_wrong_about_an_identity_is_named_at_its_path() {
    let github = |fields: &str| format!("{{github: {{{fields}}}}}");
    let good = "repository: a/b, workflow: .github/workflows/c.yml, ref: refs/heads/main";
    let workflow = |text: &str| {
        github(&format!(
            "repository: a/b, ref: refs/heads/main, workflow: '{text}'"
        ))
    };
    let repository = |text: &str| {
        github(&format!(
            "repository: '{text}', ref: refs/heads/main, workflow: .github/workflows/c.yml"
        ))
    };
    for (keyless, paths) in [
        ("{}".to_owned(), &["keyless"][..]),
        ("{issuer: x}".to_owned(), &["keyless"]),
        ("{subject: x}".to_owned(), &["keyless"]),
        ("{issuer: x, subject: }".to_owned(), &["keyless.subject"]),
        ("{issuer: x, subject: ''}".to_owned(), &["keyless.subject"]),
        (
            "{issuer: x, subject: 'a*'}".to_owned(),
            &["keyless.subject"],
        ),
        ("{issuer: 'x*', subject: a}".to_owned(), &["keyless.issuer"]),
        (
            r#"{issuer: x, subject: "a\u0000"}"#.to_owned(),
            &["keyless.subject"],
        ),
        (
            "{issuer: x, subjectPattern: '**'}".to_owned(),
            &["keyless.subjectPattern"],
        ),
        (
            "{issuerPattern: '*', subject: a}".to_owned(),
            &["keyless.issuerPattern"],
        ),
        (
            "{issuer: x, issuerPattern: y.example, subject: a}".to_owned(),
            &["keyless"],
        ),
        (
            "{issuer: x, subject: a, subjectPattern: b}".to_owned(),
            &["keyless"],
        ),
        (
            format!("{{issuer: x, subject: a, github: {{{good}}}}}"),
            &["keyless"],
        ),
        (
            format!("{{issuerPattern: a.example, github: {{{good}}}}}"),
            &["keyless.issuerPattern"],
        ),
        (
            github(""),
            &[
                "keyless.github.repository",
                "keyless.github.workflow",
                "keyless.github.ref",
            ],
        ),
        (
            github("repository: a/b, workflow: .github/workflows/c.yml"),
            &["keyless.github.ref"],
        ),
        (repository("a"), &["keyless.github.repository"]),
        (repository("a/b/c"), &["keyless.github.repository"]),
        (repository("*/b"), &["keyless.github.repository"]),
        (repository("a*/b"), &["keyless.github.repository"]),
        (repository("a//b"), &["keyless.github.repository"]),
        (
            repository("https://ghe.example/a/b"),
            &["keyless.github.repository"],
        ),
        (
            repository("http://github.com/a/b"),
            &["keyless.github.repository"],
        ),
        // The display name, and everything else that is no path.
        (workflow("Release"), &["keyless.github.workflow"]),
        (workflow("c.yml"), &["keyless.github.workflow"]),
        (workflow("workflows/c.yml"), &["keyless.github.workflow"]),
        (
            workflow(".github/workflows/c.yml@refs/heads/main"),
            &["keyless.github.workflow"],
        ),
        (
            workflow("a/b/.github/workflows/c.yml"),
            &["keyless.github.workflow"],
        ),
        (
            workflow("a/b/.github/workflows/c.yml@main"),
            &["keyless.github.workflow"],
        ),
        (
            workflow("a/*/.github/workflows/c.yml@refs/heads/main"),
            &["keyless.github.workflow"],
        ),
        (
            workflow("a/b/c/.github/workflows/c.yml@refs/heads/main"),
            &["keyless.github.workflow"],
        ),
        (workflow(".github/workflows/"), &["keyless.github.workflow"]),
        (
            github(&good.replace("refs/heads/main", "main")),
            &["keyless.github.ref"],
        ),
        (
            github(&good.replace("refs/heads/main", "'**'")),
            &["keyless.github.ref"],
        ),
        (
            github(&format!("{good}, triggers: []")),
            &["keyless.github.triggers"],
        ),
        (
            github(&format!("{good}, triggers: [Push]")),
            &["keyless.github.triggers[0]"],
        ),
        (
            github(&format!("{good}, triggers: ['*']")),
            &["keyless.github.triggers[0]"],
        ),
        (
            github(&format!("{good}, runner: any")),
            &["keyless.github.runner"],
        ),
        (
            github(&format!("{good}, runner: gitlab-hosted")),
            &["keyless.github.runner"],
        ),
        (
            github(&format!("{good}, repositoryId: x")),
            &["keyless.github.repositoryId"],
        ),
        (
            github(&format!("{good}, ownerId: -1")),
            &["keyless.github.ownerId"],
        ),
        (
            github(&format!("{good}, ownerId: 1.5")),
            &["keyless.github.ownerId"],
        ),
        (
            github(&format!("{good}, name: Release")),
            &["keyless.github.name"],
        ),
        (
            "{gitlab: {repository: a, workflow: .gitlab-ci.yml, ref: refs/heads/main}}".to_owned(),
            &["keyless.gitlab.repository"],
        ),
        (
            "{gitlab: {repository: a/b, workflow: x/y//c.yml, ref: refs/heads/main}}".to_owned(),
            &["keyless.gitlab.workflow"],
        ),
    ] {
        let text = spec(&format!("{{name: a, keyless: {keyless}}}"), "");
        let found = compile(&text).expect_err(&keyless);
        let found: Vec<_> = found.iter().map(|problem| &*problem.path).collect();
        let paths: Vec<_> = paths
            .iter()
            .map(|p| format!("spec.authorities[0].{p}"))
            .collect();
        assert_eq!(found, paths, "{keyless}");
    }
}

#[test]
fn fields_about_signatures_are_refused_where_none_is_checked() {
    for (field, value) in [
        ("multiArch", "child"),
        ("signedFor", "repository"),
        ("insecureOldBundles", "true"),
        ("transparencyLog", "required"),
        ("timestamps", "required"),
        ("certificateTransparency", "required"),
    ] {
        assert_eq!(
            problems(&format!(
                "{{match: {{}}, level: unverified, {field}: {value}}}"
            )),
            [format!(
                "spec.{field}: level `unverified` checks no signature; remove this or the level"
            )]
        );
    }
    for more in [
        ", multiArch: all",
        ", signedFor: image",
        ", insecureOldBundles: 1",
        ", transparencyLog: preferred",
    ] {
        assert_eq!(problems(&spec(KEY, more)).len(), 1, "{more}");
    }
    let one_of = "{name: a, key: {env: A}, keyless: {}}";
    assert_eq!(
        problems(&spec(one_of, "")),
        ["spec.authorities[0]: write only one of key, keyless"]
    );
    for (more, expected) in [
        ("", MultiArch::Index),
        (", multiArch: index", MultiArch::Index),
        (", multiArch: everyChild", MultiArch::EveryChild),
        (", multiArch: child", MultiArch::Child),
    ] {
        assert_eq!(policy(&bound(&spec(KEY, more))).multi_arch, expected);
    }
    assert!(policy(&bound(&spec(KEY, ", signedFor: repository"))).signed_for_repository);
}
