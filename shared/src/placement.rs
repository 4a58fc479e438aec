//! Placing a claimed event: target after target, until one takes the contact or none is left
//! (docs/rules.md#fallback).
//!
//! A refusal that proves that nothing was created passes the event on under the same key. A contact that was created
//! and lost passes it on under another, since CXone would answer the old key with the loss. Silence passes it nowhere:
//! only the same key may be asked again.
//!
//! A place in a queue is taken after the permit, right before the request: an event that has waited a minute for its
//! permit goes by what is known of the queues then.

mod intent;
mod look_up;
mod loss;
mod places;

use std::time::Duration;

use self::places::target_of;
use crate::{
    dialects::{Submission, Submitted, Unfit},
    domain::{
        backoff::WITHIN_INVOCATION,
        claim::{Claim, PlacedContact},
        contact_result::{ContactResult, Doubt, ErrorDetail, Refusal},
        outcome::{GivenUp, Outcome},
        reason::{DeadLetterReason, DeferralReason},
        retry_after::RetryAfter,
        routes::{Address, Priority},
        targets::{Choice, Passed},
    },
    drafts::Drafts,
    metrics::Metric,
    pipeline::{DeliveryDetails, Ending, Pipeline, Prepared, given_up},
    ports::{Environment, InjectPorts},
    worker::{Admission, NotSent},
};

/// Requests in a row that came to nothing, in one delivery: a blip is over by the third; what isn't waits better
/// outside.
const TRIES: u32 = 3;

impl<P: InjectPorts> Pipeline<'_, P> {
    pub(crate) async fn place(
        &self,
        prepared: &Prepared<'_>,
        drafts: &Drafts,
        claim: &mut Claim,
        details: &mut DeliveryDetails,
    ) -> Ending {
        let passed = prepared.route.targets().iter().enumerate().map(|(index, target)| match drafts.of(index) {
            Err(Unfit::Problem(_)) => Some(Passed::Unfit),
            Err(Unfit::NoSchema) => Some(Passed::Unverified),
            Ok(_) => claim.lost_at(&target.address().to_string()).then_some(Passed::Lost),
        });
        let passed = passed.collect();
        let in_doubt = match intent::sent_to(claim, prepared.route) {
            Ok(index) => index.map(|index| Stop { index, steps: 0 }),
            Err(given_up) => return Ending::GivenUp(given_up),
        };
        let walk = Walk {
            pipeline: self,
            prepared,
            drafts,
            claim,
            details,
            passed,
            failures: 0,
            limited: None,
            unauthorized: false,
            counted: None,
            again_at: in_doubt,
            in_doubt,
        };
        walk.run().await
    }
}

/// One event on its way from target to target.
struct Walk<'w, 'p, P: InjectPorts> {
    pipeline: &'w Pipeline<'p, P>,
    prepared: &'w Prepared<'p>,
    drafts: &'w Drafts,
    claim: &'w mut Claim,
    details: &'w mut DeliveryDetails,
    /// How each target was passed over.
    passed: Vec<Option<Passed>>,
    /// Requests in a row that came to nothing.
    failures: u32,
    /// How the walk ends where the wait that a 429 asked for is too long; nothing once another answer came.
    limited: Option<Outcome>,
    /// Whether the last answer was a 401.
    unauthorized: bool,
    /// The target that was asked last, in the metrics already.
    counted: Option<Stop>,
    /// Where it goes without a choice, and has no place yet: an earlier delivery may have sent it there.
    again_at: Option<Stop>,
    /// Where a request of this delivery was not answered: nowhere else may the event go, and its place there stays
    /// taken.
    in_doubt: Option<Stop>,
}

/// A target, and by how many steps the priority is lowered for it.
#[derive(Clone, Copy)]
struct Stop {
    index: usize,
    steps: u32,
}

