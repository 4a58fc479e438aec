//! How a worker comes by an OAuth client for the length of one invocation, and gives it back.
//!
//! One conditional write takes a client; whoever comes second is told until when it is taken. No list of free clients
//! is kept or read, so the cost is the same with one client as with a thousand. The client that this environment used
//! last comes first: its connection and its clock are known here, and its window is read without allowance for skew.
//! One whose credentials were refused, or whose token is to be waited for, is left alone until its time.
//!
//! Where there are two lanes, a standard worker has the standard clients alone, and an urgent one its own first and
//! then whichever of the others is free; where none is, it asks for one's next [turn](crate::domain::lane).

use std::{collections::HashMap, time::Duration};

use tracing::{info, warn};

use crate::{
    domain::{
        credentials::{ClientId, Credentials, SecretTag},
        lane::{ASKING, Lane, STANDARD_TURN, Turn},
        lease::{ClientState, Grant, LEASE_MARGIN, Lease, Rate, Reservation},
        outcome::Retry,
        reason::DeferralReason,
        time::Timestamp,
    },
    error::chain,
    ports::{Acquired, ClientTable, Environment, LeaseRequest, Returned, StoreError, StoredClient, StoredState},
};

/// The form of the state that this code writes.
const STATE_VERSION: u32 = 1;

/// Clients of each lane asked for before pausing: more would only hammer the table when every client is busy.
const TRIES_IN_A_ROW: usize = 8;

/// The pause between two rounds, jittered: a fraction of the time that a batch takes.
const PAUSE: Duration = Duration::from_millis(500);

/// What a worker needs a client for.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTerms {
    /// The lane that it works for, where there are two and it works for one.
    pub lane: Option<Lane>,
    /// The configured rate of each client.
    pub rate: Rate,
    /// Requests that the invocation may send.
    pub permits: usize,
    /// When the invocation ends.
    pub deadline: Timestamp,
    /// No request is begun after this.
    pub until: Timestamp,
    /// Until when it may wait for a client.
    pub wait_until: Timestamp,
}

/// What an execution environment remembers of the clients from one invocation to the next.
#[derive(Debug, Default)]
pub struct KnownClients {
    /// The client it used last.
    last: Option<ClientId>,
    /// How many there were in the secret.
    count: usize,
    resting: HashMap<ClientId, Rest>,
}

/// Why nobody asks for a client's token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Until when.
    pub until: Timestamp,
    /// What a message is told that could have no other client.
    pub reason: DeferralReason,
    /// The secret of which that holds, where it doesn't hold of every one.
    pub secret: Option<SecretTag>,
}

impl KnownClients {
    /// A client is left alone for a while.
    pub fn leave_alone(&mut self, client_id: &ClientId, rest: Rest) {
        self.resting.insert(client_id.clone(), rest);
        if self.last.as_ref() == Some(client_id) {
            self.last = None;
        }
    }

    /// A client's window is full.
    pub fn pass_over(&mut self, client_id: &ClientId, until: Timestamp) {
        self.leave_alone(client_id, Rest { until, reason: DeferralReason::RateWindow, secret: None });
    }

    /// A client is at work for this environment already.
    pub fn hold(&mut self, client_id: &ClientId, until: Timestamp) {
        self.leave_alone(client_id, Rest { until, reason: DeferralReason::NoClient, secret: None });
    }

    /// Forgets what is no client of the secret any more, or has another secret by now.
    fn forget_others(&mut self, clients: &[Credentials]) {
        self.resting.retain(|id, rest| {
            let client = clients.iter().find(|client| client.client_id == *id);
            client.is_some_and(|client| rest.secret.is_none_or(|secret| secret == client.tag()))
        });
    }

    /// How many clients there were in the secret when it was last read.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Until when each client is left alone that is kept for urgent messages, where none is awake; to the end of time
    /// where there is none.
    pub fn urgent_lane_full_until(&self, clients: &[Credentials], now: Timestamp) -> Option<Timestamp> {
        let own = clients.iter().filter(|client| client.lane == Lane::Urgent);
        let opens: Option<Vec<_>> = own.map(|client| Some(self.rest(client, Some(Lane::Urgent), now)?.until)).collect();
        Some(opens?.into_iter().min().unwrap_or(Timestamp::from_millis(i64::MAX)))
    }

    /// Clients that are left alone now because their credentials were refused.
    pub fn refused(&self, now: Timestamp) -> usize {
        let refused = |rest: &&Rest| rest.until > now && rest.reason == DeferralReason::Unauthorized;
        self.resting.values().filter(refused).count()
    }

    /// Why a client is left alone by a worker of this lane. A full window is waited for by whoever can have no other.
    fn rest(&self, client: &Credentials, lane: Option<Lane>, now: Timestamp) -> Option<Rest> {
        let rest = self.resting.get(&client.client_id).filter(|rest| rest.until > now)?;
        if rest.reason == DeferralReason::RateWindow && lane != Some(Lane::Urgent) {
            return None;
        }
        rest.secret.is_none_or(|secret| secret == client.tag()).then_some(*rest)
    }
}

