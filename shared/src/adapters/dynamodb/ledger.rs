//! The ledger table: one item for each event, keyed by its idempotency key.

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::{PutItemError, builders::PutItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use serde::de::{DeserializeOwned, value::StrDeserializer};
use uuid::Uuid;

use super::super::aws::failed;
use super::item::{Item, Unreadable, get_millis, get_number, get_text, millis, number, optional, text};
use crate::{
    domain::{
        claim::{DeadLettered, PlacedContact, RECORD_VERSION, Record, State},
        idempotency::{DataHash, IdempotencyKey},
        reason::DeadLetterReason,
        time::Timestamp,
    },
    ports::{Ledger, StoreError, Swap},
};

const STORE: &str = "the ledger";

/// When DynamoDB deletes an item, in seconds since the Unix epoch: the table's time to live.
const EXPIRES: &str = "expiresAt";

/// The same of a parked record, which DynamoDB must not delete before a person has decided.
const EXPIRES_ONCE_RESOLVED: &str = "expiresOnceResolved";

/// The ledger in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

impl DynamoLedger {
    /// The ledger in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn put(&self, key: IdempotencyKey, record: &Record) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(write(key, record)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl Ledger for DynamoLedger {
    async fn read(&self, key: IdempotencyKey) -> Result<Option<Record>, StoreError> {
        const OPERATION: &str = "a read";
        let get = self.client.get_item().table_name(&self.table).key("idempotencyKey", text(key.to_string()));
        let output = get.consistent_read(true).send().await.map_err(|error| failed(STORE, OPERATION, &error))?;
        output.item().map(read).transpose().map_err(|unreadable| unreadable.during(STORE, OPERATION))
    }

    async fn insert(&self, key: IdempotencyKey, record: &Record) -> Result<Swap<Record>, StoreError> {
        swap(self.put(key, record).condition_expression("attribute_not_exists(idempotencyKey)"), "an insertion").await
    }

    async fn replace(&self, key: IdempotencyKey, seen: &Record, record: &Record) -> Result<Swap<Record>, StoreError> {
        let put = self
            .put(key, record)
            .condition_expression("attempt = :attempt AND #state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":attempt", text(seen.attempt))
            .expression_attribute_values(":state", text(state_name(seen.state)));
        swap(put, "a replacement").await
    }
}

async fn swap(put: PutItemFluentBuilder, operation: &'static str) -> Result<Swap<Record>, StoreError> {
    match put.send().await {
        Ok(_) => Ok(Swap::Done),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let found = refused.item().map(read).transpose();
                found.map(Swap::Refused).map_err(|unreadable| unreadable.during(STORE, operation))
            }
            _ => Err(failed(STORE, operation, &error)),
        },
    }
}

fn write(key: IdempotencyKey, record: &Record) -> Item {
    let contact = record.contact.as_ref();
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
        Some(("idempotencyKey", text(key.to_string()))),
        Some(("version", number(record.version))),
        Some(("state", text(state_name(record.state)))),
        Some(("attempt", text(record.attempt))),
        Some(("at", millis(record.at))),
        Some(("until", millis(record.until))),
        record.hash.as_ref().map(|hash| ("dataHash", text(hash.as_str()))),
        record.first_sent.map(|at| ("firstSentAt", millis(at))),
        record.after_crash.then(|| ("afterCrash", AttributeValue::Bool(true))),
        Some(("crashes", number(record.crashes))),
        Some(("attempts", number(record.attempts))),
        (!record.lost.is_empty()).then(|| ("lost", AttributeValue::L(lost.collect()))),
        (record.forgiven > 0).then(|| ("forgiven", number(record.forgiven))),
        contact.map(|contact| ("contactId", text(&contact.contact_id))),
        contact.map(|contact| ("target", text(&contact.target))),
        (!record.dead_letters.is_empty()).then(|| ("deadLetters", AttributeValue::L(dead_letters.collect()))),
        record.expires.map(|at| (expires, number(at.as_seconds()))),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn read(item: &Item) -> Result<Record, Unreadable> {
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
        after_crash: item.contains_key("afterCrash"),
        crashes: get_number(item, "crashes")?,
        attempts: get_number(item, "attempts")?,
        lost: maps(item, "lost", placed)?,
        forgiven: optional(item, "forgiven", get_number)?.unwrap_or(0),
        contact: optional(item, "contactId", |item, _| placed(item))?,
        dead_letters: maps(item, "deadLetters", dead_letter)?,
        expires: expires.map(|at| Timestamp::from_millis(at.saturating_mul(1000))),
    })
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
    let never = Timestamp::default();
    Record {
        version,
        state: State::Claimed,
        attempt: Uuid::nil(),
        at: never,
        until: never,
        hash: None,
        first_sent: None,
        after_crash: false,
        crashes: 0,
        attempts: 0,
        lost: Vec::new(),
        forgiven: 0,
        contact: None,
        dead_letters: Vec::new(),
        expires: None,
    }
}

const fn state_name(state: State) -> &'static str {
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
            after_crash: true,
            crashes: 1,
            attempts: 4,
            lost: vec![placed("lost")],
            forgiven: 1,
            contact: Some(placed("c")),
            dead_letters: vec![DeadLettered { reason: DeadLetterReason::NoRoute, message_id: "m-1".to_owned() }],
            expires: Some(Timestamp::from_millis(5000)),
        }
    }

    fn key() -> IdempotencyKey {
        IdempotencyKey::of_event("s", "i")
    }

    #[test]
    fn every_state_reads_back_as_it_was_written() {
        for state in
            [State::Claimed, State::Released, State::InDoubt, State::Injected, State::DeadLettered, State::Parked]
        {
            let item = write(key(), &record(state));
            assert_eq!(read(&item).unwrap(), record(state));
            assert_eq!(
                item.contains_key("expiresAt"),
                state != State::Parked,
                "DynamoDB deletes nothing that is parked"
            );
        }
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
