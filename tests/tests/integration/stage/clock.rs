//! The workers' time: the system's, moved forward by the test, and off by each worker's own error.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use contact_injection::adapters::environment::System;
use contact_injection::domain::time::Timestamp;
use contact_injection::domain::token::NONCE_LENGTH;
use contact_injection::domain::window::ClockId;
use contact_injection::ports::Environment;
use uuid::Uuid;

/// How far the test has moved time forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedTime(Arc<AtomicI64>);

impl SharedTime {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// One execution environment's clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    system: System,
    shared: SharedTime,
    skew_millis: i64,
    ids_before_panic: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(shared: &SharedTime, skew_millis: i64) -> Self {
        Self {
            system: System::new(),
            shared: shared.clone(),
            skew_millis,
            ids_before_panic: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// Panics instead of giving the id after so many more: whoever asks for it panics in the middle of its work.
    pub(crate) fn panic_after(&self, ids: i64) {
        self.ids_before_panic.store(ids, Ordering::SeqCst);
    }
}

impl Environment for Clock {
    fn now(&self) -> Timestamp {
        let moved = self.shared.0.load(Ordering::SeqCst) + self.skew_millis;
        Timestamp::from_millis(self.system.now().as_millis() + moved)
    }

    fn clock(&self) -> ClockId {
        self.system.clock()
    }

    async fn sleep(&self, duration: Duration) {
        self.system.sleep(duration).await;
    }

    fn sample(&self) -> f64 {
        self.system.sample()
    }

    fn uuid(&self) -> Uuid {
        assert!(self.ids_before_panic.fetch_sub(1, Ordering::SeqCst) != 0, "a panic that the test ordered");
        self.system.uuid()
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        self.system.nonce()
    }
}
