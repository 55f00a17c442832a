//! A trust root from a TUF repository, such as the one in which Sigstore
//! publishes `trusted_root.json`, or a private mirror.
//!
//! Trust begins with an initial `root.json` that the operator pins; everything
//! else – a mirror, a cache on disk – is only ever a place where signed bytes
//! lie. What was verified last serves until the first of the metadata that
//! vouches for it expires, whether or not the mirror answers; then the root is
//! expired until a refresh succeeds. Nothing here fetches but a [`Refresher`],
//! and a review never waits for one.

mod cache;
mod error;
mod refresher;
mod store;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use sigstore_tuf::{Repository, TrustedMetadataSet, Updater, UpdaterConfig};

pub use error::{RefreshError, TufError};
pub use refresher::{Clock, Refresher, Told};

use self::cache::Cache;
use self::store::{Files, Offline, Store};
use super::path;
use crate::trust::{MaterialError, TrustRoot};

/// Largest target: what a trust root in a file may have.
const MAX_TARGET: u64 = 1024 * 1024;

/// Where a root comes from, and how it is kept.
#[derive(Debug, Clone)]
pub struct TufOptions {
    /// What policies call it.
    pub name: String,
    /// URL of the repository: metadata lies there, targets in `targets/` below.
    pub mirror: String,
    /// The initial `root.json`, which everything is verified from.
    pub root: Vec<u8>,
    /// A folder for what was verified. One for each root, kept across restarts.
    pub cache: PathBuf,
    /// The target that is the trust root.
    pub target: String,
    /// How often to ask.
    pub refresh_every: Duration,
    /// PEM certificates to trust for the mirror, and no others; the system's
    /// without them.
    pub ca: Option<Vec<u8>>,
    /// Allows plain HTTP. Whoever is on the way can then withhold updates until
    /// the metadata expires; they still cannot forge it.
    pub insecure_http: bool,
    /// Longest time for one refresh as a whole.
    pub timeout: Duration,
}

impl TufOptions {
    /// How often a repository is asked where nothing else is said: far less
    /// than the week for which Sigstore's own timestamps are good.
    pub const REFRESH_EVERY: Duration = Duration::from_secs(3600);
    /// Longest time for one refresh. It has some ten small files to fetch.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// The target under which Sigstore publishes its trust root.
    pub const TARGET: &str = "trusted_root.json";
}

/// A trust root from TUF: what was verified last, and since when and until when.
#[derive(Debug)]
pub struct TufRoot {
    name: Arc<str>,
    options: TufOptions,
    cache: Cache,
    store: Arc<Store>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    good: Option<Good>,
    tried: bool,
    /// When the last success was.
    refreshed: Option<Timestamp>,
    /// Why the last attempt failed.
    problem: Option<RefreshError>,
    /// Metadata was verified and has expired since.
    expired: bool,
    /// The files of the last success, for the cache.
    kept: Files,
}

/// A verified root.
#[derive(Debug, Clone)]
struct Good {
    root: Arc<TrustRoot>,
    /// The earliest expiry of the metadata that vouches for it.
    expires: Timestamp,
}

/// How old a root from TUF is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootAge {
    /// The name that it was configured under.
    pub name: Arc<str>,
    /// When its repository was last found in order; `None` if never.
    pub refreshed: Option<Timestamp>,
    /// From when on it is not used any more without a refresh.
    pub expires: Option<Timestamp>,
}

