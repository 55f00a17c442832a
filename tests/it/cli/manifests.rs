//! Manifests, wherever they come from.

use super::pod;
use crate::support::floe::Workshop;

#[test]
fn manifests_come_from_files_folders_lists_and_standard_input() {
    let workshop = Workshop::new();
    let (good, bad) = (workshop.good(), workshop.bad());
    workshop.write("all/one.json", &pod("one", &[&good]));
    workshop.write(
        "all/deep/two.yaml",
        &format!(
            "# two documents\n---\n{}\n---\n{}\n",
            pod("a", &[&good]),
            pod("b", &[&good])
        ),
    );
    workshop.write("all/deep/notes.txt", "not: [a manifest");
    let list = format!(
        r#"{{"apiVersion":"v1","kind":"List","items":[{},{}]}}"#,
        pod("c", &[&good, &bad]),
        pod("d", &[&bad])
    );
    workshop.write("all/list.yml", &list);
    let run = workshop.verify(&["-f", "all", "--output", "json"]);
    assert_eq!(run.code, 6, "{run:?}");
    let report = run.json();
    let images = report["images"].as_array().expect("a list");
    assert_eq!(images.len(), 2, "each image is judged once: {report}");
    let places = |image: &str| -> Vec<String> {
        let found = images.iter().find(|i| i["reference"] == image);
        found.expect("there")["uses"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|place| {
                format!("{} {} {}", place["file"], place["object"], place["field"]).replace('"', "")
            })
            .collect()
    };
    assert_eq!(
        places(&good),
        [
            "all/deep/two.yaml Pod payments/a spec.containers[0]",
            "all/deep/two.yaml Pod payments/b spec.containers[0]",
            "all/list.yml Pod payments/c spec.containers[0]",
            "all/one.json Pod payments/one spec.containers[0]",
        ]
    );
    assert_eq!(
        places(&bad),
        [
            "all/list.yml Pod payments/c spec.containers[1]",
            "all/list.yml Pod payments/d spec.containers[0]",
        ]
    );
    let words = [
        "verify",
        "-f",
        "-",
        "--layout",
        "layout",
        "--policy",
        "policy.yaml",
    ];
    let run = workshop.run_with(&words, &pod("web", &[&bad]));
    assert_eq!(run.code, 6, "{run:?}");
    let place = "standard input: Pod payments/web: spec.containers[0] \"c0\": ";
    assert!(run.out.starts_with(place), "{run:?}");
}

#[test]
fn a_manifest_with_a_field_of_another_type_is_named_with_its_own_line() {
    let workshop = Workshop::new();
    workshop.write(
        "two.yaml",
        "apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\nspec: { containers: 5 }\n",
    );
    let run = workshop.verify(&["-f", "two.yaml"]);
    assert_eq!(
        (run.code, run.err.as_str()),
        (
            1,
            "floe: two.yaml: line 4: the object cannot be read as Pod: invalid type: integer `5`, \
             expected a sequence\n"
        )
    );
}

#[test]
fn a_kind_that_is_not_covered_is_6_unless_it_is_allowed_by_name() {
    let workshop = Workshop::new();
    workshop.write(
        "widget.yaml",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }\nspec: { image: x }\n",
    );
    let run = workshop.verify(&["-f", "widget.yaml", "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (6, vec!["kind-not-covered".into()])
    );
    let run = workshop.verify(&["-f", "widget.yaml"]);
    assert!(
        run.out.contains("--allow-uncovered Widget.example.com"),
        "{run:?}"
    );
    let words = [
        "-f",
        "widget.yaml",
        "--allow-uncovered",
        "Widget.example.com",
    ];
    // Passed over, it leaves nothing to verify, which is not a success.
    let run = workshop.verify(&words);
    assert_eq!((run.code, run.out.as_str()), (64, ""), "{run:?}");
    assert!(run.err.contains("name no image"), "{run:?}");
    workshop.write("pod.json", &pod("web", &[&workshop.good()]));
    let beside = [&words as &[&str], &["-f", "pod.json"]].concat();
    let run = workshop.verify(&beside);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("Widget.example.com"), "{run:?}");
    let words = ["-f", "widget.yaml", "--allow-uncovered", "Widget"];
    assert_eq!(workshop.verify(&words).code, 6);
}

