//! Looking for a contact that may have been created, where CXone can be asked for it by the event's key
//! (docs/real-tenant.md#look-up).
//!
//! ```text
//!   POST ──► no answer ──► a look at once: found ─► injected
//!                               │ else
//!                 a settle time passes, in the queue
//!                               ▼
//!            the first look that counts: found ─► injected
//!                               │ absent
//!                 a settle time passes, in the queue
//!                               ▼
//!             the second look: found ─► injected
//!                               │ absent
//!                               ▼
//!                 asked for again, under the same ids
//! ```
//!
//! What has been seen of it is on the ledger, so that any worker may take the next look. A look that settles nothing is
//! taken again; after a day a person decides.

use super::{Stop, Walk};
use crate::{
    dialects::Found,
    domain::{
        claim::{PlacedContact, Sending},
        outcome::Outcome,
        reason::DeferralReason,
        routes::{OnDoubt, Priority},
    },
    pipeline::Ending,
    ports::InjectPorts,
    worker::Looked,
};

impl<P: InjectPorts> Walk<'_, '_, P> {
    /// Looks for what an earlier delivery may have sent, where it can be looked for. How the walk ends then; nothing
    /// where it begins: nothing was sent, or it was, and is sure to have come to nothing.
    pub(super) async fn look_first(&mut self) -> Option<Ending> {
        let stop = self.in_doubt?;
        if self.address(stop).on_doubt() != OnDoubt::LookUp {
            return None;
        }
        let looked = match self.look(stop).await {
            Ok(looked) => looked,
            Err(ending) => return Some(ending),
        };
        match looked {
            Looked { found: Some(Found::There { contact_id }), .. } => Some(self.found(stop, contact_id)),
            Looked { found: Some(Found::Absent), asked } if self.claim.not_found(asked) => {
                // There again, under the same ids: what is there after all is then no second contact. It stays in doubt
                // until the ledger is told that it leaves once more, so that whoever comes after goes there too.
                (self.in_doubt, self.again_at) = (None, Some(stop));
                None
            }
            Looked { found: Some(Found::Absent), .. } => Some(self.look_later(DeferralReason::ServiceError)),
            Looked { found: None, .. } => Some(Ending::Deferred(Outcome::deferred(DeferralReason::ServiceError))),
        }
    }

    /// Looks for what was sent a moment ago: where it is there, nobody has to wait.
    pub(super) async fn look_at_once(&mut self, stop: Stop, reason: DeferralReason) -> Ending {
        match self.look(stop).await {
            Ok(Looked { found: Some(Found::There { contact_id }), .. }) => self.found(stop, contact_id),
            Ok(_) | Err(_) => self.look_later(reason),
        }
    }

    async fn look(&self, stop: Stop) -> Result<Looked, Ending> {
        let key = self.prepared.key().after_lost(self.claim.lost());
        let looked = self.pipeline.worker.look_up(self.address(stop), key).await;
        looked.map_err(|not_sent| Ending::Deferred(not_sent.into()))
    }

    /// It comes back when a look counts.
    fn look_later(&self, reason: DeferralReason) -> Ending {
        let due = self.claim.may_have_sent().map(Sending::look_up_counts_from);
        Ending::Deferred(due.map_or(Outcome::deferred(reason), |due| Outcome::deferred_until(reason, due)))
    }

    fn found(&mut self, stop: Stop, contact_id: String) -> Ending {
        let (route, target) = (self.prepared.route, &self.prepared.route.targets()[stop.index]);
        let base = route.base_priority(&self.prepared.event);
        let priority = Priority::effective(base, target.priority_delta(), route.degrade(), stop.steps);
        self.details.priority = Some(priority.get());
        let target = self.address(stop).to_string();
        self.details.target = Some(target.clone());
        Ending::Injected(PlacedContact { contact_id, target })
    }
}
