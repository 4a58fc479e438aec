//! Hands each invocation to the sync, and publishes what it counted.

use std::io::Write as _;

use contact_injection::{
    adapters::{
        settings::Settings,
        telemetry::{self, Deployed},
    },
    doctor::{Doctor, DoctorRequest, Role},
    domain::time::Timestamp,
    error::chain,
    metrics::Metrics,
    ports::{Environment, Ports, Secrets, StoreError},
    sync::{Sync, SyncError, Task},
};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tracing::{Instrument as _, info_span};

/// Why an invocation fails.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The input asks for an examination in other words than these.
    #[error(
        "an examination is asked for by {{\"doctor\": {{\"probeWrite\": true or false}}}}, whose member may be left out"
    )]
    Doctor(#[source] serde_json::Error),
    /// The sync failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The answer could not be written.
    #[error("the answer could not be written")]
    Answer(#[source] serde_json::Error),
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: "SyncRegistry".to_owned(), error_message: chain(&error) }
    }
}

/// The sync function, from one invocation to the next.
pub struct Handler<P> {
    ports: P,
    settings: Settings,
    metrics: Metrics,
}

impl<P: Ports> Handler<P> {
    /// A handler with these settings.
    pub fn new(ports: P, settings: Settings) -> Self {
        Self { ports, settings, metrics: Metrics::default() }
    }

    /// Reads the secret before the first event, so that an unreadable one stops the start and a readable one is at
    /// hand.
    ///
    /// # Errors
    /// [`StoreError`] where it can't be read.
    pub async fn warm(&self) -> Result<(), StoreError> {
        self.ports.secrets().clients().await.map(|_| ())
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// [`HandlerError`] where the sync, or a part of it, failed.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, HandlerError> {
        let span =
            info_span!("invocation", request_id = event.context.request_id, trace_id = event.context.xray_trace_id);
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let answer = self.dispatch(deadline, event.payload).instrument(span).await;
        let deployed = Deployed { stack: &self.settings.stack_name, version: None };
        let lines = telemetry::embedded_metrics(&self.metrics, deployed, self.ports.environment().now());
        // A metric that can't be written is nobody's reason to fail.
        let _ = std::io::stdout().lock().write_all(lines.as_bytes());
        answer
    }

    async fn dispatch(&self, deadline: Timestamp, mut payload: Value) -> Result<Value, HandlerError> {
        let (ports, metrics, Settings { routes, rate, .. }) = (&self.ports, &self.metrics, &self.settings);
        if let Some(input) = payload.get_mut("doctor").map(Value::take) {
            let request: DoctorRequest = serde_json::from_value(input).map_err(HandlerError::Doctor)?;
            // One sync runs at a time, and makes do with one client.
            let (rate, workers, role) = (*rate, 1, Role::Reads);
            let doctor = Doctor { ports, routes, rate, workers, metrics, deadline, role, request };
            return serde_json::to_value(doctor.run().await).map_err(HandlerError::Answer);
        }
        let sync = Sync { ports, routes, rate: *rate, metrics, deadline };
        serde_json::to_value(sync.run(Task::read(&payload)).await?).map_err(HandlerError::Answer)
    }
}
