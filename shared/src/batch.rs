//! One invocation: a batch of messages, each on its own, under one leased client.
//!
//! What needs nothing from outside is decided first, so a batch of malformed messages leases no client. The others are
//! injected concurrently. Events that were there when a worker crashed come last, one by one, so that the one that
//! kills workers takes no other along. Whatever happens to one message, a panic included, is that message's own fate.

mod canonical_line;
mod delivery;

use std::{cell::RefCell, ops::Deref, time::Duration};

use futures::{StreamExt as _, join, stream};
use tracing::{Instrument as _, warn};

use self::delivery::{Delivery, defer_open, reopen};
use crate::{
    domain::{
        lane::Lane,
        lease::Rate,
        mapping::ComplianceBoundary,
        message::{DeadLetter, Failure, Message},
        outcome::{Outcome, Retry, visibility_delay},
        queues::{Bounds, Queues},
        reason::DeferralReason,
        routes::{Address, Route, Routes, Target},
        time::Timestamp,
    },
    error::chain,
    leases::{KnownClients, NoClient},
    metrics::{Metric, Metrics},
    pipeline::{Conclusion, Pipeline, give_up},
    ports::{ContactQueue, DeadLetters, Environment, InjectPorts},
    room, schema,
    session::{Session, SessionTerms},
    snapshot::Snapshot,
    worker::{REQUEST_TIMEOUT, Worker},
};

/// What is kept for settling, sending dead letters and giving the client back after the last request.
const CLOSING_TIME: Duration = Duration::from_secs(8);

/// Contacts injected at once: a batch of ten and its retries, against a service that answers twice a second per client.
const CONCURRENCY: usize = 10;

/// Requests reserved for one event: one, and two more for retries and fallback targets.
const PERMITS_PER_EVENT: usize = 3;

/// What an operator decided.
#[derive(Debug)]
pub struct Configuration {
    /// How events become contacts.
    pub routes: Routes,
    /// Inside or outside a HIPAA or PCI-DSS boundary.
    pub boundary: ComplianceBoundary,
    /// Each client's rate.
    pub rate: Rate,
    /// How many workers there are at most: those of the standard lane, where there are two.
    pub workers: usize,
    /// How many of the urgent lane there are at most, where there is one.
    pub urgent_workers: Option<usize>,
    /// How old a queue's health may be and still be believed.
    pub queue_health_max_age: Duration,
}

/// What a worker keeps from one invocation to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// What it knows of the OAuth clients.
    pub clients: KnownClients,
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

impl<'a, P: InjectPorts> Batch<'a, P> {
    /// Works through a batch; returns the ids of the messages that come back.
    pub async fn run(&self, messages: Vec<Message>, memory: &mut Memory) -> Vec<String> {
        let mut deliveries: Vec<_> = messages
            .into_iter()
            .map(|message| Delivery::prepare(message, &self.configuration.routes, self.request_id, self.now()))
            .collect();
        if deliveries.iter().any(|delivery| delivery.prepared.is_some()) {
            self.inject(&mut deliveries, memory).await;
        }
        self.close(&mut deliveries).await;
        deliveries.iter().filter_map(Delivery::comes_back).collect()
    }

