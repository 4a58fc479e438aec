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
    credentials::{ClientId, RefusedCredentials, SecretTag, TokenWait},
    lane::Turn,
    throttle::Throttle,
    time::Timestamp,
    token::SealedToken,
    window::{Admission, ClockId, Window, WindowLimits},
};

/// How long after its holder's deadline a lease can be taken over: the clocks' skew, and a request's last segments.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// One in so many places of a window is worth a batch, and no more than half a batch has to be.
const WORTH_A_BATCH: usize = 40;
const MOST_WORTH_A_BATCH: usize = 5;

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

impl Rate {
    /// How far apart requests are at this rate.
    pub fn pace(self) -> Duration {
        self.window / u32::try_from(self.limit).unwrap_or(u32::MAX).max(1)
    }
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

/// What a lease is of.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The OAuth client.
    pub client_id: ClientId,
    /// Grows with every lease of it, so that a holder whose time is over can't write any more.
    pub fence: u64,
    /// The configured rate.
    pub rate: Rate,
    /// The permits that it reserved.
    pub permits: usize,
    /// The holder's clock.
    pub clock: ClockId,
    /// Whose turn it is.
    pub turn: Turn,
}

/// A held client.
pub struct Lease {
    grant: Grant,
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
    pub fn take_over(grant: Grant, mut state: ClientState, orphans: &[Reservation]) -> Self {
        for orphan in orphans {
            // A clock of nobody: what a crashed worker's clock said is read with the skew's allowance by everyone.
            state.window.assume(orphan.permits.min(grant.rate.limit), orphan.until, ClockId::of_nobody());
        }
        state.auth = state.auth.handed_over();
        state.routing = state.routing.handed_over();
        let permits_left = grant.permits;
        Self { grant, held: Mutex::new(Held { state, permits_left }) }
    }

    /// The OAuth client.
    pub fn client_id(&self) -> &ClientId {
        &self.grant.client_id
    }

    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        self.grant.turn
    }

    /// The lease's number.
    pub fn fence(&self) -> u64 {
        self.grant.fence
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
            let limits = self.limits(state);
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

    /// Until when a circuit lets nothing through, where it doesn't now.
    pub fn circuit_open_until(&self, service: Service, now: Timestamp) -> Option<Timestamp> {
        self.held().state.breaker(service).open_until(now)
    }

    /// When a circuit is probed next, where it isn't closed.
    pub fn circuit_probed_at(&self, service: Service, now: Timestamp) -> Option<Timestamp> {
        self.held().state.breaker(service).probed_at(now)
    }

    /// Whether the routing engine's circuit lets everything through, and no mere probes.
    pub fn is_circuit_closed(&self) -> bool {
        self.held().state.routing.is_closed()
    }

    /// Places taken in the window, and the limit that holds now.
    pub fn utilisation(&self, now: Timestamp) -> (usize, usize) {
        let mut held = self.held();
        let limits = self.limits(&held.state);
        (held.state.window.occupied(now, limits), limits.limit)
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

    /// When the next send may leave, as far as the window says now.
    pub fn opens(&self, now: Timestamp) -> Timestamp {
        self.opens_for(1, now)
    }

    /// When so many sends may leave at once, as far as the window says now; all that there may be, where that is less.
    pub fn opens_for(&self, sends: usize, now: Timestamp) -> Timestamp {
        let held = self.held();
        let opens = held.state.window.clone().free_at(sends, now, self.limits(&held.state)).unwrap_or(now);
        held.state.throttle.closed_until(now).map_or(opens, |closed| closed.max(opens))
    }

    /// So many places are worth a batch, most of which may have to go back: few enough that a window loses next to
    /// nothing where they stay unused, which brings its sends closer together besides.
    pub fn worth_a_batch(&self, now: Timestamp) -> usize {
        (self.utilisation(now).1 / WORTH_A_BATCH).clamp(1, MOST_WORTH_A_BATCH)
    }

    /// Sends that may leave until a time to come, as far as is known now.
    pub fn places_by(&self, now: Timestamp, by: Timestamp) -> usize {
        if self.opens(now) > by {
            return 0;
        }
        let held = self.held();
        let limits = self.limits(&held.state);
        // In a copy: the log itself forgets nothing before its time.
        let occupied = held.state.window.clone().occupied(by, limits);
        limits.limit.saturating_sub(occupied).min(held.permits_left)
    }

    fn limits(&self, state: &ClientState) -> WindowLimits {
        let limit = state.throttle.limit(self.grant.rate.limit);
        WindowLimits { limit, length: self.grant.rate.window, clock: self.grant.clock }
    }

    /// The token as it was found, to be opened once.
    pub fn sealed_token(&self) -> Option<SealedToken> {
        self.held().state.sealed_token.clone()
    }

    /// Drops a token that serves no more.
    pub fn drop_token(&self) {
        self.held().state.sealed_token = None;
    }

    /// Keeps a new token for the next holder, where it could be sealed. The credentials are good, and nobody has to
    /// wait.
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
mod tests;
