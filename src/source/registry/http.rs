//! One request: sent, redirected within limits, read within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION,
};
use reqwest::{Client, Method, Response, Url};

use super::address::{AddressRefused, CheckedResolver, Lookups, Rule};
use super::answer::{Answer, drain};
use super::options::{HostOptions, Limits, Loopback, Options, RegistryError};
use super::tls;
use crate::oci::Registry;
use crate::source::SourceError;

/// Redirects followed for one request.
const MAX_HOPS: usize = 5;
/// The HTTP clients: one a rule on addresses, and one for each registry with
/// certificate authorities of its own. They are apart because a pooled
/// connection is used again without a new look at its address.
#[derive(Debug)]
pub(super) struct Http {
    /// Registries themselves, where the configuration names them.
    home: Client,
    home_rule: Rule,
    /// Registries that it does not name: another port of a machine that it
    /// names is another registry.
    stranger: Client,
    stranger_rule: Rule,
    /// Where registries lead.
    elsewhere: Client,
    /// Registries with their own certificate authorities.
    own: BTreeMap<Registry, Client>,
    /// Hosts that were configured as somebody's realm or redirect target.
    named: Client,
    hosts: Arc<BTreeMap<Registry, HostOptions>>,
    loopback: Loopback,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    /// Whose business it is: rules on where it may lead are this registry's.
    pub(super) registry: &'a Registry,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'static str,
    pub(super) authorization: Option<HeaderValue>,
    /// Body of a form; makes the request a form post.
    pub(super) form: Option<String>,
    /// Longest body, in bytes.
    pub(super) limit: u64,
    /// Redirects followed; none for requests that carry credentials in them.
    pub(super) hops: usize,
    /// What is asked for, in words.
    pub(super) what: &'a str,
}

impl<'a> Ask<'a> {
    pub(super) fn get(registry: &'a Registry, url: Url, what: &'a str) -> Self {
        Self {
            registry,
            method: Method::GET,
            url,
            accept: "*/*",
            authorization: None,
            form: None,
            limit: 0,
            hops: MAX_HOPS,
            what,
        }
    }
}

/// How a target stands to the registry whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The registry's own host, or this machine where the registry is on it.
    Own,
    /// A host that the registry's configuration names.
    Named,
    /// Any other.
    Elsewhere,
}

impl Http {
    pub(super) fn new(options: &Options) -> Result<Self, RegistryError> {
        let fixed = Arc::new(options.addresses.clone());
        let lookups = Lookups::new();
        let home_rule = match options.loopback {
            Loopback::PlainHttp => Rule::Anywhere,
            Loopback::Configured => {
                let mut names: BTreeSet<String> =
                    options.hosts.keys().map(|r| r.host().to_owned()).collect();
                if options.hosts.keys().any(Registry::is_loopback) {
                    names.insert("localhost".into());
                }
                Rule::NotHere(Arc::new(names))
            }
        };
        let stranger_rule = match options.loopback {
            Loopback::PlainHttp => Rule::Anywhere,
            Loopback::Configured => Rule::NotHere(Arc::default()),
        };
        let common = tls::config(&tls::roots(&options.roots)?)?;
        let client = |rule: &Rule, tls: &rustls::ClientConfig| {
            let resolver = CheckedResolver {
                rule: rule.clone(),
                fixed: Arc::clone(&fixed),
                lookups: lookups.clone(),
            };
            client(&options.limits, resolver, tls.clone())
        };
        let mut own = BTreeMap::new();
        for (registry, host) in &options.hosts {
            if let Some(pem) = &host.ca {
                let roots = tls::parse(pem).ok_or_else(|| RegistryError::Ca {
                    registry: registry.clone(),
                })?;
                own.insert(registry.clone(), client(&home_rule, &tls::config(&roots)?)?);
            }
        }
        Ok(Self {
            home: client(&home_rule, &common)?,
            stranger: client(&stranger_rule, &common)?,
            stranger_rule,
            elsewhere: client(&Rule::PublicOnly, &common)?,
            named: client(&Rule::Anywhere, &common)?,
            own,
            home_rule,
            hosts: Arc::new(options.hosts.clone()),
            loopback: options.loopback,
        })
    }

