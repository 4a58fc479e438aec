//! An event's claim, or why there is none.
//!
//! Where a circuit is open nothing could be sent, so nothing is claimed: the event comes back when a probe is due, for
//! a read. An end that is on record is told all the same, and one that has to be written is.

use tracing::warn;

use super::{DeliveryDetails, Pipeline, Prepared, last_word::ended_by_ledger};
use crate::{
    domain::{
        claim::{Claim, ClaimRequest, NotClaimed, Repetition},
        outcome::Outcome,
        reason::DeferralReason,
        routes::{OnDoubt, Route, Target},
        time::Timestamp,
    },
    error::chain,
    ledger::{self, ClaimError, Ended, Foreseen},
    ports::{InjectPorts, StoreError},
};

/// Why an event isn't claimed.
pub(super) enum Unclaimed {
    /// It is to be tried alone.
    Suspect,
    /// The delivery ends.
    Ends(Outcome),
}

impl Unclaimed {
    /// How the delivery ends, where it does.
    pub(super) fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Suspect => None,
            Self::Ends(outcome) => Some(outcome),
        }
    }
}

impl From<Outcome> for Unclaimed {
    fn from(outcome: Outcome) -> Self {
        Self::Ends(outcome)
    }
}

impl<P: InjectPorts> Pipeline<'_, P> {
    pub(super) async fn claim(
        &self,
        prepared: &Prepared<'_>,
        alone: bool,
        details: &mut DeliveryDetails,
    ) -> Result<Claim, Unclaimed> {
        let now = self.now();
        if now > self.until {
            return Err(Outcome::deferred(DeferralReason::Deadline).into());
        }
        let delivery = prepared.identified.delivery(self.ports.environment());
        let request =
            ClaimRequest { delivery, deadline: self.deadline, alone, repetition: self.repetition(prepared.route) };
        if let Some(probe) = self.worker.circuit_open_until().await {
            self.put_off(prepared, &request, probe, details).await?;
        }
        match ledger::claim(self.ports.ledger(), prepared.key(), &request).await {
            Ok(claim) => Ok(claim),
            Err(ClaimError::Not(ended)) => Err(ended_unclaimed(ended, now, details)),
            Err(ClaimError::Store(cause)) => Err(not_told(&cause)),
        }
    }

    /// Puts off what a claim would be written for, until a circuit lets a probe through.
    async fn put_off(
        &self,
        prepared: &Prepared<'_>,
        request: &ClaimRequest,
        probe: Timestamp,
        details: &mut DeliveryDetails,
    ) -> Result<(), Unclaimed> {
        match ledger::foresee(self.ports.ledger(), prepared.key(), request).await {
            Ok(Foreseen::Claim(attempts)) => {
                details.attempts = attempts;
                Err(Outcome::deferred_until(DeferralReason::CircuitOpen, probe).into())
            }
            Ok(Foreseen::Ended(ended)) => Err(ended_unclaimed(ended, request.delivery.now, details)),
            Ok(Foreseen::Unwritten) => Ok(()),
            Err(cause) => Err(not_told(&cause)),
        }
    }

    /// What may be done about an event that may have been sent already.
    fn repetition(&self, route: &Route) -> Repetition {
        let of = |on_doubt: OnDoubt| {
            let addresses = route.targets().iter().map(Target::address);
            addresses.filter(|address| address.on_doubt() == on_doubt).map(ToString::to_string).collect()
        };
        let by_target = || Repetition::ByTarget { harmless: of(OnDoubt::Resend), looked_up: of(OnDoubt::LookUp) };
        self.ports.dialect().facts().key_memory.map_or_else(by_target, Repetition::UnderKey)
    }
}

fn ended_unclaimed(ended: Ended, now: Timestamp, details: &mut DeliveryDetails) -> Unclaimed {
    if ended.how == NotClaimed::Suspect {
        return Unclaimed::Suspect;
    }
    details.attempts = ended.attempts;
    ended_by_ledger(ended, None, now).into()
}

fn not_told(cause: &StoreError) -> Unclaimed {
    warn!(error = chain(cause), "the ledger did not take the claim");
    Outcome::deferred(DeferralReason::ServiceError).into()
}
