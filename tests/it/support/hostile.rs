//! A registry inside the test process that serves what was pushed into it,
//! counts what it is asked, and misbehaves where it is told to.
//!
//! ```ignore
//! let registry = Hostile::start().await;
//! let digest = registry.push_manifest("app", Some("v1"), IMAGE, bytes);
//! registry.behave("/blobs/", Behaviour::Hang);
//! let image = registry.pinned("app", digest);       // 127.0.0.1:PORT/app@…
//! // … ask something …
//! assert_eq!(registry.count("/manifests/"), 1);
//! ```

mod behaviour;
mod truth;

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use floe::oci::{Digest, PinnedReference, Repository};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use behaviour::Behaviour;
pub(crate) use truth::{entry, index};

use behaviour::misbehave;
use truth::truth;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How the registry wants to be asked.
#[derive(Debug, Clone, Default)]
pub(crate) enum Auth {
    /// Anybody may read.
    #[default]
    Open,
    /// User name and password.
    Basic(&'static str, &'static str),
    /// A token of this service.
    Token(TokenService),
}

/// The token service that every [`Hostile`] has at `/token`.
#[derive(Debug, Clone)]
pub(crate) struct TokenService {
    /// URL of the service; `None`: this registry's own.
    pub(crate) realm: Option<String>,
    /// Who gets a token; `None`: anybody.
    pub(crate) user: Option<(&'static str, &'static str)>,
    /// The refresh token that gets a token by POST.
    pub(crate) identity: Option<&'static str>,
    /// `expires_in`, in seconds.
    pub(crate) lifetime: u64,
}

impl Default for TokenService {
    fn default() -> Self {
        Self {
            realm: None,
            user: None,
            identity: None,
            lifetime: 300,
        }
    }
}

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// `GET`, `HEAD`, `POST`.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// Every header and the body's form, as text, for canary tests.
    pub(crate) everything: String,
}

#[derive(Debug, Default)]
struct State {
    /// (repository, digest or tag) → media type and bytes.
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    blobs: BTreeMap<Digest, Bytes>,
    referrers_api: bool,
    delay: Duration,
    /// Part of a path → how often still (`None`: always) → what to do.
    behaviours: Vec<(String, Option<usize>, Behaviour)>,
    auth: Auth,
    tokens: HashSet<String>,
    issued: usize,
    requests: Vec<Recorded>,
}

