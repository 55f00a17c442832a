//! Asking the mirror, in the background.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sigstore_tuf::HttpRepository;

use super::cache::Cached;
use super::{RefreshError, TufError, TufOptions, TufRoot};

/// Time to connect to a mirror.
const CONNECT: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles up to the usual interval.
const RETRY: Duration = Duration::from_secs(15);
/// Between two attempts before metadata expires, however soon that is.
const BEFORE_EXPIRY: Duration = Duration::from_secs(10);

/// The clock. Tests give their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a [`Refresher`] tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The root is another one than before, or can be used again.
    Changed,
    /// The repository was found in order, and the root is the same.
    Same,
    /// The refresh failed; what was verified before serves on until it expires.
    Failed(RefreshError),
    /// The root cannot be used any more until a refresh succeeds.
    Expired,
    /// What was verified cannot be kept for the next start.
    NotKept(String),
}

/// Keeps one root fresh. The only thing here that opens a socket.
pub struct Refresher {
    root: Arc<TufRoot>,
    mirror: HttpRepository,
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refresher({})", self.root.name)
    }
}

impl Refresher {
    /// Prepares to ask the mirror of `root`.
    ///
    /// # Errors
    ///
    /// The URL or the certificate authorities of the mirror cannot be used.
    pub fn new(root: Arc<TufRoot>) -> Result<Self, TufError> {
        let options = &root.options;
        let url = mirror(&options.mirror, options.insecure_http)?;
        let mirror = HttpRepository::new(url.as_str())
            .map_err(|_| TufError::Mirror)?
            .with_http_client(client(options)?);
        Ok(Self { root, mirror })
    }

    /// Its root.
    pub const fn root(&self) -> &Arc<TufRoot> {
        &self.root
    }

    /// Asks once, and says whether the root is another one now or can be used
    /// again. What was verified goes to the cache.
    ///
    /// # Errors
    ///
    /// Why there is nothing newer. What was verified before serves on until it
    /// expires.
    pub async fn refresh(&self, now: Timestamp) -> Result<bool, RefreshError> {
        let (outcome, _) = self.ask(now).await;
        outcome
    }

    /// Asks again and again. Ends never; drop it to stop.
    pub async fn run(self, clock: Clock, told: impl Fn(Told) + Send) {
        let mut failures = 0;
        let mut wait = Duration::ZERO;
        loop {
            let expires = self.root.age().expires;
            let left = expires.map(|at| between(clock(), at));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // Only where it is still ahead: an expiry is told once.
                () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some_and(|left| !left.is_zero() && left <= wait) => {
                    wait = wait.saturating_sub(left.unwrap_or_default());
                    told(Told::Expired);
                    continue;
                }
            }
            let (outcome, kept) = self.ask(clock()).await;
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            told(match outcome {
                Ok(true) => Told::Changed,
                Ok(false) => Told::Same,
                Err(error) => Told::Failed(error),
            });
            if let Err(why) = kept {
                told(Told::NotKept(why));
            }
            let left = self.root.age().expires.map(|at| between(clock(), at));
            wait = jittered(next(self.root.options.refresh_every, left, failures));
        }
    }

    async fn ask(&self, now: Timestamp) -> (Result<bool, RefreshError>, Result<(), String>) {
        let root = &self.root;
        let timeout = root.options.timeout;
        let asked = root.verified(self.mirror.clone(), Arc::clone(&root.store), now);
        let outcome = match tokio::time::timeout(timeout, asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RefreshError::TooSlow(timeout)),
        };
        let outcome = root.take(outcome, now);
        let cached = {
            let mut state = root.state();
            let seen = root.store.files();
            if outcome.is_ok() {
                state.kept.clone_from(&seen);
            }
            Cached {
                good: state.kept.clone(),
                seen,
                refreshed: state.refreshed,
            }
        };
        let of = Arc::clone(root);
        let kept = match tokio::task::spawn_blocking(move || of.cache.write(&cached)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!(
                "{} cannot be written: {}",
                root.options.cache.display(),
                error.kind()
            )),
            Err(_) => Err("writing the cache failed".to_owned()),
        };
        (outcome, kept)
    }
}

/// The URL of a mirror.
fn mirror(written: &str, insecure_http: bool) -> Result<Url, TufError> {
    let url = Url::parse(written).map_err(|_| TufError::Mirror)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    match url.scheme() {
        "https" if plain => Ok(url),
        "http" if plain && insecure_http => Ok(url),
        "http" if plain => Err(TufError::PlainHttp),
        _ => Err(TufError::Mirror),
    }
}

fn client(options: &TufOptions) -> Result<reqwest::Client, TufError> {
    let mut roots = RootCertStore::empty();
    match &options.ca {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map(|certificate| roots.add(certificate));
                if !matches!(added, Ok(Ok(()))) {
                    return Err(TufError::Ca);
                }
            }
            if roots.is_empty() {
                return Err(TufError::Ca);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TufError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A mirror is where the configuration says, and nowhere else.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("floe/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT.min(options.timeout))
        .pool_idle_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
        .build()
        .map_err(|error| TufError::Client(error.without_url().to_string()))
}

/// The time from `now` to `then`; none where it has passed.
fn between(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// How long to wait before the next attempt: the interval, sooner after
/// failures, and so that metadata does not expire without an attempt.
fn next(every: Duration, left: Option<Duration>, failures: u32) -> Duration {
    let usual = match failures.checked_sub(1) {
        None => every,
        Some(doublings) => RETRY.saturating_mul(1 << doublings.min(16)).min(every),
    };
    match left {
        Some(left) if !left.is_zero() => usual.min((left / 2).max(BEFORE_EXPIRY)),
        _ => usual,
    }
}

/// A tenth more or less, so that replicas do not all ask at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}
