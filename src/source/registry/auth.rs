//! Tokens: got once, kept until shortly before they expire, shown to nobody but
//! the registry they are for.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_cache::sync::Cache;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode, Url};
use tokio::sync::Semaphore;

use super::answer::Answer;
use super::challenge::Challenge;
use super::flight::Flights;
use super::helper;
use super::http::{Ask, Http, Place, check_scheme};
use super::keychain::Provider;
use super::options::{HostOptions, Options};
use super::{Credential, Keychain, status_error};
use crate::oci::{Registry, Repository};
use crate::source::{Scope, SourceError};

/// Longest answer of a token service.
const MAX_ANSWER: u64 = 64 * 1024;
/// Longest token; a header beyond this is refused by common servers.
const MAX_TOKEN: usize = 16 * 1024;
/// Lifetime of a token whose service does not say, from the specification.
const DEFAULT_LIFETIME: u64 = 60;
/// How long the answer of a credential helper is kept.
const HELPER_LIFETIME: Duration = Duration::from_secs(300);
/// Tokens kept: one for each repository in use.
const MAX_GRANTS: usize = 2_000;
/// Answers of credential helpers kept: one for each registry in use.
const MAX_HELPED: usize = 256;

/// The value of an `Authorization` header, until it expires.
#[derive(Clone)]
pub(super) struct Grant {
    value: HeaderValue,
    until: Option<Instant>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant([redacted])")
    }
}

impl Grant {
    fn new(scheme: &str, secret: &str, until: Option<Instant>) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("{scheme} {secret}")).ok()?;
        value.set_sensitive(true);
        Some(Self { value, until })
    }

    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.value.clone()
    }
}

/// Everything about credentials. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Auth {
    inner: Arc<Inner>,
}

type HelperKey = (PathBuf, String);

/// What a credential helper answered: `None` that it has nothing.
#[derive(Debug, Clone)]
struct Helped {
    credential: Option<Credential>,
    until: Instant,
}

#[derive(Debug)]
struct Inner {
    http: Arc<Http>,
    hosts: std::collections::BTreeMap<Registry, HostOptions>,
    keychain: Keychain,
    budget: Duration,
    grants: Cache<Repository, Grant>,
    /// How each registry asks for credentials, learnt from its last 401.
    learnt: Cache<Registry, Challenge>,
    flights: Flights<(Repository, Challenge), Grant>,
    helped: Cache<HelperKey, Helped>,
    helping: Flights<HelperKey, Option<Credential>>,
    /// Places for helpers that run.
    running: Semaphore,
}

impl Auth {
    pub(super) fn new(http: Arc<Http>, options: &Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                http,
                hosts: options.hosts.clone(),
                keychain: options.keychain.clone(),
                budget: options.limits.token,
                grants: Cache::new(MAX_GRANTS),
                learnt: Cache::new(MAX_GRANTS),
                flights: Flights::default(),
                helped: Cache::new(MAX_HELPED),
                helping: Flights::default(),
                running: Semaphore::new(helper::RUNNING),
            }),
        }
    }

    pub(super) fn scope(&self, repository: &Repository) -> Scope {
        self.inner.provider(repository).scope(repository.registry())
    }

    /// What to send with a first request: a grant that is still fresh, or a
    /// new one if the registry is known to ask for it. Saves the round trip of
    /// being refused first.
    pub(super) async fn ready(
        &self,
        repository: &Repository,
        deadline: Instant,
    ) -> Result<Option<Grant>, SourceError> {
        if let Some(grant) = self.inner.fresh(repository) {
            return Ok(Some(grant));
        }
        let registry = repository.registry();
        let Some(learnt) = self.inner.learnt.get(registry) else {
            return Ok(None);
        };
        let result = self
            .get(
                repository,
                learnt.for_path(repository.path()),
                None,
                deadline,
            )
            .await;
        if result.is_err() {
            // The registry may have another token service by now.
            self.inner.learnt.remove(registry);
        }
        result.map(Some)
    }

    /// A new grant, after `refused` (or nothing) was answered with `challenge`.
    pub(super) async fn renew(
        &self,
        repository: &Repository,
        challenge: Challenge,
        refused: Option<&Grant>,
        deadline: Instant,
    ) -> Result<Grant, SourceError> {
        self.inner
            .learnt
            .insert(repository.registry().clone(), challenge.clone());
        self.get(repository, challenge, refused, deadline).await
    }

    async fn get(
        &self,
        repository: &Repository,
        challenge: Challenge,
        refused: Option<&Grant>,
        deadline: Instant,
    ) -> Result<Grant, SourceError> {
        let landed = || {
            let grant = self.inner.fresh(repository)?;
            // The one that was just refused is no help; one that somebody else
            // got meanwhile is.
            refused
                .is_none_or(|refused| refused.value != grant.value)
                .then_some(grant)
        };
        let work = || {
            let inner = Arc::clone(&self.inner);
            let (repository, challenge) = (repository.clone(), challenge.clone());
            async move {
                let budget = Instant::now() + inner.budget;
                let grant = inner.obtain(&repository, &challenge, budget).await?;
                inner.grants.insert(repository, grant.clone());
                Ok(grant)
            }
        };
        let key = (repository.clone(), challenge.clone());
        self.inner.flights.join(key, deadline, landed, work).await
    }
}

