//! One worker's hold on one OAuth client: its window, its limit, its circuits and its token.
//!
//! CXone counts limits by client id, and workers never share one (docs/rules.md#one-client-per-worker). So whoever
//! wants to send needs a [`Permit`], only a [`Lease`] gives one, and it gives none that the window, the adaptive limit
//! or a circuit refuses. A permit that is dropped counts as a send that was never answered: forgetting one can only
//! slow us down.

mod permit;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use self::permit::{Lesson, Permit};
use super::{
    breaker::{Breaker, Transition},
    credentials::{RefusedCredentials, SecretTag, TokenWait},
    throttle::Throttle,
    time::Timestamp,
    token::SealedToken,
    window::{Admission, ClockId, Window, WindowLimits},
};

/// How long after its holder's deadline a lease can be taken over: the clocks' skew, and a request's last segments.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// Longer than any request takes: a permit that is dropped unanswered counts from then.
const LONGEST_REQUEST: Duration = Duration::from_secs(15);

/// What is kept with a client between its leases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientState {
    /// The log of sends.
    #[serde(default)]
    pub window: Window,
    /// The adaptive limit.
    #[serde(default)]
    pub throttle: Throttle,
    /// The authorization server's circuit.
    #[serde(default)]
    pub auth: Breaker,
    /// The routing engine's circuit.
    #[serde(default)]
    pub routing: Breaker,
    /// The token, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_token: Option<SealedToken>,
    /// That its credentials were refused, where nothing was heard of them since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedCredentials>,
    /// That the authorization server asked to wait, where no token was had since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_wait: Option<TokenWait>,
}

/// Permits that a lease may use, written with it so that a crash leaves them on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// How many.
    pub permits: usize,
    /// The holder's deadline: after it, none of them was used any more.
    pub until: Timestamp,
}

/// The configured rate: so many sends in any such time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sends.
    pub limit: usize,
    /// In any time of this length.
    pub window: Duration,
}

/// One of the two services that CXone consists of here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `/oauth/token`. Its requests don't count in the window.
    Auth,
    /// Everything that takes a token.
    Routing,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "auth",
            Self::Routing => "routing",
        })
    }
}

/// Why no permit was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPermit {
    /// The window is full, or closed by a 429, until this.
    Window(Timestamp),
    /// The circuit is open until this.
    Circuit(Timestamp),
    /// The lease has used what it reserved; the next lease may send again.
    Reservation,
}

/// A held client. `fence` grows with every lease, so that a holder whose time is over can't write any more.
pub struct Lease {
    client_id: String,
    fence: u64,
    rate: Rate,
    clock: ClockId,
    held: Mutex<Held>,
}

struct Held {
    state: ClientState,
    permits_left: usize,
}

impl Lease {
    /// Takes over a client as its last holder left it.
    ///
    /// `orphans` are reservations that were never given back: their holders crashed, and each permit counts as used at
    /// the last moment it could have been.
    pub fn take_over(
        client_id: String,
        fence: u64,
        mut state: ClientState,
        orphans: &[Reservation],
        permits: usize,
        rate: Rate,
        clock: ClockId,
    ) -> Self {
        for orphan in orphans {
            // A clock of nobody: what a crashed worker's clock said is read with the skew's allowance by everyone.
            state.window.assume(orphan.permits.min(rate.limit), orphan.until, ClockId::of_nobody());
        }
        state.auth = state.auth.handed_over();
        state.routing = state.routing.handed_over();
        Self { client_id, fence, rate, clock, held: Mutex::new(Held { state, permits_left: permits }) }
    }

    /// The OAuth client.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The lease's number.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// A permit for one request, or when to ask again.
    ///
    /// # Errors
    /// [`NoPermit`] names what stands in the way.
    pub fn permit(&self, service: Service, now: Timestamp) -> Result<(Permit<'_>, Option<Transition>), NoPermit> {
        let mut held = self.held();
        let Held { state, permits_left } = &mut *held;
        if service == Service::Routing {
            if *permits_left == 0 {
                return Err(NoPermit::Reservation);
            }
            if let Some(until) = state.throttle.closed_until(now) {
                return Err(NoPermit::Window(until));
            }
            let limit = state.throttle.limit(self.rate.limit);
            let limits = WindowLimits { limit, length: self.rate.window, clock: self.clock };
            if let Admission::RetryAt(at) = state.window.admit(now, limits) {
                return Err(NoPermit::Window(at));
            }
        }
        let (admission, transition) = state.breaker(service).admit(now);
        if let Admission::RetryAt(at) = admission {
            if service == Service::Routing {
                state.window.unsent();
            }
            return Err(NoPermit::Circuit(at));
        }
        if service == Service::Routing {
            *permits_left -= 1;
        }
        Ok((Permit::new(self, service, now), transition))
    }

