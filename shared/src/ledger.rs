//! Claiming an event and settling it: what [`claim`](crate::domain::claim) decides, swapped into the ledger.
//!
//! A new event costs two writes, its claim and its settlement. A duplicate costs one failed write, whose answer is the
//! record that stands in its way. A write whose answer was lost and that is tried again finds itself there, and knows it.

use crate::{
    domain::{
        claim::{self, Claim, ClaimRequest, NotClaimed, Record},
        idempotency::IdempotencyKey,
    },
    ports::{Ledger, StoreError, Swap},
};

/// Swaps lost to other workers before a claim is given up for this delivery. Two workers rarely meet over one event
/// and never for long, since a live claim ends the contest.
const CONTESTS: usize = 4;

/// Tries to write a claim whose answer is lost. One that was written unnoticed would count as a crash of nobody's.
const TRIES: usize = 3;

/// Why there is no claim.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The ledger says no.
    #[error("the event can't be claimed")]
    Not(NotClaimed),
    /// The ledger doesn't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a settlement isn't in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Another worker has taken the claim over.
    #[error("the claim was taken over by another worker")]
    TakenOver,
    /// The ledger doesn't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Claims an event.
///
/// # Errors
/// [`ClaimError::Not`] ends the delivery as it says; [`ClaimError::Store`] leaves open whether the claim stands.
pub async fn claim(ledger: &impl Ledger, key: IdempotencyKey, request: &ClaimRequest) -> Result<Claim, ClaimError> {
    let mut existing: Option<Record> = None;
    let (mut contests, mut failures) = (0, 0);
    while contests < CONTESTS {
        let (record, refusal) = match claim::claim(existing.as_ref(), request) {
            Ok(record) => (record, None),
            Err(NotClaimed::CrashLoop(record)) => ((*record).clone(), Some(NotClaimed::CrashLoop(record))),
            Err(NotClaimed::Forgotten(Some(record))) => ((*record).clone(), Some(NotClaimed::Forgotten(Some(record)))),
            Err(refusal) => return Err(ClaimError::Not(refusal)),
        };
        let swap = match &existing {
            None => ledger.insert(key, &record).await,
            Some(seen) => ledger.replace(key, seen, &record).await,
        };
        let swap = match swap {
            Ok(swap) => swap,
            // The same write on top of the same record once more: where the first was committed, it finds itself.
            Err(_) if failures + 1 < TRIES => {
                failures += 1;
                continue;
            }
            Err(cause) => return Err(cause.into()),
        };
        contests += 1;
        match swap {
            Swap::Refused(Some(found)) if found.attempt != request.attempt => existing = Some(found),
            Swap::Refused(None) => existing = None,
            // Written; or found there already, since an answer was lost on its way.
            Swap::Done | Swap::Refused(Some(_)) => {
                return refusal.map_or_else(
                    || Ok(Claim::new(record, existing.as_ref())),
                    |refusal| Err(ClaimError::Not(refusal)),
                );
            }
        }
    }
    Err(ClaimError::Not(NotClaimed::InProgress(request.now)))
}

/// Writes what became of a claim.
///
/// # Errors
/// [`SettleError`] where it isn't in the ledger, or may not be.
pub async fn settle(
    ledger: &impl Ledger,
    key: IdempotencyKey,
    claim: &Claim,
    record: &Record,
) -> Result<(), SettleError> {
    match ledger.replace(key, claim.record(), record).await? {
        Swap::Done => Ok(()),
        Swap::Refused(Some(found)) if found.attempt == record.attempt && found.state == record.state => Ok(()),
        Swap::Refused(_) => Err(SettleError::TakenOver),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, time::Duration};

    use futures::FutureExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{claim::State, idempotency::DataHash, time::Timestamp};

    /// A table of one record that answers after so many writes without an answer, each of which it commits.
    struct Forgetful {
        record: RefCell<Option<Record>>,
        silent: RefCell<usize>,
    }

    impl Forgetful {
        fn answer(&self, swap: Swap<Record>) -> Result<Swap<Record>, StoreError> {
            let mut silent = self.silent.borrow_mut();
            if *silent == 0 {
                return Ok(swap);
            }
            *silent -= 1;
            Err(StoreError { store: "the ledger", operation: "a write", source: "no answer".into() })
        }
    }

    impl Ledger for Forgetful {
        async fn insert(&self, _: IdempotencyKey, record: &Record) -> Result<Swap<Record>, StoreError> {
            let found = self.record.borrow().clone();
            if found.is_some() {
                return Ok(Swap::Refused(found));
            }
            *self.record.borrow_mut() = Some(record.clone());
            self.answer(Swap::Done)
        }

        async fn replace(&self, _: IdempotencyKey, seen: &Record, record: &Record) -> Result<Swap<Record>, StoreError> {
            let found = self.record.borrow().clone();
            if found.as_ref().is_none_or(|found| found.attempt != seen.attempt) {
                return self.answer(Swap::Refused(found));
            }
            *self.record.borrow_mut() = Some(record.clone());
            self.answer(Swap::Done)
        }
    }

    fn request(attempt: u128, seconds: i64) -> ClaimRequest {
        let now = Timestamp::from_millis(seconds * 1000);
        let (attempt, hash) = (Uuid::from_u128(attempt), DataHash::from_stored("same"));
        ClaimRequest { attempt, hash, now, deadline: now.plus(Duration::from_secs(60)), alone: false }
    }

    fn claimed(ledger: &Forgetful, request: &ClaimRequest) -> Claim {
        claim(ledger, IdempotencyKey::of_event("s", "i"), request).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn a_claim_whose_answer_is_lost_is_claimed_all_the_same() {
        let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(2) };
        let claim = claimed(&ledger, &request(1, 0));
        assert_eq!(Some(claim.record()), ledger.record.borrow().as_ref());
    }

    #[test]
    fn a_claim_whose_answer_is_lost_keeps_the_doubt_before_it() {
        let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(0) };
        let mut first = claimed(&ledger, &request(1, 0));
        first.doubt(Timestamp::from_millis(5000));
        *ledger.record.borrow_mut() = Some(first.unplaced(Timestamp::from_millis(5000)));
        let second = request(2, 50);
        // The insertion learns what is there, the replacement is committed unnoticed, and its repetition finds itself.
        let ledger = Forgetful { silent: RefCell::new(2), ..ledger };
        let again = claimed(&ledger, &second);
        assert!(again.is_doubtful());
        assert_eq!(again.unplaced(second.now).state, State::InDoubt);
    }
}
