//! The SQS event source mapping: batches from the queue to the function, and what of them is acknowledged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::{join_all, select};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::runtime_api::instant;
use super::{Function, Invocation};
use crate::local::{LocalError, REGION, sdk_config};

/// Messages in a batch at most, as the template has it.
const BATCH_SIZE: i32 = 10;
/// How long a receive waits for a first message; Lambda waits 20 s.
const WAIT_SECONDS: i32 = 1;
/// How often the queue is asked whether it is empty.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An event source mapping with partial batch responses.
#[derive(Debug)]
pub struct EventSource<'a> {
    client: Client,
    queue_url: String,
    function: &'a Function,
    /// Batches in hand at once.
    maximum_concurrency: usize,
}

/// What was handed to the function.
#[derive(Debug, Clone, Default)]
pub struct Drained {
    /// From the start to the moment that the queue was empty.
    pub duration: Duration,
    /// Messages that the function acknowledged.
    pub acknowledged: usize,
    /// Messages that it gave back, in a batch or by failing as a whole.
    pub returned: usize,
    /// Every invocation, and how many messages it was about.
    pub invocations: Vec<(Invocation, usize)>,
    /// Whether the queue was empty in the end.
    pub empty: bool,
}

impl<'a> EventSource<'a> {
    /// From this queue, at this endpoint, to this function.
    pub fn new(endpoint: &str, queue_url: &str, function: &'a Function) -> Self {
        let client = Client::new(&sdk_config(endpoint));
        Self { client, queue_url: queue_url.to_owned(), function, maximum_concurrency: 2 }
    }

    /// With so many batches in hand at once.
    #[must_use]
    pub fn with_maximum_concurrency(self, maximum_concurrency: usize) -> Self {
        Self { maximum_concurrency, ..self }
    }

    /// Works until the queue holds no message, neither ready nor in hand nor hidden, or the time is up.
    pub async fn drain(&self, within: Duration) -> Result<Drained, LocalError> {
        let started = instant();
        let empty = async {
            let mut looked_empty = 0;
            while looked_empty < 2 {
                if instant().duration_since(started) > within {
                    return Ok::<_, LocalError>(false);
                }
                tokio::time::sleep(LOOK_EVERY).await;
                looked_empty = if self.messages().await? == 0 { looked_empty + 1 } else { 0 };
            }
            Ok(true)
        };
        let (empty, mut drained) = self.serve_until(empty).await?;
        drained.empty = empty?;
        // What it took to look twice is no part of it.
        drained.duration = instant().duration_since(started).saturating_sub(LOOK_EVERY * 2);
        Ok(drained)
    }

