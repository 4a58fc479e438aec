//! The registry table: the attribute schema and the default skills under a name each, each queue's health under its
//! own.

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use serde::Serialize;
use tracing::warn;

use super::super::aws::failed;
use super::batch_get::{BatchGet, LARGEST_BATCH};
use super::item::{Item, Unreadable, get_millis, get_number, get_text, millis, number, optional, text};
use crate::{
    domain::{
        attributes::Schema,
        health::QueueHealth,
        queues::{Queue, Reading},
        routes::{DefaultSkills, QueueId},
        time::Timestamp,
    },
    ports::{Environment, Registered, Registry, Reserved, SchemaSnapshot, StoreError, Wanted},
};

const STORE: &str = "the registry";

/// The name of the attribute schema's item.
const SCHEMA: &str = "attribute-schema";

/// The name of the item with the default skills of points of contact.
const DEFAULT_SKILLS: &str = "default-skills";

/// What a queue's item's name begins with.
const QUEUE: &str = "queue#";

/// A queue's health where no reading of it is kept that anybody could go by.
const ANEW: &str = "SET health = :health, observedAt = :at, reserved = :none";
/// When a queue was last asked about in vain, in a queue's item.
const UNREAD: &str = "unreadAt";

/// Until when a queue counts as full, in its item.
const SATURATED_UNTIL: &str = "saturatedUntil";

/// DynamoDB's limit of an item, its names included, in bytes.
const LARGEST_ITEM: usize = 400 * 1024;

/// What the schema's item holds besides the definitions: names, two hashes and a time, in bytes.
const BESIDES_DEFINITIONS: usize = 512;

/// Why the attribute schema isn't kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "it takes {bytes} bytes, and an item holds {LARGEST_ITEM}; so workers check against the last one that fitted for as \
     long as that is fresh, and then each execution environment fetches it from CXone for itself"
)]
struct TooLarge {
    bytes: usize,
}

/// The registry in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoRegistry<E> {
    client: Client,
    table: String,
    environment: E,
}

impl<E: Environment> DynamoRegistry<E> {
    /// The registry in this table.
    pub fn new(client: Client, table: String, environment: E) -> Self {
        Self { client, table, environment }
    }

    async fn get(&self, names: &[String]) -> Result<Vec<Item>, StoreError> {
        let keys = names.iter().map(|name| Item::from([("name".to_owned(), text(name))])).collect();
        let Self { client, table, environment } = self;
        BatchGet { client, environment, store: STORE, table, consistent: false }.items(keys).await
    }

    /// Sets a time of a queue, unless a later one stands there.
    async fn put_forward(
        &self,
        queue: &QueueId,
        time: &'static str,
        to: Timestamp,
        operation: &'static str,
    ) -> Result<(), StoreError> {
        let update = self
            .update(queue_name(queue))
            .update_expression("SET #time = :to")
            .condition_expression("attribute_not_exists(#time) OR #time < :to")
            .expression_attribute_names("#time", time)
            .expression_attribute_values(":to", millis(to));
        unless_newer(update, operation).await.map(|_| ())
    }

    fn update(&self, name: String) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("name", text(name))
    }
}

