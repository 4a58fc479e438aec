//! The whole story of one event, start to finish.
//!
//! ```text
//! prepare   the body becomes an event, the event finds its route        or it is given up
//! map       the event becomes a contact that CXone will accept          or it is given up
//! claim     the ledger says that nobody has it and nobody had it        or it is a duplicate, or deferred
//! place     target after target, until one takes the contact            or it is deferred, or given up
//! settle    the ledger learns how it ended
//! give up   what never came to a claim is put on record, unless the ledger knows better
//! ```
//!
//! Each step either hands on to the next or ends the story; nothing turns back. The ledger has the last word on what is
//! given up: an event that was injected is a duplicate, whatever has become of its route since.

mod claiming;
mod last_word;

use std::{cell::RefCell, time::Duration};

use tracing::{error, warn};

pub use self::last_word::give_up;
use self::last_word::parked;
use crate::{
    dialects::Submitted,
    domain::{
        attributes::Schema,
        backoff::WITHIN_INVOCATION,
        claim::{self, Claim, Description, PlacedContact, Record, State},
        event::{Event, MalformedEvent},
        expiry::Expiry,
        idempotency::{DataHash, IdempotencyKey},
        mapping::ComplianceBoundary,
        message::Message,
        outcome::{GivenUp, Outcome, Retry},
        problem::Problem,
        queues::Queues,
        reason::{DeadLetterReason, DeferralReason},
        routes::{Priority, Route, Routes},
        time::Timestamp,
    },
    drafts::{Drafting, Drafts, Undrafted},
    error::chain,
    ledger::{self, SettleError},
    metrics::{Metric, Metrics},
    ports::{Environment, InjectPorts},
    worker::Worker,
};

/// Tries to write a settlement. Losing one costs a message its certainty, so more than for anything else.
const SETTLE_TRIES: u32 = 3;

/// An event on its way: everything about it that needs nothing from outside.
#[derive(Debug)]
pub struct Prepared<'a> {
    /// The event.
    pub event: Event,
    /// Its route.
    pub route: &'a Route,
    /// What the ledger knows it by.
    pub identified: Identified,
    /// When it can be injected no more.
    pub expiry: Expiry,
}

impl Prepared<'_> {
    /// Its key.
    pub fn key(&self) -> IdempotencyKey {
        self.identified.key
    }

    /// What requests for it say of it, as long as no contact of it was lost.
    pub(crate) fn submitted(&self) -> Submitted {
        Submitted { key: self.key(), expires: self.expiry.worthless() }
    }

    /// Why it is given up now, where its time is over.
    pub(crate) fn expired(&self, now: Timestamp) -> Option<GivenUp> {
        self.expiry.passed(now).map(|given_up| given_up.by_route(self.route.name()))
    }
}

/// What the ledger knows a delivery by.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The event's key.
    pub key: IdempotencyKey,
    /// SQS's id of the message.
    pub message_id: String,
    /// The event's data, where they could be read.
    pub hash: Option<DataHash>,
    /// What the event's age is counted from.
    pub born: Timestamp,
    /// Which event it is.
    pub event: Description,
}

impl Identified {
    fn new(event: &Event, message: &Message, born: Timestamp) -> Self {
        let identity = event.identity();
        Self {
            key: IdempotencyKey::of_event(identity.source(), identity.id()),
            message_id: message.message_id.clone(),
            hash: Some(DataHash::of(event.data())),
            born,
            event: Description::of(identity)
                .of_type(event.event_type())
                .traced(event.traceparent())
                .by_lane(message.lane()),
        }
    }

    /// Of an event of which the identity can be read, if little else.
    fn of_malformed(malformed: &MalformedEvent, message: &Message, born: Timestamp) -> Option<Self> {
        let identity = malformed.identity.as_ref()?;
        Some(Self {
            key: IdempotencyKey::of_event(identity.source(), identity.id()),
            message_id: message.message_id.clone(),
            hash: malformed.data.clone(),
            born,
            event: Description::of(identity).traced(malformed.traceparent.clone()).by_lane(message.lane()),
        })
    }

    fn delivery(&self, environment: &impl Environment) -> claim::Delivery {
        claim::Delivery {
            attempt: environment.uuid(),
            message_id: self.message_id.clone(),
            hash: self.hash.clone(),
            born: self.born,
            now: environment.now(),
            event: self.event.clone(),
        }
    }
}

