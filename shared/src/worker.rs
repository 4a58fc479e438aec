//! A worker: one leased client at work. Every request to CXone goes through here.
//!
//! In this order: a permit (window, limit, circuit), a living token, the request, and what its answer teaches. A 401
//! drops exactly the token that was refused, gets one new token, and sends once more under the same key
//! (docs/rules.md#refused-tokens). A contact is admitted first and posted then, so that it takes its place in a queue when
//! nothing keeps it from going there. Whoever waits for a token waits for the one request that fetches it.

mod access;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::Mutex;
use tracing::{info, warn};

use self::access::Access;
use crate::{
    domain::{
        breaker::{Health, Transition},
        classify::Answer,
        contact::ContactRequest,
        health::QueueHealth,
        idempotency::IdempotencyKey,
        lease::{Lease, NoPermit, Pace, Permit, Service},
        outcome::{Outcome, Retry},
        queues::{Queue, Reading},
        reason::DeferralReason,
        routes::QueueId,
        time::Timestamp,
        token::Token,
    },
    leases::{self, KnownClients, LeaseTerms, NoClient},
    metrics::{Metric, Metrics},
    ports::{ContactApi, Credentials, Environment, Ports, Read, Secrets},
};

/// The longest that a request may take, its connection included: what the deadline must leave before one is begun.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The unit of time: what expires at a moment is not sent in it.
const MOMENT: Duration = Duration::from_millis(1);

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// What the message is told.
    pub reason: DeferralReason,
    /// When to ask again.
    pub retry: Retry,
}

impl NotSent {
    const fn because(reason: DeferralReason) -> Self {
        Self { reason, retry: Retry::Backoff }
    }

    const fn until(reason: DeferralReason, at: Timestamp) -> Self {
        Self { reason, retry: Retry::At(at) }
    }
}

impl From<NotSent> for Outcome {
    fn from(not: NotSent) -> Self {
        Self::Deferred { reason: not.reason, retry: not.retry }
    }
}

/// Leave to send one request now, and the token to send it with.
#[must_use = "it takes a place in the window until it is used or declined"]
pub struct Admission<'w> {
    permit: Permit<'w>,
    token: Arc<Token>,
    until: Timestamp,
}

impl Admission<'_> {
    /// Nothing is sent.
    pub fn decline(self) {
        self.permit.unsent();
    }
}

/// A queue's health as CXone told it, and the reading that it is newer than.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The health.
    pub health: QueueHealth,
    /// What the registry held when CXone was asked.
    pub before: Option<Reading>,
}

/// One leased client at work.
pub struct Worker<'a, P: Ports> {
    ports: &'a P,
    metrics: &'a Metrics,
    lease: Lease,
    /// No request is begun after this.
    until: Timestamp,
    access: Mutex<Access>,
}

impl<'a, P: Ports> Worker<'a, P> {
    /// Puts a leased client to work until `until`, with the token that it was left with.
    pub fn new(ports: &'a P, metrics: &'a Metrics, lease: Lease, credentials: Credentials, until: Timestamp) -> Self {
        let access = Access::new(&lease, credentials, ports.environment().now());
        Self { ports, metrics, lease, until, access: Mutex::new(access) }
    }

    /// Leases a client under which a token can be had, and puts it to work. One that turns out to be refused, or to have
    /// to wait for its token, is given back and left alone.
    ///
    /// # Errors
    /// [`NoClient`] says why there is none.
    pub async fn lease(
        ports: &'a P,
        metrics: &'a Metrics,
        known: &mut KnownClients,
        terms: LeaseTerms,
    ) -> Result<Self, NoClient> {
        let mut read_again = false;
        loop {
            // A refusal may have had the secret read again: what was refused is not tried once more from an old copy.
            let clients = ports.secrets().clients().await?;
            let acquired = leases::acquire(ports.clients(), ports.environment(), &clients, known, terms).await;
            let (lease, credentials) = match acquired {
                // Whoever mends a refusal writes a new secret: it is looked for before anybody waits for the old one.
                Err(NoClient::AllResting(_)) if !read_again => {
                    read_again = true;
                    ports.secrets().clients_anew().await?;
                    continue;
                }
                acquired => acquired?,
            };
            let worker = Self::new(ports, metrics, lease, credentials, terms.until);
            // Where nothing may be sent yet, there is no need of a token yet.
            let has_token = worker.free_places() > 0 && worker.token().await.is_ok();
            if has_token || worker.left_alone(known).await.is_none() {
                return Ok(worker);
            }
            worker.release().await;
            // A refusal has had the secret read again already.
            read_again = true;
        }
    }

