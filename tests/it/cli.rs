//! The real binary: what it prints, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use serde_json::json;

use crate::support::floe::{Workshop, floe, policy, run};

/// A Pod with these images.
fn pod(name: &str, images: &[&str]) -> String {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "payments"},
        "spec": {"containers": containers},
    })
    .to_string()
}

fn review(image: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(&pod("web", &[image])).expect("JSON");
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "payments",
            "operation": "CREATE",
            "userInfo": {"username": "alice"},
            "object": object,
        },
    })
    .to_string()
}

#[test]
fn a_signed_image_is_0_and_an_unsigned_one_is_6_with_its_reason() {
    let workshop = Workshop::new();
    let good = workshop.verify(&[&workshop.good()]);
    assert_eq!(good.code, 0, "{good:?}");
    assert_eq!(
        good.out,
        format!("{} is allowed, signed by release-key\n", workshop.good())
    );
    assert_eq!(good.err, "");
    let bad = workshop.verify(&[&workshop.bad()]);
    assert_eq!(bad.code, 6, "{bad:?}");
    let first = format!("{} is refused by policy release\n", workshop.bad());
    assert!(bad.out.starts_with(&first), "{bad:?}");
    assert!(bad.out.contains("\n  signature-missing "), "{bad:?}");
    assert!(bad.out.contains("\n  next: floe verify "), "{bad:?}");
    let both = workshop.verify(&[&workshop.good(), &workshop.bad()]);
    assert_eq!(both.code, 6, "{both:?}");
}

#[test]
fn a_tag_is_refused_by_a_policy_and_the_pinned_form_is_shown() {
    let workshop = Workshop::new();
    let run = workshop.verify(&["registry.example.com/app:signed"]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.out.contains("tag-not-pinned"), "{run:?}");
    assert!(run.out.contains(&workshop.good()), "{run:?}");
}

#[test]
fn a_key_alone_matches_everything_and_says_first_what_a_tag_names() {
    let workshop = Workshop::new();
    let verify = |reference: &str| {
        workshop.run(&[
            "verify", reference, "--key", "key.pub", "--layout", "layout",
        ])
    };
    let run = verify("registry.example.com/app:signed");
    assert_eq!(run.code, 0, "{run:?}");
    let first = format!("registry.example.com/app:signed is {}\n", workshop.good());
    assert!(run.out.starts_with(&first), "{run:?}");
    assert_eq!(verify("registry.example.com/app:unsigned").code, 6);
    assert_eq!(verify(&workshop.good()).code, 0);
}

