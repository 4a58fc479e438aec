//! The adaptive limit: additive increase, multiplicative decrease, as in congestion control.
//!
//! A 429 means that CXone counts something which this client's window doesn't know: a tenant-wide limit, or another
//! user of the client. Halving finds the rate that is really there in a few steps; raising it by a tenth for every
//! window's worth of successes returns to the configured limit within minutes and never overshoots it by more.

use serde::{Deserialize, Serialize};

use super::{
    retry_after::{LONGEST_WAIT, RetryAfter},
    time::Timestamp,
};

/// The limit rises by the configured limit over this, for each time the whole limit was sent with success.
const STEPS_TO_FULL: usize = 10;

/// What a client's answers have taught about its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The reduced limit; absent while the configured one holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reduced: Option<usize>,
    /// Successes since the limit last changed.
    #[serde(default)]
    successes: usize,
    /// When the limit was last halved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halved_at: Option<Timestamp>,
    /// Nothing is sent before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_until: Option<Timestamp>,
}

impl Throttle {
    /// Sends allowed in a window, at least one.
    pub fn limit(&self, configured: usize) -> usize {
        self.reduced.map_or(configured, |reduced| reduced.min(configured)).max(1)
    }

    /// When the window opens again after a 429, where that is still to come.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        // No stored time closes the window for longer than a Retry-After may: a clock that ran ahead can't lock a
        // client.
        self.closed_until.filter(|until| *until > now).map(|until| until.min(now.plus(LONGEST_WAIT)))
    }

    /// A 429 came to a request that was admitted at `admitted`.
    ///
    /// Requests that were under way together say one thing, not many: only the first of them halves the limit.
    pub fn rate_limited(
        &mut self,
        now: Timestamp,
        admitted: Timestamp,
        configured: usize,
        retry_after: Option<RetryAfter>,
    ) {
        let until = now.plus(RetryAfter::window(retry_after));
        self.closed_until = Some(self.closed_until.map_or(until, |before| before.max(until)));
        if self.halved_at.is_none_or(|halved| admitted > halved) {
            self.reduced = Some((self.limit(configured) / 2).max(1));
            self.halved_at = Some(now);
            self.successes = 0;
        }
    }

    /// Any other answer came: the limit held.
    pub fn succeeded(&mut self, configured: usize) {
        let Some(reduced) = self.reduced else { return };
        self.successes += 1;
        if self.successes >= reduced {
            let raised = reduced + (configured / STEPS_TO_FULL).max(1);
            self.reduced = (raised < configured).then_some(raised);
            self.successes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const CONFIGURED: usize = 120;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_429_halves_the_limit_and_closes_the_window_for_its_retry_after() {
        let mut throttle = Throttle::default();
        throttle.rate_limited(at(10), at(9), CONFIGURED, Some(RetryAfter::new(Duration::from_secs(30))));
        assert_eq!(throttle.limit(CONFIGURED), 60);
        assert_eq!(throttle.closed_until(at(39)), Some(at(40)));
        assert_eq!(throttle.closed_until(at(40)), None);
    }

    #[test]
    fn requests_under_way_together_halve_it_once() {
        let mut throttle = Throttle::default();
        for _ in 0..10 {
            throttle.rate_limited(at(10), at(9), CONFIGURED, None);
        }
        throttle.rate_limited(at(11), at(10), CONFIGURED, None);
        assert_eq!(throttle.limit(CONFIGURED), 60, "that one left in the very millisecond of the halving");
        throttle.rate_limited(at(20), at(19), CONFIGURED, None);
        assert_eq!(throttle.limit(CONFIGURED), 30);
    }

    #[test]
    fn a_retry_after_of_a_year_closes_it_for_the_stated_maximum() {
        let mut throttle = Throttle::default();
        throttle.rate_limited(at(0), at(0), CONFIGURED, Some(RetryAfter::new(Duration::from_secs(31_536_000))));
        assert_eq!(throttle.closed_until(at(0)), Some(at(0).plus(LONGEST_WAIT)));
    }

    #[test]
    fn sustained_success_returns_to_the_configured_limit_step_by_step() {
        let mut throttle = Throttle::default();
        throttle.rate_limited(at(0), at(0), CONFIGURED, None);
        for limit in [60, 72, 84, 96, 108] {
            for _ in 0..limit {
                assert_eq!(throttle.limit(CONFIGURED), limit);
                throttle.succeeded(CONFIGURED);
            }
        }
        assert_eq!(
            throttle,
            Throttle { halved_at: throttle.halved_at, closed_until: throttle.closed_until, ..Throttle::default() }
        );
        assert_eq!(throttle.limit(2 * CONFIGURED), 2 * CONFIGURED, "a configured limit that is raised holds at once");
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_the_configured(events in prop::collection::vec(any::<bool>(), 0..500), configured in 1..500_usize) {
            let mut throttle = Throttle::default();
            for (second, success) in events.into_iter().enumerate() {
                let now = at(i64::try_from(second).unwrap());
                if success { throttle.succeeded(configured) } else { throttle.rate_limited(now, now, configured, None) }
                prop_assert!((1..=configured).contains(&throttle.limit(configured)));
            }
        }
    }
}