/// What is known of a delivery besides its outcome: for the log, the metrics and the dead letter.
#[derive(Clone, Debug, Default)]
pub struct DeliveryDetails {
    /// Which event it is and what the ledger knows it by, where the identity could be read.
    pub identified: Option<Identified>,
    /// Whether the ledger has given it to this delivery.
    pub claimed: bool,
    /// The target asked last.
    pub target: Option<String>,
    /// The priority sent last.
    pub priority: Option<u16>,
    /// The status of CXone's last answer.
    pub http_status: Option<u16>,
    /// Requests sent for the event, over all deliveries.
    pub attempts: u32,
    /// From the event's time to now.
    pub age: Option<Duration>,
    /// From the claim to the settlement.
    pub latency: Option<Duration>,
}

/// The first step: needs nothing but the message.
///
/// # Errors
/// [`GivenUp`] says why the message is no event, has no route, or has outlived what it was for.
pub fn prepare<'a>(
    message: &Message,
    routes: &'a Routes,
    now: Timestamp,
    details: &mut DeliveryDetails,
) -> Result<Prepared<'a>, GivenUp> {
    let sent = message.sent.unwrap_or(now);
    details.age = Some(now.since(sent));
    let event = Event::parse(&message.body).map_err(|malformed| {
        details.identified = Identified::of_malformed(&malformed, message, sent);
        given_up(&malformed.problems)
    })?;
    let born = event.time().unwrap_or(sent);
    let mut identified = Identified::new(&event, message, born);
    details.age = Some(now.since(born));
    let Some(route) = routes.select(&event) else {
        details.identified = Some(identified);
        let detail = "no route matches the event's type and source".to_owned();
        return Err(GivenUp { reason: DeadLetterReason::NoRoute, detail });
    };
    identified.event = identified.event.by_route(route.name());
    details.identified = Some(identified.clone());
    let expiry = Expiry::new(born, route.max_age(), event.expiry());
    let prepared = Prepared { event, route, identified, expiry };
    prepared.expired(now).map_or(Ok(prepared), Err)
}

/// What every event of one invocation shares.
pub struct Pipeline<'a, P: InjectPorts> {
    /// The outside.
    pub ports: &'a P,
    /// The leased client.
    pub worker: &'a Worker<'a, P>,
    /// What to count in.
    pub metrics: &'a Metrics,
    /// The registered attributes; without them nothing is injected.
    pub schema: Option<&'a Schema>,
    /// What is known of the queues.
    pub queues: &'a RefCell<Queues>,
    /// Inside or outside a HIPAA or PCI-DSS boundary.
    pub boundary: ComplianceBoundary,
    /// When the invocation ends.
    pub deadline: Timestamp,
    /// No request is begun after this.
    pub until: Timestamp,
}

/// What the ledger is told at the end.
pub(crate) enum Ending {
    /// A contact is in a queue.
    Injected(PlacedContact),
    /// Nothing is, as far as is known, and the message comes back.
    Deferred(Outcome),
    /// Nothing is, as far as is known, and nothing will be.
    GivenUp(GivenUp),
}

/// How a delivery ended, as far as this worker can say.
pub enum Conclusion {
    /// So, and the ledger knows.
    Outcome(Outcome),
    /// It was given up before any claim, so that the ledger is still to be asked.
    GivenUp(GivenUp),
}

impl From<Outcome> for Conclusion {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(outcome)
    }
}

