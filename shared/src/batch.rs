//! One invocation: a batch of messages, each on its own, under one leased client.
//!
//! What needs nothing from outside is decided first, so a batch of malformed messages leases no client. The others are
//! injected concurrently. Events that were there when a worker crashed come last, one by one, so that the one that
//! kills workers takes no other along. Whatever happens to one message, a panic included, is that message's own fate.

use std::{cell::RefCell, panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt as _, StreamExt as _, stream};
use tracing::{error, info, warn};

use crate::{
    domain::{
        lease::Rate,
        mapping::ComplianceBoundary,
        message::{DeadLetter, Failure, Message},
        outcome::{DeferralReason, Outcome, Retry, visibility_delay},
        problem::DeadLetterReason,
        queues::{Bounds, Queues},
        routes::{Address, QueueId, Route, Routes},
        time::Timestamp,
    },
    error::chain,
    leases::{self, NoClient, Terms},
    metrics::{Metric, Metrics},
    pipeline::{Facts, Pipeline, Prepared, prepare},
    ports::{ContactQueue, DeadLetters, Environment, InjectPorts, Secrets},
    room, schema,
    snapshot::Snapshot,
    worker::{REQUEST_TIMEOUT, Worker},
};

/// What is kept for settling, sending dead letters and giving the client back after the last request.
const CLOSING_TIME: Duration = Duration::from_secs(8);

/// Contacts injected at once: a batch of ten and its retries, against a service that answers twice a second per client.
const CONCURRENCY: usize = 10;

/// Requests reserved for one event: one, and two more for retries and fallback targets.
const PERMITS_PER_EVENT: usize = 3;

/// After so many deliveries that ended in a panic before any claim, an event counts as one that kills workers.
const PANICS_TO_GIVE_UP: u32 = 3;

/// What an operator decided.
#[derive(Debug)]
pub struct Configuration {
    /// How events become contacts.
    pub routes: Routes,
    /// Inside or outside a HIPAA or PCI-DSS boundary.
    pub boundary: ComplianceBoundary,
    /// Each client's rate.
    pub rate: Rate,
    /// How many workers there are at most.
    pub workers: usize,
    /// How old a queue's health may be and still be believed.
    pub queue_health_max_age: Duration,
}

/// What a worker keeps from one invocation to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// The client it used last.
    pub client_id: Option<String>,
    /// What it knows of the queues, and has put into them.
    pub queues: Queues,
    /// What else it remembers of the registry.
    pub registry: Snapshot,
}

/// One invocation.
pub struct Batch<'a, P: InjectPorts> {
    /// The outside.
    pub ports: &'a P,
    /// What an operator decided.
    pub configuration: &'a Configuration,
    /// What to count in.
    pub metrics: &'a Metrics,
    /// The invocation's id.
    pub request_id: &'a str,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// A message, and what is known of its delivery.
struct Delivery<'a> {
    message: Message,
    prepared: Option<Prepared<'a>>,
    facts: Facts,
    outcome: Option<Outcome>,
}

impl<'a, P: InjectPorts> Batch<'a, P> {
    /// Works through a batch; returns the ids of the messages that come back.
    pub async fn run(&self, messages: Vec<Message>, memory: &mut Memory) -> Vec<String> {
        let mut deliveries: Vec<_> = messages.into_iter().map(|message| self.prepare(message)).collect();
        if deliveries.iter().any(|delivery| delivery.prepared.is_some()) {
            self.inject(&mut deliveries, memory).await;
        }
        let closing: Vec<_> = deliveries.iter_mut().map(|delivery| self.close(delivery)).collect();
        futures::future::join_all(closing).await;
        self.hide(&deliveries).await;
        deliveries.iter().filter_map(Delivery::comes_back).collect()
    }

