//! The largest and oddest input for each reader: an answer that names what is
//! wrong, in few words. A reader without a bound would overflow the stack of
//! the test or use up its memory.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use floe::admission::{Coverage, Gvk, Request};
use floe::config::Settings;
use floe::evidence::{Body, Document};
use floe::oci::{Content, Digest, Manifest, Reference};
use floe::policy::{PolicyDocument, compile, yaml};
use floe::source::layout::Layout;
use floe::source::registry::Keychain;
use floe::trust::PublicKey;

use crate::support::authority::{BUNDLE, INDEX, MANIFEST};

/// As much as a webhook reads of one request.
const LARGE: usize = 8 << 20;
/// For what takes longer to read.
const MEDIUM: usize = 1 << 20;
/// The most that any message may have: it is logged and sent on.
const WORDS: usize = 4_000;

/// Named, because a failure must not print it.
type Input = (&'static str, Vec<u8>);

static INPUTS: LazyLock<Vec<Input>> = LazyLock::new(|| {
    let items = vec!["{\"image\":\"a\"}"; 100_000].join(",");
    let keys: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let alias = format!("*a{}", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(","));
    }
    let fold = |n: usize, open: &str, close: &str| format!("{}{}", open.repeat(n), close.repeat(n));
    [
        ("nothing", String::new()),
        ("open lists", "[".repeat(LARGE)),
        ("closed lists", fold(MEDIUM / 2, "[", "]")),
        ("open objects", "{\"a\":".repeat(MEDIUM / 5)),
        (
            "closed objects",
            format!("{}1{}", "{\"a\":".repeat(LARGE / 6), "}".repeat(LARGE / 6)),
        ),
        (
            "open and closed lists of keys",
            "[{\"a\":[".repeat(MEDIUM / 8),
        ),
        (
            "a long string",
            format!("{{\"a\":\"{}\"}}", "x".repeat(LARGE)),
        ),
        (
            "a string without an end",
            format!("{{\"spec\":\"{}", "x".repeat(MEDIUM)),
        ),
        ("a long key", format!("{{\"{}\":1}}", "x".repeat(MEDIUM))),
        ("a long number", format!("{{\"a\":{}}}", "9".repeat(MEDIUM))),
        (
            "a long exponent",
            format!("{{\"schemaVersion\":1e{}}}", "9".repeat(MEDIUM)),
        ),
        ("escapes", format!("\"{}\"", "\\u0000".repeat(MEDIUM / 6))),
        ("a long list", format!("[{items}]")),
        (
            "many manifests",
            format!("{{\"schemaVersion\":2,\"manifests\":[{items}]}}"),
        ),
        ("many keys", format!("{{{}}}", keys.join(","))),
        ("blanks", " ".repeat(LARGE)),
        ("line breaks", "\n".repeat(MEDIUM)),
        ("zeros", "\0".repeat(MEDIUM)),
        ("aliases of aliases", bomb),
        ("an alias of itself", "a: &a [*a]\n".to_owned()),
        ("nested lists of YAML", "- ".repeat(100_000)),
        ("nested keys of YAML", "? ".repeat(100_000)),
        ("anchors", "&a ".repeat(100_000)),
        ("tags", "!!str ".repeat(100_000)),
        ("documents", "---\na: b\n".repeat(100_000)),
        ("open lists of YAML", format!("a: {}", "[".repeat(100_000))),
        ("open quotes", "'".repeat(MEDIUM / 8)),
        ("dashes", "-".repeat(MEDIUM)),
        (
            "beginnings of keys",
            "-----BEGIN PUBLIC KEY-----\n".repeat(MEDIUM / 27),
        ),
        (
            "a long key in PEM",
            format!(
                "-----BEGIN PUBLIC KEY-----\n{}-----END PUBLIC KEY-----\n",
                format!("{}\n", "A".repeat(64)).repeat(MEDIUM / 65)
            ),
        ),
        ("slashes", "a/".repeat(MEDIUM / 2)),
        ("colons", ":".repeat(MEDIUM)),
        ("a long digest", format!("a@sha256:{}", "0".repeat(MEDIUM))),
    ]
    .map(|(name, text)| (name, text.into_bytes()))
    .into()
});

