//! How long to wait before the next try: exponential, with full jitter.
//!
//! Full jitter (a uniform draw from zero to the bound) spreads retries that failed together better than any fixed share
//! of the bound does; a linear schedule would march them all back in step, which is ruled out (docs/rules.md#backoff).

use std::time::Duration;

/// A schedule of growing waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// No wait is longer.
    pub cap: Duration,
}

/// Between tries within one invocation: short against its deadline, long against one answer of CXone's.
pub const WITHIN_INVOCATION: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// Between deliveries of one message: from a blip to an outage of hours, when one look in fifteen minutes is enough.
pub const ACROSS_DELIVERIES: Backoff = Backoff { first: Duration::from_secs(4), cap: Duration::from_secs(900) };

impl Backoff {
    /// The wait after so many failures (one at least), for a uniform `sample` from 0 to 1.
    pub fn wait(&self, failures: u32, sample: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let bound = self.first.saturating_mul(1 << doublings).min(self.cap);
        bound.mul_f64(sample.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<_> = (1..=10).map(|failures| ACROSS_DELIVERIES.wait(failures, 1.0).as_secs()).collect();
        assert_eq!(bounds, [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds(failures in any::<u32>(), sample in -1.0..2.0_f64) {
            let wait = WITHIN_INVOCATION.wait(failures, sample);
            prop_assert!(wait <= WITHIN_INVOCATION.cap);
        }
    }
}
