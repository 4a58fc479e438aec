//! What an execution environment remembers of the clients, and which of them it leaves alone.

use std::collections::HashMap;

use crate::domain::{
    credentials::{ClientId, Credentials, SecretTag},
    lane::Lane,
    reason::DeferralReason,
    time::Timestamp,
};

/// What an execution environment remembers of the clients from one invocation to the next.
#[derive(Debug, Default)]
pub struct KnownClients {
    /// The client it used last.
    pub(super) last: Option<ClientId>,
    /// How many there were in the secret.
    pub(super) count: usize,
    pub(super) resting: HashMap<ClientId, Rest>,
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
    pub(super) fn forget_others(&mut self, clients: &[Credentials]) {
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
    pub(super) fn rest(&self, client: &Credentials, lane: Option<Lane>, now: Timestamp) -> Option<Rest> {
        let rest = self.resting.get(&client.client_id).filter(|rest| rest.until > now)?;
        if rest.reason == DeferralReason::RateWindow && lane != Some(Lane::Urgent) {
            return None;
        }
        rest.secret.is_none_or(|secret| secret == client.tag()).then_some(*rest)
    }
}
