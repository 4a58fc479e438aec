//! What the pipeline needs from outside, and nothing of how it is had.
//!
//! Each trait is as narrow as the promise that rests on it. Stores only compare and swap: what may follow what is
//! decided in `domain`, so that a test's in-memory table and DynamoDB can't differ in anything but the network.

#![expect(async_fn_in_trait, reason = "a worker is one thread: nothing here is ever sent to another")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use crate::{
    dialects::{Dialect, HttpReply, HttpRequest},
    domain::{
        attributes::Schema,
        claim::Record,
        credentials::{Credentials, RefusedCredentials, SecretTag},
        health::QueueHealth,
        idempotency::IdempotencyKey,
        lane::{Lane, Turn},
        lease::{Permit, Reservation},
        message::DeadLetter,
        queues::{Queue, Reading},
        routes::{DefaultSkills, QueueId},
        secret_form::SecretForm,
        standing::{Seeker, Standing, Waiter},
        time::Timestamp,
        token::NONCE_LENGTH,
        window::ClockId,
    },
};

/// A store did not do what was asked; whether it did it all the same is not known.
#[derive(Debug, thiserror::Error)]
#[error("{store} did not do what was asked: {operation}")]
pub struct StoreError {
    /// Which store.
    pub store: &'static str,
    /// What was asked of it.
    pub operation: &'static str,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The result of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap<T> {
    /// It was written.
    Done,
    /// It was not, since this stands there instead; nothing where the item is gone.
    Refused(Option<T>),
}

/// The ledger table: one record for each event.
pub trait Ledger {
    /// The record as it is now, after every write that was answered before.
    async fn read(&self, key: IdempotencyKey) -> Result<Option<Record>, StoreError>;

    /// The records of these events, as [`Self::read`] would find each. What isn't in the answer isn't in the table.
    async fn read_many(&self, keys: &BTreeSet<IdempotencyKey>) -> Result<BTreeMap<IdempotencyKey, Record>, StoreError> {
        let mut records = BTreeMap::new();
        for &key in keys {
            records.extend(self.read(key).await?.map(|record| (key, record)));
        }
        Ok(records)
    }

    /// Writes the record where there is none.
    async fn insert(&self, key: IdempotencyKey, record: &Record) -> Result<Swap<Record>, StoreError>;

    /// Writes the record in place of `seen`, where it [may](Record::may_replace): where attempt and state are still the
    /// same, and the time too where either says what leaves.
    async fn replace(&self, key: IdempotencyKey, seen: &Record, record: &Record) -> Result<Swap<Record>, StoreError>;
}

/// A client as the clients table holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredClient {
    /// The state as text, or nothing where the client was never leased.
    pub state: Option<StoredState>,
    /// Reservations that were never given back.
    pub orphans: Vec<Reservation>,
}

/// A client's state in its stored form, which another version of this program may have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The form.
    pub version: u32,
    /// JSON.
    pub json: String,
}

/// What came of asking for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is held, under this fence.
    Held {
        /// Grows with each lease of the client.
        fence: u64,
        /// As it was before this lease.
        client: StoredClient,
    },
    /// Another worker holds it until then.
    Busy(Timestamp),
    /// Its credentials were refused: it is left alone until then.
    Refused(Timestamp),
}

/// What a worker asks for when it leases a client.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest {
    /// An id for this lease, new each time.
    pub holder: Uuid,
    /// The worker's clock.
    pub now: Timestamp,
    /// When the lease can be taken over.
    pub until: Timestamp,
    /// The permits that the worker may use.
    pub reservation: Reservation,
    /// The secret that the worker would use: a refusal of another one is none of its.
    pub secret: SecretTag,
    /// Whose turn it would be.
    pub turn: Turn,
    /// When the worker began to look for a client.
    pub since: Timestamp,
}

impl LeaseRequest {
    /// Who asks.
    pub const fn seeker(&self) -> Seeker {
        Seeker { turn: self.turn, secret: self.secret, since: self.since, now: self.now }
    }
}