/// Why no client was had.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The secret holds none.
    #[error("the secret holds no OAuth client")]
    NoneConfigured,
    /// Every one is kept for urgent messages, and these aren't.
    #[error("every OAuth client is kept for urgent messages")]
    AllUrgent,
    /// Every one that was asked for is held by another worker.
    #[error("every OAuth client is held by another worker")]
    AllBusy,
    /// Every one is left alone: its credentials were refused, or its token is to be waited for.
    #[error("every OAuth client is left alone until {}: {}", .0.until, .0.reason)]
    AllResting(Rest),
    /// The clients table doesn't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NoClient {
    /// What a message that needed the client is told.
    pub fn deferral(&self) -> (DeferralReason, Retry) {
        match self {
            Self::NoneConfigured | Self::AllUrgent | Self::AllBusy => (DeferralReason::NoClient, Retry::Backoff),
            Self::AllResting(rest) => (rest.reason, Retry::At(rest.until)),
            Self::Store(_) => (DeferralReason::ServiceError, Retry::Backoff),
        }
    }
}

/// Leases one of `clients`, the one used last first, waiting for one while the terms allow.
///
/// # Errors
/// [`NoClient`] says why there is none.
pub async fn acquire(
    table: &impl ClientTable,
    environment: &impl Environment,
    clients: &[Credentials],
    known: &mut KnownClients,
    terms: LeaseTerms,
) -> Result<(Lease, Credentials), NoClient> {
    if clients.is_empty() {
        warn!("no OAuth client is configured: write at least one to the secret");
        return Err(NoClient::NoneConfigured);
    }
    known.count = clients.len();
    known.forget_others(clients);
    let groups = groups(clients, terms.lane);
    if groups.is_empty() {
        warn!("every OAuth client of the secret is kept for urgent messages");
        return Err(NoClient::AllUrgent);
    }
    let (mut failed, mut asked, mut first) = (false, None::<(ClientId, Timestamp)>, true);
    loop {
        let mut wanted = None;
        // Who has asked for one in vain looks for another.
        let fresh = asked.as_ref().filter(|(_, since)| environment.now().since(*since) < ASKING).map(|(id, _)| id);
        for (turn, credentials) in candidates(&groups, fresh, known, terms.lane, environment) {
            match try_acquire(table, environment, credentials, turn, terms).await {
                Ok(Tried::Leased(lease)) => {
                    known.last = Some(credentials.client_id.clone());
                    return Ok((*lease, credentials.clone()));
                }
                Ok(Tried::Busy) if turn == Turn::Loan => wanted = wanted.or(Some(&credentials.client_id)),
                Ok(Tried::Busy) => {}
                Ok(Tried::Refused(until)) => {
                    let rest = Rest { until, reason: DeferralReason::Unauthorized, secret: Some(credentials.tag()) };
                    known.leave_alone(&credentials.client_id, rest);
                }
                // One client's item may be at fault; if a second one fails too, the table is.
                Err(error) if failed => return Err(error.into()),
                Err(error) => {
                    warn!(client_id = %credentials.client_id, error = chain(&error), "the client can't be leased");
                    failed = true;
                }
            }
        }
        let now = environment.now();
        let mut pause = PAUSE.mul_f64(0.5 + environment.sample());
        if let Some(rest) = all_resting(&groups, known, terms.lane, now) {
            // A full window is waited for like any other.
            if rest.reason != DeferralReason::RateWindow || rest.until > terms.wait_until {
                return Err(NoClient::AllResting(rest));
            }
            pause = rest.until.since(now);
        }
        if now >= terms.wait_until {
            return Err(NoClient::AllBusy);
        }
        // A client of its own may come free any moment: another lane's turn is asked for by whoever has waited once.
        if let Some(client_id) = wanted.filter(|_| !first) {
            match table.ask_for(client_id.as_str(), now.plus(ASKING)).await {
                Ok(()) if asked.as_ref().is_some_and(|(id, _)| id == client_id) => {}
                Ok(()) => asked = Some((client_id.clone(), now)),
                Err(error) => warn!(%client_id, error = chain(&error), "the client's next turn can't be asked for"),
            }
        }
        first = false;
        environment.sleep(pause).await;
    }
}

/// Clients that are had in one turn.
type Group<'a> = (Turn, Vec<&'a Credentials>);

/// The clients that a worker of this lane may have, those first that it would rather have.
fn groups(clients: &[Credentials], lane: Option<Lane>) -> Vec<Group<'_>> {
    let turns = match lane {
        None => vec![(Turn::Any, Lane::Standard), (Turn::Any, Lane::Urgent)],
        Some(Lane::Standard) => vec![(Turn::Standard, Lane::Standard)],
        Some(Lane::Urgent) => vec![(Turn::Any, Lane::Urgent), (Turn::Loan, Lane::Standard)],
    };
    let group = |(turn, lane)| (turn, clients.iter().filter(|client| client.lane == lane).collect::<Vec<_>>());
    turns.into_iter().map(group).filter(|(_, clients)| !clients.is_empty()).collect()
}

