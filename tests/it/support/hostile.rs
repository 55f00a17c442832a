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

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use floe::oci::{Descriptor, Digest, Manifest, PinnedReference, Repository, media_type};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LINK,
    WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What to do instead of answering well.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// This status, these headers, this body.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    },
    /// The true answer's headers, and these bytes instead of its body.
    Body(Bytes),
    /// The true answer with this `Content-Type`.
    Type(&'static str),
    /// The true answer without its `Docker-Content-Digest`.
    NoDigestHeader,
    /// The true answer, called gzip.
    Gzip,
    /// An endless body of zeros.
    Endless,
    /// The right length announced, half of the body sent, the connection cut.
    Truncated,
    /// The true answer, a byte every `0`.
    Drip(Duration),
    /// No answer, ever.
    Hang,
    /// A referrers page whose `Link` leads to another page, without end.
    EndlessPages,
    /// A referrers page whose `Link` leads back to the first one.
    LoopedPages,
    /// The true answer, with a `Link` to this.
    NextPage(String),
}

impl Behaviour {
    /// A bare status.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A temporary redirect.
    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self::Answer {
            status: 307,
            headers: vec![("location", to.into())],
            body: Bytes::new(),
        }
    }

    /// An HTML page with status 200.
    pub(crate) fn html() -> Self {
        Self::Answer {
            status: 200,
            headers: vec![("content-type", "text/html; charset=utf-8".into())],
            body: Bytes::from_static(b"<!doctype html><title>Please log in</title>"),
        }
    }
}

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
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = parameters.self_signed(&key).expect("an authority");
        let ca_pem = ca.pem();
        let issuer = rcgen::Issuer::new(parameters, key);
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf_key = rcgen::KeyPair::generate().expect("a key");
        let leaf = rcgen::CertificateParams::new(names)
            .expect("parameters")
            .signed_by(&leaf_key, &issuer)
            .expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                leaf_key.serialize_der().try_into().expect("a private key"),
            )
            .expect("a certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::serve(Some((config, ca_pem.into_bytes()))).await
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
        for name in [Some(digest.to_string()), tag.map(str::to_owned)] {
            if let Some(name) = name {
                let key = (repository.to_owned(), name);
                state.manifests.insert(key, stored.clone());
            }
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

/// A good answer before it is spoilt.
struct Truth {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Truth {
    fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, media_type.to_owned())],
            body: body.into(),
        }
    }

    fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    fn finish(self, method: &Method) -> Response<Body> {
        let length = self.body.len().to_string();
        let body = if method == Method::HEAD {
            Bytes::new()
        } else {
            self.body.clone()
        };
        let whole = Full::new(body)
            .map_err(|never| match never {})
            .boxed_unsync();
        self.with(CONTENT_LENGTH, length).with_body(whole)
    }

    fn with_body(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("a header");
            response.headers_mut().append(name, value);
        }
        response
    }
}

fn truth(
    state: &mut State,
    base: &str,
    method: &Method,
    path: &str,
    authorization: Option<&str>,
    form: &str,
) -> Truth {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    if path == "/token" {
        return token(state, method, authorization, form);
    }
    let missing = || Truth::new(404, "text/plain", "404 page not found\n");
    let Some(rest) = path.strip_prefix("/v2/") else {
        return missing();
    };
    // Like the common implementation, which has no such route and so never
    // comes to ask for credentials.
    if rest.contains("/referrers/") && !state.referrers_api {
        return missing();
    }
    if let Some(challenge) = challenge(state, base, rest, authorization) {
        return Truth::new(401, "application/json", "{}").with(WWW_AUTHENTICATE, challenge);
    }
    if let Some((repository, name)) = rest.rsplit_once("/manifests/") {
        let key = (repository.to_owned(), name.to_owned());
        return match state.manifests.get(&key) {
            Some((media_type, bytes)) => Truth::new(200, media_type, bytes.clone()).with(
                HeaderName::from_static("docker-content-digest"),
                Digest::sha256(bytes).to_string(),
            ),
            None => missing(),
        };
    }
    if let Some((_, digest)) = rest.rsplit_once("/blobs/") {
        let blob = digest
            .parse()
            .ok()
            .and_then(|d: Digest| state.blobs.get(&d));
        return match blob {
            Some(bytes) => Truth::new(200, "application/octet-stream", bytes.clone()),
            None => missing(),
        };
    }
    if let Some((repository, digest)) = rest.rsplit_once("/referrers/") {
        return Truth::new(
            200,
            media_type::IMAGE_INDEX,
            listing(state, repository, digest),
        );
    }
    missing()
}

/// An index of the stored manifests whose subject is `subject`.
fn listing(state: &State, repository: &str, subject: &str) -> String {
    let mut entries = Vec::new();
    for ((other, name), (media_type, bytes)) in &state.manifests {
        let (true, Ok(digest)) = (other == repository, name.parse::<Digest>()) else {
            continue;
        };
        let descriptor = Descriptor::new(&**media_type, digest, bytes.len() as u64);
        let Ok(content) = floe::oci::Content::check(&descriptor, bytes.clone()) else {
            continue;
        };
        if let Ok(manifest) = Manifest::parse(&content)
            && manifest
                .subject()
                .is_some_and(|d| d.digest.to_string() == subject)
        {
            entries.push(entry(
                &descriptor,
                manifest.artifact_type().unwrap_or_default(),
            ));
        }
    }
    index(&entries)
}

