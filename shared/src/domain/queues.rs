//! How much room the queues have, as one worker sees it, and which part of it is the worker's own.
//!
//! A queue's health is as old as its last reading, and many workers believe the same one. Where there is more room than
//! all of them could fill before they stop believing it, each only counts what it places itself. Where there is less,
//! places are handed out by number, from one count that begins anew with every reading: whoever holds a number within
//! the room may place a contact. So the workers together never place more than there was room for, and whoever is not
//! at work keeps no room from the others. The number says how full the queue is when the contact comes, which is what
//! degradation counts.

mod plan;
mod tickets;

use std::{borrow::Cow, collections::HashMap, time::Duration};

use self::tickets::Tickets;
use super::{
    health::{QueueHealth, Status},
    lease::Rate,
    routes::{Address, DefaultSkills, QueueId},
    targets::Availability,
    time::Timestamp,
};

/// A queue that refused a contact counts as full for so long: half a sync interval, after which its health knows.
pub const SATURATED_FOR: Duration = Duration::from_secs(30);

/// How long after its reading was replaced a worker may still send by it: it has read the registry seconds ago, and its
/// request takes seconds.
const ON_ITS_WAY: Duration = Duration::from_secs(20);

/// A contact that was answered so long before its queue's health was asked for is counted in it: by how much clocks
/// that are kept by NTP may differ. A wrong guess here is a matter of the contacts of these seconds.
const COUNTED_AFTER: Duration = Duration::from_secs(2);

/// A queue with plenty of room that was read so long ago is read again: another worker's mark that it is full lasts for
/// half a minute, and newer health may show little room.
const PLENTY_REREAD_AFTER: Duration = Duration::from_secs(10);

/// Any other queue, while a batch goes on: contacts wait up to a minute for their permits, and readings come each
/// minute.
const SCARCE_REREAD_AFTER: Duration = Duration::from_secs(1);

/// Parts of `maxCapacity`, in percent, from which each lowers the priority by a step.
const NEARLY_FULL: [u64; 2] = [80, 90];

/// A queue as the registry holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The latest health, where there is one.
    pub health: Option<QueueHealth>,
    /// Until when it counts as full, since it refused a contact.
    pub saturated_until: Option<Timestamp>,
    /// Places of that health's room that are reserved, those among them that were reserved while it was being read.
    pub reserved: u64,
}

impl Queue {
    /// A queue with this health, of whose room nothing is reserved yet.
    pub fn new(health: Option<QueueHealth>, saturated_until: Option<Timestamp>) -> Self {
        Self { health, saturated_until, reserved: 0 }
    }

    /// Which reading it is, and what was reserved of its room.
    pub fn reading(&self) -> Option<Reading> {
        Some(Reading { observed: self.observed()?, reserved: self.reserved })
    }

    fn observed(&self) -> Option<Timestamp> {
        self.health.as_ref().map(|health| health.observed)
    }
}

/// A reading of a queue's health, and how many places of its room were reserved by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When the health was observed: each reading has a time of its own.
    pub observed: Timestamp,
    /// Places.
    pub reserved: u64,
}

/// How long health is believed, and how much can happen meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Older health says nothing.
    max_age: Duration,
    /// The most contacts that all workers together can place while they believe one reading.
    placeable: u64,
}

impl Bounds {
    /// The bounds of so many clients that each send at this rate: no worker sends without one.
    pub fn new(max_age: Duration, rate: Rate, clients: usize) -> Self {
        let windows = (max_age + ON_ITS_WAY).as_millis() / rate.window.as_millis().max(1) + 1;
        let placeable = (clients as u128).saturating_mul(rate.limit as u128).saturating_mul(windows);
        Self { max_age, placeable: u64::try_from(placeable).unwrap_or(u64::MAX) }
    }
}

/// A reservation to be made: places for contacts to come, and for those of this worker that the reading may not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The reading whose room it is.
    pub reading: Timestamp,
    /// Places.
    pub places: u64,
    /// How many of them are for contacts that are there or on their way already.
    carried: u64,
}

