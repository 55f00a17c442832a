//! What the measured-against servers answer.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use floe::admission::{Coverage, Gate, Request};
use floe::telemetry::{Metrics, RecordFormat, SinkHandle};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;

use super::connections::Shares;
use super::http::{Answer, read, text};

/// How much is done before the constant is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// The body is received.
    Constant,
    /// And read with floe's own borrowed structs, down to the images.
    Parsed,
}

static ANSWERING: OnceLock<Answering> = OnceLock::new();

/// Chooses what this process answers.
pub(crate) fn answer_with(answering: Answering) {
    ANSWERING.get_or_init(|| answering);
}

const ADMITTED: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"fc8b1c2a-31e5-4c6f-9d0e-6a3a5f1b7e42","allowed":true}}"#;

/// What the accept loop hands over. It fills in what floe's handler needs; this
/// one needs nothing but the bound of a body.
pub(super) struct Shared<S, R> {
    pub(super) gate: Arc<Gate<S, R>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) records: Option<(SinkHandle, RecordFormat)>,
    pub(super) loaded: Arc<AtomicBool>,
    pub(super) draining: AtomicBool,
    pub(super) concurrent_reviews: usize,
    pub(super) reviews: Semaphore,
    pub(super) waiting_reviews: usize,
    pub(super) waiting: Semaphore,
    pub(super) review_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) body_bytes: usize,
    pub(super) large_bodies: Semaphore,
    pub(super) receiving: Shares,
    pub(super) client_certificates: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) authenticated: bool,
    pub(super) encrypted: bool,
    pub(super) address: IpAddr,
}

impl<S, R> Shared<S, R> {
    pub(super) async fn serve(&self, _: Peer, request: hyper::Request<Incoming>) -> Answer {
        if request.uri().path() != "/validate" {
            return text(StatusCode::OK, "ready\n");
        }
        let body = read(request.into_body(), self.body_bytes, &self.large_bodies);
        let Ok((body, _room)) = body.await else {
            return text(StatusCode::BAD_REQUEST, "the body cannot be read\n");
        };
        if ANSWERING.get() == Some(&Answering::Parsed) && !parsed(&body) {
            return text(StatusCode::BAD_REQUEST, "the review cannot be parsed\n");
        }
        let mut answer = Response::new(Full::new(Bytes::from_static(ADMITTED)));
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }
}

/// Reads a review as floe does: request, object, images.
fn parsed(body: &[u8]) -> bool {
    let Ok(request) = Request::read(body) else {
        return false;
    };
    let uses = Coverage::builtin().references_in(&request, request.object.as_ref());
    std::hint::black_box(uses).is_ok()
}
