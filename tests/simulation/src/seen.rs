//! What was seen of a run from outside, for the invariants to judge.

use std::collections::{BTreeMap, BTreeSet};

use contact_injection::domain::{
    claim::{FinalOutcome, Resolution},
    health::QueueHealth,
    idempotency::IdempotencyKey,
    lane::Lane,
    reason::Reason,
    routes::QueueId,
};
use uuid::Uuid;

/// What was seen of a run from outside.
#[derive(Default)]
pub(crate) struct Seen {
    /// Requests that left a worker.
    pub(crate) requests: Vec<Sighting>,
    /// Contacts that were asked for.
    pub(crate) posts: Vec<Post>,
    /// Refusals by full queues, as a worker was told of them: invocation, queue, when.
    pub(crate) full: Vec<(u64, String, i64)>,
    /// What workers told each other of full queues: invocation, queue, when it was kept, until when it holds by the
    /// worker's clock.
    pub(crate) marks: Vec<(u64, String, i64, i64)>,
    /// Which client a token belongs to.
    pub(crate) tokens: BTreeMap<String, String>,
    /// Claims by event, in order, each with the invocation that made it.
    pub(crate) claims: BTreeMap<IdempotencyKey, Vec<(Uuid, u64, i64)>>,
    /// Invocations that didn't end by themselves, and when they were gone.
    pub(crate) dead: BTreeMap<u64, i64>,
    /// Claims that were settled.
    pub(crate) settled: BTreeSet<Uuid>,
    /// Events of which a worker wrote that they were injected.
    pub(crate) injected: BTreeSet<IdempotencyKey>,
    /// Each end of an event that was ever on record, as the event, the outcome and its reason, with the ids it was told
    /// under.
    pub(crate) told: BTreeMap<(IdempotencyKey, FinalOutcome, Option<Reason>), BTreeSet<Uuid>>,
    /// What went against an invariant while the run was under way.
    pub(crate) breaches: Vec<String>,
    /// Credentials as they were refused.
    pub(crate) refused: Vec<Refusal>,
    /// Retry-After of a token as it came: invocation, client, when, until when.
    pub(crate) asked_to_wait_for_a_token: Vec<(u64, String, i64, i64)>,
    /// When each invocation began.
    pub(crate) begun: BTreeMap<u64, i64>,
    /// By which lane its messages came.
    pub(crate) lanes: BTreeMap<u64, Lane>,
    /// When it last leased a client.
    pub(crate) last_lease: BTreeMap<u64, i64>,
    /// Those that have ended by themselves.
    pub(crate) ended: BTreeSet<u64>,
    /// Every reading of a queue that was kept, and when.
    pub(crate) readings: Vec<(i64, QueueId, QueueHealth)>,
    /// By which invocation each contact was created, by its id, and when it sent the request.
    pub(crate) created: BTreeMap<String, (u64, i64)>,
    /// Retry-After as it came: invocation, client, when, until when.
    pub(crate) asked_to_wait: Vec<(u64, String, i64, i64)>,
    /// What the ledger was told before a request left.
    pub(crate) intents: Vec<Intent>,
    /// What was looked for, and what came of it.
    pub(crate) look_ups: Vec<LookUp>,
    /// Requests to whatever is outside, and when each was sent, where they are counted.
    pub(crate) round_trips: Option<Vec<(i64, String)>>,
    /// What people decided about events in doubt, and when.
    pub(crate) resolved: Vec<(IdempotencyKey, Resolution, i64)>,
}

/// A request for a contact.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) event: String,
    pub(crate) invocation: u64,
    /// Its queue, where it is for one.
    pub(crate) queue: Option<String>,
    /// Its target as the ledger names it, where a tenant is asked for it.
    pub(crate) target: String,
    /// When it was sent.
    pub(crate) at: i64,
    /// Whether it proved that CXone holds no contact of it; nobody knows while it is under way.
    pub(crate) refused: bool,
    /// When it arrives, unless it never leaves.
    pub(crate) arrives: Option<i64>,
    /// Whether it created a contact, whatever its worker was told.
    pub(crate) created: bool,
    /// When its worker was told that CXone took it, or didn't.
    pub(crate) told: Option<i64>,
}

impl Post {
    /// One that leaves now.
    pub(crate) fn leaving(event: &str, invocation: u64, now: i64) -> Self {
        Self {
            event: event.to_owned(),
            invocation,
            queue: None,
            target: String::new(),
            at: now,
            refused: false,
            arrives: None,
            created: false,
            told: None,
        }
    }

    /// Whether its worker was told by then that CXone did not take it.
    pub(crate) fn refused_by(&self, at: i64) -> bool {
        self.refused && self.told.is_some_and(|told| told <= at)
    }
}

/// That a request is about to leave.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub(crate) key: IdempotencyKey,
    pub(crate) invocation: u64,
    /// Where it goes, as the ledger names it.
    pub(crate) target: String,
    /// The claim that says so.
    pub(crate) attempt: Uuid,
    pub(crate) at: i64,
    /// Whether an earlier claim had said so, and never what became of it.
    pub(crate) in_doubt: bool,
}

/// A question whether a message is there.
#[derive(Clone, Debug)]
pub(crate) struct LookUp {
    pub(crate) key: IdempotencyKey,
    /// The channel, as the ledger names the target.
    pub(crate) target: String,
    /// When it was asked.
    pub(crate) asked: i64,
    /// When its worker had the answer, or gave it up.
    pub(crate) told: i64,
    /// Whether the answer proves that the message was not there, and it could not be found there indeed.
    pub(crate) absent: bool,
}

/// Credentials that CXone refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) invocation: u64,
    pub(crate) client: String,
    pub(crate) secret: String,
    /// When the token was asked for.
    pub(crate) begun: i64,
    pub(crate) at: i64,
}

/// A request to CXone under one client.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) client: String,
    pub(crate) invocation: u64,
    /// Whether it takes a place in the window, as everything but a token request does.
    pub(crate) routing: bool,
    pub(crate) begun: i64,
    /// When it was answered or given up.
    pub(crate) over: i64,
    /// When it reached CXone.
    pub(crate) arrived: i64,
}