    /// Until when a 429 keeps everything from being sent.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held().state.throttle.closed_until(now)
    }

    /// Places taken in the window, and the limit that holds now.
    pub fn utilisation(&self, now: Timestamp) -> (usize, usize) {
        let mut held = self.held();
        let limit = held.state.throttle.limit(self.rate.limit);
        let limits = WindowLimits { limit, length: self.rate.window, clock: self.clock };
        (held.state.window.occupied(now, limits), limit)
    }

    /// Sends that could leave now: none while a 429 keeps the window closed.
    pub fn free(&self, now: Timestamp) -> usize {
        let (occupied, limit) = self.utilisation(now);
        let held = self.held();
        if held.state.throttle.closed_until(now).is_some() {
            return 0;
        }
        limit.saturating_sub(occupied).min(held.permits_left)
    }

    /// The token as it was found, to be opened once.
    pub fn sealed_token(&self) -> Option<SealedToken> {
        self.held().state.sealed_token.clone()
    }

    /// Drops a token that serves no more.
    pub fn drop_token(&self) {
        self.held().state.sealed_token = None;
    }

    /// Keeps a new token for the next holder, where it could be sealed. The credentials are good, and nobody has to wait.
    pub fn keep_token(&self, sealed: Option<SealedToken>) {
        let state = &mut self.held().state;
        (state.sealed_token, state.refused, state.token_wait) = (sealed, None, None);
    }

    /// The credentials with this secret were refused: every worker leaves the client alone for a while.
    pub fn refuse(&self, secret: SecretTag, now: Timestamp) -> RefusedCredentials {
        let state = &mut self.held().state;
        let refused = RefusedCredentials::again(state.refused, secret, now);
        state.refused = Some(refused);
        refused
    }

    /// Until when credentials with this secret are left alone, where they were refused.
    pub fn refusal(&self, secret: SecretTag, now: Timestamp) -> Option<Timestamp> {
        self.held().state.refused?.pause(secret, now)
    }

    /// The authorization server asks to wait before anybody asks again for this client's token.
    pub fn wait_for_token(&self, wait: TokenWait) {
        self.held().state.token_wait = Some(wait);
    }

    /// The wait that the authorization server asked for, as it was found or as it came since.
    pub fn token_wait(&self) -> Option<TokenWait> {
        self.held().state.token_wait
    }

    /// The state to give back. What no permit needs any more is no longer in it.
    pub fn state(&self, now: Timestamp) -> ClientState {
        self.utilisation(now);
        self.held().state.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Every change below is made whole before anything can panic, so a poisoned state is a sound one.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientState {
    fn breaker(&mut self, service: Service) -> &mut Breaker {
        match service {
            Service::Auth => &mut self.auth,
            Service::Routing => &mut self.routing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::retry_after::RetryAfter;

    const RATE: Rate = Rate { limit: 4, window: Duration::from_secs(60) };
    const CLOCK: ClockId = ClockId::new(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
    }

    fn lease(state: ClientState, orphans: &[Reservation], permits: usize) -> Lease {
        Lease::take_over("client-a".to_owned(), 7, state, orphans, permits, RATE, CLOCK)
    }

    fn permit(lease: &Lease, now: Timestamp) -> Result<Permit<'_>, NoPermit> {
        lease.permit(Service::Routing, now).map(|(permit, _)| permit)
    }

    #[test]
    fn a_lease_sends_no_more_than_it_reserved() {
        let lease = lease(ClientState::default(), &[], 2);
        for _ in 0..2 {
            permit(&lease, at(0)).unwrap().learn(Lesson::Works, at(0));
        }
        assert_eq!(permit(&lease, at(0)).err(), Some(NoPermit::Reservation));
    }

    #[test]
    fn a_dropped_permit_counts_as_a_send() {
        let lease = lease(ClientState::default(), &[], 10);
        for _ in 0..4 {
            drop(permit(&lease, at(0)).unwrap());
        }
        assert!(matches!(permit(&lease, at(61)).err(), Some(NoPermit::Window(_))));
    }

    #[test]
    fn an_unsent_permit_gives_its_place_back() {
        let lease = lease(ClientState::default(), &[], 1);
        permit(&lease, at(0)).unwrap().unsent();
        assert!(permit(&lease, at(0)).is_ok());
    }

    #[test]
    fn permits_of_a_crashed_holder_count_at_its_deadline() {
        let lease = lease(ClientState::default(), &[Reservation { permits: 100, until: at(30) }], 10);
        let Some(NoPermit::Window(opens)) = permit(&lease, at(45)).err() else { panic!("the window must be full") };
        assert!(opens > at(90));
        assert!(permit(&lease, opens).is_ok());
    }

    #[test]
    fn a_token_request_takes_no_place_in_the_window() {
        let lease = lease(ClientState::default(), &[], 4);
        for _ in 0..50 {
            let (token, _) = lease.permit(Service::Auth, at(0)).unwrap();
            token.learn(Lesson::Works, at(0));
        }
        assert_eq!(lease.utilisation(at(0)).0, 0);
    }

    #[test]
    fn an_open_circuit_refuses_and_takes_no_place() {
        let rate = Rate { limit: 100, ..RATE };
        let lease = Lease::take_over("client-a".to_owned(), 7, ClientState::default(), &[], 100, rate, CLOCK);
        for _ in 0..5 {
            permit(&lease, at(0)).unwrap().learn(Lesson::Fails, at(0));
        }
        assert!(matches!(permit(&lease, at(1)).err(), Some(NoPermit::Circuit(_))));
        assert_eq!(lease.utilisation(at(1)).0, 5);
        assert!(lease.permit(Service::Auth, at(1)).is_ok(), "the auth circuit is another");
    }

    #[test]
    fn a_429_closes_the_window_for_everyone_who_comes_after() {
        let first = lease(ClientState::default(), &[], 10);
        let wait = Some(RetryAfter::new(Duration::from_secs(20)));
        permit(&first, at(0)).unwrap().learn(Lesson::TooMany(wait), at(0));
        let second = lease(first.state(at(1)), &[], 10);
        assert_eq!(permit(&second, at(2)).err(), Some(NoPermit::Window(at(20))));
        assert_eq!((second.closed_until(at(19)), second.closed_until(at(20))), (Some(at(20)), None));
        assert_eq!(second.utilisation(at(2)).1, 2);
    }

    #[test]
    fn what_is_free_is_what_a_permit_would_be_given_for() {
        let free = |lease: &Lease, now| {
            let free = lease.free(now);
            let permits: Vec<_> = std::iter::from_fn(|| permit(lease, now).ok()).collect();
            assert_eq!(permits.len(), free);
            permits.into_iter().for_each(Permit::unsent);
            free
        };
        let first = lease(ClientState::default(), &[], 3);
        assert_eq!(free(&first, at(0)), 3, "of a limit of four it reserved three");
        permit(&first, at(0)).unwrap().learn(Lesson::Works, at(0));
        let second = lease(first.state(at(1)), &[], 10);
        assert_eq!(free(&second, at(1)), 3, "one place is taken");
        let wait = Some(RetryAfter::new(Duration::from_secs(20)));
        permit(&second, at(1)).unwrap().learn(Lesson::TooMany(wait), at(1));
        assert_eq!(free(&second, at(2)), 0, "a 429 closed it");
    }

    #[test]
    fn a_state_with_fields_of_the_future_is_still_read() {
        let state: ClientState = serde_json::from_str(r#"{"window":{"runs":[]},"colour":"red"}"#).unwrap();
        assert_eq!(state, ClientState::default());
    }

    #[test]
    fn what_the_authorization_server_says_of_a_client_is_kept_until_it_gives_a_token() {
        let tag = SecretTag::new("client-a", &secrecy::SecretString::from("one"));
        let other = SecretTag::new("client-a", &secrecy::SecretString::from("two"));
        let first = lease(ClientState::default(), &[], 9);
        assert_eq!((first.refusal(tag, at(0)), first.token_wait()), (None, None));
        let refused = first.refuse(tag, at(0));
        let wait = TokenWait::new(RetryAfter::new(Duration::from_secs(40)), true, at(0));
        first.wait_for_token(wait);
        let second = lease(first.state(at(0)), &[], 9);
        assert_eq!(second.refusal(tag, at(1)), Some(refused.until));
        assert_eq!((second.refusal(other, at(1)), second.token_wait()), (None, Some(wait)));
        assert_eq!(second.refuse(tag, at(31)).until, at(91), "the second refusal in a row");
        second.keep_token(serde_json::from_str("\"sealed\"").ok());
        assert_eq!((second.refusal(tag, at(32)), second.token_wait()), (None, None));
        assert!(second.state(at(32)).sealed_token.is_some());
        second.drop_token();
        assert_eq!(second.state(at(32)), ClientState::default());
    }
}
