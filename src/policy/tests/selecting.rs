//! Which policies apply where.

use std::sync::Arc;

use crate::policy::{Applies, ChannelError, ChannelMap, PolicyDocument, PolicySet, compile};
use crate::trust::Materials;
use crate::verdict::{Code, Enforcement, NoMatch, Subject};

fn set(matches: &[&str]) -> PolicySet {
    let documents: Vec<_> = matches
        .iter()
        .enumerate()
        .map(|(n, text)| PolicyDocument {
            origin: format!("{n}.yaml").into(),
            text: format!(
                "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: {{name: p{n}}}\n\
                 spec: {{level: unverified, {text}}}"
            ),
        })
        .collect();
    let compiled = compile(&documents).expect("good documents");
    compiled.bind(&Materials::default())
}

fn subject(namespace: Option<&str>, channels: Option<&[&str]>) -> Subject {
    Subject {
        namespace: namespace.map(Arc::from),
        channels: channels.map(|all| all.iter().map(|c| Arc::from(*c)).collect()),
    }
}

/// `p0` for a policy that applies, `p0?` for one that may.
fn selected(set: &PolicySet, image: &str, subject: &Subject) -> Vec<String> {
    let repository = image.parse().expect("a repository");
    let selection = set.select(&repository, subject);
    selection
        .policies
        .iter()
        .map(|selected| match &selected.applies {
            Applies::Yes => selected.policy.name.to_string(),
            Applies::Unknown(finding) => {
                assert_eq!(finding.code, Code::SubjectIncomplete);
                assert!(finding.is_obstacle());
                format!("{}?", selected.policy.name)
            }
        })
        .collect()
}

#[test]
fn all_that_is_given_must_match_and_lists_are_or() {
    let set = set(&[
        "match: {}",
        "match: {images: [a.example/x, a.example/y]}",
        "match: {images: [a.example/x], namespaces: {names: [one, two-*]}}",
        "match: {channels: [dev, prod]}",
    ]);
    let dev = subject(Some("two-a"), Some(&["dev"]));
    assert_eq!(
        selected(&set, "a.example/x", &dev),
        ["p0", "p1", "p2", "p3"]
    );
    let test = subject(Some("other"), Some(&["test"]));
    assert_eq!(selected(&set, "a.example/y", &test), ["p0", "p1"]);
    let both = subject(Some("other"), Some(&["test", "prod"]));
    assert_eq!(selected(&set, "b.example/x", &both), ["p0", "p3"]);
}

#[test]
fn what_a_policy_names_and_the_subject_lacks_leaves_it_open() {
    let set = set(&[
        "match: {namespaces: {names: [one]}}",
        "match: {channels: [prod]}",
        "match: {channels: [prod], namespaces: {names: [one]}}",
        "match: {images: [a.example/x], channels: [prod]}",
    ]);
    let nothing = Subject::default();
    assert_eq!(
        selected(&set, "a.example/x", &nothing),
        ["p0?", "p1?", "p2?", "p3?"]
    );
    // What certainly does not match is not open.
    assert_eq!(
        selected(&set, "b.example/x", &subject(Some("other"), None)),
        ["p1?"]
    );
    assert_eq!(
        selected(&set, "b.example/x", &subject(None, Some(&["dev"]))),
        ["p0?"]
    );
}

#[test]
fn a_policy_that_is_off_is_listed_but_no_reason_to_look() {
    let set = set(&["enforcement: off, match: {}"]).with_no_match(NoMatch::Warn);
    let repository = "a.example/x".parse().expect("a repository");
    let selection = set.select(&repository, &Subject::default());
    assert_eq!(selection.policies[0].policy.enforcement, Enforcement::Off);
    assert!(!selection.is_evaluated());
    assert_eq!(selection.no_match, NoMatch::Warn);
}

fn channels(entries: &[(&str, &[&str])], default: Option<&str>) -> ChannelMap {
    let order = ["dev", "test", "staging", "prod"].map(String::from);
    let entries: Vec<_> = entries
        .iter()
        .map(|(pattern, names)| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            ((*pattern).to_owned(), names)
        })
        .collect();
    ChannelMap::new(&order, &entries, default).expect("a good map")
}

fn of(map: &ChannelMap, namespace: &str) -> Vec<String> {
    let found = map.channels(namespace);
    found.iter().map(|channel| channel.to_string()).collect()
}

#[test]
fn a_name_chooses_only_inside_what_configuration_allows() {
    let default = ChannelMap::default();
    assert_eq!(of(&default, "floe-dev"), ["prod"]);
    let map = channels(
        &[
            ("payments", &["staging"]),
            ("floe-*", &["dev", "test"]),
            ("floe-test", &["prod"]),
        ],
        None,
    );
    assert_eq!(of(&map, "payments"), ["staging"]);
    assert_eq!(of(&map, "floe-dev"), ["dev"]);
    assert_eq!(of(&map, "floe-prod"), ["test"]);
    assert_eq!(of(&map, "floe-test"), ["test", "prod"]);
    assert_eq!(of(&map, "other"), ["prod"]);
    let map = channels(&[("floe-*", &["dev", "test"])], Some("dev"));
    assert_eq!(of(&map, "floe-x"), ["dev"]);
    assert_eq!(of(&map, "other"), ["dev"]);
}

#[test]
fn everything_wrong_with_a_map_of_channels_is_told() {
    let order = ["dev", "dev", "Prod"].map(String::from);
    let entries = [
        ("a*".to_owned(), vec!["nope".to_owned()]),
        ("A".to_owned(), vec![]),
    ];
    let errors = ChannelMap::new(&order, &entries, Some("none")).expect_err("all wrong");
    assert!(matches!(
        &errors[..],
        [
            ChannelError::Duplicate(_),
            ChannelError::Name(_),
            ChannelError::Unknown { .. },
            ChannelError::NoChannel(_),
            ChannelError::Pattern(_),
            ChannelError::Unknown { .. },
        ]
    ));
    assert_eq!(
        ChannelMap::new(&[], &[], None),
        Err(vec![ChannelError::Empty])
    );
}