/// Each input is refused, with few words.
fn refuses<E: std::fmt::Display>(reader: impl Fn(&[u8]) -> Result<(), E>, accepted: &[&str]) {
    for (name, bytes) in INPUTS.iter() {
        match reader(bytes) {
            Ok(()) => assert!(accepted.contains(name), "{name} is accepted"),
            Err(error) => {
                let words = error.to_string();
                assert!(!accepted.contains(name), "{name}: {:.200}", words);
                assert!(
                    !words.is_empty() && words.len() <= WORDS,
                    "{name}: {:.200}",
                    words
                );
            }
        }
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("all inputs are text")
}

#[test]
fn references_digests_and_keys_refuse_the_largest_inputs() {
    refuses(|bytes| text(bytes).parse::<Reference>().map(drop), &[]);
    refuses(|bytes| text(bytes).parse::<Digest>().map(drop), &[]);
    refuses(|bytes| PublicKey::from_pem(text(bytes)).map(drop), &[]);
    refuses(|bytes| PublicKey::from_spki(bytes).map(drop), &[]);
}

#[test]
fn manifests_refuse_the_largest_inputs() {
    for kind in [MANIFEST, INDEX] {
        let content = |bytes: &[u8]| Content::of_tag(kind, Bytes::copy_from_slice(bytes));
        refuses(|bytes| Manifest::parse(&content(bytes)).map(drop), &[]);
    }
    refuses(|bytes| Manifest::parse_listing(bytes).map(drop), &[]);
}

#[test]
fn bundles_refuse_the_largest_inputs() {
    refuses(
        |bytes| {
            let content = Content::of_tag(BUNDLE, Bytes::copy_from_slice(bytes));
            match Document::bundle(content.digest(), &content).body {
                Body::Malformed { detail } => Err(detail),
                other => panic!("{other:?}"),
            }
        },
        &[],
    );
}

#[test]
fn reviews_and_their_objects_refuse_the_largest_inputs() {
    refuses(|bytes| Request::read(bytes).map(drop), &[]);
    let coverage = Coverage::builtin();
    for kind in ["Pod", "PodTemplate"] {
        let kind = Gvk::from_manifest("v1", kind);
        refuses(|b| coverage.references(&kind, None, text(b)).map(drop), &[]);
    }
    for (_, bytes) in INPUTS.iter() {
        // As the object of a review and as a field that nobody reads.
        for place in [
            r#""object":"#,
            r#""object":{"spec":{"containers":"#,
            r#""options":"#,
        ] {
            let review = [
                &br#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":{"group":"","version":"v1","kind":"Pod"},"operation":"CREATE","#[..],
                place.as_bytes(),
                bytes,
                if place.ends_with("containers\":") { &b"}}}}"[..] } else { b"}}" },
            ]
            .concat();
            if let Ok(request) = Request::read(&review)
                && let Some(object) = &request.object
                && let Ok(uses) = coverage.references_in(&request, Some(object))
            {
                assert!(uses.is_empty(), "{place}");
            }
        }
    }
}

#[test]
fn policies_manifests_in_yaml_and_settings_refuse_the_largest_inputs() {
    refuses(
        |bytes| Settings::parse(Path::new("floe.yaml"), text(bytes)).map(drop),
        &[],
    );
    refuses(
        |bytes| {
            let document = PolicyDocument {
                origin: "policy.yaml".into(),
                text: text(bytes).to_owned(),
            };
            match compile(&[document]) {
                Ok(_) => Ok(()),
                Err(problems) => {
                    assert!(problems.len() <= 10_000, "{} problems", problems.len());
                    Err(format!("{:?}", problems[0]))
                }
            }
        },
        &[],
    );
    for (name, bytes) in INPUTS.iter() {
        if let Ok(found) = yaml::documents(text(bytes)) {
            assert!(found.len() <= 10_000, "{name}: {}", found.len());
        }
    }
    let bomb = INPUTS
        .iter()
        .find(|(name, _)| *name == "aliases of aliases");
    let found = yaml::documents(text(&bomb.expect("a bomb").1));
    assert!(matches!(found, Err(yaml::YamlError::Limit { .. })));
}

#[test]
fn files_of_others_refuse_the_largest_inputs() {
    refuses(|bytes| Keychain::from_docker_config(bytes).map(drop), &[]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("written");
    refuses(
        |bytes| {
            std::fs::write(folder.path().join("index.json"), bytes).expect("written");
            Layout::open(folder.path()).map(drop)
        },
        &[],
    );
}
