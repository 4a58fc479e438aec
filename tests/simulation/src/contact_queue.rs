//! The contact queue and its dead-letter queue, as SQS keeps them: at least once, in any order, with receipts that age.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use contact_injection::{
    domain::{
        lane::Lane,
        message::{AttributeContent, DeadLetter, Message},
        time::Timestamp,
    },
    ports::StoreError,
};

use crate::{defect::Defect, world::World};

/// The queue's own visibility timeout: the template's.
const VISIBILITY: i64 = 360_000;

/// Messages of one batch at most.
const BATCH: usize = 10;

/// The contact queue.
#[derive(Default)]
pub(crate) struct ContactQueue {
    kept: BTreeMap<u64, Kept>,
    sent: u64,
}

struct Kept {
    body: String,
    sent: i64,
    visible: i64,
    received: u32,
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
}

impl ContactQueue {
    /// Puts a message in.
    pub(crate) fn send(&mut self, body: String, now: i64) {
        self.sent += 1;
        self.kept.insert(self.sent, Kept { body, sent: now, visible: now, received: 0 });
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// When the next message can be received.
    pub(crate) fn next_visible(&self) -> Option<i64> {
        self.kept.values().map(|kept| kept.visible).min()
    }

    /// Takes a message out, as an acknowledgement does.
    pub(crate) fn delete(&mut self, message_id: &str) -> Option<String> {
        self.kept.remove(&number(message_id)?).map(|kept| kept.body)
    }
}

fn number(message_id: &str) -> Option<u64> {
    message_id.strip_prefix('m')?.parse().ok()
}

impl World {
    /// Hands out up to a batch of messages.
    pub(crate) fn receive(&self) -> Vec<Message> {
        let now = self.now();
        let mut queue = self.queue.borrow_mut();
        let mut visible: Vec<u64> =
            queue.kept.iter().filter(|(_, kept)| kept.visible <= now).map(|(id, _)| *id).collect();
        let wanted = if self.chance.coin() { BATCH } else { 1 + self.chance.index(BATCH) };
        let mut messages = Vec::new();
        while !visible.is_empty() && messages.len() < wanted {
            let id = visible.swap_remove(self.chance.index(visible.len()));
            let Some(kept) = queue.kept.get_mut(&id) else { continue };
            kept.received += 1;
            // Handed out twice: another receiver may get it before this one's timeout has begun.
            let twice = self.strikes(|faults| faults.twice);
            kept.visible = now + if twice { self.chance.between(0, 5000) } else { VISIBILITY };
            messages.push(Message {
                message_id: format!("m{id}"),
                receipt_handle: format!("m{id}/{}", kept.received),
                body: kept.body.clone(),
                attributes: Vec::new(),
                receive_count: kept.received,
                sent: Some(Timestamp::from_millis(kept.sent)),
                group: None,
                origin: None,
            });
        }
        messages
    }

    /// Keeps messages out of sight, as far as SQS does.
    pub(crate) async fn delay_redelivery(
        self: &Rc<Self>,
        _lane: Lane,
        delays: &[(String, Duration)],
    ) -> Result<Vec<String>, StoreError> {
        self.scheduler.sleep(self.chance.between(1, 30)).await;
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
            let id = receipt.split_once('/').and_then(|(id, _)| number(id));
            let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            if delay > 12 * 3_600_000 {
                self.breach(format!("{receipt}: SQS was asked for more than twelve hours"));
            }
            let mut queue = self.queue.borrow_mut();
            // An old receipt serves on: what SQS refuses is a message that is gone.
            match id.and_then(|id| queue.kept.get_mut(&id)) {
                Some(kept) if !self.strikes(|faults| faults.queue) => kept.visible = self.now() + delay,
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
        if self.queue.borrow_mut().delete(message_id).is_some() {
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
        };
        self.note("sqs", || format!("{} is dead-lettered by i{invocation}: {}", letter.source, letter.reason));
        self.letters.borrow_mut().push(letter);
        self.scheduler.sleep(self.chance.between(1, 30)).await;
        if fails { Err(failed()) } else { Ok(()) }
    }

    /// Moves every dead letter back into the queue.
    pub(crate) fn redrive(&self) {
        let now = self.now();
        for letter in self.letters.borrow_mut().iter_mut().filter(|letter| letter.redriven.is_none()) {
            letter.redriven = Some(now);
            self.queue.borrow_mut().send(letter.body.clone(), now);
        }
    }
}