impl<E: Environment> Registry for DynamoRegistry<E> {
    async fn load(&self, wanted: &Wanted) -> Result<Registered, StoreError> {
        let Wanted { schema, default_skills, queues } = wanted;
        let single = [(*schema, SCHEMA), (*default_skills, DEFAULT_SKILLS)];
        let single = single.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| (*name).to_owned());
        let names: Vec<_> = single.chain(queues.iter().map(queue_name)).collect();
        let mut registered = Registered::default();
        for names in names.chunks(LARGEST_BATCH) {
            for item in self.get(names).await? {
                let name = get_text(&item, "name").unwrap_or_default();
                let read = if name == SCHEMA {
                    read_schema(&item).map(|snapshot| registered.schema = Some(snapshot))
                } else if name == DEFAULT_SKILLS {
                    read_default_skills(&item).map(|skills| registered.default_skills = Some(skills))
                } else if let Some(id) = queues.iter().find(|id| name.strip_prefix(QUEUE) == Some(id.as_str())) {
                    read_queue(&item).and_then(|queue| {
                        let unread = optional(&item, UNREAD, get_millis)?;
                        registered.queues.push((id.clone(), queue));
                        registered.unread.extend(unread.map(|at| (id.clone(), at)));
                        Ok(())
                    })
                } else {
                    Ok(())
                };
                if let Err(unreadable) = read {
                    warn!(name, %unreadable, "an entry of the registry counts as unknown");
                }
            }
        }
        Ok(registered)
    }

    async fn keep_schema(&self, snapshot: &SchemaSnapshot) -> Result<bool, StoreError> {
        const OPERATION: &str = "the attribute schema";
        let definitions = json_text(snapshot.schema.definitions(), OPERATION)?;
        let bytes = definitions.len() + BESIDES_DEFINITIONS;
        if bytes > LARGEST_ITEM {
            return Err(StoreError { store: STORE, operation: OPERATION, source: TooLarge { bytes }.into() });
        }
        let update = self
            .update(SCHEMA.to_owned())
            .update_expression(
                "SET previousHash = if_not_exists(contentHash, :hash), contentHash = :hash, definitions = :definitions, \
                 fetchedAt = :at",
            )
            .condition_expression("attribute_not_exists(fetchedAt) OR fetchedAt < :at")
            .expression_attribute_values(":hash", text(snapshot.schema.content_hash()))
            .expression_attribute_values(":definitions", text(definitions))
            .expression_attribute_values(":at", millis(snapshot.fetched));
        unless_newer(update, OPERATION).await
    }

    async fn keep_default_skills(&self, skills: &DefaultSkills, read: Timestamp) -> Result<(), StoreError> {
        const OPERATION: &str = "the default skills of points of contact";
        let json = json_text(skills, OPERATION)?;
        let update = self
            .update(DEFAULT_SKILLS.to_owned())
            .update_expression("SET skills = :skills, fetchedAt = :at")
            .condition_expression("attribute_not_exists(fetchedAt) OR fetchedAt < :at")
            .expression_attribute_values(":skills", text(json))
            .expression_attribute_values(":at", millis(read));
        unless_newer(update, OPERATION).await.map(|_| ())
    }

    async fn keep_health(
        &self,
        queue: &QueueId,
        health: &QueueHealth,
        before: Option<Reading>,
    ) -> Result<Reserved, StoreError> {
        const OPERATION: &str = "a queue's health";
        let json = json_text(health, OPERATION)?;
        let update = self
            .update(queue_name(queue))
            .expression_attribute_values(":health", text(json))
            .expression_attribute_values(":at", millis(health.observed))
            .expression_attribute_values(":none", number(0));
        let conditional = match before {
            Some(Reading { observed, reserved }) => update
                .clone()
                .update_expression(
                    "SET health = :health, observedAt = :at, reserved = if_not_exists(reserved, :none) - :counted",
                )
                .condition_expression("observedAt = :before AND observedAt < :at")
                .expression_attribute_values(":before", millis(observed))
                .expression_attribute_values(":counted", number(reserved)),
            None => update.clone().update_expression(ANEW).condition_expression("attribute_not_exists(observedAt)"),
        };
        let read = match of_reading(conditional, OPERATION).await? {
            // Nobody can go by what is kept.
            Err(_) => {
                let update = update.update_expression(ANEW).condition_expression("observedAt < :at");
                of_reading(update, OPERATION).await?
            }
            read => read,
        };
        read.map_err(|unreadable| unreadable.during(STORE, OPERATION))
    }

    async fn keep_unread(&self, queue: &QueueId, at: Timestamp) -> Result<(), StoreError> {
        const OPERATION: &str = "when a queue was asked about";
        self.put_forward(queue, UNREAD, at, OPERATION).await
    }

    async fn reserve(&self, queue: &QueueId, reading: Timestamp, places: u64) -> Result<Reserved, StoreError> {
        const OPERATION: &str = "places in a queue";
        let update = self
            .update(queue_name(queue))
            .update_expression("ADD reserved :places")
            .condition_expression("observedAt = :reading")
            .expression_attribute_values(":places", number(places))
            .expression_attribute_values(":reading", millis(reading));
        of_reading(update, OPERATION).await?.map_err(|unreadable| unreadable.during(STORE, OPERATION))
    }

    async fn mark_saturated(&self, queue: &QueueId, until: Timestamp) -> Result<(), StoreError> {
        const OPERATION: &str = "a queue's saturation";
        self.put_forward(queue, SATURATED_UNTIL, until, OPERATION).await
    }
}

fn json_text(value: &(impl Serialize + ?Sized), operation: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError { store: STORE, operation, source: Box::new(error) })
}

async fn unless_newer(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<bool, StoreError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(STORE, operation, &error)),
        },
    }
}

/// Makes a write that goes by a queue's latest reading; the inner error where what stands there can't be read.
async fn of_reading(
    update: UpdateItemFluentBuilder,
    operation: &'static str,
) -> Result<Result<Reserved, Unreadable>, StoreError> {
    let update = update
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match update.send().await {
        Ok(output) => Ok(get_number(&output.attributes.unwrap_or_default(), "reserved").map(Reserved::UpTo)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(refused.item().map(read_queue).transpose().map(Reserved::Superseded))
            }
            _ => Err(failed(STORE, operation, &error)),
        },
    }
}

fn queue_name(queue: &QueueId) -> String {
    format!("{QUEUE}{}", queue.as_str())
}

fn read_schema(item: &Item) -> Result<SchemaSnapshot, Unreadable> {
    let definitions = serde_json::from_str(get_text(item, "definitions")?).map_err(|_| Unreadable("definitions"))?;
    Ok(SchemaSnapshot { schema: Schema::new(definitions), fetched: get_millis(item, "fetchedAt")? })
}

fn read_default_skills(item: &Item) -> Result<DefaultSkills, Unreadable> {
    serde_json::from_str(get_text(item, "skills")?).map_err(|_| Unreadable("skills"))
}

fn read_queue(item: &Item) -> Result<Queue, Unreadable> {
    let health = optional(item, "health", get_text)?
        .map(|json| serde_json::from_str(json).map_err(|_| Unreadable("health")))
        .transpose()?;
    let saturated_until = optional(item, SATURATED_UNTIL, get_millis)?;
    Ok(Queue { health, saturated_until, reserved: optional(item, "reserved", get_number)?.unwrap_or(0) })
}
