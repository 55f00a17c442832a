//! A trust root from a TUF mirror: what was learnt stays in force while the
//! mirror is away, and no longer than its metadata says.

use std::{fs, path::PathBuf};

use floe_e2e::{
    floe::{self, Demanded, Root, Webhook},
    mirror::Mirror,
    process::wait_until,
    registry::{Image, Kind, Registry},
    scratch::Scratch,
    second_opinion::Signer,
    sigstore::{Flow, Sigstore},
    tuf::{Release, Repository, Role, Scheme},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::keyless::keyless_image;

struct Fixture {
    scratch: Scratch,
    repository: Repository,
    mirror: Mirror,
    policy: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let scratch = Scratch::new();
        let repository = Repository::new(&scratch.dir("repository"), Scheme::Ecdsa);
        repository.publish(&release(1));
        let identity = Sigstore::shared().developer();
        let signer = Signer::Identity {
            subject: identity.subject,
            issuer: identity.issuer,
        };
        let demanded = Demanded {
            signer: &signer,
            root: Root::Named("private"),
            log: true,
            timestamp: false,
        };
        scratch.dir("policies");
        let policy = scratch.write("policies/policy.yaml", demanded.policy());
        Self {
            mirror: Mirror::start(repository.dir()),
            scratch,
            repository,
            policy,
        }
    }

    /// A webhook that asks the mirror each second.
    fn start(&self) -> Webhook {
        self.start_asking("1s")
    }

    fn start_asking(&self, every: &str) -> Webhook {
        let roots: Value = json!([{"name": "private", "tuf": {
            "mirror": self.mirror.url(), "root": self.repository.anchor(),
            "cache": self.scratch.dir("cache"), "refreshEvery": every, "insecureHTTP": true,
        }}]);
        let policies = self.policy.parent().unwrap();
        let registries = [Registry::shared(Kind::Ferro).host()];
        Webhook::start_with(&self.scratch, policies, &registries, &roots)
    }

    fn settings(&self) -> PathBuf {
        self.scratch.path().join("floe.yaml")
    }
}

fn release(version: u64) -> Release {
    let root = fs::read(Sigstore::shared().trusted_root()).unwrap();
    Release::new(version, &[("trusted_root.json", &root)])
}

fn signed() -> Image {
    keyless_image(Kind::Ferro, Flow::Rekor1, &Sigstore::shared().developer())
}

#[track_caller]
fn allows(webhook: &Webhook, image: &Image) {
    wait_until("the trust root", || {
        webhook.judges(&image.pinned()).0.then_some(())
    });
}

#[test]
fn an_unexpired_root_keeps_verifying_while_the_mirror_is_down_and_after_a_restart() {
    let mut fixture = Fixture::new();
    let webhook = fixture.start();
    allows(&webhook, &signed());
    fixture.mirror.stop();
    // What was never seen, so that nothing is remembered of it.
    let (allowed, message) = webhook.judges(&signed().pinned());
    assert!(allowed, "{message}");
    webhook.stop();
    let restarted = fixture.start();
    allows(&restarted, &signed());
    let said = floe::verify_from(&fixture.settings(), &fixture.policy, &signed().pinned());
    assert_eq!(said.code, 0, "{}", said.text);
}

#[test]
fn no_mirror_is_asked_while_a_review_waits() {
    let fixture = Fixture::new();
    let webhook = fixture.start_asking("1h");
    allows(&webhook, &signed());
    let asked = fixture.mirror.asked();
    assert!(asked.contains(&"timestamp.json".to_owned()), "{asked:?}");
    allows(&webhook, &signed());
    let unsigned = Registry::shared(Kind::Ferro).push_fresh_image();
    let (allowed, message) = webhook.judges(&unsigned.pinned());
    assert!(
        !allowed && message.contains("signature-missing"),
        "{message}"
    );
    assert_eq!(fixture.mirror.asked(), asked);
}

#[test]
fn a_root_whose_metadata_has_expired_refuses_with_its_own_reason() {
    let mut fixture = Fixture::new();
    let webhook = fixture.start();
    allows(&webhook, &signed());
    let soon = Timestamp::now() + SignedDuration::from_secs(6);
    fixture
        .repository
        .publish(&release(2).expiring(Role::Timestamp, soon));
    let image = signed();
    let seen = |fixture: &Fixture| {
        let asked = fixture.mirror.asked();
        asked.iter().any(|path| path == "2.snapshot.json")
    };
    wait_until("the next version", || seen(&fixture).then_some(()));
    fixture.mirror.stop();
    let message = wait_until("the end of the metadata", || {
        let (allowed, message) = webhook.judges(&image.pinned());
        (!allowed).then_some(message)
    });
    assert!(message.contains("trust-root-expired"), "{message}");
    let said = floe::verify_from(&fixture.settings(), &fixture.policy, &image.pinned());
    assert_eq!(said.code, 5, "{}", said.text);
    assert!(said.codes().contains(&"trust-root-expired".to_owned()));
}

#[test]
fn a_mirror_that_is_rolled_back_or_tampered_with_changes_nothing() {
    let fixture = Fixture::new();
    fixture.repository.publish(&release(5));
    let webhook = fixture.start();
    allows(&webhook, &signed());
    // An older release with a root that trusts nobody here.
    let foreign = fs::read(foreign_root()).unwrap();
    fixture
        .repository
        .publish(&Release::new(4, &[("trusted_root.json", &foreign)]));
    let before = fixture.mirror.asked().len();
    wait_until("two more looks", || {
        let looks = fixture.mirror.asked();
        let looks = looks[before..]
            .iter()
            .filter(|path| *path == "timestamp.json");
        (looks.count() >= 2).then_some(())
    });
    let (allowed, message) = webhook.judges(&signed().pinned());
    assert!(allowed, "{message}");
    // And a newer one that counts.
    fixture
        .repository
        .publish(&Release::new(6, &[("trusted_root.json", &foreign)]));
    let image = signed();
    let message = wait_until("the new root", || {
        let (allowed, message) = webhook.judges(&image.pinned());
        (!allowed).then_some(message)
    });
    assert!(message.contains("log-unknown"), "{message}");
}

fn foreign_root() -> PathBuf {
    use floe_e2e::sigstore::{Change, Service};
    Sigstore::shared().trusted_root_with(&Service::ALL.map(Change::Foreign))
}
