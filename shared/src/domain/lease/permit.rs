//! Leave to send one request, and what its answer tells the lease.

use super::{ClientState, LONGEST_REQUEST, Lease, Service};
use crate::domain::{
    breaker::{Health, Transition},
    retry_after::RetryAfter,
    time::Timestamp,
};

/// What came of a request, as far as it says something of the client that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// The service works, and the request was within its rate.
    Works,
    /// The service works, and the token is no good.
    TokenRefused,
    /// The service works, and there were too many requests; how long it asks to wait.
    TooMany(Option<RetryAfter>),
    /// The service fails.
    Fails,
    /// No answer came in time.
    Unanswered,
    /// The service could not be reached, so nothing was sent.
    Unreachable,
}

impl Lesson {
    /// Whether the service works.
    const fn health(self) -> Health {
        match self {
            Self::Works | Self::TokenRefused | Self::TooMany(_) => Health::Works,
            Self::Fails | Self::Unanswered | Self::Unreachable => Health::Fails,
        }
    }
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
/// use contact_injection::domain::lease::{Lesson, Permit};
/// use contact_injection::domain::time::Timestamp;
///
/// fn twice(permit: Permit<'_>, now: Timestamp) {
///     let _ = permit.learn(Lesson::Works, now);
///     let _ = permit.learn(Lesson::Works, now);
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
    /// Takes in what came of the request.
    pub fn learn(mut self, lesson: Lesson, now: Timestamp) -> Option<Transition> {
        self.open = false;
        self.lease.learn(self.service, lesson, self.admitted, now)
    }

