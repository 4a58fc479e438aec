//! The ledger's record of one event, and who may do what with it.
//!
//! ```text
//!            claim                settle
//! (absent) ────────► claimed ───┬──────► injected        a contact is in the queue, for good
//!     ▲                 ▲       ├──────► released        nothing is in a queue: free to be tried again
//!     └── expires ──────┤       ├──────► in-doubt        a contact may exist: only the same data, only the same key
//!                       │       ├──────► dead-lettered   this message has ended; another one may try again
//!                       │       └──────► parked          it can't be asked about any more: a person decides, and makes
//!                       │                                it injected or released
//!                       └── from released, in-doubt, dead-lettered by another message, or claimed by a worker that
//!                           never came back
//! ```
//!
//! A record is never deleted on doubt, and every write after a claim is conditional on that claim's attempt id, so a
//! worker whose time ran out can change nothing. Once a request may have reached CXone, the event is bound to its data.
//! An event that is refused before any claim is put on record all the same, so that the table tells how each one ended.
//! All of it is decided here; the table only compares and swaps.

mod description;
mod final_outcome;
mod held;
mod record;
mod resolution;
mod sending;

use std::time::Duration;

use uuid::Uuid;

pub use self::{
    description::Description,
    final_outcome::FinalOutcome,
    held::Claim,
    record::{DeadLettered, PLAIN_VERSION, PlacedContact, RECORD_VERSION, Record, State},
    resolution::{Resolution, resolve},
    sending::{LEAVES_WITHIN, Repetition, Sending},
};
use super::{idempotency::DataHash, reason::DeadLetterReason, time::Timestamp};

/// A key is taken for forgotten so long before it is: for clocks, and a request's way.
pub const KEY_GUARD: Duration = Duration::from_secs(15 * 60);

/// How long a record is kept after it was last written, or after its event's own time where that is later. No write
/// makes its life shorter.
///
/// Longer than a message can live without the ledger being asked: in the queue, the dead-letter queue and, redriven,
/// the queue again (4 + 14 + 4 days), and then as long once more.
pub const RECORD_LIFETIME: Duration = Duration::from_secs(45 * 86_400);

/// How old an event may be for the ledger to be sure to remember it: a day less than [`RECORD_LIFETIME`], for clocks,
/// and for an expiry that DynamoDB keeps in whole seconds.
pub const SURELY_REMEMBERED: Duration = Duration::from_secs(44 * 86_400);

/// A claim can be taken over so long after its holder's deadline: the clocks' skew, and a request's last segments.
pub const CLAIM_MARGIN: Duration = Duration::from_secs(15);

/// Claims that were never settled, with no service fault between them, before an event counts as a worker's killer.
pub const CRASHES_TO_GIVE_UP: u32 = 3;

/// One delivery of an event, as the ledger sees it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// An id for what this delivery writes, new each time.
    pub attempt: Uuid,
    /// SQS's id of the message; a redriven one has a new one.
    pub message_id: String,
    /// The event's data, where they could be read.
    pub hash: Option<DataHash>,
    /// What the event's age is counted from.
    pub born: Timestamp,
    /// The worker's clock.
    pub now: Timestamp,
    /// Which event it is, for the record.
    pub event: Description,
}

/// What a worker asks for when it claims an event.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The delivery.
    pub delivery: Delivery,
    /// The worker's deadline.
    pub deadline: Timestamp,
    /// Whether the worker has nothing else under way that a crash would take along.
    pub alone: bool,
    /// Whether what may have been sent may be sent again.
    pub repetition: Repetition,
}

/// What the ledger says of an event that isn't this delivery's to inject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotClaimed {
    /// The contact of this id exists.
    Duplicate(String),
    /// It may have reached CXone with other data.
    Conflict,
    /// Another worker has it until then.
    InProgress(Timestamp),
    /// It crashed a worker, or was there when one crashed: try it alone.
    Suspect,
    /// Its message ends as a dead letter for this reason.
    DeadLettered(DeadLetterReason),
    /// It is in doubt and can't be asked about any more: a person decides.
    Parked {
        /// Why it can't be sent again, where that is the event's own fault.
        why: Option<DeadLetterReason>,
        /// What may have been sent, where CXone knows no key of it.
        sending: Option<Sending>,
    },
    /// A newer version of this program wrote the record.
    NewerVersion(u32),
}

