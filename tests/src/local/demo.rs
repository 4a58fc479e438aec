//! The demo: the whole stack on this machine, a dozen events, and what became of each.

use std::io::{self, Write as _};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use cxone_simulator::{Simulator, SimulatorConfig};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use super::outcome::{self, Outcome, Sent};
use super::samples::{self, Step};
use super::{LocalError, Stack, sdk_config};

/// A deferral waits for some backoff; none of the demo's takes longer.
const DRAIN_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(250);
/// Of the tenant's OAuth clients the last is the sync function's; all others are the inject workers'.
const SYNC_CLIENTS: usize = 1;

/// Everything that the demo runs, ready for events.
#[derive(Debug)]
pub struct Demo {
    simulator: Simulator,
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
}

/// Runs the demo from start to finish: true where every event ended as expected.
pub async fn run() -> Result<bool, LocalError> {
    let demo = Demo::start().await?;
    let mut outcomes = Vec::new();
    let mut dead_letters = Vec::new();
    for step in samples::steps()? {
        say(&format!("{} ({} events)", step.title, step.events.len()));
        outcomes.extend(demo.step(step, &mut dead_letters).await?);
    }
    let as_expected = outcomes.iter().filter(|outcome| outcome.as_expected()).count();
    say(&format!("{as_expected} of {} events ended as expected:", outcomes.len()));
    print(&outcome::table(&outcomes));
    if as_expected < outcomes.len() {
        print(&format!("\nThe emulator's last words:\n{}\n", demo.stack.emulator().log_tail()));
    }
    Ok(as_expected == outcomes.len())
}

impl Demo {
    /// Builds and deploys the stack, gives it its OAuth clients, and fills the registry.
    pub async fn start() -> Result<Self, LocalError> {
        say("building both functions (minutes the first time)");
        Stack::build(&samples::routes()).await?;
        let tenant = samples::tenant()?;
        let simulator =
            Simulator::start(tenant.clone()).await.map_err(LocalError::system("start the CXone simulator"))?;
        say(&format!("deploying the template to an AWS emulator, CXone simulated at {}", simulator.url()));
        let stack = Stack::deploy(&simulator.url()).await?;
        write_secrets(&stack, &tenant).await?;
        say("reading attributes and queue health into the registry");
        print(&format!("  {}\n", stack.invoke("SyncFunction", &json!({})).await?));
        let sqs = aws_sdk_sqs::Client::new(&sdk_config(stack.emulator().endpoint()));
        Ok(Self { simulator, stack, sqs })
    }

    /// How a shell reaches what is running.
    pub fn environment(&self) -> String {
        format!(
            "export AWS_ENDPOINT_URL={} AWS_REGION={region} AWS_DEFAULT_REGION={region} \
             AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={key}",
            self.stack.emulator().endpoint(),
            region = super::REGION,
            key = super::ACCESS_KEY
        )
    }

    /// Sends the events of a step, waits until each has ended, and says how.
    async fn step(&self, step: Step, dead_letters: &mut Vec<Message>) -> Result<Vec<Outcome>, LocalError> {
        step.faults.into_iter().for_each(|fault| self.simulator.add_fault(fault));
        let queue = self.stack.outputs().get("ContactQueueUrl")?;
        let mut sent = Vec::new();
        for sample in step.events {
            let now = now();
            let text = sample.text(&now.to_string());
            let request = self.sqs.send_message().queue_url(queue).message_body(&text);
            request.send().await.map_err(LocalError::aws("sqs:SendMessage"))?;
            let at_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
            sent.push(Sent { sample, text, at_ms });
        }
        self.drain(queue).await?;
        self.simulator.clear_faults();
        self.receive_dead_letters(dead_letters).await?;
        let contacts = self.simulator.contacts();
        Ok(sent.iter().map(|sent| outcome::of(sent, &contacts, dead_letters)).collect())
    }

    /// Waits until the contact queue holds no message, neither ready nor in hand.
    async fn drain(&self, queue: &str) -> Result<(), LocalError> {
        let mut messages = 0;
        for _ in 0..DRAIN_WITHIN.as_millis() / POLL.as_millis() {
            sleep(POLL).await;
            let request = self.sqs.get_queue_attributes().queue_url(queue);
            let answer = request
                .attribute_names(QueueAttributeName::All)
                .send()
                .await
                .map_err(LocalError::aws("sqs:GetQueueAttributes"))?;
            let attributes = answer.attributes.unwrap_or_default();
            let count = |name| attributes.get(&name).and_then(|count| count.parse::<u32>().ok()).unwrap_or_default();
            messages = count(QueueAttributeName::ApproximateNumberOfMessages)
                + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                + count(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
            if messages == 0 {
                return Ok(());
            }
        }
        let seconds = DRAIN_WITHIN.as_secs();
        print(&format!("{}\n", self.stack.emulator().log_tail()));
        Err(LocalError::NotDrained { seconds, messages })
    }

    async fn receive_dead_letters(&self, dead_letters: &mut Vec<Message>) -> Result<(), LocalError> {
        let queue = self.stack.outputs().get("DeadLetterQueueUrl")?;
        loop {
            let request = self.sqs.receive_message().queue_url(queue).message_attribute_names("All");
            // Hidden for longer than the demo runs, so that each is received once.
            let request = request.max_number_of_messages(10).visibility_timeout(3600);
            let answer = request.send().await.map_err(LocalError::aws("sqs:ReceiveMessage"))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(());
            }
            dead_letters.extend(messages);
        }
    }
}

async fn write_secrets(stack: &Stack, tenant: &SimulatorConfig) -> Result<(), LocalError> {
    let client = aws_sdk_secretsmanager::Client::new(&sdk_config(stack.emulator().endpoint()));
    let (workers, sync) = tenant.clients.split_at(tenant.clients.len().saturating_sub(SYNC_CLIENTS));
    for (output, clients) in [("InjectSecretArn", workers), ("SyncSecretArn", sync)] {
        let clients: Vec<_> = clients
            .iter()
            .map(|client| json!({"client_id": client.client_id, "client_secret": client.client_secret}))
            .collect();
        client
            .put_secret_value()
            .secret_id(stack.outputs().get(output)?)
            .secret_string(json!({ "clients": clients }).to_string())
            .send()
            .await
            .map_err(LocalError::aws("secretsmanager:PutSecretValue"))?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the demo lives in real time; nothing is decided by it")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn say(line: &str) {
    print(&format!("-- {line}\n"));
}

fn print(text: &str) {
    // Nobody is left to read it if standard output is gone.
    let _ = io::stdout().write_all(text.as_bytes());
}
