//! What one invocation reaches: the real program's ports, over this world.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use contact_injection::{
    dialects::{Dialect, HttpReply, HttpRequest, HttpResponse},
    domain::{
        claim::Record,
        credentials::Credentials,
        health::QueueHealth,
        idempotency::IdempotencyKey,
        lane::Lane,
        lease::Permit,
        message::DeadLetter,
        queues::{Queue, Reading},
        routes::{DefaultSkills, QueueId, SkillLimits},
        secret_form::{ClientForm, SecretForm},
        standing::{Standing, Waiter},
        time::Timestamp,
        token::NONCE_LENGTH,
        window::ClockId,
    },
    ports::{
        Acquired, ClientTable, ContactQueue, DeadLetters, Environment, InjectPorts, LeaseRequest, Ledger, OneForAll,
        Registered, Registry, Reserved, Returned, SchemaSnapshot, Secrets, StoreError, Swap, Transport, Wanted,
    },
};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    access::{Access, Item},
    business_unit,
    defect::Defect,
    intents::is_withdrawal,
    world::World,
};

/// How long credentials are believed without another look.
const SECRET_AGE: i64 = 300_000;

/// An execution environment: its clock, and what it keeps from one invocation to the next.
pub(crate) struct Surroundings {
    /// Its number.
    pub(crate) number: u64,
    /// How far its clock is off.
    pub(crate) skew: i64,
    /// Whose clock that is.
    pub(crate) clock: ClockId,
    /// Credentials and when they were read.
    pub(crate) secrets: RefCell<Option<(Arc<[Credentials]>, i64)>>,
}

/// The ports of one invocation.
pub(crate) struct WorkerPorts {
    pub(crate) world: Rc<World>,
    pub(crate) surroundings: Rc<Surroundings>,
    pub(crate) invocation: u64,
    /// What this invocation has read of the queues first.
    pub(crate) first_read: RefCell<Vec<(QueueId, Queue)>>,
}

impl Ledger for WorkerPorts {
    async fn read(&self, key: IdempotencyKey) -> Result<Option<Record>, StoreError> {
        self.world.commit(Access::Read(Item::Event(key)), move |world| world.record(key)).await
    }

    async fn insert(&self, key: IdempotencyKey, record: &Record) -> Result<Swap<Record>, StoreError> {
        let (record, invocation) = (record.clone(), self.invocation);
        let write = move |world: &World| world.swap(key, None, &record, invocation);
        self.world.commit(Access::Write(Item::Event(key)), write).await
    }

    async fn replace(&self, key: IdempotencyKey, seen: &Record, record: &Record) -> Result<Swap<Record>, StoreError> {
        let (seen, record, invocation) = (seen.clone(), record.clone(), self.invocation);
        if is_withdrawal(&seen, &record) && self.world.has(Defect::WithdrawalUnfenced) {
            let world = Rc::clone(&self.world);
            self.world.scheduler.after(self.world.chance.between(0, 8000), move || {
                world.swap(key, Some(&seen), &record, invocation);
            });
            return Ok(Swap::Done);
        }
        let write = move |world: &World| world.swap(key, Some(&seen), &record, invocation);
        self.world.commit(Access::Write(Item::Event(key)), write).await
    }
}

impl ClientTable for WorkerPorts {
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError> {
        let (client_id, request, invocation) = (client_id.to_owned(), *request, self.invocation);
        let write = Access::Write(Item::Client(client_id.clone()));
        self.world.commit(write, move |world| world.acquire(&client_id, &request, invocation)).await
    }

    async fn release(&self, client_id: &str, fence: u64, returned: &Returned) -> Result<bool, StoreError> {
        let (client_id, returned, invocation) = (client_id.to_owned(), returned.clone(), self.invocation);
        let write = Access::Write(Item::Client(client_id.clone()));
        let release = move |world: &World| world.release(&client_id, fence, &returned, invocation);
        self.world.commit(write, release).await
    }

    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError> {
        let (ids, invocation): (Vec<_>, _) = (client_ids.iter().map(|id| (*id).to_owned()).collect(), self.invocation);
        let read = Access::ReadMany(ids.iter().cloned().map(Item::Client).collect());
        self.world.commit(read, move |world| world.look_at(&ids, now, invocation)).await
    }

    async fn wait_for(&self, client_id: &str, waiter: Waiter, now: Timestamp) -> Result<bool, StoreError> {
        let client_id = client_id.to_owned();
        let write = Access::Write(Item::Client(client_id.clone()));
        self.world.commit(write, move |world| world.wait_for(&client_id, waiter, now)).await
    }

    async fn ask_for(&self, client_id: &str, until: Timestamp) -> Result<(), StoreError> {
        let client_id = client_id.to_owned();
        let write = Access::Write(Item::Client(client_id.clone()));
        self.world.commit(write, move |world| world.ask_for(&client_id, until)).await
    }
}

