//! The DynamoDB tables: every write is a compare-and-swap at one moment, and its answer may not be the whole truth.

use std::{collections::BTreeMap, rc::Rc};

use contact_injection::{
    domain::{
        claim::{Record, State},
        credentials::RefusedCredentials,
        idempotency::IdempotencyKey,
        lane::{Lane, Turn, Turns},
        lease::Reservation,
        standing::{Standing, Waiter},
        time::Timestamp,
    },
    ports::{Acquired, LeaseRequest, Returned, StoreError, StoredClient, StoredState, Swap},
};
use uuid::Uuid;

use crate::{
    access::Access,
    defect::Defect,
    intents::{is_intent, judged_early, looked_for_once, without_doubt},
    invariants::Turned,
    world::World,
};

/// The ledger table.
pub(crate) type Ledger = BTreeMap<IdempotencyKey, Record>;

/// One client of the clients table.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientItem {
    fence: u64,
    leased_until: Option<Timestamp>,
    holder: Option<Uuid>,
    reservations: Vec<Reservation>,
    state: Option<StoredState>,
    refused: Option<RefusedCredentials>,
    turns: Turns,
    waiter: Option<Waiter>,
    /// How it stood before the last write, and when that was.
    before: Option<(i64, Standing)>,
    /// What was seen of its turns.
    turned: Turned,
    /// Until when nobody else may have it, whatever a defect makes of the above.
    taken_until: i64,
}

impl ClientItem {
    /// The size of what is kept of its sends, in bytes.
    pub(crate) fn state_bytes(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.json.len())
    }

    /// Whether some worker holds it.
    pub(crate) fn is_leased(&self) -> bool {
        self.holder.is_some()
    }

    fn standing(&self) -> Standing {
        let refused = self.refused.map(|refused| (refused.until, refused.secret));
        Standing { leased_until: self.leased_until, refused, turns: self.turns, waiter: self.waiter }
    }
}

/// How long a read that needn't be consistent may not see a write, in milliseconds.
const STALE: i64 = 500;

/// What a write is worth.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    /// Committed once, and tried again by the SDK, which sees its own write.
    Repeated,
    LostBefore,
    LostAfter,
    /// Committed when its sender has long given it up.
    Late,
}

