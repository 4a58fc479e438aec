//! The queues of both lanes and their dead-letter queue, as SQS keeps them: at least once, in any order, with receipts
//! that age.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use contact_injection::{
    domain::{
        lane::Lane,
        message::{AttributeContent, DeadLetter, Message},
        time::Timestamp,
    },
    ports::StoreError,
};

use crate::{defect::Defect, lanes::lane_named, world::World};

/// The queue's own visibility timeout: the template's.
const VISIBILITY: i64 = 360_000;

/// Messages of one batch at most.
pub(crate) const BATCH: usize = 10;

/// The queue of one lane.
pub(crate) struct ContactQueue {
    lane: Lane,
    kept: BTreeMap<u64, Kept>,
    /// The same, by when each can be received.
    due: BTreeSet<(i64, u64)>,
    sent: u64,
    /// How many were received and can't be received again yet, as of a time.
    in_flight: (usize, i64),
}

struct Kept {
    body: String,
    sent: i64,
    visible: i64,
    received: u32,
    in_flight: bool,
}

/// A message in the dead-letter queue.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) reason: String,
    pub(crate) attempts: u32,
    pub(crate) at: i64,
    pub(crate) invocation: u64,
    pub(crate) source: String,
    /// Whether the invocation that sent it went on to acknowledge the message.
    pub(crate) final_word: bool,
    /// When it was sent on its way again.
    pub(crate) redriven: Option<i64>,
    /// The lane that it says that it came by.
    pub(crate) lane: Option<Lane>,
    /// The lane by which it was sent on its way again.
    pub(crate) sent_back_by: Option<Lane>,
}

impl ContactQueue {
    /// An empty one.
    pub(crate) fn of(lane: Lane) -> Self {
        Self { lane, kept: BTreeMap::new(), due: BTreeSet::new(), sent: 0, in_flight: (0, i64::MIN) }
    }

    /// How many messages it holds, in flight or not.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// How many messages were received, and neither deleted nor can be received again. Each message's time is passed
    /// once, so that asking costs nothing.
    pub(crate) fn in_flight(&mut self, now: i64) -> usize {
        let (in_flight, counted) = &mut self.in_flight;
        for (_, number) in self.due.range((*counted, 0)..=(now, u64::MAX)) {
            if let Some(kept) = self.kept.get_mut(number).filter(|kept| kept.in_flight) {
                kept.in_flight = false;
                *in_flight -= 1;
            }
        }
        *counted = now;
        *in_flight
    }

    /// Puts a message in.
    pub(crate) fn send(&mut self, body: String, now: i64) {
        self.sent += 1;
        self.kept.insert(self.sent, Kept { body, sent: now, visible: now, received: 0, in_flight: false });
        self.due.insert((now, self.sent));
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// When the next message can be received.
    pub(crate) fn next_visible(&self) -> Option<i64> {
        self.due.first().map(|(visible, _)| *visible)
    }

    /// Takes a message out, as an acknowledgement does.
    pub(crate) fn delete(&mut self, message_id: &str) -> Option<String> {
        let number = self.number(message_id)?;
        let kept = self.kept.remove(&number)?;
        self.in_flight.0 -= usize::from(kept.in_flight);
        self.due.remove(&(kept.visible, number));
        Some(kept.body)
    }

    /// A message can be received from then on.
    fn hide(&mut self, number: u64, until: i64) {
        let Some(kept) = self.kept.get_mut(&number) else { return };
        self.due.remove(&(kept.visible, number));
        kept.visible = until;
        if !kept.in_flight {
            kept.in_flight = true;
            self.in_flight.0 += 1;
        }
        self.due.insert((until, number));
    }

    /// Which of its messages this is.
    fn number(&self, message_id: &str) -> Option<u64> {
        message_id.strip_prefix(mark(self.lane))?.parse().ok()
    }
}

/// What the ids of a queue's messages begin with.
const fn mark(lane: Lane) -> char {
    match lane {
        Lane::Standard => 'm',
        Lane::Urgent => 'u',
    }
}

/// The lane that a message came by.
pub(crate) fn lane_of(message_id: &str) -> Lane {
    if message_id.starts_with(mark(Lane::Urgent)) { Lane::Urgent } else { Lane::Standard }
}

impl World {
    /// Whether no message is left in any queue.
    pub(crate) fn has_empty_queues(&self) -> bool {
        self.queues.values().all(|queue| queue.borrow().is_empty())
    }

    /// Hands out up to a batch of messages.
    pub(crate) fn receive(&self, lane: Lane) -> Vec<Message> {
        let now = self.now();
        let mut queue = self.queues[&lane].borrow_mut();
        let (mark, in_order) = (mark(lane), self.plan.pace.in_order);
        let due = queue.due.range(..=(now, u64::MAX)).map(|(_, id)| *id);
        let mut visible: Vec<u64> = if in_order { due.take(BATCH).collect() } else { due.collect() };
        if !in_order {
            visible.sort_unstable();
        }
        let wanted = if in_order || self.chance.coin() { BATCH } else { 1 + self.chance.index(BATCH) };
        let mut messages = Vec::new();
        while !visible.is_empty() && messages.len() < wanted {
            let id = visible.swap_remove(self.chance.index(visible.len()));
            // Handed out twice: another receiver may get it before this one's timeout has begun.
            let twice = self.strikes(|faults| faults.twice);
            queue.hide(id, now + if twice { self.chance.between(0, 5000) } else { VISIBILITY });
            let Some(kept) = queue.kept.get_mut(&id) else { continue };
            kept.received += 1;
            messages.push(Message {
                message_id: format!("{mark}{id}"),
                receipt_handle: format!("{mark}{id}/{}", kept.received),
                body: kept.body.clone(),
                attributes: Vec::new(),
                receive_count: kept.received,
                sent: Some(Timestamp::from_millis(kept.sent)),
                group: None,
                origin: self.plan.origin(lane),
            });
        }
        messages
    }