/// What one worker knows of the queues, and has put into them.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    known: HashMap<QueueId, Known>,
    default_skills: DefaultSkills,
    bounds: Bounds,
}

impl Queues {
    /// A new invocation begins. Until the first, no health is believed.
    pub fn begin(&mut self, bounds: Bounds, now: Timestamp) {
        self.bounds = bounds;
        for known in self.known.values_mut() {
            known.shut = false;
            (known.expected, known.asked) = (0, 0);
            known.tickets.nothing_is_under_way(now);
        }
    }

    /// Takes in which skills points of contact are for.
    pub fn learn_default_skills(&mut self, skills: DefaultSkills) {
        self.default_skills = skills;
    }

    /// Which skills points of contact are for, as far as is known.
    pub const fn default_skills(&self) -> &DefaultSkills {
        &self.default_skills
    }

    /// The queue whose health says whether a target takes contacts, where one is known.
    pub fn queue_of<'r>(&self, address: &'r Address) -> Option<Cow<'r, QueueId>> {
        self.default_skills.queue_of(address)
    }

    /// What stands among the queues for a target: what is known of these says whether it takes contacts.
    pub fn queues_of<'r>(&self, address: &'r Address) -> impl Iterator<Item = Cow<'r, QueueId>> + use<'r> {
        self.queue_of(address).into_iter().chain(address.kind_queue().map(Cow::Borrowed))
    }

    /// Takes in what the registry, or CXone itself, says of a queue. Newer health counts what had arrived when it was
    /// observed, and voids the places reserved before; older health says nothing new.
    pub fn learn(&mut self, id: QueueId, queue: Queue) {
        let known = self.known.entry(id).or_default();
        known.queue.saturated_until = known.queue.saturated_until.max(queue.saturated_until);
        let (before, after) = (known.queue.observed(), queue.observed());
        if let Some(at) = after.filter(|_| after > before) {
            known.queue.health = queue.health;
            known.queue.reserved = queue.reserved;
            known.shut = false;
            known.tickets.renew(at.minus(COUNTED_AFTER));
        } else if after == before {
            known.queue.reserved = known.queue.reserved.max(queue.reserved);
        }
    }

    /// The registry has been asked for a queue.
    pub fn registry_asked(&mut self, id: QueueId, now: Timestamp) {
        self.known.entry(id).or_default().read = Some(now);
    }

    /// Whether a new invocation has to read a queue in the registry: not one with plenty of room that was read lately,
    /// for what others reserved or found full decides nothing there yet.
    pub fn is_to_be_read(&self, id: &QueueId, now: Timestamp) -> bool {
        !(self.has_plenty(id, now) && self.was_read(id, PLENTY_REREAD_AFTER, now))
    }

    /// Whether a queue has to be read again before a contact sets out, in the course of an invocation.
    pub fn is_to_be_read_again(&self, id: &QueueId, now: Timestamp) -> bool {
        self.is_to_be_read(id, now) && !self.was_read(id, SCARCE_REREAD_AFTER, now)
    }

    /// Whether what is known of a queue is too old to send by: the registry took its time to answer, or this worker
    /// did.
    pub fn is_outdated(&self, id: &QueueId, now: Timestamp) -> bool {
        !self.was_read(id, PLENTY_REREAD_AFTER, now)
    }

    fn was_read(&self, id: &QueueId, within: Duration, now: Timestamp) -> bool {
        // A time that is yet to come was read off a clock that has been set back since.
        let read = self.known.get(id).and_then(|known| known.read);
        read.is_some_and(|at| at <= now && now.since(at) < within)
    }

    /// A queue as it is known here, where it is.
    pub fn known(&self, id: &QueueId) -> Option<Queue> {
        self.known.get(id).map(|known| known.queue.clone())
    }

    /// The latest reading of a queue, where there is one.
    pub fn reading(&self, id: &QueueId) -> Option<Reading> {
        self.known.get(id)?.queue.reading()
    }

    /// Whether a queue is known to have more room than all workers together could fill before they look again.
    pub fn has_plenty(&self, id: &QueueId, now: Timestamp) -> bool {
        self.known.get(id).is_some_and(|known| {
            matches!(known.availability(0, now, self.bounds), Availability::Open(_))
                && known.scarce(now, self.bounds).is_none()
        })
    }

    /// Whether a queue takes one more contact. Where a place has to be reserved for it first, as far as is known.
    pub fn availability(&self, id: &QueueId, now: Timestamp) -> Availability {
        self.availability_after(id, 0, now)
    }

    /// Whether a target takes one more contact, after so many more of this worker.
    pub fn availability_at(&self, address: &Address, ahead: u64, now: Timestamp) -> Availability {
        let full = |kind| self.availability(kind, now) == Availability::Saturated;
        if address.kind_queue().is_some_and(full) {
            return Availability::Saturated;
        }
        match (self.queue_of(address), address.without_skill()) {
            (Some(queue), _) => self.availability_after(&queue, ahead, now),
            (None, Some(point)) if !self.default_skills.knows(point) => Availability::Unknown,
            (None, _) => Availability::Open(0),
        }
    }

    /// The same after so many more contacts of this worker.
    fn availability_after(&self, id: &QueueId, ahead: u64, now: Timestamp) -> Availability {
        self.known.get(id).map_or(Availability::Unknown, |known| known.availability(ahead, now, self.bounds))
    }

    /// A contact is on its way into a queue; false where a place has to be reserved for it first.
    pub fn place(&mut self, id: &QueueId, now: Timestamp) -> bool {
        let bounds = self.bounds;
        let known = self.known.entry(id.clone()).or_default();
        known.tickets.place(known.scarce(now, bounds).is_some())
    }

    /// A contact has reached the queue that it was on its way to, or may have.
    pub fn arrived(&mut self, id: &QueueId, now: Timestamp) {
        if let Some(known) = self.known.get_mut(id) {
            known.tickets.arrived(now);
        }
    }

    /// A contact did not get into the queue that it was on its way to: its place serves another.
    pub fn unplace(&mut self, id: &QueueId) {
        if let Some(known) = self.known.get_mut(id) {
            known.tickets.unplace();
        }
    }

    /// What to ask the registry for, to have places for so many more contacts; nothing where none has to be reserved.
    /// Until it is granted or refused, nobody else of this worker asks for the same.
    pub fn ask(&mut self, id: &QueueId, contacts: u64, now: Timestamp) -> Option<Ask> {
        let known = self.known.get_mut(id)?;
        known.scarce(now, self.bounds)?;
        let (reading, carried) = (known.queue.observed()?, known.tickets.take_unreserved());
        known.asked += contacts;
        Some(Ask { reading, places: contacts.saturating_add(carried), carried })
    }

    /// Nothing was reserved.
    pub fn refuse(&mut self, id: &QueueId, ask: Ask) {
        if let Some(known) = self.known.get_mut(id) {
            known.asked = known.asked.saturating_sub(ask.places - ask.carried);
            if known.queue.observed() == Some(ask.reading) {
                known.tickets.give_back_unreserved(ask.carried);
            }
        }
    }

    /// A contact waits for its permit, and will most likely go to this queue then.
    pub fn expect(&mut self, id: &QueueId) {
        self.known.entry(id.clone()).or_default().expected += 1;
    }

    /// It waits no more.
    pub fn expect_no_more(&mut self, id: &QueueId) {
        if let Some(known) = self.known.get_mut(id) {
            known.expected = known.expected.saturating_sub(1);
        }
    }

    /// For how many contacts to ask where one lacks its place: for those that will lack theirs too, unless somebody
    /// asks for them already.
    pub fn lacking(&self, id: &QueueId) -> u64 {
        let missing = |known: &Known| (known.expected + 1).saturating_sub(known.asked).max(1);
        self.known.get(id).map_or(1, missing)
    }

    /// The places up to this number are taken, the last of them as asked. What is beyond the room serves nobody.
    pub fn grant(&mut self, id: &QueueId, ask: Ask, up_to: u64) {
        let Some(known) = self.known.get_mut(id) else { return };
        known.asked = known.asked.saturating_sub(ask.places - ask.carried);
        if known.queue.observed() != Some(ask.reading) {
            return;
        }
        known.queue.reserved = known.queue.reserved.max(up_to);
        let room = known.room().map_or(0, |(_, room)| room);
        known.tickets.grant(ask.carried, up_to.saturating_sub(ask.places) + 1..=up_to, room);
    }

    /// No place can be reserved, so the queue counts as full for this invocation.
    pub fn shut(&mut self, id: &QueueId) {
        self.known.entry(id.clone()).or_default().shut = true;
    }

    /// A queue refused a contact: it counts as full until this.
    pub fn saturate(&mut self, id: &QueueId, now: Timestamp) -> Timestamp {
        let until = now.plus(SATURATED_FOR);
        self.known.entry(id.clone()).or_default().queue.saturated_until = Some(until);
        until
    }
}

