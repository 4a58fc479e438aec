//! A worker: one leased client at work. Every request to CXone goes through here.
//!
//! In this order: a permit (window, limit, circuit), a living token, the request, and what its answer teaches. A 401
//! drops exactly the token that was refused, gets one new token, and sends once more under the same key
//! (docs/rules.md#refused-tokens). A contact is admitted first and posted then, so that it takes its place in a queue
//! when nothing keeps it from going there. Whoever waits for a token waits for the one request that fetches it.

mod access;
mod afterwards;
mod not_sent;
mod places;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::Mutex;
use tracing::{info, warn};

use self::access::Access;
pub use self::{
    access::TokenAnswer,
    afterwards::{Looked, NotSet},
    not_sent::{NoSchema, NotSent},
};
use crate::{
    dialects::{
        HttpReply, HttpRequest, Submission, Verdict,
        survey::{Question, default_skills},
    },
    domain::{
        attributes::Schema,
        breaker::Transition,
        contact_result::ContactResult,
        credentials::{ClientId, Credentials},
        health::QueueHealth,
        lane::Patience,
        lease::{Lease, Lesson, NoPermit, Permit, Service},
        queues::{Queue, Reading},
        reason::DeferralReason,
        routes::{DefaultSkills, QueueId, SkillLimits},
        time::Timestamp,
        token::Token,
    },
    leases,
    metrics::{Metric, Metrics},
    ports::{Environment, Ports, SchemaSnapshot, Transport},
};

/// The longest that a request may take, its connection included: what the deadline must leave before one is begun.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// So many queues are asked about one by one, though an API tells of all at once: one request for all is the larger.
pub(crate) const SINGLE_QUESTIONS: usize = 3;

/// The unit of time: what expires at a moment is not sent in it.
const MOMENT: Duration = Duration::from_millis(1);

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

/// Whether an answer says something of the service that contacts are had from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearing {
    /// It does: its failures open the circuit.
    OnService,
    /// It is of something beside it.
    Aside,
}

/// A queue's health as CXone told it, and the reading that it is newer than.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The health.
    pub health: QueueHealth,
    /// What the registry held when CXone was asked.
    pub before: Option<Reading>,
    /// The kind of contacts that it is for, where the answer says so.
    pub media_type: Option<u64>,
}

/// One leased client at work.
pub struct Worker<'a, P: Ports> {
    ports: &'a P,
    metrics: &'a Metrics,
    lease: Lease,
    /// No request is begun after this.
    until: Timestamp,
    /// How long a contact waits for its window.
    patience: Patience,
    access: Mutex<Access>,
}

impl<'a, P: Ports> Worker<'a, P> {
    /// Puts a leased client to work until `until`, with the token that it was left with.
    pub fn new(ports: &'a P, metrics: &'a Metrics, lease: Lease, credentials: Credentials, until: Timestamp) -> Self {
        let access = Access::new(&lease, credentials, ports.dialect(), ports.environment().now());
        Self { ports, metrics, lease, until, patience: Patience::Unlimited, access: Mutex::new(access) }
    }

    /// The same with another patience of contacts for its window. What else is asked under it, such as a contact's
    /// priority, has no other client, and waits as long as there is time.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Gives the client back with what was learnt about it.
    pub async fn release(&self) {
        leases::release(self.ports.clients(), &self.lease, self.ports.environment().now()).await;
    }

    /// The client.
    pub fn client_id(&self) -> &ClientId {
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
        self.ready(self.until.min(expires.minus(MOMENT)), self.patience).await
    }

    /// Posts a contact; with what came of it the status of the answer, where there was one. A token that is refused is
    /// dropped, so that the next admission brings another.
    pub async fn post(&self, admission: Admission<'_>, submission: &Submission<'_>) -> (ContactResult, Option<u16>) {
        let Admission { permit, token, .. } = admission;
        let dialect = self.ports.dialect();
        let request = dialect.contact(&token, submission);
        let reply = self.ports.transport().send(&permit, request).await;
        let Verdict { meaning, lesson } = dialect.read_contact(submission.contact, submission.address, &reply);
        self.learn(Bearing::OnService, permit, &token, lesson).await;
        (meaning, reply.status())
    }

