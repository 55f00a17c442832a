//! Patterns against a slow matcher that is obviously right.

use proptest::prelude::*;

use crate::oci::Repository;
use crate::policy::{ImagePattern, NamePattern, PatternError};

fn matches(pattern: &str, name: &str) -> bool {
    let repository: Repository = name.parse().expect("a repository");
    ImagePattern::parse(pattern)
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .matches(&repository)
}

#[test]
fn patterns_match_whole_normalised_names() {
    for (pattern, name, expected) in [
        ("**", "registry.example.com/a/b", true),
        ("**", "nginx", true),
        ("nginx", "docker.io/library/nginx", true),
        ("nginx", "index.docker.io/library/nginx", true),
        ("docker.io/nginx", "nginx", true),
        ("registry-1.docker.io/acme/*", "acme/app", true),
        ("docker.io/*", "nginx", true),
        ("docker.io/*", "acme/app", false),
        ("docker.io/**", "acme/app", true),
        ("nginx*", "nginx-unprivileged", true),
        ("acme/*", "acme/app", true),
        ("acme/*", "registry.example.com/acme/app", false),
        (
            "REGISTRY.example.com:443/app",
            "registry.example.com/app",
            true,
        ),
        (
            "registry.example.com:5000/app",
            "registry.example.com/app",
            false,
        ),
        (
            "registry.example.com/a/**",
            "registry.example.com/a/b/c",
            true,
        ),
        (
            "registry.example.com/a/**",
            "registry.example.com/a/b",
            true,
        ),
        ("registry.example.com/a/**", "registry.example.com/a", false),
        (
            "registry.example.com/a/**",
            "registry.example.com/a-evil/x",
            false,
        ),
        (
            "registry.example.com/a/*",
            "registry.example.com/a/b/c",
            false,
        ),
        (
            "registry.example.com/a*",
            "registry.example.com/a-evil/x",
            false,
        ),
        (
            "registry.example.com/**/c",
            "registry.example.com/a/b/c",
            true,
        ),
        ("registry.example.com/**/c", "registry.example.com/c", false),
        ("**/c", "registry.example.com/a/c", true),
        ("*.example.com/app", "eu.example.com/app", true),
        ("*.example.com/app", "a.b.example.com/app", false),
        ("*.example.com/app", "example.com/app", false),
        (
            "registry.*.example.com/app",
            "registry.eu.example.com/app",
            true,
        ),
        (
            "registry.*.example.com/app",
            "registry.x.evil.example.com/app",
            false,
        ),
        ("*.example.com:5000/app", "eu.example.com:5000/app", true),
        ("[::1]:5000/**", "[0:0::1]:5000/app", true),
        (
            "registry.example.com/app",
            "registry.example.com.evil.org/app",
            false,
        ),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
    }
}

#[test]
fn what_is_no_pattern_is_refused_for_its_reason() {
    use PatternError as E;
    for (text, error) in [
        ("", E::Empty),
        ("registry.example.com/app:v1", E::TagOrDigest),
        ("nginx:v1", E::TagOrDigest),
        ("registry.example.com/app@sha256:00", E::TagOrDigest),
        ("registry.example.com/***", E::DoubleStar),
        ("registry.example.com/a**", E::DoubleStar),
        ("*", E::Ambiguous),
        ("*/app", E::Ambiguous),
        ("acme*/app", E::Ambiguous),
        (
            "registry.example.com",
            E::HostOnly("registry.example.com".into()),
        ),
        (
            "registry.example.com/",
            E::HostOnly("registry.example.com".into()),
        ),
        ("registry.example.*/app", E::OpenHost),
        ("registry.example.com:*/app", E::OpenHost),
    ] {
        assert_eq!(ImagePattern::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(ImagePattern::parse(&"a".repeat(256)), Err(E::TooLong));
    for text in [
        "registry.example.com/App",
        "registry.example.com//app",
        "registry.example.com/app/",
        "/app",
        "**/App",
        "**//a",
        "registry.example.com./app",
        "regïstry.example.com/app",
        "registry.example.com/a b",
        "registry.example.com/a?",
        "user@registry.example.com/a",
    ] {
        let got = ImagePattern::parse(text);
        assert!(
            matches!(got, Err(E::Repository(_) | E::TagOrDigest)),
            "{text:?}: {got:?}"
        );
    }
}

#[test]
fn a_star_in_a_host_never_becomes_an_alias_of_docker_hub() {
    assert!(!matches("inde*.docker.io/library/nginx", "nginx"));
    assert!(matches(
        "*.docker.example/app",
        "registry-1.docker.example/app"
    ));
}

#[test]
fn namespace_patterns_match_whole_names() {
    for (pattern, name, expected) in [
        ("payments", "payments", true),
        ("payments", "payments-eu", false),
        ("payments-*", "payments-eu", true),
        ("payments-*", "payments", false),
        ("*", "default", true),
        ("*-prod", "a-prod", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c", false),
    ] {
        let compiled = NamePattern::parse(pattern).expect("a pattern");
        assert_eq!(compiled.matches(name), expected, "{pattern} on {name}");
    }
    for text in ["", "**", "a**", "A", "a.b", "a/b", "-a", "a-", "a?", "ä"] {
        let error = PatternError::Namespace(text.to_owned());
        assert_eq!(NamePattern::parse(text), Err(error), "{text:?}");
    }
}

/// By trying every split.
fn obvious(pattern: &[&str], name: &[&str], host: bool) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), Some((_, after))) => {
            obvious(rest, after, false) || obvious(pattern, after, false)
        }
        (Some((segment, rest)), Some((text, after))) => {
            fits(segment.as_bytes(), text.as_bytes(), host) && obvious(rest, after, false)
        }
        _ => false,
    }
}

fn fits(pattern: &[u8], text: &[u8], host: bool) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            fits(rest, text, host)
                || text
                    .split_first()
                    .is_some_and(|(c, after)| !(host && *c == b'.') && fits(pattern, after, host))
        }
        (Some((p, rest)), Some((c, after))) => p == c && fits(rest, after, host),
        _ => false,
    }
}

proptest! {
    #[test]
    fn patterns_agree_with_trying_every_split(
        host in "([ab]|[ab]?\\*[ab]?|[ab]{0,2}\\*[ab]{1,2}\\*a)\\.([ab]|\\*)\\.a|\\*\\*",
        path in proptest::collection::vec("[ab]|\\*|[ab]{0,2}\\*[ab]{0,2}|a\\*b\\*a|\\*\\*", 1..5),
        name_host in "[ab]{1,3}\\.[ab]{1,2}\\.a",
        name_path in proptest::collection::vec("[ab]{1,3}", 1..6),
    ) {
        let pattern = format!("{host}/{}", path.join("/"));
        let name = format!("{name_host}/{}", name_path.join("/"));
        let split = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (p, n) = (split(&pattern), split(&name));
        let p: Vec<_> = p.iter().map(String::as_str).collect();
        let n: Vec<_> = n.iter().map(String::as_str).collect();
        prop_assert_eq!(matches(&pattern, &name), obvious(&p, &n, true), "{} on {}", pattern, name);
    }

    #[test]
    fn any_text_is_refused_or_matches_itself_without_wildcards(text in "[a-cA-C*./:@-]{0,20}") {
        if let Ok(pattern) = ImagePattern::parse(&text)
            && !text.contains('*')
        {
            let repository: Repository = text.parse().expect("what a pattern names");
            prop_assert!(pattern.matches(&repository));
        }
    }
}