    /// Takes in what came of a request beside the ones that contacts are had by. It counts in the window like any
    /// other, and says nothing of whether contacts can be had.
    pub fn learn_aside(mut self, lesson: Lesson, now: Timestamp) {
        self.open = false;
        let mut held = self.lease.held();
        self.lease.pace(&mut held.state, self.service, lesson, (self.admitted, now));
        held.state.breaker(self.service).unsent();
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
    fn learn(&self, service: Service, lesson: Lesson, admitted: Timestamp, now: Timestamp) -> Option<Transition> {
        let mut held = self.held();
        self.pace(&mut held.state, service, lesson, (admitted, now));
        held.state.breaker(service).record(now, lesson.health())
    }

    /// What the window and the limit learn.
    fn pace(&self, state: &mut ClientState, service: Service, lesson: Lesson, (admitted, now): (Timestamp, Timestamp)) {
        if service == Service::Routing {
            match lesson {
                Lesson::Works | Lesson::TokenRefused | Lesson::Fails | Lesson::TooMany(_) => {
                    state.window.answered(now, self.grant.clock);
                }
                Lesson::Unanswered => state.window.unanswered(now, self.grant.clock),
                Lesson::Unreachable => state.window.unsent(),
            }
            match lesson {
                Lesson::Works | Lesson::TokenRefused | Lesson::Fails => state.throttle.succeeded(self.grant.rate.limit),
                Lesson::TooMany(wait) => state.throttle.rate_limited(now, admitted, self.grant.rate.limit, wait),
                Lesson::Unanswered | Lesson::Unreachable => {}
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.open {
            let given_up = self.admitted.plus(LONGEST_REQUEST);
            self.lease.learn(self.service, Lesson::Unanswered, self.admitted, given_up);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{
        credentials::ClientId,
        lane::Turn,
        lease::{ClientState, Grant, NoPermit, Rate},
        token::{Endpoints, GrantedToken, SealedToken, Token},
        window::{ClockId, JITTER_GUARD, LATE_ARRIVAL},
    };

    const RATE: Rate = Rate { limit: 100, window: Duration::from_secs(60) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    fn lease(permits: usize, rate: Rate) -> Lease {
        let (client_id, clock, turn) = (ClientId::public("client-a"), ClockId::new(1), Turn::Any);
        let grant = Grant { client_id, fence: 7, rate, permits, clock, turn };
        Lease::take_over(grant, ClientState::default(), &[])
    }

    fn permit(lease: &Lease, service: Service, now: Timestamp) -> Result<Permit<'_>, NoPermit> {
        lease.permit(service, now).map(|(permit, _)| permit)
    }

    /// When the one place of a window is free again.
    fn frees<T>(end: impl FnOnce(Permit<'_>) -> T) -> Option<Timestamp> {
        let lease = lease(10, Rate { limit: 1, ..RATE });
        end(permit(&lease, Service::Routing, at(0)).unwrap());
        match permit(&lease, Service::Routing, at(1)).err()? {
            NoPermit::Window(opens) => Some(opens),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_place_is_taken_from_the_latest_moment_that_cxone_may_have_counted() {
        let length = RATE.window + JITTER_GUARD;
        assert_eq!(frees(|permit| permit.learn(Lesson::Works, at(1))), Some(at(1).plus(length)));
        assert_eq!(frees(|permit| permit.learn(Lesson::Unanswered, at(1))), Some(at(1).plus(LATE_ARRIVAL + length)));
        assert_eq!(frees(|permit| drop(permit)), Some(at(0).plus(LONGEST_REQUEST + LATE_ARRIVAL + length)));
        assert_eq!(frees(|permit| permit.learn(Lesson::Unreachable, at(1))), None);
    }

    #[test]
    fn what_is_asked_beside_contacts_takes_its_place_and_opens_no_circuit() {
        let length = RATE.window + JITTER_GUARD;
        assert_eq!(frees(|permit| permit.learn_aside(Lesson::Fails, at(1))), Some(at(1).plus(length)));
        let late = at(1).plus(LATE_ARRIVAL + length);
        assert_eq!(frees(|permit| permit.learn_aside(Lesson::Unanswered, at(1))), Some(late));
        let lease = lease(100, RATE);
        for _ in 0..20 {
            permit(&lease, Service::Routing, at(0)).unwrap().learn_aside(Lesson::Fails, at(0));
        }
        assert!(permit(&lease, Service::Routing, at(0)).is_ok());
        // Five failures open it, and a question as the probe neither closes it nor opens it again.
        for _ in 0..5 {
            if let Ok(permit) = permit(&lease, Service::Routing, at(1)) {
                permit.learn(Lesson::Fails, at(1));
            }
        }
        let Err(NoPermit::Circuit(probe)) = permit(&lease, Service::Routing, at(1)).map(drop) else { panic!("open") };
        for _ in 0..20 {
            permit(&lease, Service::Routing, probe).unwrap().learn_aside(Lesson::Fails, probe);
        }
        assert_eq!(
            permit(&lease, Service::Routing, probe).unwrap().learn(Lesson::Works, probe),
            None,
            "one of three probes"
        );
    }

    #[test]
    fn every_end_without_an_answer_counts_against_the_service_it_was_for() {
        let ends: [fn(Permit<'_>, Timestamp) -> Option<Transition>; 3] = [
            |permit, now| permit.learn(Lesson::Unanswered, now),
            |permit, now| permit.learn(Lesson::Unreachable, now),
            |permit, now| permit.learn(Lesson::Fails, now),
        ];
        for end in ends {
            for (service, other) in [(Service::Routing, Service::Auth), (Service::Auth, Service::Routing)] {
                let lease = lease(100, RATE);
                for failures in 1..=5 {
                    let transition = end(permit(&lease, service, at(0)).unwrap(), at(0));
                    assert_eq!(transition.is_some(), failures == 5);
                }
                assert!(matches!(permit(&lease, service, at(1)).err(), Some(NoPermit::Circuit(_))));
                assert!(permit(&lease, other, at(1)).is_ok());
            }
        }
    }

    #[test]
    fn a_request_that_was_never_sent_leaves_its_probe_to_another() {
        let lease = lease(100, RATE);
        for _ in 0..5 {
            permit(&lease, Service::Auth, at(0)).unwrap().learn(Lesson::Unreachable, at(0));
        }
        let probes = [at(10), at(10)].map(|now| permit(&lease, Service::Auth, now).unwrap());
        assert!(permit(&lease, Service::Auth, at(10)).is_err());
        probes.into_iter().for_each(Permit::unsent);
        assert!(permit(&lease, Service::Auth, at(10)).is_ok());
    }

    #[test]
    fn a_token_request_touches_neither_window_nor_reservation() {
        let lease = lease(1, Rate { limit: 1, ..RATE });
        permit(&lease, Service::Auth, at(0)).unwrap().unsent();
        permit(&lease, Service::Auth, at(0)).unwrap().learn(Lesson::Unanswered, at(0));
        permit(&lease, Service::Auth, at(0)).unwrap().learn(Lesson::Unreachable, at(0));
        permit(&lease, Service::Auth, at(0)).unwrap().learn(Lesson::TooMany(None), at(0));
        let only = permit(&lease, Service::Routing, at(0)).unwrap();
        permit(&lease, Service::Auth, at(0)).unwrap().learn(Lesson::Unreachable, at(0));
        only.learn(Lesson::Works, at(0));
        assert_eq!(permit(&lease, Service::Routing, at(0)).err(), Some(NoPermit::Reservation));
    }

    #[test]
    fn success_raises_a_limit_that_was_halved() {
        let lease = lease(100, Rate { limit: 4, ..RATE });
        let learn = |now, lesson| permit(&lease, Service::Routing, now).unwrap().learn(lesson, now);
        learn(at(0), Lesson::TooMany(None));
        assert_eq!(lease.utilisation(at(0)), (1, 2));
        learn(at(70), Lesson::Works);
        learn(at(70), Lesson::Works);
        assert_eq!(lease.utilisation(at(70)), (2, 3));
    }

    #[test]
    fn a_lease_tells_who_holds_what_and_keeps_a_token_for_the_next() {
        let lease = lease(1, RATE);
        assert_eq!((lease.client_id().as_str(), lease.fence()), ("client-a", 7));
        assert_eq!(lease.sealed_token(), None);
        let answer = GrantedToken { access_token: "t".into(), expires_in: None, endpoints: Endpoints::default() };
        let sealed = SealedToken::seal(&Token::obtained(answer, at(0)), "client-a", &"s".into(), [0; 12]).unwrap();
        lease.keep_token(Some(sealed.clone()));
        assert_eq!((lease.sealed_token(), lease.state(at(0)).sealed_token), (Some(sealed.clone()), Some(sealed)));
    }

    #[test]
    fn logs_and_metrics_name_the_two_services() {
        assert_eq!([Service::Auth, Service::Routing].map(|service| service.to_string()), ["auth", "routing"]);
    }

    #[test]
    fn sends_that_no_window_needs_are_not_given_back() {
        let lease = lease(2, RATE);
        for now in [at(0), at(30)] {
            permit(&lease, Service::Routing, now).unwrap().learn(Lesson::Works, now);
        }
        let mut kept = ClientState::default();
        kept.window.assume(1, at(30), ClockId::new(1));
        assert_eq!(lease.state(at(61)).window, kept.window);
    }
}
