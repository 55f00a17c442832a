//! The ways to misbehave.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LINK};
use hyper::{Method, Response};

use super::Body;
use super::truth::Truth;

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

pub(super) async fn misbehave(
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
