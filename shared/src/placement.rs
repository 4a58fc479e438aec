//! Placing a claimed event: target after target, until one takes the contact or none is left (guide, edge case 1).
//!
//! A refusal that proves that nothing was created passes the event on under the same key. A contact that was created
//! and lost passes it on under another, since CXone would answer the old key with the loss. Silence passes it nowhere:
//! only the same key may be asked again.

use std::time::Duration;

use tracing::warn;

use crate::{
    domain::{
        backoff::WITHIN_INVOCATION,
        claim::{Claim, PlacedContact},
        classify::{Answer, Doubt, ErrorDetail, Refusal, Verdict, classify},
        contact::Contact,
        idempotency::IdempotencyKey,
        outcome::{DeferralReason, GivenUp, Outcome},
        problem::DeadLetterReason,
        routes::{Address, Priority, QueueId, Route},
        targets::{self, Choice, Passed},
    },
    error::chain,
    ledger::{self, SettleError},
    metrics::Metric,
    pipeline::{Ending, Facts, Pipeline, Prepared},
    ports::{Environment, InjectPorts, Registry},
    room,
    worker::NotSent,
};

/// Requests to one target in one delivery: a blip is over by the third; what isn't waits better outside.
const TRIES: u32 = 3;

/// Where a contact was lost that a request without an answer created: no target's name.
const LOST_SOMEWHERE: &str = "unknown";