#[test]
fn what_could_not_be_looked_at_is_5_and_never_6() {
    let workshop = Workshop::new();
    // The key of the policy is not there.
    let text = policy("release", "enforce").replace("key.pub", "gone.pub");
    workshop.write("policy.yaml", &text);
    let run = workshop.verify(&[&workshop.good(), "--output", "json"]);
    assert_eq!((run.code, run.codes()), (5, vec!["key-unavailable".into()]));
    assert_eq!(run.json()["images"][0]["inconclusive"], true);
    // An image that is not in the layout.
    workshop.write("policy.yaml", &policy("release", "enforce"));
    let absent = format!("registry.example.com/app@sha256:{}", "0".repeat(64));
    let run = workshop.verify(&[&absent, "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["image-not-visible".into()])
    );
    // A policy that names a namespace, and nobody says which it is.
    let text = policy("release", "enforce")
        .replace("match: {}", "match: { namespaces: { names: [payments] } }");
    workshop.write("policy.yaml", &text);
    let run = workshop.verify(&[&workshop.good(), "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["subject-incomplete".into()])
    );
    let run = workshop.verify(&[&workshop.good(), "--namespace", "payments"]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = workshop.verify(&[&workshop.good(), "-n", "other", "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (6, vec!["no-policy-matches".into()])
    );
    // Something bad beside something that could not be looked at is bad.
    workshop.write("policy.yaml", &policy("release", "enforce"));
    let run = workshop.verify(&[&absent, &workshop.bad()]);
    assert_eq!(run.code, 6, "{run:?}");
}

#[test]
fn a_policy_under_warn_warns_and_ends_with_0() {
    let workshop = Workshop::new();
    workshop.write("policy.yaml", &policy("first", "warn"));
    let run = workshop.verify(&[&workshop.bad()]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("warning: signature-missing"), "{run:?}");
}

#[test]
fn a_call_without_meaning_is_64() {
    let workshop = Workshop::new();
    let good = workshop.good();
    workshop.write("service.yaml", "apiVersion: v1\nkind: Service\n");
    workshop.write("empty/readme.txt", "nothing");
    workshop.write("pod.json", &pod("web", &[&good]));
    for (words, part) in [
        (&["verify", "app"] as &[&str], "--policy PATH or --key FILE"),
        (&["verify", "--policy", "policy.yaml"], "nothing to verify"),
        (&["verify", "--nonsense"], "--nonsense"),
        (&["nonsense"], "nonsense"),
        (&[], "Usage"),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--key",
                "key.pub",
            ],
            "cannot be used with",
        ),
        (
            &["verify", &good, "--key", "key.pub", "--offline"],
            "--layout",
        ),
        (
            &[
                "verify",
                "UPPER CASE",
                "--key",
                "key.pub",
                "--layout",
                "layout",
            ],
            "UPPER CASE",
        ),
        (
            &["verify", &good, "--key", "key.pub", "--timeout", "soon"],
            "500ms, 30s or 2m",
        ),
        (
            &[
                "verify",
                "-f",
                "service.yaml",
                "--key",
                "key.pub",
                "--layout",
                "layout",
            ],
            "name no image",
        ),
        (
            &[
                "verify", "-f", "empty", "--key", "key.pub", "--layout", "layout",
            ],
            "has no manifest",
        ),
        (
            &[
                "verify", "-f", "pod.json", "-n", "other", "--key", "key.pub", "--layout", "layout",
            ],
            "for namespace \"payments\"",
        ),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--certificate-identity",
                "a",
            ],
            "--certificate-identity: not supported yet",
        ),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--certificate-oidc-issuer",
                "a",
            ],
            "--certificate-oidc-issuer: not supported yet",
        ),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--trusted-root",
                "a",
            ],
            "--trusted-root: not supported yet",
        ),
        (
            &["verify", &good, "--policy", "policy.yaml", "--bundle", "a"],
            "--bundle: not supported yet",
        ),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--output",
                "sarif",
            ],
            "--output sarif: not supported yet",
        ),
        (
            &[
                "verify",
                &good,
                "--policy",
                "policy.yaml",
                "--output",
                "junit",
            ],
            "--output junit: not supported yet",
        ),
    ] {
        let run = workshop.run(words);
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{words:?}: {run:?}");
        assert!(run.err.contains(part), "{words:?}: {run:?}");
    }
}