impl World {
    /// One request to a store: `act` is the commit, at one moment.
    pub(crate) async fn commit<T: 'static>(
        self: &Rc<Self>,
        access: Access,
        act: impl Fn(&World) -> T + 'static,
    ) -> Result<T, StoreError> {
        if let Some(services) = &self.services {
            return services.commit(self, access, act).await;
        }
        let store = access.store();
        self.see_round_trip(|| access.to_string());
        let failed = || StoreError { store, operation: "a request", source: "a simulated fault".into() };
        let fate = if self.strikes(|faults| faults.store) {
            [Fate::LostBefore, Fate::LostAfter, Fate::Repeated, Fate::Late][self.chance.index(4)]
        } else {
            Fate::Answered
        };
        let way = || {
            if self.strikes(|faults| faults.slow / 4.0) {
                self.chance.between(100, 2500)
            } else {
                let way = &self.plan.pace.way_to_store;
                self.chance.between(*way.start(), *way.end())
            }
        };
        self.scheduler.sleep(way()).await;
        let answer = match fate {
            Fate::LostBefore => Err(failed()),
            Fate::LostAfter => {
                act(self);
                Err(failed())
            }
            Fate::Late => {
                let world = Rc::clone(self);
                self.scheduler.after(self.chance.between(0, 8000), move || {
                    act(&world);
                });
                Err(failed())
            }
            Fate::Repeated => {
                act(self);
                self.scheduler.sleep(way()).await;
                Ok(act(self))
            }
            Fate::Answered => Ok(act(self)),
        };
        if answer.is_err() {
            self.note("tables", || format!("a request to {store} gets no answer"));
        }
        self.scheduler.sleep(way()).await;
        answer
    }

    /// The record on an event.
    pub(crate) fn record(&self, key: IdempotencyKey) -> Option<Record> {
        let found = self.ledger.borrow().get(&key).cloned();
        found.filter(|_| !self.has(Defect::LedgerUnasked))
    }

    /// Writes a record in place of the one that is expected there, which is none for an insertion.
    pub(crate) fn swap(
        &self,
        key: IdempotencyKey,
        seen: Option<&Record>,
        record: &Record,
        invocation: u64,
    ) -> Swap<Record> {
        let mut ledger = self.ledger.borrow_mut();
        let found = ledger.get(&key);
        let settles = record.state != State::Claimed && seen.is_some_and(|seen| seen.attempt == record.attempt);
        let unfenced = (self.has(Defect::SettlementUnfenced) && settles) || self.has(Defect::DuplicateUnchecked);
        let unasked = record.state == State::DeadLettered && self.has(Defect::LedgerUnasked);
        let holds = match (found, seen) {
            (None, None) => true,
            (Some(_), None) => unasked,
            (Some(found), Some(seen)) => {
                let same_claim = found.attempt == seen.attempt && found.state == seen.state;
                let untimed = same_claim && self.has(Defect::WithdrawalUnfenced);
                record.may_replace(seen, found) || unfenced || untimed
            }
            _ => false,
        };
        if !holds {
            let found = found.cloned().map(|found| self.misread(found, record));
            return Swap::Refused(found);
        }
        if self.has(Defect::IntentUnwritten) && is_intent(seen, record) {
            return Swap::Done;
        }
        self.note("ledger", || {
            format!("{} {:?} {} by i{invocation}", short(key), record.state, record.attempt.simple())
        });
        self.see_intent(key, found, record, invocation);
        if record.state == State::Claimed && found.is_none_or(|found| found.attempt != record.attempt) {
            self.seen.borrow_mut().claims.entry(key).or_default().push((record.attempt, invocation, self.now()));
        }
        if settles {
            self.seen.borrow_mut().settled.insert(record.attempt);
        }
        if record.state == State::Injected {
            self.seen.borrow_mut().injected.insert(key);
        }
        if let Some((outcome, id)) = record.final_outcome().zip(record.outcome_id(key)) {
            let fact = (key, outcome, record.last_reason());
            self.seen.borrow_mut().told.entry(fact).or_default().insert(id);
            if IdempotencyKey::of_event(&record.event.source, &record.event.id) != key {
                self.breach(format!("the record of {key} doesn't say which event it is"));
            }
        }
        match record.state {
            State::InDoubt if self.has(Defect::ClaimDeletedOnTimeout) => {
                ledger.remove(&key);
            }
            State::DeadLettered if self.has(Defect::DeadLetterOffRecord) => {
                let released = Record { state: State::Released, dead_letters: Vec::new(), ..record.clone() };
                ledger.insert(key, released);
            }
            State::InDoubt if self.has(Defect::AbsentAfterOneLook) => {
                ledger.insert(key, looked_for_once(record));
            }
            State::Parked if self.forgets_doubt(record, invocation) => {
                ledger.insert(key, without_doubt(record));
            }
            State::Released | State::DeadLettered if self.has(Defect::DataUnbound) => {
                ledger.insert(key, Record { hash: None, ..record.clone() });
            }
            State::InDoubt if self.has(Defect::ClaimReleasedOnDoubt) => {
                let released = Record { state: State::Released, hash: None, first_sent: None, ..record.clone() };
                ledger.insert(key, released);
            }
            _ => {
                ledger.insert(key, record.clone());
            }
        }
        Swap::Done
    }

    /// What a defective ledger makes of a record.
    fn misread(&self, found: Record, wanted: &Record) -> Record {
        match (self.defect, found.state) {
            (Some(Defect::DuplicateUnchecked), State::Injected) => {
                Record { state: State::InDoubt, first_sent: Some(wanted.at), ..found }
            }
            (Some(Defect::DataUnchecked), _) => Record { hash: wanted.hash.clone(), ..found },
            (Some(Defect::JudgedEarly), State::Claimed) => judged_early(found, wanted.at),
            (Some(Defect::KeyMemoryIgnored), _) => Record { first_sent: found.first_sent.map(|_| wanted.at), ..found },
            _ => found,
        }
    }

    /// Leases a client where it is free.
    pub(crate) fn acquire(&self, client_id: &str, request: &LeaseRequest, invocation: u64) -> Acquired {
        let mut clients = self.clients.borrow_mut();
        let item = clients.entry(client_id.to_owned()).or_default();
        let client = |item: &ClientItem| StoredClient { state: item.state.clone(), orphans: item.reservations.clone() };
        if let Some(until) = item.leased_until.filter(|until| *until > request.now)
            && !self.has(Defect::LeaseUnchecked)
        {
            if item.holder == Some(request.holder) {
                let mut found = client(item);
                found.orphans.pop();
                return Acquired::Held { fence: item.fence, client: found };
            }
            item.turned.refused(request.turn, invocation, self.now());
            return Acquired::Busy(until);
        }
        let pause = item.refused.and_then(|refused| refused.pause(request.secret, request.now));
        if let Some(until) = pause.filter(|_| !self.has(Defect::RefusalForgotten)) {
            return Acquired::Refused(until);
        }
        if !item.turns.admit(request.turn, request.now) && !self.has(Defect::TurnsForgotten) {
            item.turned.refused(request.turn, invocation, self.now());
            return Acquired::Busy(request.until);
        }
        if request.turn != Turn::Loan && !item.standing().is_first(request.since, request.now) {
            item.turned.refused(request.turn, invocation, self.now());
            return Acquired::Busy(request.until);
        }
        if self.now() < item.taken_until {
            self.breach(format!("{client_id} was leased to i{invocation} while another held it"));
        }
        item.taken_until = request.until.as_millis() - self.plan.skew;
        self.see_turn(client_id, &mut item.turned, request.turn, invocation);
        let before = client(item);
        item.before = Some((self.now(), item.standing()));
        item.fence += 1;
        let Standing { leased_until, turns, waiter, .. } = item.standing().leased(request.turn, request.until);
        (item.leased_until, item.turns, item.waiter) = (leased_until, turns, waiter);
        item.holder = Some(request.holder);
        if !self.has(Defect::ReservationForgotten) {
            item.reservations.push(request.reservation);
        }
        self.note("clients", || format!("{client_id} is leased to i{invocation} under fence {}", item.fence));
        Acquired::Held { fence: item.fence, client: before }
    }

    /// Whether a client could be leased and used now by a worker of this lane.
    pub(crate) fn is_free(&self, client_id: &str, lane: Lane) -> bool {
        let turn = match (&self.plan.urgent, lane, self.plan.lane_of(client_id)) {
            (None, ..) | (_, Lane::Urgent, Lane::Urgent) => Turn::Any,
            (_, Lane::Standard, Lane::Standard) => Turn::Standard,
            (_, Lane::Urgent, Lane::Standard) => Turn::Loan,
            (_, Lane::Standard, Lane::Urgent) => return false,
        };
        let clients = self.clients.borrow();
        let Some(item) = clients.get(client_id) else { return true };
        let now = Timestamp::from_millis(self.now() - self.plan.skew);
        item.leased_until.is_none()
            && item.turns.admit(turn, now)
            && item.standing().awaited(now).is_none()
            && item.refused.is_none_or(|refused| refused.until < now)
    }

    /// Takes a client back where the fence is still the holder's.
    pub(crate) fn release(&self, client_id: &str, fence: u64, returned: &Returned, invocation: u64) -> bool {
        let mut clients = self.clients.borrow_mut();
        let Some(item) = clients.get_mut(client_id) else { return false };
        if item.fence == fence {
            item.taken_until = 0;
        } else if !self.has(Defect::LeaseUnfenced) {
            return false;
        }
        self.note("clients", || format!("{client_id} is given back by i{invocation} under fence {fence}"));
        item.before = Some((self.now(), item.standing()));
        item.state = (!self.has(Defect::WindowForgotten)).then(|| returned.state.clone());
        item.refused = returned.refused;
        item.turns.lent_until = returned.lent_until.or(item.turns.lent_until);
        item.leased_until = None;
        item.holder = None;
        item.reservations.clear();
        true
    }

    /// How clients stand, or stood a moment ago, by this clock of an invocation's.
    pub(crate) fn look_at(&self, ids: &[String], clock: Timestamp, invocation: u64) -> BTreeMap<String, Standing> {
        let mut clients = self.clients.borrow_mut();
        let lane = self.seen.borrow().lanes.get(&invocation).copied();
        let turn = if self.plan.urgent.is_some() && lane == Some(Lane::Standard) { Turn::Standard } else { Turn::Any };
        let mut stood = |id: &String| {
            let Some(item) = clients.get_mut(id) else { return Standing::default() };
            let standing = self.misseen(item.standing());
            if standing.leased_until.is_some_and(|until| until > clock) || !standing.turns.admit(turn, clock) {
                item.turned.refused(turn, invocation, self.now());
            }
            let stale = item.before.filter(|(written, _)| self.now() - written < STALE && self.chance.happens(0.2));
            stale.map_or(standing, |(_, before)| self.misseen(before))
        };
        ids.iter().map(|id| (id.clone(), stood(id))).collect()
    }

    /// How a client stands where a defect makes nothing of it.
    fn misseen(&self, standing: Standing) -> Standing {
        let Standing { leased_until, refused, turns, waiter } = standing;
        Standing {
            waiter,
            leased_until: leased_until.filter(|_| !self.has(Defect::LeaseUnchecked)),
            refused: refused.filter(|_| !self.has(Defect::RefusalForgotten)),
            turns: if self.has(Defect::TurnsForgotten) { Turns::default() } else { turns },
        }
    }

    /// Keeps that a worker waits for a client, unless one does that began before.
    pub(crate) fn wait_for(&self, client_id: &str, waiter: Waiter, now: Timestamp) -> bool {
        let mut clients = self.clients.borrow_mut();
        let Some(item) = clients.get_mut(client_id) else { return false };
        let stands = item.standing().is_first(waiter.since, now);
        if stands {
            item.before = Some((self.now(), item.standing()));
            item.waiter = Some(waiter);
        }
        stands
    }

    /// Keeps that an urgent worker waits for a client.
    pub(crate) fn ask_for(&self, client_id: &str, until: Timestamp) {
        if let Some(item) = self.clients.borrow_mut().get_mut(client_id) {
            item.before = Some((self.now(), item.standing()));
            item.turns.asked_until = Some(until);
        }
    }
}

fn short(key: IdempotencyKey) -> String {
    key.to_string().chars().take(8).collect()
}
