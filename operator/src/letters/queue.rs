//! The dead-letter queue, by the calls that a reader needs.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::error::Error;
use crate::stack::Stack;

/// SQS's largest batch.
pub(crate) const BATCH: usize = 10;
/// Seconds that an empty receive waits. Any wait asks all of SQS's servers: the first that has nothing would pass for
/// an empty queue otherwise.
const WAIT_SECONDS: i32 = 1;
/// Calls at once that show letters again.
const AT_ONCE: usize = 8;

/// The dead-letter queue of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) sqs: Client,
    pub(crate) url: String,
}

/// What the queue itself counts, approximately as SQS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// To be had.
    pub(crate) visible: usize,
    /// Out of sight: received by somebody, or to be had later.
    pub(crate) hidden: usize,
}

impl Queue {
    /// Of this stack.
    pub(crate) fn of(stack: &Stack) -> Result<Self, Error> {
        Ok(Self { sqs: stack.sqs(), url: stack.output("DeadLetterQueueUrl")?.to_owned() })
    }

    /// How many the queue itself counts.
    pub(crate) async fn depth(&self) -> Result<Depth, Error> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|error| Error::aws("sqs:GetQueueAttributes", &self.url, &error))?;
        let count = |name| answer.attributes().and_then(|all| all.get(name)?.parse().ok()).unwrap_or(0);
        Ok(Depth { visible: count(&names[0]), hidden: count(&names[1]) + count(&names[2]) })
    }

    /// Up to ten messages with everything that is beside them, out of sight for so many seconds from now on.
    pub(crate) async fn receive(&self, hidden_seconds: i32) -> Result<Vec<Message>, Error> {
        let request = self.sqs.receive_message().queue_url(&self.url).wait_time_seconds(WAIT_SECONDS);
        let request = request.max_number_of_messages(10).visibility_timeout(hidden_seconds);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.message_attribute_names("All").send().await;
        let answer = answer.map_err(|error| Error::aws("sqs:ReceiveMessage", &self.url, &error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Shows messages again, by their latest receipt handles. How many could not be shown: those stay out of sight
    /// until their time is up.
    pub(crate) async fn show(&self, receipt_handles: Vec<String>) -> usize {
        let batches = receipt_handles.chunks(BATCH).map(|handles| self.show_batch(handles));
        stream::iter(batches).buffer_unordered(AT_ONCE).fold(0, async |sum, left| sum + left).await
    }

    async fn show_batch(&self, receipt_handles: &[String]) -> usize {
        let entry = |(index, handle): (usize, &String)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(handle).visibility_timeout(0).build().ok()
        };
        let entries = receipt_handles.iter().enumerate().filter_map(entry).collect();
        let request = self.sqs.change_message_visibility_batch().queue_url(&self.url);
        match request.set_entries(Some(entries)).send().await {
            // One that somebody deleted, or that is to be seen already, is in nobody's way.
            Ok(answer) => answer.failed().iter().filter(|failed| !failed.sender_fault()).count(),
            Err(_) => receipt_handles.len(),
        }
    }
}

impl Depth {
    /// All of them.
    pub(crate) fn total(self) -> usize {
        self.visible + self.hidden
    }

    /// As JSON.
    pub(crate) fn json(self) -> Value {
        json!({ "visible": self.visible, "hidden": self.hidden })
    }
}