#[test]
fn what_cannot_run_is_1_and_names_the_file_and_line() {
    let workshop = Workshop::new();
    workshop.write(
        "broken.yaml",
        "apiVersion: v1\nkind: Pod\nspec: {a: 1, a: 2}\n",
    );
    workshop.write("kindless.yaml", "a: 1\n---\nb: 2\n");
    workshop.write(
        "odd.yaml",
        "apiVersion: v1\nkind: Pod\nspec: { containers: 5 }\n",
    );
    workshop.write("bad-policy.yaml", "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: x }\nspec: { match: {}, nonsense: 1, authorities: [] }\n");
    workshop.write("none/readme.txt", "nothing");
    for (words, parts) in [
        (
            &["-f", "broken.yaml", "--policy", "policy.yaml"] as &[&str],
            &["broken.yaml", "line 3", "duplicate key"] as &[&str],
        ),
        (
            &["-f", "kindless.yaml", "--policy", "policy.yaml"],
            &["kindless.yaml: line 1", "apiVersion or kind is missing"],
        ),
        (
            &["-f", "odd.yaml", "--policy", "policy.yaml"],
            &["odd.yaml: line 1", "Pod"],
        ),
        (
            &["-f", "gone.yaml", "--policy", "policy.yaml"],
            &["gone.yaml", "cannot be read"],
        ),
        (
            &["app", "--policy", "bad-policy.yaml"],
            &["bad-policy.yaml", "spec.nonsense"],
        ),
        (&["app", "--policy", "none"], &["none has no policy"]),
        (&["app", "--key", "gone.pub"], &["gone.pub"]),
        (
            &["--review", "policy.yaml", "--policy", "policy.yaml"],
            &["policy.yaml is no AdmissionReview"],
        ),
    ] {
        let words = [&["verify", "--layout", "layout"], words].concat();
        let run = workshop.run(&words);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{words:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{part}: {run:?}");
        }
    }
    let run = workshop.run(&["verify", "app", "--key", "key.pub", "--layout", "none"]);
    assert_eq!(run.code, 1, "{run:?}");
}

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
    assert_eq!(workshop.verify(&words).code, 0);
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
fn a_review_is_decided_again_as_the_webhook_would() {
    let workshop = Workshop::new();
    let replay = |text: &str, words: &[&str]| {
        workshop.write("review.json", text);
        let words = [&["--review", "review.json", "--output", "json"], words].concat();
        workshop.verify(&words)
    };
    let good = replay(&review(&workshop.good()), &[]);
    assert_eq!(good.code, 0, "{good:?}");
    let report = good.json();
    assert_eq!(report["images"][0]["namespace"], "payments");
    assert_eq!(
        report["images"][0]["uses"][0]["field"],
        "spec.containers[0]"
    );
    let bad = replay(&review(&workshop.bad()), &[]);
    assert_eq!(
        (bad.code, bad.codes()),
        (6, vec!["signature-missing".into()])
    );
    let tag = replay(&review("registry.example.com/app:signed"), &[]);
    assert_eq!((tag.code, tag.codes()), (6, vec!["tag-not-pinned".into()]));
    // Nothing to judge is what the webhook admits.
    let text = review(&workshop.bad()).replace("CREATE", "DELETE");
    let delete = replay(&text, &[]);
    assert_eq!((delete.code, delete.codes().len()), (0, 0));
    // A kind that somebody routed to the gate by mistake.
    let text = review(&workshop.good()).replace(
        r#""kind":{"group":"","kind":"Pod","version":"v1"}"#,
        r#""kind":{"group":"example.com","kind":"Widget","version":"v1"}"#,
    );
    let widget = replay(&text, &[]);
    assert_eq!(
        (widget.code, widget.codes()),
        (6, vec!["kind-not-covered".into()])
    );
    assert_eq!(replay(&review(&workshop.good()), &["-n", "other"]).code, 64);
}

#[test]
fn a_recorded_review_brings_its_channels_and_its_time() {
    let workshop = Workshop::new();
    let text = policy("release", "enforce").replace("match: {}", "match: { channels: [prod] }");
    workshop.write("policy.yaml", &text);
    let bare: serde_json::Value = serde_json::from_str(&review(&workshop.good())).expect("JSON");
    let recorded = json!({
        "apiVersion": "floe.dev/v1",
        "kind": "RecordedReview",
        "review": bare,
        "subject": {"channels": ["prod"], "namespaceLabels": {"team": "payments"}},
        "at": "2026-11-21T04:05:06Z",
    });
    workshop.write("recorded.json", &recorded.to_string());
    workshop.write("bare.json", &bare.to_string());
    let words = ["--review", "recorded.json", "--output", "json"];
    let run = workshop.verify(&words);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["at"], "2026-11-21T04:05:06Z");
    let run = workshop.verify(&[&words, &["--channel", "dev"] as &[&str]].concat());
    assert_eq!(run.code, 64, "{run:?}");
    let run = workshop.verify(&["--review", "bare.json", "--output", "json"]);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["subject-incomplete".into()])
    );
    let run = workshop.verify(&["--review", "bare.json", "--channel", "prod"]);
    assert_eq!(run.code, 0, "{run:?}");
    let mut strange = recorded;
    strange["extra"] = json!(1);
    workshop.write("recorded.json", &strange.to_string());
    assert_eq!(workshop.verify(&words).code, 1);
}

