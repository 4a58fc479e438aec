//! The SQS event source mapping: batches from the queue to the function, and what of them is acknowledged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use futures::future::{join_all, select};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::records::record;
use super::runtime_api::instant;
use super::{Function, Invocation};
use crate::local::{LocalError, MessageQueue, sdk_config};

/// How long a receive waits for a first message; Lambda waits 20 s.
const WAIT_SECONDS: i32 = 1;
/// How often the queue is asked whether it is empty.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An event source mapping with partial batch responses.
#[derive(Debug)]
pub struct EventSource<'a> {
    queue: MessageQueue,
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
        let queue = MessageQueue::new(&Client::new(&sdk_config(endpoint)), queue_url);
        Self { queue, queue_url: queue_url.to_owned(), function, maximum_concurrency: 2 }
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
                looked_empty = if self.queue.depth().await?.total() == 0 { looked_empty + 1 } else { 0 };
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

    async fn work(&self, mut stopped: watch::Receiver<bool>, drained: &Mutex<Drained>) -> Result<(), LocalError> {
        while !*stopped.borrow() {
            let receive = Box::pin(self.queue.receive(WAIT_SECONDS, None));
            let stop = Box::pin(stopped.wait_for(|stopped| *stopped));
            let messages = match select(receive, stop).await {
                futures::future::Either::Left((messages, _)) => messages?,
                futures::future::Either::Right(_) => break,
            };
            if messages.is_empty() {
                continue;
            }
            let records: Vec<_> = messages.iter().map(|message| record(&self.queue_url, message)).collect();
            let event = json!({ "Records": records });
            let invocation = match self.function.invoke(&event).await {
                // An environment that died while idle has handled nothing; the messages come back.
                Err(LocalError::Gone(_)) => continue,
                invocation => invocation?,
            };
            let (done, back) = split(messages, invocation.answer());
            let (acknowledged, returned) = (done.len(), back.len());
            self.queue.delete(done.iter().filter_map(Message::receipt_handle)).await?;
            let mut drained = drained.lock().unwrap_or_else(PoisonError::into_inner);
            drained.acknowledged += acknowledged;
            drained.returned += returned;
            drained.invocations.push((invocation, acknowledged + returned));
        }
        Ok(())
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
