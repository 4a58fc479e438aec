//! When an event can be injected no more.
//!
//! Three things end it: its route's `maxAgeSeconds`, its sender's `expirytime`, and the ledger's memory. An event that
//! is older than the ledger is sure to remember may have been injected before, whatever its route says.

use std::time::Duration;

use super::{claim::SURELY_REMEMBERED, outcome::GivenUp, reason::DeadLetterReason, time::Timestamp};

/// The limits on one event's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    worthless: Option<Timestamp>,
    forgotten: Timestamp,
}

impl Expiry {
    /// The limits of an event that is this old, by its route and by its sender.
    pub fn new(born: Timestamp, max_age: Option<Duration>, expirytime: Option<Timestamp>) -> Self {
        let by_route = max_age.map(|age| born.plus(age));
        let worthless = [by_route, expirytime].into_iter().flatten().min();
        Self { worthless, forgotten: born.plus(SURELY_REMEMBERED) }
    }

    /// When it is worth nothing any more, where its route or its sender says so.
    pub const fn worthless(&self) -> Option<Timestamp> {
        self.worthless
    }

    /// Nothing is injected from then on.
    pub fn at(&self) -> Timestamp {
        self.worthless.map_or(self.forgotten, |at| at.min(self.forgotten))
    }

    /// Why the event is given up now; nothing while it may be injected.
    pub fn passed(&self, now: Timestamp) -> Option<GivenUp> {
        let detail = if self.forgotten <= now {
            "the event is older than the ledger is sure to remember, so that it may have been injected before"
        } else if self.at() <= now {
            "the event is older than its route or its sender allows"
        } else {
            return None;
        };
        Some(GivenUp { reason: DeadLetterReason::Expired, detail: detail.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BORN: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const MOMENT: Duration = Duration::from_millis(1);

    fn after(seconds: u64) -> Timestamp {
        BORN.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn an_event_lives_until_its_route_or_its_sender_says_whichever_is_sooner() {
        let route = Some(Duration::from_secs(60));
        for (expirytime, at) in [(None, 60), (Some(after(59)), 59), (Some(after(61)), 60)] {
            let expiry = Expiry::new(BORN, route, expirytime);
            assert_eq!(expiry.at(), after(at));
            assert_eq!(expiry.passed(after(at).minus(MOMENT)), None);
            let given_up = expiry.passed(after(at)).unwrap();
            assert_eq!(given_up.reason, DeadLetterReason::Expired);
            assert!(given_up.detail.contains("route or its sender"), "{}", given_up.detail);
        }
        assert_eq!(Expiry::new(BORN, None, Some(after(5))).at(), after(5));
    }

    #[test]
    fn no_event_outlives_what_the_ledger_is_sure_to_remember() {
        let end = BORN.plus(SURELY_REMEMBERED);
        for (max_age, expirytime) in [(None, None), (Some(Duration::MAX), Some(end.plus(MOMENT)))] {
            let expiry = Expiry::new(BORN, max_age, expirytime);
            assert_eq!(expiry.at(), end);
            assert_eq!(expiry.passed(end.minus(MOMENT)), None);
            assert!(expiry.passed(end).unwrap().detail.contains("ledger"));
        }
        let both = Expiry::new(BORN, Some(Duration::from_secs(60)), None);
        assert!(both.passed(end).unwrap().detail.contains("ledger"), "what may have been injected is said first");
    }
}
