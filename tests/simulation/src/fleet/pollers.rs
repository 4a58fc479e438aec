//! The event source mapping: how many batches of the queue Lambda works on at once.
//!
//! It begins with five. Where all of them are at work and messages wait, there are up to three hundred more a minute
//! later, added second by second, until `MaximumConcurrency`. What was not at work for a minute is given up. A poller
//! that has nothing to do asks the queue by long polling, for twenty seconds each time.

use super::limits::Limits;

/// A second, in milliseconds.
const SECOND: i64 = 1000;

/// How long one receive waits for a message, in seconds.
const LONG_POLL: usize = 20;

/// How long a poller may be idle before it is given up, in seconds.
const IDLE: usize = 60;

/// The pollers of one queue.
pub(super) struct Pollers {
    limits: Limits,
    most: usize,
    count: usize,
    /// A part of a poller that is still to come.
    owed: usize,
    next: i64,
    /// The most that were at work in this minute, and for how many seconds of it.
    busiest: (usize, usize),
    idle_seconds: usize,
}

impl Pollers {
    /// As many as a mapping begins with, and no more than `most` ever.
    pub(super) fn new(limits: Limits, most: usize, now: i64) -> Self {
        let count = limits.first_pollers.min(most);
        Self { limits, most, count, owed: 0, next: now + SECOND, busiest: (0, 0), idle_seconds: 0 }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// When the next second begins.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// A second is over, at the end of which so many were at work and messages waited or not. How many receives ended
    /// without a message in it.
    pub(super) fn pass_second(&mut self, at_work: usize, waiting: bool) -> usize {
        self.next += SECOND;
        let busy = waiting && at_work >= self.count;
        if busy {
            self.owed += self.limits.pollers_a_minute;
            self.count = (self.count + self.owed / 60).min(self.most);
            self.owed %= 60;
        }
        let (busiest, seconds) = self.busiest;
        self.busiest = (busiest.max(at_work), seconds + 1);
        if self.busiest.1 >= IDLE {
            if !busy {
                self.count = self.count.min(self.busiest.0.max(self.limits.first_pollers));
            }
            self.busiest = (0, 0);
        }
        self.idle_seconds += self.count.saturating_sub(at_work);
        let empty = self.idle_seconds / LONG_POLL;
        self.idle_seconds %= LONG_POLL;
        empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hundred_come_a_minute_while_messages_wait_and_idle_ones_go() {
        let mut pollers = Pollers::new(Limits::default(), 1000, 0);
        for _ in 0..60 {
            pollers.pass_second(pollers.count(), true);
        }
        assert_eq!(pollers.count(), 305);
        for _ in 0..600 {
            pollers.pass_second(pollers.count(), true);
        }
        assert_eq!(pollers.count(), 1000);
        let empty: usize = (0..120).map(|_| pollers.pass_second(20, false)).sum();
        assert_eq!(pollers.count(), 20);
        assert!(empty > 60 * 900 / 20);
    }
}
