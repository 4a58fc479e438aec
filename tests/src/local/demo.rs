//! The demo: the whole stack on this machine, some events, what became of each, and a report of it all.

use std::path::PathBuf;

use aws_sdk_sqs::types::Message;
use cxone_simulator::{Simulator, TokenRecord};
use serde_json::Value;

use super::outcome::{self, Outcome, Row};
use super::report::{self, Record, StepMark};
use super::rig::{Rig, now, now_ms, print, say};
use super::samples::{self, Step};
use super::stack::STACK_NAME;
use super::{LocalError, sdk_config, secret_text, stream_records, told, with_urgent_clients};
use crate::pipe::Pipe;

/// Of the tenant's OAuth clients the last is the sync function's; all others are the inject workers'.
const SYNC_CLIENTS: usize = 1;
/// And of those the last is kept for urgent messages.
const URGENT_CLIENTS: usize = 1;

/// Everything that the demo runs, ready for events.
#[derive(Debug)]
pub struct Demo {
    simulator: Simulator,
    rig: Rig,
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
        demo.rig.last_words();
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
        Rig::build(&samples::routes()).await?;
        let tenant = samples::tenant()?;
        let simulator =
            Simulator::start(tenant.clone()).await.map_err(LocalError::system("start the CXone simulator"))?;
        let (workers, sync) = tenant.clients.split_at(tenant.clients.len().saturating_sub(SYNC_CLIENTS));
        let url = simulator.url();
        let secrets = [with_urgent_clients(&secret_text(workers), URGENT_CLIENTS)?, secret_text(sync)];
        let parameters = [format!("CxoneBaseUrl={url}"), "UrgentConcurrency=2".to_owned()];
        let rig = Rig::deploy(&url, &parameters, secrets).await?;
        say("reading attributes and queue health into the registry");
        rig.sync().await?;
        Ok(Self { simulator, rig })
    }

    /// How a shell reaches what is running.
    pub fn environment(&self) -> String {
        format!(
            "export AWS_ENDPOINT_URL={} AWS_REGION={region} AWS_DEFAULT_REGION={region} \
             AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={key} SIMULATOR={simulator}",
            self.rig.stack().emulator().endpoint(),
            simulator = self.simulator.url(),
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
        let events = step.into_events()?;
        let mark = StepMark { letter, title, events: events.count(), at_ms: now_ms() };
        say(&format!("{letter}: {} ({} events)", mark.title, mark.events));
        run.steps.push(mark);
        let sent = self.rig.send(events).await?;
        self.simulator.clear_faults();
        run.dead_letters.extend(self.rig.dead_letters().await?);
        let contacts = self.simulator.contacts();
        let ended = sent.into_iter().map(|sent| outcome::of(sent, &contacts, &run.dead_letters));
        let mut ended: Vec<_> = ended.collect();
        outcome::overtakes(&mut ended);
        run.outcomes.extend(ended);
        Ok(())
    }

    /// The outcome events of all this: every record of the ledger's stream, by the filter and the template of the pipe.
    async fn told(&self) -> Result<Vec<Value>, LocalError> {
        let endpoint = self.rig.stack().emulator().endpoint();
        let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(endpoint));
        let ledger =
            dynamodb.describe_table().table_name(self.rig.stack().outputs().get("LedgerTableName")?).send().await;
        let ledger = ledger.map_err(LocalError::aws("dynamodb:DescribeTable"))?.table;
        let stream = ledger.and_then(|ledger| ledger.latest_stream_arn).ok_or(LocalError::NoStream)?;
        let pipe = Pipe::of(STACK_NAME)?;
        let records = stream_records(endpoint, &stream).await?;
        let told = records.iter().filter_map(|record| pipe.event(record).transpose());
        Ok(told.collect::<Result<_, _>>()?)
    }

    /// Shows what an operator is told of all this.
    async fn operate(&self, run: &Run) -> Result<(), LocalError> {
        self.rig.put_back(&run.dead_letters).await?;
        let routes = samples::routes().display().to_string();
        for words in
            [&["dead-letters"][..], &["status", "/crm/emea", "crm-1001"], &["check", "--routes", &routes, "--explain"]]
        {
            self.rig.operate(words).await?;
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
}