#[test]
fn what_is_no_reference_in_a_manifest_is_refused_and_the_rest_is_judged() {
    let workshop = Workshop::new();
    workshop.write(
        "pod.json",
        &pod("web", &["https://x/y", "", &workshop.good()]),
    );
    let run = workshop.verify(&["-f", "pod.json", "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (6, vec!["reference-invalid".into()])
    );
    assert_eq!(run.json()["images"].as_array().map(Vec::len), Some(3));
}

#[test]
fn words_of_a_manifest_have_no_power_over_the_terminal_or_the_shell() {
    let workshop = Workshop::new();
    let image = "evil\u{1b}[2K\rall good\n is allowed; $(reboot) 'x' \u{202e}";
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a\u{1b}]0;title\u{7}", "namespace": "payments"},
        "spec": {"containers": [{"name": "web", "image": image}]},
    });
    let strange = serde_json::json!({
        "apiVersion": "example.com/v1", "kind": "Odd\u{1b}[31m", "metadata": {"name": "x\ny"},
    });
    workshop.write("pod.json", &object.to_string());
    workshop.write("odd.json", &strange.to_string());
    for words in [
        &["-f", "pod.json", "-f", "odd.json"][..],
        &["-f", "pod.json", "--explain"],
    ] {
        let run = workshop.verify(words);
        assert_eq!(run.code, 6, "{run:?}");
        for text in [&run.out, &run.err] {
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(steers), "{text:?}");
        }
        assert!(
            !run.out.lines().any(|line| line.starts_with(" is allowed")),
            "no line of somebody else's: {}",
            run.out
        );
    }
    // What is no reference gets no command to run; a namespace is quoted in one.
    let run = workshop.verify(&["-f", "pod.json"]);
    assert!(!run.out.contains("next: "), "{run:?}");
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "namespace": "$(reboot) 'x'\u{1b}"},
        "spec": {"containers": [{"name": "web", "image": "127.0.0.1:1/app:v1"}]},
    });
    workshop.write("elsewhere.json", &object.to_string());
    let run = workshop.verify(&["-f", "elsewhere.json"]);
    let next = run.out.lines().find(|line| line.contains("next: "));
    let next = next.expect("what to do next");
    assert!(
        next.contains(r"--namespace '$(reboot) '\''x'\''\u{1b}'"),
        "{next}"
    );
    // An error quotes the manifest as well.
    let run = workshop.verify(&["-f", "odd.json", "--namespace", "payments"]);
    assert!(!run.err.contains('\u{1b}'), "{run:?}");
    workshop.write(
        "broken.yaml",
        "apiVersion: v1\nkind: \"Pod\\e[31m\"\nmetadata: {namespace: \"\\e[2J\"}\n",
    );
    let run = workshop.verify(&["-f", "broken.yaml", "--namespace", "other"]);
    assert_ne!(run.code, 0);
    assert!(!run.err.contains('\u{1b}'), "{run:?}");
}

#[test]
fn a_hidden_manifest_that_kubectl_would_apply_is_judged() {
    let workshop = Workshop::new();
    let (good, bad) = (workshop.good(), workshop.bad());
    workshop.write("all/good.yaml", &pod("good", &[&good]));
    assert_eq!(workshop.verify(&["-f", "all"]).code, 0);
    for hidden in ["all/.bad.yaml", "all/.deep/bad.yaml"] {
        let path = workshop.write(hidden, &pod("bad", &[&bad]));
        let run = workshop.verify(&["-f", "all"]);
        assert_eq!(run.code, 6, "{hidden}: {run:?}");
        assert!(run.out.contains(hidden), "{run:?}");
        std::fs::remove_file(path).expect("removed");
    }
}