impl<P: InjectPorts> Pipeline<'_, P> {
    pub(crate) async fn place(
        &self,
        prepared: &Prepared<'_>,
        contact: &Contact,
        claim: &mut Claim,
        facts: &mut Facts,
    ) -> Ending {
        let targets = prepared.route.targets();
        let mut passed: Vec<Option<Passed>> =
            targets.iter().map(|target| claim.lost_at(&target.address().to_string()).then_some(Passed::Lost)).collect();
        loop {
            let (index, steps) = match self.choose(prepared.route, &passed).await {
                Choice::Target { index, steps } => (index, steps),
                dead_end => return no_target(dead_end, prepared.route),
            };
            let target = &targets[index];
            let priority = Priority::effective(
                prepared.route.base_priority(&prepared.event),
                target.priority_delta(),
                prepared.route.degrade(),
                steps,
            );
            facts.target = Some(target.address().to_string());
            facts.priority = Some(priority.get());
            self.count_fallback(index, steps);
            let (verdict, detail) = match self.ask(claim, prepared, contact, target.address(), priority, facts).await {
                Ok(answered) => answered,
                Err(not_sent) => {
                    self.vacate(target.address(), claim);
                    let expired = prepared.expired(self.now());
                    return expired.map_or_else(|| Ending::Deferred(not_sent.into()), Ending::GivenUp);
                }
            };
            match verdict {
                Verdict::Injected(created) => {
                    self.arrive(target.address());
                    return Ending::Injected(PlacedContact {
                        contact_id: created.id,
                        target: target.address().to_string(),
                    });
                }
                Verdict::Lost(created) => {
                    warn!(idempotency_key = %prepared.key(), contact_id = created.id, target = %target.address(), "CXone created the contact and lost it");
                    // The answer to a key that an earlier request may have used can tell of a loss at another target:
                    // this one is asked again, under the next key.
                    self.arrive(target.address());
                    let at = if claim.is_doubtful() {
                        LOST_SOMEWHERE.to_owned()
                    } else {
                        passed[index] = Some(Passed::Lost);
                        target.address().to_string()
                    };
                    let lost = PlacedContact { contact_id: created.id, target: at };
                    if let Err(SettleError::TakenOver) = self.record_loss(prepared.key(), claim, lost).await {
                        return Ending::Deferred(Outcome::deferred(DeferralReason::InProgress));
                    }
                }
                Verdict::Refused(refusal) => {
                    if refusal.clears_earlier_doubt() {
                        claim.clear_doubt(self.now());
                    }
                    self.vacate(target.address(), claim);
                    match self.refused(refusal, target.address(), detail.as_ref()).await {
                        Next::Pass(how) => passed[index] = Some(how),
                        Next::End(ending) => return ending,
                    }
                }
                Verdict::InDoubt(doubt) => {
                    self.arrive(target.address());
                    return Ending::Deferred(self.in_doubt(doubt));
                }
            }
        }
    }

    /// Chooses a target and takes its place there. One that the batch didn't foresee is reserved first, and whether there
    /// is any decides again.
    async fn choose(&self, route: &Route, passed: &[Option<Passed>]) -> Choice {
        loop {
            let (choice, unreserved) = self.take_place(route, passed);
            let Some(queue) = unreserved else { return choice };
            room::reserve(self.ports, self.queues, queue, 1).await;
        }
    }

    /// The choice, and the queue where a place has to be reserved for it first.
    fn take_place<'r>(&self, route: &'r Route, passed: &[Option<Passed>]) -> (Choice, Option<&'r QueueId>) {
        let now = self.now();
        let mut queues = self.queues.borrow_mut();
        let choice =
            targets::choose(route.targets(), passed, route.on_unknown_health(), |queue| queues.door(queue, now));
        let Choice::Target { index, .. } = choice else { return (choice, None) };
        let Address::Queue(queue) = route.targets()[index].address() else { return (choice, None) };
        let placed = queues.place(queue, now);
        (choice, (!placed).then_some(queue))
    }

    /// Asks one target, again on a blip, always under the same key.
    async fn ask(
        &self,
        claim: &mut Claim,
        prepared: &Prepared<'_>,
        contact: &Contact,
        address: &Address,
        priority: Priority,
        facts: &mut Facts,
    ) -> Result<(Verdict, Option<ErrorDetail>), NotSent> {
        let request = contact.request(address, priority);
        let mut failures = 0;
        let mut limited = None;
        loop {
            let key = prepared.key().after_lost(claim.lost());
            let answer = match self.worker.inject(key, &request, prepared.expiry.at()).await {
                Ok(answer) => answer,
                // The window stays closed beyond this invocation because of the 429, which is what the message is told.
                Err(not_sent) => return limited.map_or(Err(not_sent), |verdict| Ok((verdict, None))),
            };
            claim.sent();
            facts.http_status = answer.status().or(facts.http_status);
            let verdict = classify(&answer);
            let wait = match &verdict {
                Verdict::InDoubt(doubt) => {
                    claim.doubt(self.now());
                    match doubt {
                        Doubt::ServiceError(retry_after) => *retry_after,
                        Doubt::Timeout => None,
                    }
                }
                // The worker's window is closed for as long as CXone asks; the next permit waits for it.
                Verdict::Refused(Refusal::RateLimited(_)) => Some(Duration::ZERO),
                Verdict::Refused(Refusal::Unreachable) => None,
                _ => return Ok((verdict, detail_of(answer))),
            };
            failures += 1;
            limited = matches!(verdict, Verdict::Refused(Refusal::RateLimited(_))).then(|| verdict.clone());
            let environment = self.ports.environment();
            let wait = wait.unwrap_or_else(|| WITHIN_INVOCATION.wait(failures, environment.sample()));
            if failures >= TRIES || self.now().plus(wait) > self.until {
                return Ok((verdict, detail_of(answer)));
            }
            environment.sleep(wait).await;
        }
    }

    async fn refused(&self, refusal: Refusal, address: &Address, detail: Option<&ErrorDetail>) -> Next {
        let deferred = |reason| Next::End(Ending::Deferred(Outcome::deferred(reason)));
        match refusal {
            Refusal::Saturated => {
                self.saturate(address).await;
                Next::Pass(Passed::Saturated)
            }
            Refusal::UnknownQueue { .. } => Next::Pass(Passed::Missing),
            Refusal::Payload => {
                let reason = DeadLetterReason::PayloadRejected;
                let detail = detail
                    .map_or_else(|| "CXone answered 400".to_owned(), |detail| format!("CXone answered 400: {detail}"));
                Next::End(Ending::GivenUp(GivenUp { reason, detail }))
            }
            Refusal::Unauthorized => deferred(DeferralReason::Unauthorized),
            Refusal::Forbidden => deferred(DeferralReason::Forbidden),
            Refusal::RateLimited(retry_after) => {
                Next::End(Ending::Deferred(self.later(DeferralReason::RateLimited, retry_after)))
            }
            Refusal::Unreachable => deferred(DeferralReason::ServiceError),
        }
    }

    fn in_doubt(&self, doubt: Doubt) -> Outcome {
        match doubt {
            Doubt::ServiceError(retry_after) => self.later(DeferralReason::ServiceError, retry_after),
            Doubt::Timeout => Outcome::deferred(DeferralReason::Timeout),
        }
    }

    fn later(&self, reason: DeferralReason, wait: Option<Duration>) -> Outcome {
        wait.map_or(Outcome::deferred(reason), |wait| Outcome::deferred_until(reason, self.now().plus(wait)))
    }

    /// A queue refused: this worker and, from their next look at the registry on, the others leave it alone for a while.
    async fn saturate(&self, address: &Address) {
        let Address::Queue(queue) = address else { return };
        let until = self.queues.borrow_mut().saturate(queue, self.now());
        if let Err(cause) = self.ports.registry().mark_saturated(queue, until).await {
            warn!(%queue, error = chain(&cause), "other workers could not be told that the queue is full");
        }
    }

    /// A contact is in the queue that it was on its way to, may be, or was until CXone lost it: its place is used.
    fn arrive(&self, address: &Address) {
        if let Address::Queue(queue) = address {
            self.queues.borrow_mut().arrived(queue, self.now());
        }
    }

    /// A contact was refused, and its place serves another. Not so where an earlier request has no answer: that one may
    /// have brought it there.
    fn vacate(&self, address: &Address, claim: &Claim) {
        match address {
            Address::Queue(queue) if !claim.is_doubtful() => self.queues.borrow_mut().unplace(queue),
            _ => self.arrive(address),
        }
    }

    /// Puts a lost contact on record, so that the next key is known to whoever comes after. A ledger that doesn't
    /// answer is no reason to stop: CXone repeats the loss to whoever asks under the old key.
    async fn record_loss(
        &self,
        key: IdempotencyKey,
        claim: &mut Claim,
        lost: PlacedContact,
    ) -> Result<(), SettleError> {
        let before = claim.clone();
        let record = claim.lose(lost, self.now()).clone();
        ledger::settle(self.ports.ledger(), key, &before, &record).await.inspect_err(|cause| {
            warn!(idempotency_key = %key, error = chain(cause), "the lost contact is not on record");
        })
    }

    fn count_fallback(&self, index: usize, steps: u32) {
        if index > 0 {
            self.metrics.count(Metric::FallbackUsed);
        }
        if steps > 0 {
            self.metrics.count(Metric::PriorityDegraded);
        }
    }
}

/// After a target refused.
enum Next {
    /// The next one, this one being passed over so.
    Pass(Passed),
    /// None.
    End(Ending),
}

fn no_target(dead_end: Choice, route: &Route) -> Ending {
    let given_up =
        |reason, what: &str| Ending::GivenUp(GivenUp { reason, detail: what.to_owned() }.by_route(route.name()));
    match dead_end {
        Choice::Held => Ending::Deferred(Outcome::deferred(DeferralReason::Held)),
        Choice::Lost => given_up(
            DeadLetterReason::ContactFailed,
            "CXone created the contact and lost it at every target that would take it",
        ),
        Choice::Missing => given_up(DeadLetterReason::UnknownQueue, "no target's queue exists in CXone"),
        Choice::Saturated | Choice::Target { .. } => Ending::Deferred(Outcome::deferred(DeferralReason::Saturated)),
    }
}

fn detail_of(answer: Answer) -> Option<ErrorDetail> {
    if let Answer::Status { detail, .. } = answer { detail } else { None }
}