/// A delivery that the ledger ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub how: NotClaimed,
    /// What to write first in place of the record that was found; nothing where that stays.
    pub record: Option<Box<Record>>,
}

impl End {
    const fn as_found(how: NotClaimed) -> Self {
        Self { how, record: None }
    }

    fn on_record(how: NotClaimed, record: Record) -> Self {
        Self { how, record: Some(Box::new(record)) }
    }
}

/// Decides on a claim, given what the ledger holds: the record to write in its place.
///
/// # Errors
/// [`End`] where the event isn't this delivery's.
pub fn claim(existing: Option<&Record>, request: &ClaimRequest) -> Result<Record, End> {
    let delivery = &request.delivery;
    let Some(record) = remembered(existing, delivery.now) else { return Ok(claimed(request, None)) };
    if let Some(how) = ended(record, delivery) {
        return Err(End::as_found(how));
    }
    if record.is_in_doubt() {
        let judged_from = record.sending.as_ref().map(|sending| request.repetition.judged_from(record, sending));
        if let Some(until) = judged_from.filter(|until| delivery.now < *until) {
            return Err(End::as_found(NotClaimed::InProgress(until)));
        }
        if !request.repetition.is_safe(record, delivery.now) {
            let parked = parked(record, delivery, DeadLetterReason::OutcomeUnknown);
            return Err(End::on_record(NotClaimed::Parked { why: None, sending: parked.sending.clone() }, parked));
        }
    }
    if record.crashes >= CRASHES_TO_GIVE_UP {
        let reason = DeadLetterReason::CrashLoop;
        if record.sending.is_some() {
            let parked = parked(record, delivery, reason);
            let how = NotClaimed::Parked { why: Some(reason), sending: parked.sending.clone() };
            return Err(End::on_record(how, parked));
        }
        let record = dead_lettered(Some(record), delivery, reason);
        return Err(End::on_record(NotClaimed::DeadLettered(reason), record));
    }
    if record.crashes > 0 && !request.alone {
        return Err(End::as_found(NotClaimed::Suspect));
    }
    Ok(claimed(request, Some(record)))
}

impl Repetition {
    /// Whether a record that is in doubt may be sent again.
    fn is_safe(&self, record: &Record, now: Timestamp) -> bool {
        match (self, &record.sending) {
            (Self::UnderKey(memory), None) => {
                record.first_sent.is_some_and(|sent| now.since(sent) < memory.saturating_sub(KEY_GUARD))
            }
            (Self::ByTarget { harmless, looked_up }, Some(sending)) => {
                let looked_for = looked_up.contains(&sending.target) && now < sending.looked_for_until();
                looked_for || harmless.contains(&sending.target)
            }
            // What one API may have been sent, another can't be asked about.
            (Self::UnderKey(_), Some(_)) | (Self::ByTarget { .. }, None) => false,
        }
    }
}

/// Decides on an event that can't be injected for this reason, given what the ledger holds.
///
/// What was injected stays so, whatever has become of routes, schema or the event's age since; what is in doubt is
/// parked, since a dead letter would say that there is no contact (docs/rules.md#unknown-outcomes).
pub fn dead_letter(existing: Option<&Record>, delivery: &Delivery, reason: DeadLetterReason) -> End {
    let dead = NotClaimed::DeadLettered(reason);
    let Some(record) = remembered(existing, delivery.now) else {
        return End::on_record(dead, dead_lettered(None, delivery, reason));
    };
    // Whether unreadable data are those that the event is bound to can't be told: its record stays as it is.
    if record.hash.is_some() && delivery.hash.is_none() && !record.is_of_newer_version() {
        return End::as_found(dead);
    }
    match ended(record, delivery) {
        Some(how) => End::as_found(how),
        None if record.is_in_doubt() => {
            let parked = parked(record, delivery, reason);
            End::on_record(NotClaimed::Parked { why: Some(reason), sending: parked.sending.clone() }, parked)
        }
        None => End::on_record(dead, dead_lettered(Some(record), delivery, reason)),
    }
}

/// The record, where it isn't forgotten.
fn remembered(existing: Option<&Record>, now: Timestamp) -> Option<&Record> {
    existing.filter(|record| record.is_remembered(now))
}

