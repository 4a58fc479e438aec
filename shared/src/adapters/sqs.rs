//! The dead-letter queue, and the contact queue's visibility.

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    error::BuildError,
    primitives::Blob,
    types::{ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue},
};

use super::aws::failed;
use crate::{
    domain::{
        lane::Lane,
        message::{Attribute, AttributeContent, DeadLetter},
    },
    ports::{ContactQueue, DeadLetters, StoreError},
};

/// SQS takes so many changes of visibility at once.
const LARGEST_BATCH: usize = 10;

/// The dead-letter queue.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
}

impl SqsDeadLetters {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }
}

impl DeadLetters for SqsDeadLetters {
    async fn send(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        const STORE: &str = "the dead-letter queue";
        const OPERATION: &str = "a message";
        let mut send = self.client.send_message().queue_url(&self.url).message_body(&letter.body);
        send = send.set_message_group_id(letter.group.clone());
        for attribute in &letter.attributes {
            let value = write(attribute).map_err(|error| unwritable(STORE, OPERATION, error))?;
            send = send.message_attributes(&attribute.name, value);
        }
        send.send().await.map(|_| ()).map_err(|error| failed(STORE, OPERATION, &error))
    }
}

fn unwritable(store: &'static str, operation: &'static str, error: BuildError) -> StoreError {
    StoreError { store, operation, source: Box::new(error) }
}

fn write(attribute: &Attribute) -> Result<MessageAttributeValue, BuildError> {
    let builder = MessageAttributeValue::builder().data_type(&attribute.data_type);
    match &attribute.value {
        AttributeContent::Text(text) => builder.string_value(text),
        AttributeContent::Binary(bytes) => builder.binary_value(Blob::new(bytes.clone())),
    }
    .build()
}

/// The queues that messages come from.
#[derive(Clone, Debug)]
pub struct SqsContactQueue {
    client: Client,
    contacts: String,
    urgent: Option<String>,
}

impl SqsContactQueue {
    /// The contact queue at this URL, and the urgent queue at that one where there is one.
    pub fn new(client: Client, contacts: String, urgent: Option<String>) -> Self {
        Self { client, contacts, urgent }
    }

    fn url(&self, lane: Lane) -> &str {
        match (lane, &self.urgent) {
            (Lane::Urgent, Some(urgent)) => urgent,
            _ => &self.contacts,
        }
    }
}

impl ContactQueue for SqsContactQueue {
    async fn delay_redelivery(&self, lane: Lane, delays: &[(String, Duration)]) -> Result<Vec<String>, StoreError> {
        const STORE: &str = "the messages' queue";
        const OPERATION: &str = "a change of visibility";
        let mut left = Vec::new();
        for batch in delays.chunks(LARGEST_BATCH) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(index, (receipt, delay))| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(receipt)
                        .visibility_timeout(i32::try_from(delay.as_secs()).unwrap_or(i32::MAX))
                        .build()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| unwritable(STORE, OPERATION, error))?;
            let output = self
                .client
                .change_message_visibility_batch()
                .queue_url(self.url(lane))
                .set_entries(Some(entries))
                .send()
                .await;
            let output = output.map_err(|error| failed(STORE, OPERATION, &error))?;
            left.extend(output.failed.into_iter().filter_map(|entry| {
                let (receipt, _) = batch.get(entry.id.parse::<usize>().ok()?)?;
                Some(receipt.clone())
            }));
        }
        Ok(left)
    }
}
