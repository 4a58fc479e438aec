//! Leave to send one request, and what its answer tells the lease.

use std::time::Duration;

use super::{LONGEST_REQUEST, Lease, Service};
use crate::domain::{
    breaker::{Health, Transition},
    time::Timestamp,
};

/// What an answer says about the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The request was within the limit.
    Held,
    /// 429: it was not.
    Exceeded(Option<Duration>),
}

/// Leave to send one request. It comes from a lease:
///
/// ```
/// use contact_injection::domain::lease::{Lease, Permit, Service};
/// use contact_injection::domain::time::Timestamp;
///
/// fn ask(lease: &Lease, now: Timestamp) -> Option<Permit<'_>> {
///     lease.permit(Service::Routing, now).ok().map(|(permit, _)| permit)
/// }
/// ```
///
/// and from nowhere else, for its fields are private:
///
/// ```compile_fail,E0451
/// use contact_injection::domain::lease::{Lease, Permit, Service};
/// use contact_injection::domain::time::Timestamp;
///
/// fn forge(lease: &Lease, now: Timestamp) -> Permit<'_> {
///     Permit { lease, service: Service::Routing, admitted: now, open: true }
/// }
/// ```
///
/// It serves one request, for an answer takes it:
///
/// ```compile_fail,E0382
/// use contact_injection::domain::breaker::Health;
/// use contact_injection::domain::lease::{Pace, Permit};
/// use contact_injection::domain::time::Timestamp;
///
/// fn twice(permit: Permit<'_>, now: Timestamp) {
///     let _ = permit.answered(now, Health::Works, Pace::Held);
///     let _ = permit.answered(now, Health::Works, Pace::Held);
/// }
/// ```
#[must_use = "a permit takes a place in the window until it is answered"]
pub struct Permit<'a> {
    lease: &'a Lease,
    service: Service,
    admitted: Timestamp,
    open: bool,
}

impl<'a> Permit<'a> {
    pub(super) fn new(lease: &'a Lease, service: Service, admitted: Timestamp) -> Self {
        Self { lease, service, admitted, open: true }
    }
}

impl Permit<'_> {
    /// Which service it is for.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The answer came.
    pub fn answered(mut self, now: Timestamp, health: Health, pace: Pace) -> Option<Transition> {
        self.open = false;
        let mut held = self.lease.held();
        if self.service == Service::Routing {
            held.state.window.answered(now, self.lease.clock);
            match pace {
                Pace::Held => held.state.throttle.succeeded(self.lease.rate.limit),
                Pace::Exceeded(retry_after) => {
                    held.state.throttle.rate_limited(now, self.admitted, self.lease.rate.limit, retry_after);
                }
            }
        }
        held.state.breaker(self.service).record(now, health)
    }

    /// No answer came in time.
    pub fn unanswered(mut self, now: Timestamp) -> Option<Transition> {
        self.open = false;
        self.lease.unanswered(self.service, now)
    }

    /// The service could not be reached, so nothing was sent.
    pub fn unreachable(mut self, now: Timestamp) -> Option<Transition> {
        self.open = false;
        let mut held = self.lease.held();
        if self.service == Service::Routing {
            held.state.window.unsent();
        }
        held.state.breaker(self.service).record(now, Health::Fails)
    }

    /// The request was never sent, through no fault of the service.
    pub fn unsent(mut self) {
        self.open = false;
        let mut held = self.lease.held();
        if self.service == Service::Routing {
            held.state.window.unsent();
            held.permits_left += 1;
        }
        held.state.breaker(self.service).unsent();
    }
}

impl Lease {
    fn unanswered(&self, service: Service, now: Timestamp) -> Option<Transition> {
        let mut held = self.held();
        if service == Service::Routing {
            held.state.window.unanswered(now, self.clock);
        }
        held.state.breaker(service).record(now, Health::Fails)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.open {
            self.lease.unanswered(self.service, self.admitted.plus(LONGEST_REQUEST));
        }
    }
}