    /// Keeps messages out of sight, as far as SQS does.
    pub(crate) async fn delay_redelivery(
        self: &Rc<Self>,
        lane: Lane,
        delays: &[(String, Duration)],
    ) -> Result<Vec<String>, StoreError> {
        self.scheduler.sleep(self.chance.between(1, 30)).await;
        if let Some(services) = &self.services {
            services.usage.borrow_mut().visibility_changes += delays.len().div_ceil(BATCH) as u64;
        }
        let failed = || StoreError {
            store: "the contact queue",
            operation: "a change of visibility",
            source: "a simulated fault".into(),
        };
        let lost = self.strikes(|faults| faults.queue / 2.0);
        if lost && self.chance.coin() {
            return Err(failed());
        }
        let mut left = Vec::new();
        for (receipt, delay) in delays {
            let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            if delay > 12 * 3_600_000 {
                self.breach(format!("{receipt}: SQS was asked for more than twelve hours"));
            }
            if lane_of(receipt) != lane {
                self.breach(format!("{receipt}: the queue of the {lane} lane was asked to hide it"));
            }
            let mut queue = self.queues[&lane].borrow_mut();
            let id = receipt.split_once('/').and_then(|(id, _)| queue.number(id));
            // An old receipt serves on: what SQS refuses is a message that is gone, or another queue's.
            match id.filter(|id| queue.kept.contains_key(id)) {
                Some(id) if !self.strikes(|faults| faults.queue) => queue.hide(id, self.now() + delay),
                _ => left.push(receipt.clone()),
            }
        }
        if lost { Err(failed()) } else { Ok(left) }
    }

    /// Acknowledges a message; SQS may forget that it was asked to.
    pub(crate) fn acknowledge(&self, message_id: &str, invocation: u64) {
        if self.strikes(|faults| faults.queue / 4.0) {
            self.note("sqs", || format!("{message_id} is acknowledged by i{invocation}, and the deletion is lost"));
            return;
        }
        for letter in self.letters.borrow_mut().iter_mut() {
            letter.final_word |= letter.invocation == invocation && letter.source == message_id;
        }
        if self.queues[&lane_of(message_id)].borrow_mut().delete(message_id).is_some() {
            self.note("sqs", || format!("{message_id} is acknowledged by i{invocation} and gone"));
        }
    }

    /// Sends a dead letter.
    pub(crate) async fn send_dead_letter(
        self: &Rc<Self>,
        letter: &DeadLetter,
        invocation: u64,
    ) -> Result<(), StoreError> {
        let failed = || StoreError {
            store: "the dead-letter queue",
            operation: "a message",
            source: "a simulated fault".into(),
        };
        let text = |name: &str| {
            let found = letter.attributes.iter().find(|attribute| attribute.name == name);
            match found.map(|attribute| &attribute.value) {
                Some(AttributeContent::Text(text)) => text.clone(),
                _ => String::new(),
            }
        };
        let slow = self.strikes(|faults| faults.slow);
        self.scheduler.sleep(self.chance.between(1, if slow { 4000 } else { 30 })).await;
        let fails = self.strikes(|faults| faults.dead_letters);
        if fails && self.chance.coin() {
            self.note("sqs", || format!("a dead letter of i{invocation} is lost"));
            return if self.has(Defect::DeadLetterUnchecked) { Ok(()) } else { Err(failed()) };
        }
        let source = text("sourceMessageId");
        let letter = Letter {
            body: letter.body.clone(),
            reason: text("failureReason"),
            attempts: text("attempts").parse().unwrap_or_default(),
            at: self.now(),
            invocation,
            source,
            final_word: false,
            redriven: None,
            lane: lane_named(&text("sourceQueue")),
            sent_back_by: None,
        };
        self.note("sqs", || format!("{} is dead-lettered by i{invocation}: {}", letter.source, letter.reason));
        self.letters.borrow_mut().push(letter);
        self.scheduler.sleep(self.chance.between(1, 30)).await;
        if fails { Err(failed()) } else { Ok(()) }
    }

    /// Moves every dead letter back into the queue that it came from.
    pub(crate) fn redrive(&self) {
        let now = self.now();
        for letter in self.letters.borrow_mut().iter_mut().filter(|letter| letter.redriven.is_none()) {
            let lane = letter.lane.filter(|_| !self.has(Defect::LaneForgotten)).unwrap_or_default();
            (letter.redriven, letter.sent_back_by) = (Some(now), Some(lane));
            self.queues[&lane].borrow_mut().send(letter.body.clone(), now);
        }
    }
}
