//! The real binary: what it prints, and how it ends.

mod manifests;
mod other_ends;
mod reload;
mod reviews;

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
fn the_command_that_a_refusal_names_next_explains_the_same_answer() {
    let workshop = Workshop::new();
    let offline = ["--layout", "layout", "--offline"];
    for words in [
        &["--policy", "policy.yaml", "--channel", "prod"][..],
        &["--key", "key.pub"],
    ] {
        let bad = workshop.bad();
        let run = workshop.run(&[&["verify", &bad], words, &offline].concat());
        let next = run
            .out
            .lines()
            .find_map(|line| line.strip_prefix("  next: floe "));
        let next = next.unwrap_or_else(|| panic!("no next step: {run:?}"));
        let run = workshop.run(&next.split(' ').collect::<Vec<_>>());
        assert_eq!(run.code, 6, "{next}: {run:?}");
        assert!(run.out.contains("signature-missing (violation)"), "{run:?}");
        assert!(run.out.contains("what to do: "), "{run:?}");
    }
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
        (&["verify", "app"] as &[&str], "--policy PATH, --key FILE"),
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
            &["verify", &good, "--key", "key.pub", "--namespace", ""],
            "lower-case letters",
        ),
        (
            &["verify", &good, "--key", "key.pub", "--channel", "Prod"],
            "lower-case letters",
        ),
        (
            &[
                "verify",
                &good,
                "--key",
                "key.pub",
                "--layout",
                "layout",
                "--insecure-registry",
                "a.example",
            ],
            "no registry is asked",
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
                "--certificate-oidc-issuer",
                "b",
            ],
            "cannot be used with",
        ),
        (
            &["verify", &good, "--certificate-identity", "a"],
            "--certificate-oidc-issuer <URL>",
        ),
        (
            &["verify", &good, "--certificate-oidc-issuer", "a"],
            "--certificate-identity <IDENTITY>",
        ),
        (
            &["verify", &good, "--policy", "policy.yaml", "--bundle", "a"],
            "cannot be used with",
        ),
        (
            &["verify", "--bundle", "a", "--key", "key.pub"],
            "--bundle is about one file",
        ),
        (
            &["verify", "a", "b", "--bundle", "a", "--key", "key.pub"],
            "--bundle is about one file",
        ),
        (
            &["verify", "a", "--bundle", "a"],
            "nothing says whom to trust",
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
        "what to do: sign this digest as one of the signers that the policy accepts",
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
