//! The simulator's clock: the system's or one that stands still, either of which a test may move forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock in milliseconds since the Unix epoch. Clones share their time.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Where a manual clock started; `None` follows the system's clock.
    origin_ms: Option<u64>,
    advanced_ms: Arc<AtomicU64>,
}

impl Clock {
    /// Follows the system's clock, plus whatever it was advanced by.
    pub fn system() -> Self {
        Self { origin_ms: None, advanced_ms: Arc::default() }
    }

    /// Stands at `start_ms` (milliseconds since the Unix epoch) until it is advanced.
    pub fn manual(start_ms: u64) -> Self {
        Self { origin_ms: Some(start_ms), advanced_ms: Arc::default() }
    }

    /// The time now, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.origin_ms.unwrap_or_else(system_ms).saturating_add(self.advanced_ms.load(Ordering::SeqCst))
    }

    /// Moves the time forward, to the millisecond.
    pub fn advance(&self, by: Duration) {
        self.advanced_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the simulator's one clock adapter")]
fn system_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced() {
        let clock = Clock::manual(1_000);
        let shared = clock.clone();
        shared.advance(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 3_000);
    }

    #[test]
    fn the_system_clock_can_be_advanced_too() {
        let clock = Clock::system();
        let before = clock.now_ms();
        clock.advance(Duration::from_hours(24));
        assert!(clock.now_ms() >= before + 86_400_000);
    }
}
