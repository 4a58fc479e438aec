//! What the ledger holds on one event, and its contacts.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Description, Sending};
use crate::domain::{
    idempotency::DataHash,
    reason::{DeadLetterReason, Reason},
    time::Timestamp,
};

/// The highest form of a record that this code knows: one with a higher number is left alone. It is that of a record
/// that says what may have been sent without a key, of which no other version may decide.
pub const RECORD_VERSION: u32 = 3;

/// The form of every other record.
///
/// 2: dead-lettered events are on record, and a released event may be bound to its data. What describes an event came
/// after it and needs no other number: a worker that doesn't know of it leaves it out, and decides the same.
pub const PLAIN_VERSION: u32 = 2;

/// What is known of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A worker has it, or had it and crashed.
    Claimed,
    /// It was tried and nothing is in a queue.
    Released,
    /// It was tried and nobody knows.
    InDoubt,
    /// Its contact exists.
    Injected,
    /// It can't be injected; the message that it came in ended in the dead-letter queue.
    DeadLettered,
    /// It is in doubt and can't be asked about any more.
    Parked,
}

/// A contact of this event, and where it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedContact {
    /// CXone's id.
    pub contact_id: String,
    /// The target, as logs show it.
    pub target: String,
}

/// Messages of one event whose end is remembered: an upstream that sends twice, and a redrive of each.
const REMEMBERED_LETTERS: usize = 4;

/// How a message of an event ended in the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLettered {
    /// Why.
    pub reason: DeadLetterReason,
    /// SQS's id of the message: only another one may try the event again.
    pub message_id: String,
}

/// What the ledger holds on one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of the record.
    pub version: u32,
    /// What is known.
    pub state: State,
    /// The latest claim, or the latest refusal without one.
    pub attempt: Uuid,
    /// When that was made or settled.
    pub at: Timestamp,
    /// When the latest claim can be taken over.
    pub until: Timestamp,
    /// The data that the event is bound to, once a request may have reached CXone.
    pub hash: Option<DataHash>,
    /// The earliest time at which a request under the present key may have been sent, while its outcome is in doubt.
    pub first_sent: Option<Timestamp>,
    /// What may have been sent without a key, while its outcome is in doubt.
    pub sending: Option<Sending>,
    /// Whether a worker crashed under the present key: it may have been told of a loss, and have gone on under the next
    /// one.
    pub after_crash: bool,
    /// Claims that were never settled.
    pub crashes: u32,
    /// Requests sent for it so far. A claim that was never settled counts as one, since nobody knows.
    pub attempts: u32,
    /// Contacts that CXone created and lost, in order: their number makes the next key.
    pub lost: Vec<PlacedContact>,
    /// How many of those were lost before the event was last dead-lettered: a redrive may try their targets again.
    pub forgiven: usize,
    /// The contact that is in a queue.
    pub contact: Option<PlacedContact>,
    /// How messages of it ended in the dead-letter queue, the latest last, unless it was injected since.
    pub dead_letters: Vec<DeadLettered>,
    /// When the record is forgotten; a parked one isn't before a person has decided.
    pub expires: Option<Timestamp>,
    /// Which event it is.
    pub event: Description,
    /// When the event was put on record first.
    pub first_seen: Option<Timestamp>,
    /// Why there is no contact in a queue, as the last dead letter or deferral said.
    pub reason: Option<Reason>,
    /// The target that was asked last, as logs show it.
    pub target: Option<String>,
}

impl Record {
    /// A record that says nothing but its form and state, and by which attempt and when it was written.
    pub fn blank(version: u32, state: State, attempt: Uuid, at: Timestamp) -> Self {
        Self {
            version,
            state,
            attempt,
            at,
            until: at,
            hash: None,
            first_sent: None,
            sending: None,
            after_crash: false,
            crashes: 0,
            attempts: 0,
            lost: Vec::new(),
            forgiven: 0,
            contact: None,
            dead_letters: Vec::new(),
            expires: None,
            event: Description::default(),
            first_seen: None,
            reason: None,
            target: None,
        }
    }

    /// How this message ended before, where it is remembered.
    pub fn dead_letter_of(&self, message_id: &str) -> Option<DeadLetterReason> {
        self.dead_letters.iter().rev().find(|letter| letter.message_id == message_id).map(|letter| letter.reason)
    }

    /// The dead letters with one more, but for the oldest where they are too many.
    pub(super) fn with_dead_letter(&self, reason: DeadLetterReason, message_id: &str) -> Vec<DeadLettered> {
        let letter = DeadLettered { reason, message_id: message_id.to_owned() };
        let others = self.dead_letters.iter().filter(|other| other.message_id != message_id);
        let mut letters: Vec<_> = others.cloned().chain([letter]).collect();
        letters.drain(..letters.len().saturating_sub(REMEMBERED_LETTERS));
        letters
    }

    /// Whether a request under the present key may have created a contact.
    pub const fn is_in_doubt(&self) -> bool {
        match self.state {
            State::InDoubt | State::Parked => true,
            State::Claimed | State::DeadLettered => self.first_sent.is_some(),
            State::Released | State::Injected => false,
        }
    }

    /// The record with the form that it is of.
    #[must_use]
    pub(super) fn formed(self) -> Self {
        let version = if self.sending.is_some() { RECORD_VERSION } else { PLAIN_VERSION };
        Self { version, ..self }
    }

    /// Whether a write of this record in the place of the one that was `seen` goes by the time of that one too. The
    /// writes of one claim about what leaves have an attempt and a state in common, and one of them that is repeated
    /// late must not undo the next.
    pub const fn is_fenced_by_time(&self, seen: &Self) -> bool {
        self.sending.is_some() || seen.sending.is_some()
    }

    /// Whether this record may take the place of the one that was found, where another was `seen`: they are still the
    /// same in attempt and state.
    pub fn may_replace(&self, seen: &Self, found: &Self) -> bool {
        let in_time = !self.is_fenced_by_time(seen) || found.at == seen.at;
        found.attempt == seen.attempt && found.state == seen.state && in_time
    }

    /// Whether a newer version of this program wrote it.
    pub const fn is_of_newer_version(&self) -> bool {
        self.version > RECORD_VERSION
    }

    /// Whether it isn't forgotten yet. DynamoDB deletes what has expired when it comes to it.
    pub fn is_remembered(&self, now: Timestamp) -> bool {
        self.state == State::Parked || self.expires.is_none_or(|at| at > now)
    }

    /// Requests sent for the event, one that the claim that this record holds open may have sent among them.
    pub fn attempts_so_far(&self) -> u32 {
        self.attempts.saturating_add(u32::from(self.state == State::Claimed && self.first_sent.is_some()))
    }
}
