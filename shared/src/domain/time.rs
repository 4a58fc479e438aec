//! Points in time, in whole milliseconds since the Unix epoch.
//!
//! Every state that outlives an invocation (windows, leases, claims) is kept in milliseconds, so one small type with
//! saturating arithmetic serves all of it: a clock that jumps can never make a comparison panic.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A point so many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: the unit of a DynamoDB TTL attribute.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads an RFC 3339 date-time (ISO 8601 with an offset).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    /// The time for a person, in UTC and to the second.
    pub fn in_words(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.to_string(), |at| at.strftime("%-d %B %Y, %H:%M:%S UTC").to_string())
    }

    /// This point moved later, or the latest point there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This point moved earlier, or the earliest point there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long it is from `earlier` to this point; zero where `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC, or the bare number where the calendar has no such year.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_to_an_earlier_point_is_zero() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(7));
        assert_eq!(late.since(early), Duration::from_millis(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(Timestamp::from_millis(i64::MIN).minus(Duration::MAX).as_millis(), i64::MIN);
    }

    #[test]
    fn seconds_are_whole_and_rounded_down() {
        assert_eq!([1999, 1000, 0, -1].map(|millis| Timestamp::from_millis(millis).as_seconds()), [1, 1, 0, -1]);
    }

    #[test]
    fn in_words_it_has_no_run_of_digits_that_a_phone_number_could_be() {
        let at = Timestamp::parse_rfc3339("2024-05-05T14:30:00.250Z").unwrap();
        assert_eq!(at.in_words(), "5 May 2024, 14:30:00 UTC");
        assert_eq!(crate::domain::pii::redact(&at.in_words()), at.in_words());
    }

    #[test]
    fn text_round_trips_with_milliseconds() {
        let at = Timestamp::parse_rfc3339("2024-05-15T16:30:00.250+02:00").unwrap();
        assert_eq!(at.to_string(), "2024-05-15T14:30:00.250Z");
        assert_eq!(Timestamp::parse_rfc3339("2024-05-15"), None);
    }
}
