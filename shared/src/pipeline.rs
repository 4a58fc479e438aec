//! The whole story of one event, start to finish.
//!
//! ```text
//! prepare   the body becomes an event, the event finds its route        or it is dead-lettered
//! map       the event becomes a contact that CXone will accept          or it is dead-lettered
//! claim     the ledger says that nobody has it and nobody had it        or it is a duplicate, or deferred
//! place     target after target, until one takes the contact            or it is deferred, or dead-lettered
//! settle    the ledger learns how it ended
//! ```
//!
//! Each step either hands on to the next or ends the story with an [`Outcome`]; nothing turns back.

use std::{cell::RefCell, time::Duration};

use tracing::{error, warn};

use crate::{
    domain::{
        attributes::Schema,
        backoff::WITHIN_INVOCATION,
        claim::{Claim, ClaimRequest, NotClaimed, PlacedContact, Record},
        contact::Contact,
        event::{Event, Identity},
        idempotency::{DataHash, IdempotencyKey},
        mapping::{self, ComplianceBoundary},
        message::Message,
        outcome::{DeferralReason, Outcome, Retry},
        problem::{DeadLetterReason, Problem},
        queues::Queues,
        routes::{Route, Routes},
        time::Timestamp,
    },
    error::chain,
    ledger::{self, ClaimError, SettleError},
    metrics::Metrics,
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
    /// Its key.
    pub key: IdempotencyKey,
    /// When it can be injected no more, where its route or its sender says.
    pub expires: Option<Timestamp>,
}

/// What is known of a delivery besides its outcome: for the log, the metrics and the dead letter.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Which event it is, where that could be read.
    pub event: Option<EventName>,
    /// The route's name.
    pub route: Option<String>,
    /// The event's key.
    pub key: Option<IdempotencyKey>,
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

/// How an event is told from others in a log.
#[derive(Clone, Debug)]
pub struct EventName {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// Its type, where it could be read.
    pub kind: Option<String>,
}

impl EventName {
    fn new(identity: &Identity, kind: Option<&str>) -> Self {
        Self { id: identity.id().to_owned(), source: identity.source().to_owned(), kind: kind.map(str::to_owned) }
    }
}

/// The first step: needs nothing but the message.
///
/// # Errors
/// The [`Outcome`] of a message that is no event, or an event that has no route.
pub fn prepare<'a>(
    message: &Message,
    routes: &'a Routes,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<Prepared<'a>, Outcome> {
    facts.age = message.sent.map(|sent| now.since(sent));
    let event = Event::parse(&message.body).map_err(|malformed| {
        if let Some(identity) = &malformed.identity {
            facts.event = Some(EventName::new(identity, None));
            facts.key = Some(IdempotencyKey::of_event(identity.source(), identity.id()));
        }
        dead(DeadLetterReason::MalformedEvent, &malformed.problems)
    })?;
    let (identity, born) = (event.identity(), event.time().or(message.sent));
    let key = IdempotencyKey::of_event(identity.source(), identity.id());
    facts.event = Some(EventName::new(identity, Some(event.event_type())));
    facts.key = Some(key);
    facts.age = born.map(|born| now.since(born));
    let Some(route) = routes.select(&event) else {
        let detail = "no route matches the event's type and source".to_owned();
        return Err(Outcome::DeadLettered { reason: DeadLetterReason::NoRoute, detail });
    };
    facts.route = Some(route.name().to_owned());
    let by_age = route.max_age().zip(born).map(|(age, born)| born.plus(age));
    let expires = [by_age, event.expiry()].into_iter().flatten().min();
    Ok(Prepared { event, route, key, expires })
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
    /// Nothing is, as far as is known, and the message goes to the dead-letter queue.
    GivenUp(Outcome),
}

