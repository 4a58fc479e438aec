//! The demo: the whole stack on this machine, some events, what became of each, and a report of it all.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use cxone_simulator::{Simulator, SimulatorConfig, TokenRecord};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::outcome::{self, Outcome, Row, Sent};
use super::report::{self, Record, StepMark};
use super::samples::{self, Sample, Step};
use super::stack::{STACK_NAME, operate};
use super::{LocalError, MessageQueue, Stack, sdk_config, secret_text, stream_records, told};
use crate::pipe::Pipe;

/// A deferral waits for some backoff; none of the demo's takes longer.
const DRAIN_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(250);
/// A dead letter is hidden for longer than the demo runs, so that each is received once.
const HIDDEN_SECONDS: i32 = 3600;
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
    let mut run = Run::default();
    for (step, letter) in samples::steps()?.into_iter().zip('A'..) {
        demo.step(step, letter, &mut run).await?;
    }
    let mut rows = outcome::rows(&run.outcomes, &demo.simulator.tenant().config().queues);
    rows.push(told::row(&demo.told().await?, &run.outcomes, &samples::read_routes()?, STACK_NAME));
    let as_expected = run.outcomes.iter().filter(|outcome| outcome.as_expected()).count();
    let good = as_expected == run.outcomes.len() && rows.iter().all(|row| row.expected);
    say(&format!("{as_expected} of {} events ended as expected:", run.outcomes.len()));
    print(&outcome::table(&rows));
    if !good {
        print(&format!("\nThe emulator's last words:\n{}\n", demo.stack.emulator().log_tail()));
    }
    demo.operate(&run).await?;
    let report = demo.report(&run, &rows)?;
    say(&format!("the report of this run: {}", report.display()));
    Ok(good)
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Run {
    steps: Vec<StepMark>,
    outcomes: Vec<Outcome>,
    dead_letters: Vec<Message>,
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

    /// Sends the events of a step, waits until each has ended, and adds how.
    async fn step(&self, mut step: Step, letter: char, run: &mut Run) -> Result<(), LocalError> {
        for fault in std::mem::take(&mut step.faults) {
            self.simulator.add_fault(fault);
        }
        let title = step.title.clone();
        let (single, burst) = step.into_events()?;
        let mark = StepMark { letter, title, events: single.len() + burst.len(), at_ms: now_ms() };
        say(&format!("{letter}: {} ({} events)", mark.title, mark.events));
        run.steps.push(mark);
        let queue = MessageQueue::new(&self.sqs, self.stack.outputs().get("ContactQueueUrl")?);
        let mut sent = Vec::new();
        // One by one, then the burst at once.
        for samples in single.into_iter().map(|sample| vec![sample]).chain([burst]) {
            let events: Vec<_> = samples.into_iter().map(stamped).collect();
            queue.send(&events.iter().map(|event| event.text.clone()).collect::<Vec<_>>()).await?;
            sent.extend(events);
        }
        self.drain(&queue).await?;
        self.simulator.clear_faults();
        let dead_letters = MessageQueue::new(&self.sqs, self.stack.outputs().get("DeadLetterQueueUrl")?);
        run.dead_letters.extend(dead_letters.receive_all(0, HIDDEN_SECONDS).await?);
        let contacts = self.simulator.contacts();
        let ended = sent.into_iter().map(|sent| outcome::of(sent, &contacts, &run.dead_letters));
        run.outcomes.extend(ended);
        Ok(())
    }

    /// The outcome events of all this: every record of the ledger's stream, by the filter and the template of the pipe.
    async fn told(&self) -> Result<Vec<Value>, LocalError> {
        let endpoint = self.stack.emulator().endpoint();
        let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(endpoint));
        let ledger = dynamodb.describe_table().table_name(self.stack.outputs().get("LedgerTableName")?).send().await;
        let ledger = ledger.map_err(LocalError::aws("dynamodb:DescribeTable"))?.table;
        let stream = ledger.and_then(|ledger| ledger.latest_stream_arn).ok_or(LocalError::NoStream)?;
        let pipe = Pipe::of(STACK_NAME)?;
        let records = stream_records(endpoint, &stream).await?;
        let told = records.iter().filter_map(|record| pipe.event(record).transpose());
        Ok(told.collect::<Result<_, _>>()?)
    }

    /// Shows what an operator is told of all this.
    async fn operate(&self, run: &Run) -> Result<(), LocalError> {
        let dead_letters = MessageQueue::new(&self.sqs, self.stack.outputs().get("DeadLetterQueueUrl")?);
        dead_letters.show(run.dead_letters.iter().filter_map(|letter| letter.receipt_handle.as_deref())).await?;
        let routes = samples::routes().display().to_string();
        for words in
            [&["dead-letters"][..], &["status", "/crm/emea", "crm-1001"], &["check", "--routes", &routes, "--explain"]]
        {
            say(&format!("contact-injection {}", words.join(" ")));
            print(&operate(&self.stack, words).await?);
        }
        Ok(())
    }

    /// Writes the report of a run and says where it is.
    fn report(&self, run: &Run, rows: &[Row]) -> Result<PathBuf, LocalError> {
        let (requests, tokens, contacts) =
            (self.simulator.requests(), self.simulator.tokens(), self.simulator.contacts());
        let tenant = self.simulator.tenant().config().clone();
        let record = Record { steps: &run.steps, outcomes: &run.outcomes, rows, tenant: &tenant, requests: &requests };
        let secrets = tenant.clients.iter().map(|client| client.client_secret.as_str());
        let secrets = secrets.chain(tokens.iter().map(TokenRecord::access_token));
        let personal = contacts.iter().flat_map(|contact| {
            ["from", "to", "callbackNumber"].into_iter().filter_map(|name| contact.request[name].as_str())
        });
        report::write(&record, &format!("{:.0}", now()), secrets.chain(personal))
    }

    /// Waits until the contact queue holds no message, neither ready nor in hand.
    async fn drain(&self, queue: &MessageQueue) -> Result<(), LocalError> {
        let mut messages = 0;
        for _ in 0..DRAIN_WITHIN.as_millis() / POLL.as_millis() {
            sleep(POLL).await;
            messages = queue.depth().await?.total();
            if messages == 0 {
                return Ok(());
            }
        }
        let seconds = DRAIN_WITHIN.as_secs();
        print(&format!("{}\n", self.stack.emulator().log_tail()));
        Err(LocalError::NotDrained { seconds, messages })
    }
}

async fn write_secrets(stack: &Stack, tenant: &SimulatorConfig) -> Result<(), LocalError> {
    let client = aws_sdk_secretsmanager::Client::new(&sdk_config(stack.emulator().endpoint()));
    let (workers, sync) = tenant.clients.split_at(tenant.clients.len().saturating_sub(SYNC_CLIENTS));
    for (output, clients) in [("InjectSecretArn", workers), ("SyncSecretArn", sync)] {
        client
            .put_secret_value()
            .secret_id(stack.outputs().get(output)?)
            .secret_string(secret_text(clients))
            .send()
            .await
            .map_err(LocalError::aws("secretsmanager:PutSecretValue"))?;
    }
    Ok(())
}

/// An event as it is sent now.
fn stamped(sample: Sample) -> Sent {
    let text = sample.text(&now().to_string());
    Sent { sample, text, at_ms: now_ms() }
}

fn now_ms() -> u64 {
    u64::try_from(now().as_millisecond()).unwrap_or_default()
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
