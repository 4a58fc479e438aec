//! An execution environment of each function.

use std::time::Duration;

use aws_config::SdkConfig;
use contact_injection::adapters::{aws::retries, settings::InjectSettings};
use contact_injection::ports::Environment as _;
use contact_injection_tests::local::sdk_config;
use inject_contacts::{Handler, HandlerError};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::{Clock, Simulated, Stage, TestPorts, Wire, adapters, emulator};

/// The time that an invocation gets where a test doesn't care.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A fresh execution environment of the inject function.
pub(crate) struct Worker {
    handler: Handler<TestPorts>,
    pub(crate) clock: Clock,
    pub(crate) wire: Wire,
}

impl<S: Simulated> Stage<S> {
    /// A fresh environment with a clock that is right.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(emulator().endpoint(), 0)
    }

    /// A fresh environment with an AWS endpoint and a clock of its own.
    pub(crate) fn worker_with(&self, endpoint: &str, skew_millis: i64) -> Worker {
        let (ports, settings, clock, wire) = self.environment(endpoint, skew_millis);
        Worker { handler: Handler::new(ports, settings), clock, wire }
    }

    /// A fresh environment that finds CXone elsewhere.
    pub(crate) fn worker_at(&self, cxone: &str) -> Worker {
        let (_, mut settings, clock, wire) = self.environment(emulator().endpoint(), 0);
        settings.common.cxone_base_url = Some(cxone.to_owned());
        let ports = adapters(&aws(emulator().endpoint()), &settings, &clock, &wire);
        Worker { handler: Handler::new(ports, settings), clock, wire }
    }

    /// One invocation of a fresh environment of the sync function.
    pub(crate) async fn sync(&self, input: Value) -> Result<Value, sync_registry::HandlerError> {
        let (ports, settings, clock, _) = self.environment(emulator().endpoint(), 0);
        let handler = sync_registry::Handler::new(ports, settings.common);
        handler.handle(LambdaEvent::new(input, context(&clock, TIMEOUT))).await
    }

    fn environment(&self, endpoint: &str, skew_millis: i64) -> (TestPorts, InjectSettings, Clock, Wire) {
        let variables = self.variables(endpoint);
        let lookup = |name: &str| variables.get(name).cloned();
        let settings = InjectSettings::read(&lookup).unwrap();
        let (clock, wire) = (Clock::new(&self.time, skew_millis), Wire::default());
        (adapters(&aws(endpoint), &settings, &clock, &wire), settings, clock, wire)
    }
}

impl Worker {
    /// One invocation.
    pub(crate) async fn invoke(&self, payload: Value) -> Result<Value, HandlerError> {
        self.invoke_within(TIMEOUT, payload).await
    }

    /// One invocation with so much time.
    pub(crate) async fn invoke_within(&self, timeout: Duration, payload: Value) -> Result<Value, HandlerError> {
        self.handler.handle(LambdaEvent::new(payload, context(&self.clock, timeout))).await
    }

    /// One batch; the ids of the messages that come back.
    pub(crate) async fn batch(&self, records: &[Value]) -> Vec<String> {
        self.batch_within(TIMEOUT, records).await
    }

    /// One batch with so much time.
    pub(crate) async fn batch_within(&self, timeout: Duration, records: &[Value]) -> Vec<String> {
        let answer = self.invoke_within(timeout, json!({ "Records": records })).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }
}

fn context(clock: &Clock, timeout: Duration) -> Context {
    let mut context = Context::default();
    context.request_id = uuid::Uuid::new_v4().to_string();
    context.deadline = u64::try_from(clock.now().plus(timeout).as_millis()).unwrap();
    context
}

/// As the functions set it up, but that nobody waits between two tries.
fn aws(endpoint: &str) -> SdkConfig {
    sdk_config(endpoint).into_builder().retry_config(retries().with_initial_backoff(Duration::from_millis(1))).build()
}
