//! Placing a contact where CXone knows no key (docs/real-tenant.md#exactly-once).
//!
//! Nothing leaves before the ledger says that it will. What may have left then is asked for nowhere else: it is parked
//! at once, or, where the route says that a twin does no harm, sent to the same target by a later delivery.

use tracing::warn;

use super::{Stop, Walk};
use crate::{
    domain::{
        claim::{Claim, LEAVES_WITHIN, Sending},
        contact_result::{Doubt, Refusal},
        outcome::{GivenUp, Outcome},
        reason::{DeadLetterReason, DeferralReason},
        retry_after::RetryAfter,
        routes::{OnDoubt, Route},
        targets::Passed,
    },
    error::chain,
    ledger::{self, SettleError},
    metrics::Metric,
    pipeline::Ending,
    ports::InjectPorts,
    worker::Admission,
};

/// The place in the route of the target that an earlier delivery may have sent the event to.
///
/// # Errors
/// [`GivenUp`] where the route has no such target any more.
pub(super) fn sent_to(claim: &Claim, route: &Route) -> Result<Option<usize>, GivenUp> {
    let Some(sending) = claim.may_have_sent() else { return Ok(None) };
    let place = route.targets().iter().position(|target| target.address().to_string() == sending.target);
    place.map(Some).ok_or_else(|| unknown("its route has no such target any more"))
}

fn unknown(detail: &str) -> GivenUp {
    GivenUp { reason: DeadLetterReason::OutcomeUnknown, detail: detail.to_owned() }
}

impl<'w, P: InjectPorts> Walk<'w, '_, P> {
    pub(super) fn is_keyed(&self) -> bool {
        self.pipeline.ports.dialect().facts().key_memory.is_some()
    }

    /// Says on the ledger that a request is about to leave, where CXone knows no key; with leave to send it. Otherwise
    /// how the walk ends, or nothing where it goes on without that leave.
    pub(super) async fn intend(
        &mut self,
        stop: Stop,
        admission: Admission<'w>,
    ) -> Result<Admission<'w>, Option<Ending>> {
        if self.is_keyed() {
            return Ok(admission);
        }
        let address = self.address(stop);
        let said = self.pipeline.now();
        let sending = Sending::now(address.kind().to_owned(), address.to_string(), said);
        let before = self.claim.clone();
        let record = self.claim.sending(sending, self.prepared.identified.hash.clone());
        let (pipeline, key) = (self.pipeline, self.prepared.key());
        if let Err(cause) = ledger::settle(pipeline.ports.ledger(), key, &before, &record).await {
            admission.decline();
            warn!(error = chain(&cause), "the ledger was not told that a request would leave, so none does");
            return Err(Some(self.defer(stop, not_told(&cause))));
        }
        self.claim.now_sending(record);
        if self.in_doubt.is_none() {
            self.claim.free();
        }
        if pipeline.worker.still_admits(&admission) && pipeline.now().since(said) <= LEAVES_WITHIN {
            return Ok(admission);
        }
        // The write took its time. Nothing left, and nobody is to look for it.
        admission.decline();
        self.pause(stop);
        Err(self.withdraw().await)
    }

    /// Takes back what the ledger was told of a request that did not leave, or that was refused: the next one may have
    /// to wait, and a crash meanwhile is to cost nobody's attention. How the walk ends where that can't be said: a
    /// write without an answer may still be on its way, and would deny the next request once that has left. The
    /// settlement that follows then fences it.
    pub(super) async fn withdraw(&mut self) -> Option<Ending> {
        let pipeline = self.pipeline;
        let record = self.claim.withdrawn(pipeline.now())?;
        match ledger::settle(pipeline.ports.ledger(), self.prepared.key(), self.claim, &record).await {
            Ok(()) => {
                self.claim.now_sending(record);
                None
            }
            Err(cause) => Some(Ending::Deferred(not_told(&cause))),
        }
    }

    /// How a walk ends whose request may have been accepted.
    pub(super) async fn doubted(&mut self, stop: Stop, doubt: Doubt) -> Ending {
        let (reason, wait) = match doubt {
            Doubt::ServiceError(wait) => (DeferralReason::ServiceError, wait),
            Doubt::Unanswered => (DeferralReason::Timeout, None),
        };
        self.leave(stop);
        self.pipeline.metrics.count_by(Metric::ContactsInDoubt, self.address(stop).kind());
        match self.address(stop).on_doubt() {
            OnDoubt::Park => Ending::GivenUp(unknown("CXone did not say whether it took it")),
            OnDoubt::Resend => Ending::Deferred(self.later(reason, wait)),
            OnDoubt::LookUp => self.look_at_once(stop, reason).await,
        }
    }

    /// How a walk ends that was refused what an earlier request may have been granted: a refusal proves nothing of it,
    /// and nowhere else may the event go. Nothing where the refusal ends or repeats by itself.
    pub(super) async fn refused_in_doubt(&mut self, stop: Stop, refusal: Refusal) -> Option<Ending> {
        if self.is_keyed() || !self.claim.is_doubtful() {
            return None;
        }
        match refusal {
            Refusal::Payload | Refusal::UnknownQueue => {
                self.leave(stop);
                Some(Ending::GivenUp(unknown("CXone refuses it by now")))
            }
            Refusal::KindSaturated => {
                self.pipeline.saturate_kind(self.address(stop)).await;
                Some(self.defer(stop, Outcome::deferred(DeferralReason::RateLimited)))
            }
            Refusal::Saturated => Some(self.defer(stop, Outcome::deferred(DeferralReason::Saturated))),
            Refusal::Unauthorized | Refusal::Forbidden | Refusal::RateLimited | Refusal::Unreachable => None,
        }
    }

    /// Passes every target of a kind over, since the tenant takes no more of it. Where there is no other kind, the
    /// event comes back.
    pub(super) async fn pass_kind(&mut self, stop: Stop, wait: Option<RetryAfter>) -> Option<Ending> {
        let kind = self.address(stop).kind();
        if let Some(ending) = self.withdraw().await {
            self.leave(stop);
            return Some(ending);
        }
        self.pipeline.saturate_kind(self.address(stop)).await;
        for (target, passed) in self.prepared.route.targets().iter().zip(&mut self.passed) {
            if target.address().kind() == kind {
                passed.get_or_insert(Passed::Saturated);
            }
        }
        if self.passed.iter().all(Option::is_some) {
            let over = self.later(DeferralReason::RateLimited, wait);
            return Some(self.defer(stop, over));
        }
        self.leave(stop);
        self.failures = 0;
        None
    }
}

/// What a message is told whose ledger could not be.
fn not_told(cause: &SettleError) -> Outcome {
    match cause {
        SettleError::TakenOver => Outcome::deferred(DeferralReason::InProgress),
        SettleError::Store(_) => Outcome::deferred(DeferralReason::ServiceError),
    }
}
