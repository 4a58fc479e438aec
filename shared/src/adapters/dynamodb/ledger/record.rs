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
    let Description { source, id, event_type, route, traceparent } = &record.event;
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
mod tests {
    use super::*;

    const EVERY_STATE: [State; 6] =
        [State::Claimed, State::Released, State::InDoubt, State::Injected, State::DeadLettered, State::Parked];

    fn record(state: State) -> Record {
        let placed = |id: &str| PlacedContact { contact_id: id.to_owned(), target: "queue:q".to_owned() };
        Record {
            version: RECORD_VERSION,
            state,
            attempt: Uuid::from_u128(7),
            at: Timestamp::from_millis(1),
            until: Timestamp::from_millis(2),
            hash: Some(DataHash::from_stored("abc")),
            first_sent: Some(Timestamp::from_millis(3)),
            sending: Some(Sending {
                kind: "workItem".to_owned(),
                target: "workItem:123456 - Orders".to_owned(),
                at: Timestamp::from_millis(3),
                absent: Some(Timestamp::from_millis(4)),
            }),
            after_crash: true,
            crashes: 1,
            attempts: 4,
            lost: vec![placed("lost")],
            forgiven: 1,
            contact: Some(placed("c")),
            dead_letters: vec![DeadLettered { reason: DeadLetterReason::NoRoute, message_id: "m-1".to_owned() }],
            expires: Some(Timestamp::from_millis(5000)),
            event: Description {
                source: "/crm/emea".to_owned(),
                id: "8842-1".to_owned(),
                event_type: "com.example.order.updated".to_owned(),
                route: "crm-order-update".to_owned(),
                traceparent: Traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            },
            first_seen: Some(Timestamp::from_millis(4)),
            reason: Some(DeadLetterReason::NoRoute.into()),
            target: Some("queue:q".to_owned()),
        }
    }

    fn key() -> IdempotencyKey {
        IdempotencyKey::of_event("s", "i")
    }

    #[test]
    fn every_state_reads_back_as_it_was_written() {
        for state in EVERY_STATE {
            let item = write(key(), &record(state));
            assert_eq!(read(&item).unwrap(), record(state));
            assert_eq!(
                item.contains_key("expiresAt"),
                state != State::Parked,
                "DynamoDB deletes nothing that is parked"
            );
        }
    }

    /// An item's size as DynamoDB bills it: the bytes of each name and of its value.
    fn size(item: &Item) -> usize {
        item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
    }

    fn size_of_value(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            // A byte for two digits, and one more.
            AttributeValue::N(number) => number.len().div_ceil(2) + 1,
            AttributeValue::Bool(_) => 1,
            AttributeValue::L(entries) => 3 + entries.iter().map(|entry| 1 + size_of_value(entry)).sum::<usize>(),
            AttributeValue::M(members) => 3 + members.len() + size(members),
            other => panic!("no record has {other:?}"),
        }
    }

    /// Everything that an ordinary event's record may say, at ordinary lengths.
    fn ordinary(state: State) -> Record {
        let uuid = Uuid::from_u128(u128::MAX).to_string();
        let placed = PlacedContact { contact_id: uuid.clone(), target: format!("queue:{uuid}") };
        let now = Timestamp::from_millis(1_790_000_000_000);
        let event = Description {
            source: "s".repeat(40),
            id: "i".repeat(36),
            event_type: "t".repeat(60),
            route: "r".repeat(30),
            traceparent: Traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        };
        let reason = DeadLetterReason::UnregisteredAttribute;
        let record = Record {
            hash: Some(DataHash::from_stored("a".repeat(64))),
            attempts: 12,
            target: Some(placed.target.clone()),
            expires: Some(now),
            first_seen: Some(now),
            at: now,
            until: now,
            first_sent: Some(now),
            lost: Vec::new(),
            contact: None,
            dead_letters: Vec::new(),
            reason: None,
            event,
            ..record(state)
        };
        match state {
            State::Injected => Record { contact: Some(placed.clone()), lost: vec![placed], ..record },
            _ => Record {
                dead_letters: vec![DeadLettered { reason, message_id: uuid }],
                reason: Some(reason.into()),
                ..record
            },
        }
    }

    #[test]
    fn an_ordinary_record_is_one_write_unit() {
        for state in EVERY_STATE {
            let bytes = size(&write(key(), &ordinary(state)));
            assert!(bytes <= 1024, "{state:?}: {bytes}");
        }
    }

    #[test]
    fn what_an_outcome_event_is_made_of_is_there_on_every_record_of_an_ended_event_and_only_there() {
        let known = ["eventSource", "eventId", "eventType", "route", "reason", "target", "traceparent"];
        let of_an_end = ["outcomeId", "detailType", "contactId", "outcomeAt"];
        let blank = |state| Record {
            event: Description::default(),
            contact: None,
            target: None,
            reason: None,
            dead_letters: Vec::new(),
            ..record(state)
        };
        for record in EVERY_STATE.map(record).into_iter().chain(EVERY_STATE.map(blank)) {
            let item = write(key(), &record);
            assert!(known.iter().all(|name| item[*name].is_s()), "{:?}: {item:?}", record.state);
            assert!(item["attempts"].is_n());
            let ended = record.final_outcome().is_some();
            if ended || record.contact.is_none() {
                assert!(of_an_end.iter().all(|name| item.contains_key(*name) == ended), "{:?}", record.state);
            }
            assert_eq!(read(&item).unwrap(), record);
        }
    }

    #[test]
    fn an_outcome_is_told_by_its_time_its_type_and_its_id() {
        let item = write(key(), &record(State::DeadLettered));
        let id = key().of_outcome("dead-lettered", "no-route", "c");
        for (name, value) in [
            ("outcomeId", id.to_string().as_str()),
            ("detailType", "Contact Dead-Lettered"),
            ("outcomeAt", "1970-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(item[name].as_s().unwrap(), value);
        }
    }

    #[test]
    fn a_record_of_a_version_that_described_nothing_is_read_all_the_same() {
        let mut item = write(key(), &record(State::Injected));
        for name in
            ["eventSource", "eventId", "eventType", "route", "traceparent", "reason", "firstSeenAt", "outcomeId"]
        {
            item.remove(name);
        }
        let read = read(&item).unwrap();
        let expected =
            Record { event: Description::default(), reason: None, first_seen: None, ..record(State::Injected) };
        assert_eq!(read, expected);
        item.insert("reason".to_owned(), text("a-reason-of-a-later-version"));
        assert!(super::read(&item).is_ok(), "nothing is decided by it");
    }

    #[test]
    fn a_newer_version_is_recognised_whatever_else_it_holds() {
        let item = Item::from([("version".to_owned(), number(RECORD_VERSION + 1)), ("state".to_owned(), number(9))]);
        assert_eq!(read(&item).unwrap().version, RECORD_VERSION + 1);
    }

    #[test]
    fn every_member_that_is_missing_or_of_another_type_is_named() {
        for name in ["version", "state", "attempt", "at", "until", "crashes", "attempts"] {
            let mut item = write(key(), &record(State::Injected));
            item.insert(name.to_owned(), AttributeValue::Bool(true));
            assert_eq!(read(&item).unwrap_err().0, name);
            item.remove(name);
            assert_eq!(read(&item).unwrap_err().0, name);
        }
    }
}