/// What holds of the event whatever this delivery wants of it.
fn ended(record: &Record, delivery: &Delivery) -> Option<NotClaimed> {
    if record.is_of_newer_version() {
        return Some(NotClaimed::NewerVersion(record.version));
    }
    if record.state == State::Claimed && record.until > delivery.now {
        return Some(NotClaimed::InProgress(record.until));
    }
    if record.hash.is_some() && record.hash != delivery.hash {
        return Some(NotClaimed::Conflict);
    }
    match record.state {
        State::Injected => {
            let contact_id = record.contact.as_ref().map(|contact| contact.contact_id.clone());
            Some(NotClaimed::Duplicate(contact_id.unwrap_or_default()))
        }
        State::Parked => {
            let why = record.dead_letters.last().map(|letter| letter.reason);
            let why = why.filter(|why| *why != DeadLetterReason::OutcomeUnknown);
            Some(NotClaimed::Parked { why, sending: record.sending.clone() })
        }
        State::Claimed | State::Released | State::InDoubt | State::DeadLettered => {
            record.dead_letter_of(&delivery.message_id).map(NotClaimed::DeadLettered)
        }
    }
}

fn claimed(request: &ClaimRequest, before: Option<&Record>) -> Record {
    let delivery = &request.delivery;
    let fresh = Record { state: State::Claimed, until: request.deadline.plus(CLAIM_MARGIN), ..blank(delivery) };
    // Where CXone knows no key, nothing counts as sent, and nothing is bound, before the claim says that it will be.
    let keyed = matches!(request.repetition, Repetition::UnderKey(_));
    let (hash, first_sent) = if keyed { (delivery.hash.clone(), Some(delivery.now)) } else { (None, None) };
    let Some(before) = before else { return Record { hash, first_sent, crashes: 1, ..fresh } };
    let in_doubt = before.is_in_doubt();
    Record {
        hash: hash.or_else(|| before.hash.clone()),
        first_sent: if in_doubt { before.first_sent } else { first_sent },
        sending: before.sending.clone().filter(|_| in_doubt),
        after_crash: before.after_crash || before.state == State::Claimed,
        // The count rises with the claim, so that a worker needn't live to write it, and a settlement clears it.
        crashes: before.crashes + 1,
        attempts: before.attempts_so_far(),
        lost: before.lost.clone(),
        forgiven: before.forgiven,
        dead_letters: before.dead_letters.clone(),
        expires: before.expires.max(fresh.expires),
        first_seen: before.first_seen,
        reason: before.reason,
        target: before.target.clone(),
        ..fresh
    }
    .formed()
}

fn dead_lettered(before: Option<&Record>, delivery: &Delivery, reason: DeadLetterReason) -> Record {
    let fresh = blank(delivery);
    let before = before.unwrap_or(&fresh);
    Record {
        dead_letters: before.with_dead_letter(reason, &delivery.message_id),
        hash: before.hash.clone(),
        first_sent: before.first_sent.filter(|_| before.is_in_doubt()),
        sending: before.sending.clone().filter(|_| before.is_in_doubt()),
        // What is in doubt otherwise is parked, so here it is a crash loop's.
        after_crash: before.is_in_doubt(),
        attempts: before.attempts_so_far(),
        lost: before.lost.clone(),
        forgiven: before.lost.len(),
        expires: before.expires.max(fresh.expires),
        first_seen: before.first_seen,
        reason: Some(reason.into()),
        target: before.target.clone(),
        ..fresh.clone()
    }
    .formed()
}

fn parked(before: &Record, delivery: &Delivery, reason: DeadLetterReason) -> Record {
    Record {
        dead_letters: before.with_dead_letter(reason, &delivery.message_id),
        state: State::Parked,
        attempt: delivery.attempt,
        at: delivery.now,
        until: delivery.now,
        crashes: 0,
        attempts: before.attempts_so_far(),
        expires: before.expires.max(Some(expiry(delivery))),
        event: delivery.event.clone(),
        reason: Some(DeadLetterReason::OutcomeUnknown.into()),
        ..before.clone()
    }
    .formed()
}

/// The record of an event of which only this delivery is known.
fn blank(delivery: &Delivery) -> Record {
    Record {
        expires: Some(expiry(delivery)),
        event: delivery.event.clone(),
        first_seen: Some(delivery.now),
        ..Record::blank(PLAIN_VERSION, State::DeadLettered, delivery.attempt, delivery.now)
    }
}

/// How long what this delivery writes is remembered at least.
fn expiry(delivery: &Delivery) -> Timestamp {
    delivery.now.max(delivery.born).plus(RECORD_LIFETIME)
}

#[cfg(test)]
mod tests;