/// The registry. Stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Hostile {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: AbortHandle,
    ca: Option<Vec<u8>>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Hostile {
    /// Starts one on a free port of 127.0.0.1, over plain HTTP.
    pub(crate) async fn start() -> Self {
        Self::serve(None).await
    }

    /// Starts one over TLS, with a certificate for `127.0.0.1` and `localhost`
    /// by an authority of its own ([`Self::ca`]).
    pub(crate) async fn start_tls() -> Self {
        let (mut config, ca_pem) = super::tls::loopback();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::serve(Some((config, ca_pem))).await
    }

    async fn serve(tls: Option<(rustls::ServerConfig, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            referrers_api: true,
            ..State::default()
        }));
        let (acceptor, ca) = match tls {
            Some((config, ca)) => (
                Some(tokio_rustls::TlsAcceptor::from(Arc::new(config))),
                Some(ca),
            ),
            None => (None, None),
        };
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{address}");
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            // Dropped with the accept loop, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let _ = stream.set_nodelay(true);
                while connections.try_join_next().is_some() {}
                let (state, base, acceptor) = (Arc::clone(&shared), base.clone(), acceptor.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (state, base) = (Arc::clone(&state), base.clone());
                        async move { Ok::<_, Infallible>(answer(&state, &base, request).await) }
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                let stream = TokioIo::new(stream);
                                let _ = server.serve_connection(stream, service).await;
                            }
                        }
                        None => {
                            let stream = TokioIo::new(stream);
                            let _ = server.serve_connection(stream, service).await;
                        }
                    }
                });
            }
        });
        Self {
            state,
            address,
            server: server.abort_handle(),
            ca,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, as it stands in references.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The authority of its certificate in PEM, if it speaks TLS.
    pub(crate) fn ca(&self) -> Option<Vec<u8>> {
        self.ca.clone()
    }

    /// A repository of this registry.
    pub(crate) fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.host()).parse().expect("a path")
    }

    /// An artifact of this registry.
    pub(crate) fn pinned(&self, path: &str, digest: Digest) -> PinnedReference {
        self.repository(path).pin(digest)
    }

    /// Stores a manifest under its digest and, if given, a tag. It shows up in
    /// the referrers of its own `subject`.
    pub(crate) fn push_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        let stored = (media_type.to_owned(), bytes);
        let mut state = self.state();
        for name in [Some(digest.to_string()), tag.map(str::to_owned)]
            .into_iter()
            .flatten()
        {
            let key = (repository.to_owned(), name);
            state.manifests.insert(key, stored.clone());
        }
        digest
    }

    /// Stores a blob, for every repository.
    pub(crate) fn push_blob(&self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.state().blobs.insert(digest, bytes);
        digest
    }

    /// Whether the referrers endpoint is offered (it is, unless told). Without
    /// it the endpoint answers 404, and a referrers tag must be pushed by hand.
    pub(crate) fn offer_referrers(&self, offered: bool) {
        self.state().referrers_api = offered;
    }

    /// Lets this much time pass before each answer, as a far registry would.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Misbehaves for every path that contains `part`, until
    /// [`Self::behave_well`].
    pub(crate) fn behave(&self, part: &str, behaviour: Behaviour) {
        self.state()
            .behaviours
            .push((part.to_owned(), None, behaviour));
    }

    /// Misbehaves for the next `times` requests whose path contains `part`.
    pub(crate) fn behave_times(&self, part: &str, times: usize, behaviour: Behaviour) {
        self.state()
            .behaviours
            .push((part.to_owned(), Some(times), behaviour));
    }

    /// Forgets every behaviour.
    pub(crate) fn behave_well(&self) {
        self.state().behaviours.clear();
    }

    /// Asks for credentials from now on.
    pub(crate) fn require(&self, auth: Auth) {
        self.state().auth = auth;
    }

    /// Makes all tokens issued so far worthless.
    pub(crate) fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Everything that was asked, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state().requests.clone()
    }

    /// How many requests had `part` in their path.
    pub(crate) fn count(&self, part: &str) -> usize {
        let state = self.state();
        state
            .requests
            .iter()
            .filter(|request| request.path.contains(part))
            .count()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget_requests(&self) {
        self.state().requests.clear();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(state: &Mutex<State>, base: &str, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let form = body
        .collect()
        .await
        .map(|b| b.to_bytes())
        .unwrap_or_default();
    let path = head
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let authorization = head
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let (delay, behaviour) = {
        let mut state = lock(state);
        state.requests.push(Recorded {
            method: head.method.to_string(),
            path: path.clone(),
            authorization: authorization.clone(),
            everything: format!(
                "{path}\n{:?}\n{}",
                head.headers,
                String::from_utf8_lossy(&form)
            ),
        });
        (state.delay, take_behaviour(&mut state, &path))
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let good = || {
        let mut state = lock(state);
        let form = String::from_utf8_lossy(&form);
        truth(
            &mut state,
            base,
            &head.method,
            &path,
            authorization.as_deref(),
            &form,
        )
    };
    match behaviour {
        None => good().finish(&head.method),
        Some(behaviour) => misbehave(behaviour, good, &path, &head.method).await,
    }
}

fn take_behaviour(state: &mut State, path: &str) -> Option<Behaviour> {
    let at = state
        .behaviours
        .iter()
        .position(|(part, times, _)| path.contains(part.as_str()) && *times != Some(0))?;
    let (_, times, behaviour) = &mut state.behaviours[at];
    if let Some(times) = times {
        *times -= 1;
    }
    Some(behaviour.clone())
}
