//! `Retry-After`: how long CXone asks to wait, and what each part of the program makes of it.
//!
//! ```text
//!                     Retry-After: 120     or an HTTP date (docs/wire.md#every-request)
//!                            │
//!                   RetryAfter::parse      a date that has passed is zero; any other text is none
//!                            │
//!   429 under a token ───────┼──► window() every request of the client waits so long: 5 min at most, 5 s without one
//!                            │
//!   no token ────────────────┼──► token()  nobody asks for that client's token: 5 min at most, no wait without one
//!                            │
//!   429 or 5xx to a contact ─┴──► asked()  its message waits in the worker while the invocation has time for it,
//!                                          and in the queue else: 15 min at most there (`visibility_delay`)
//! ```

use std::time::{Duration, UNIX_EPOCH};

use super::time::Timestamp;

/// The longest that a client waits because it was asked to: beyond that, one request asks again.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How long the window closes when a 429 doesn't say: a twelfth of the default window, enough for ten sends to age out.
pub const UNSAID_WAIT: Duration = Duration::from_secs(5);

/// How long an answer asks to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(Duration);

impl RetryAfter {
    /// Asked for so long.
    pub const fn new(wait: Duration) -> Self {
        Self(wait)
    }

    /// Reads the header's text: seconds, or an HTTP date.
    pub fn parse(text: &str, now: Timestamp) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Self(Duration::from_secs(seconds)));
        }
        let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now)))
    }

    /// How long it asks, whatever is made of it.
    pub const fn asked(self) -> Duration {
        self.0
    }

    /// How long a 429 closes its client's window.
    pub fn window(asked: Option<Self>) -> Duration {
        asked.map_or(UNSAID_WAIT, Self::asked).min(LONGEST_WAIT)
    }

    /// How long nobody asks for the token of a client.
    pub fn token(self) -> Duration {
        self.0.min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let wait = |text| RetryAfter::parse(text, now).map(RetryAfter::asked);
        assert_eq!(wait("30"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 01 Mar 2026 12:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
        for senseless in ["", "-1", "soon", "1e3", "99999999999999999999999"] {
            assert_eq!(wait(senseless), None, "{senseless}");
        }
    }

    #[test]
    fn a_client_waits_five_minutes_at_most_and_five_seconds_where_nothing_is_said() {
        let asked = |seconds| RetryAfter::new(Duration::from_secs(seconds));
        let seconds = |waits: [Duration; 3]| waits.map(|wait| wait.as_secs());
        assert_eq!(seconds([None, Some(asked(7)), Some(asked(86_400))].map(RetryAfter::window)), [5, 7, 300]);
        assert_eq!(seconds([asked(0), asked(7), asked(86_400)].map(RetryAfter::token)), [0, 7, 300]);
    }
}
