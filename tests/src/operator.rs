//! What an operator does with a deployed stack, by the AWS account (or the emulator) that the environment names.

use std::{cmp::Reverse, collections::BTreeMap, path::Path};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::types::Message;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use contact_injection::adapters::{dynamodb::DynamoLedger, environment::System};
use contact_injection::domain::{claim::Resolution, idempotency::IdempotencyKey};
use contact_injection::ledger;
use contact_injection::ports::Environment as _;

use crate::local::{LocalError, MessageQueue, Outputs};

/// Stands for an attribute that a dead letter doesn't have.
const NOTHING: &str = "-";
/// Dead letters shown of each reason.
const SAMPLES: usize = 3;
/// Messages a second: half of what one client at 120 a minute carries, which leaves new events the other half.
const REDRIVE_VELOCITY: i32 = 1;
/// Long enough to list a full queue once before its first message shows again.
const HIDDEN_SECONDS: i32 = 60;

/// The queues of a deployed stack.
#[derive(Debug)]
pub struct Operator {
    config: SdkConfig,
    sqs: aws_sdk_sqs::Client,
    outputs: Outputs,
}

impl Operator {
    /// Finds a stack by its name. `sam` is the tool to ask.
    pub async fn of_stack(sam: &Path, name: &str) -> Result<Self, LocalError> {
        let outputs = Outputs::of_stack(sam, name).await?;
        let tls = Provider::Rustls(CryptoMode::Ring);
        let client = Builder::new().tls_provider(tls).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(client).load().await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        Ok(Self { config, sqs, outputs })
    }

    /// What waits in the dead-letter queue, as many as can be read at once, without taking any out.
    pub async fn dead_letters(&self) -> Result<Vec<Message>, LocalError> {
        // Waiting asks all of SQS's servers: the first that has nothing would pass for an empty queue otherwise.
        self.queue("DeadLetterQueueUrl")?.receive_all(2, HIDDEN_SECONDS).await
    }

    fn queue(&self, output: &'static str) -> Result<MessageQueue, LocalError> {
        Ok(MessageQueue::new(&self.sqs, self.outputs.get(output)?))
    }

    /// Writes what a person found out about an event whose outcome is unknown, and says whether it was waiting for that.
    pub async fn resolve(&self, key: &str, resolution: &str) -> Result<String, LocalError> {
        let key = IdempotencyKey::parse(key).ok_or(LocalError::Usage("KEY is an idempotency key: a UUID"))?;
        let resolution = match resolution {
            "injected" => Resolution::Injected,
            "retry" => Resolution::Retry,
            _ => return Err(LocalError::Usage("AS is injected or retry")),
        };
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        let table = DynamoLedger::new(client, self.outputs.get("LedgerTableName")?.to_owned(), System::new());
        let resolved =
            ledger::resolve(&table, key, resolution, System::new().now()).await.map_err(LocalError::Ledger)?;
        Ok(if resolved { "resolved: redrive its dead letter" } else { "nothing to resolve: the event is not parked" }
            .to_owned())
    }

    /// Sends every dead letter back to the contact queue and says how that goes on.
    pub async fn redrive(&self) -> Result<String, LocalError> {
        // An emulator has no move task.
        if self.config.endpoint_url().is_some() {
            return self.redrive_by_hand().await;
        }
        // The destination has to be named: most dead letters were sent by the function, and SQS knows no origin of those.
        let task = self
            .sqs
            .start_message_move_task()
            .source_arn(self.outputs.get("DeadLetterQueueArn")?)
            .destination_arn(self.outputs.get("ContactQueueArn")?)
            .max_number_of_messages_per_second(REDRIVE_VELOCITY)
            .send()
            .await
            .map_err(LocalError::aws("sqs:StartMessageMoveTask"))?;
        Ok(format!("SQS moves them: task {}", task.task_handle.unwrap_or_default()))
    }

    async fn redrive_by_hand(&self) -> Result<String, LocalError> {
        let (from, to) = (self.outputs.get("DeadLetterQueueUrl")?, self.outputs.get("ContactQueueUrl")?);
        // Only those that are here now: one that fails again must not go round for ever.
        let letters = self.dead_letters().await?;
        for letter in &letters {
            let request = self.sqs.send_message().queue_url(to).set_message_body(letter.body.clone());
            let request = request.set_message_attributes(letter.message_attributes.clone());
            request.send().await.map_err(LocalError::aws("sqs:SendMessage"))?;
            let request = self.sqs.delete_message().queue_url(from).set_receipt_handle(letter.receipt_handle.clone());
            request.send().await.map_err(LocalError::aws("sqs:DeleteMessage"))?;
        }
        Ok(format!("{} messages moved", letters.len()))
    }
}

/// Reasons with counts, most frequent first, and under each a few samples. Never a body.
pub fn summary(letters: &[Message]) -> String {
    let mut by_reason: BTreeMap<String, Vec<&Message>> = BTreeMap::new();
    for letter in letters {
        by_reason.entry(attribute(letter, "failureReason")).or_default().push(letter);
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.sort_by_key(|(_, letters)| Reverse(letters.len()));
    let mut lines = vec![format!("{} dead letters", letters.len())];
    for (reason, letters) in reasons {
        let reason = if reason == NOTHING { "(moved by SQS itself, with no reason)" } else { &reason };
        lines.push(format!("{:6}  {reason}", letters.len()));
        lines.extend(letters.into_iter().take(SAMPLES).map(|letter| format!("          {}", sample(letter))));
    }
    lines.join("\n")
}

/// When, which, and in words why.
fn sample(letter: &Message) -> String {
    let value = |name| attribute(letter, name);
    format!(
        "{}  key {}  attempts {}  http {}  {}",
        value("failedAt"),
        value("idempotencyKey"),
        value("attempts"),
        value("httpStatus"),
        value("failureDetail"),
    )
}

fn attribute(letter: &Message, name: &str) -> String {
    let value = letter.message_attributes().and_then(|attributes| attributes.get(name)?.string_value());
    value.unwrap_or(NOTHING).to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;

    use super::*;

    fn letter(reason: Option<&str>) -> Message {
        let value =
            |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
        let attributes = reason.map(|reason| [("failureReason".to_owned(), value(reason))].into());
        Message::builder().body("never shown").set_message_attributes(attributes).build()
    }

    #[test]
    fn reasons_come_with_counts_most_frequent_first_and_a_few_samples() {
        let mut letters = vec![letter(None), letter(Some("expired"))];
        letters.extend((0..7).map(|_| letter(Some("no-route"))));
        let summary = summary(&letters);
        let counts: Vec<_> = summary.lines().filter(|line| !line.starts_with("          ")).collect();
        assert_eq!(counts[..2], ["9 dead letters", "     7  no-route"]);
        assert_eq!(summary.lines().count(), 1 + 3 + SAMPLES + 2);
        assert!(!summary.contains("never shown"));
    }
}
