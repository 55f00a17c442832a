use proptest::prelude::*;
use serde_json::json;

use super::*;

fn values(text: &str) -> Vec<Value> {
    let found = documents(text).expect("readable");
    found.into_iter().map(|document| document.value).collect()
}

#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    // What `kubectl annotate --local -o json` prints for this text.
    let text = "a: y\nb: yes\nc: 0123\nd: 0o17\ne: on\nf: 1_000\ng: 2020-01-01\nh: 1e3\n\
                i: 0x1F\nj: ~\nk: n\nl: 190:20:30\nm: \"yes\"\nnn: Off\no: 1.5\np: NO\n\
                q: 'on'\nr:\ns: -1\nt: 0b11\nu: !!binary aGVsbG8=\nv: -0123\n";
    assert_eq!(
        values(text),
        [json!({
            "a": true, "b": true, "c": 83, "d": 15, "e": true, "f": 1000,
            "g": "2020-01-01", "h": 1000.0, "i": 31, "j": null, "k": false,
            "l": "190:20:30", "m": "yes", "nn": false, "o": 1.5, "p": false,
            "q": "on", "r": null, "s": -1, "t": 3, "u": "hello", "v": -83,
        })]
    );
}

#[test]
fn keys_that_stand_twice_are_refused_in_yaml_and_json() {
    for (text, line, key) in [
        ("a: 1\na: 2", 2, "a"),
        ("{\"a\": 1, \"a\": 2}", 1, "a"),
        ("x:\n  b: 1\n  \"b\": 2", 3, "b"),
        ("{\"a\": {\"b\": 1,\n\"\\u0062\": 2}}", 2, "b"),
    ] {
        let key = key.to_owned();
        assert_eq!(documents(text), Err(YamlError::DuplicateKey { line, key }));
    }
}

#[test]
fn merge_keys_are_refused_because_kubectl_lets_them_override_what_was_written() {
    let text = "a: &x {image: evil}\nc:\n  image: good\n  <<: *x\n";
    assert_eq!(documents(text), Err(YamlError::MergeKey { line: 4 }));
    assert_eq!(values("\"<<\": 1"), [json!({"<<": 1})]);
}

