//! One request: which route, and what comes back.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connections::Shares;
use super::http::{Answer, BodyError, is_json, json, patience, read, text};
use crate::admission::{Caller, Gate, Grounds, Nothing, Operation, Reviewed};
use crate::source::Source;
use crate::telemetry::{Metrics, Now, RecordFormat, ReviewPath, ReviewRecord, SinkHandle};
use crate::verdict::{Code, Finding};
use crate::verifier::Runtime;

/// What all connections share.
pub(super) struct Shared<S, R> {
    pub(super) gate: Arc<Gate<S, R>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) records: Option<(SinkHandle, RecordFormat)>,
    pub(super) loaded: Arc<AtomicBool>,
    pub(super) draining: AtomicBool,
    /// How many permits `reviews` began with.
    pub(super) concurrent_reviews: usize,
    pub(super) reviews: Semaphore,
    /// How many permits `waiting` began with.
    pub(super) waiting_reviews: usize,
    /// Reviews that wait for a registry.
    pub(super) waiting: Semaphore,
    pub(super) review_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) body_bytes: usize,
    /// Reviews that are being received. Whoever sends slowly keeps a place for
    /// as long as it is waited for, and must not have all of them.
    pub(super) receiving: Shares,
    /// Memory for large bodies, in units of its own.
    pub(super) large_bodies: Semaphore,
    pub(super) client_certificates: bool,
}

/// What is known about a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// Whether it showed a client certificate that was accepted.
    pub(super) authenticated: bool,
    /// Whether it came in over TLS, where reviews are answered.
    pub(super) encrypted: bool,
}

