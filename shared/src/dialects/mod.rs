//! What CXone's APIs say on the wire, as pure functions of an answer's status, headers and bytes: no I/O, so that a
//! test, a fuzzer and a simulation read with the same eyes as the adapter that sends.

pub mod guide;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::domain::time::Timestamp;

/// An HTTP answer, as far as it can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpResponse {
    status: u16,
    retry_after: Option<Duration>,
    body: Option<Value>,
}

impl HttpResponse {
    /// Reads an answer: its status, the text of its `Retry-After`, and its body. A body that isn't JSON is none.
    pub fn new(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Self {
        Self {
            status,
            retry_after: retry_after.and_then(|text| wait_of(text, now)),
            body: serde_json::from_slice(body).ok(),
        }
    }

    /// The status code.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// How long it asks to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.body.as_ref()?.get(name)
    }
}

/// `Retry-After`: seconds, or an HTTP date. A date that has passed is zero.
fn wait_of(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let wait = |text| HttpResponse::new(429, Some(text), b"", now).retry_after();
        assert_eq!(wait("30"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 01 Mar 2026 12:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
        for senseless in ["", "-1", "soon", "1e3", "99999999999999999999999"] {
            assert_eq!(wait(senseless), None, "{senseless}");
        }
    }
}
