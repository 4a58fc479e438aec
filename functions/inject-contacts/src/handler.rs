//! What comes in, told apart: a batch of messages, or a person's question or decision. Nothing is decided here.

use std::{io::Write as _, path::PathBuf, slice};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use contact_injection::{
    adapters::{
        cases::{self, UnreadableCases},
        settings::InjectSettings,
        telemetry::{self, Deployed},
    },
    batch::{Batch, Configuration, Memory},
    doctor::{Doctor, DoctorRequest, Role},
    domain::{
        claim::Resolution,
        idempotency::IdempotencyKey,
        lane::{Lane, Lanes},
        message::{Attribute, AttributeContent, Message, Origin},
        time::Timestamp,
    },
    dry_run::{DryRun, DryRunError, dry_run},
    error::chain,
    ledger,
    metrics::Metrics,
    ports::{Environment, InjectPorts, Secrets, StoreError},
    status::{StatusError, StatusRequest, status},
    trial::{TrialRequest, trial},
};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::{Instrument as _, info, info_span, warn};

/// Why an invocation fails as a whole: nothing of it is acknowledged, and SQS hands it out again.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The input is nothing that can be asked for.
    #[error(
        "the input is neither an SQS event nor {{\"dryRun\": {{\"events\": […]}}}}, {{\"status\": {{\"events\": […]}}}}, \
         {{\"resolve\": {{\"key\": …, \"as\": \"injected\" or \"retry\"}}}}, {{\"trial\": {{}}}} or \
         {{\"doctor\": {{\"probeWrite\": true or false}}}}"
    )]
    Input(#[source] serde_json::Error),
    /// A record can be neither acknowledged nor reported.
    #[error("record {0} of the batch has no message id or no receipt handle, so nothing can be said of it")]
    Anonymous(usize),
    /// The dry run could not be made.
    #[error(transparent)]
    DryRun(#[from] DryRunError),
    /// The package's cases can't be read.
    #[error("the cases of the routes can't be read")]
    Cases(#[from] UnreadableCases),
    /// It can't be said where the events are.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// It isn't known whether the decision is on record.
    #[error("the decision may not be on record")]
    Resolve(#[source] StoreError),
    /// The answer could not be written.
    #[error("the answer could not be written")]
    Answer(#[source] serde_json::Error),
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: "InjectContacts".to_owned(), error_message: chain(&error) }
    }
}

/// A person's decision about a parked event: `{"resolve": {"key": …, "as": "injected"|"retry"}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    key: IdempotencyKey,
    #[serde(rename = "as")]
    resolution: Resolution,
}

/// Whether it was the decision's to make: the event was parked.
#[derive(Debug, Serialize)]
struct Resolved {
    resolved: bool,
}

/// The inject function, from one invocation to the next.
pub struct Handler<P> {
    ports: P,
    configuration: Configuration,
    /// Where the package holds cases of its routes.
    cases: PathBuf,
    stack: String,
    /// Which published version this is, where it is one.
    version: Option<String>,
    lanes: Lanes,
    /// The ARN of the urgent queue, where there is one.
    urgent_queue: Option<String>,
    metrics: Metrics,
    memory: Mutex<Memory>,
}

impl<P: InjectPorts> Handler<P> {
    /// A handler with these settings.
    pub fn new(ports: P, settings: InjectSettings) -> Self {
        let lanes = settings.lanes();
        let configuration = Configuration {
            routes: settings.common.routes,
            boundary: settings.boundary,
            rate: settings.common.rate,
            workers: settings.maximum_concurrency,
            urgent_workers: settings.urgent.as_ref().map(|urgent| urgent.concurrency),
            queue_health_max_age: settings.queue_health_max_age,
        };
        let (stack, version) = (settings.common.stack_name, settings.version);
        let cases = settings.common.cases;
        let urgent_queue = settings.urgent.map(|urgent| urgent.queue_arn);
        let (metrics, memory) = (Metrics::default(), Mutex::new(Memory::default()));
        Self { ports, configuration, cases, stack, version, lanes, urgent_queue, metrics, memory }
    }

    /// Reads the secret before the first event, so that an unreadable one stops the start and a readable one is at
    /// hand.
    ///
    /// # Errors
    /// [`StoreError`] where it can't be read.
    pub async fn warm(&self) -> Result<(), StoreError> {
        let clients = self.ports.secrets().clients().await?;
        let urgent = clients.iter().filter(|client| client.lane == Lane::Urgent).count();
        let (standard, workers) = (clients.len() - urgent, self.configuration.workers);
        if standard < workers {
            warn!(clients = standard, workers, "fewer OAuth clients than workers: some workers will wait for one");
        }
        if self.lanes == Lanes::Two && urgent == 0 {
            warn!("no OAuth client is kept for urgent messages: both lanes share all of them");
        }
        Ok(())
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// [`HandlerError`] where nothing can be said of its parts.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, HandlerError> {
        let span =
            info_span!("invocation", request_id = event.context.request_id, trace_id = event.context.xray_trace_id);
        let answer = self
            .dispatch(&event.context.request_id, deadline(event.context.deadline), event.payload)
            .instrument(span)
            .await;
        // One write for the whole invocation; a log that can't be written is nobody's reason to fail.
        let deployed = Deployed { stack: &self.stack, version: self.version.as_deref() };
        let lines = telemetry::embedded_metrics(&self.metrics, deployed, self.ports.environment().now());
        let _ = std::io::stdout().lock().write_all(lines.as_bytes());
        answer
    }

    async fn dispatch(&self, request_id: &str, deadline: Timestamp, mut payload: Value) -> Result<Value, HandlerError> {
        if let Some(input) = payload.get_mut("dryRun").map(Value::take) {
            let input = parsed::<DryRun>(input)?;
            let mut memory = self.memory.lock().await;
            let run = dry_run(&self.ports, &self.configuration, &self.metrics, &mut memory, deadline, input);
            return answer(&run.await?);
        }
        if let Some(input) = payload.get_mut("trial").map(Value::take) {
            let TrialRequest {} = parsed(input)?;
            let cases = if self.cases.is_dir() { cases::read(slice::from_ref(&self.cases))? } else { Vec::new() };
            let mut memory = self.memory.lock().await;
            let trial = trial(&self.ports, &self.configuration, &self.metrics, &mut memory, deadline, &cases).await?;
            info!(
                passed = trial.passed,
                cases = trial.cases,
                differing = trial.differing.len(),
                "this version was tried"
            );
            return answer(&trial);
        }
        if let Some(input) = payload.get_mut("status").map(Value::take) {
            return answer(&status(&self.ports, parsed::<StatusRequest>(input)?).await?);
        }
        if let Some(input) = payload.get_mut("doctor").map(Value::take) {
            let request = parsed::<DoctorRequest>(input)?;
            let Configuration { routes, rate, workers, .. } = &self.configuration;
            let (ports, metrics) = (&self.ports, &self.metrics);
            let (rate, workers, role) = (*rate, *workers, Role::Writes(self.lanes));
            let doctor = Doctor { ports, routes, rate, workers, metrics, deadline, role, request };
            return answer(&doctor.run().await);
        }
        if let Some(input) = payload.get_mut("resolve").map(Value::take) {
            let Resolve { key, resolution } = parsed(input)?;
            let (ledger, now) = (self.ports.ledger(), self.ports.environment().now());
            let resolved = ledger::resolve(ledger, key, resolution, now).await.map_err(HandlerError::Resolve)?;
            info!(idempotency_key = %key, ?resolution, resolved, "a person has decided about an event");
            return answer(&Resolved { resolved });
        }
        let event = parsed::<SqsEvent>(payload)?;
        let messages = event
            .records
            .into_iter()
            .enumerate()
            .map(|(index, record)| message(index, record, self.urgent_queue.as_deref()))
            .collect::<Result<Vec<_>, _>>()?;
        let received = messages.len();
        let batch = Batch {
            ports: &self.ports,
            configuration: &self.configuration,
            metrics: &self.metrics,
            request_id,
            deadline,
        };
        let back = batch.run(messages, &mut *self.memory.lock().await).await;
        info!(received, back = back.len(), "the batch is done");
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = back.into_iter().map(failure).collect();
        answer(&response)
    }
}

fn parsed<T: DeserializeOwned>(input: Value) -> Result<T, HandlerError> {
    T::deserialize(input).map_err(HandlerError::Input)
}

fn answer(answer: &impl Serialize) -> Result<Value, HandlerError> {
    serde_json::to_value(answer).map_err(HandlerError::Answer)
}

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}

