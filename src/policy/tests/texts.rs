//! Patterns on what certificates say, and what their wildcards stand for.

use proptest::prelude::*;

use crate::policy::text::{TextError, TextPattern};

fn name(pattern: &str) -> TextPattern {
    TextPattern::name(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

#[test]
fn a_text_without_a_wildcard_is_compared_byte_for_byte() {
    let exact = name("https://github.com/acme/app");
    assert!(exact.matches("https://github.com/acme/app"));
    for other in [
        "https://github.com/acme/App",
        "https://GitHub.com/acme/app",
        "https://github.com/acme/app/",
        "https://github.com/acme/app ",
        "xhttps://github.com/acme/app",
        "https://github.com/acme/appx",
        "https://github.com/acme/%61pp",
        "",
    ] {
        assert!(!exact.matches(other), "{other}");
    }
}

#[test]
fn wildcards_stand_for_plain_words_and_nothing_else() {
    for (pattern, yes, no) in [
        (
            "https://github.com/acme/*/.github/workflows/release.yml@refs/heads/main",
            &["https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"][..],
            &[
                "https://github.com/acme/a/b/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme//.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/../.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/./.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/a%2fb/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/a?b/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/a#b/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/a\\b/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/a b/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/ä/.github/workflows/release.yml@refs/heads/main",
                "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main/x",
                "https://github.com/acme-evil/app/.github/workflows/release.yml@refs/heads/main",
            ][..],
        ),
        // A branch may be called almost anything: it never moves the `@`.
        (
            "https://github.com/acme/app/.github/workflows/*@refs/heads/main",
            &["https://github.com/acme/app/.github/workflows/a.yml@refs/heads/main"],
            &[
                "https://github.com/acme/app/.github/workflows/evil.yml@refs/heads/x@refs/heads/main",
                "https://github.com/acme/app/.github/workflows/evil.yml@x@refs/heads/main",
            ],
        ),
        (
            "https://github.com/acme/**/a.yml@refs/heads/main",
            &["https://github.com/acme/app/.github/workflows/a.yml@refs/heads/main"],
            &[
                "https://github.com/acme/app/evil.yml@refs/heads/x/a.yml@refs/heads/main",
                "https://github.com/acme/a.yml@refs/heads/main",
                "https://github.com/acme//a.yml@refs/heads/main",
            ],
        ),
        (
            "https://github.com/acme/**",
            &[
                "https://github.com/acme/app",
                "https://github.com/acme/app/.github/workflows/a.yml@refs/heads/x@y",
            ],
            &[
                "https://github.com/acme",
                "https://github.com/acme/",
                "https://github.com/acme-evil/app",
                "https://github.com/acme/../evil/app",
                "https://github.com/acme/app//x",
                "https://github.com/acme/app/%2e%2e/x",
            ],
        ),
        (
            "https://*.example.com/ci",
            &["https://a.example.com/ci"],
            &[
                "https://a.b.example.com/ci",
                "https://.example.com.evil.example/ci",
                "https://evil.example/.example.com/ci",
                "https://u:p@x.example.com/ci",
                "https://a:1.example.com/ci",
                "http://a.example.com/ci",
            ],
        ),
        (
            "*@acme.example",
            &["alice@acme.example", "a.b+c@acme.example", "@acme.example"],
            &[
                "alice@evil@acme.example",
                "alice@acme.example.evil.example",
                "alice@acme-example",
                "alice@ACME.example",
                "alice@sub.acme.example",
                "a/b@acme.example",
                "alice@acme.example\u{0}",
            ],
        ),
        (
            "build@*.acme.example",
            &["build@eu.acme.example"],
            &["build@a.b.acme.example", "build@acme.example"],
        ),
        (
            "*.acme.example",
            &["ci.acme.example"],
            &["a.b.acme.example", "x@ci.acme.example", "acme.example"],
        ),
        (
            "spiffe://acme.example/ns/*/sa/builder",
            &["spiffe://acme.example/ns/dev/sa/builder"],
            &["spiffe://acme.example/ns/dev/x/sa/builder"],
        ),
        // GitLab writes two slashes; a wildcard does not stand for nothing.
        (
            "https://gitlab.com/acme/*//.gitlab-ci.yml@refs/heads/main",
            &["https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"],
            &["https://gitlab.com/acme//.gitlab-ci.yml@refs/heads/main"],
        ),
    ] {
        let pattern = name(pattern);
        for text in yes {
            assert!(pattern.matches(text), "{pattern} and {text}");
        }
        for text in no {
            assert!(!pattern.matches(text), "{pattern} and {text}");
        }
    }
}

#[test]
fn refs_are_whole_and_their_wildcards_stay_in_a_segment() {
    for (pattern, yes, no) in [
        (
            "refs/tags/v*",
            &["refs/tags/v1.2", "refs/tags/v1@2"][..],
            &["refs/tags/v1/x", "refs/heads/v1", "refs/tags/x", "v1"][..],
        ),
        (
            "refs/heads/release/**",
            &["refs/heads/release/1", "refs/heads/release/1/2"],
            &["refs/heads/release", "refs/heads/release/../main"],
        ),
    ] {
        let pattern = TextPattern::git_ref(pattern).expect("good");
        for text in yes {
            assert!(pattern.matches(text), "{pattern} and {text}");
        }
        for text in no {
            assert!(!pattern.matches(text), "{pattern} and {text}");
        }
    }
    for short in [
        "main",
        "v*",
        "refs/heads",
        "refs/heads/",
        "refs/*/x",
        "**",
        "refs/**",
    ] {
        assert_eq!(
            TextPattern::git_ref(short),
            Err(TextError::ShortRef),
            "{short}"
        );
    }
}

#[test]
fn what_anybody_could_satisfy_is_no_pattern() {
    for (pattern, error) in [
        ("", TextError::Characters),
        ("a b", TextError::Characters),
        ("ä", TextError::Characters),
        ("*", TextError::OpenHost),
        ("**", TextError::OpenHost),
        ("alice@*", TextError::OpenHost),
        ("alice@acme.*", TextError::OpenHost),
        ("*.*", TextError::OpenHost),
        ("https://*/acme", TextError::OpenHost),
        ("https://github.*/acme", TextError::OpenHost),
        ("https://*:443/acme", TextError::OpenHost),
        ("https://a.example:*/acme", TextError::OpenHost),
        ("https://**", TextError::OpenHost),
        ("https://**/acme", TextError::OpenHost),
        ("*://github.com/acme", TextError::OpenScheme),
        ("**/acme", TextError::OpenScheme),
        ("https://github.com/a**", TextError::DoubleStar),
        ("https://github.com/***", TextError::DoubleStar),
        ("https://github.com/../*", TextError::DotSegment),
    ] {
        assert_eq!(TextPattern::name(pattern), Err(error), "{pattern}");
    }
    let long = format!("https://github.com/{}", "a".repeat(512));
    assert_eq!(TextPattern::name(&long), Err(TextError::TooLong));
    for path in ["a@b", "/a", "a/", "a//b"] {
        assert_eq!(TextPattern::path(path), Err(TextError::NotAPath), "{path}");
    }
}

/// The documented language in the most obvious way: every way to cut the text.
fn obvious(pattern: &str, text: &str) -> bool {
    let pattern: Vec<_> = pattern.split('/').collect();
    let text: Vec<_> = text.split('/').collect();
    segments(&pattern, &text)
}

fn segments(pattern: &[&str], text: &[&str]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((&"**", rest)) => (1..=text.len()).any(|n| {
            let plain = text[..n].iter().all(|segment| {
                plain_segment(segment)
                    && segment
                        .chars()
                        .all(|c| plain(c) || (c == '@' && rest.is_empty()))
            });
            plain && segments(rest, &text[n..])
        }),
        Some((first, rest)) => text.split_first().is_some_and(|(head, tail)| {
            let fits = if first.contains('*') {
                plain_segment(head) && characters(first, head)
            } else {
                first == head
            };
            fits && segments(rest, tail)
        }),
    }
}

fn characters(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|n| {
            text.is_char_boundary(n) && text[..n].chars().all(plain) && characters(rest, &text[n..])
        }),
        Some((first, rest)) => text
            .strip_prefix(first)
            .is_some_and(|text| characters(rest, text)),
    }
}

