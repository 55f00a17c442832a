//! Small answers, bounded bodies, the `timeout` of a request.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) type Answer = Response<Full<Bytes>>;

/// An answer in words.
pub(super) fn text(status: StatusCode, words: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(words.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// An AdmissionReview.
pub(super) fn json(body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    answer
}

/// Whether the body says that it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        })
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    Broken,
    /// Other large bodies take all the memory there is for them.
    NoRoom,
}

/// Bodies up to this size are bounded by their number alone, and this is the
/// unit in which larger ones are counted.
const UNIT: usize = 64 * 1024;

/// The permits of a semaphore that holds large bodies of `bytes` together.
pub(super) fn room_for(bytes: usize) -> usize {
    (bytes / UNIT).min(Semaphore::MAX_PERMITS)
}

/// What a body holds of the memory for large ones.
#[derive(Default)]
pub(super) struct Room<'r>(Option<SemaphorePermit<'r>>);

impl<'r> Room<'r> {
    /// Makes room for a body of `bytes` in all. Counted as they come: an
    /// announcement alone takes no place.
    fn grow(&mut self, room: &'r Semaphore, bytes: usize) -> Result<(), BodyError> {
        let needed = bytes.saturating_sub(UNIT).div_ceil(UNIT);
        let more = needed.saturating_sub(self.0.as_ref().map_or(0, SemaphorePermit::num_permits));
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| BodyError::TooLarge)?;
        let more = room.try_acquire_many(more).map_err(|_| BodyError::NoRoom)?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }
}

/// The whole body, at most `limit` bytes, and its place among the large ones in
/// `large`. Not copied if it comes in one piece.
pub(super) async fn read(
    mut body: Incoming,
    limit: usize,
    large: &Semaphore,
) -> Result<(Bytes, Room<'_>), BodyError> {
    let mut room = Room::default();
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut whole: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        let so_far = whole.as_ref().map_or(first.len(), BytesMut::len);
        if so_far + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        room.grow(large, so_far + data.len())?;
        match &mut whole {
            Some(whole) => whole.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                // What is still announced fits into the limit; more than that
                // is not trusted to come.
                let announced = body.size_hint().lower().min(limit as u64);
                let mut joined = BytesMut::with_capacity(
                    first.len() + data.len() + usize::try_from(announced).unwrap_or(0),
                );
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                whole = Some(joined);
            }
        }
    }
    Ok((whole.map_or(first, BytesMut::freeze), room))
}

/// How long the API server waits, from `?timeout=5s`, less a margin so that the
/// answer is there before it gives up. `None` where it does not say, or not in
/// a form that is understood.
pub(super) fn patience(query: Option<&str>) -> Option<Duration> {
    let value = query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("timeout="))?;
    let waits = duration(value)?;
    // A tenth for the way back, but at least the time of a slow hop; of a
    // timeout shorter than that, half.
    let margin = (waits / 10).max(Duration::from_millis(200)).min(waits / 2);
    Some(waits - margin)
}

/// A duration as Go prints it: `5s`, `1m30s`, `500ms`, `1.5s`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patience_of_the_api_server_is_taken_less_a_margin() {
        let millis = |query| patience(Some(query)).map(|patience| patience.as_millis());
        assert_eq!(millis("timeout=5s"), Some(4500));
        assert_eq!(millis("a=b&timeout=10s"), Some(9000));
        assert_eq!(millis("timeout=1m30s"), Some(81_000));
        assert_eq!(millis("timeout=1.5s"), Some(1300));
        assert_eq!(millis("timeout=300ms"), Some(150));
        for query in [
            "",
            "timeout=",
            "timeout=5",
            "timeout=0s",
            "timeout=-5s",
            "timeout=5y",
            "timeout=9e99s",
            "xtimeout=5s",
        ] {
            assert_eq!(patience(Some(query)), None, "{query}");
        }
        assert_eq!(patience(None), None);
    }

    #[test]
    fn only_json_is_json() {
        let says = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static(value),
            );
            is_json(&headers)
        };
        assert!(says("application/json"));
        assert!(says("Application/JSON; charset=utf-8"));
        assert!(!says("text/plain"));
        assert!(!says("application/jsonp"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