impl<S: Source, R: Runtime> Shared<S, R> {
    pub(super) async fn serve(&self, peer: Peer, request: Request<Incoming>) -> Answer {
        let answer = self.route(peer, request).await;
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            self.metrics.http_error(status.as_u16());
        }
        answer
    }

    async fn route(&self, peer: Peer, request: Request<Incoming>) -> Answer {
        match request.uri().path() {
            "/validate" if peer.encrypted => self.validate(peer, request).await,
            path @ ("/healthz" | "/readyz" | "/metrics") => {
                if !matches!(*request.method(), Method::GET | Method::HEAD) {
                    return not_allowed("GET");
                }
                match path {
                    "/healthz" => text(StatusCode::OK, "ok\n"),
                    "/readyz" => self.readiness(),
                    _ => self.exposition(),
                }
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "not found; floe serves /validate, /healthz, /readyz and /metrics\n",
            ),
        }
    }

    fn readiness(&self) -> Answer {
        if self.draining.load(Ordering::Acquire) {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if !self.loaded.load(Ordering::Acquire) {
            text(StatusCode::SERVICE_UNAVAILABLE, "policies not loaded\n")
        } else {
            text(StatusCode::OK, "ready\n")
        }
    }

    fn exposition(&self) -> Answer {
        let under_way = self.concurrent_reviews - self.reviews.available_permits()
            + self.waiting_reviews
            - self.waiting.available_permits();
        let now = Now {
            reviews_under_way: under_way as u64,
            log_lines_lost: self.records.as_ref().map_or(0, |(sink, _)| sink.lost()),
        };
        let mut answer = text(StatusCode::OK, self.metrics.render(now));
        answer.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
        );
        answer
    }

    async fn validate(&self, peer: Peer, request: Request<Incoming>) -> Answer {
        if *request.method() != Method::POST {
            return not_allowed("POST");
        }
        if self.client_certificates && !peer.authenticated {
            return text(
                StatusCode::FORBIDDEN,
                "a client certificate is required; see clientCAFile in the settings\n",
            );
        }
        if !is_json(request.headers()) {
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json\n",
            );
        }
        let Ok(permit) = self.reviews.try_acquire() else {
            return try_again("too many reviews at the same time; try again\n");
        };
        let Some(share) = self.receiving.take(peer.address) else {
            return try_again("too many reviews from one address at the same time; try again\n");
        };
        let timeout = patience(request.uri().query())
            .map_or(self.review_timeout, |limit| limit.min(self.review_timeout));
        let received = Instant::now();
        let mut body = pin!(read(
            request.into_body(),
            self.body_bytes,
            &self.large_bodies
        ));
        // Mostly it is there already, and needs no timer.
        let body = match once(body.as_mut()).await {
            Poll::Ready(body) => Ok(body),
            Poll::Pending => tokio::time::timeout(self.body_timeout, body).await,
        };
        let (body, _room) = match body {
            Ok(Ok(body)) => body,
            Ok(Err(BodyError::NoRoom)) => {
                return try_again("too many large reviews at the same time; try again\n");
            }
            Ok(Err(BodyError::TooLarge)) => {
                return text(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("the body has more than {} bytes\n", self.body_bytes),
                );
            }
            Ok(Err(BodyError::Broken)) => {
                return text(StatusCode::BAD_REQUEST, "the body ended early\n");
            }
            Err(_) => {
                return text(
                    StatusCode::REQUEST_TIMEOUT,
                    "the body did not arrive in time\n",
                );
            }
        };
        drop(share);
        self.review(&body, received, timeout, peer, permit).await
    }

    async fn review(
        &self,
        body: &Bytes,
        received: Instant,
        timeout: Duration,
        peer: Peer,
        permit: SemaphorePermit<'_>,
    ) -> Answer {
        let caller = if peer.authenticated {
            Caller::Authenticated
        } else {
            Caller::Unauthenticated
        };
        let at = Timestamp::now();
        let deadline = received + timeout;
        let mut review = pin!(self.gate.review(body, at, deadline, caller));
        let reviewed = match once(review.as_mut()).await {
            Poll::Ready(reviewed) => reviewed,
            Poll::Pending => {
                // It waits for a registry. However many do, they take no place
                // of those that are answered from what is known.
                drop(permit);
                match self.waiting.try_acquire() {
                    // The engine keeps the deadline itself; the timer is for
                    // the day on which it does not.
                    Ok(_waiting) => {
                        let last_call = deadline + Duration::from_millis(50);
                        let review = tokio::time::timeout_at(last_call.into(), review);
                        review.await.unwrap_or_else(|_| {
                            tracing::error!("a review was not decided within its deadline");
                            self.gate.undecided(body, caller, overdue())
                        })
                    }
                    Err(_) => self.gate.undecided(body, caller, overloaded()),
                }
            }
        };
        match reviewed {
            Ok(reviewed) => {
                self.record(&reviewed, at, caller, received.elapsed());
                json(reviewed.response)
            }
            Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }

    fn record(&self, reviewed: &Reviewed<'_>, at: Timestamp, caller: Caller, took: Duration) {
        let grounds = &reviewed.grounds;
        let allowed = grounds.allows();
        let path = match grounds {
            Grounds::Nothing(Nothing::NoImages) => ReviewPath::NoImages,
            Grounds::Nothing(Nothing::NothingNew) => ReviewPath::NothingNew,
            Grounds::Judged(_) => ReviewPath::Judged,
            Grounds::Refused(_) => ReviewPath::Refused,
        };
        let codes = grounds.codes();
        self.metrics
            .review(path, allowed, codes.iter().copied(), took);
        let Some((sink, format)) = &self.records else {
            return;
        };
        let images: Vec<_> = grounds
            .images()
            .map(|image| (image.written(), image.verdict()))
            .collect();
        let request = reviewed.request.as_ref();
        let record = ReviewRecord {
            at,
            uid: &reviewed.uid,
            namespace: request.and_then(|request| request.namespace()),
            group: request.map_or("", |request| request.kind.group.as_str()),
            kind: request.map_or("", |request| request.kind.kind.as_str()),
            subresource: request.and_then(|request| request.subresource()),
            name: request.and_then(|request| request.name.as_deref()),
            operation: request.map_or("", |request| Operation::as_str(request.operation)),
            user: request
                .and_then(|request| request.user_info.as_ref())
                .and_then(|user| user.username.as_deref()),
            dry_run: request.is_some_and(|request| request.is_dry_run()),
            caller: caller.as_str(),
            allowed,
            path: path.as_str(),
            codes: &codes,
            images: &images,
            took,
        };
        sink.write_with(|line| record.write(*format, line));
    }
}

/// What one poll of `future` gives.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

fn try_again(words: &'static str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, words);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    answer
}

fn overloaded() -> Finding {
    Finding::blocked(
        Code::OVERLOADED,
        "too many reviews wait for registries at the same time; try again",
    )
}

fn overdue() -> Finding {
    Finding::blocked(
        Code::InternalError,
        "the answer was not ready within the time that the API server waits",
    )
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("only {allow} is answered here\n"),
    );
    answer
        .headers_mut()
        .insert(header::ALLOW, header::HeaderValue::from_static(allow));
    answer
}
