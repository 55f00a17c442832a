//! Trust roots from TUF, against a mirror that lies.

mod cached;
mod files;
mod lies;
mod running;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use floe::roots::tuf::{RefreshError, Refresher, TufError, TufOptions, TufRoot};
use floe::roots::{self, Configured};
use floe::trust::{Material, MaterialErrorKind, MaterialRef, TrustRoot};
use jiff::{SignedDuration, Timestamp};

use crate::support::sigstore::Sigstore;
use crate::support::tuf::{Mirror, ROLES, Repository};

const NAME: &str = "corp";

/// When everything happens, unless said otherwise.
fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn trusted_root() -> String {
    Sigstore::new(now()).trusted_root().text()
}

/// A repository with its mirror, and a folder for caches.
struct Place {
    repository: Repository,
    /// What the target says.
    text: String,
    mirror: Mirror,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let text = trusted_root();
        let repository = Repository::new(now(), &text);
        let mirror = Mirror::start(&repository.files).await;
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            repository,
            text,
            mirror,
            folder,
        }
    }

    fn options(&self) -> TufOptions {
        TufOptions {
            name: NAME.to_owned(),
            mirror: self.mirror.url.clone(),
            root: self.repository.initial_root(),
            cache: self.cache(),
            target: "trusted_root.json".to_owned(),
            refresh_every: Duration::from_secs(3600),
            ca: None,
            insecure_http: true,
            timeout: Duration::from_secs(20),
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A process that starts now: it knows the cache only.
    fn process(&self) -> Process {
        Process::new(self.options())
    }

    /// Publishes everything anew, and serves it.
    fn publish(&mut self) {
        self.repository.publish();
        self.mirror.serve(&self.repository.files);
    }

    /// Publishes another trust root.
    fn publish_root(&mut self) {
        self.text = trusted_root();
        let targets = &mut self.repository.targets;
        targets.insert("trusted_root.json".into(), self.text.clone().into());
        self.publish();
    }
}

struct Process {
    root: Arc<TufRoot>,
    refresher: Refresher,
    configured: Configured,
}

impl Process {
    fn new(options: TufOptions) -> Self {
        let root = Arc::new(TufRoot::new(options).expect("good options"));
        Self {
            refresher: Refresher::new(Arc::clone(&root)).expect("a mirror"),
            configured: Configured::default()
                .with_tuf(Arc::clone(&root))
                .expect("a name"),
            root,
        }
    }

    fn load(&self, now: Timestamp) -> Result<(), RefreshError> {
        self.root.load(now)
    }

    async fn refresh(&self) -> Result<bool, RefreshError> {
        self.refresher.refresh(now()).await
    }

    /// What policies get for the root's name, or the kind of its absence with
    /// the sentence.
    fn gives(&self, now: Timestamp) -> Result<Arc<TrustRoot>, (MaterialErrorKind, String)> {
        let reference = MaterialRef::Root(NAME.to_owned());
        let materials = roots::read(std::slice::from_ref(&reference), &self.configured, now);
        match materials.get(&reference).expect("was asked for") {
            Ok(Material::Root(root)) => Ok(Arc::clone(root)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err((error.kind, error.why.clone())),
        }
    }

    #[track_caller]
    fn assert_gives(&self, text: &str, now: Timestamp) {
        let expected = TrustRoot::from_json(NAME, text).expect("a root");
        assert_eq!(*self.gives(now).expect("a root"), expected);
    }

    #[track_caller]
    fn assert_expired(&self, now: Timestamp) -> String {
        let (kind, why) = self.gives(now).expect_err("expired");
        assert_eq!(kind, MaterialErrorKind::Expired, "{why}");
        why
    }

    #[track_caller]
    fn assert_unavailable(&self, now: Timestamp) -> String {
        let (kind, why) = self.gives(now).expect_err("not there");
        assert_eq!(kind, MaterialErrorKind::Unavailable, "{why}");
        why
    }
}

#[tokio::test]
async fn a_root_is_fetched_and_verified_from_the_pinned_one_on() {
    let mut place = Place::new().await;
    let process = place.process();
    assert_eq!(
        process.assert_unavailable(now()),
        "trust root corp: nothing verified is at hand: nothing was fetched yet"
    );
    assert!(!process.configured.tried());
    assert_eq!(process.refresh().await, Ok(true));
    assert!(process.configured.tried());
    process.assert_gives(&place.text, now());
    assert_eq!(process.root.age().refreshed, Some(now()));
    // The same once more is no change, another one is.
    assert_eq!(process.refresh().await, Ok(false));
    place.publish();
    assert_eq!(process.refresh().await, Ok(false));
    place.publish_root();
    assert_eq!(process.refresh().await, Ok(true));
    process.assert_gives(&place.text, now());
}

#[tokio::test]
async fn nobody_is_asked_by_configuring_loading_or_reading() {
    let place = Place::new().await;
    let process = place.process();
    process.load(now()).expect_err("no cache");
    process.assert_unavailable(now());
    assert_eq!(place.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn a_root_serves_until_the_first_of_its_metadata_expires() {
    for role in ROLES {
        let mut place = Place::new().await;
        let end = now() + days(3);
        place.repository.expire(role, end);
        if role == "root" {
            place.repository.publish_root(&[]);
        }
        place.publish();
        let process = place.process();
        process.refresh().await.expect("good");
        assert_eq!(process.root.age().expires, Some(end), "{role}");
        process.assert_gives(&place.text, end - SignedDuration::from_secs(1));
        let why = process.assert_expired(end);
        assert!(why.contains("expired at 2026-03-04T12:00:00Z"), "{why}");
    }
}

#[tokio::test]
async fn what_was_verified_serves_while_the_mirror_is_down_and_not_after_it_expired() {
    let place = Place::new().await;
    let process = place.process();
    process.refresh().await.expect("good");
    let Place {
        repository: _,
        text,
        mirror,
        folder: _folder,
    } = place;
    drop(mirror);
    let later = now() + days(29);
    let gone = process.refresher.refresh(later).await;
    assert!(matches!(gone, Err(RefreshError::Mirror(_))), "{gone:?}");
    process.assert_gives(&text, later);
    assert_eq!(process.root.age().refreshed, Some(now()), "its age grows");
    process.assert_expired(now() + days(30));
}

#[tokio::test]
async fn a_root_of_a_delegated_role_expires_with_that_role() {
    let mut place = Place::new().await;
    let targets = std::mem::take(&mut place.repository.targets);
    place.repository.delegated = targets;
    place.publish();
    let process = place.process();
    process.refresh().await.expect("good");
    process.assert_gives(&place.text, now());
    let restarted = place.process();
    restarted.load(now()).expect("it is in the cache");
    restarted.assert_gives(&place.text, now());
}

#[tokio::test]
async fn another_target_can_be_named_and_lies_where_tuf_says() {
    let mut place = Place::new().await;
    let text = std::mem::take(&mut place.repository.targets);
    let content = text.into_values().next().expect("one");
    place
        .repository
        .targets
        .insert("roots/corp.json".into(), content);
    place.publish();
    let options = TufOptions {
        target: "roots/corp.json".into(),
        ..place.options()
    };
    let process = Process::new(options);
    process.refresh().await.expect("good");
    process.assert_gives(&place.text, now());
    let gone = place.process().refresh().await;
    assert_eq!(
        gone,
        Err(RefreshError::NoTarget("trusted_root.json".into()))
    );
}

#[tokio::test]
async fn what_cannot_be_a_repository_is_refused_before_anything_is_asked() {
    let place = Place::new().await;
    let with = |edit: &dyn Fn(&mut TufOptions)| {
        let mut options = place.options();
        edit(&mut options);
        let root = TufRoot::new(options)?;
        Refresher::new(Arc::new(root)).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(
        with(&|options| options.insecure_http = false),
        Err(TufError::PlainHttp)
    );
    for mirror in [
        "file:///etc",
        "https://user:canary@tuf.test",
        "https://tuf.test/?token=canary",
        "tuf.test",
    ] {
        let error = with(&|options| options.mirror = mirror.into()).expect_err(mirror);
        assert_eq!(error, TufError::Mirror);
        assert!(!error.to_string().contains("canary"));
    }
    for target in ["", "../x", "a//b", "/a", "a?b", "https://a"] {
        let error = with(&|options| options.target = target.into());
        assert_eq!(error, Err(TufError::Target(target.into())));
    }
    assert_eq!(
        with(&|options| options.ca = Some(b"canary".to_vec())),
        Err(TufError::Ca)
    );
    for root in ["", "{}", &place.text] {
        let error = with(&|options| options.root = root.into());
        assert!(matches!(error, Err(TufError::InitialRoot(_))), "{error:?}");
    }
    assert_eq!(place.mirror.asked(), [""; 0]);
}

#[tokio::test]
async fn a_mirror_over_tls_is_asked_only_where_its_authority_is_trusted() {
    let place = Place::new().await;
    let (mirror, ca) = Mirror::start_tls(&place.repository.files).await;
    let options = |ca| TufOptions {
        mirror: mirror.url.clone(),
        insecure_http: false,
        ca: Some(ca),
        ..place.options()
    };
    let process = Process::new(options(ca));
    process.refresh().await.expect("good");
    process.assert_gives(&place.text, now());
    let (_, another) = Mirror::start_tls(&place.repository.files).await;
    mirror.asked();
    let error = Process::new(options(another)).refresh().await;
    assert!(
        matches!(&error, Err(RefreshError::Mirror(why)) if why.contains("certificate")),
        "{error:?}"
    );
    assert_eq!(mirror.asked(), [""; 0]);
}

/// The one file of a cache.
fn file(cache: &Path) -> PathBuf {
    cache.join("tuf.json")
}
