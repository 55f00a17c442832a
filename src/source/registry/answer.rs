//! What came back: read within bounds, on decoded bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response, StatusCode, Url};

use super::http::{Ask, Place, broken};
use crate::source::SourceError;

/// How much of a body that nobody reads is taken in, so that the connection
/// can be used again, and how long that may take.
const DRAIN: (u64, Duration) = (64 * 1024, Duration::from_millis(250));

/// An answer, read to its end if its status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Where it came from in the end.
    pub(super) url: Url,
}

impl Answer {
    /// The media type without parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default()
    }

    /// A page for people, such as a login form or a proxy's notice.
    fn is_html(&self) -> bool {
        matches!(&*self.media_type(), "text/html" | "application/xhtml+xml")
    }

    /// Reads what came for `ask`: to its end if the status is 200, else only
    /// status and headers.
    ///
    /// # Errors
    ///
    /// [`SourceError::TooLarge`] over the bound; [`SourceError::Malformed`] for
    /// an HTML page or an encoded body with status 200;
    /// [`SourceError::Unreachable`] if it breaks off.
    pub(super) async fn read(
        mut response: Response,
        url: Url,
        place: Place,
        ask: &Ask<'_>,
    ) -> Result<Answer, SourceError> {
        let mut answer = Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: Bytes::new(),
            url,
        };
        if answer.status != StatusCode::OK {
            drain(response).await;
            return Ok(answer);
        }
        let malformed = |how: &str| SourceError::Malformed {
            detail: format!("{} answers {how} for {}", ask.registry, ask.what),
        };
        if answer.is_html() {
            return Err(malformed("with an HTML page"));
        }
        if ask.method == Method::HEAD {
            return Ok(answer);
        }
        // Nothing was offered but identity, so whoever encodes does not listen; a
        // bound on encoded bytes would bound nothing.
        if let Some(encoding) = answer.headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(malformed("in an encoding that was not asked for"));
        }
        let too_large = || SourceError::TooLarge {
            what: ask.what.to_owned(),
            limit: ask.limit,
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > ask.limit {
            return Err(too_large());
        }
        let mut body = BytesMut::with_capacity(announced.min(64 * 1024) as usize);
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| broken(error, ask.registry, &answer.url, place))?
        {
            if (body.len() + chunk.len()) as u64 > ask.limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        answer.body = body.freeze();
        Ok(answer)
    }
}

/// Takes in the rest of a short body. Without this every 401 would cost a new
/// connection over HTTP/1.1.
pub(super) async fn drain(mut response: Response) {
    let (limit, patience) = DRAIN;
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return;
    }
    let all = async {
        let mut taken = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            taken += chunk.len() as u64;
            if taken > limit {
                return;
            }
        }
    };
    // Whatever comes of it, the answer itself is known.
    let _ = tokio::time::timeout(patience, all).await;
}