impl Secrets for WorkerPorts {
    async fn clients(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let now = self.world.now();
        let cached = self.surroundings.secrets.borrow().clone();
        match cached.filter(|(_, read)| now - read < SECRET_AGE) {
            Some((clients, _)) => Ok(clients),
            None => self.clients_anew().await,
        }
    }

    async fn clients_anew(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let read = |world: &World| world.secrets.borrow().clone();
        let clients: Arc<[_]> = self
            .world
            .commit(Access::Secret, read)
            .await?
            .into_iter()
            .map(|(client_id, secret)| {
                let plan = &self.world.plan;
                let lane =
                    if self.world.has(Defect::ReserveIgnored) { Lane::Standard } else { plan.lane_of(&client_id) };
                let credentials = match &plan.unit {
                    Some(own) => business_unit::credentials(own, client_id, secret),
                    None => Credentials::client(client_id, SecretString::from(secret)),
                };
                Credentials { lane, ..credentials }
            })
            .collect();
        *self.surroundings.secrets.borrow_mut() = Some((Arc::clone(&clients), self.world.now()));
        Ok(clients)
    }

    async fn form(&self) -> Result<SecretForm, StoreError> {
        let member = |name: &'static str| ClientForm { members: vec![name], ..ClientForm::default() };
        let clients = self.clients_anew().await?.iter().map(|_| member("client_id")).collect();
        Ok(SecretForm { clients, problems: Vec::new() })
    }
}

impl Registry for WorkerPorts {
    async fn load(&self, wanted: &Wanted) -> Result<Registered, StoreError> {
        let (schema, queues) = (wanted.schema, if self.world.plan.blind { Vec::new() } else { wanted.queues.clone() });
        let items = schema.then_some(Item::Schema).into_iter().chain(queues.iter().cloned().map(Item::Queue));
        let access = Access::ReadMany(items.collect());
        let read = move |world: &World| {
            let health = world.health.borrow();
            let known = |id: &QueueId| Some((id.clone(), health.get(id)?.clone()));
            let schema = world.schema.borrow().clone().filter(|_| schema);
            let queues = queues.iter().filter_map(known).collect();
            Registered { schema, queues, ..Registered::default() }
        };
        let mut registered = self.world.commit(access, read).await?;
        if self.world.has(Defect::ReadingNotRenewed) {
            let mut first = self.first_read.borrow_mut();
            for (id, queue) in &mut registered.queues {
                match first.iter().find(|(known, _)| known == id) {
                    Some((_, known)) => *queue = known.clone(),
                    None => first.push((id.clone(), queue.clone())),
                }
            }
        }
        Ok(registered)
    }

    async fn keep_schema(&self, snapshot: &SchemaSnapshot) -> Result<bool, StoreError> {
        let snapshot = snapshot.clone();
        let keep = move |world: &World| {
            let mut schema = world.schema.borrow_mut();
            let newer = schema.as_ref().is_none_or(|kept| kept.fetched < snapshot.fetched);
            if newer {
                *schema = Some(snapshot.clone());
            }
            newer
        };
        self.world.commit(Access::Write(Item::Schema), keep).await
    }