    /// The URL of `path` at the registry's own endpoint.
    pub(super) fn endpoint(&self, registry: &Registry, path: &str) -> Result<Url, SourceError> {
        // Docker Hub's API is not at the host that its images are named after.
        let host = if registry.is_docker_hub() {
            "registry-1.docker.io"
        } else {
            registry.as_str()
        };
        let scheme = if self.is_plain(registry) {
            "http"
        } else {
            "https"
        };
        // Without a port the default one of the scheme is meant: 443 or 80.
        Url::parse(&format!("{scheme}://{host}{path}")).map_err(|_| SourceError::NotPermitted {
            detail: format!("{registry} is not a host that can be asked"),
        })
    }

    fn is_plain(&self, registry: &Registry) -> bool {
        let host = self.hosts.get(registry);
        let plain = host.is_some_and(|host| host.insecure_http);
        let own_ca = host.is_some_and(|host| host.ca.is_some());
        plain || (self.loopback == Loopback::PlainHttp && registry.is_loopback() && !own_ca)
    }

    pub(super) fn place(&self, registry: &Registry, url: &Url) -> Place {
        let Some(host) = url.host_str() else {
            return Place::Elsewhere;
        };
        let own = self
            .endpoint(registry, "/")
            .is_ok_and(|own| own.host_str() == Some(host));
        if own || (registry.is_loopback() && is_loopback(host)) {
            return Place::Own;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let named = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(bare));
        match self.hosts.get(registry) {
            Some(host) if named(&host.realm_hosts) || named(&host.redirect_hosts) => Place::Named,
            _ => Place::Elsewhere,
        }
    }

    /// Sends `ask` and reads the answer.
    ///
    /// # Errors
    ///
    /// An obstacle, [`SourceError::TooLarge`] among them. A status is none:
    /// what it means depends on what was asked.
    pub(super) async fn send(
        &self,
        ask: Ask<'_>,
        deadline: Instant,
    ) -> Result<Answer, SourceError> {
        let registry = ask.registry;
        let what = ask.what;
        tokio::time::timeout_at(deadline.into(), self.follow(ask))
            .await
            .unwrap_or_else(|_| {
                Err(SourceError::TimedOut {
                    detail: format!("{registry} did not answer in time for {what}"),
                })
            })
    }

    async fn follow(&self, ask: Ask<'_>) -> Result<Answer, SourceError> {
        let origin = ask.url.origin();
        let mut url = ask.url.clone();
        for _ in 0..=ask.hops {
            let place = self.place(ask.registry, &url);
            let client = self.client(ask.registry, &url, place)?;
            let mut request = client
                .request(ask.method.clone(), url.clone())
                .header(ACCEPT, ask.accept)
                .header(ACCEPT_ENCODING, "identity");
            if url.origin() == origin
                && let Some(value) = &ask.authorization
            {
                request = request.header(AUTHORIZATION, value.clone());
            }
            if let Some(form) = &ask.form {
                request = request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.clone());
            }
            let response = request
                .send()
                .await
                .map_err(|error| broken(error, ask.registry, &url, place))?;
            let Some(target) = redirection(&response) else {
                return Answer::read(response, url, place, &ask).await;
            };
            drain(response).await;
            url = Self::next(ask.registry, &url, target.as_deref())?;
        }
        Err(SourceError::RedirectRefused {
            detail: format!(
                "{} redirects {} more than {} times",
                ask.registry, ask.what, ask.hops
            ),
        })
    }

    /// Where a redirect leads, if it may lead there at all.
    fn next(registry: &Registry, from: &Url, to: Option<&str>) -> Result<Url, SourceError> {
        let refused = |why: &str| SourceError::RedirectRefused {
            detail: format!("{registry} redirects {why}"),
        };
        let to = to
            .and_then(|to| from.join(to).ok())
            .ok_or_else(|| refused("to something that is not a URL"))?;
        if !to.username().is_empty() || to.password().is_some() {
            return Err(refused("to a URL with a user name in it"));
        }
        check_scheme(from, &to).map_err(|why| refused(&why))?;
        Ok(to)
    }

    /// The client for a request to `url`, checked as far as that can be done
    /// before a name is resolved.
    fn client(&self, registry: &Registry, url: &Url, place: Place) -> Result<&Client, SourceError> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let (client, rule) = match place {
            Place::Own if !self.hosts.contains_key(registry) => {
                (&self.stranger, &self.stranger_rule)
            }
            Place::Own => (
                self.own.get(registry).unwrap_or(&self.home),
                &self.home_rule,
            ),
            Place::Named => (
                // A realm or store that is configured as a host itself brings
                // its own certificate authorities.
                self.own
                    .iter()
                    .find(|(other, _)| other.host() == bare)
                    .map_or(&self.named, |(_, client)| client),
                &Rule::Anywhere,
            ),
            Place::Elsewhere => (&self.elsewhere, &Rule::PublicOnly),
        };
        let literal = bare.parse::<IpAddr>();
        // Another port of this machine is another service than the one that was
        // configured.
        let unknown = place == Place::Own && !self.hosts.contains_key(registry);
        let here = is_loopback(host)
            && matches!(rule, Rule::NotHere(names) if unknown || !names.contains(bare));
        if here || literal.is_ok_and(|address| !rule.allows(bare, address)) {
            return Err(refused_address(registry, host, place));
        }
        Ok(client)
    }
}