impl<P: InjectPorts> Pipeline<'_, P> {
    /// From the map on. `None` where the event was there when a worker crashed and has to be tried `alone`.
    pub async fn inject(&self, prepared: &Prepared<'_>, alone: bool, facts: &mut Facts) -> Option<Outcome> {
        let contact = match self.map(prepared) {
            Ok(contact) => contact,
            Err(outcome) => return Some(outcome),
        };
        let started = self.now();
        let mut claim = match self.claim(prepared, alone).await {
            Ok(claim) => claim,
            Err(Unclaimed::Suspect) => return None,
            Err(Unclaimed::Ends(outcome)) => return Some(outcome),
        };
        facts.claimed = true;
        let ending = self.place(prepared, &contact, &mut claim, facts).await;
        facts.attempts = claim.attempts();
        let outcome = self.settle(prepared.key, &claim, ending).await;
        facts.latency = Some(self.now().since(started));
        Some(outcome)
    }

    fn map(&self, prepared: &Prepared<'_>) -> Result<Contact, Outcome> {
        let Some(schema) = self.schema else { return Err(Outcome::deferred(DeferralReason::UnverifiedSchema)) };
        mapping::map(prepared.route, &prepared.event, schema, self.boundary).map_err(|problems| {
            dead(problems.first().map_or(DeadLetterReason::MappingFailed, |problem| problem.code), &problems)
        })
    }

    async fn claim(&self, prepared: &Prepared<'_>, alone: bool) -> Result<Claim, Unclaimed> {
        let now = self.now();
        if now > self.until || self.ports.environment().closing() {
            return Err(Outcome::deferred(DeferralReason::Deadline).into());
        }
        let request = ClaimRequest {
            attempt: self.ports.environment().uuid(),
            hash: DataHash::of(prepared.event.data()),
            now,
            deadline: self.deadline,
            alone,
        };
        match ledger::claim(self.ports.ledger(), prepared.key, &request).await {
            Ok(claim) => Ok(claim),
            Err(ClaimError::Not(NotClaimed::Suspect)) => Err(Unclaimed::Suspect),
            Err(ClaimError::Not(not)) => Err(refused(not, now).into()),
            Err(ClaimError::Store(cause)) => {
                warn!(idempotency_key = %prepared.key, error = chain(&cause), "the ledger did not take the claim");
                Err(Outcome::deferred(DeferralReason::ServiceError).into())
            }
        }
    }

    async fn settle(&self, key: IdempotencyKey, claim: &Claim, ending: Ending) -> Outcome {
        let now = self.now();
        let (record, outcome) = match ending {
            Ending::Injected(contact) => {
                (claim.injected(contact.clone(), now), Outcome::Injected { contact_id: contact.contact_id })
            }
            Ending::Deferred(outcome) => (claim.unplaced(now), outcome),
            Ending::GivenUp(outcome) => (claim.given_up(now), outcome),
        };
        match self.write(key, claim, &record).await {
            Ok(()) => outcome,
            // It is on record as claimed or as somebody else's, so it can't be told as ended: the next delivery asks
            // CXone under the same key and learns what this one knew.
            Err(cause) => {
                error!(idempotency_key = %key, outcome = outcome.name(), error = chain(&cause), "the ledger was not told");
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

/// Why an event isn't claimed.
enum Unclaimed {
    /// It is to be tried alone.
    Suspect,
    /// The delivery ends.
    Ends(Outcome),
}

impl From<Outcome> for Unclaimed {
    fn from(outcome: Outcome) -> Self {
        Self::Ends(outcome)
    }
}

fn refused(not: NotClaimed, now: Timestamp) -> Outcome {
    let dead = |reason, detail: &str| Outcome::DeadLettered { reason, detail: detail.to_owned() };
    match not {
        NotClaimed::Duplicate(contact) => Outcome::Duplicate { contact_id: contact.contact_id },
        NotClaimed::Conflict => dead(
            DeadLetterReason::Conflict,
            "an event of this source and id, with other data, may have reached CXone before",
        ),
        NotClaimed::InProgress(until) => Outcome::deferred_until(DeferralReason::InProgress, until),
        NotClaimed::Suspect => Outcome::deferred(DeferralReason::InProgress),
        NotClaimed::CrashLoop(_) => dead(
            DeadLetterReason::CrashLoop,
            "it was claimed three times, the last time alone, and no worker lived to settle it",
        ),
        NotClaimed::Forgotten(_) => dead(
            DeadLetterReason::OutcomeUnknown,
            "a request may have been accepted, and CXone no longer remembers its key: look for the contact, then resolve the key",
        ),
        NotClaimed::NewerVersion(version) => {
            error!(version, "the ledger's record is of a newer version of this program; it is left alone");
            Outcome::Deferred {
                reason: DeferralReason::InProgress,
                retry: Retry::At(now.plus(Duration::from_secs(900))),
            }
        }
    }
}

/// A dead letter for these problems, each told with its place.
fn dead(reason: DeadLetterReason, problems: &[Problem]) -> Outcome {
    let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Outcome::DeadLettered { reason, detail }
}