fn plain_segment(segment: &str) -> bool {
    !["", ".", ".."].contains(&segment)
}

fn plain(c: char) -> bool {
    c.is_ascii_graphic() && !"%?\\@#/".contains(c)
}

proptest! {
    #[test]
    fn a_pattern_never_matches_more_than_its_documented_language(
        pattern in "x:(/(a|b|@|\\*|a\\*|\\*@b|\\*\\*|)){1,5}",
        text in "x:(/(a|b|@|ab|a@b|\\.|\\.\\.|%2f|)){1,6}",
    ) {
        let Ok(compiled) = TextPattern::name(&pattern) else { return Ok(()) };
        prop_assert_eq!(compiled.matches(&text), obvious(&pattern, &text));
    }

    #[test]
    fn no_text_is_too_odd_for_an_answer(
        pattern in "[a-z*/@:.]{1,40}", text in "\\PC{0,80}",
    ) {
        for compiled in [
            TextPattern::name(&pattern),
            TextPattern::path(&pattern),
            TextPattern::git_ref(&pattern),
        ].into_iter().flatten() {
            let matches = compiled.matches(&text);
            prop_assert!(!matches || pattern.contains('*') || text == pattern);
            // Whatever matches through a wildcard is printable ASCII.
            prop_assert!(!matches || text.bytes().all(|b| b.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_pattern_that_covers_another_matches_all_that_it_matches(
        broad in "https://a\\.example(/(a|b|\\*|a\\*|\\*\\*)){1,3}",
        narrow in "https://a\\.example(/(a|b|ab|\\*|a\\*|\\*\\*)){1,3}",
        text in "https://a\\.example(/[ab]{1,2}){1,4}",
    ) {
        let (broad, narrow) = (name(&broad), name(&narrow));
        if broad.covers(&narrow) && narrow.matches(&text) {
            prop_assert!(broad.matches(&text));
        }
        prop_assert!(broad.covers(&broad));
    }
}