impl<P: InjectPorts> Pipeline<'_, P> {
    /// From the map on. `None` where the event was there when a worker crashed and has to be tried `alone`.
    pub async fn inject(
        &self,
        prepared: &Prepared<'_>,
        alone: bool,
        details: &mut DeliveryDetails,
    ) -> Option<Conclusion> {
        let started = self.now();
        if let Some(given_up) = prepared.expired(started) {
            return Some(Conclusion::GivenUp(given_up));
        }
        let drafts = match self.drafts(prepared) {
            Ok(drafts) => drafts,
            Err(conclusion) => return Some(conclusion),
        };
        let mut claim = match self.claim(prepared, alone, details).await {
            Ok(claim) => claim,
            Err(unclaimed) => return unclaimed.outcome().map(Conclusion::from),
        };
        details.claimed = true;
        let ending = self.place(prepared, &drafts, &mut claim, details).await;
        details.attempts = claim.attempts();
        let ending = self.until_probed(ending, claim.attempts()).await;
        let outcome = self.settle(&prepared.identified, &claim, ending).await;
        if let Outcome::Injected { contact_id } = &outcome {
            self.set_priority(prepared.route, contact_id, details).await;
        }
        details.latency = Some(self.now().since(started));
        Some(outcome.into())
    }

    /// The same with the time to try again what failed for the service's fault.
    async fn until_probed(&self, ending: Ending, requests: u32) -> Ending {
        let Ending::Deferred(Outcome::Deferred {
            reason: reason @ (DeferralReason::ServiceError | DeferralReason::Timeout),
            retry: Retry::Backoff,
        }) = ending
        else {
            return ending;
        };
        let retry = Retry::after_failure(requests, self.worker.circuit_probed_at().await);
        Ending::Deferred(Outcome::Deferred { reason, retry })
    }

    fn drafts(&self, prepared: &Prepared<'_>) -> Result<Drafts, Conclusion> {
        let drafting = Drafting { dialect: self.ports.dialect(), schema: self.schema, boundary: self.boundary };
        drafting.of(prepared.route, &prepared.event, &prepared.submitted()).map_err(|undrafted| match undrafted {
            Undrafted::NoSchema => Outcome::deferred(DeferralReason::UnverifiedSchema).into(),
            Undrafted::Problems(problems) => Conclusion::GivenUp(given_up(&problems)),
        })
    }

    /// Says with which priority a contact waits, where that can only be said once it is there. That it is there is
    /// settled: where this fails, it waits like any other of its channel.
    async fn set_priority(&self, route: &Route, contact_id: &str, details: &DeliveryDetails) {
        let Some(told) = &details.target else { return };
        let Some(target) = route.targets().iter().find(|target| target.address().to_string() == *told) else { return };
        let Some(priority) = details.priority.and_then(|priority| Priority::try_from(priority).ok()) else { return };
        if let Err(cause) = self.worker.set_priority(target.address(), contact_id, priority).await {
            warn!(contact_id, error = %cause, "the contact's priority could not be set");
            self.metrics.count(Metric::PriorityNotSet);
        }
    }

    async fn settle(&self, identified: &Identified, claim: &Claim, ending: Ending) -> Outcome {
        let (key, now) = (identified.key, self.now());
        let (record, outcome) = match ending {
            Ending::Injected(contact) => {
                (claim.injected(contact.clone(), now), Outcome::Injected { contact_id: contact.contact_id })
            }
            Ending::Deferred(outcome) => (claim.unplaced(outcome.deferral(), now), outcome),
            Ending::GivenUp(given_up) => {
                let record = claim.given_up(given_up.reason, &identified.message_id, now);
                let outcome = match record.state {
                    State::Parked => parked(claim.may_have_sent(), None, Some(&given_up)),
                    _ => given_up.into(),
                };
                (record, outcome)
            }
        };
        match self.write(key, claim, &record).await {
            Ok(()) => outcome,
            // It is on record as claimed or as somebody else's, so it can't be told as ended: the next delivery asks
            // CXone under the same key and learns what this one knew.
            Err(cause) => {
                error!(outcome = outcome.name(), error = chain(&cause), "the ledger was not told");
                match (outcome, cause) {
                    (deferred @ Outcome::Deferred { .. }, _) => deferred,
                    (_, SettleError::TakenOver) => Outcome::deferred(DeferralReason::InProgress),
                    (_, SettleError::Store(_)) => {
                        Outcome::deferred_until(DeferralReason::ServiceError, claim.record().until)
                    }
                }
            }
        }
    }

    async fn write(&self, key: IdempotencyKey, claim: &Claim, record: &Record) -> Result<(), SettleError> {
        let mut failures = 0;
        loop {
            match ledger::settle(self.ports.ledger(), key, claim, record).await {
                Err(SettleError::Store(_)) if failures + 1 < SETTLE_TRIES && self.now() < self.deadline => {
                    failures += 1;
                    let environment = self.ports.environment();
                    environment.sleep(WITHIN_INVOCATION.wait(failures, environment.sample())).await;
                }
                ended => return ended,
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}

/// An event with these problems, at least one: given up for the first, and each told with its place.
pub(crate) fn given_up(problems: &[Problem]) -> GivenUp {
    let reason = problems.first().map_or(DeadLetterReason::MappingFailed, |problem| problem.code);
    let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    GivenUp { reason, detail }
}