    /// Works until `stop` resolves; batches in hand are finished.
    pub async fn serve_until<T>(&self, stop: impl Future<Output = T>) -> Result<(T, Drained), LocalError> {
        let drained = Mutex::new(Drained::default());
        let (stopping, stopped) = watch::channel(false);
        let workers = join_all((0..self.maximum_concurrency).map(|_| self.work(stopped.clone(), &drained)));
        let stop = async {
            let value = stop.await;
            stopping.send_replace(true);
            value
        };
        let (value, ends) = futures::join!(stop, workers);
        ends.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok((value, drained.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Messages in the queue, wherever they are.
    pub async fn messages(&self) -> Result<u64, LocalError> {
        let request = self.client.get_queue_attributes().queue_url(&self.queue_url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await;
        let attributes = answer.map_err(LocalError::aws("sqs:GetQueueAttributes"))?.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        Ok(count(QueueAttributeName::ApproximateNumberOfMessages)
            + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            + count(QueueAttributeName::ApproximateNumberOfMessagesDelayed))
    }

    async fn work(&self, mut stopped: watch::Receiver<bool>, drained: &Mutex<Drained>) -> Result<(), LocalError> {
        while !*stopped.borrow() {
            let receive = Box::pin(self.receive());
            let stop = Box::pin(stopped.wait_for(|stopped| *stopped));
            let messages = match select(receive, stop).await {
                futures::future::Either::Left((messages, _)) => messages?,
                futures::future::Either::Right(_) => break,
            };
            if messages.is_empty() {
                continue;
            }
            let invocation = match self.function.invoke(&event(&messages)).await {
                // An environment that died while idle has handled nothing; the messages come back.
                Err(LocalError::Gone(_)) => continue,
                invocation => invocation?,
            };
            let (done, back) = split(messages, invocation.answer());
            let (acknowledged, returned) = (done.len(), back.len());
            self.delete(&done).await?;
            let mut drained = drained.lock().unwrap_or_else(PoisonError::into_inner);
            drained.acknowledged += acknowledged;
            drained.returned += returned;
            drained.invocations.push((invocation, acknowledged + returned));
        }
        Ok(())
    }

    async fn receive(&self) -> Result<Vec<Message>, LocalError> {
        let request = self.client.receive_message().queue_url(&self.queue_url);
        let request = request.max_number_of_messages(BATCH_SIZE).wait_time_seconds(WAIT_SECONDS);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.message_attribute_names("All").send().await;
        Ok(answer.map_err(LocalError::aws("sqs:ReceiveMessage"))?.messages.unwrap_or_default())
    }

    async fn delete(&self, messages: &[Message]) -> Result<(), LocalError> {
        let entries = messages.iter().enumerate().map(|(index, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(message.receipt_handle().unwrap_or_default()).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(LocalError::aws("sqs:DeleteMessageBatch"))?;
        if entries.is_empty() {
            return Ok(());
        }
        let request = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        request.send().await.map(drop).map_err(LocalError::aws("sqs:DeleteMessageBatch"))
    }
}

/// Acknowledged and given back. As in Lambda, no answer or one that names an unknown message gives all back.
fn split(messages: Vec<Message>, answer: Option<&Value>) -> (Vec<Message>, Vec<Message>) {
    let Some(answer) = answer else { return (Vec::new(), messages) };
    let listed = answer.get("batchItemFailures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let failed: Option<HashSet<_>> =
        listed.iter().map(|failure| failure.get("itemIdentifier").and_then(Value::as_str)).collect();
    let known = |id: &str| messages.iter().any(|message| message.message_id() == Some(id));
    match failed {
        Some(failed) if failed.iter().all(|id| known(id)) => {
            messages.into_iter().partition(|message| !message.message_id().is_some_and(|id| failed.contains(id)))
        }
        _ => (Vec::new(), messages),
    }
}

/// The event that hands these messages to a function.
fn event(messages: &[Message]) -> Value {
    let records = messages.iter().map(|message| {
        let system: Map<_, _> = message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
            .collect();
        let own: Map<_, _> = message
            .message_attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), attribute(value)))
            .collect();
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "md5OfBody": message.md5_of_body(),
            "attributes": system,
            "messageAttributes": own,
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:000000000000:contacts"),
            "awsRegion": REGION,
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

fn attribute(value: &MessageAttributeValue) -> Value {
    json!({
        "dataType": value.data_type(),
        "stringValue": value.string_value(),
        "binaryValue": value.binary_value().map(|bytes| STANDARD.encode(bytes)),
        "stringListValues": [],
        "binaryListValues": [],
    })
}

/// An event of messages that never were in a queue, for measuring a function alone.
pub fn message_event(bodies: &[String]) -> Value {
    let now = super::runtime_api::since_epoch().as_millis();
    let messages: Vec<_> = bodies
        .iter()
        .map(|body| {
            let id = uuid::Uuid::new_v4().to_string();
            Message::builder()
                .receipt_handle(&id)
                .message_id(id)
                .body(body)
                .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
                .attributes(MessageSystemAttributeName::SentTimestamp, now.to_string())
                .build()
        })
        .collect();
    event(&messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(answer: Option<&Value>) -> usize {
        let messages = ["a", "b"].map(|id| Message::builder().message_id(id).build()).to_vec();
        split(messages, answer).1.len()
    }

    #[test]
    fn only_listed_messages_come_back_and_a_list_that_makes_no_sense_brings_all_back() {
        assert_eq!(back(Some(&json!({"batchItemFailures": []}))), 0);
        assert_eq!(back(Some(&json!({"batchItemFailures": null}))), 0);
        assert_eq!(back(Some(&json!({"batchItemFailures": [{"itemIdentifier": "b"}]}))), 1);
        assert_eq!(back(Some(&json!({"batchItemFailures": [{"itemIdentifier": "c"}]}))), 2);
        assert_eq!(back(Some(&json!({"batchItemFailures": [{"itemIdentifier": ""}]}))), 2);
        assert_eq!(back(Some(&json!({"batchItemFailures": [{}]}))), 2);
        assert_eq!(back(None), 2);
    }
}
