//! What sync-registry does: it asks CXone for the registered attributes and for the health of every queue that the
//! routes name, and keeps both for the workers (guide, sections 3 and 4, edge cases 1 and 2).
//!
//! An answer that can't be read never replaces what is known, and what one queue answers never stops the others.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::Value;
use tracing::{info, warn};

use crate::{
    domain::{
        drift::Drift,
        health::{QueueHealth, Status},
        lease::Rate,
        routes::{QueueId, Routes},
        time::Timestamp,
    },
    error::chain,
    leases::{self, NoClient, Terms},
    metrics::{Metric, Metrics},
    ports::{Environment, Ports, Read, Registry, SchemaSnapshot, Secrets, StoreError, Wanted},
    schema,
    worker::{REQUEST_TIMEOUT, Worker},
};

/// Queues asked at once: enough for a hundred queues in a minute at 200 ms each, few enough to leave the window room.
const CONCURRENCY: usize = 4;

/// What is kept for the last writes and for giving the client back.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// What to sync: `{"task": "attribute-schema"}`, `{"task": "queue-health"}`, or anything else for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    attributes: bool,
    queues: bool,
}

impl Task {
    /// Reads the function's input.
    pub fn read(input: &Value) -> Self {
        match input.get("task").and_then(Value::as_str) {
            Some("attribute-schema") => Self { attributes: true, queues: false },
            Some("queue-health") => Self { attributes: false, queues: true },
            _ => Self { attributes: true, queues: true },
        }
    }
}

/// What a sync found: only the fields of what it did.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Registered attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<usize>,
    /// Where the routes and the registered attributes part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
    /// The routed queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<QueueSummary>>,
}

/// One queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSummary {
    /// Its id.
    pub queue_id: String,
    /// `open`, `saturated`, `missing` or `unknown`.
    pub status: &'static str,
}

/// Why a sync failed: the invocation fails with it, and its alarm tells.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// There is no client to ask with.
    #[error("no OAuth client to ask CXone with")]
    NoClient(#[from] NoClient),
    /// CXone's schema can't be had; the one that is known stays.
    #[error("the attribute schema can't be fetched: {0}")]
    NoSchema(String),
    /// The registry table doesn't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One invocation of the sync function.
pub struct Sync<'a, P: Ports> {
    /// The outside.
    pub ports: &'a P,
    /// How events become contacts: what is routed is what is synced.
    pub routes: &'a Routes,
    /// Each client's rate.
    pub rate: Rate,
    /// What to count in.
    pub metrics: &'a Metrics,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

impl<P: Ports> Sync<'_, P> {
    /// Syncs.
    ///
    /// # Errors
    /// [`SyncError`] once everything else that was asked for is done.
    pub async fn run(&self, task: Task) -> Result<Summary, SyncError> {
        let until = self.deadline.minus(REQUEST_TIMEOUT + CLOSING_TIME);
        let queues = self.routes.queue_ids().to_vec();
        let known = self.ports.registry().load(&Wanted::schema()).await?.schema;
        if let Some(known) = &known {
            self.metrics.value(Metric::RegistryAgeSeconds, self.now().since(known.fetched).as_secs_f64());
        }
        let clients = self.ports.secrets().clients().await.map_err(NoClient::Store)?;
        let asked = if task.queues { queues.len() } else { 0 } + usize::from(task.attributes);
        let permits = (2 * asked).clamp(1, self.rate.limit);
        let terms = Terms { rate: self.rate, permits, deadline: self.deadline, wait_until: until, workers: 1 };
        let (lease, credentials) =
            leases::acquire(self.ports.clients(), self.ports.environment(), &clients, None, terms).await?;
        let worker = Worker::new(self.ports, self.metrics, lease, credentials, until);
        let mut summary = Summary::default();
        let mut ended = Ok(());
        if task.attributes {
            match self.attributes(&worker, known).await {
                Ok((attributes, drift)) => (summary.attributes, summary.drift) = (Some(attributes), Some(drift)),
                Err(error) => ended = Err(error),
            }
        }
        if task.queues {
            summary.queues = Some(self.queues(&worker, queues).await);
        }
        leases::release(self.ports.clients(), worker.lease(), self.now()).await;
        ended.map(|()| summary)
    }

    async fn attributes(
        &self,
        worker: &Worker<'_, P>,
        known: Option<SchemaSnapshot>,
    ) -> Result<(usize, Vec<Drift>), SyncError> {
        let fresh = schema::fetch(self.ports, worker).await.map_err(SyncError::NoSchema)?;
        let drift = schema::report_drift(self.routes, &fresh, known.as_ref(), self.metrics);
        let attributes = fresh.schema.definitions().len();
        info!(
            attributes,
            drift = drift.len(),
            content_hash = fresh.schema.content_hash(),
            previous_hash = known.map(|known| known.schema.content_hash()),
            "the attribute schema is synced"
        );
        #[expect(clippy::cast_precision_loss, reason = "a count of attributes")]
        self.metrics.value(Metric::RegisteredAttributes, attributes as f64);
        if !self.ports.registry().keep_schema(&fresh).await? {
            info!("a newer attribute schema is known already");
        }
        Ok((attributes, drift))
    }

    async fn queues(&self, worker: &Worker<'_, P>, queues: Vec<QueueId>) -> Vec<QueueSummary> {
        let summaries: Vec<_> =
            stream::iter(queues).map(|queue| self.queue(worker, queue)).buffered(CONCURRENCY).collect().await;
        let count = |status: &Status| {
            summaries.iter().filter(|summary: &&QueueSummary| summary.status == status.name()).count()
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of queues")]
        {
            self.metrics.value(Metric::SaturatedQueues, count(&Status::Saturated(Vec::new())) as f64);
            self.metrics.value(Metric::MissingQueues, count(&Status::Missing) as f64);
        }
        summaries
    }

    async fn queue(&self, worker: &Worker<'_, P>, queue: QueueId) -> QueueSummary {
        let health = match worker.queue(queue.as_str()).await {
            Ok(Read::Found(answer)) => QueueHealth::read(queue.as_str(), &answer, self.now()).or_else(|| {
                warn!(%queue, "the health answer is not about this queue");
                None
            }),
            Ok(Read::Missing) => Some(QueueHealth::missing(self.now())),
            Ok(Read::Failed { problem, .. }) => {
                warn!(%queue, problem, "the queue's health can't be read");
                None
            }
            Err(not_sent) => {
                warn!(%queue, reason = %not_sent.reason, "the queue was not asked");
                None
            }
        };
        if let Some(health) = &health {
            if !matches!(health.status, Status::Open) {
                info!(%queue, status = health.status.name(), thresholds = ?health.status, "the queue does not take every contact");
            }
            match self.ports.registry().keep_health(&queue, health).await {
                Ok(true) => {}
                Ok(false) => info!(%queue, "a newer health is known already"),
                Err(cause) => warn!(%queue, error = chain(&cause), "the queue's health is not kept"),
            }
        }
        let status = health.map_or("unknown", |health| health.status.name());
        QueueSummary { queue_id: queue.as_str().to_owned(), status }
    }

    fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}
