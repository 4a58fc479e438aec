//! Claiming an event and settling it: what [`claim`](crate::domain::claim) decides, swapped into the ledger.
//!
//! A new event costs two writes, its claim and its settlement; one that is put off because a circuit is open, a read. A
//! duplicate costs one failed write, whose answer is the record that stands in its way, or, where several events are
//! inserted at once, a read that brings it. An event that can't be injected costs a read and a write. A write whose
//! answer was lost and that is tried again finds itself there, and knows it.

use uuid::Uuid;

use crate::{
    domain::{
        claim::{self, Claim, ClaimRequest, Delivery, End, NotClaimed, Record, Resolution},
        idempotency::IdempotencyKey,
        reason::DeadLetterReason,
        time::Timestamp,
    },
    ports::{Ledger, StoreError, Swap},
};

/// Swaps lost to other workers before a delivery gives up. Two workers rarely meet over one event and never for long,
/// since a live claim ends the contest.
const CONTESTS: usize = 4;

/// Tries to write a claim whose answer is lost. One that was written unnoticed would count as a crash of nobody's.
const TRIES: usize = 3;

/// Why there is no claim.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The ledger says no.
    #[error("the event can't be claimed")]
    Not(Ended),
    /// The ledger doesn't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How the ledger ends a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: NotClaimed,
    /// Requests sent for the event so far, as its record says.
    pub attempts: u32,
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

impl Ended {
    fn new(end: End, existing: Option<&Record>) -> Self {
        let attempts = end.record.as_deref().or(existing).map_or(0, Record::attempts_so_far);
        Self { how: end.how, attempts }
    }

    /// Others wrote each time: one of them has it.
    const fn contested(now: Timestamp) -> Self {
        Self { how: NotClaimed::InProgress(now), attempts: 0 }
    }
}

/// Claims an event.
///
/// # Errors
/// [`ClaimError::Not`] ends the delivery as it says; [`ClaimError::Store`] leaves open whether the claim stands.
pub async fn claim(ledger: &impl Ledger, key: IdempotencyKey, request: &ClaimRequest) -> Result<Claim, ClaimError> {
    let decide = |existing: Option<&Record>| claim::claim(existing, request);
    let record = |decision: &Result<Record, End>| match decision {
        Ok(record) => Some(record.clone()),
        Err(end) => end.record.as_deref().cloned(),
    };
    match decided(ledger, key, request.delivery.attempt, None, decide, record).await? {
        Some((Ok(record), existing)) => Ok(Claim::new(record, existing.as_ref())),
        Some((Err(end), existing)) => Err(ClaimError::Not(Ended::new(end, existing.as_ref()))),
        None => Err(ClaimError::Not(Ended::contested(request.delivery.now))),
    }
}

/// What a claim would come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// A claim, after so many requests for the event.
    Claim(u32),
    /// An end that is on record.
    Ended(Ended),
    /// An end that has to be put on record first.
    Unwritten,
}

/// What a claim would come to now, by a read alone.
///
/// # Errors
/// [`StoreError`] where the ledger doesn't say.
pub async fn foresee(
    ledger: &impl Ledger,
    key: IdempotencyKey,
    request: &ClaimRequest,
) -> Result<Foreseen, StoreError> {
    let existing = ledger.read(key).await?;
    Ok(match claim::claim(existing.as_ref(), request) {
        Ok(_) => Foreseen::Claim(existing.as_ref().map_or(0, Record::attempts_so_far)),
        Err(End { record: Some(_), .. }) => Foreseen::Unwritten,
        Err(end) => Foreseen::Ended(Ended::new(end, existing.as_ref())),
    })
}

/// Puts an event that can't be injected on record: one read, and one write where the ledger doesn't know better.
///
/// # Errors
/// [`StoreError`] leaves open what is on record.
pub async fn dead_letter(
    ledger: &impl Ledger,
    key: IdempotencyKey,
    delivery: &Delivery,
    reason: DeadLetterReason,
) -> Result<Ended, StoreError> {
    let existing = ledger.read(key).await?;
    let decide = |existing: Option<&Record>| claim::dead_letter(existing, delivery, reason);
    let ended = decided(ledger, key, delivery.attempt, existing, decide, |end| end.record.as_deref().cloned()).await?;
    Ok(ended.map_or(Ended::contested(delivery.now), |(end, existing)| Ended::new(end, existing.as_ref())))
}

/// Decides on what the ledger holds until the decision's record stands there; with what it stands in place of. Nothing
/// where others were quicker each time.
async fn decided<D>(
    ledger: &impl Ledger,
    key: IdempotencyKey,
    attempt: Uuid,
    mut existing: Option<Record>,
    decide: impl Fn(Option<&Record>) -> D,
    record: impl Fn(&D) -> Option<Record>,
) -> Result<Option<(D, Option<Record>)>, StoreError> {
    let (mut contests, mut failures) = (0, 0);
    while contests < CONTESTS {
        let decision = decide(existing.as_ref());
        let Some(record) = record(&decision) else { return Ok(Some((decision, existing))) };
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
            Err(cause) => return Err(cause),
        };
        contests += 1;
        match swap {
            Swap::Refused(Some(found)) if found.attempt != attempt => existing = Some(found),
            Swap::Refused(None) => existing = None,
            // Written; or found there already, since an answer was lost on its way.
            Swap::Done | Swap::Refused(Some(_)) => return Ok(Some((decision, existing))),
        }
    }
    Ok(None)
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
        Swap::Refused(Some(found)) if is_written(&found, claim.record(), record) => Ok(()),
        Swap::Refused(_) => Err(SettleError::TakenOver),
    }
}

/// Whether what a write was refused for is what it wrote itself, when its answer was lost.
fn is_written(found: &Record, seen: &Record, record: &Record) -> bool {
    let in_time = !record.is_fenced_by_time(seen) || found.at == record.at;
    found.attempt == record.attempt && found.state == record.state && in_time
}

/// Writes a person's decision about a parked event; false where it isn't parked.
///
/// # Errors
/// [`StoreError`] leaves open whether the decision is on record.
pub async fn resolve(
    ledger: &impl Ledger,
    key: IdempotencyKey,
    resolution: Resolution,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(parked) = ledger.read(key).await? else { return Ok(false) };
    let Some(resolved) = claim::resolve(&parked, resolution, now) else { return Ok(false) };
    Ok(match ledger.replace(key, &parked, &resolved).await? {
        Swap::Done => true,
        // Another person's, or this very write, whose answer was lost.
        Swap::Refused(found) => found.is_some_and(|found| (found.state, found.at) == (resolved.state, resolved.at)),
    })
}

#[cfg(test)]
mod tests;
