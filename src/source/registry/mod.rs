//! Registries over HTTP: the reading half of the OCI distribution
//! specification v1.1.
//!
//! What an answer means decides about trust, so it is fixed here and nowhere
//! else. "Not there" is a 404 for a manifest, blob or tag, and nothing else.
//! The referrers endpoint lists what is attached if it answers 200 with an
//! image index; 400, 404, 405, 406 and 501 say that it is not offered, and then
//! the referrers tag is read; every other answer is an obstacle. No digest is
//! believed from a header: it is computed from the bytes.
//!
//! A registry decides where requests lead – by redirects, token realms and
//! links to the next page – and is not trusted with that: never from HTTPS to
//! HTTP, never to an address inside unless the registry itself is there, and
//! never with credentials to another host.

mod address;
mod answer;
mod auth;
mod challenge;
mod credential;
mod flight;
mod helper;
mod http;
mod keychain;
mod options;
mod referrers;
mod retry;
mod tls;

pub use credential::{Credential, Secret};
pub use keychain::{Keychain, KeychainError};
pub use options::{HostOptions, Limits, Loopback, Options, RegistryError, Roots};

use std::sync::Arc;
use std::time::Instant;

use reqwest::{Method, Url};

use self::answer::Answer;
use self::auth::Auth;
use self::challenge::Challenge;
use self::http::{Ask, Http};
use self::referrers::Listing;
use super::{Referrers, ReferrersVia, Scope, Source, SourceError};
use crate::oci::{
    Content, ContentError, Descriptor, Digest, PinnedReference, Registry as Host, Repository, Tag,
    fallback_tag, media_type,
};

/// What a manifest may be. One constant for all requests, so that every answer
/// can be cached by whatever stands between.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";

/// All registries, as one source. Cheap to clone; clones share connections and
/// tokens. Needs a tokio runtime with time and I/O enabled.
///
/// There is no request before the one that is needed: how to authenticate is
/// learnt from the first 401 and remembered for each registry.
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Arc<Http>,
    auth: Auth,
    limits: Limits,
}

/// One request to a repository.
#[derive(Clone, Copy)]
struct Call<'a> {
    repository: &'a Repository,
    head: bool,
    url: &'a Url,
    accept: &'static str,
    limit: u64,
    what: &'a str,
}

impl Registry {
    /// A client for all registries. Reads the roots of the operating system,
    /// opens no connection.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] if certificate authorities cannot be read or the HTTP
    /// client cannot be set up.
    pub fn new(options: Options) -> Result<Self, RegistryError> {
        let http = Arc::new(Http::new(&options)?);
        let auth = Auth::new(Arc::clone(&http), &options);
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                auth,
                limits: options.limits,
            }),
        })
    }

    /// The answer to `call`, tried again where that can help. Its status is
    /// none that means the same everywhere: those are errors.
    async fn answer(&self, call: Call<'_>, deadline: Instant) -> Result<Answer, SourceError> {
        retry::retrying(self.inner.limits.attempts, deadline, || {
            self.attempt(call, deadline)
        })
        .await
    }

    async fn attempt(&self, call: Call<'_>, deadline: Instant) -> Result<Answer, SourceError> {
        let auth = &self.inner.auth;
        let registry = call.repository.registry();
        let mut grant = auth.ready(call.repository, deadline).await?;
        let mut answer = self.send(call, grant.as_ref(), deadline).await?;
        if answer.status.as_u16() == 401
            && answer.url.origin() == call.url.origin()
            && let Some(challenge) = Challenge::read(&answer.headers)
        {
            grant = Some(
                auth.renew(call.repository, challenge, grant.as_ref(), deadline)
                    .await?,
            );
            answer = self.send(call, grant.as_ref(), deadline).await?;
        }
        match answer.status.as_u16() {
            401 | 403 | 429 => Err(status_error(&answer, registry, call.what)),
            501 => Ok(answer),
            500.. => Err(status_error(&answer, registry, call.what)),
            _ => Ok(answer),
        }
    }

    async fn send(
        &self,
        call: Call<'_>,
        grant: Option<&auth::Grant>,
        deadline: Instant,
    ) -> Result<Answer, SourceError> {
        let mut ask = Ask::get(call.repository.registry(), call.url.clone(), call.what);
        if call.head {
            ask.method = Method::HEAD;
        }
        ask.accept = call.accept;
        ask.limit = call.limit;
        ask.authorization = grant.map(auth::Grant::header);
        self.inner.http.send(ask, deadline).await
    }

    /// Asks for a manifest by tag or digest.
    async fn ask_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        head: bool,
        what: &str,
        deadline: Instant,
    ) -> Result<Answer, SourceError> {
        let path = format!("/v2/{}/manifests/{reference}", repository.path());
        let url = self.inner.http.endpoint(repository.registry(), &path)?;
        let call = Call {
            repository,
            head,
            url: &url,
            accept: MANIFESTS,
            limit: self.inner.limits.manifest,
            what,
        };
        let answer = self.answer(call, deadline).await?;
        match answer.status.as_u16() {
            200 => Ok(answer),
            _ => Err(status_error(&answer, repository.registry(), what)),
        }
    }
}

