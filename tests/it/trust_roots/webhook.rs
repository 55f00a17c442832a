//! The program itself, with a root from TUF.

use serde_json::{Value, json};

use super::*;
use crate::support::floe::Workshop;
use crate::support::server::until;
use crate::support::tuf::Lie;
use crate::support::webhook::Webhook;

const PINNED: &str = "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: pinned }\n\
                      spec: { match: {}, level: unverified }\n";
const IMAGE: &str =
    "a.test/b@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A workshop whose settings have the root of the place.
fn workshop(place: &Place) -> (Workshop, Value) {
    let workshop = Workshop::new();
    workshop.write("pinned.yaml", PINNED);
    let root = place.repository.initial_root();
    let root = String::from_utf8(root).expect("text");
    workshop.write("root.json", &root);
    let settings = json!({
        "policies": ["pinned.yaml"],
        "trustRoots": [{"name": NAME, "tuf": {
            "mirror": place.mirror.url, "insecureHTTP": true, "root": "root.json",
            "cache": "cache", "refreshEvery": "1s",
        }}],
    });
    (workshop, settings)
}

/// A place whose metadata is good now.
async fn place() -> Place {
    let mut place = Place::new().await;
    let end = Timestamp::now() + days(30);
    for role in ROLES {
        place.repository.expire(role, end);
    }
    place.repository.publish_root(&[]);
    place.publish();
    place
}

async fn ready(webhook: &Webhook) -> bool {
    webhook.get("readyz").await == "ready\n"
}

#[tokio::test]
async fn a_webhook_is_not_in_sync_before_each_root_was_asked_for_once() {
    let place = place().await;
    place.mirror.lie("", Lie::Silent);
    let (workshop, settings) = workshop(&place);
    let webhook = Webhook::launch(&workshop, settings.clone()).await;
    until(|| async { !place.mirror.asked().is_empty() }).await;
    assert!(!ready(&webhook).await);
    assert_eq!(webhook.verdict(IMAGE).await, "not-synced");
    // A failure is an answer, too.
    place.mirror.serve(&place.repository.files);
    until(|| ready(&webhook)).await;
    assert_eq!(webhook.verdict(IMAGE).await, "allowed");
    let aged = |metrics: String| {
        metrics
            .lines()
            .any(|line| line.starts_with(r#"floe_trust_root_age_seconds{root="corp"} "#))
    };
    until(|| async { aged(webhook.get("metrics").await) }).await;
    until(|| async { webhook.log().contains("trust root taken into use") }).await;
    let log = webhook.log();
    assert!(log.contains("trust root cannot be refreshed"), "{log}");
    drop(webhook);
    // The next one has it from the cache, and is ready before the mirror is.
    place.mirror.lie("", Lie::Silent);
    let webhook = Webhook::launch(&workshop, settings).await;
    until(|| ready(&webhook)).await;
    assert!(aged(webhook.get("metrics").await));
    assert_eq!(webhook.verdict(IMAGE).await, "allowed");
}

#[tokio::test]
async fn settings_whose_initial_root_is_none_do_not_start_and_are_named() {
    let place = place().await;
    let (workshop, mut settings) = workshop(&place);
    settings["apiVersion"] = json!("floe.dev/v1");
    settings["kind"] = json!("Settings");
    workshop.write("settings.yaml", &settings.to_string());
    workshop.write("root.json", "canary");
    for command in [
        vec!["webhook", "--config", "settings.yaml"],
        vec![
            "policy",
            "check",
            "pinned.yaml",
            "--roots-from",
            "settings.yaml",
        ],
    ] {
        let run = workshop.run(&command);
        assert_eq!(run.code, 1, "{}", run.err);
        assert!(run.err.contains("trustRoots: corp"), "{}", run.err);
        assert!(!run.err.contains("canary"), "{}", run.err);
    }
    assert_eq!(place.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn a_policy_is_checked_with_roots_from_settings_without_asking_anybody() {
    let place = place().await;
    let (workshop, mut settings) = workshop(&place);
    settings["apiVersion"] = json!("floe.dev/v1");
    settings["kind"] = json!("Settings");
    workshop.write("settings.yaml", &settings.to_string());
    let check = [
        "policy",
        "check",
        "pinned.yaml",
        "--roots-from",
        "settings.yaml",
    ];
    let run = workshop.run(&check);
    assert_eq!(run.code, 0, "{}", run.err);
    for argument in ["Corp=x", "a=x"] {
        let twice = ["--trusted-root", "a=z", "--trusted-root", argument];
        let run = workshop.run(&[&check[..], &twice].concat());
        assert_eq!(run.code, 64, "{}", run.err);
        assert!(run.err.contains("--trusted-root: "), "{}", run.err);
    }
    assert_eq!(place.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn an_expired_root_refuses_at_once_although_nothing_is_polled() {
    let mut place = place().await;
    let end = Timestamp::now() + SignedDuration::from_secs(4);
    place.repository.expire("timestamp", end);
    place.publish();
    let (workshop, mut settings) = workshop(&place);
    let keyless = "apiVersion: floe.dev/v1\nkind: TrustPolicy\nmetadata: { name: keyless }\n\
                   spec: { match: {}, authorities: [{ name: ci, trustRoots: [corp],\n  \
                   keyless: { issuer: 'https://issuer.test', subject: ci@acme.test } }] }\n";
    workshop.write("pinned.yaml", keyless);
    settings["limits"] = json!({"poll": "1h"});
    settings["registries"] = json!([{"host": "localhost:1", "insecureHTTP": true}]);
    let webhook = Webhook::launch(&workshop, settings).await;
    until(|| ready(&webhook)).await;
    let image = IMAGE.replace("a.test", "localhost:1");
    until(|| async {
        let verdict = webhook.verdict(&image).await;
        let expired = verdict.contains("trust-root-expired");
        assert_eq!(expired, Timestamp::now() >= end && expired, "{verdict}");
        expired
    })
    .await;
    // It comes back when the repository does.
    place
        .repository
        .expire("timestamp", Timestamp::now() + days(1));
    place.publish();
    until(|| async { !webhook.verdict(&image).await.contains("trust-root") }).await;
}