/// What one worker knows of one queue.
#[derive(Clone, Debug, Default)]
struct Known {
    queue: Queue,
    /// When the registry was last asked for it.
    read: Option<Timestamp>,
    tickets: Tickets,
    shut: bool,
    /// Contacts of this invocation that wait for their permits.
    expected: u64,
    /// Contacts for whose places the registry is being asked.
    asked: u64,
}

impl Known {
    fn availability(&self, ahead: u64, now: Timestamp, bounds: Bounds) -> Availability {
        // Health that is newer than the refusal knows better; a mark that reaches further than marks do was made by a
        // clock that ran ahead.
        if self.queue.saturated_until.is_some_and(|until| {
            until > now
                && until <= now.plus(SATURATED_FOR * 2)
                && self.queue.observed().is_none_or(|at| at <= until.minus(SATURATED_FOR))
        }) {
            return Availability::Saturated;
        }
        let Some(health) = self.believed(now, bounds) else { return Availability::Unknown };
        match &health.status {
            Status::Missing => Availability::Missing,
            Status::Saturated(_) => Availability::Saturated,
            Status::MissingOnce | Status::Unknown(_) => Availability::Unknown,
            Status::Open => match self.room() {
                None => Availability::Open(0),
                Some((max, room)) => self.number(ahead, room, bounds).map_or(Availability::Saturated, |number| {
                    let percent = u128::from(max - room + number - 1) * 100 / u128::from(max);
                    Availability::Open(NEARLY_FULL.iter().map(|from| u32::from(percent >= u128::from(*from))).sum())
                }),
            },
        }
    }