/// Lambda tells the deadline in milliseconds since the epoch.
fn deadline(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// One record as a message. A record without a body is one with an empty body, which is no event. Where there is an
/// urgent queue, what doesn't come from it is standard.
fn message(index: usize, record: SqsMessage, urgent_queue: Option<&str>) -> Result<Message, HandlerError> {
    let (Some(message_id), Some(receipt_handle)) = (non_empty(record.message_id), non_empty(record.receipt_handle))
    else {
        return Err(HandlerError::Anonymous(index));
    };
    let system = |name: &str| record.attributes.get(name).and_then(|value| value.parse::<i64>().ok());
    let queue = record.event_source_arn.unwrap_or_default();
    let origin = urgent_queue.map(|urgent| {
        let lane = if queue == urgent { Lane::Urgent } else { Lane::Standard };
        Origin { lane, queue }
    });
    Ok(Message {
        message_id,
        receipt_handle,
        receive_count: system("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        sent: system("SentTimestamp").map(Timestamp::from_millis),
        group: record.attributes.get("MessageGroupId").cloned().filter(|group| !group.is_empty()),
        origin,
        body: record.body.unwrap_or_default(),
        attributes: record.message_attributes.into_iter().filter_map(attribute).collect(),
    })
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn attribute((name, attribute): (String, SqsMessageAttribute)) -> Option<Attribute> {
    let value = match (attribute.string_value, attribute.binary_value) {
        (Some(text), _) => AttributeContent::Text(text),
        (None, Some(bytes)) => AttributeContent::Binary(bytes.0),
        (None, None) => return None,
    };
    Some(Attribute { name, data_type: attribute.data_type?, value })
}
