//! One worker's places in one queue's room, by number.

use std::{collections::VecDeque, ops::RangeInclusive};

use crate::domain::time::Timestamp;

/// What one worker holds of a queue's room under one reading, and what it has put there.
#[derive(Clone, Debug, Default)]
pub(super) struct Tickets {
    /// Places reserved and not used yet.
    hand: VecDeque<u64>,
    /// Contacts that are on their way, each with its place where one was reserved for it.
    under_way: Vec<Option<u64>>,
    /// When contacts arrived that the reading may not count.
    arrived: Vec<Timestamp>,
    /// How many contacts of both kinds have no place under this reading.
    unreserved: u64,
}

impl Tickets {
    /// A newer reading: the places of the old one are void, and what had arrived by `counted` is in it.
    pub(super) fn renew(&mut self, counted: Timestamp) {
        self.hand.clear();
        self.under_way.fill(None);
        self.arrived.retain(|at| *at > counted);
        self.unreserved = (self.under_way.len() + self.arrived.len()) as u64;
    }

    /// Contacts that have no place under this reading, and that it may not count.
    pub(super) fn unreserved(&self) -> u64 {
        self.unreserved
    }

    /// Takes those contacts out: places are being asked for, for them too.
    pub(super) fn take_unreserved(&mut self) -> u64 {
        std::mem::take(&mut self.unreserved)
    }

    /// They still have none.
    pub(super) fn give_back_unreserved(&mut self, contacts: u64) {
        self.unreserved += contacts;
    }

    /// The place that a contact after `ahead` others will have, or by how many places it lacks one.
    pub(super) fn held(&self, ahead: u64) -> Result<u64, u64> {
        let held = usize::try_from(ahead).ok().and_then(|ahead| self.hand.get(ahead));
        held.copied().ok_or_else(|| ahead.saturating_sub(self.hand.len() as u64))
    }

    /// A contact sets out; false where it would have to have a place, and there is none in hand.
    pub(super) fn place(&mut self, has_to_be_reserved: bool) -> bool {
        if !has_to_be_reserved {
            self.under_way.push(None);
            self.unreserved += 1;
            return true;
        }
        let ticket = self.hand.pop_front();
        self.under_way.extend(ticket.map(Some));
        ticket.is_some()
    }

    /// A contact is there, or may be. Which of those under way makes no difference to any count.
    pub(super) fn arrived(&mut self, now: Timestamp) {
        if self.under_way.pop().is_some() {
            self.arrived.push(now);
        }
    }

    /// A contact won't come.
    pub(super) fn unplace(&mut self) {
        match self.under_way.pop() {
            Some(Some(ticket)) => self.hand.push_front(ticket),
            Some(None) => self.unreserved = self.unreserved.saturating_sub(1),
            None => {}
        }
    }

    /// What is still said to be under way belongs to an invocation that is over, and may have arrived.
    pub(super) fn nothing_is_under_way(&mut self, now: Timestamp) {
        while !self.under_way.is_empty() {
            self.arrived(now);
        }
    }

    /// Takes places: the first `carried` for contacts that had none, the others into the hand, as far as the room goes.
    pub(super) fn grant(&mut self, carried: u64, places: RangeInclusive<u64>, room: u64) {
        let first = places.start().saturating_add(carried);
        self.hand.extend(first..=*places.end().min(&room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_arrived_by_the_time_that_a_reading_counts_is_in_it() {
        let at = |seconds: i64| Timestamp::from_millis(1_790_000_000_000 + seconds * 1000);
        let mut tickets = Tickets::default();
        for second in [4, 5, 6] {
            assert!(tickets.place(false));
            tickets.arrived(at(second));
        }
        assert!(tickets.place(false), "one is on its way");
        tickets.renew(at(5));
        assert_eq!(tickets.unreserved(), 2, "the one that came later, and the one on its way");
        tickets.nothing_is_under_way(at(7));
        tickets.renew(at(7));
        assert_eq!(tickets.unreserved(), 0);
    }
}
