//! One SQS queue: what is sent, received, deleted and counted.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use super::LocalError;

/// SQS's largest batch.
const BATCH: usize = 10;

/// A queue and who may reach it.
#[derive(Debug, Clone)]
pub struct MessageQueue {
    sqs: Client,
    url: String,
}

/// Messages of a queue by where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// To be had now.
    pub visible: u32,
    /// Received and not deleted, or to be had later.
    pub hidden: u32,
}

impl MessageQueue {
    /// The queue at this URL.
    pub fn new(sqs: &Client, url: &str) -> Self {
        Self { sqs: sqs.clone(), url: url.to_owned() }
    }

    /// Sends a message for each of these bodies.
    ///
    /// # Errors
    /// Where SQS doesn't take every one.
    pub async fn send(&self, bodies: &[String]) -> Result<(), LocalError> {
        const CALL: &str = "sqs:SendMessageBatch";
        for batch in bodies.chunks(BATCH) {
            let entry = |(index, body): (usize, &String)| {
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
            };
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(LocalError::aws(CALL))?;
            let request = self.sqs.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.map_err(LocalError::aws(CALL))?;
            if let [first, ..] = answer.failed() {
                let message = first.message().unwrap_or("no reason").to_owned();
                return Err(LocalError::Emulator(format!(
                    "{} messages were not taken: {message}",
                    answer.failed.len()
                )));
            }
        }
        Ok(())
    }

    /// Receives up to ten messages with all their attributes, waiting so long for the first. They stay out of sight for
    /// so long, or for as long as the queue says.
    pub async fn receive(&self, wait_seconds: i32, hidden_seconds: Option<i32>) -> Result<Vec<Message>, LocalError> {
        let request = self.sqs.receive_message().queue_url(&self.url).wait_time_seconds(wait_seconds);
        let request = request.max_number_of_messages(10).set_visibility_timeout(hidden_seconds);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.message_attribute_names("All").send().await;
        Ok(answer.map_err(LocalError::aws("sqs:ReceiveMessage"))?.messages.unwrap_or_default())
    }

    /// Every message that can be received, which stays out of sight for so long.
    pub async fn receive_all(&self, wait_seconds: i32, hidden_seconds: i32) -> Result<Vec<Message>, LocalError> {
        let mut all = Vec::new();
        loop {
            let received = self.receive(wait_seconds, Some(hidden_seconds)).await?;
            if received.is_empty() {
                return Ok(all);
            }
            all.extend(received);
        }
    }

    /// Puts messages that were received back into sight.
    pub async fn show(&self, receipt_handles: impl IntoIterator<Item = &str>) -> Result<(), LocalError> {
        for handle in receipt_handles {
            let request = self.sqs.change_message_visibility().queue_url(&self.url).receipt_handle(handle);
            request.visibility_timeout(0).send().await.map_err(LocalError::aws("sqs:ChangeMessageVisibility"))?;
        }
        Ok(())
    }

    /// Deletes up to ten messages.
    pub async fn delete(&self, receipt_handles: impl IntoIterator<Item = &str>) -> Result<(), LocalError> {
        const CALL: &str = "sqs:DeleteMessageBatch";
        let entry = |(index, handle): (usize, &str)| {
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build()
        };
        let entries = receipt_handles.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(LocalError::aws(CALL))?;
        if entries.is_empty() {
            return Ok(());
        }
        let request = self.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        request.send().await.map(drop).map_err(LocalError::aws(CALL))
    }

    /// How many messages it holds.
    pub async fn depth(&self) -> Result<Depth, LocalError> {
        let request = self.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await;
        let attributes: HashMap<_, _> =
            answer.map_err(LocalError::aws("sqs:GetQueueAttributes"))?.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or_default();
        Ok(Depth {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            hidden: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                + count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        })
    }
}

impl Depth {
    /// All of them.
    pub fn total(self) -> u32 {
        self.visible + self.hidden
    }
}
