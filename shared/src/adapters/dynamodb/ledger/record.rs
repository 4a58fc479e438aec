//! A record as an item of the ledger table, and back.
//!
//! What outcome events are made of stands on every record of an ended event, empty where nothing is known: the pipe's
//! input template can't leave out what isn't there (docs/rules.md#outcome-events).

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::{DeserializeOwned, value::StrDeserializer};
use uuid::Uuid;

use super::super::item::{Item, Unreadable, get_millis, get_number, get_text, millis, number, optional, text};
use crate::domain::{
    claim::{DeadLettered, Description, PlacedContact, RECORD_VERSION, Record, Sending, State},
    idempotency::{DataHash, IdempotencyKey},
    lane::Lane,
    reason::{DeadLetterReason, Reason},
    time::Timestamp,
    traceparent::Traceparent,
};

/// The table's partition key.
pub(super) const KEY: &str = "idempotencyKey";

/// When DynamoDB deletes an item, in seconds since the Unix epoch: the table's time to live.
const EXPIRES: &str = "expiresAt";

/// The same of a parked record, which DynamoDB must not delete before a person has decided.
const EXPIRES_ONCE_RESOLVED: &str = "expiresOnceResolved";

/// The item of a record.
pub(super) fn write(key: IdempotencyKey, record: &Record) -> Item {
    let expires = if record.state == State::Parked { EXPIRES_ONCE_RESOLVED } else { EXPIRES };
    let dead_letters = record.dead_letters.iter().map(|letter| {
        AttributeValue::M(Item::from([
            ("reason".to_owned(), text(letter.reason.as_str())),
            ("messageId".to_owned(), text(&letter.message_id)),
        ]))
    });
    let lost = record.lost.iter().map(|lost| {
        AttributeValue::M(Item::from([
            ("contactId".to_owned(), text(&lost.contact_id)),
            ("target".to_owned(), text(&lost.target)),
        ]))
    });
    [
        Some((KEY, text(key.to_string()))),
        Some(("version", number(record.version))),
        Some(("state", text(state_name(record.state)))),
        Some(("attempt", text(record.attempt))),
        Some(("at", millis(record.at))),
        Some(("until", millis(record.until))),
        record.hash.as_ref().map(|hash| ("dataHash", text(hash.as_str()))),
        record.first_sent.map(|at| ("firstSentAt", millis(at))),
        record.sending.as_ref().map(|sending| ("sending", AttributeValue::M(write_sending(sending)))),
        record.after_crash.then(|| ("afterCrash", AttributeValue::Bool(true))),
        Some(("crashes", number(record.crashes))),
        Some(("attempts", number(record.attempts))),
        (!record.lost.is_empty()).then(|| ("lost", AttributeValue::L(lost.collect()))),
        (record.forgiven > 0).then(|| ("forgiven", number(record.forgiven))),
        (!record.dead_letters.is_empty()).then(|| ("deadLetters", AttributeValue::L(dead_letters.collect()))),
        record.expires.map(|at| (expires, number(at.as_seconds()))),
        record.first_seen.map(|at| ("firstSeenAt", millis(at))),
        record.contact.as_ref().map(|contact| ("contactId", text(&contact.contact_id))),
        record.event.lane.map(|lane| ("lane", text(lane.as_str()))),
    ]
    .into_iter()
    .flatten()
    .chain(description(record))
    .chain(outcome(key, record))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Texts that are there on every record.
fn description(record: &Record) -> [(&'static str, AttributeValue); 7] {
    let Description { source, id, event_type, route, traceparent, lane: _ } = &record.event;
    [
        ("eventSource", text(source)),
        ("eventId", text(id)),
        ("eventType", text(event_type)),
        ("route", text(route)),
        ("traceparent", text(traceparent.as_ref().map_or("", Traceparent::as_str))),
        ("reason", text(record.last_reason().map_or("", Reason::as_str))),
        ("target", text(record.target.as_deref().unwrap_or_default())),
    ]
}

/// What tells how the event ended; nothing where it hasn't. What the pipe's filter looks for is among it.
fn outcome(key: IdempotencyKey, record: &Record) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    let told = record.final_outcome().zip(record.outcome_id(key)).map(|(outcome, id)| {
        [
            ("outcomeId", text(id)),
            ("detailType", text(outcome.detail_type())),
            ("contactId", text(record.contact_id())),
            ("outcomeAt", text(record.at.to_string())),
        ]
    });
    told.into_iter().flatten()
}

/// The record that an item holds.
pub(super) fn read(item: &Item) -> Result<Record, Unreadable> {
    let version = get_number(item, "version")?;
    if version > RECORD_VERSION {
        return Ok(unknown(version));
    }
    let placed = |item: &Item| -> Result<PlacedContact, Unreadable> {
        Ok(PlacedContact {
            contact_id: get_text(item, "contactId")?.to_owned(),
            target: get_text(item, "target")?.to_owned(),
        })
    };
    let dead_letter = |item: &Item| -> Result<DeadLettered, Unreadable> {
        Ok(DeadLettered {
            reason: named::<DeadLetterReason>(item, "reason")?,
            message_id: get_text(item, "messageId")?.to_owned(),
        })
    };
    let expires = match optional(item, EXPIRES, get_number::<i64>)? {
        None => optional(item, EXPIRES_ONCE_RESOLVED, get_number)?,
        expires => expires,
    };
    Ok(Record {
        version,
        state: named::<State>(item, "state")?,
        attempt: Uuid::parse_str(get_text(item, "attempt")?).map_err(|_| Unreadable("attempt"))?,
        at: get_millis(item, "at")?,
        until: get_millis(item, "until")?,
        hash: optional(item, "dataHash", get_text)?.map(DataHash::from_stored),
        first_sent: optional(item, "firstSentAt", get_millis)?,
        sending: optional(item, "sending", read_sending)?,
        after_crash: item.contains_key("afterCrash"),
        crashes: get_number(item, "crashes")?,
        attempts: get_number(item, "attempts")?,
        lost: maps(item, "lost", placed)?,
        forgiven: optional(item, "forgiven", get_number)?.unwrap_or(0),
        contact: optional(item, "contactId", |item, _| placed(item))?.filter(|contact| !contact.contact_id.is_empty()),
        dead_letters: maps(item, "deadLetters", dead_letter)?,
        expires: expires.map(|at| Timestamp::from_millis(at.saturating_mul(1000))),
        event: read_description(item),
        first_seen: get_millis(item, "firstSeenAt").ok(),
        reason: named(item, "reason").ok(),
        target: Some(described(item, "target")).filter(|target| !target.is_empty()).map(str::to_owned),
    })
}

fn write_sending(sending: &Sending) -> Item {
    let Sending { kind, target, at, absent } = sending;
    let members = [("kind", text(kind)), ("target", text(target)), ("at", millis(*at))];
    let absent = absent.map(|at| ("absentAt", millis(at)));
    members.into_iter().chain(absent).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn read_sending(item: &Item, name: &'static str) -> Result<Sending, Unreadable> {
    let sending = item.get(name).and_then(|value| value.as_m().ok()).ok_or(Unreadable(name))?;
    let owned = |member| get_text(sending, member).map(str::to_owned);
    let absent = optional(sending, "absentAt", get_millis)?;
    Ok(Sending { kind: owned("kind")?, target: owned("target")?, at: get_millis(sending, "at")?, absent })
}

fn read_description(item: &Item) -> Description {
    Description {
        source: described(item, "eventSource").to_owned(),
        id: described(item, "eventId").to_owned(),
        event_type: described(item, "eventType").to_owned(),
        route: described(item, "route").to_owned(),
        traceparent: Traceparent::parse(described(item, "traceparent")),
        lane: Lane::named(described(item, "lane")),
    }
}

/// Another version may describe otherwise, or not at all: nothing is decided by it.
fn described<'i>(item: &'i Item, name: &'static str) -> &'i str {
    get_text(item, name).unwrap_or_default()
}

/// A list of maps, which isn't there where it is empty.
fn maps<T>(
    item: &Item,
    name: &'static str,
    read: impl Fn(&Item) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    let Some(list) = item.get(name) else { return Ok(Vec::new()) };
    let list = list.as_l().map_err(|_| Unreadable(name))?;
    list.iter().map(|entry| read(entry.as_m().map_err(|_| Unreadable(name))?)).collect()
}

/// A value that is written as the name of one of several.
fn named<T: DeserializeOwned>(item: &Item, name: &'static str) -> Result<T, Unreadable> {
    let text = StrDeserializer::<serde::de::value::Error>::new(get_text(item, name)?);
    T::deserialize(text).map_err(|_| Unreadable(name))
}

/// A record of which only the version is understood: enough to leave it alone.
fn unknown(version: u32) -> Record {
    Record::blank(version, State::Claimed, Uuid::nil(), Timestamp::default())
}

pub(super) const fn state_name(state: State) -> &'static str {
    match state {
        State::Claimed => "claimed",
        State::Released => "released",
        State::InDoubt => "in-doubt",
        State::Injected => "injected",
        State::DeadLettered => "dead-lettered",
        State::Parked => "parked",
    }
}

#[cfg(test)]
mod tests;