impl<'w, P: InjectPorts> Walk<'w, '_, P> {
    async fn run(mut self) -> Ending {
        if let Some(ending) = self.look_first().await {
            return ending;
        }
        if let Some(unfit) = self.again_at.and_then(|stop| self.drafts.of(stop.index).err()) {
            match unfit {
                Unfit::NoSchema => return Ending::Deferred(Outcome::deferred(DeferralReason::UnverifiedSchema)),
                Unfit::Problem(problem) if self.in_doubt.is_some() => {
                    return Ending::GivenUp(given_up(std::slice::from_ref(problem)));
                }
                Unfit::Problem(_) => {
                    self.claim.free();
                    self.again_at = None;
                }
            }
        }
        loop {
            let ended = match self.next().await {
                Ok((stop, admission)) => match self.intend(stop, admission).await {
                    Ok(admission) => {
                        let result = self.post(stop, admission).await;
                        match self.heed(stop, result).await {
                            None => self.withdraw().await,
                            ended => ended,
                        }
                    }
                    Err(ended) => ended,
                },
                Err(ending) => Some(ending),
            };
            if let Some(ending) = ended {
                return ending;
            }
        }
    }

    /// Where to go next, with leave to go now and a place taken there; or how the walk ends without.
    async fn next(&mut self) -> Result<(Stop, Admission<'w>), Ending> {
        let (pipeline, route) = (self.pipeline, self.prepared.route);
        loop {
            let admission = self.admission().await?;
            if let Some(stop) = self.without_choice() {
                return Ok((stop, admission));
            }
            match pipeline.take_place(route, &self.passed, &admission).await.map(|choice| self.target_of(choice)) {
                Some(Ok(stop)) => return Ok((stop, admission)),
                Some(Err(nowhere)) => {
                    admission.decline();
                    return Err(nowhere);
                }
                None => admission.decline(),
            }
        }
    }

    /// Leave to go. Who has nowhere to go needs none to learn it.
    async fn admission(&mut self) -> Result<Admission<'w>, Ending> {
        let (pipeline, route, expires) = (self.pipeline, self.prepared.route, self.prepared.expiry.at());
        let admitted = if self.without_choice().is_some() {
            pipeline.worker.admit(expires).await
        } else {
            let likely = self.target_of(pipeline.likely(route, &self.passed).await)?;
            pipeline.admit(self.address(likely), expires).await
        };
        admitted.map_err(|not_sent| self.not_sent(not_sent))
    }

    /// Where it has to go, whatever is known of the others: where a request may have been accepted.
    fn without_choice(&self) -> Option<Stop> {
        self.in_doubt.or(self.again_at)
    }

    /// Sends one request, and says what came of it.
    async fn post(&mut self, stop: Stop, admission: Admission<'w>) -> ContactResult {
        let (Prepared { event, route, .. }, target) = (self.prepared, &self.prepared.route.targets()[stop.index]);
        let priority =
            Priority::effective(route.base_priority(event), target.priority_delta(), route.degrade(), stop.steps);
        let told = target.address().to_string();
        self.details.priority = Some(priority.get());
        self.count_fallback(stop);
        let key = self.prepared.key().after_lost(self.claim.lost());
        let event = Submitted { key, ..self.prepared.submitted() };
        let Ok(contact) = self.drafts.of(stop.index) else { return ContactResult::refused(Refusal::Payload) };
        let (address, at) = (target.address(), self.pipeline.now());
        let submission = Submission { contact, address, priority, route: route.name(), event, at };
        if self.again_at.take().is_some() {
            self.pipeline.put(address);
        }
        let (result, status) = self.pipeline.worker.post(admission, &submission).await;
        self.claim.sent(&told);
        self.details.target = Some(told);
        self.details.http_status = status.or(self.details.http_status);
        self.limited = None;
        result
    }

    /// What follows from a request; nothing where the walk goes on.
    async fn heed(&mut self, stop: Stop, result: ContactResult) -> Option<Ending> {
        if !matches!(result, ContactResult::Refused { refusal: Refusal::Unauthorized, .. }) {
            self.unauthorized = false;
        }
        match result {
            ContactResult::Injected(created) => {
                self.arrive(stop);
                let target = self.address(stop).to_string();
                Some(Ending::Injected(PlacedContact { contact_id: created.id, target }))
            }
            ContactResult::Lost(created) => self.lost(stop, created).await,
            ContactResult::Refused { refusal, wait, detail, clears_doubt } => {
                if clears_doubt {
                    self.claim.clear_doubt(self.pipeline.now());
                    // What may still arrive keeps its place.
                    self.in_doubt = self.in_doubt.filter(|_| self.claim.is_doubtful());
                }
                self.refused(stop, refusal, wait, detail.as_ref()).await
            }
            ContactResult::InDoubt(doubt) => {
                self.claim.doubt(self.pipeline.now());
                self.in_doubt = Some(stop);
                if !self.is_keyed() {
                    return Some(self.doubted(stop, doubt).await);
                }
                match doubt {
                    Doubt::ServiceError(wait) => {
                        let over = self.later(DeferralReason::ServiceError, wait);
                        self.again(stop, wait.map(RetryAfter::asked), over).await
                    }
                    Doubt::Unanswered => self.again(stop, None, Outcome::deferred(DeferralReason::Timeout)).await,
                }
            }
        }
    }

    /// Nothing was created.
    async fn refused(
        &mut self,
        stop: Stop,
        refusal: Refusal,
        wait: Option<RetryAfter>,
        detail: Option<&ErrorDetail>,
    ) -> Option<Ending> {
        if let Some(ending) = self.refused_in_doubt(stop, refusal).await {
            return Some(ending);
        }
        match refusal {
            Refusal::KindSaturated => self.pass_kind(stop, wait).await,
            Refusal::Saturated => {
                self.pipeline.saturate(self.address(stop)).await;
                self.pass(stop, Passed::Saturated)
            }
            Refusal::UnknownQueue => self.pass(stop, Passed::Missing),
            Refusal::Payload => {
                self.leave(stop);
                Some(Ending::GivenUp(payload_rejected(self.details.http_status, detail)))
            }
            Refusal::Forbidden => Some(self.defer(stop, Outcome::deferred(DeferralReason::Forbidden))),
            Refusal::Unauthorized if self.unauthorized => {
                Some(self.defer(stop, Outcome::deferred(DeferralReason::Unauthorized)))
            }
            // The token was dropped; once more with a new one (docs/rules.md#refused-tokens).
            Refusal::Unauthorized => {
                self.unauthorized = true;
                self.pause(stop);
                None
            }
            // The worker's window is closed for as long as CXone asks; the next permit waits for it.
            Refusal::RateLimited => {
                let over = self.later(DeferralReason::RateLimited, wait);
                self.limited = Some(over.clone());
                self.again(stop, Some(Duration::ZERO), over).await
            }
            Refusal::Unreachable => self.again(stop, None, Outcome::deferred(DeferralReason::ServiceError)).await,
        }
    }

    /// Passes a target over.
    fn pass(&mut self, stop: Stop, how: Passed) -> Option<Ending> {
        self.leave(stop);
        self.passed[stop.index] = Some(how);
        self.failures = 0;
        None
    }

    /// Tries again after a wait, or ends so where it has been tried often enough or the time is over.
    async fn again(&mut self, stop: Stop, wait: Option<Duration>, over: Outcome) -> Option<Ending> {
        self.failures += 1;
        let environment = self.pipeline.ports.environment();
        let wait = wait.unwrap_or_else(|| WITHIN_INVOCATION.wait(self.failures, environment.sample()));
        if self.failures >= TRIES || environment.now().plus(wait) > self.pipeline.until {
            return Some(self.defer(stop, over));
        }
        self.pause(stop);
        if let Some(ending) = self.withdraw().await {
            return Some(ending);
        }
        environment.sleep(wait).await;
        None
    }

    /// The event comes back.
    fn defer(&mut self, stop: Stop, outcome: Outcome) -> Ending {
        self.leave(stop);
        Ending::Deferred(outcome)
    }

    /// How the walk ends where a request may not be sent. After a 429 the window stays closed because of that.
    fn not_sent(&mut self, not_sent: NotSent) -> Ending {
        if let Some(stop) = self.in_doubt {
            self.leave(stop);
        }
        if let Some(limited) = self.limited.take() {
            return Ending::Deferred(limited);
        }
        let expired = self.prepared.expired(self.pipeline.now());
        if expired.is_some() && self.in_doubt.is_none() && self.again_at.is_some() {
            // What was to leave once more never did.
            self.claim.free();
        }
        expired.map_or_else(|| Ending::Deferred(not_sent.into()), Ending::GivenUp)
    }

    /// The contact is there, or was until CXone lost it: its place is used.
    fn arrive(&mut self, stop: Stop) {
        self.in_doubt = None;
        if self.again_at.is_none() {
            self.pipeline.arrive(self.address(stop));
        }
    }

    /// Gives the place back that it has, unless a request without an answer may have used it.
    fn leave(&mut self, stop: Stop) {
        if self.in_doubt.is_some() {
            self.arrive(stop);
        } else if self.again_at.is_none() {
            self.pipeline.vacate(self.address(stop));
        }
    }

    /// Gives the place back until the next try, which goes by what is known then; in doubt the place stays taken.
    fn pause(&mut self, stop: Stop) {
        if self.in_doubt.is_none() && self.again_at.is_none() {
            self.pipeline.vacate(self.address(stop));
        }
    }

    /// The target that was chosen, or how the event ends that has none.
    fn target_of(&self, choice: Choice) -> Result<Stop, Ending> {
        target_of(choice, self.prepared.route, self.drafts)
    }

    fn address(&self, stop: Stop) -> &'w Address {
        self.prepared.route.targets()[stop.index].address()
    }

    fn later(&self, reason: DeferralReason, wait: Option<RetryAfter>) -> Outcome {
        let until = |wait: RetryAfter| Outcome::deferred_until(reason, self.pipeline.now().plus(wait.asked()));
        wait.map_or(Outcome::deferred(reason), until)
    }

    /// Once for each target, however often it is asked.
    fn count_fallback(&mut self, stop: Stop) {
        let before = self.counted.replace(stop).filter(|before| before.index == stop.index);
        if stop.index > 0 && before.is_none() {
            self.pipeline.metrics.count(Metric::FallbackUsed);
        }
        if stop.steps > 0 && before.is_none_or(|before| before.steps == 0) {
            self.pipeline.metrics.count(Metric::PriorityDegraded);
        }
    }
}

fn payload_rejected(status: Option<u16>, detail: Option<&ErrorDetail>) -> GivenUp {
    let answer = status.map_or_else(|| "CXone refused it".to_owned(), |status| format!("CXone answered {status}"));
    let detail = detail.map_or_else(|| answer.clone(), |detail| format!("{answer}: {detail}"));
    GivenUp { reason: DeadLetterReason::PayloadRejected, detail }
}
