//! A contact that CXone created and lost at once (docs/rules.md#lost-contacts).

use tracing::warn;

use super::{Stop, Walk};
use crate::{
    domain::{
        claim::PlacedContact, contact_result::CreatedContact, outcome::Outcome, reason::DeferralReason, targets::Passed,
    },
    error::chain,
    ledger::{self, SettleError},
    pipeline::Ending,
    ports::InjectPorts,
};

/// Where a contact was lost that a request without an answer created: no target's name.
const LOST_SOMEWHERE: &str = "unknown";

impl<P: InjectPorts> Walk<'_, '_, P> {
    /// CXone created the contact and lost it. The answer to a key that an earlier request may have used can tell of a
    /// loss at another target: then this one is asked again, under the next key.
    pub(super) async fn lost(&mut self, stop: Stop, created: CreatedContact) -> Option<Ending> {
        let target = self.address(stop).to_string();
        warn!(contact_id = created.id, target, "CXone created the contact and lost it");
        self.arrive(stop);
        let at = if self.claim.is_doubtful() {
            LOST_SOMEWHERE.to_owned()
        } else {
            self.passed[stop.index] = Some(Passed::Lost);
            target
        };
        (self.failures, self.counted) = (0, None);
        let lost = PlacedContact { contact_id: created.id, target: at };
        let recorded = self.record_loss(lost).await;
        matches!(recorded, Err(SettleError::TakenOver))
            .then(|| Ending::Deferred(Outcome::deferred(DeferralReason::InProgress)))
    }

    /// Puts a lost contact on record, so that the next key is known to whoever comes after. A ledger that doesn't
    /// answer is no reason to stop: CXone repeats the loss to whoever asks under the old key.
    async fn record_loss(&mut self, lost: PlacedContact) -> Result<(), SettleError> {
        let (pipeline, key, before) = (self.pipeline, self.prepared.key(), self.claim.clone());
        let record = self.claim.lose(lost, pipeline.now()).clone();
        ledger::settle(pipeline.ports.ledger(), key, &before, &record).await.inspect_err(|cause| {
            warn!(error = chain(cause), "the lost contact is not on record");
        })
    }
}
