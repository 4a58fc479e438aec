//! The clock, chance, and waiting.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::{
    domain::{time::Timestamp, token::NONCE_LENGTH, window::ClockId},
    ports::Environment,
};

/// The machine's own clock and randomness.
#[derive(Clone, Debug)]
pub struct System {
    clock: ClockId,
}

impl System {
    /// Draws a number for this environment's clock.
    #[expect(clippy::new_without_default, reason = "it draws a number: two of them differ")]
    pub fn new() -> Self {
        // Below the largest, which stands for nobody's clock.
        Self { clock: ClockId::new(fastrand::u32(..u32::MAX)) }
    }
}

impl Environment for System {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the ban points to")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn clock(&self) -> ClockId {
        self.clock
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the ban points to")]
    fn sample(&self) -> f64 {
        fastrand::f64()
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        // From the system's own source, since a nonce that repeats would open what it seals.
        let mut nonce = [0; NONCE_LENGTH];
        nonce.copy_from_slice(&Uuid::new_v4().as_bytes()[..NONCE_LENGTH]);
        nonce
    }
}
