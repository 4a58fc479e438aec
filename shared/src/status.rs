//! Where events are, from the ledger alone: no client is leased, and CXone isn't asked (docs/rules.md#status).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        claim::{Record, State},
        idempotency::IdempotencyKey,
        lane::Lane,
        reason::Reason,
        time::Timestamp,
    },
    ports::{Environment, InjectPorts, Ledger, StoreError},
};

/// Events that may be asked about at once: as many as DynamoDB hands out in one request.
const LARGEST_REQUEST: usize = 100;

/// The input: `{"status": {"events": […]}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// Each by its identity or by its key.
    pub events: Vec<EventReference>,
}

/// An event as it is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Members")]
pub enum EventReference {
    /// `{"source": …, "id": …}`.
    Identity {
        /// The event's source.
        source: String,
        /// Its id.
        id: String,
    },
    /// `{"key": …}`.
    Key(IdempotencyKey),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    source: Option<String>,
    id: Option<String>,
    key: Option<IdempotencyKey>,
}

/// What no event can be named by.
#[derive(Debug, thiserror::Error)]
#[error(
    "an event is named by its source and id, neither of them empty or with a control character, or by its key alone"
)]
struct Unnamed;

impl TryFrom<Members> for EventReference {
    type Error = Unnamed;

    fn try_from(members: Members) -> Result<Self, Unnamed> {
        let possible = |text: &String| !text.trim().is_empty() && !text.chars().any(char::is_control);
        match members {
            Members { source: Some(source), id: Some(id), key: None } if possible(&source) && possible(&id) => {
                Ok(Self::Identity { source, id })
            }
            Members { source: None, id: None, key: Some(key) } => Ok(Self::Key(key)),
            _ => Err(Unnamed),
        }
    }
}

impl EventReference {
    fn key(&self) -> IdempotencyKey {
        match self {
            Self::Identity { source, id } => IdempotencyKey::of_event(source, id),
            Self::Key(key) => *key,
        }
    }
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct StatusAnswer {
    /// One for each event, in the order asked.
    pub results: Vec<EventStatus>,
}

/// Where one event is, as far as the ledger knows.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    idempotency_key: IdempotencyKey,
    state: Whereabouts,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<Lane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
}

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whereabouts {
    /// Never seen, or not yet, or forgotten.
    Unknown,
    /// A worker has it.
    InProgress,
    /// It was tried, nothing was created, and it comes back.
    Waiting,
    /// A contact may exist, and the next delivery asks CXone under the same key.
    InDoubt,
    /// Its contact exists.
    Injected,
    /// It is in the dead-letter queue.
    DeadLettered,
    /// A contact may exist, and a person decides.
    OutcomeUnknown,
}

impl Whereabouts {
    /// Where the event of a record is. A claim whose worker's time is over is nobody's: that worker may have sent a
    /// request, unless the claim would say so and doesn't.
    pub fn of(record: &Record, now: Timestamp) -> Self {
        match record.state {
            State::Claimed if record.until > now => Self::InProgress,
            State::Claimed | State::InDoubt if record.is_in_doubt() => Self::InDoubt,
            State::Claimed | State::InDoubt | State::Released => Self::Waiting,
            State::Injected => Self::Injected,
            State::DeadLettered => Self::DeadLettered,
            State::Parked => Self::OutcomeUnknown,
        }
    }
}

/// Why there is no answer: the invocation fails with it.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// More than can be asked about at once.
    #[error("{0} events were asked about, and at most {LARGEST_REQUEST} can be at once")]
    TooMany(usize),
    /// A record that only a newer version of this program can read.
    #[error("the record of {key} is of version {version}, which only a newer version of this program can read")]
    NewerVersion {
        /// The event's key.
        key: IdempotencyKey,
        /// The record's version.
        version: u32,
    },
    /// The ledger doesn't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Says where events are.
///
/// # Errors
/// [`StatusError`] where that can't be said of each of them.
pub async fn status<P: InjectPorts>(ports: &P, request: StatusRequest) -> Result<StatusAnswer, StatusError> {
    if request.events.len() > LARGEST_REQUEST {
        return Err(StatusError::TooMany(request.events.len()));
    }
    let keys = request.events.iter().map(EventReference::key).collect();
    let records = ports.ledger().read_many(&keys).await?;
    let now = ports.environment().now();
    let results = request.events.into_iter().map(|event| of_event(event, &records, now));
    Ok(StatusAnswer { results: results.collect::<Result<_, _>>()? })
}

fn of_event(
    event: EventReference,
    records: &BTreeMap<IdempotencyKey, Record>,
    now: Timestamp,
) -> Result<EventStatus, StatusError> {
    let key = event.key();
    let record = records.get(&key);
    if let Some(newer) = record.filter(|record| record.is_of_newer_version()) {
        return Err(StatusError::NewerVersion { key, version: newer.version });
    }
    let record = record.filter(|record| record.is_remembered(now));
    let text = |text: fn(&Record) -> &str| record.map(text).filter(|text| !text.is_empty()).map(str::to_owned);
    let (source, id) = match event {
        EventReference::Identity { source, id } => (Some(source), Some(id)),
        EventReference::Key(_) => (text(|record| &record.event.source), text(|record| &record.event.id)),
    };
    Ok(EventStatus {
        source,
        id,
        idempotency_key: key,
        state: record.map_or(Whereabouts::Unknown, |record| Whereabouts::of(record, now)),
        reason: record.and_then(Record::last_reason).map(Reason::as_str),
        route: text(|record| &record.event.route),
        lane: record.and_then(|record| record.event.lane),
        target: text(|record| record.target.as_deref().unwrap_or_default()),
        contact_id: text(Record::contact_id),
        attempts: record.map(Record::attempts_so_far),
        at: record.map(|record| record.at.to_string()),
        first_seen: record.and_then(|record| record.first_seen).map(|at| at.to_string()),
    })
}

#[cfg(test)]
mod tests;
