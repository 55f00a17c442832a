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
        let mut failures = 0_u32;
        let mut wait = Duration::ZERO;
        let mut expired = false;
        loop {
            let left = self.left(&clock).filter(|left| !expired && *left <= wait);
            tokio::time::sleep(left.unwrap_or(wait)).await;
            if let Some(left) = left {
                wait -= left;
                expired = true;
                told(Told::Expired);
                continue;
            }
            let (outcome, kept) = self.ask(clock()).await;
            if outcome.is_ok() {
                failures = 0;
                expired = false;
            } else {
                failures = failures.saturating_add(1);
            }
            told(match outcome {
                Ok(true) => Told::Changed,
                Ok(false) => Told::Same,
                Err(error) => Told::Failed(error),
            });
            if let Err(why) = kept {
                told(Told::NotKept(why));
            }
            let every = self.root.options.refresh_every;
            wait = jittered(next(every, self.left(&clock), failures));
        }
    }

    /// The time until the root expires, zero once it has; `None` without one.
    fn left(&self, clock: &Clock) -> Option<Duration> {
        let expires = self.root.age().expires?;
        Some(Duration::try_from(expires.duration_since(clock())).unwrap_or_default())
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

/// How long to wait before the next attempt: the interval, sooner after
/// failures, and so that metadata does not expire without an attempt. Without
/// `left` there is nothing that could expire.
fn next(every: Duration, left: Option<Duration>, failures: u32) -> Duration {
    let usual = match failures.checked_sub(1) {
        None => every,
        Some(doublings) => RETRY.saturating_mul(1 << doublings.min(16)).min(every),
    };
    match left {
        Some(left) => usual.min((left / 2).max(BEFORE_EXPIRY)),
        None => usual,
    }
}

/// A tenth more or less, so that replicas do not all ask at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_expiry_bring_the_next_attempt_nearer() {
        let hour = Duration::from_secs(3600);
        let week = Some(hour * 24 * 7);
        assert_eq!(next(hour, week, 0), hour);
        assert_eq!(next(hour, None, 0), hour);
        assert_eq!(next(hour, week, 1), RETRY);
        assert_eq!(next(hour, week, 3), RETRY * 4);
        assert_eq!(next(hour, week, u32::MAX), hour);
        // Half of what is left, and never as fast as it goes.
        assert_eq!(next(hour, Some(hour), 0), hour / 2);
        assert_eq!(next(hour, Some(Duration::from_secs(1)), 0), BEFORE_EXPIRY);
        assert_eq!(next(hour, Some(Duration::ZERO), 0), BEFORE_EXPIRY);
        // Who asks more often anyway, does.
        let second = Duration::from_secs(1);
        assert_eq!(next(second, Some(Duration::ZERO), 7), second);
    }
}
