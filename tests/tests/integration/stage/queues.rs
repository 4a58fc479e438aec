//! SQS's part: messages in, batches out to a worker, and what was acknowledged is gone.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Stage, Worker};

/// A message of the dead-letter queue.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) body: String,
    /// Type and value by name.
    pub(crate) attributes: BTreeMap<String, (String, String)>,
}

impl DeadLetter {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", |(_, value)| value)
    }

    pub(crate) fn reason(&self) -> &str {
        self.attribute("failureReason")
    }
}

/// A record of an SQS event that never was in a queue: for bodies that SQS itself would not take.
pub(crate) fn record(body: impl Into<Value>) -> Value {
    json!({
        "messageId": Uuid::new_v4().to_string(),
        "receiptHandle": "none",
        "body": body.into(),
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs"
    })
}

impl Stage {
    /// Sends a message as an upstream would; its id.
    pub(crate) async fn send(&self, body: &Value) -> String {
        self.send_with(&body.to_string(), &[]).await
    }

    /// Sends a text with attributes.
    pub(crate) async fn send_with(&self, body: &str, attributes: &[(String, MessageAttributeValue)]) -> String {
        let mut request = self.sqs.send_message().queue_url(&self.queues.contacts).message_body(body);
        for (name, value) in attributes {
            request = request.message_attributes(name, value.clone());
        }
        request.send().await.unwrap().message_id.unwrap()
    }

    /// Sends many.
    pub(crate) async fn send_all(&self, bodies: impl IntoIterator<Item = Value>) {
        let entries: Vec<_> = bodies
            .into_iter()
            .enumerate()
            .map(|(index, body)| {
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body.to_string())
            })
            .map(|entry| entry.build().unwrap())
            .collect();
        for batch in entries.chunks(10) {
            let request = self.sqs.send_message_batch().queue_url(&self.queues.contacts);
            request.set_entries(Some(batch.to_vec())).send().await.unwrap();
        }
    }

    /// Receives up to ten messages, as the records of an event.
    pub(crate) async fn receive(&self) -> Vec<Value> {
        let request = self.sqs.receive_message().queue_url(&self.queues.contacts).max_number_of_messages(10);
        let request =
            request.message_attribute_names("All").message_system_attribute_names(MessageSystemAttributeName::All);
        request.send().await.unwrap().messages.unwrap_or_default().into_iter().map(to_record).collect()
    }

    /// Deletes from the contact queue what a worker acknowledged.
    pub(crate) async fn acknowledge(&self, records: &[Value], back: &[String]) {
        let done: Vec<_> = records
            .iter()
            .filter(|record| !back.iter().any(|id| record["messageId"] == id.as_str()))
            .enumerate()
            .map(|(index, record)| {
                let handle = record["receiptHandle"].as_str().unwrap();
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build().unwrap()
            })
            .collect();
        if !done.is_empty() {
            let request = self.sqs.delete_message_batch().queue_url(&self.queues.contacts);
            request.set_entries(Some(done)).send().await.unwrap();
        }
    }

    /// Shows the messages that came back at once, instead of after their backoff.
    pub(crate) async fn hurry(&self, records: &[Value], back: &[String]) {
        let entries: Vec<_> = records
            .iter()
            .filter(|record| back.iter().any(|id| record["messageId"] == id.as_str()))
            .enumerate()
            .map(|(index, record)| {
                let handle = record["receiptHandle"].as_str().unwrap();
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(0)
                    .build()
                    .unwrap()
            })
            .collect();
        if !entries.is_empty() {
            let request = self.sqs.change_message_visibility_batch().queue_url(&self.queues.contacts);
            request.set_entries(Some(entries)).send().await.unwrap();
        }
    }

    /// One round of what Lambda does: receive, invoke, delete what isn't reported. The ids of what comes back.
    pub(crate) async fn deliver(&self, worker: &Worker) -> Vec<String> {
        let records = self.receive().await;
        let back = worker.batch(&records).await;
        self.acknowledge(&records, &back).await;
        back
    }

    /// Sends events, delivers them in one batch, and says how each ended in the order of sending.
    pub(crate) async fn ends(&self, worker: &Worker, events: &[Value]) -> Vec<String> {
        let before = self.log.deliveries().len();
        self.send_all(events.iter().cloned()).await;
        self.deliver(worker).await;
        let lines = self.log.deliveries().split_off(before);
        let of = |event: &Value| lines.iter().find(|line| line["event_id"] == event["id"]).map(super::log::outcome);
        events.iter().map(|event| of(event).unwrap_or_else(|| "nothing".to_owned())).collect()
    }

    /// Messages of the contact queue: to be had now, and out of sight.
    pub(crate) async fn depth(&self) -> (u32, u32) {
        let request = self.sqs.get_queue_attributes().queue_url(&self.queues.contacts);
        let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
        let attributes = answer.attributes.unwrap();
        let count = |name| attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default();
        (
            count(QueueAttributeName::ApproximateNumberOfMessages),
            count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )
    }

    /// Takes every dead letter there is.
    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        loop {
            let request =
                self.sqs.receive_message().queue_url(&self.queues.dead_letters).message_attribute_names("All");
            let answer = request.max_number_of_messages(10).visibility_timeout(3600).send().await.unwrap();
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                return letters;
            }
            letters.extend(messages.into_iter().map(|message| {
                DeadLetter {
                    body: message.body.unwrap_or_default(),
                    attributes: message
                        .message_attributes
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(name, value)| (name, (value.data_type, value.string_value.unwrap_or_default())))
                        .collect(),
                }
            }));
        }
    }
}

/// A message as Lambda hands it to a function.
fn to_record(message: Message) -> Value {
    let attributes: BTreeMap<_, _> = message
        .attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    let own: BTreeMap<_, _> = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| {
            let value = json!({
                "dataType": value.data_type, "stringValue": value.string_value,
                "stringListValues": [], "binaryListValues": []
            });
            (name, value)
        })
        .collect();
    json!({
        "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
        "attributes": attributes, "messageAttributes": own, "eventSource": "aws:sqs"
    })
}