    /// Ends every delivery that hasn't ended yet.
    async fn close(&self, deliveries: &mut [Delivery<'a>]) {
        let mut ending: Vec<_> = deliveries.iter_mut().filter(|delivery| delivery.outcome.is_none()).collect();
        futures::future::join_all(ending.iter_mut().map(|delivery| self.conclude(delivery))).await;
        for lane in Lane::ALL {
            self.delay_redelivery(lane, &ending).await;
        }
    }

    /// Injects under one client, and under another one what the first could not: because CXone refuses it, or, in the
    /// urgent lane, because its window is full. Where there is one lane, what is left then goes back to the queue, and
    /// the client is kept until its window opens.
    async fn inject(&self, deliveries: &mut [Delivery<'a>], memory: &mut Memory) {
        let Memory { clients, queues, registry } = memory;
        let (lane, rate) = (lane(deliveries), self.configuration.rate);
        let terms = SessionTerms { lane, rate, deadline: self.deadline, until: self.until() };
        let work = async |session: &mut Session<'_, P>| {
            loop {
                let open: Vec<_> = deliveries.iter().filter(|delivery| delivery.is_open()).collect();
                // Neither needs the other, and every contact waits for both.
                let read = Box::pin(self.read_registry(registry, queues, &open));
                let (leased, ()) = join!(session.lease(self.permits(open.len()), self.until()), read);
                if let Err(none) = leased {
                    self.tell(lane, &none, session.clients());
                    return defer_open(deliveries, none.deferral());
                }
                let Some(worker) = session.workers().last() else { return };
                let full = self.work_through(session.clients(), worker, deliveries, queues, registry).await;
                let rest = session.left_alone().await;
                let refused = rest.is_some_and(|rest| reopen(deliveries, |delivery| delivery.lacks_token(rest.reason)));
                if full {
                    session.pass_over().await;
                } else if refused {
                    session.give_back().await;
                } else {
                    break;
                }
            }
            if let (None, Some(worker)) = (lane, session.workers().last())
                && let Some(opens) = worker.kept_until()
            {
                self.close(deliveries).await;
                self.ports.environment().sleep(opens.since(self.now())).await;
            }
        };
        Session::run(self.ports, self.metrics, clients, terms, work).await;
    }

    /// Works through what the client has places for, and returns the rest where that goes back to the queue; whether
    /// another client is to do it instead.
    async fn work_through(
        &self,
        clients: usize,
        worker: &Worker<'_, P>,
        deliveries: &mut [Delivery<'a>],
        queues: &mut Queues,
        registry: &mut Snapshot,
    ) -> bool {
        loop {
            let mut part: Vec<_> = deliveries.iter_mut().filter(|delivery| delivery.is_open()).collect();
            let (open, share) = (part.len(), worker.share(part.len()));
            if worker.keeps_to_its_client() {
                // What has waited longest, and may have gone back before, doesn't go back again.
                part.sort_by_key(|delivery| delivery.message.sent);
            }
            part.truncate(share);
            if !part.is_empty() {
                self.work(clients, worker, &mut part, queues, registry).await;
            }
            let lacks_place = |delivery: &Delivery<'_>| delivery.lacks_place(self.now());
            let crowded_out = |delivery: &Delivery<'_>| delivery.is_crowded_out(self.now());
            let reopened = worker.returns_the_rest() && reopen(deliveries, lacks_place)
                || worker.is_replaceable() && reopen(deliveries, crowded_out);
            let full = reopened || share < open;
            if !(full && worker.keeps_to_its_client()) {
                return full;
            }
            // Whoever expires before there is a place, or probes a circuit without one, finds none in another turn.
            if deliveries.iter().filter(|delivery| delivery.is_open()).count() == open {
                defer_open(deliveries, (DeferralReason::RateWindow, Retry::At(self.now())));
                return false;
            }
        }
    }

    /// Requests that so many events may take: and one for the schema and one for each queue's health, with one
    /// resubmission for each.
    fn permits(&self, events: usize) -> usize {
        let routes = &self.configuration.routes;
        let queues = routes.queue_ids().len() + routes.points_without_skill().len();
        (events * PERMITS_PER_EVENT + 2 + 2 * queues.min(events)).min(self.configuration.rate.limit).max(1)
    }

    /// Everything that one client is leased for.
    async fn work(
        &self,
        clients: usize,
        worker: &Worker<'_, P>,
        deliveries: &mut [&mut Delivery<'a>],
        remembered: &mut Queues,
        registry: &mut Snapshot,
    ) {
        let mut queues = std::mem::take(remembered);
        queues.begin(self.bounds(clients), self.now());
        // Where the client had to be waited for.
        if registry.is_old(self.now()) {
            self.read_registry(registry, &mut queues, deliveries).await;
        }
        let (queues, answered) = (RefCell::new(queues), registry.answered);
        let routes = &self.configuration.routes;
        let coming = self.injectable(deliveries);
        let schema = schema::current(self.ports, worker, registry, (routes, &coming), self.metrics).await;
        // Where nothing can be sent, no room is taken for it.
        if worker.circuit_open_until().await.is_none() {
            room::look_before_bursts(self.ports, worker, (routes, &coming), &queues, answered).await;
            room::reserve_ahead(self.ports, worker, &queues, &coming).await;
        }
        let pipeline = Pipeline {
            ports: self.ports,
            worker,
            metrics: self.metrics,
            schema,
            queues: &queues,
            boundary: self.configuration.boundary,
            deadline: self.deadline,
            until: self.until(),
        };
        let mut ahead = deliveries.iter_mut();
        // While a circuit lets probes through, one goes ahead, so that no other is claimed in vain.
        while !worker.is_circuit_closed()
            && let Some(probe) = ahead.next()
        {
            probe.inject(&pipeline, false).await;
        }
        stream::iter(ahead).for_each_concurrent(CONCURRENCY, |delivery| delivery.inject(&pipeline, false)).await;
        for suspect in deliveries.iter_mut() {
            suspect.inject(&pipeline, true).await;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of requests in a minute")]
        self.metrics.value(Metric::RateLimitCurrent, worker.limit() as f64);
        *remembered = queues.into_inner();
    }

    /// Reads what is due of the registry, for where these may go.
    async fn read_registry(
        &self,
        registry: &mut Snapshot,
        queues: &mut Queues,
        deliveries: &[impl Deref<Target = Delivery<'a>>],
    ) {
        let defaults = !self.configuration.routes.points_without_skill().is_empty();
        registry.refresh(self.ports, queues, &targets(deliveries), defaults).await;
    }

    /// Says why there is no client, where the secret itself isn't at fault.
    fn tell(&self, lane: Option<Lane>, none: &NoClient, clients: usize) {
        let Configuration { workers, urgent_workers, .. } = self.configuration;
        let workers = urgent_workers.filter(|_| lane == Some(Lane::Urgent)).unwrap_or(*workers);
        let lane = lane.map(Lane::as_str);
        match none {
            NoClient::Store(cause) => warn!(error = chain(cause), "no OAuth client could be leased"),
            NoClient::AllBusy => {
                warn!(
                    lane,
                    clients,
                    workers,
                    "no OAuth client is free: there are more workers than clients, or a worker crashed"
                );
            }
            NoClient::AllResting(rest) => {
                warn!(clients, reason = %rest.reason, until = %rest.until, "every OAuth client is left alone");
            }
            NoClient::NoneConfigured | NoClient::AllUrgent => {}
        }
    }

    /// What the secret's clients may place together. Another worker may know of more of them by now, but not of more
    /// than are at work.
    fn bounds(&self, clients: usize) -> Bounds {
        let Configuration { queue_health_max_age, rate, workers, urgent_workers, .. } = self.configuration;
        let workers = workers + urgent_workers.unwrap_or_default();
        Bounds::new(*queue_health_max_age, *rate, clients.max(workers))
    }

    /// The routes of what can be injected.
    fn injectable(&self, deliveries: &[&mut Delivery<'a>]) -> Vec<&'a Route> {
        let now = self.now();
        let open = deliveries.iter().filter(|delivery| delivery.is_open());
        let alive = open.filter_map(|delivery| delivery.prepared.as_ref()).filter(|event| event.expired(now).is_none());
        alive.map(|event| event.route).collect()
    }

    /// Says how a delivery ended: to the ledger and the dead-letter queue first, where it ended there; then to the log
    /// and the metrics.
    async fn conclude(&self, delivery: &mut Delivery<'a>) {
        let span = delivery.span.clone();
        let outcome = self.end(delivery).instrument(span).await;
        delivery.report(&outcome, self.request_id, self.metrics);
        delivery.outcome = Some(outcome);
    }

    async fn end(&self, delivery: &mut Delivery<'a>) -> Outcome {
        let outcome = match delivery.last_word(self.now()) {
            Conclusion::Outcome(outcome) => outcome,
            Conclusion::GivenUp(given_up) => give_up(self.ports, given_up, &mut delivery.details).await,
        };
        self.send_dead_letter(outcome, delivery).await
    }

    async fn send_dead_letter(&self, outcome: Outcome, delivery: &Delivery<'a>) -> Outcome {
        let Outcome::DeadLettered { reason, detail } = &outcome else { return outcome };
        let failure = Failure {
            reason: *reason,
            detail: detail.clone(),
            http_status: delivery.details.http_status,
            attempts: delivery.details.attempts,
            key: delivery.details.identified.as_ref().map(|identified| identified.key),
            at: self.now(),
        };
        match self.ports.dead_letters().send(&DeadLetter::new(&delivery.message, &failure)).await {
            Ok(()) => outcome,
            Err(cause) => {
                warn!(error = chain(&cause), "the dead letter was not sent");
                Outcome::deferred(DeferralReason::ServiceError)
            }
        }
    }

    /// Hides what comes back to a lane's queue until it is worth another look. Where that fails, the queue's own
    /// visibility timeout holds.
    async fn delay_redelivery(&self, lane: Lane, deliveries: &[&mut Delivery<'a>]) {
        let environment = self.ports.environment();
        let now = self.now();
        let delays: Vec<_> = deliveries
            .iter()
            .filter(|delivery| delivery.message.lane().unwrap_or_default() == lane)
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
        match self.ports.queue().delay_redelivery(lane, &delays).await {
            Ok(failed) if failed.is_empty() => {}
            Ok(failed) => {
                warn!(messages = failed.len(), "some messages come back after the queue's visibility timeout");
            }
            Err(cause) => {
                warn!(error = chain(&cause), "the messages come back after the queue's visibility timeout");
            }
        }
    }

    /// No request is begun after this.
    fn until(&self) -> Timestamp {
        self.deadline.minus(REQUEST_TIMEOUT + CLOSING_TIME)
    }

    fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}

/// No Lambda invocation takes longer.
const LONGEST_INVOCATION: Duration = Duration::from_secs(900);

/// The lane of a batch: urgent only where each of its messages is, for an event source hands out one queue's.
fn lane(deliveries: &[Delivery<'_>]) -> Option<Lane> {
    let lanes: Option<Vec<_>> = deliveries.iter().map(|delivery| delivery.message.lane()).collect();
    lanes?.into_iter().min()
}

/// Where these may go.
fn targets<'a>(deliveries: &[impl Deref<Target = Delivery<'a>>]) -> Vec<&'a Address> {
    let prepared = deliveries.iter().filter_map(|delivery| delivery.prepared.as_ref());
    prepared.flat_map(|prepared| prepared.route.targets()).map(Target::address).collect()
}