    /// Asks for a queue's health, by these limits. What the registry knows of it `before` is looked up when nothing
    /// keeps the request from going: what is reserved until then is in the answer. Nothing where the answer can't be
    /// read.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn queue_health(
        &self,
        queue: &QueueId,
        limits: SkillLimits,
        before: impl AsyncFn() -> Option<Queue>,
    ) -> Result<Option<Observed>, NotSent> {
        let dialect = self.ports.dialect();
        let skill = |reply: &HttpReply| dialect.survey()?.read_skill(queue, reply).meaning.ok()?;
        let (before, asked, (read, media_type)) = self
            .ask(
                Bearing::OnService,
                before,
                |token| dialect.queue_health(token, queue),
                |reply, asked| {
                    let Verdict { meaning, lesson } = dialect.read_queue_health(queue, limits, asked, reply);
                    Verdict { meaning: (meaning, skill(reply).and_then(|skill| skill.media_type)), lesson }
                },
            )
            .await?;
        let known = before.as_ref().and_then(|before| before.health.as_ref());
        let health = match read {
            Ok(health) => health.unwrap_or_else(|| QueueHealth::missing(known, asked)),
            Err(unread) => {
                warn!(%queue, error = %unread, "the queue's health can't be read");
                return Ok(None);
            }
        };
        Ok(Some(Observed { health, before: before.as_ref().and_then(Queue::reading), media_type }))
    }

    /// Asks for the health of every queue with limits at once, where the API tells it so. What the registry knows of
    /// them `before` is looked up as for one. Nothing where the answer can't be read, or there is no such question.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn health_of_all(
        &self,
        limits: &BTreeMap<QueueId, SkillLimits>,
        before: impl AsyncFn() -> Vec<(QueueId, Queue)>,
    ) -> Result<Vec<(QueueId, Observed)>, NotSent> {
        let Some(all) = self.ports.dialect().health_of_all() else { return Ok(Vec::new()) };
        let skills = |reply: &HttpReply| self.ports.dialect().survey()?.read_skills(reply).meaning.ok();
        let read = |reply: &HttpReply, asked| {
            let Verdict { meaning, lesson } = all.read_every_health(limits, asked, reply);
            Verdict { meaning: (meaning, skills(reply).unwrap_or_default()), lesson }
        };
        let (before, _, (healths, skills)) =
            self.ask(Bearing::OnService, before, |token| all.every_health(token), read).await?;
        let healths = healths.unwrap_or_else(|unread| {
            warn!(error = %unread, "the health of all queues can't be read at once; each is asked for alone");
            BTreeMap::new()
        });
        let known = |queue: &QueueId| before.iter().find(|(id, _)| id == queue).and_then(|(_, known)| known.reading());
        Ok(healths
            .into_iter()
            .map(|(queue, health)| {
                let before = known(&queue);
                let media_type = skills.get(&queue).and_then(|skill| skill.media_type);
                (queue, Observed { health, before, media_type })
            })
            .collect())
    }

    /// Asks which skills these points of contact are for; nothing where that can't be read, or the API has none.
    pub async fn default_skills(&self, points: &[String]) -> Option<DefaultSkills> {
        let survey = self.ports.dialect().survey()?;
        let read = |reply: &HttpReply, _| survey.read_points(reply);
        match self.question(|token| survey.question(token, Question::PointsOfContact), read).await {
            Ok(Ok(read)) => return Some(default_skills(points, &read)),
            Ok(Err(unread)) => warn!(error = %unread, "the points of contact can't be read"),
            Err(not_sent) => warn!(reason = %not_sent.reason, "the points of contact could not be asked for"),
        }
        None
    }

    /// Asks for the registered attributes; where none are registered, any is taken, and nothing is asked.
    ///
    /// # Errors
    /// [`NoSchema`] says why there are none.
    pub async fn schema(&self) -> Result<SchemaSnapshot, NoSchema> {
        let Some(registered) = self.ports.dialect().registered_attributes() else {
            return Ok(SchemaSnapshot { schema: Schema::unrestricted(), fetched: self.ports.environment().now() });
        };
        let read = |reply: &HttpReply, _| registered.read_schema(reply);
        let ((), _, schema) = self.ask(Bearing::OnService, async || (), |token| registered.schema(token), read).await?;
        Ok(SchemaSnapshot { schema: schema?, fetched: self.ports.environment().now() })
    }

    /// Asks a question, and gives what its answer means.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn question<T>(
        &self,
        request: impl for<'r> Fn(&'r Token) -> HttpRequest<'r>,
        read: impl Fn(&HttpReply, Timestamp) -> Verdict<T>,
    ) -> Result<T, NotSent> {
        let ((), _, meaning) = self.ask(Bearing::OnService, async || (), request, read).await?;
        Ok(meaning)
    }

    /// Asks a question: what was looked up right before it, when it was asked, and what the answer means.
    async fn ask<B, T>(
        &self,
        bearing: Bearing,
        look_up: impl AsyncFn() -> B,
        request: impl for<'r> Fn(&'r Token) -> HttpRequest<'r>,
        read: impl Fn(&HttpReply, Timestamp) -> Verdict<T>,
    ) -> Result<(B, Timestamp, T), NotSent> {
        let mut resubmitted = false;
        loop {
            let admission = self.ready(self.until, Patience::Unlimited).await?;
            let before = look_up().await;
            if !self.still_admits(&admission) {
                admission.decline();
                continue;
            }
            let Admission { permit, token, .. } = admission;
            let asked = self.ports.environment().now();
            let reply = self.ports.transport().send(&permit, request(&token)).await;
            let Verdict { meaning, lesson } = read(&reply, asked);
            self.learn(bearing, permit, &token, lesson).await;
            if lesson != Lesson::TokenRefused || resubmitted {
                return Ok((before, asked, meaning));
            }
            resubmitted = true;
        }
    }

    /// Leave to send, and a token to send with. Waits for the window while there is time, which is `until` at most, and
    /// while there is `patience`.
    async fn ready(&self, until: Timestamp, patience: Patience) -> Result<Admission<'_>, NotSent> {
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
                Err(NoPermit::Window(opens)) if opens <= self.patience_now(patience).wait_until(now, until) => {
                    self.ports.environment().sleep(opens.since(now).max(Duration::from_millis(1))).await;
                }
                Err(NoPermit::Window(opens)) => return Err(NotSent::until(DeferralReason::RateWindow, opens)),
                Err(NoPermit::Circuit(probe)) => return Err(NotSent::until(DeferralReason::CircuitOpen, probe)),
                Err(NoPermit::Reservation) => return Err(NotSent::until(DeferralReason::RateWindow, now)),
            }
        }
    }

    /// Whether what was admitted may still be sent. What came between took time: CXone may have asked to wait
    /// meanwhile, and there may be none left.
    pub fn still_admits(&self, admission: &Admission<'_>) -> bool {
        let now = self.ports.environment().now();
        now <= admission.until && self.lease.closed_until(now).is_none()
    }

    /// Applies what a request has taught to the window, the limit and the circuit, and to the token that it went under.
    async fn learn(&self, bearing: Bearing, permit: Permit<'_>, token: &Arc<Token>, lesson: Lesson) {
        let now = self.ports.environment().now();
        match bearing {
            Bearing::OnService => self.report(Service::Routing, permit.learn(lesson, now)),
            Bearing::Aside => permit.learn_aside(lesson, now),
        }
        match lesson {
            Lesson::TooMany(_) => self.metrics.count(Metric::RateLimitResponses),
            Lesson::TokenRefused => {
                self.metrics.count(Metric::UnauthorizedResponses);
                self.drop_token(token).await;
            }
            Lesson::Works | Lesson::Fails | Lesson::Unanswered | Lesson::Unreachable => {}
        }
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
                warn!(%client_id, %service, %until, "the circuit opened");
            }
            Some(Transition::HalfOpened) => info!(%client_id, %service, "the circuit lets a probe through"),
            Some(Transition::Closed) => info!(%client_id, %service, "the circuit closed"),
        }
    }
}
