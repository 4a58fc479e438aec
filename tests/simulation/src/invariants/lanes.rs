//! What must hold of the two lanes.

use std::collections::BTreeMap;

use contact_injection::domain::lane::{Lane, Turn};

use crate::{contact_queue::lane_of, world::World};

/// Whoever waits for a client asks for it more often than this, in milliseconds.
const LOOKS: i64 = 1500;

/// Checks everything that can be seen at the end.
pub(super) fn check(world: &World) {
    if world.plan.urgent.is_none() {
        return;
    }
    no_urgent_client_serves_standard_messages(world);
    every_letter_goes_back_where_it_came_from(world);
}

fn no_urgent_client_serves_standard_messages(world: &World) {
    let seen = world.seen.borrow();
    let lane_of_batch = |invocation: &u64| seen.lanes.get(invocation).copied().unwrap_or_default();
    let broken = seen.requests.iter().find(|request| {
        world.plan.lane_of(&request.client) == Lane::Urgent && lane_of_batch(&request.invocation) == Lane::Standard
    });
    let broken = broken.map(|request| (request.client.clone(), request.invocation));
    drop(seen);
    if let Some((client, invocation)) = broken {
        world.breach(format!("{client} is kept for urgent messages, and i{invocation} sent a request under it"));
    }
}

fn every_letter_goes_back_where_it_came_from(world: &World) {
    for letter in world.letters.borrow().iter() {
        let came_by = lane_of(&letter.source);
        if letter.lane != Some(came_by) {
            world.breach(format!("the dead letter of {} says that it came by {:?}", letter.source, letter.lane));
        }
        if let Some(lane) = letter.sent_back_by.filter(|lane| *lane != came_by) {
            world.breach(format!("the dead letter of {} went back into the queue of the {lane} lane", letter.source));
        }
    }
}

/// What was seen of a client's turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turned {
    /// Whether its last lease was a loan.
    lent: bool,
    /// Standard workers that were told that they can't have it, and when.
    waiting: BTreeMap<u64, i64>,
}

impl Turned {
    /// A worker is told that it can't have the client now.
    pub(crate) fn refused(&mut self, turn: Turn, invocation: u64, now: i64) {
        if turn == Turn::Standard {
            self.waiting.insert(invocation, now);
        }
    }
}

impl World {
    /// Checks, when a client is leased, that nobody of the standard lane waits for one that is lent again at once.
    /// Where clocks differ or writes come late, a turn may be over by one clock and not by another.
    pub(crate) fn see_turn(&self, client: &str, turned: &mut Turned, turn: Turn, invocation: u64) {
        let faults = &self.plan.faults;
        let timely = faults.store == 0.0 && faults.slow == 0.0 && faults.freeze == 0.0;
        let calm = self.plan.skew == 0 && (timely || !self.stormy.get());
        let now = self.now();
        let waits = |(waiting, at): (&u64, &i64)| {
            let seen = self.seen.borrow();
            let served = seen.last_lease.get(waiting).is_some_and(|leased| leased >= at);
            let over = seen.ended.contains(waiting) || seen.dead.contains_key(waiting);
            now - at < LOOKS && !served && !over
        };
        if calm && turn == Turn::Loan && turned.lent && turned.waiting.iter().any(waits) {
            self.breach(format!("{client} was lent twice in a row, while standard messages waited for it"));
        }
        turned.lent = turn == Turn::Loan;
        turned.waiting.clear();
        self.seen.borrow_mut().last_lease.insert(invocation, now);
    }
}
