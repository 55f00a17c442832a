//! What a registry client is told when it is made.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Credential, Keychain};
use crate::oci::Registry;

/// How to talk to registries.
///
/// The default is that of a service in a cluster: TLS everywhere, loopback
/// refused unless it is configured, no credentials.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings of single registries.
    pub hosts: BTreeMap<Registry, HostOptions>,
    /// Credentials of registries that have none in `hosts`.
    pub keychain: Keychain,
    /// What to do with registries on this very machine.
    pub loopback: Loopback,
    /// The certificate authorities of registries that have no `ca` of their
    /// own.
    pub roots: Roots,
    /// Bounds and timeouts.
    pub limits: Limits,
    /// Addresses of host names that are not to be looked up, as in a hosts
    /// file. The rules on addresses hold for them too.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
}

impl Options {
    /// The defaults of a command line: registries on loopback are allowed, over
    /// plain HTTP.
    pub fn command_line() -> Self {
        Self {
            loopback: Loopback::PlainHttp,
            ..Self::default()
        }
    }
}

/// Settings of one registry.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// Certificate authorities in PEM. If given, the registry's certificate
    /// must come from one of them; the common roots do not count for it.
    pub ca: Option<Vec<u8>>,
    /// Plain HTTP instead of HTTPS: whoever is on the way can read credentials
    /// and withhold evidence, though not forge it.
    pub insecure_http: bool,
    /// Credentials. They come before those of any keychain.
    pub credentials: Option<Credential>,
    /// The keychain of this registry, in place of the common one.
    pub keychain: Option<Keychain>,
    /// Hosts (without port) of token services that this registry's credentials
    /// may be sent to, besides its own. They may be on private addresses.
    pub realm_hosts: Vec<String>,
    /// Hosts (without port) on private addresses that this registry may
    /// redirect to, such as the object store behind it. Never given
    /// credentials.
    pub redirect_hosts: Vec<String>,
}

/// What to do with a registry on a loopback address. Loopback is this process's
/// own machine, which is not the node that pulls the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loopback {
    /// Refused, like link-local addresses, unless listed in
    /// [`Options::hosts`] by name. For services.
    #[default]
    Configured,
    /// Allowed, and over plain HTTP unless [`HostOptions::ca`] is given. For
    /// people at their own machine.
    PlainHttp,
}

/// The certificate authorities that registries' certificates must come from.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// Those of the operating system (or of `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`), as they are when the client is made. None at all is no
    /// error: then every TLS connection fails that has no `ca` configured.
    #[default]
    System,
    /// These, in PEM.
    Only(Vec<u8>),
}

/// Bounds and timeouts of a client.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest manifest or referrers page, in bytes. Registries must accept 4
    /// MiB, and none that matters accepts more.
    pub manifest: u64,
    /// Pages of one referrers listing.
    pub pages: usize,
    /// How often one request is made at most, when the answers are such that
    /// asking again can help.
    pub attempts: u32,
    /// Time to make one connection, TLS included.
    pub connect: Duration,
    /// Time to get a token, credential helper included. The work goes on for
    /// others when the first caller leaves.
    pub token: Duration,
    /// Idle connections kept for each host.
    pub idle_connections: usize,
    /// How long an idle connection is kept. Below the 60 s after which common
    /// load balancers close theirs.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 * 1024 * 1024,
            pages: 32,
            attempts: 3,
            connect: Duration::from_secs(5),
            token: Duration::from_secs(10),
            idle_connections: 32,
            idle: Duration::from_secs(50),
        }
    }
}

/// Why a client cannot be made from its options.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The PEM of a registry's certificate authorities has none.
    #[error("the certificate authorities of {registry} are not readable PEM certificates")]
    Ca {
        /// The registry.
        registry: Registry,
    },
    /// The PEM of the common certificate authorities has none.
    #[error("the certificate authorities for registries are not readable PEM certificates")]
    Roots,
    /// The HTTP client refused its settings.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
    /// The TLS library refused its settings.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
}
