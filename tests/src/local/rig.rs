//! What every demo runs on: the deployed stack, its queues, and the terminal that it tells of them.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use super::outcome::Sent;
use super::samples::{Events, Sample};
use super::stack::operate;
use super::{LocalError, MessageQueue, Stack, sdk_config};

/// A deferral waits for some backoff; none of a demo's takes longer.
const DRAIN_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(250);
/// A dead letter is hidden for longer than a demo runs, so that each is received once.
const HIDDEN_SECONDS: i32 = 3600;

/// A deployed stack, ready for secrets and events.
#[derive(Debug)]
pub(super) struct Rig {
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
}

impl Rig {
    /// Builds both functions with these routes.
    pub(super) async fn build(routes: &Path) -> Result<(), LocalError> {
        say("building both functions (minutes the first time)");
        Stack::build(routes).await
    }

    /// Deploys what was built last, with these parameters, and writes the secrets of the workers and of the sync.
    pub(super) async fn deploy(
        simulator: &str,
        parameters: &[String],
        secrets: [String; 2],
    ) -> Result<Self, LocalError> {
        say(&format!("deploying the template to an AWS emulator, CXone simulated at {simulator}"));
        let stack = Stack::deploy(parameters).await?;
        let client = aws_sdk_secretsmanager::Client::new(&sdk_config(stack.emulator().endpoint()));
        for (output, text) in ["InjectSecretArn", "SyncSecretArn"].into_iter().zip(secrets) {
            let put = client.put_secret_value().secret_id(stack.outputs().get(output)?).secret_string(text);
            put.send().await.map_err(LocalError::aws("secretsmanager:PutSecretValue"))?;
        }
        let sqs = aws_sdk_sqs::Client::new(&sdk_config(stack.emulator().endpoint()));
        Ok(Self { stack, sqs })
    }

    pub(super) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Runs the sync function and shows what it answers.
    pub(super) async fn sync(&self) -> Result<(), LocalError> {
        print(&format!("  {}\n", self.stack.invoke("SyncFunction", &json!({})).await?));
        Ok(())
    }

    /// Sends these events one by one, then the burst at once, the urgent one last and to its own queue, and waits until
    /// each has ended.
    pub(super) async fn send(&self, events: Events) -> Result<Vec<Sent>, LocalError> {
        let Events { single, burst, urgent } = events;
        let standard = single.into_iter().map(|sample| vec![sample]).chain([burst]);
        let standard = standard.map(|samples| ("ContactQueueUrl", samples));
        let urgent = urgent.map(|sample| ("UrgentQueueUrl", vec![sample]));
        let mut sent = Vec::new();
        for (queue, samples) in standard.chain(urgent) {
            let events: Vec<_> = samples.into_iter().map(stamped).collect();
            let texts: Vec<_> = events.iter().map(|event| event.text.clone()).collect();
            self.queue(queue)?.send(&texts).await?;
            sent.extend(events);
        }
        self.drain().await?;
        Ok(sent)
    }

    /// The dead letters that came since the last call.
    pub(super) async fn dead_letters(&self) -> Result<Vec<Message>, LocalError> {
        self.queue("DeadLetterQueueUrl")?.receive_all(0, HIDDEN_SECONDS).await
    }

    /// Puts dead letters back, for the operator's program to find.
    pub(super) async fn put_back(&self, letters: &[Message]) -> Result<(), LocalError> {
        let handles = letters.iter().filter_map(|letter| letter.receipt_handle.as_deref());
        self.queue("DeadLetterQueueUrl")?.show(handles).await
    }

    /// Shows what the operator's program says to these words.
    pub(super) async fn operate(&self, words: &[&str]) -> Result<(), LocalError> {
        say(&format!("contact-injection {}", words.join(" ")));
        print(&operate(&self.stack, words).await?);
        Ok(())
    }

    /// Waits until the queues hold no message, neither ready nor in hand.
    pub(super) async fn drain(&self) -> Result<(), LocalError> {
        let queues: Vec<_> =
            [self.queue("ContactQueueUrl")?].into_iter().chain(self.queue("UrgentQueueUrl").ok()).collect();
        let mut messages = 0;
        for _ in 0..DRAIN_WITHIN.as_millis() / POLL.as_millis() {
            sleep(POLL).await;
            messages = 0;
            for queue in &queues {
                messages += queue.depth().await?.total();
            }
            if messages == 0 {
                return Ok(());
            }
        }
        let seconds = DRAIN_WITHIN.as_secs();
        print(&format!("{}\n", self.stack.emulator().log_tail()));
        Err(LocalError::NotDrained { seconds, messages })
    }

    /// Shows the emulator's last words, where something went wrong.
    pub(super) fn last_words(&self) {
        print(&format!("\nThe emulator's last words:\n{}\n", self.stack.emulator().log_tail()));
    }

    fn queue(&self, output: &'static str) -> Result<MessageQueue, LocalError> {
        Ok(MessageQueue::new(&self.sqs, self.stack.outputs().get(output)?))
    }
}

/// An event as it is sent now.
fn stamped(sample: Sample) -> Sent {
    let text = sample.text(&now().to_string());
    Sent { sample, text, at_ms: now_ms() }
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(now().as_millisecond()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a demo lives in real time; nothing is decided by it")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

pub(super) fn say(line: &str) {
    print(&format!("-- {line}\n"));
}

pub(super) fn print(text: &str) {
    // Nobody is left to read it if standard output is gone.
    let _ = io::stdout().write_all(text.as_bytes());
}