    /// Gives the client back with what was learnt about it.
    pub async fn release(self) {
        leases::release(self.ports.clients(), &self.lease, self.ports.environment().now()).await;
    }

    /// The client.
    pub fn client_id(&self) -> &str {
        self.lease.client_id()
    }

    /// Requests that the client's window has places for now.
    pub fn free_places(&self) -> usize {
        self.lease.free(self.ports.environment().now())
    }

    /// The client's limit now, in requests a window.
    pub fn limit(&self) -> usize {
        self.lease.utilisation(self.ports.environment().now()).1
    }

    /// Waits for leave to post a contact, until its event expires at the latest.
    ///
    /// # Errors
    /// [`NotSent`] says why there is none.
    pub async fn admit(&self, expires: Timestamp) -> Result<Admission<'_>, NotSent> {
        self.ready(self.until.min(expires.minus(MOMENT))).await
    }

    /// Posts a contact. A token that is refused is dropped, so that the next admission brings another.
    pub async fn post(&self, admission: Admission<'_>, key: IdempotencyKey, request: &ContactRequest) -> Answer {
        let Admission { permit, token, .. } = admission;
        let answer = self.ports.api().inject(&permit, &token, key, request).await;
        self.learn(permit, &token, &answer).await;
        answer
    }

    /// Asks for a queue's health. What the registry knows of it `before` is looked up when nothing keeps the request from
    /// going: what is reserved until then is in the answer. Nothing where the answer can't be read.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn queue_health(
        &self,
        queue: &QueueId,
        before: impl AsyncFn() -> Option<Queue>,
    ) -> Result<Option<Observed>, NotSent> {
        let (api, environment) = (self.ports.api(), self.ports.environment());
        // It is as old as the question: what comes meanwhile may not be in it.
        let request = async |permit: &Permit<'_>, token: &Token| {
            let asked = environment.now();
            (asked, api.queue(permit, token, queue.as_str()).await)
        };
        let (before, (asked, read)) = self.send(before, request, |(_, read)| answer_of(read)).await?;
        let known = before.as_ref().and_then(|before| before.health.as_ref());
        let health = match read {
            Read::Found(answer) => {
                let health = QueueHealth::read(queue.as_str(), &answer, asked);
                if health.is_none() {
                    warn!(%queue, "the health answer is not about this queue");
                }
                health
            }
            Read::Missing => Some(QueueHealth::missing(known, asked)),
            Read::Failed { problem, .. } => {
                warn!(%queue, problem, "the queue's health can't be read");
                None
            }
        };
        Ok(health.map(|health| Observed { health, before: before.as_ref().and_then(Queue::reading) }))
    }

    /// Asks for the registered attributes.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn attributes(&self) -> Result<Read<Value>, NotSent> {
        let api = self.ports.api();
        let ((), read) =
            self.send(async || (), async |permit, token| api.attributes(permit, token).await, answer_of).await?;
        Ok(read)
    }

    /// Sends a request, with what was looked up right before it.
    async fn send<B, T>(
        &self,
        look_up: impl AsyncFn() -> B,
        request: impl AsyncFn(&Permit<'_>, &Token) -> T,
        answer_of: impl Fn(&T) -> Answer,
    ) -> Result<(B, T), NotSent> {
        let mut resubmitted = false;
        loop {
            let admission = self.ready(self.until).await?;
            let before = look_up().await;
            if !self.still_admits(&admission) {
                admission.decline();
                continue;
            }
            let Admission { permit, token, .. } = admission;
            let sent = request(&permit, &token).await;
            let refused = self.learn(permit, &token, &answer_of(&sent)).await;
            if !refused || resubmitted {
                return Ok((before, sent));
            }
            resubmitted = true;
        }
    }

    /// Leave to send, and a token to send with. Waits for the window while there is time, which is `until` at most.
    async fn ready(&self, until: Timestamp) -> Result<Admission<'_>, NotSent> {
        loop {
            let now = self.ports.environment().now();
            if now > until {
                return Err(NotSent::because(DeferralReason::Deadline));
            }
            match self.lease.permit(Service::Routing, now) {
                Ok((permit, transition)) => {
                    self.report(Service::Routing, transition);
                    match self.token().await {
                        Ok(token) => {
                            let admission = Admission { permit, token, until };
                            if self.still_admits(&admission) {
                                return Ok(admission);
                            }
                            admission.decline();
                        }
                        Err(not_sent) => {
                            permit.unsent();
                            return Err(not_sent);
                        }
                    }
                }
                Err(NoPermit::Window(opens)) if opens <= until => {
                    self.ports.environment().sleep(opens.since(now).max(Duration::from_millis(1))).await;
                }
                Err(NoPermit::Window(opens)) => return Err(NotSent::until(DeferralReason::RateWindow, opens)),
                Err(NoPermit::Circuit(probe)) => return Err(NotSent::until(DeferralReason::CircuitOpen, probe)),
                Err(NoPermit::Reservation) => return Err(NotSent::until(DeferralReason::RateWindow, now)),
            }
        }
    }

    /// Whether what was admitted may still be sent. What came between took time: CXone may have asked to wait meanwhile, and
    /// there may be none left.
    pub fn still_admits(&self, admission: &Admission<'_>) -> bool {
        let now = self.ports.environment().now();
        now <= admission.until && self.lease.closed_until(now).is_none()
    }

    /// What an answer teaches of the window, the limit, the circuit and the token; true where the token was refused.
    async fn learn(&self, permit: Permit<'_>, token: &Arc<Token>, answer: &Answer) -> bool {
        let now = self.ports.environment().now();
        let transition = match answer {
            Answer::Status { code: 429, retry_after, .. } => {
                self.metrics.count(Metric::RateLimitResponses);
                permit.answered(now, Health::Works, Pace::Exceeded(*retry_after))
            }
            // The service's own fault is a 5xx, a redirect, or a 2xx that holds nothing; any 4xx is the request's.
            Answer::Created(_) | Answer::Status { code: 400..=499, .. } => {
                permit.answered(now, Health::Works, Pace::Held)
            }
            Answer::Status { .. } => permit.answered(now, Health::Fails, Pace::Held),
            Answer::Silence => permit.unanswered(now),
            Answer::Unreachable => permit.unreachable(now),
        };
        self.report(Service::Routing, transition);
        let refused = answer.status() == Some(401);
        if refused {
            self.metrics.count(Metric::UnauthorizedResponses);
            let mut access = self.access.lock().await;
            if access.token.as_ref().is_some_and(|current| Arc::ptr_eq(current, token)) {
                info!(target: "contact_injection::auth", client_id = self.lease.client_id(), "the token was refused and is dropped");
                access.token = None;
                self.lease.drop_token();
            }
        }
        refused
    }

    fn report(&self, service: Service, transition: Option<Transition>) {
        let client_id = self.lease.client_id();
        match transition {
            None => {}
            Some(Transition::Opened(until)) => {
                self.metrics.count_by(
                    Metric::CircuitOpened,
                    match service {
                        Service::Auth => "auth",
                        Service::Routing => "routing",
                    },
                );
                warn!(client_id, %service, %until, "the circuit opened");
            }
            Some(Transition::HalfOpened) => info!(client_id, %service, "the circuit lets a probe through"),
            Some(Transition::Closed) => info!(client_id, %service, "the circuit closed"),
        }
    }
}

/// A read's answer, as far as window, circuit and token are concerned.
fn answer_of(read: &Read<Value>) -> Answer {
    let status = |code| Answer::Status { code, retry_after: None, detail: None };
    match read {
        // Any 4xx says that the service works and the request was within its rate, and so does a success.
        Read::Found(_) | Read::Missing => status(404),
        Read::Failed { answer, .. } => answer.clone(),
    }
}
