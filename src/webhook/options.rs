//! What a server is told, and why it may not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::certificate::CertificateError;
use crate::admission::PolicyState;
use crate::config::Settings;
use crate::telemetry::{Metrics, RecordFormat, SinkHandle};

/// Gives the policies whenever they have changed, else `None`. Called at once
/// when the server starts and then at each [`ServeOptions::poll`], on a thread
/// where it may block; compare content, not times.
pub type PolicyPoll = Box<dyn FnMut() -> Option<PolicyState> + Send>;

/// Where the serving certificate comes from.
#[derive(Debug, Clone)]
pub enum ServingCertificate {
    /// PEM files, read again at each poll and taken into use when their content
    /// has changed.
    Files {
        /// Certificate chain, leaf first.
        chain: PathBuf,
        /// Private key.
        key: PathBuf,
    },
    /// Made at start for these DNS names and addresses, with an authority of
    /// its own that nobody keeps the key of.
    SelfSigned {
        /// Names that callers use.
        names: Vec<String>,
        /// Where to write the PEM of the authority, for `caBundle`.
        ca_out: Option<PathBuf>,
    },
}

/// Everything a server is told.
pub struct ServeOptions {
    /// Address of the HTTPS port; port 0 picks one.
    pub listen: SocketAddr,
    /// Address of a plain HTTP port for `/metrics`, `/healthz` and `/readyz`.
    pub metrics_listen: Option<SocketAddr>,
    /// The serving certificate.
    pub certificate: ServingCertificate,
    /// PEM certificates of the authority whose client certificates `/validate`
    /// requires.
    pub client_ca: Option<PathBuf>,
    /// The policies.
    pub policies: PolicyPoll,
    /// How often files are looked at again.
    pub poll: Duration,
    /// Looks at the policies again at once.
    pub wake: Arc<Notify>,
    /// Longest time for one review; the request's own timeout counts where it
    /// is shorter.
    pub review_timeout: Duration,
    /// Time to receive a body.
    pub body_timeout: Duration,
    /// Most bytes of a body.
    pub body_bytes: usize,
    /// Most bytes of bodies over 64 KiB that are held at the same time, at least
    /// one whole body; more are answered with 503.
    pub large_bodies: usize,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time to receive the head of a request, from the end of the one before.
    pub header_timeout: Duration,
    /// Most reviews at the same time that are being received or answered from
    /// what is known; more are answered with 503. One address may be sending at
    /// most a quarter of them.
    pub concurrent_reviews: usize,
    /// Most reviews at the same time that wait for a registry; more are denied
    /// at once, as inconclusive.
    pub waiting_reviews: usize,
    /// Most connections at the same time; more wait to be accepted. One address
    /// has at most a quarter of them; more from there are closed.
    pub connections: usize,
    /// When asked to stop: how long to go on accepting while `/readyz` already
    /// fails, so that nobody is sent to a closed port.
    pub linger: Duration,
    /// When asked to stop: how long to let what is under way finish.
    pub drain: Duration,
    /// Where records of reviews go; nowhere without it.
    pub records: Option<(SinkHandle, RecordFormat)>,
    /// Where events are counted.
    pub metrics: Arc<Metrics>,
}

impl ServeOptions {
    /// Options with the bounds that suit a cluster.
    pub fn new(listen: SocketAddr, certificate: ServingCertificate, policies: PolicyPoll) -> Self {
        let defaults = Settings::default();
        Self {
            listen,
            metrics_listen: None,
            certificate,
            client_ca: None,
            policies,
            poll: defaults.poll,
            wake: Arc::default(),
            review_timeout: defaults.review_timeout,
            body_timeout: Duration::from_secs(5),
            body_bytes: defaults.body_bytes,
            large_bodies: 256 << 20,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(60),
            concurrent_reviews: defaults.concurrent_reviews,
            waiting_reviews: defaults.waiting_reviews,
            connections: defaults.connections,
            linger: Duration::from_secs(2),
            drain: defaults.drain,
            records: None,
            metrics: Arc::new(Metrics::default()),
        }
    }
}

impl ServeOptions {
    /// Options as a settings file has them. Without certificate files in it, a
    /// certificate is made for `names`, and its authority written to `ca_out`.
    pub fn from_settings(
        settings: &Settings,
        names: Vec<String>,
        ca_out: Option<PathBuf>,
        policies: PolicyPoll,
    ) -> Self {
        // Taken apart, so that a new setting cannot be read, checked and then
        // forgotten here.
        let Settings {
            listen,
            metrics_listen,
            tls,
            review_timeout,
            body_bytes,
            concurrent_reviews,
            waiting_reviews,
            connections,
            drain,
            poll,
            policies: _,
            no_match: _,
            channels: _,
            registries: _,
            mirrors: _,
            signatures: _,
            trust_roots: _,
            kinds: _,
            log_format: _,
            log_file: _,
        } = settings;
        let certificate = match &tls.certificate {
            Some((chain, key)) => ServingCertificate::Files {
                chain: chain.clone(),
                key: key.clone(),
            },
            None => ServingCertificate::SelfSigned { names, ca_out },
        };
        Self {
            metrics_listen: *metrics_listen,
            client_ca: tls.client_ca.clone(),
            review_timeout: *review_timeout,
            body_bytes: *body_bytes,
            concurrent_reviews: *concurrent_reviews,
            waiting_reviews: *waiting_reviews,
            connections: *connections,
            drain: *drain,
            poll: *poll,
            ..Self::new(*listen, certificate, policies)
        }
    }
}

impl std::fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServeOptions")
            .field("listen", &self.listen)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The serving certificate or the client authority cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
