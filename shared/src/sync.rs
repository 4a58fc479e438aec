//! What sync-registry does: it asks CXone for the registered attributes and for the health of every queue that the
//! routes name, and keeps both for the workers (docs/rules.md#schema-sync, docs/rules.md#queue-health).
//!
//! An answer that can't be read never replaces what is known, and what one queue answers never stops the others.

mod default_skills;
mod queues;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tracing::info;

use crate::{
    domain::{
        drift::{Drift, Registers},
        lease::Rate,
        routes::{Profile, Routes},
        time::Timestamp,
    },
    leases::{KnownClients, NoClient},
    metrics::{Metric, Metrics},
    ports::{Environment, Ports, Registered, Registry, SchemaSnapshot, StoreError, Wanted},
    schema,
    session::{Session, SessionTerms},
    worker::{NoSchema, REQUEST_TIMEOUT, Worker},
};

/// What is kept for the last writes and for giving the clients back.
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
    /// Where the routes part from the registered attributes, and from the kinds of contacts that skills are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
    /// The routed queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<QueueSummary>>,
    /// The routed skills of a NICE CXone tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skills: Option<Vec<SkillSummary>>,
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

/// One skill of a NICE CXone tenant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkillSummary {
    /// Its id.
    pub skill_id: u64,
    /// `open`, `saturated`, `missing` or `unknown`.
    pub status: &'static str,
}

impl QueueSummary {
    /// The same of a skill, whose id is a number.
    fn into_skill(self) -> Option<SkillSummary> {
        Some(SkillSummary { skill_id: self.queue_id.parse().ok()?, status: self.status })
    }
}

/// Why a sync failed: the invocation fails with it, and its alarm tells.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// There is no client to ask with.
    #[error("no OAuth client to ask CXone with")]
    NoClient(#[from] NoClient),
    /// CXone's schema can't be had; the one that is known stays.
    #[error("the attribute schema can't be fetched")]
    NoSchema(#[from] NoSchema),
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
        let queues = if task.queues { self.routes.queue_ids() } else { &[] };
        let default_skills = task.queues && !self.routes.points_without_skill().is_empty();
        let wanted = Wanted { schema: true, default_skills, queues: queues.to_vec() };
        let known = self.ports.registry().load(&wanted).await?;
        if let Some(schema) = &known.schema {
            self.metrics.value(Metric::RegistryAgeSeconds, self.now().since(schema.fetched).as_secs_f64());
            self.tell_known_drift(task, schema);
        }
        let mut clients = KnownClients::default();
        let terms = SessionTerms { lane: None, rate: self.rate, deadline: self.deadline, until: self.until() };
        let work = async |session: &mut Session<'_, P>| self.ask_everything(session, task, known).await;
        Session::run(self.ports, self.metrics, &mut clients, terms, work).await
    }

    async fn ask_everything(
        &self,
        session: &mut Session<'_, P>,
        task: Task,
        known: Registered,
    ) -> Result<Summary, SyncError> {
        let points = self.routes.points_without_skill().len();
        // A skill for each, and the one question that tells which.
        let queues = self.routes.queue_ids().len() + points + usize::from(points > 0);
        let queues = if task.queues { queues } else { 0 };
        let registered = self.ports.dialect().registered_attributes().filter(|_| task.attributes);
        let permits = self.permits(queues + usize::from(registered.is_some()));
        let first = session.lease(permits, self.until()).await?;
        let mut summary = Summary::default();
        let mut ended = Ok(());
        if let Some(registered) = registered {
            match self.attributes(registered, first, known.schema.as_ref()).await {
                Ok((attributes, drift)) => (summary.attributes, summary.drift) = (Some(attributes), Some(drift)),
                Err(error) => ended = Err(error),
            }
        }
        if task.queues {
            let (queues, drift) = self.queues(session, known).await;
            if !drift.is_empty() {
                summary.drift.get_or_insert_default().extend(drift);
            }
            if self.ports.dialect().facts().routes.profile == Profile::Cxone {
                let skills = queues.into_iter().filter_map(QueueSummary::into_skill).collect();
                (summary.queues, summary.skills) = (Some(Vec::new()), Some(skills));
            } else {
                summary.queues = Some(queues);
            }
        }
        ended.map(|()| summary)
    }

    /// Tells where the routes part from the schema that is known, in a run that doesn't read a fresh one: so that the
    /// metric is about the routes that run now, and falls back to none within minutes of their being mended. What only
    /// the schema before could tell was told when it was replaced.
    fn tell_known_drift(&self, task: Task, known: &SchemaSnapshot) {
        if let Some(registered) = self.ports.dialect().registered_attributes().filter(|_| !task.attributes) {
            schema::report_drift(registered, self.routes, known, None, self.metrics);
        }
    }

    /// Requests that so many questions take, each of which may be asked twice.
    fn permits(&self, questions: usize) -> usize {
        (2 * questions).clamp(1, self.rate.limit)
    }

    async fn attributes(
        &self,
        registered: &dyn Registers,
        worker: &Worker<'_, P>,
        known: Option<&SchemaSnapshot>,
    ) -> Result<(usize, Vec<Drift>), SyncError> {
        let fresh = worker.schema().await?;
        let drift = schema::report_drift(registered, self.routes, &fresh, known, self.metrics);
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

    /// No request is begun after this.
    fn until(&self) -> Timestamp {
        self.deadline.minus(REQUEST_TIMEOUT + CLOSING_TIME)
    }

    fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}
