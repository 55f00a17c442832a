//! Reviews that are decided again.

use serde_json::json;

use super::pod;
use crate::support::floe::{Workshop, policy};

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
