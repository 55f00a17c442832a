//! The TUF repositories of the tests are what they are meant to be: cosign
//! takes the good ones, and each bad one fails for its own reason.

use std::fs;

use floe_e2e::{
    cosign,
    mirror::Mirror,
    scratch::Scratch,
    sigstore::Sigstore,
    tuf::{Release, Repository, Role, Scheme},
};
use jiff::{SignedDuration, Timestamp};

struct Fixture {
    scratch: Scratch,
    repository: Repository,
    mirror: Mirror,
}

impl Fixture {
    fn new(scheme: Scheme) -> Self {
        let scratch = Scratch::new();
        let repository = Repository::new(&scratch.dir("repository"), scheme);
        let mirror = Mirror::start(repository.dir());
        Self {
            scratch,
            repository,
            mirror,
        }
    }

    fn initialize(&self) -> Result<(), String> {
        let state = self.scratch.dir("state");
        cosign::initialize(&state, &self.mirror.url(), &self.repository.anchor())
    }

    #[track_caller]
    fn refused(&self, reason: &str) {
        let refusal = self.initialize().unwrap_err();
        assert!(refusal.contains(reason), "{refusal}");
    }
}

fn release(version: u64) -> Release {
    let root = fs::read(Sigstore::shared().trusted_root()).unwrap();
    Release::new(version, &[("trusted_root.json", &root)])
}

fn an_hour_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(1)
}

#[test]
fn cosign_follows_a_repository_through_releases_and_new_keys() {
    for scheme in [Scheme::Ecdsa, Scheme::Ed25519] {
        let mut fixture = Fixture::new(scheme);
        fixture.repository.publish(&release(1));
        assert_eq!(fixture.initialize(), Ok(()), "{scheme:?}");
        fixture.repository.publish(&release(2));
        assert_eq!(fixture.initialize(), Ok(()), "{scheme:?}");
        fixture.repository.rotate();
        fixture.repository.publish(&release(3));
        assert_eq!(fixture.initialize(), Ok(()), "{scheme:?}");
        let asked = fixture.mirror.asked();
        assert!(asked.contains(&"2.root.json".to_owned()), "{asked:?}");
    }
}

#[test]
fn cosign_refuses_metadata_that_has_expired() {
    for role in Role::ALL {
        let fixture = Fixture::new(Scheme::Ecdsa);
        fixture
            .repository
            .publish(&release(1).expiring(role, an_hour_ago()));
        fixture.refused("expired");
    }
}

#[test]
fn cosign_refuses_metadata_and_files_that_were_changed() {
    let fixture = Fixture::new(Scheme::Ecdsa);
    fixture.repository.publish(&release(1));
    let dir = fixture.repository.dir();
    let metadata = dir.join("1.targets.json");
    let good = fs::read_to_string(&metadata).unwrap();
    fs::write(&metadata, good.replace("\"length\":", "\"length\":1")).unwrap();
    fixture.refused("signature");
    fs::write(&metadata, good).unwrap();
    for entry in fs::read_dir(dir.join("targets")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("rekor1.test", "rekor9.test")).unwrap();
    }
    fixture.refused("hash");
}

#[test]
fn cosign_refuses_a_repository_with_other_keys() {
    let fixture = Fixture::new(Scheme::Ecdsa);
    fixture.repository.publish(&release(1));
    let other = Fixture::new(Scheme::Ecdsa);
    other.repository.publish(&release(1));
    let state = fixture.scratch.dir("state");
    let refusal = cosign::initialize(&state, &fixture.mirror.url(), &other.repository.anchor());
    assert!(refusal.unwrap_err().contains("signature"));
}

#[test]
fn a_mirror_that_is_down_refuses_and_comes_back() {
    let mut fixture = Fixture::new(Scheme::Ecdsa);
    fixture.repository.publish(&release(1));
    fixture.mirror.stop();
    fixture.refused("connection refused");
    fixture.mirror.resume();
    assert_eq!(fixture.initialize(), Ok(()));
}