/// What a worker gives back with a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Its state.
    pub state: StoredState,
    /// What was refused, which stands beside the state, so that a lease can be conditional on it.
    pub refused: Option<RefusedCredentials>,
    /// Until when it is the standard lane's alone, where it was lent.
    pub lent_until: Option<Timestamp>,
}

/// The clients table: one item for each OAuth client.
pub trait ClientTable {
    /// Takes a client whose [standing](Standing) admits it, and puts the reservation and the turn on record, in one
    /// write.
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError>;

    /// Gives a client back, in one write; false where a later lease holds it.
    async fn release(&self, client_id: &str, fence: u64, returned: &Returned) -> Result<bool, StoreError>;

    /// How these clients stand, a hundred at most, as of a moment ago. What isn't in the answer could not be read.
    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError>;

    /// Says that a worker waits for a client, unless one does that began before; whether it stands there.
    async fn wait_for(&self, client_id: &str, waiter: Waiter, now: Timestamp) -> Result<bool, StoreError>;

    /// Asks the standard lane for a client of its that isn't free: until then the next turn is a loan.
    async fn ask_for(&self, client_id: &str, until: Timestamp) -> Result<(), StoreError>;
}

/// Where the clients' credentials are.
pub trait Secrets {
    /// The clients of this function, at most five minutes old. Each batch asks for them, and they may be a thousand:
    /// they are shared, not copied.
    async fn clients(&self) -> Result<Arc<[Credentials]>, StoreError>;

    /// The same, read again now.
    async fn clients_anew(&self) -> Result<Arc<[Credentials]>, StoreError>;

    /// What can be told of the text that they are read from, which is read again now.
    async fn form(&self) -> Result<SecretForm, StoreError>;
}

/// HTTP to CXone. Every request takes a permit, and permits come from a lease only.
pub trait Transport {
    /// Sends a request, and waits for what comes of it.
    async fn send(&self, permit: &Permit<'_>, request: HttpRequest<'_>) -> HttpReply;
}

/// The registered attributes as they were read at one time.
#[derive(Clone, Debug)]
pub struct SchemaSnapshot {
    /// The attributes.
    pub schema: Schema,
    /// When CXone gave them.
    pub fetched: Timestamp,
}

/// What of the registry is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the registered attributes are.
    pub schema: bool,
    /// Whether the default skills of points of contact are.
    pub default_skills: bool,
    /// Which queues are.
    pub queues: Vec<QueueId>,
}

impl Wanted {
    /// The registered attributes and nothing else.
    pub const fn schema() -> Self {
        Self { schema: true, default_skills: false, queues: Vec::new() }
    }

    /// These queues and nothing else.
    pub const fn queues(queues: Vec<QueueId>) -> Self {
        Self { schema: false, default_skills: false, queues }
    }
}

/// What the registry table knows.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// The registered attributes, where they were asked for and ever synced.
    pub schema: Option<SchemaSnapshot>,
    /// The default skills of points of contact, where they were asked for and ever synced.
    pub default_skills: Option<DefaultSkills>,
    /// The queues asked for, as far as they are known.
    pub queues: Vec<(QueueId, Queue)>,
    /// Those of them that the sync asked CXone about and could read no answer of, and when it last did.
    pub unread: Vec<(QueueId, Timestamp)>,
}

/// What came of a write that goes by a queue's latest reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The reading was the latest, or is now. So many places of its room are reserved, the last ones by this write.
    UpTo(u64),
    /// Another reading is kept by now: the queue as it is; nothing where none is kept.
    Superseded(Option<Queue>),
}

/// The registry table: what sync-registry found out, and what workers tell each other.
pub trait Registry {
    /// What is known of all that is wanted: what isn't in the answer isn't in the table. An error where a part of it
    /// can't be had.
    async fn load(&self, wanted: &Wanted) -> Result<Registered, StoreError>;

    /// Keeps the registered attributes, unless newer ones are kept already; false where they are.
    async fn keep_schema(&self, snapshot: &SchemaSnapshot) -> Result<bool, StoreError>;