    /// The number of the place that a contact of this worker has after `ahead` others; nothing where there is none.
    fn number(&self, ahead: u64, room: u64, bounds: Bounds) -> Option<u64> {
        let unreserved = self.tickets.unreserved();
        let number = if room >= bounds.placeable {
            unreserved.saturating_add(ahead)
        } else {
            match self.tickets.held(ahead) {
                Ok(number) => return Some(number),
                Err(_) if self.shut => return None,
                Err(beyond) => self.queue.reserved.saturating_add(unreserved).saturating_add(beyond),
            }
        };
        (number < room).then_some(number + 1)
    }

    /// The queue's room, where it is so little that places in it have to be reserved.
    fn scarce(&self, now: Timestamp, bounds: Bounds) -> Option<u64> {
        let open = self.believed(now, bounds)?.status == Status::Open;
        self.room().map(|(_, room)| room).filter(|room| open && *room < bounds.placeable)
    }

    /// The most that the queue takes, and how much of it was free when it was looked at.
    fn room(&self) -> Option<(u64, u64)> {
        let health = self.queue.health.as_ref()?;
        let max = health.max_capacity?;
        Some((max, max.saturating_sub(health.capacity?)))
    }

    fn believed(&self, now: Timestamp, bounds: Bounds) -> Option<&QueueHealth> {
        self.queue.health.as_ref().filter(|health| now.since(health.observed) < bounds.max_age)
    }
}

#[cfg(test)]
mod tests;
