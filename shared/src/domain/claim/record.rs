//! What the ledger holds on one event, and its contacts.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{idempotency::DataHash, time::Timestamp};

/// The form of the record that this code writes. One with a higher number is left alone.
pub const RECORD_VERSION: u32 = 1;

/// What is known of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A worker has it, or had it and crashed.
    Claimed,
    /// It was tried and nothing was created.
    Released,
    /// It was tried and nobody knows.
    InDoubt,
    /// Its contact exists.
    Injected,
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

/// What the ledger holds on one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of the record.
    pub version: u32,
    /// What is known.
    pub state: State,
    /// The latest claim.
    pub attempt: Uuid,
    /// When the latest claim was made or settled.
    pub at: Timestamp,
    /// When the latest claim can be taken over.
    pub until: Timestamp,
    /// The data that the event is bound to, once a request may have been sent.
    pub hash: Option<DataHash>,
    /// The earliest time at which a request under the present key may have been sent.
    pub first_sent: Option<Timestamp>,
    /// Claims that were never settled.
    pub crashes: u32,
    /// Requests sent for it so far, as far as claims were settled.
    pub attempts: u32,
    /// Contacts that CXone created and lost, in order: their number makes the next key.
    pub lost: Vec<PlacedContact>,
    /// How many of those were lost before the event was last dead-lettered: a redrive may try their targets again.
    pub forgiven: usize,
    /// The contact that is in a queue.
    pub contact: Option<PlacedContact>,
    /// When the record is forgotten; a parked one never is.
    pub expires: Option<Timestamp>,
}
