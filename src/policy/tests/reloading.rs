//! What stays in force when a folder is read again.

use std::path::PathBuf;

use crate::policy::{PolicyDocument, Reading, Reloaded, Store};
use crate::trust::Materials;
use crate::verdict::Subject;

fn policy(name: &str, matching: &str) -> String {
    format!(
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: {{name: {name}}}\n\
         spec: {{level: unverified, match: {matching}}}\n"
    )
}

fn folder(files: &[(&str, &str)]) -> Reading {
    Reading {
        documents: files
            .iter()
            .map(|(origin, text)| PolicyDocument {
                origin: origin.into(),
                text: (*text).to_owned(),
            })
            .collect(),
        unreadable: Vec::new(),
        missing: Vec::new(),
        complete: true,
    }
}

/// The policies that apply to `image`, with the code of those that deny.
fn applying(reloaded: &Reloaded, image: &str) -> Vec<String> {
    let set = reloaded.compiled.bind(&Materials::default());
    let selection = set.select(&image.parse().expect("legal"), &Subject::default());
    selection
        .policies
        .iter()
        .map(|selected| match &selected.policy.broken {
            Some(finding) => format!("{} {}", selected.policy.name, finding.code.as_str()),
            None => selected.policy.name.to_string(),
        })
        .collect()
}

fn started() -> Store {
    let reading = folder(&[
        ("a.yaml", &policy("a", "{}")),
        ("b.yaml", &policy("b", "{}")),
    ]);
    Store::start(&reading.documents).expect("good").0
}

#[test]
fn a_start_with_a_bad_document_tells_every_problem() {
    let reading = folder(&[("a.yaml", "a: 1"), ("b.yaml", "a: 1\na: 2")]);
    let problems = Store::start(&reading.documents).expect_err("both bad");
    let origins: std::collections::BTreeSet<_> = problems.iter().map(|p| &*p.origin).collect();
    assert_eq!(Vec::from_iter(origins), ["a.yaml:1", "b.yaml"]);
}

#[test]
fn a_document_that_stops_compiling_keeps_its_last_good_text() {
    let mut store = started();
    let reading = folder(&[("a.yaml", "{"), ("b.yaml", &policy("b2", "{}"))]);
    let reloaded = store.reload(&reading);
    assert_eq!(applying(&reloaded, "x.example/x"), ["a", "b2"]);
    assert_eq!(reloaded.problems.len(), 1);
    assert_eq!(reloaded.problems[0].origin, "a.yaml");
}

