use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    claim::{self, Claim, ClaimRequest, Delivery, Description, PlacedContact, RECORD_VERSION, Repetition, Resolution},
    reason::{DeadLetterReason, DeferralReason},
};

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn delivery(seconds: u64) -> Delivery {
    let [source, id, event_type, route] = ["/crm", "1", "order", "orders"].map(str::to_owned);
    Delivery {
        attempt: Uuid::from_u128(1),
        message_id: "m".to_owned(),
        hash: None,
        born: at(0),
        now: at(seconds),
        event: Description { source, id, event_type, route, traceparent: None, lane: None },
    }
}

fn claimed() -> Claim {
    let repetition = Repetition::UnderKey(Duration::from_secs(86_400));
    let request = ClaimRequest { delivery: delivery(0), deadline: at(60), alone: false, repetition };
    let mut claim = Claim::new(claim::claim(None, &request).unwrap(), None);
    claim.sent("queue:q");
    claim
}

fn in_doubt() -> Record {
    let mut claim = claimed();
    claim.doubt(at(1));
    claim.unplaced(Some(DeferralReason::Timeout), at(2))
}

fn injected() -> Record {
    claimed().injected(PlacedContact { contact_id: "c-1".to_owned(), target: "queue:q".to_owned() }, at(2))
}

fn parked() -> Record {
    *claim::dead_letter(Some(&in_doubt()), &delivery(90), DeadLetterReason::NoRoute).record.unwrap()
}

fn asked(reference: Value) -> Result<EventReference, serde_json::Error> {
    serde_json::from_value(reference)
}

fn key() -> IdempotencyKey {
    IdempotencyKey::of_event("/crm", "1")
}

fn of(record: Option<Record>, reference: Value, now: Timestamp) -> Result<Value, StatusError> {
    let records = record.into_iter().map(|record| (key(), record)).collect();
    of_event(asked(reference).unwrap(), &records, now).map(|status| serde_json::to_value(status).unwrap())
}

#[test]
fn each_record_says_where_its_event_is() {
    let mut claim = claimed();
    let crashed = claim.record().clone();
    claim.sent("queue:q");
    let released = claim.unplaced(Some(DeferralReason::Saturated), at(2));
    let dead = claim.given_up(DeadLetterReason::PayloadRejected, "m", at(2));
    let by_a_person = |how| claim::resolve(&parked(), how, at(99)).unwrap();
    for (record, seconds, state, reason) in [
        (crashed.clone(), 74, "in-progress", Value::Null),
        (crashed, 75, "in-doubt", Value::Null),
        (released, 99, "waiting", json!("saturated")),
        (in_doubt(), 99, "in-doubt", json!("timeout")),
        (injected(), 99, "injected", Value::Null),
        (dead, 99, "dead-lettered", json!("payload-rejected")),
        (parked(), 99, "outcome-unknown", json!("outcome-unknown")),
        (by_a_person(Resolution::Injected), 99, "injected", Value::Null),
        (by_a_person(Resolution::Retry), 99, "waiting", Value::Null),
    ] {
        let status = of(Some(record), json!({"key": key()}), at(seconds)).unwrap();
        assert_eq!((&status["state"], &status["reason"]), (&json!(state), &reason), "{status}");
    }
}

#[test]
fn everything_that_is_known_is_told_and_nothing_else() {
    let expected = json!({
        "source": "/crm", "id": "1", "idempotencyKey": key(), "state": "injected", "route": "orders",
        "target": "queue:q", "contactId": "c-1", "attempts": 1, "at": at(2).to_string(), "firstSeen": at(0).to_string(),
    });
    let identity = json!({"source": "/crm", "id": "1"});
    for reference in [&identity, &json!({"key": key()})] {
        assert_eq!(of(Some(injected()), reference.clone(), at(9)).unwrap(), expected);
    }
    let unknown = json!({"source": "/crm", "id": "1", "idempotencyKey": key(), "state": "unknown"});
    assert_eq!(of(None, identity, at(9)).unwrap(), unknown);
    assert_eq!(of(None, json!({"key": key()}), at(9)).unwrap(), json!({"idempotencyKey": key(), "state": "unknown"}));
}

#[test]
fn a_record_of_before_tells_its_fate_and_not_which_event_it_is() {
    let bare = Record { event: Description::default(), first_seen: None, target: None, ..injected() };
    let status = of(Some(bare), json!({"key": key()}), at(9)).unwrap();
    let expected = json!({
        "idempotencyKey": key(), "state": "injected", "contactId": "c-1", "attempts": 1, "at": at(2).to_string(),
    });
    assert_eq!(status, expected);
}

#[test]
fn what_the_ledger_has_forgotten_is_unknown_but_not_what_a_person_has_to_decide() {
    let later = at(400 * 86_400);
    for (record, state) in [(injected(), "unknown"), (parked(), "outcome-unknown")] {
        assert_eq!(of(Some(record), json!({"key": key()}), later).unwrap()["state"], state);
    }
}

#[test]
fn a_record_of_a_newer_version_fails_by_its_key() {
    let newer = Record { version: RECORD_VERSION + 1, ..injected() };
    let error = of(Some(newer), json!({"key": key()}), at(9)).unwrap_err().to_string();
    assert!(error.contains(&key().to_string()), "{error}");
}

#[test]
fn an_event_is_named_by_what_an_event_can_have() {
    for malformed in [
        json!({}),
        json!("1"),
        json!({"source": "/crm"}),
        json!({"id": "1"}),
        json!({"source": "", "id": "1"}),
        json!({"source": "/crm", "id": " "}),
        json!({"source": "/crm", "id": "a\u{1f}b"}),
        json!({"source": "/crm", "id": 1}),
        json!({"key": "no key"}),
        json!({"key": key(), "id": "1"}),
        json!({"source": "/crm", "id": "1", "type": "order"}),
    ] {
        assert!(asked(malformed.clone()).is_err(), "{malformed}");
    }
}

proptest! {
    #[test]
    fn an_event_is_the_same_by_its_identity_and_by_its_key(source in "[!-~]{1,40}", id in "[!-~]{1,40}") {
        let by_identity = asked(json!({"source": &source, "id": &id})).unwrap();
        let key = IdempotencyKey::of_event(&source, &id);
        prop_assert_eq!((by_identity.key(), asked(json!({"key": key})).unwrap().key()), (key, key));
    }
}
