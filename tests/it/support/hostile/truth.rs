//! What a good registry would answer.

use bytes::Bytes;
use floe::oci::{Descriptor, Digest, Manifest, media_type};
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Response, StatusCode};

use super::{Auth, Body, State};

/// A good answer before it is spoilt.
pub(super) struct Truth {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
}

impl Truth {
    pub(super) fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, media_type.to_owned())],
            body: body.into(),
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn finish(self, method: &Method) -> Response<Body> {
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

    pub(super) fn with_body(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("a header");
            response.headers_mut().append(name, value);
        }
        response
    }
}

pub(super) fn truth(
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
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        let mut names = state.manifests.keys();
        return match names.find(|(known, _)| known == repository) {
            Some(_) => Truth::new(
                200,
                "application/json",
                format!(r#"{{"name":"{repository}","tags":[]}}"#),
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