    async fn keep_default_skills(&self, _: &DefaultSkills, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn keep_health(
        &self,
        queue: &QueueId,
        health: &QueueHealth,
        before: Option<Reading>,
    ) -> Result<Reserved, StoreError> {
        let (queue, health) = (queue.clone(), health.clone());
        let write = Access::Write(Item::Queue(queue.clone()));
        self.world.commit(write, move |world| world.keep_health(&queue, &health, before)).await
    }

    async fn keep_unread(&self, _: &QueueId, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn reserve(&self, queue: &QueueId, reading: Timestamp, places: u64) -> Result<Reserved, StoreError> {
        let queue = queue.clone();
        let write = Access::Write(Item::Queue(queue.clone()));
        self.world.commit(write, move |world| world.reserve(&queue, reading, places)).await
    }

    async fn mark_saturated(&self, queue: &QueueId, until: Timestamp) -> Result<(), StoreError> {
        let (queue, invocation) = (queue.clone(), self.invocation);
        let write = Access::Write(Item::Queue(queue.clone()));
        self.world.commit(write, move |world| world.mark_saturated(&queue, until, invocation)).await
    }
}

impl World {
    /// Does what the sync does of a queue: asks CXone for its health, and keeps it.
    pub(crate) fn sync_health(&self, queue: &QueueId, limits: SkillLimits) {
        let health = match &self.unit {
            Some(unit) => business_unit::activity(&unit.borrow(), queue),
            None => self.tenant.borrow().queue(queue.as_str()).map(cxone_simulator::Queue::health),
        };
        let observed = Timestamp::from_millis(self.now());
        // Not by way of its bytes, which would take half of a run's time.
        let answer = HttpResponse { body: health, ..HttpResponse::new(200, None, b"", observed) };
        let read = self.dialect.read_queue_health(queue, limits, observed, &HttpReply::Answered(answer));
        if let Ok(Some(health)) = read.meaning {
            self.keep_health(queue, &health, self.reading(queue));
        }
    }

    /// What the registry knows of a queue's latest reading.
    pub(crate) fn reading(&self, queue: &QueueId) -> Option<Reading> {
        self.health.borrow().get(queue).and_then(Queue::reading)
    }

    /// Keeps a queue's health, where the reading before it is still the latest.
    pub(crate) fn keep_health(&self, queue: &QueueId, health: &QueueHealth, before: Option<Reading>) -> Reserved {
        let mut known = self.health.borrow_mut();
        let entry: &mut Queue = known.entry(queue.clone()).or_default();
        let (kept, meant) = (entry.reading(), before.map(|before| before.observed));
        let kept_at = kept.map(|kept| kept.observed);
        if kept_at != meant || kept_at >= Some(health.observed) {
            return Reserved::Superseded(Some(entry.clone()));
        }
        // Less than before only where a defect has forgotten some.
        let since = entry.reserved.saturating_sub(before.map_or(0, |before| before.reserved));
        (entry.health, entry.reserved) = (Some(health.clone()), since);
        self.seen.borrow_mut().readings.push((self.now(), queue.clone(), health.clone()));
        self.note("registry", || format!("{queue} holds {:?}, and {since} places are on their way", health.capacity));
        Reserved::UpTo(since)
    }

    /// Keeps until when a queue counts as full, unless it does for longer already.
    fn mark_saturated(&self, queue: &QueueId, until: Timestamp, invocation: u64) {
        let mark = (invocation, queue.as_str().to_owned(), self.now(), until.as_millis());
        self.seen.borrow_mut().marks.push(mark);
        if self.has(Defect::SaturationForgotten) {
            return;
        }
        let mut known = self.health.borrow_mut();
        let entry = known.entry(queue.clone()).or_default();
        entry.saturated_until = entry.saturated_until.max(Some(until));
    }

    /// Takes places of a queue's room, by number, where the reading is still the latest.
    fn reserve(&self, queue: &QueueId, reading: Timestamp, places: u64) -> Reserved {
        let mut known = self.health.borrow_mut();
        let Some(entry) = known.get_mut(queue) else { return Reserved::Superseded(None) };
        if entry.health.as_ref().is_none_or(|health| health.observed != reading) {
            return Reserved::Superseded(Some(entry.clone()));
        }
        entry.reserved = if self.has(Defect::RoomUnreserved) { places } else { entry.reserved + places };
        self.note("registry", || format!("{places} places in {queue} are reserved, {} in all", entry.reserved));
        Reserved::UpTo(entry.reserved)
    }
}

impl Transport for WorkerPorts {
    async fn send(&self, _permit: &Permit<'_>, request: HttpRequest<'_>) -> HttpReply {
        self.world.send(request, self.invocation).await
    }
}

impl DeadLetters for WorkerPorts {
    async fn send(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.world.send_dead_letter(letter, self.invocation).await
    }
}

impl ContactQueue for WorkerPorts {
    async fn delay_redelivery(&self, lane: Lane, delays: &[(String, Duration)]) -> Result<Vec<String>, StoreError> {
        self.world.delay_redelivery(lane, delays).await
    }
}

impl Environment for WorkerPorts {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.now() + self.surroundings.skew)
    }

    fn clock(&self) -> ClockId {
        if self.world.has(Defect::SkewIgnored) { ClockId::new(1) } else { self.surroundings.clock }
    }

    async fn sleep(&self, duration: Duration) {
        self.world.scheduler.sleep(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)).await;
    }

    fn sample(&self) -> f64 {
        self.world.chance.sample()
    }

    fn uuid(&self) -> Uuid {
        self.world.chance.uuid()
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        let mut nonce = [0; NONCE_LENGTH];
        nonce.copy_from_slice(&self.world.chance.uuid().as_bytes()[..NONCE_LENGTH]);
        nonce
    }
}

impl OneForAll for WorkerPorts {
    fn dialect(&self) -> &dyn Dialect {
        &*self.world.dialect
    }
}

impl InjectPorts for WorkerPorts {
    type Ledger = Self;
    type DeadLetters = Self;
    type Queue = Self;

    fn ledger(&self) -> &Self {
        self
    }

    fn dead_letters(&self) -> &Self {
        self
    }

    fn queue(&self) -> &Self {
        self
    }
}
