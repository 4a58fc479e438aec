//! The ledger table: one item for each event, keyed by its idempotency key.

mod insertions;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::{PutItemError, builders::PutItemFluentBuilder},
    types::ReturnValuesOnConditionCheckFailure,
};

use self::insertions::{Inserted, Insertions};
use self::record::{KEY, read, state_name, write};
use super::super::aws::failed;
use super::batch_get::{BatchGet, LARGEST_BATCH};
use super::item::{Item, Unreadable, get_text, millis, text};
use crate::{
    domain::{
        claim::{Record, State},
        idempotency::IdempotencyKey,
    },
    ports::{Environment, Ledger, StoreError, Swap},
};

const STORE: &str = "the ledger";

/// The ledger in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoLedger<E> {
    client: Client,
    table: String,
    environment: E,
    insertions: Arc<Insertions>,
}

impl<E: Environment> DynamoLedger<E> {
    /// The ledger in this table.
    pub fn new(client: Client, table: String, environment: E) -> Self {
        Self { client, table, environment, insertions: Arc::default() }
    }

    fn put(&self, item: Item) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl<E: Environment> Ledger for DynamoLedger<E> {
    async fn read(&self, key: IdempotencyKey) -> Result<Option<Record>, StoreError> {
        const OPERATION: &str = "a read";
        let get = self.client.get_item().table_name(&self.table).key(KEY, text(key.to_string()));
        let output = get.consistent_read(true).send().await.map_err(|error| failed(STORE, OPERATION, &error))?;
        output.item().map(read).transpose().map_err(|unreadable| unreadable.during(STORE, OPERATION))
    }

    async fn read_many(&self, keys: &BTreeSet<IdempotencyKey>) -> Result<BTreeMap<IdempotencyKey, Record>, StoreError> {
        const OPERATION: &str = "a read of many";
        let Self { client, table, environment, .. } = self;
        let get = BatchGet { client, environment, store: STORE, table, consistent: true };
        let mut keys: Vec<_> = keys.iter().map(|key| Item::from([(KEY.to_owned(), text(key.to_string()))])).collect();
        let mut records = BTreeMap::new();
        while !keys.is_empty() {
            for item in get.items(keys.split_off(keys.len().saturating_sub(LARGEST_BATCH))).await? {
                let read = get_text(&item, KEY).and_then(|key| {
                    let key = IdempotencyKey::parse(key).ok_or(Unreadable(KEY))?;
                    Ok((key, read(&item)?))
                });
                let (key, record) = read.map_err(|unreadable| unreadable.during(STORE, OPERATION))?;
                records.insert(key, record);
            }
        }
        Ok(records)
    }

    async fn insert(&self, key: IdempotencyKey, record: &Record) -> Result<Swap<Record>, StoreError> {
        let item = write(key, record);
        // An end that is put on record at once is one of few, and no emulator's stream tells what a statement inserts.
        let inserted = match record.state {
            State::Claimed => self.insertions.insert(&self.client, &self.table, item).await?,
            _ => Inserted::Alone(Some(item)),
        };
        match inserted {
            Inserted::Done => Ok(Swap::Done),
            Inserted::Taken => self.read(key).await.map(Swap::Refused),
            Inserted::Alone(item) => {
                let put = self.put(item.unwrap_or_else(|| write(key, record)));
                swap(put.condition_expression("attribute_not_exists(idempotencyKey)"), "an insertion").await
            }
        }
    }

    async fn replace(&self, key: IdempotencyKey, seen: &Record, record: &Record) -> Result<Swap<Record>, StoreError> {
        let put = self
            .put(write(key, record))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":attempt", text(seen.attempt))
            .expression_attribute_values(":state", text(state_name(seen.state)));
        let put = if record.is_fenced_by_time(seen) {
            put.condition_expression("attempt = :attempt AND #state = :state AND #at = :at")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":at", millis(seen.at))
        } else {
            put.condition_expression("attempt = :attempt AND #state = :state")
        };
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