#[test]
fn what_ends_a_line_or_a_document_for_kubectl_only_is_refused() {
    // Each was read by kubectl 1.37 as more objects or containers than are
    // there by YAML 1.2.
    for (text, at, part) in [
        ("a: 1\n---#x: |\n  kind: Pod\n", 2, "follow `---`"),
        ("a: 1\n---x: |\n  kind: Pod\n", 2, "follow `---`"),
        ("--- {a: 1}\n", 1, "follow `---`"),
        ("--- |\n  a: 1\n", 1, "follow `---`"),
        ("--- #\ra: |\n  kind: Pod\n", 1, "U+000D"),
        ("a:\n- 1\n# x\u{2028}- 2\n", 3, "U+2028"),
        ("a:\n- 1\n# x\u{2029}- 2\n", 3, "U+2029"),
        ("a:\n- 1\n# x\u{85}- 2\n", 3, "U+0085"),
    ] {
        match documents(text) {
            Err(YamlError::Syntax { line, detail }) => {
                assert_eq!(line, at, "{text:?}");
                assert!(detail.contains(part), "{text:?}: {detail}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    let good = "---\r\na: 1\r\n--- # second\nb: |\n  ---x\n---\t# third\n---  \nc: \"\\u2028\"";
    assert_eq!(
        values(good),
        [
            json!({"a": 1}),
            json!({"b": "---x\n"}),
            json!({"c": "\u{2028}"})
        ]
    );
    assert_eq!(values("{\"a\": \"\u{2028}\"}"), [json!({"a": "\u{2028}"})]);
}

#[test]
fn keys_that_are_not_strings_are_refused() {
    for (text, found) in [
        ("1: 2", "the number 1"),
        ("yes: 2", "the boolean true"),
        ("on: 2", "the boolean true"),
        ("~: 2", "null"),
        ("1.5: 2", "the number 1.5"),
        ("[1]: 2", "a list"),
        ("? {a: b}\n: c", "a mapping"),
    ] {
        let found = found.to_owned();
        assert_eq!(
            documents(text),
            Err(YamlError::KeyNotString { line: 1, found }),
            "{text}"
        );
    }
}

#[test]
fn several_documents_have_their_lines_and_empty_ones_are_left_out() {
    let found = documents("a: 1\n---\n---\nb: 2\n...\n# c\n---\nc: 3").expect("readable");
    let lines: Vec<_> = found.iter().map(|document| document.line).collect();
    assert_eq!(lines, [1, 4, 8]);
    let found = documents("{\"a\": 1}\n{\"b\":\n2}\n").expect("readable");
    let lines: Vec<_> = found.iter().map(|document| document.line).collect();
    assert_eq!(lines, [1, 2]);
    assert_eq!(documents(""), Ok(Vec::new()));
    assert_eq!(documents("# nothing\n"), Ok(Vec::new()));
}

#[test]
fn what_follows_a_document_without_being_one_is_refused() {
    for text in ["{\"a\": 1} x", "a: 1\n}", "{\"a\": 1}}", "[1] [2]"] {
        assert!(
            matches!(documents(text), Err(YamlError::Syntax { line: 1.., .. })),
            "{text}"
        );
    }
}

#[test]
fn what_json_cannot_say_is_refused() {
    for text in [
        "a: .inf",
        "a: .nan",
        "a: 1e400",
        "{\"a\": 1e400}",
        "a: !foo x",
    ] {
        assert!(
            matches!(documents(text), Err(YamlError::Syntax { line: 1, .. })),
            "{text}"
        );
    }
}

#[test]
fn aliases_are_followed_within_a_bound() {
    assert_eq!(
        values("a: &x [1]\nb: [*x, *x]"),
        [json!({"a": [1], "b": [[1], [1]]})]
    );
    let mut laughs = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n".to_owned();
    for i in 1..10 {
        let eight = [format!("*a{}", i - 1).as_str(); 8].join(",");
        laughs += &format!("a{i}: &a{i} [{eight}]\n");
    }
    let got = documents(&laughs);
    assert!(matches!(got, Err(YamlError::Limit { .. })), "{got:?}");
}

#[test]
fn depth_and_size_are_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!("{}1{}", open.repeat(5000), close.repeat(5000));
        let got = documents(&text);
        assert!(matches!(got, Err(YamlError::Limit { .. })), "{got:?}");
    }
    let text = " ".repeat(MAX_TEXT + 1);
    assert_eq!(documents(&text), Err(YamlError::TooLong));
}

#[test]
fn lists_are_expanded_with_the_path_of_each_item() {
    let found = documents(
        "apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {apiVersion: v1, kind: PodList, items: [{x: 1}]}\n",
    )
    .expect("readable");
    assert_eq!(
        found,
        [
            YamlDocument {
                line: 1,
                path: "items[0]".to_owned(),
                value: json!({"kind": "A"}),
            },
            YamlDocument {
                line: 1,
                path: "items[1].items[0]".to_owned(),
                value: json!({"apiVersion": "v1", "kind": "Pod", "x": 1}),
            },
        ]
    );
    assert_eq!(
        documents("{apiVersion: v1, kind: List, items: [1]}"),
        Err(YamlError::List {
            line: 1,
            path: "items[0]".to_owned(),
            message: "an item of a list must be an object".to_owned(),
        })
    );
}

#[test]
fn lists_within_lists_are_bounded() {
    let mut text = "{}".to_owned();
    for _ in 0..10 {
        text = format!("{{apiVersion: v1, kind: List, items: [{text}]}}");
    }
    let got = documents(&text);
    assert!(matches!(got, Err(YamlError::Limit { .. })), "{got:?}");
}

#[test]
fn only_one_empty_list_of_policies_says_that_there_are_none() {
    let list = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
    assert!(explicitly_empty(list));
    for text in [
        "",
        "# nothing",
        "apiVersion: floe.dev/v1\nkind: TrustPolicyList\n",
        "apiVersion: v1\nkind: List\nitems: []\n",
        "a: 1",
    ] {
        assert!(!explicitly_empty(text), "{text}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("\\PC{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_is_too_odd_for_an_answer(text in "[-a-c:{}\\[\\],&*!<>|?'\"\n\t #%0-1.~]{0,60}") {
        let _ = documents(&text);
    }

    #[test]
    fn json_means_the_same_to_both_readers(value in any_value()) {
        let value = json!({"a": value});
        let text = value.to_string();
        prop_assert_eq!(values(&text), [value.clone()]);
        // What ends a line for some readers of YAML is refused as YAML.
        prop_assume!(!text.contains(['\u{85}', '\u{2028}', '\u{2029}']));
        let found = yaml(&text).expect("JSON is YAML");
        prop_assert_eq!(&found[0].value, &value);
    }
}