/// What a status means where it has no meaning of its own.
fn status_error(answer: &Answer, registry: &Host, what: &str) -> SourceError {
    let status = answer.status.as_u16();
    let retry_after = retry::retry_after(&answer.headers);
    match status {
        401 | 403 => SourceError::Denied {
            detail: format!("{registry} refuses access to {what} ({status})"),
        },
        404 => SourceError::NotFound {
            what: what.to_owned(),
        },
        429 => SourceError::RateLimited {
            detail: format!("{registry} limits the rate of requests ({what})"),
            retry_after,
        },
        _ => SourceError::Server {
            detail: format!("{registry} answers {status} for {what}"),
            status,
            retry_after,
        },
    }
}

fn media_type_of(answer: &Answer) -> String {
    let media_type = answer.media_type();
    if media_type.is_empty() {
        "application/octet-stream".into()
    } else {
        media_type
    }
}

fn mismatch(registry: &Host, error: &ContentError) -> SourceError {
    SourceError::DigestMismatch {
        detail: format!("{registry}: {error}"),
    }
}

impl Source for Registry {
    fn scope(&self, repository: &Repository) -> Scope {
        self.inner.auth.scope(repository)
    }

    async fn resolve(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> Result<Digest, SourceError> {
        let what = format!("manifest {repository}:{tag}");
        let answer = self
            .ask_manifest(repository, tag.as_str(), true, &what, deadline)
            .await;
        // The digest only gives the tag another name: whatever is read under
        // it is checked against it.
        match answer {
            Ok(answer) => {
                let named = answer
                    .headers
                    .get(DOCKER_CONTENT_DIGEST)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| value.parse().ok());
                if let Some(digest) = named {
                    return Ok(digest);
                }
            }
            // Some do not know HEAD.
            Err(SourceError::Server {
                status: 405 | 501, ..
            }) => {}
            Err(error) => return Err(error),
        }
        let content = self.manifest_by_tag(repository, tag, deadline).await?;
        Ok(content.digest())
    }

    async fn manifest(
        &self,
        image: &PinnedReference,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        let what = format!("manifest {image}");
        let digest = image.digest();
        let repository = image.repository();
        let answer = self
            .ask_manifest(repository, &digest.to_string(), false, &what, deadline)
            .await?;
        Content::check_digest(digest, media_type_of(&answer), answer.body)
            .map_err(|error| mismatch(repository.registry(), &error))
    }