impl Inner {
    fn fresh(&self, repository: &Repository) -> Option<Grant> {
        self.grants.get(repository).filter(Grant::is_fresh)
    }

    fn provider(&self, repository: &Repository) -> Provider {
        let host = self.hosts.get(repository.registry());
        if let Some(credential) = host.and_then(|host| host.credentials.clone()) {
            return Provider::Fixed(credential);
        }
        host.and_then(|host| host.keychain.as_ref())
            .unwrap_or(&self.keychain)
            .provider(repository)
    }

    /// What a helper answered not long ago.
    fn helped(&self, key: &HelperKey) -> Option<Option<Credential>> {
        let helped = self.helped.get(key)?;
        (Instant::now() < helped.until).then_some(helped.credential)
    }

    async fn credential(
        self: &Arc<Self>,
        provider: &Provider,
        deadline: Instant,
    ) -> Result<Option<Credential>, SourceError> {
        let helper = match provider {
            Provider::Anonymous => return Ok(None),
            Provider::Fixed(credential) => return Ok(Some(credential.clone())),
            Provider::Helper(helper) => helper.clone(),
        };
        let key = (helper.program.clone(), helper.server.clone());
        if let Some(known) = self.helped(&key) {
            return Ok(known);
        }
        let landed = || self.helped(&key);
        let work = || {
            let (inner, key) = (Arc::clone(self), key.clone());
            async move {
                let credential = helper.get(&inner.running).await?;
                let helped = Helped {
                    credential: credential.clone(),
                    until: Instant::now() + HELPER_LIFETIME,
                };
                inner.helped.insert(key, helped);
                Ok(credential)
            }
        };
        self.helping.join(key.clone(), deadline, landed, work).await
    }

    async fn obtain(
        self: &Arc<Self>,
        repository: &Repository,
        challenge: &Challenge,
        deadline: Instant,
    ) -> Result<Grant, SourceError> {
        let registry = repository.registry();
        let provider = self.provider(repository);
        let credential = self.credential(&provider, deadline).await?;
        let denied = |why: &str| SourceError::Denied {
            detail: format!("{registry} {why}"),
        };
        let grant = match (challenge, &credential) {
            (_, Some(Credential::Token(token))) => Grant::new("Bearer", token.expose(), None),
            (Challenge::Basic, Some(Credential::Password { username, password })) => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                // A helper's password may change; it is asked again in time.
                let until = matches!(provider, Provider::Helper(_))
                    .then(|| Instant::now() + HELPER_LIFETIME);
                Grant::new("Basic", &pair, until)
            }
            (Challenge::Basic, _) => {
                return Err(denied(
                    "asks for a user name and password, and none is configured for it",
                ));
            }
            (
                Challenge::Bearer {
                    realm,
                    service,
                    scope,
                },
                _,
            ) => {
                let request = TokenRequest {
                    registry,
                    realm,
                    service: service.as_deref(),
                    scope: scope.as_deref(),
                    credential: credential.as_ref(),
                };
                let result = self.token(request, deadline).await;
                if let (Err(SourceError::Denied { .. }), Provider::Helper(helper)) =
                    (&result, &provider)
                {
                    let key = (helper.program.clone(), helper.server.clone());
                    self.helped.remove(&key);
                }
                return result;
            }
        };
        grant.ok_or_else(|| denied("has credentials configured that do not fit into a header"))
    }

    async fn token(
        &self,
        request: TokenRequest<'_>,
        deadline: Instant,
    ) -> Result<Grant, SourceError> {
        let registry = request.registry;
        self.check_realm(&request)?;
        let asked = Instant::now();
        let what = format!("a token for {registry}");
        let answer = self.http.send(request.ask(&what), deadline).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(status_error(&answer, registry, &what)),
            status if status.is_server_error() => {
                return Err(status_error(&answer, registry, &what));
            }
            status => {
                return Err(SourceError::Denied {
                    detail: format!(
                        "the token service of {registry} refuses a token ({})",
                        status.as_u16()
                    ),
                });
            }
        }
        read_token(&answer, registry, asked)
    }

    /// Credentials go to the registry's own host, to a realm host that was
    /// configured, or to the one that everybody knows belongs to it; requests
    /// without credentials go wherever addresses allow.
    fn check_realm(&self, request: &TokenRequest<'_>) -> Result<(), SourceError> {
        let (registry, realm) = (request.registry, request.realm);
        let refused = |why: &str| SourceError::RedirectRefused {
            detail: format!("{registry} sends for a token {why}"),
        };
        let endpoint = self.http.endpoint(registry, "/")?;
        check_scheme(&endpoint, realm).map_err(|why| refused(&why))?;
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err(refused("to a URL with a user name in it"));
        }
        if request.credential.is_none() || self.http.place(registry, realm) == Place::Own {
            return Ok(());
        }
        let host = realm.host_str().unwrap_or_default();
        let configured = self.hosts.get(registry).is_some_and(|options| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            options
                .realm_hosts
                .iter()
                .any(|name| name.eq_ignore_ascii_case(bare))
        });
        let well_known = matches!(
            (registry.as_str(), host),
            ("docker.io", "auth.docker.io") | ("registry.gitlab.com", "gitlab.com")
        );
        if configured || well_known {
            return Ok(());
        }
        Err(refused(&format!(
            "to {host}, which its credentials may not be sent to; \
             if that is meant, list it among the registry's realm hosts"
        )))
    }
}

