//! How an event ended, as its record tells it to outcome events (docs/rules.md#outcome-events).

use super::{Record, State};
use crate::domain::{idempotency::IdempotencyKey, reason::Reason};

/// A fact that ends an event's story, unless a redrive or a person begins it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FinalOutcome {
    /// Its contact exists.
    Injected,
    /// It can't be injected.
    DeadLettered,
    /// It is in doubt, and a person decides.
    OutcomeUnknown,
}

impl FinalOutcome {
    /// Its name, as states and outcome ids have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::DeadLettered => "dead-lettered",
            Self::OutcomeUnknown => "outcome-unknown",
        }
    }

    /// The `detail-type` of the event that tells it.
    pub const fn detail_type(self) -> &'static str {
        match self {
            Self::Injected => "Contact Injected",
            Self::DeadLettered => "Contact Dead-Lettered",
            Self::OutcomeUnknown => "Contact Outcome Unknown",
        }
    }
}

impl Record {
    /// How the event ended, where it has.
    pub const fn final_outcome(&self) -> Option<FinalOutcome> {
        match self.state {
            State::Injected => Some(FinalOutcome::Injected),
            State::DeadLettered => Some(FinalOutcome::DeadLettered),
            State::Parked => Some(FinalOutcome::OutcomeUnknown),
            State::Claimed | State::Released | State::InDoubt => None,
        }
    }

    /// Why there is no contact in a queue, as the last dead letter or deferral said. A record of a version that kept no
    /// reason has its dead letters.
    pub fn last_reason(&self) -> Option<Reason> {
        let letter = || self.dead_letters.last().map(|letter| letter.reason.into());
        self.reason.or_else(|| (self.state == State::DeadLettered).then(letter).flatten())
    }

    /// The id of the contact that is in a queue; empty where there is none, or where a person found it.
    pub fn contact_id(&self) -> &str {
        self.contact.as_ref().map_or("", |contact| contact.contact_id.as_str())
    }

    /// The same each time that the same end of an event is told; nothing where it hasn't ended.
    pub fn outcome_id(&self, key: IdempotencyKey) -> Option<uuid::Uuid> {
        let reason = self.last_reason().map_or("", Reason::as_str);
        self.final_outcome().map(|outcome| key.of_outcome(outcome.name(), reason, self.contact_id()))
    }
}