impl TufRoot {
    /// A root of which nothing is known yet.
    ///
    /// # Errors
    ///
    /// The initial root is not one that signs itself, or the target is not a
    /// plain path.
    pub fn new(options: TufOptions) -> Result<Self, TufError> {
        TrustedMetadataSet::from_root(&options.root)
            .map_err(|error| TufError::InitialRoot(error::words(&error)))?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..") && !part.contains(['\\', '?', '#', '%', ':'])
        };
        if !options.target.split('/').all(plain) {
            return Err(TufError::Target(options.target));
        }
        Ok(Self {
            name: Arc::from(options.name.as_str()),
            cache: Cache::new(&options.cache),
            options,
            store: Arc::default(),
            state: Mutex::default(),
        })
    }

    /// The name that it was configured under.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Reads the cache, and verifies what it has from the initial root on.
    /// Opens no socket, and blocks for a moment.
    ///
    /// # Errors
    ///
    /// There is nothing, nothing that verifies, or it has expired by `now`.
    pub fn load(&self, now: Timestamp) -> Result<(), RefreshError> {
        let loaded = self.cache.read().and_then(|cached| {
            let good = Arc::new(Store::from(cached.good.clone()));
            let offline = Offline::new(Arc::clone(&good));
            // Nothing in it waits for anything.
            let verified = self
                .verified(offline, Arc::clone(&good), now)
                .now_or_never()
                .unwrap_or(Err(RefreshError::Incomplete));
            // Versions that were seen are a floor even where they are not good
            // any more; each is verified again before it counts.
            self.store.fill(cached.seen);
            verified.map(|verified| (verified, cached.good, cached.refreshed))
        });
        let mut state = self.state();
        match loaded {
            Ok((good, kept, refreshed)) => {
                state.good = Some(good);
                state.kept = kept;
                state.refreshed = refreshed;
                state.tried = true;
                Ok(())
            }
            Err(error) => {
                state.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Whether the cache gave a root, or the mirror was asked once.
    pub fn tried(&self) -> bool {
        self.state().tried
    }

    /// How old it is.
    pub fn age(&self) -> RootAge {
        let state = self.state();
        RootAge {
            name: Arc::clone(&self.name),
            refreshed: state.refreshed,
            expires: state.good.as_ref().map(|good| good.expires),
        }
    }

    /// The root, if it may be used at `now`.
    pub(super) fn resolve(&self, now: Timestamp) -> Result<Arc<TrustRoot>, MaterialError> {
        let state = self.state();
        let name = &self.name;
        let problem = match &state.problem {
            Some(problem) => problem.to_string(),
            None => "nothing was fetched yet".to_owned(),
        };
        match &state.good {
            Some(good) if now < good.expires => Ok(Arc::clone(&good.root)),
            Some(good) => Err(MaterialError::expired(format!(
                "trust root {name}: its TUF metadata expired at {}; the last refresh: {problem}",
                good.expires
            ))),
            None if state.expired => Err(MaterialError::expired(format!(
                "trust root {name}: its TUF metadata has expired: {problem}"
            ))),
            None => Err(MaterialError::unavailable(format!(
                "trust root {name}: nothing verified is at hand: {problem}"
            ))),
        }
    }

    /// Takes the outcome of a refresh, and says whether the root is another one
    /// now.
    fn take(
        &self,
        outcome: Result<Good, RefreshError>,
        now: Timestamp,
    ) -> Result<bool, RefreshError> {
        let mut state = self.state();
        state.tried = true;
        match outcome {
            Ok(good) => {
                let before = state.good.replace(good);
                state.refreshed = Some(now);
                state.problem = None;
                state.expired = false;
                let after = state.good.as_ref();
                Ok(before.is_none_or(|before| {
                    before.expires <= now || after.is_some_and(|good| good.root != before.root)
                }))
            }
            Err(error) => {
                state.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Everything from the initial root to the target, with what `repository`
    /// and `store` have.
    async fn verified(
        &self,
        repository: impl Repository + 'static,
        store: Arc<Store>,
        now: Timestamp,
    ) -> Result<Good, RefreshError> {
        let mut limits = UpdaterConfig::default();
        limits.target_max_length = MAX_TARGET;
        let mut updater = Updater::new(repository, &self.options.root)?
            .with_config(limits)
            .with_store(store);
        updater.refresh(now).await?;
        let target = updater.get_target(&self.options.target, now).await?;
        let expires = earliest_expiry(updater.trusted()).ok_or(RefreshError::Incomplete)?;
        let text = String::from_utf8(target)
            .map_err(|_| RefreshError::Unusable("it is not text".to_owned()))?;
        let root = path::parse(&self.name, &text).map_err(RefreshError::Unusable)?;
        Ok(Good {
            root: Arc::new(root),
            expires,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, error: RefreshError) {
        self.expired |= matches!(error, RefreshError::Expired { .. });
        self.problem = Some(error);
    }
}

/// The first moment at which some metadata of the set is not good any more:
/// root, timestamp, snapshot, targets, and each delegated role that was looked
/// at on the way.
fn earliest_expiry(set: &TrustedMetadataSet) -> Option<Timestamp> {
    let mut earliest = set
        .root()
        .expires
        .min(set.timestamp()?.expires)
        .min(set.snapshot()?.expires);
    let mut seen = BTreeSet::new();
    let mut next = vec!["targets"];
    while let Some(role) = next.pop() {
        let Some(targets) = set.targets_role(role).filter(|_| seen.insert(role)) else {
            continue;
        };
        earliest = earliest.min(targets.expires);
        let delegated = targets.delegations.iter().flat_map(|of| &of.roles);
        next.extend(delegated.map(|role| role.name.as_str()));
    }
    seen.contains("targets").then_some(earliest)
}
