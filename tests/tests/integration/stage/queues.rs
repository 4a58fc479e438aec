//! SQS's part: messages in, batches out to a worker, and what was acknowledged is gone.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
};
use contact_injection_tests::host::record;
use contact_injection_tests::local::MessageQueue;
use serde_json::Value;

use super::{Simulated, Stage, Worker};

/// A message of the dead-letter queue.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) body: String,
    /// Type and value by name.
    pub(crate) attributes: BTreeMap<String, (String, String)>,
    /// Its message group.
    pub(crate) group: Option<String>,
}

impl DeadLetter {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", |(_, value)| value)
    }

    pub(crate) fn reason(&self) -> &str {
        self.attribute("failureReason")
    }
}

impl<S: Simulated> Stage<S> {
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
        let bodies: Vec<_> = bodies.into_iter().map(|body| body.to_string()).collect();
        self.contacts.send(&bodies).await.unwrap();
    }

    /// Receives up to ten messages, as the records of an event.
    pub(crate) async fn receive(&self) -> Vec<Value> {
        let received = self.contacts.receive(0, None).await.unwrap();
        received.iter().map(|message| record(&self.queues.contacts, message)).collect()
    }

    /// Receives up to ten messages of the urgent queue.
    pub(crate) async fn receive_urgent(&self) -> Vec<Value> {
        let url = &self.urgent().url;
        let received = MessageQueue::new(&self.sqs, url).receive(0, None).await.unwrap();
        received.iter().map(|message| record(url, message)).collect()
    }

    /// Deletes from the contact queue what a worker acknowledged.
    pub(crate) async fn acknowledge(&self, records: &[Value], back: &[String]) {
        let done = records.iter().filter(|record| !is_back(record, back)).map(receipt_handle);
        self.contacts.delete(done).await.unwrap();
    }

    /// Shows the messages that came back at once, instead of after their backoff.
    pub(crate) async fn hurry(&self, records: &[Value], back: &[String]) {
        let entries: Vec<_> = records
            .iter()
            .filter(|record| is_back(record, back))
            .enumerate()
            .map(|(index, record)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt_handle(record))
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
        let depth = self.contacts.depth().await.unwrap();
        (depth.visible, depth.hidden)
    }

    /// Takes every dead letter there is.
    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        let queue = MessageQueue::new(&self.sqs, &self.queues.dead_letters);
        let messages = queue.receive_all(0, 3600).await.unwrap().into_iter();
        let attribute = |(name, value): (String, MessageAttributeValue)| {
            (name, (value.data_type, value.string_value.unwrap_or_default()))
        };
        let letter = |message: Message| DeadLetter {
            body: message.body.unwrap_or_default(),
            attributes: message.message_attributes.unwrap_or_default().into_iter().map(attribute).collect(),
            group: message.attributes.and_then(|mut system| system.remove(&MessageSystemAttributeName::MessageGroupId)),
        };
        messages.map(letter).collect()
    }
}

fn is_back(record: &Value, back: &[String]) -> bool {
    back.iter().any(|id| record["messageId"] == id.as_str())
}

fn receipt_handle(record: &Value) -> &str {
    record["receiptHandle"].as_str().unwrap()
}