#[test]
fn the_json_report_has_a_stable_shape() {
    let workshop = Workshop::new();
    let run = workshop.verify(&[&workshop.good(), "--output", "json"]);
    let mut report = run.json();
    let at = report["at"].take();
    assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "{at}");
    let signer = report["images"][0]["policies"][0]["signers"][0]["signer"].take();
    assert!(
        signer
            .as_str()
            .is_some_and(|s| s.starts_with("key sha256:"))
    );
    assert_eq!(
        report,
        json!({
            "apiVersion": "floe.dev/v1",
            "kind": "VerificationReport",
            "at": null,
            "decision": "allow",
            "images": [{
                "reference": workshop.good(),
                "pinned": workshop.good(),
                "decision": "allow",
                "inconclusive": false,
                "policies": [{
                    "name": "release",
                    "enforcement": "enforce",
                    "status": "satisfied",
                    "signers": [{"authority": "release-key", "signer": null}],
                    "findings": [],
                }],
            }],
        })
    );
}

#[test]
fn an_explanation_shows_every_policy_and_what_to_do() {
    let workshop = Workshop::new();
    workshop.write(
        "policies/a.yaml",
        &policy("first", "enforce").replace("key.pub", "../key.pub"),
    );
    workshop.write(
        "policies/b.yaml",
        &policy("second", "off").replace("key.pub", "../key.pub"),
    );
    let run = workshop.run(&[
        "verify",
        &workshop.bad(),
        "--explain",
        "--layout",
        "layout",
        "--policy",
        "policies",
    ]);
    assert_eq!(run.code, 6, "{run:?}");
    for part in [
        "policy first (enforce): violated",
        "policy second (off): not-evaluated",
        "signature-missing (violation): ",
        "what to do: sign this digest with a key that the policy accepts",
    ] {
        assert!(run.out.contains(part), "{part}: {run:?}");
    }
}

#[test]
fn a_pipe_sees_no_colour_and_no_progress() {
    let workshop = Workshop::new();
    for reference in [workshop.good(), workshop.bad()] {
        let run = workshop.verify(&[&reference, "--explain"]);
        assert!(!run.out.contains('\u{1b}') && run.err.is_empty(), "{run:?}");
    }
}