    /// Keeps the default skills of points of contact as they were read at this time, unless newer ones are kept
    /// already.
    async fn keep_default_skills(&self, skills: &DefaultSkills, read: Timestamp) -> Result<(), StoreError>;

    /// Keeps a queue's health, where it is newer and `before` is still the reading that is kept, which was known before
    /// CXone was asked: so that of many who ask at once one is believed. Places that were reserved since `before` was
    /// looked at may not be used yet, so they are reserved of the new room too.
    async fn keep_health(
        &self,
        queue: &QueueId,
        health: &QueueHealth,
        before: Option<Reading>,
    ) -> Result<Reserved, StoreError>;

    /// Keeps when a queue was asked about and gave no answer that can be read. Its health stays what it is.
    async fn keep_unread(&self, queue: &QueueId, at: Timestamp) -> Result<(), StoreError>;

    /// Takes so many places of a queue's room, where this reading of its health is still the one that is kept. More may
    /// be taken than there is room for; whoever takes them knows by their numbers.
    async fn reserve(&self, queue: &QueueId, reading: Timestamp, places: u64) -> Result<Reserved, StoreError>;

    /// Tells the other workers that a queue is full until then.
    async fn mark_saturated(&self, queue: &QueueId, until: Timestamp) -> Result<(), StoreError>;
}

/// The dead-letter queue.
pub trait DeadLetters {
    /// Sends a dead letter.
    async fn send(&self, letter: &DeadLetter) -> Result<(), StoreError>;
}

/// The queues that messages come from, as far as a worker writes to them.
pub trait ContactQueue {
    /// Keeps messages of a lane's queue out of sight for so long from now; the receipt handles of those for which it
    /// didn't work.
    async fn delay_redelivery(&self, lane: Lane, delays: &[(String, Duration)]) -> Result<Vec<String>, StoreError>;
}

/// Time and chance.
pub trait Environment {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Whose `now` it is.
    fn clock(&self) -> ClockId;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// A uniform sample from 0 to 1.
    fn sample(&self) -> f64;
    /// A new id.
    fn uuid(&self) -> Uuid;
    /// A number used once.
    fn nonce(&self) -> [u8; NONCE_LENGTH];
}

/// What every worker needs, under one name.
#[expect(missing_docs, reason = "each is documented at its trait")]
pub trait Ports {
    type Clients: ClientTable;
    type Secrets: Secrets;
    type Registry: Registry;
    type Transport: Transport;
    type Environment: Environment;

    fn clients(&self) -> &Self::Clients;
    fn secrets(&self) -> &Self::Secrets;
    fn registry(&self) -> &Self::Registry;
    fn transport(&self) -> &Self::Transport;
    fn environment(&self) -> &Self::Environment;

    /// The API that the transport leads to.
    fn dialect(&self) -> &dyn Dialect;
}

/// One thing that is every port of a worker by itself, such as the whole world of a test.
pub trait OneForAll: ClientTable + Secrets + Registry + Transport + Environment {
    /// The API that it leads to.
    fn dialect(&self) -> &dyn Dialect;
}

impl<T: OneForAll> Ports for T {
    type Clients = Self;
    type Secrets = Self;
    type Registry = Self;
    type Transport = Self;
    type Environment = Self;

    fn clients(&self) -> &Self {
        self
    }
    fn secrets(&self) -> &Self {
        self
    }
    fn registry(&self) -> &Self {
        self
    }
    fn transport(&self) -> &Self {
        self
    }
    fn environment(&self) -> &Self {
        self
    }
    fn dialect(&self) -> &dyn Dialect {
        OneForAll::dialect(self)
    }
}

/// What a worker needs besides to inject contacts.
#[expect(missing_docs, reason = "each is documented at its trait")]
pub trait InjectPorts: Ports {
    type Ledger: Ledger;
    type DeadLetters: DeadLetters;
    type Queue: ContactQueue;

    fn ledger(&self) -> &Self::Ledger;
    fn dead_letters(&self) -> &Self::DeadLetters;
    fn queue(&self) -> &Self::Queue;
}