#[derive(Clone, Copy)]
struct TokenRequest<'a> {
    registry: &'a Registry,
    realm: &'a Url,
    service: Option<&'a str>,
    scope: Option<&'a str>,
    credential: Option<&'a Credential>,
}

impl<'a> TokenRequest<'a> {
    /// A GET with basic authentication, or for a refresh token the form post
    /// of OAuth 2. No redirects: they would carry the credentials on.
    fn ask(self, what: &'a str) -> Ask<'a> {
        let parameters = [("service", self.service), ("scope", self.scope)];
        let parameters = parameters
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        let mut url = self.realm.clone();
        let mut ask = match self.credential {
            Some(Credential::Identity(token)) => {
                let mut form = Url::parse("form:").unwrap_or_else(|_| url.clone());
                form.query_pairs_mut()
                    .extend_pairs(parameters)
                    .append_pair("client_id", "floe")
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("refresh_token", token.expose());
                let mut ask = Ask::get(self.registry, url, what);
                ask.method = Method::POST;
                ask.form = form.query().map(str::to_owned);
                ask
            }
            Some(Credential::Password { username, password }) => {
                url.query_pairs_mut().extend_pairs(parameters);
                let mut ask = Ask::get(self.registry, url, what);
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                ask.authorization = Grant::new("Basic", &pair, None).map(|grant| grant.header());
                ask
            }
            Some(Credential::Token(_)) | None => {
                url.query_pairs_mut().extend_pairs(parameters);
                Ask::get(self.registry, url, what)
            }
        };
        ask.accept = "application/json";
        ask.limit = MAX_ANSWER;
        ask.hops = 0;
        ask
    }
}

#[derive(serde::Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

fn read_token(answer: &Answer, registry: &Registry, asked: Instant) -> Result<Grant, SourceError> {
    let malformed = |why: &str| SourceError::Malformed {
        detail: format!("the token service of {registry} answers with {why}"),
    };
    // The parser's own words may quote the token.
    let token: Token = serde_json::from_slice(&answer.body)
        .map_err(|_| malformed("something else than a token"))?;
    let secret = token
        .token
        .or(token.access_token)
        .filter(|token| !token.is_empty())
        .ok_or_else(|| malformed("no token in it"))?;
    if secret.len() > MAX_TOKEN {
        return Err(malformed("a token that is too long"));
    }
    // Counted from our own clock before the request: the service's `issued_at`
    // is another machine's clock. A fifth, at most 15 s, is left for the
    // request that uses it.
    let lifetime = token
        .expires_in
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map_or(DEFAULT_LIFETIME, |seconds| seconds.min(86_400.0) as u64);
    let lifetime = Duration::from_secs(lifetime);
    let margin = (lifetime / 5).min(Duration::from_secs(15));
    Grant::new("Bearer", &secret, Some(asked + lifetime - margin))
        .ok_or_else(|| malformed("a token that does not fit into a header"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::registry::Secret;

    #[test]
    fn credentials_go_to_the_registry_itself_or_to_its_well_known_realm() {
        let options = Options::default();
        let http = Arc::new(Http::new(&options).expect("a client"));
        let auth = Auth::new(http, &options);
        let credential = Credential::Identity(Secret::new("canary"));
        let sent = |registry: &str, realm: &str| {
            let (registry, realm) = (registry.parse(), realm.parse());
            let request = TokenRequest {
                registry: &registry.expect("a host"),
                realm: &realm.expect("a URL"),
                service: None,
                scope: None,
                credential: Some(&credential),
            };
            auth.inner.check_realm(&request).is_ok()
        };
        for (registry, realm, expected) in [
            ("docker.io", "https://auth.docker.io/token", true),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("r.example", "https://r.example/token", true),
            ("r.example:5000", "https://r.example/token", true),
            ("r.example", "https://auth.docker.io/token", false),
            ("docker.io", "https://gitlab.com/jwt/auth", false),
            ("docker.io", "https://auth.docker.io.evil.example/t", false),
            ("docker.io", "http://auth.docker.io/token", false),
            ("r.example", "https://auth.r.example/token", false),
            ("r.example", "https://u@r.example/token", false),
        ] {
            assert_eq!(sent(registry, realm), expected, "{registry} {realm}");
        }
    }
}