#[test]
fn a_reader_that_goes_away_changes_neither_the_answer_nor_the_exit_code() {
    let workshop = Workshop::new();
    // More than a pipe holds, so that writing must fail.
    let images: Vec<_> = (0..400)
        .map(|n| format!("registry.example.com/app-{n}@{}", workshop.unsigned.digest))
        .collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    workshop.write("pod.json", &pod("web", &images));
    let mut child = workshop
        .command(&[
            "verify",
            "-f",
            "pod.json",
            "--layout",
            "layout",
            "--policy",
            "policy.yaml",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let mut err = String::new();
    let mut stream = child.stderr.take().expect("piped");
    stream.read_to_string(&mut err).expect("text");
    let status = child.wait().expect("ended");
    assert_eq!((status.code(), err.as_str()), (Some(6), ""));
}

#[test]
fn the_binary_answers_to_its_other_names() {
    let workshop = Workshop::new();
    let folder = workshop.path("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, words) in [
        ("floe-verify", &[] as &[&str]),
        ("kubectl-floe", &["verify"]),
    ] {
        let link = folder.join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_floe"), &link).expect("a link");
        let mut command = std::process::Command::new(&link);
        command.current_dir(workshop.path(".")).args(words).args([
            &workshop.good(),
            "--key",
            "key.pub",
            "--layout",
            "layout",
        ]);
        let run = run(command, "");
        assert_eq!(run.code, 0, "{name}: {run:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    let workshop = Workshop::new();
    let help = run(
        {
            let mut command = floe(&workshop.path("."));
            command.args(["verify", "--help"]);
            command
        },
        "",
    );
    assert_eq!(help.code, 0);
    assert!(help.out.starts_with("Example: floe verify "), "{help:?}");
    let version = workshop.run(&["--version"]);
    assert_eq!(
        (version.code, version.out),
        (0, format!("floe {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_run_over_a_layout_asks_no_registry() {
    let workshop = Workshop::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address");
    let reference = format!("{host}/app@{}", workshop.unsigned.digest);
    for words in [&["--offline"] as &[&str], &[]] {
        let run = workshop.verify(&[&[reference.as_str()], words].concat());
        assert_eq!(run.code, 6, "{run:?}");
    }
    listener.set_nonblocking(true).expect("a socket");
    let error = listener.accept().expect_err("nobody has called");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_registry_that_is_not_there_or_does_not_let_us_in_is_5() {
    let workshop = Workshop::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address");
    let reference = format!("{host}/app@{}", workshop.signed.digest);
    let words = ["verify", &reference, "--key", "key.pub", "--output", "json"];
    let forbidding = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 4096];
            // The last connection comes from the test and says nothing.
            if stream.read(&mut head).expect("a request") == 0 {
                return;
            }
            let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // Whoever has left does not want it.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let run = workshop.run(&words);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["registry-access-denied".into()]),
        "{run:?}"
    );
    drop(TcpStream::connect(host).expect("a connection"));
    forbidding.join().expect("ended");
    let run = workshop.run(&words);
    assert_eq!(
        (run.code, run.codes()),
        (5, vec!["registry-unreachable".into()])
    );
}

#[test]
fn a_webhook_that_cannot_start_says_everything_that_is_wrong() {
    let workshop = Workshop::new();
    workshop.write(
        "bad/a.yaml",
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: a }\nspec: { match: {}, tags: resolve }\n",
    );
    workshop.write("bad/b.yaml", "kind: Nonsense\n");
    workshop.write("empty/readme.txt", "nothing");
    workshop.write(
        "settings.yaml",
        "apiVersion: floe.dev/v1\nkind: Settings\nnonsense: 1\n",
    );
    for (words, code, parts) in [
        (&["webhook"] as &[&str], 64, &["--policies PATH"] as &[&str]),
        (
            &["webhook", "--policies", "policy.yaml", "--tls-cert", "x"],
            64,
            &["--tls-key"],
        ),
        (
            &["webhook", "--policies", "bad"],
            1,
            &["a.yaml", "spec.tags", "b.yaml", "kind"],
        ),
        (
            &["webhook", "--policies", "empty"],
            1,
            &["empty has no policy"],
        ),
        (
            &["webhook", "--config", "settings.yaml"],
            1,
            &["settings.yaml", "nonsense"],
        ),
        (
            &[
                "webhook",
                "--policies",
                "policy.yaml",
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                "gone.pem",
                "--tls-key",
                "gone.key",
            ],
            1,
            &["gone.pem"],
        ),
    ] {
        let run = workshop.run(words);
        assert_eq!(run.code, code, "{words:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{part}: {run:?}");
        }
    }
}

#[test]
fn a_webhook_serves_until_it_is_asked_to_stop() {
    let workshop = Workshop::new();
    let mut child = workshop
        .command(&[
            "webhook",
            "--policies",
            "policy.yaml",
            "--listen",
            "127.0.0.1:0",
            "--ca-out",
            "ca.pem",
            "--log-file",
            "floe.log",
        ])
        .spawn()
        .expect("started");
    let log = workshop.path("floe.log");
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("serving")) {
        assert!(child.try_wait().expect("known").is_none(), "it ended");
        std::thread::yield_now();
    }
    let authority = std::fs::read_to_string(workshop.path("ca.pem")).expect("an authority");
    assert!(authority.contains("BEGIN CERTIFICATE"));
    let stopped = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("a signal");
    assert!(stopped.success());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}

#[test]
fn a_policy_is_checked_with_every_problem_listed() {
    let workshop = Workshop::new();
    let run = workshop.run(&["policy", "check", "policy.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.ends_with("1 policy compiles\n"), "{run:?}");
    assert!(
        run.out.contains("a signature names no repository"),
        "{run:?}"
    );
    std::fs::remove_file(workshop.path("key.pub")).expect("removed");
    let run = workshop.run(&["policy", "check", "policy.yaml"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("warning: file "), "{run:?}");
    workshop.write(
        "bad.yaml",
        "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: x }\n\
         spec: { match: {}, tags: resolve, enforcement: maybe, promotedTo: {} }\n",
    );
    let run = workshop.run(&["policy", "check", "bad.yaml"]);
    assert_eq!(run.code, 1, "{run:?}");
    for part in ["spec.tags", "spec.enforcement", "spec.promotedTo"] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
}
