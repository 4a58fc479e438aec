//! A claim that a worker holds: what its requests came to, and what is written when it is settled.

use super::{PlacedContact, RECORD_LIFETIME, Record, Sending, State};
use crate::domain::{
    idempotency::DataHash,
    reason::{DeadLetterReason, DeferralReason, Reason},
    time::Timestamp,
    window::{CLOCK_SKEW, LATE_ARRIVAL},
};

/// A claim that a worker holds.
#[derive(Clone, Debug)]
pub struct Claim {
    record: Record,
    /// Since when an attempt, of this claim or before it, may have created a contact under the present key.
    doubtful: Option<Timestamp>,
    /// Whether a request, of this claim or before it, may have reached CXone: then other data are a conflict for good.
    bound: bool,
}

impl Claim {
    /// The claim that `claimed` stands for, once it is in the ledger in place of `existing`.
    pub fn new(claimed: Record, existing: Option<&Record>) -> Self {
        let before = super::remembered(existing, claimed.at);
        // Written off another worker's clock.
        let doubtful = before.filter(|before| before.is_in_doubt()).map(|before| before.at.plus(CLOCK_SKEW));
        let bound = before.is_some_and(|before| before.hash.is_some());
        Self { record: claimed, doubtful, bound }
    }

    /// The record as this claim last wrote it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Contacts created and lost for this event so far: which key is next.
    pub fn lost(&self) -> usize {
        self.record.lost.len()
    }

    /// Whether a target lost a contact of this event since it was last dead-lettered.
    pub fn lost_at(&self, target: &str) -> bool {
        self.record.lost.iter().skip(self.record.forgiven).any(|lost| lost.target == target)
    }

    /// Requests sent for this event, over all claims.
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// The record that says that a request is about to leave, for an event of these data. Once it is in the ledger, the
    /// claim is [`Self::now_sending`] of it.
    #[must_use]
    pub fn sending(&self, sending: Sending, hash: Option<DataHash>) -> Record {
        let (at, hash) = (sending.at, hash.or_else(|| self.record.hash.clone()));
        let first_sent = self.record.first_sent.or(Some(at));
        Record { at, hash, first_sent, sending: Some(sending), ..self.record.clone() }.formed()
    }

    /// That record, or one that takes it back, is in the ledger.
    pub fn now_sending(&mut self, record: Record) {
        self.record = record;
    }

    /// The record that says that nothing left after all, or nothing came of what did. Nothing where nothing was said,
    /// or where something may have left all the same.
    pub fn withdrawn(&self, now: Timestamp) -> Option<Record> {
        if self.record.sending.is_none() || self.is_doubtful() {
            return None;
        }
        let hash = self.record.hash.clone().filter(|_| self.bound);
        Some(Record { at: now, hash, first_sent: None, sending: None, ..self.record.clone() }.formed())
    }

    /// What may have been sent without a key.
    pub fn may_have_sent(&self) -> Option<&Sending> {
        self.record.sending.as_ref().filter(|_| self.is_doubtful())
    }

    /// A look-up at this time has not found what may have been sent. Whether that proves that nothing was.
    pub fn not_found(&mut self, now: Timestamp) -> bool {
        let Some(sending) = self.record.sending.as_mut() else { return false };
        if now < sending.look_up_counts_from() {
            return false;
        }
        if sending.absent.is_none() {
            sending.absent = Some(now);
            return false;
        }
        true
    }

    /// It is sure that no request has created anything: the claim is as free as if none had left.
    pub fn free(&mut self) {
        self.doubtful = None;
    }

    /// A request was sent for this target.
    pub fn sent(&mut self, target: &str) {
        self.record.attempts = self.record.attempts.saturating_add(1);
        self.record.target = Some(target.to_owned());
    }

    /// The request sent last may have created a contact.
    pub fn doubt(&mut self, now: Timestamp) {
        (self.doubtful, self.bound) = (Some(now), true);
        if let Some(sending) = &mut self.record.sending {
            sending.unanswered(now);
        }
    }

    /// Whether a request before this answer may have created a contact under the present key, at whichever target.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful.is_some()
    }

    /// The answer proves that no request under the present key has created anything yet; one that was given up may
    /// still be on its way for a while.
    pub fn clear_doubt(&mut self, now: Timestamp) {
        self.doubtful = self.doubtful.filter(|since| now.since(*since) < LATE_ARRIVAL);
    }

    /// The record after a contact was lost: the claim goes on under another key, which nobody has used, unless a worker
    /// crashed.
    pub fn lose(&mut self, contact: PlacedContact, now: Timestamp) -> &Record {
        if !self.record.lost.contains(&contact) {
            self.record.lost.push(contact);
        }
        (self.record.at, self.bound) = (now, true);
        if !std::mem::take(&mut self.record.after_crash) {
            (self.record.first_sent, self.doubtful) = (Some(now), None);
        }
        &self.record
    }

    /// The record of an event whose contact is in the queue.
    #[must_use]
    pub fn injected(&self, contact: PlacedContact, now: Timestamp) -> Record {
        let target = Some(contact.target.clone());
        let settled = self.settled(State::Injected, None, now);
        Record { contact: Some(contact), target, dead_letters: Vec::new(), sending: None, ..settled }.formed()
    }

    /// The record of an event that comes back: free again where nothing is in a queue, else in doubt.
    #[must_use]
    pub fn unplaced(&self, reason: Option<DeferralReason>, now: Timestamp) -> Record {
        let state = if self.is_doubtful() { State::InDoubt } else { State::Released };
        self.settled(state, reason.map(Reason::from), now)
    }

    /// The record of an event that is given up: parked while it is in doubt, else dead-lettered with its message, and a
    /// redrive may try every target again.
    #[must_use]
    pub fn given_up(&self, reason: DeadLetterReason, message_id: &str, now: Timestamp) -> Record {
        let dead_letters = self.record.with_dead_letter(reason, message_id);
        if self.is_doubtful() {
            let unknown = DeadLetterReason::OutcomeUnknown.into();
            return Record { dead_letters, ..self.settled(State::Parked, Some(unknown), now) };
        }
        let settled = self.settled(State::DeadLettered, Some(reason.into()), now);
        Record { dead_letters, forgiven: self.record.lost.len(), ..settled }
    }

    fn settled(&self, state: State, reason: Option<Reason>, now: Timestamp) -> Record {
        Record {
            state,
            reason,
            at: now,
            until: now,
            crashes: 0,
            hash: self.record.hash.clone().filter(|_| self.bound || state == State::Injected),
            first_sent: self.record.first_sent.filter(|_| self.is_doubtful()),
            sending: self.may_have_sent().cloned(),
            after_crash: self.record.after_crash && self.is_doubtful(),
            expires: self.record.expires.max(Some(now.plus(RECORD_LIFETIME))),
            ..self.record.clone()
        }
        .formed()
    }
}
