//! What a worker does about a client whose window has no place for all that it has to send.
//!
//! A batch waits in its worker's hands only where that is short. Whatever finds no place by the time in which the
//! client may send a batch goes back to the queue, for any worker whose client has places; and a worker whose client
//! has none takes no other batch before it has. So while there is a backlog it is the queue that waits, and at its
//! end no event is left in the hands of a worker that can't send while others could. No client changes hands for
//! that.
//!
//! That holds where there is one lane. Where there are two, a standard batch waits for its window with the client, so
//! that the lanes' turns stay even, and an urgent one goes on under another client.

use crate::{
    domain::{lane::Patience, lease::Service, time::Timestamp},
    ports::{Environment, Ports},
    worker::Worker,
};

impl<P: Ports> Worker<'_, P> {
    /// Whether another client may do what this one's window has no place for.
    pub fn is_replaceable(&self) -> bool {
        self.patience == Patience::Brief
    }

    /// Whether no other client is asked for what this one's window has no place for.
    pub fn keeps_to_its_client(&self) -> bool {
        matches!(self.patience, Patience::Short(_))
    }

    /// Whether what this client's window has no place for goes back to the queue. One that CXone closed may be closed
    /// to every client, and is waited for.
    pub fn returns_the_rest(&self) -> bool {
        self.keeps_to_its_client() && !self.is_closed()
    }

    /// How many of a batch's open events go under this client. What an open circuit puts off needs no place.
    pub fn share(&self, open: usize) -> usize {
        let now = self.ports.environment().now();
        let puts_off = || self.lease.circuit_open_until(Service::Routing, now).is_some();
        if self.keeps_to_its_client() && (self.is_closed() || puts_off()) {
            return open;
        }
        self.patience.share(open, now, |by| self.lease.places_by(now, by.min(self.until)))
    }

    /// When the client's window has a place.
    pub fn opens(&self) -> Timestamp {
        self.lease.opens(self.ports.environment().now())
    }

    /// Until when a client without places is kept, which is until it has some that are worth a batch, where there is
    /// time: the next batch would only wait in this worker's hands, and meanwhile one whose client has places can
    /// have it.
    pub fn kept_until(&self) -> Option<Timestamp> {
        let now = self.ports.environment().now();
        let opens = self.lease.opens_for(self.lease.worth_a_batch(now), now);
        (self.is_circuit_closed() && opens > now && opens <= self.until).then_some(opens)
    }

    /// How long a contact waits for its window now. One that CXone closed is waited for by what it was closed to.
    pub(super) fn patience_now(&self, patience: Patience) -> Patience {
        if matches!(patience, Patience::Short(_)) && self.is_closed() { Patience::Unlimited } else { patience }
    }

    /// Whether CXone has closed the window.
    fn is_closed(&self) -> bool {
        self.lease.closed_until(self.ports.environment().now()).is_some()
    }
}
