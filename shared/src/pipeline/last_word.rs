//! What becomes of a delivery that the ledger ends, or that is given up and asks the ledger first.

use std::time::Duration;

use tracing::{error, warn};

use super::DeliveryDetails;
use crate::{
    domain::{
        claim::{NotClaimed, Sending},
        outcome::{GivenUp, Outcome, Retry},
        reason::{DeadLetterReason, DeferralReason},
        time::Timestamp,
    },
    error::chain,
    ledger::{self, Ended},
    ports::InjectPorts,
};

/// Puts an event that was given up before any claim on record, and says how its delivery ends: the ledger may know that
/// it was injected, is under way, or is in doubt.
pub async fn give_up<P: InjectPorts>(ports: &P, given_up: GivenUp, details: &mut DeliveryDetails) -> Outcome {
    let Some(identified) = &details.identified else { return given_up.into() };
    let delivery = identified.delivery(ports.environment());
    match ledger::dead_letter(ports.ledger(), identified.key, &delivery, given_up.reason).await {
        Ok(ended) => {
            details.attempts = ended.attempts;
            ended_by_ledger(ended, Some(&given_up), delivery.now)
        }
        Err(cause) => {
            let reason = given_up.reason.as_str();
            warn!(reason, error = chain(&cause), "the ledger can't be asked about an event that was given up");
            Outcome::deferred(DeferralReason::ServiceError)
        }
    }
}

/// What a delivery comes to that the ledger ends; `given_up` says why this worker would have ended it.
pub(super) fn ended_by_ledger(ended: Ended, given_up: Option<&GivenUp>, now: Timestamp) -> Outcome {
    let dead = |reason, detail: &str| Outcome::DeadLettered { reason, detail: detail.to_owned() };
    match ended.how {
        NotClaimed::Duplicate(contact_id) => Outcome::Duplicate { contact_id },
        NotClaimed::Conflict => dead(
            DeadLetterReason::Conflict,
            "an event of this source and id, with other data, may have reached CXone before",
        ),
        NotClaimed::InProgress(until) => Outcome::deferred_until(DeferralReason::InProgress, until),
        NotClaimed::Suspect => Outcome::deferred(DeferralReason::InProgress),
        NotClaimed::DeadLettered(reason) => match given_up.filter(|given_up| given_up.reason == reason) {
            Some(given_up) => given_up.clone().into(),
            None if reason == DeadLetterReason::CrashLoop => {
                dead(reason, "it was claimed three times, the last time alone, and no worker lived to settle it")
            }
            None => dead(
                reason,
                "an earlier delivery of this message ended so; where its dead letter was sent, that says more",
            ),
        },
        NotClaimed::Parked { why, sending } => parked(sending.as_ref(), why, given_up),
        NotClaimed::NewerVersion(version) => {
            error!(version, "the ledger's record is of a newer version of this program; it is left alone");
            Outcome::Deferred {
                reason: DeferralReason::InProgress,
                retry: Retry::At(now.plus(Duration::from_secs(900))),
            }
        }
    }
}

/// What becomes of an event in doubt that can't be asked about any more: CXone has forgotten its key or never knew one,
/// or the event can't be sent again.
pub(super) fn parked(sending: Option<&Sending>, why: Option<DeadLetterReason>, given_up: Option<&GivenUp>) -> Outcome {
    let what = sending.map_or_else(|| "the contact".to_owned(), Sending::to_look_for);
    let why = match (given_up, why) {
        (Some(GivenUp { reason: DeadLetterReason::OutcomeUnknown, detail }), _) => detail.clone(),
        (Some(GivenUp { reason, detail }), _) => format!("the event can't be sent again ({reason}: {detail})"),
        (None, Some(reason)) => format!("the event can't be sent again ({reason})"),
        (None, None) if sending.is_some() => "nothing has told whether it was".to_owned(),
        (None, None) => "CXone no longer remembers its key".to_owned(),
    };
    let detail = format!("a request may have been accepted, and {why}: look for {what}, then resolve the key");
    Outcome::DeadLettered { reason: DeadLetterReason::OutcomeUnknown, detail }
}
