use std::{cell::RefCell, time::Duration};

use futures::FutureExt as _;
use uuid::Uuid;

use super::*;
use crate::domain::{
    claim::{Description, Repetition, State},
    idempotency::DataHash,
    time::Timestamp,
};

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
    async fn read(&self, _: IdempotencyKey) -> Result<Option<Record>, StoreError> {
        Ok(self.record.borrow().clone())
    }

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

fn delivery(attempt: u128, now: Timestamp) -> Delivery {
    let hash = Some(DataHash::from_stored("same"));
    let (attempt, message_id) = (Uuid::from_u128(attempt), format!("m{attempt}"));
    Delivery { attempt, message_id, hash, born: now, now, event: Description::default() }
}

fn request(attempt: u128, seconds: i64) -> ClaimRequest {
    let now = Timestamp::from_millis(seconds * 1000);
    ClaimRequest {
        delivery: delivery(attempt, now),
        deadline: now.plus(Duration::from_secs(60)),
        alone: false,
        repetition: Repetition::UnderKey(Duration::from_secs(24 * 3600)),
    }
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
    *ledger.record.borrow_mut() = Some(first.unplaced(None, Timestamp::from_millis(5000)));
    let second = request(2, 50);
    // The insertion learns what is there, the replacement is committed unnoticed, and its repetition finds itself.
    let ledger = Forgetful { silent: RefCell::new(2), ..ledger };
    let again = claimed(&ledger, &second);
    assert!(again.is_doubtful());
    assert_eq!(again.unplaced(None, second.delivery.now).state, State::InDoubt);
}

fn dead_lettered(ledger: &Forgetful, attempt: u128, seconds: i64) -> Ended {
    let delivery = delivery(attempt, Timestamp::from_millis(seconds * 1000));
    let key = IdempotencyKey::of_event("s", "i");
    dead_letter(ledger, key, &delivery, DeadLetterReason::NoRoute).now_or_never().unwrap().unwrap()
}

#[test]
fn an_event_that_cannot_be_injected_is_on_record_though_the_answer_is_lost() {
    let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(2) };
    let ended = dead_lettered(&ledger, 1, 0);
    assert_eq!(ended, Ended { how: NotClaimed::DeadLettered(DeadLetterReason::NoRoute), attempts: 0 });
    assert_eq!(ledger.record.borrow().as_ref().map(|record| record.state), Some(State::DeadLettered));
}

#[test]
fn the_requests_that_an_event_in_doubt_has_cost_are_told_when_it_is_parked() {
    let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(0) };
    let mut claim = claimed(&ledger, &request(1, 0));
    claim.sent("queue:q");
    claim.sent("queue:q");
    claim.doubt(Timestamp::from_millis(5000));
    *ledger.record.borrow_mut() = Some(claim.unplaced(None, Timestamp::from_millis(5000)));
    let parked = Ended { how: NotClaimed::Parked { why: Some(DeadLetterReason::NoRoute), sending: None }, attempts: 2 };
    assert_eq!(dead_lettered(&ledger, 2, 50), parked);
    assert_eq!(dead_lettered(&ledger, 3, 60), parked, "and to whoever finds it parked");
}

#[test]
fn a_persons_decision_is_made_once_and_its_own_repetition_is_no_other() {
    let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(0) };
    let decide = |ledger: &Forgetful, resolution, seconds: i64| {
        let (key, now) = (IdempotencyKey::of_event("s", "i"), Timestamp::from_millis(seconds * 1000));
        resolve(ledger, key, resolution, now).now_or_never().unwrap()
    };
    assert!(!decide(&ledger, Resolution::Retry, 1).unwrap(), "nothing is on record");
    claimed(&ledger, &request(1, 0));
    assert!(!decide(&ledger, Resolution::Retry, 1).unwrap(), "a worker has it");
    dead_lettered(&ledger, 2, 100);
    assert!(decide(&ledger, Resolution::Injected, 200).unwrap());
    assert_eq!(ledger.record.borrow().as_ref().map(|record| record.state), Some(State::Injected));
    assert!(!decide(&ledger, Resolution::Retry, 300).unwrap(), "it is decided");
}

/// A parked record that was decided about by the time that the write of a decision arrives.
struct Overtaken(Record, Record);

impl Ledger for Overtaken {
    async fn read(&self, _: IdempotencyKey) -> Result<Option<Record>, StoreError> {
        Ok(Some(self.0.clone()))
    }

    async fn insert(&self, _: IdempotencyKey, _: &Record) -> Result<Swap<Record>, StoreError> {
        Ok(Swap::Refused(Some(self.1.clone())))
    }

    async fn replace(&self, key: IdempotencyKey, _: &Record, record: &Record) -> Result<Swap<Record>, StoreError> {
        self.insert(key, record).await
    }
}

#[test]
fn a_decision_that_finds_itself_on_record_is_made_and_one_that_finds_another_is_not() {
    let ledger = Forgetful { record: RefCell::default(), silent: RefCell::new(0) };
    claimed(&ledger, &request(1, 0));
    dead_lettered(&ledger, 2, 100);
    let parked = ledger.record.take().unwrap();
    let at = Timestamp::from_millis(200_000);
    for (decided, made) in [(Resolution::Injected, true), (Resolution::Retry, false)] {
        let found = claim::resolve(&parked, decided, at).unwrap();
        let (overtaken, key) = (Overtaken(parked.clone(), found), IdempotencyKey::of_event("s", "i"));
        let resolution = resolve(&overtaken, key, Resolution::Injected, at);
        assert_eq!(resolution.now_or_never().unwrap().unwrap(), made, "{decided:?}");
    }
}
