//! Policies and keys that change on the disk of a running webhook.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::gather::{fill, signed};
use crate::support::authority::{Key, KeyKind};
use crate::support::floe::{Workshop, policy};
use crate::support::hostile::Hostile;
use crate::support::server::until;
use crate::support::webhook::Webhook;

/// A registry with an image signed by `key` and one that is unsigned, and the
/// references of both.
async fn registry(key: &Key) -> (Hostile, String, String) {
    let (mut contents, good) = signed(key);
    let bad = contents.image("unsigned");
    let registry = Hostile::start().await;
    fill(&registry, "team/app", &contents);
    let reference = |digest| format!("{}/team/app@{digest}", registry.host());
    let (good, bad) = (reference(good.digest), reference(bad.digest));
    (registry, good, bad)
}

/// Puts other contents into a folder that is mounted as a kubelet mounts
/// ConfigMaps: one rename of a link changes all files at once.
fn mount(folder: &Path, version: &str, text: &str) {
    let real = folder.join(version);
    fs::create_dir_all(&real).expect("a folder");
    fs::write(real.join("a.yaml"), text).expect("written");
    let link = folder.join("..new");
    symlink(version, &link).expect("a link");
    fs::rename(link, folder.join("..data")).expect("swapped");
    if !folder.join("a.yaml").is_symlink() {
        symlink("..data/a.yaml", folder.join("a.yaml")).expect("a link");
    }
}

#[tokio::test]
async fn a_folder_is_followed_by_its_content_and_never_opens_the_gate() {
    let workshop = Workshop::new();
    let (registry, good, bad) = registry(&workshop.key).await;
    let text = policy("release", "enforce").replace("key.pub", "../key.pub");
    let folder = workshop.path("policies");
    mount(&folder, "..1", &text);
    let webhook = Webhook::start(&workshop, &["policies"], &[registry.host()]).await;
    assert_eq!(webhook.verdict(&good).await, "allowed");
    assert_eq!(webhook.verdict(&bad).await, "signature-missing");

    // Broken, it keeps its last good text.
    mount(&folder, "..3", "nonsense: [");
    until(|| async {
        webhook
            .log()
            .contains("a policy is not in force as it stands")
    })
    .await;
    assert_eq!(webhook.verdict(&good).await, "allowed");
    assert_eq!(webhook.verdict(&bad).await, "signature-missing");

    // Changed, it is in force.
    mount(
        &folder,
        "..4",
        &text.replace("match: {}", "match: { images: [elsewhere.example/**] }"),
    );
    webhook.until_verdict(&good, "no-policy-matches").await;
    mount(&folder, "..5", &text);
    webhook.until_verdict(&good, "allowed").await;

    // A new one that never compiled denies what its match says, or everything.
    let other = text
        .replace("name: release", "name: other")
        .replace("enforce\n", "nonsense\n");
    assert_ne!(other, text);
    let other_file = "policies/b.yaml";
    let scope = format!("match: {{ images: [\"{}/other/**\"] }}", registry.host());
    workshop.write(other_file, &other.replace("match: {}", &scope));
    let elsewhere = good.replace("/team/app@", "/other/app@");
    webhook
        .until_verdict(&elsewhere, "image-not-visible, policy-invalid")
        .await;
    assert_eq!(webhook.verdict(&good).await, "allowed");
    workshop.write(other_file, &other.replace("match: {}", "match: 5"));
    webhook.until_verdict(&good, "policy-invalid").await;
    fs::remove_file(workshop.path(other_file)).expect("removed");
    webhook.until_verdict(&good, "allowed").await;

    // Emptied, the folder denies; emptied on purpose, nothing matches.
    fs::remove_file(folder.join("a.yaml")).expect("removed");
    webhook.until_verdict(&good, "policies-missing").await;
    let empty = "apiVersion: floe.dev/v1\nkind: TrustPolicyList\nitems: []\n";
    workshop.write(other_file, empty);
    webhook.until_verdict(&good, "no-policy-matches").await;
    fs::remove_dir_all(&folder).expect("removed");
    webhook.until_verdict(&good, "policies-missing").await;
    workshop.write("policies/a.yaml", &text);
    webhook.until_verdict(&good, "allowed").await;
}

#[tokio::test]
async fn a_key_that_changes_or_goes_takes_effect_on_known_images_too() {
    let workshop = Workshop::new();
    let (registry, good, _) = registry(&workshop.key).await;
    let webhook = Webhook::start(&workshop, &["policy.yaml"], &[registry.host()]).await;
    assert_eq!(webhook.verdict(&good).await, "allowed");
    let file = workshop.path("key.pub");
    let written = fs::metadata(&file).and_then(|about| about.modified());
    let written = written.expect("a time");
    // The same length and the same time: only the content tells.
    let stranger = Key::generate(KeyKind::P256).pem();
    assert_eq!(stranger.len(), workshop.key.pem().len());
    workshop.write("key.pub", &stranger);
    let opened = fs::File::options().write(true).open(&file).expect("opened");
    opened.set_modified(written).expect("set");
    webhook
        .until_verdict(&good, "signature-missing, signature-not-by-authority")
        .await;
    for broken in [
        "",
        "no key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        workshop.write("key.pub", &workshop.key.pem());
        webhook.until_verdict(&good, "allowed").await;
        workshop.write("key.pub", broken);
        webhook.until_verdict(&good, "key-unavailable").await;
    }
    workshop.write("key.pub", &workshop.key.pem());
    webhook.until_verdict(&good, "allowed").await;
    fs::remove_file(&file).expect("removed");
    webhook.until_verdict(&good, "key-unavailable").await;
    // A denial says what is wrong now, not what was wrong at first.
    workshop.write("key.pub", "no key");
    until(|| async { webhook.ask(&good).await.to_string().contains("PEM") }).await;
    workshop.write("key.pub", &workshop.key.pem());
    webhook.until_verdict(&good, "allowed").await;
    // The evidence was fetched once, whatever became of the key.
    assert_eq!(registry.count("/referrers/"), 1);
}

#[tokio::test]
async fn what_is_on_this_machine_is_asked_only_if_it_is_configured() {
    let workshop = Workshop::new();
    let (configured, good, _) = registry(&workshop.key).await;
    let (other, elsewhere, _) = registry(&workshop.key).await;
    let webhook = Webhook::start(&workshop, &["policy.yaml"], &[configured.host()]).await;
    assert_eq!(webhook.verdict(&good).await, "allowed");
    let port = other.address().port();
    let here = [
        elsewhere.clone(),
        elsewhere.replace("127.0.0.1", "localhost"),
        elsewhere.replace("127.0.0.1", "[::1]"),
        elsewhere.replace("127.0.0.1", "0.0.0.0"),
        elsewhere.replace("127.0.0.1", "127.1"),
        elsewhere.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        elsewhere.replace("127.0.0.1", "app.localhost"),
        elsewhere.replace(&format!("127.0.0.1:{port}"), "169.254.169.254"),
        elsewhere.replace(&format!(":{port}"), ""),
    ];
    for image in here {
        assert_eq!(
            webhook.verdict(&image).await,
            "registry-not-permitted",
            "{image}"
        );
    }
    assert_eq!(other.requests(), []);
    // The command line is for people at their own machine.
    let words = ["verify", elsewhere.as_str(), "--policy", "policy.yaml"];
    let mut command = workshop.command(&words);
    let run = tokio::task::spawn_blocking(move || command.output());
    let run = run.await.expect("ended").expect("ran");
    assert_eq!(run.status.code(), Some(0), "{run:?}");
}