    async fn manifest_by_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        let what = format!("manifest {repository}:{tag}");
        let answer = self
            .ask_manifest(repository, tag.as_str(), false, &what, deadline)
            .await?;
        Ok(Content::of_tag(media_type_of(&answer), answer.body))
    }

    async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
        deadline: Instant,
    ) -> Result<Content, SourceError> {
        let digest = descriptor.digest;
        let what = format!("blob {repository}@{digest}");
        if descriptor.size > limit {
            return Err(SourceError::TooLarge { what, limit });
        }
        let registry = repository.registry();
        let path = format!("/v2/{}/blobs/{digest}", repository.path());
        let url = self.inner.http.endpoint(registry, &path)?;
        let call = Call {
            repository,
            head: false,
            url: &url,
            accept: "*/*",
            limit: descriptor.size,
            what: &what,
        };
        let answer = match self.answer(call, deadline).await {
            // The bound was the size that was promised.
            Err(SourceError::TooLarge { .. }) => {
                return Err(SourceError::DigestMismatch {
                    detail: format!(
                        "{registry} sends more than the {} bytes of {digest}",
                        descriptor.size
                    ),
                });
            }
            other => other?,
        };
        if answer.status.as_u16() != 200 {
            return Err(status_error(&answer, registry, &what));
        }
        Content::check(descriptor, answer.body).map_err(|error| mismatch(registry, &error))
    }

    async fn referrers(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> Result<Referrers, SourceError> {
        let repository = image.repository();
        let registry = repository.registry();
        let what = format!("referrers of {image}");
        let path = format!("/v2/{}/referrers/{}", repository.path(), image.digest());
        let mut url = self.inner.http.endpoint(registry, &path)?;
        let mut listing = Listing::new(limit, self.inner.limits.pages);
        loop {
            let call = Call {
                repository,
                head: false,
                url: &url,
                accept: media_type::IMAGE_INDEX,
                limit: self.inner.limits.manifest,
                what: &what,
            };
            let answer = self.answer(call, deadline).await?;
            let status = answer.status.as_u16();
            if listing.is_new() && referrers::is_not_offered(status) {
                return self.referrers_by_tag(image, limit, deadline).await;
            }
            if status != 200 {
                // A page that was promised and is gone is not "nothing there".
                return Err(SourceError::Server {
                    detail: format!("{registry} answers {status} for {what}"),
                    status,
                    retry_after: None,
                });
            }
            match listing.page(registry, &url, &answer)? {
                Some(next) => url = next,
                None => return Ok(listing.finish(ReferrersVia::Endpoint)),
            }
        }
    }

    async fn referrers_by_tag(
        &self,
        image: &PinnedReference,
        limit: usize,
        deadline: Instant,
    ) -> Result<Referrers, SourceError> {
        let repository = image.repository();
        let tag = fallback_tag(&image.digest());
        let what = format!("referrers tag {repository}:{tag}");
        let answer = self
            .ask_manifest(repository, tag.as_str(), false, &what, deadline)
            .await;
        match answer {
            Ok(answer) => referrers::of_tag(repository.registry(), image.digest(), &answer, limit),
            Err(SourceError::NotFound { .. }) => {
                Ok(Listing::new(limit, 1).finish(ReferrersVia::Tag))
            }
            Err(error) => Err(error),
        }
    }

    async fn probe_repository(
        &self,
        repository: &Repository,
        deadline: Instant,
    ) -> Result<(), SourceError> {
        let registry = repository.registry();
        let what = format!("tags of {repository}");
        // One is enough to tell; some registries list all of them nevertheless.
        let path = format!("/v2/{}/tags/list?n=1", repository.path());
        let url = self.inner.http.endpoint(registry, &path)?;
        let call = Call {
            repository,
            head: false,
            url: &url,
            accept: "application/json",
            limit: self.inner.limits.manifest,
            what: &what,
        };
        match self.answer(call, deadline).await {
            Ok(answer) if answer.status.as_u16() == 200 => Ok(()),
            Ok(answer) => Err(status_error(&answer, registry, &what)),
            // A list that is too long to be read is there.
            Err(SourceError::TooLarge { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn probe(&self, image: &PinnedReference, deadline: Instant) -> Result<(), SourceError> {
        let what = format!("manifest {image}");
        let repository = image.repository();
        let digest = image.digest().to_string();
        match self
            .ask_manifest(repository, &digest, true, &what, deadline)
            .await
        {
            Ok(_) => Ok(()),
            // Some do not know HEAD.
            Err(SourceError::Server {
                status: 405 | 501, ..
            }) => self.manifest(image, deadline).await.map(drop),
            Err(error) => Err(error),
        }
    }
}