#[test]
fn a_new_document_that_never_compiled_denies_where_its_match_says() {
    let mut store = started();
    let bad = policy("c", "{images: [c.example/**]}").replace("unverified", "nonsense");
    let (a, b) = (policy("a", "{}"), policy("b", "{}"));
    let reloaded = store.reload(&folder(&[("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &bad)]));
    assert_eq!(applying(&reloaded, "x.example/x"), ["a", "b"]);
    assert_eq!(
        applying(&reloaded, "c.example/x"),
        ["a", "b", "c policy-invalid"]
    );
}

#[test]
fn a_new_document_without_a_readable_match_denies_everything() {
    let no_match = policy("c", "{}").replace("match: {}", "matches: {}");
    let bad_match = policy("c", "{imagse: [x]}");
    for bad in ["{", no_match.as_str(), bad_match.as_str()] {
        let mut store = started();
        let a = policy("a", "{}");
        let reloaded = store.reload(&folder(&[("a.yaml", &a), ("c.yaml", bad)]));
        assert_eq!(
            applying(&reloaded, "x.example/x"),
            ["a", "c.yaml policy-invalid"],
            "{bad}"
        );
    }
}

#[test]
fn a_deleted_file_goes_only_when_the_whole_folder_was_read() {
    let mut store = started();
    let a = policy("a", "{}");
    let mut reading = folder(&[("a.yaml", &a)]);
    reading.complete = false;
    assert_eq!(applying(&store.reload(&reading), "x.example/x"), ["a", "b"]);
    reading.complete = true;
    assert_eq!(applying(&store.reload(&reading), "x.example/x"), ["a"]);
}

#[test]
fn a_file_that_cannot_be_read_keeps_its_text_or_denies() {
    let mut store = started();
    let a = policy("a", "{}");
    let mut reading = folder(&[("a.yaml", &a)]);
    for new in ["b.yaml", "c.yaml"] {
        let why = "permission denied".to_owned();
        reading.unreadable.push((PathBuf::from(new), why));
    }
    let reloaded = store.reload(&reading);
    assert_eq!(
        applying(&reloaded, "x.example/x"),
        ["a", "b", "c.yaml policy-invalid"]
    );
    assert_eq!(reloaded.problems.len(), 2);
}

#[test]
fn an_empty_or_unreadable_folder_denies_everything() {
    for complete in [true, false] {
        let mut store = started();
        let reading = Reading {
            complete,
            ..Reading::default()
        };
        let reloaded = store.reload(&reading);
        assert_eq!(
            applying(&reloaded, "x.example/x"),
            ["policies policies-missing"]
        );
    }
    let (mut store, compiled) = Store::start(&[]).expect("nothing is wrong");
    let at_start = Reloaded {
        compiled,
        problems: Vec::new(),
    };
    assert_eq!(
        applying(&at_start, "x.example/x"),
        ["policies policies-missing"]
    );
    let reloaded = store.reload(&folder(&[("a.yaml", "# nothing\n")]));
    assert_eq!(
        applying(&reloaded, "x.example/x"),
        ["policies policies-missing"]
    );
    let list = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
    let reloaded = store.reload(&folder(&[("a.yaml", list)]));
    assert_eq!(applying(&reloaded, "x.example/x"), [""; 0]);
    assert_eq!(reloaded.problems, []);
}

#[test]
fn a_file_that_is_cut_to_nothing_beside_others_keeps_its_last_good_text() {
    for blank in ["", "\n", "# soon\n", "---\n"] {
        let mut store = started();
        let b = policy("b", "{}");
        let reloaded = store.reload(&folder(&[("a.yaml", blank), ("b.yaml", &b)]));
        assert_eq!(applying(&reloaded, "x.example/x"), ["a", "b"], "{blank:?}");
        assert_eq!(reloaded.problems[0].origin, "a.yaml");
        let list = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
        let reloaded = store.reload(&folder(&[("a.yaml", list), ("b.yaml", &b)]));
        assert_eq!(applying(&reloaded, "x.example/x"), ["b"]);
        assert_eq!(reloaded.problems, []);
    }
}

#[test]
fn a_new_file_never_takes_the_name_of_a_policy_in_force() {
    let mut store = started();
    let (a, b) = (policy("a", "{}"), policy("b", "{}"));
    let thief = policy("b", "{images: [x.example/**]}");
    let reloaded = store.reload(&folder(&[
        ("0.yaml", &thief),
        ("a.yaml", &a),
        ("b.yaml", &b),
    ]));
    assert_eq!(
        applying(&reloaded, "x.example/x"),
        ["a", "b", "b policy-invalid"]
    );
    assert_eq!(reloaded.problems[0].path, "metadata.name");
}

#[test]
fn the_hash_in_force_follows_the_text_and_nothing_else() {
    let mut store = started();
    let (a, b) = (policy("a", "{}"), policy("b", "{}"));
    let hash = |reloaded: Reloaded| reloaded.compiled.bind(&Materials::default()).hash();
    let same = hash(store.reload(&folder(&[("a.yaml", &a), ("b.yaml", &b)])));
    let commented = format!("# why\n{a}");
    let comment = hash(store.reload(&folder(&[("a.yaml", &commented), ("b.yaml", &b)])));
    let other = policy("a", "{images: [x.example/**]}");
    let changed = hash(store.reload(&folder(&[("a.yaml", &other), ("b.yaml", &b)])));
    assert_eq!(same, comment);
    assert_ne!(same, changed);
}

#[test]
fn a_folder_without_a_policy_denies_beside_others_that_have_some() {
    let mut store = started();
    let (a, b) = (policy("a", "{}"), policy("b", "{}"));
    let mut reading = folder(&[("a.yaml", &a), ("b.yaml", &b)]);
    reading.missing.push("base".into());
    let reloaded = store.reload(&reading);
    assert_eq!(
        applying(&reloaded, "x.example/x"),
        ["a", "b", "base policies-missing"]
    );
    assert_eq!(reloaded.problems.len(), 1);
    reading.missing.clear();
    let reloaded = store.reload(&reading);
    assert_eq!(applying(&reloaded, "x.example/x"), ["a", "b"]);
}

#[test]
fn a_file_that_is_emptied_keeps_its_last_good_text() {
    for text in ["", "\n", "# all gone\n", "---\n---\n", "null\n"] {
        let mut store = started();
        let b = policy("b", "{}");
        let reloaded = store.reload(&folder(&[("a.yaml", text), ("b.yaml", &b)]));
        assert_eq!(applying(&reloaded, "x.example/x"), ["a", "b"], "{text:?}");
        assert_eq!(reloaded.problems.len(), 1, "{text:?}");
        let problems = Store::start(&folder(&[("a.yaml", text)]).documents);
        assert_eq!(problems.expect_err("empty").len(), 1, "{text:?}");
    }
    // Emptied on purpose, it is.
    let list = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
    let b = policy("b", "{}");
    let reloaded = started().reload(&folder(&[("a.yaml", list), ("b.yaml", &b)]));
    assert_eq!(applying(&reloaded, "x.example/x"), ["b"]);
}
