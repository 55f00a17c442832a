//! When to ask again, and how long to wait before.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::source::SourceError;

/// The first pause at most; each further one is twice as long. Short, because
/// an API server waits: what does not recover in a second is reported.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Repeats `attempt` while its errors are such that asking again can help, at
/// most `attempts` times and never past `deadline`. A pause is as long as the
/// server asked for, else random below a bound that doubles.
pub(super) async fn retrying<T, F, W>(
    attempts: u32,
    deadline: Instant,
    mut attempt: F,
) -> Result<T, SourceError>
where
    F: FnMut() -> W,
    W: Future<Output = Result<T, SourceError>>,
{
    let mut made = 0;
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        made += 1;
        let Some(pause) = pause(&error, made) else {
            return Err(error);
        };
        // Waiting for an answer that would come too late helps nobody, and the
        // real reason says more than "the deadline passed".
        if made >= attempts || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait after the `made`th attempt failed with `error`; `None` if
/// asking again cannot help.
fn pause(error: &SourceError, made: u32) -> Option<Duration> {
    if !error.is_transient() {
        return None;
    }
    let asked = match error {
        SourceError::RateLimited { retry_after, .. } | SourceError::Server { retry_after, .. } => {
            *retry_after
        }
        _ => None,
    };
    let bound = FIRST_PAUSE * 2_u32.saturating_pow(made.saturating_sub(1).min(6));
    let random = bound.mul_f64(rand::random_range(0.5..1.0));
    Some(asked.map_or(random, |asked| asked.max(random)))
}

/// `Retry-After` as seconds or as a date. RFC 9110, section 10.2.3.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(status: u16, retry_after: Option<Duration>) -> SourceError {
        SourceError::Server {
            detail: "x".into(),
            status,
            retry_after,
        }
    }

    #[test]
    fn only_errors_that_may_pass_are_tried_again() {
        assert!(pause(&server(503, None), 1).is_some());
        assert!(pause(&SourceError::Unreachable { detail: "x".into() }, 1).is_some());
        for error in [
            server(501, None),
            server(418, None),
            SourceError::NotFound { what: "x".into() },
            SourceError::Denied { detail: "x".into() },
            SourceError::TimedOut { detail: "x".into() },
            SourceError::Malformed { detail: "x".into() },
            SourceError::DigestMismatch { detail: "x".into() },
        ] {
            assert_eq!(pause(&error, 1), None, "{error:?}");
        }
    }

    #[test]
    fn pauses_grow_and_are_never_shorter_than_the_server_asked_for() {
        let error = server(500, None);
        for (made, low, high) in [(1, 50, 100), (2, 100, 200), (3, 200, 400)] {
            let pause = pause(&error, made).expect("tried again");
            assert!(pause >= Duration::from_millis(low), "{pause:?}");
            assert!(pause <= Duration::from_millis(high), "{pause:?}");
        }
        let asked = Duration::from_secs(7);
        assert_eq!(pause(&server(503, Some(asked)), 1), Some(asked));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            retry_after(&headers)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let far = read("Sat, 06 Nov 2094 08:49:37 GMT").expect("a date");
        assert!(far > Duration::from_secs(3600 * 24 * 365));
        assert_eq!(read("soon"), None);
    }
}