/// Whether `host`, as it stands in a URL, is this machine by its very name.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// HTTP and HTTPS, and never from HTTPS to HTTP.
pub(super) fn check_scheme(from: &Url, to: &Url) -> Result<(), String> {
    let host = to.host_str().unwrap_or("nowhere");
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(()),
        (_, "http") => Err(format!("from HTTPS to plain HTTP at {host}")),
        _ => Err(format!("to {host} with another protocol than HTTP")),
    }
}

fn refused_address(registry: &Registry, host: &str, place: Place) -> SourceError {
    if place != Place::Own {
        SourceError::RedirectRefused {
            detail: format!(
                "{registry} leads to {host}, which is not on a public address; \
                 if that is meant, list it among the registry's realm or redirect hosts"
            ),
        }
    } else {
        SourceError::NotPermitted {
            detail: format!(
                "{registry} is on a loopback or link-local address; \
                 if that is meant, name it under `registries` in the settings"
            ),
        }
    }
}

/// What a failed request was, without the URL: it may carry a token.
pub(super) fn broken(
    error: reqwest::Error,
    registry: &Registry,
    url: &Url,
    place: Place,
) -> SourceError {
    let host = url.host_str().unwrap_or_default();
    let named = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut deepest = String::new();
    while let Some(inner) = cause {
        if inner.is::<AddressRefused>() {
            return refused_address(registry, host, place);
        }
        deepest = inner.to_string();
        cause = inner.source();
    }
    let deepest: String = deepest.chars().take(200).collect();
    let verb = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off the connection"
    };
    SourceError::Unreachable {
        detail: if deepest.is_empty() {
            format!("{named} {verb}")
        } else {
            format!("{named} {verb}: {deepest}")
        },
    }
}

/// `Some` if the answer is a redirect, with its target if it has a readable
/// one.
fn redirection(response: &Response) -> Option<Option<String>> {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308).then(|| {
        let location = response.headers().get(LOCATION)?;
        location.to_str().ok().map(str::to_owned)
    })
}

fn client(
    limits: &Limits,
    resolver: CheckedResolver,
    tls: rustls::ClientConfig,
) -> Result<Client, RegistryError> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(resolver))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // A proxy would resolve names itself, behind the rules on addresses.
        .no_proxy()
        .user_agent(concat!("floe/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .pool_max_idle_per_host(limits.idle_connections)
        .pool_idle_timeout(limits.idle)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .http2_max_header_list_size(64 * 1024)
        .build()
        .map_err(RegistryError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_is_asked_at_its_own_endpoint() {
        let plain = HostOptions {
            insecure_http: true,
            ..HostOptions::default()
        };
        let mut options = Options::command_line();
        let configured = "plain.example:5000".parse().expect("a host");
        options.hosts.insert(configured, plain);
        let endpoint = |options: &Options, host: &str| {
            let http = Http::new(options).expect("a client");
            let host = host.parse().expect("a host");
            http.endpoint(&host, "/v2/").expect("a URL").to_string()
        };
        for (host, expected) in [
            ("docker.io", "https://registry-1.docker.io/v2/"),
            ("ghcr.io", "https://ghcr.io/v2/"),
            ("r.example:8443", "https://r.example:8443/v2/"),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000/v2/"),
            ("plain.example:5000", "http://plain.example:5000/v2/"),
            ("plain.example", "https://plain.example/v2/"),
            ("localhost:5000", "http://localhost:5000/v2/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/"),
        ] {
            assert_eq!(endpoint(&options, host), expected);
        }
        // A service does not lower its guard for loopback.
        let service = endpoint(&Options::default(), "localhost:5000");
        assert_eq!(service, "https://localhost:5000/v2/");
    }
}