/// An entry of an index.
pub(crate) fn entry(descriptor: &Descriptor, artifact_type: &str) -> String {
    format!(
        r#"{{"mediaType":"{}","digest":"{}","size":{},"artifactType":"{artifact_type}"}}"#,
        descriptor.media_type, descriptor.digest, descriptor.size
    )
}

/// An image index of these entries.
pub(crate) fn index(entries: &[String]) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
        media_type::IMAGE_INDEX,
        entries.join(",")
    )
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

/// What to ask for, if the request may not have what it wants.
fn challenge(state: &State, base: &str, path: &str, authorization: Option<&str>) -> Option<String> {
    match &state.auth {
        Auth::Open => None,
        Auth::Basic(user, password) => (authorization != Some(&*basic(user, password)))
            .then(|| r#"Basic realm="hostile""#.to_owned()),
        Auth::Token(service) => {
            let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
            if token.is_some_and(|token| state.tokens.contains(token)) {
                return None;
            }
            let realm = service
                .realm
                .clone()
                .unwrap_or_else(|| format!("{base}/token"));
            let repository = ["/manifests/", "/blobs/", "/referrers/"]
                .iter()
                .find_map(|part| path.rsplit_once(part))
                .map_or("", |(repository, _)| repository);
            Some(format!(
                r#"Bearer realm="{realm}",service="hostile",scope="repository:{repository}:pull""#
            ))
        }
    }
}

fn token(state: &mut State, method: &Method, authorization: Option<&str>, form: &str) -> Truth {
    let Auth::Token(service) = state.auth.clone() else {
        return Truth::new(404, "text/plain", "");
    };
    let allowed = match (method == Method::POST, service.identity, service.user) {
        (true, Some(identity), _) => form.contains(&format!("refresh_token={identity}")),
        (false, None, Some((user, password))) => authorization == Some(&*basic(user, password)),
        (false, None, None) => true,
        _ => false,
    };
    if !allowed {
        return Truth::new(401, "application/json", r#"{"details":"incorrect"}"#);
    }
    state.issued += 1;
    let token = format!("token-{}", state.issued);
    state.tokens.insert(token.clone());
    let lifetime = service.lifetime;
    Truth::new(
        200,
        "application/json",
        format!(r#"{{"token":"{token}","expires_in":{lifetime}}}"#),
    )
}

async fn misbehave(
    behaviour: Behaviour,
    good: impl FnOnce() -> Truth,
    path: &str,
    method: &Method,
) -> Response<Body> {
    match behaviour {
        Behaviour::Answer {
            status,
            headers,
            body,
        } => {
            let mut truth = Truth::new(status, "application/json", body);
            for (name, value) in headers {
                truth = truth.with(HeaderName::from_static(name), value);
            }
            truth.finish(method)
        }
        Behaviour::Body(body) => {
            let mut truth = good();
            truth.body = body;
            truth.finish(method)
        }
        Behaviour::Type(media_type) => good().with(CONTENT_TYPE, media_type).finish(method),
        Behaviour::NoDigestHeader => {
            let mut truth = good();
            truth
                .headers
                .retain(|(name, _)| name != "docker-content-digest");
            truth.finish(method)
        }
        Behaviour::Gzip => good().with(CONTENT_ENCODING, "gzip").finish(method),
        Behaviour::Endless => {
            let zeros = Bytes::from_static(&[0; 16 * 1024]);
            let frames = futures_util::stream::repeat_with(move || Ok(Frame::data(zeros.clone())));
            good().with_body(BodyExt::boxed_unsync(StreamBody::new(frames)))
        }
        Behaviour::Truncated => {
            let truth = good();
            let half = truth.body.slice(..truth.body.len() / 2);
            let frames = futures_util::stream::iter([
                Ok(Frame::data(half)),
                Err(std::io::Error::other("cut")),
            ]);
            let length = truth.body.len().to_string();
            truth
                .with(CONTENT_LENGTH, length)
                .with_body(BodyExt::boxed_unsync(StreamBody::new(frames)))
        }
        Behaviour::Drip(every) => {
            let truth = good();
            let length = truth.body.len().to_string();
            let frames =
                futures_util::stream::unfold(truth.body.clone(), move |mut rest| async move {
                    if rest.is_empty() {
                        return None;
                    }
                    tokio::time::sleep(every).await;
                    let byte = rest.split_to(1);
                    Some((Ok(Frame::data(byte)), rest))
                });
            truth
                .with(CONTENT_LENGTH, length)
                .with_body(BodyExt::boxed_unsync(StreamBody::new(frames)))
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::EndlessPages => {
            let (path, query) = path.split_once('?').unwrap_or((path, "page=0"));
            let page: u64 = query.trim_start_matches("page=").parse().unwrap_or(0);
            let next = format!(r#"<{path}?page={}>; rel="next""#, page + 1);
            good().with(LINK, next).finish(method)
        }
        Behaviour::LoopedPages => {
            let (path, _) = path.split_once('?').unwrap_or((path, ""));
            let next = format!(r#"<{path}>; rel="next""#);
            good().with(LINK, next).finish(method)
        }
        Behaviour::NextPage(url) => good()
            .with(LINK, format!(r#"<{url}>; rel="next""#))
            .finish(method),
    }
}
