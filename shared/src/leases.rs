//! How a worker comes by an OAuth client for the length of one invocation, and gives it back.
//!
//! One conditional write takes a client; whoever comes second is told so. The client that this environment used last
//! comes first: its connection and its clock are known here, and its window is read without allowance for skew. One
//! whose credentials were refused, or whose token is to be waited for, is left alone until its time.
//!
//! Where that one and another are taken, what is free is read and not guessed: a page of a hundred clients in one read,
//! from a random one on, four pages in each of the first three rounds. Of those that seem free two are tried, random
//! ones, so that workers that wait don't all rush to one. So the one free client of a thousand is found within two
//! seconds, and for no more than ten failed writes. With a hundred clients or fewer, each round sees them all.
//!
//! A worker that waits looks again after half a second, more or less, at a page in each round. That costs it no write
//! where nothing is free, and half a read unit for every 4 KB of a client's item, which few exceed: 50 read units a
//! round, or 200 in each of the first three, for each lane whose clients it may have.
//!
//! Who waits goes first. A worker that a round and a pause have brought nothing says so on the item of one busy client:
//! since when it looks for one. Until four seconds after it last said so, nobody of its lane who began later has that
//! client before it, not even the environment that used it last. It waits for one client at a time, which nobody who
//! began earlier waits for, takes any other that is free and that it may have, and then says that it waits no longer.
//! It stays with one for as long as it had waited before, for four seconds at least, and then waits for another.
//!
//! So where forty workers want ten clients, and their batches take about as long, none waits twice as long as the mean;
//! where one worker is too many, it waits for no longer than a batch takes, and a moment. Nothing is written for that
//! but by a worker that waits: when it begins, every three seconds or so, and when it stops. A client that is waited
//! for lies free for a quarter of a second on average before whoever waits looks again. One that died waiting keeps it
//! from others for four seconds. Who has waited for how long is told by the workers' clocks: one whose clock is behind
//! counts as waiting for so much longer, and one whose clock is four seconds behind or more isn't heard. A lease of a
//! loan knows nothing of all this: the lanes have turns.
//!
//! Where there are two lanes, a standard worker has the standard clients alone, and an urgent one its own first and
//! then whichever of the others is free; where none is, it asks for one's next [turn](crate::domain::lane).

mod known;
mod line;
mod search;

use tracing::{info, warn};

pub use self::known::{KnownClients, Rest};
use self::search::Search;
use crate::{
    domain::{
        credentials::{ClientId, Credentials},
        lane::{Lane, STANDARD_TURN, Turn},
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
    let Some(mut search) = Search::new(table, environment, clients, terms) else {
        warn!("every OAuth client of the secret is kept for urgent messages");
        return Err(NoClient::AllUrgent);
    };
    let found = search.run(known).await;
    search.leave_line(found.as_ref().ok().map(|(lease, _)| lease.client_id())).await;
    found
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
    since: Timestamp,
) -> Result<Tried, StoreError> {
    let request = LeaseRequest {
        holder: environment.uuid(),
        now: environment.now(),
        until: terms.deadline.plus(LEASE_MARGIN),
        reservation: Reservation { permits: terms.permits, until: terms.deadline },
        secret: credentials.tag(),
        turn,
        since,
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

#[cfg(test)]
mod tests;
