//! Everything that a seed decides is drawn here, in one order.

use std::cell::RefCell;

use uuid::Uuid;

/// Seeded chance.
pub(crate) struct Chance(RefCell<fastrand::Rng>);

impl Chance {
    /// Chance as this seed has it.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(RefCell::new(fastrand::Rng::with_seed(seed)))
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        probability > 0.0 && self.sample() < probability
    }

    /// Uniform from 0 to 1.
    pub(crate) fn sample(&self) -> f64 {
        self.0.borrow_mut().f64()
    }

    /// Uniform from `least` to `most`, both included.
    pub(crate) fn between(&self, least: i64, most: i64) -> i64 {
        self.0.borrow_mut().i64(least..=most)
    }

    /// An index into something of this length, which isn't empty.
    pub(crate) fn index(&self, length: usize) -> usize {
        self.0.borrow_mut().usize(..length)
    }

    /// One of two.
    pub(crate) fn coin(&self) -> bool {
        self.0.borrow_mut().bool()
    }

    /// A number of 32 bits.
    pub(crate) fn number(&self) -> u32 {
        self.0.borrow_mut().u32(..)
    }

    /// A number of 64 bits.
    pub(crate) fn seed(&self) -> u64 {
        self.0.borrow_mut().u64(..)
    }

    /// A random UUID.
    pub(crate) fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.0.borrow_mut().u128(..).to_be_bytes()).into_uuid()
    }
}