/// Those to ask for before the next pause: of each group so many, and the one first whose turn was asked for.
fn candidates<'a>(
    groups: &[Group<'a>],
    asked: Option<&ClientId>,
    known: &KnownClients,
    lane: Option<Lane>,
    environment: &impl Environment,
) -> Vec<(Turn, &'a Credentials)> {
    let first = |turn| if turn == Turn::Loan { asked.or(known.last.as_ref()) } else { known.last.as_ref() };
    let of = |(turn, clients): &Group<'a>| {
        let now = environment.now();
        let awake = |client: &&Credentials| known.rest(client, lane, now).is_none();
        let ordered = in_order(clients, first(*turn), environment).filter(awake).take(TRIES_IN_A_ROW);
        ordered.map(|client| (*turn, client)).collect::<Vec<_>>()
    };
    groups.iter().flat_map(of).collect()
}

/// The rest that ends first, where no client is without one: that of a full window, if there is one.
fn all_resting(groups: &[Group<'_>], known: &KnownClients, lane: Option<Lane>, now: Timestamp) -> Option<Rest> {
    let clients = groups.iter().flat_map(|(_, clients)| clients);
    let rests: Option<Vec<_>> = clients.map(|client| known.rest(client, lane, now)).collect();
    rests?.into_iter().min_by_key(|rest| (rest.reason != DeferralReason::RateWindow, rest.until))
}

/// Gives a client back with what was learnt about it. A failure is logged: the reservation stays on record, so the
/// next worker sends less, not more.
pub async fn release(table: &impl ClientTable, lease: &Lease, now: Timestamp) {
    let state = lease.state(now);
    let json = match serde_json::to_string(&state) {
        Ok(json) => json,
        Err(error) => return warn!(client_id = %lease.client_id(), %error, "the client's state could not be written"),
    };
    let lent_until = (lease.turn() == Turn::Loan).then(|| now.plus(STANDARD_TURN));
    let returned = Returned { state: StoredState { version: STATE_VERSION, json }, refused: state.refused, lent_until };
    match table.release(lease.client_id().as_str(), lease.fence(), &returned).await {
        Ok(true) => {}
        Ok(false) => warn!(client_id = %lease.client_id(), "the lease was over before it was given back"),
        Err(error) => warn!(client_id = %lease.client_id(), error = chain(&error), "the lease was not given back"),
    }
}

/// What came of asking for one client.
enum Tried {
    Leased(Box<Lease>),
    Busy,
    Refused(Timestamp),
}

async fn try_acquire(
    table: &impl ClientTable,
    environment: &impl Environment,
    credentials: &Credentials,
    turn: Turn,
    terms: LeaseTerms,
) -> Result<Tried, StoreError> {
    let request = LeaseRequest {
        holder: environment.uuid(),
        now: environment.now(),
        until: terms.deadline.plus(LEASE_MARGIN),
        reservation: Reservation { permits: terms.permits, until: terms.deadline },
        secret: credentials.tag(),
        turn,
    };
    Ok(match table.acquire(credentials.client_id.as_str(), &request).await? {
        Acquired::Busy(_) => Tried::Busy,
        Acquired::Refused(until) => Tried::Refused(until),
        Acquired::Held { fence, client } => {
            if !client.orphans.is_empty() {
                info!(
                    client_id = %credentials.client_id,
                    "an earlier worker did not give this client back; its permits count as used"
                );
            }
            let state = read_state(&client, &credentials.client_id, terms.rate, request.now);
            let grant = Grant {
                client_id: credentials.client_id.clone(),
                fence,
                rate: terms.rate,
                permits: terms.permits,
                clock: environment.clock(),
                turn,
            };
            Tried::Leased(Box::new(Lease::take_over(grant, state, &client.orphans)))
        }
    })
}

/// The client's state, or, where it can't be read, one that admits nothing before a whole window has passed.
fn read_state(client: &StoredClient, client_id: &ClientId, rate: Rate, now: Timestamp) -> ClientState {
    let Some(stored) = &client.state else { return ClientState::default() };
    if stored.version == STATE_VERSION {
        match serde_json::from_str(&stored.json) {
            Ok(state) => return state,
            Err(error) => warn!(%client_id, %error, "the client's state can't be read; its window counts as full"),
        }
    } else {
        warn!(
            %client_id,
            version = stored.version,
            "the client's state is of another version; its window counts as full"
        );
    }
    let mut state = ClientState::default();
    state.window.assume(rate.limit, now, crate::domain::window::ClockId::of_nobody());
    state
}

/// The `first`, then the others from a random one on.
fn in_order<'a>(
    clients: &[&'a Credentials],
    first: Option<&ClientId>,
    environment: &impl Environment,
) -> impl Iterator<Item = &'a Credentials> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let start = (environment.sample() * clients.len() as f64) as usize % clients.len();
    let first = clients.iter().position(|client| Some(&client.client_id) == first);
    let rest = (0..clients.len())
        .map(move |offset| (start + offset) % clients.len())
        .filter(move |index| Some(*index) != first);
    first.into_iter().chain(rest).map(|index| clients[index])
}

#[cfg(test)]
mod tests;