    fn prepare(&self, message: Message) -> Delivery<'a> {
        let now = self.now();
        let mut facts = Facts::default();
        // The unwound state is this message's alone.
        let prepared = std::panic::catch_unwind(AssertUnwindSafe(|| {
            prepare(&message, &self.configuration.routes, now, &mut facts)
        }));
        let (prepared, outcome) = match prepared {
            Ok(Ok(prepared)) => (Some(prepared), None),
            Ok(Err(outcome)) => (None, Some(outcome)),
            Err(_) => (None, Some(panicked(&message, false))),
        };
        Delivery { message, prepared, facts, outcome }
    }

    async fn inject(&self, deliveries: &mut [Delivery<'a>], memory: &mut Memory) {
        let ready = deliveries.iter().filter(|delivery| delivery.prepared.is_some()).count();
        let until = self.deadline.minus(REQUEST_TIMEOUT + CLOSING_TIME);
        let (worker, clients) = match self.lease(ready, until, memory).await {
            Ok(leased) => leased,
            Err(none) => {
                if let NoClient::Store(cause) = &none {
                    warn!(error = chain(cause), "no OAuth client could be leased");
                }
                let (reason, retry) = none.deferral();
                for delivery in deliveries.iter_mut().filter(|delivery| delivery.prepared.is_some()) {
                    delivery.outcome = Some(Outcome::Deferred { reason, retry });
                }
                return;
            }
        };
        let mut queues = std::mem::take(&mut memory.queues);
        queues.begin(self.bounds(clients), self.now());
        memory.registry.refresh(self.ports, &mut queues, routed(deliveries)).await;
        let (queues, answered) = (RefCell::new(queues), memory.registry.answered);
        let routes = &self.configuration.routes;
        let schema = schema::current(self.ports, &worker, &mut memory.registry, routes, self.metrics).await;
        let routes = self.injectable(deliveries);
        room::look_before_bursts(self.ports, &worker, &routes, &queues, answered).await;
        room::reserve_ahead(self.ports, &queues, &routes).await;
        let pipeline = Pipeline {
            ports: self.ports,
            worker: &worker,
            metrics: self.metrics,
            schema,
            queues: &queues,
            boundary: self.configuration.boundary,
            deadline: self.deadline,
            until,
        };
        stream::iter(deliveries.iter_mut())
            .for_each_concurrent(CONCURRENCY, |delivery| delivery.inject(&pipeline, false))
            .await;
        for suspect in deliveries.iter_mut() {
            suspect.inject(&pipeline, true).await;
        }
        let (_, limit) = worker.lease().utilisation(self.now());
        #[expect(clippy::cast_precision_loss, reason = "a count of requests in a minute")]
        self.metrics.value(Metric::RateLimitCurrent, limit as f64);
        leases::release(self.ports.clients(), worker.lease(), self.now()).await;
        memory.queues = queues.into_inner();
    }

    /// A worker, and how many clients there are.
    async fn lease(
        &self,
        events: usize,
        until: Timestamp,
        memory: &mut Memory,
    ) -> Result<(Worker<'a, P>, usize), NoClient> {
        let clients = self.ports.secrets().clients().await?;
        let queues = self.configuration.routes.queue_ids().len();
        let terms = Terms {
            rate: self.configuration.rate,
            // And one for the schema and one for each queue's health, with one resubmission for each.
            permits: (events * PERMITS_PER_EVENT + 2 + 2 * queues.min(events))
                .min(self.configuration.rate.limit)
                .max(1),
            deadline: self.deadline,
            wait_until: until,
            workers: self.configuration.workers,
        };
        let preferred = memory.client_id.as_deref();
        let (lease, credentials) =
            leases::acquire(self.ports.clients(), self.ports.environment(), &clients, preferred, terms).await?;
        memory.client_id = Some(credentials.client_id.clone());
        Ok((Worker::new(self.ports, self.metrics, lease, credentials, until), clients.len()))
    }

    /// What the secret's clients may place together. Another worker may know of more of them by now, but not of more than
    /// are at work.
    fn bounds(&self, clients: usize) -> Bounds {
        let Configuration { queue_health_max_age, rate, workers, .. } = self.configuration;
        Bounds::new(*queue_health_max_age, *rate, clients.max(*workers))
    }

    /// The routes of what can be injected.
    fn injectable(&self, deliveries: &[Delivery<'a>]) -> Vec<&'a Route> {
        let now = self.now();
        let prepared = deliveries.iter().filter_map(|delivery| delivery.prepared.as_ref());
        let alive = prepared.filter(|prepared| prepared.expires.is_none_or(|at| at > now));
        alive.map(|prepared| prepared.route).collect()
    }

    /// Says how a delivery ended: to the dead-letter queue first, where it ended there; then to the log and the metrics.
    async fn close(&self, delivery: &mut Delivery<'a>) {
        let outcome = delivery.outcome.take().unwrap_or(Outcome::deferred(DeferralReason::Deadline));
        let outcome = self.bury(outcome.within_retention(delivery.message.sent, self.now()), delivery).await;
        delivery.report(&outcome, self.request_id, self.metrics);
        delivery.outcome = Some(outcome);
    }

    async fn bury(&self, outcome: Outcome, delivery: &Delivery<'a>) -> Outcome {
        let Outcome::DeadLettered { reason, detail } = &outcome else { return outcome };
        let failure = Failure {
            reason: *reason,
            detail: detail.clone(),
            http_status: delivery.facts.http_status,
            attempts: delivery.facts.attempts,
            key: delivery.facts.key,
            at: self.now(),
        };
        match self.ports.dead_letters().send(&DeadLetter::new(&delivery.message, &failure)).await {
            Ok(()) => outcome,
            Err(cause) => {
                warn!(message_id = delivery.message.message_id, error = chain(&cause), "the dead letter was not sent");
                Outcome::deferred(DeferralReason::ServiceError)
            }
        }
    }

    /// Hides what comes back until it is worth another look. Where that fails, the queue's own visibility timeout holds.
    async fn hide(&self, deliveries: &[Delivery<'a>]) {
        let environment = self.ports.environment();
        let now = self.now();
        let delays: Vec<_> = deliveries
            .iter()
            .filter_map(|delivery| match delivery.outcome {
                Some(Outcome::Deferred { retry, .. }) => Some((delivery, retry)),
                _ => None,
            })
            .map(|(delivery, retry)| {
                let receives = delivery.message.receive_count;
                // SQS counts its twelve hours from the receipt, which was at most one invocation ago.
                let delay = visibility_delay(retry, now, receives, LONGEST_INVOCATION, environment.sample());
                (delivery.message.receipt_handle.clone(), delay)
            })
            .collect();
        if delays.is_empty() {
            return;
        }
        match self.ports.queue().hide(&delays).await {
            Ok(failed) if failed.is_empty() => {}
            Ok(failed) => {
                warn!(messages = failed.len(), "some messages come back after the queue's visibility timeout");
            }
            Err(cause) => {
                warn!(error = chain(&cause), "the messages come back after the queue's visibility timeout");
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}

/// No Lambda invocation takes longer.
const LONGEST_INVOCATION: Duration = Duration::from_secs(900);

impl Delivery<'_> {
    async fn inject<P: InjectPorts>(&mut self, pipeline: &Pipeline<'_, P>, alone: bool) {
        let (Some(prepared), None) = (&self.prepared, &self.outcome) else { return };
        let story = AssertUnwindSafe(pipeline.inject(prepared, alone, &mut self.facts));
        self.outcome = match story.catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => Some(panicked(&self.message, self.facts.claimed)),
        };
    }

    fn comes_back(&self) -> Option<String> {
        matches!(self.outcome, Some(Outcome::Deferred { .. }) | None).then(|| self.message.message_id.clone())
    }

    /// The canonical line and the counts of this delivery.
    fn report(&self, outcome: &Outcome, request_id: &str, metrics: &Metrics) {
        let facts = &self.facts;
        let event = facts.event.as_ref();
        let contact_id = match outcome {
            Outcome::Injected { contact_id } | Outcome::Duplicate { contact_id } => Some(contact_id.as_str()),
            _ => None,
        };
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        info!(
            outcome = outcome.name(),
            reason = outcome.reason(),
            event_id = event.map(|event| event.id.as_str()),
            event_source = event.map(|event| event.source.as_str()),
            event_type = event.and_then(|event| event.kind.as_deref()),
            route = facts.route,
            idempotency_key = facts.key.map(|key| key.to_string()),
            message_id = self.message.message_id,
            target = facts.target,
            priority = facts.priority,
            contact_id,
            attempts = facts.attempts,
            http_status = facts.http_status,
            age_ms = facts.age.map(millis),
            latency_ms = facts.latency.map(millis),
            request_id,
        );
        match outcome {
            Outcome::Injected { .. } => metrics.count(Metric::ContactsInjected),
            Outcome::Duplicate { .. } => metrics.count(Metric::ContactsDuplicate),
            Outcome::Deferred { reason, .. } => metrics.count_by(Metric::ContactsDeferred, reason.as_str()),
            Outcome::DeadLettered { reason, .. } => metrics.count_by(Metric::ContactsDeadLettered, reason.as_str()),
        }
        let value = |metric, duration: Option<Duration>| {
            if let Some(duration) = duration {
                metrics.value(metric, duration.as_secs_f64() * 1000.0);
            }
        };
        value(Metric::EventAgeMilliseconds, facts.age);
        if matches!(outcome, Outcome::Injected { .. }) {
            value(Metric::InjectionLatencyMilliseconds, facts.latency);
        }
    }
}

/// A panic before any claim is the event's own and would repeat for ever; one after it leaves its claim to be counted.
fn panicked(message: &Message, claimed: bool) -> Outcome {
    error!(message_id = message.message_id, "a panic while this message was worked on; the others are not affected");
    if !claimed && message.receive_count >= PANICS_TO_GIVE_UP {
        let detail = "working on it ended in a panic three times".to_owned();
        return Outcome::DeadLettered { reason: DeadLetterReason::CrashLoop, detail };
    }
    Outcome::Deferred { reason: DeferralReason::InProgress, retry: Retry::Backoff }
}

/// Every queue that one of these may go to.
fn routed(deliveries: &[Delivery<'_>]) -> Vec<QueueId> {
    let prepared = deliveries.iter().filter_map(|delivery| delivery.prepared.as_ref());
    let targets = prepared.flat_map(|prepared| prepared.route.targets());
    let mut queues: Vec<_> = targets.filter_map(|target| queue_of(target.address())).cloned().collect();
    queues.sort_unstable();
    queues.dedup();
    queues
}

fn queue_of(address: &Address) -> Option<&QueueId> {
    match address {
        Address::Queue(queue) => Some(queue),
        Address::Skills(_) => None,
    }
}
