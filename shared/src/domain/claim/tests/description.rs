//! What a record says of its event, and that every record of one that ended says all of it.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    idempotency::IdempotencyKey,
    reason::{
        DeadLetterReason::{Conflict, OutcomeUnknown, PayloadRejected},
        DeferralReason, Reason,
    },
};

const SATURATED: Option<DeferralReason> = Some(DeferralReason::Saturated);

/// An event as deliveries tell it here.
pub(super) fn order() -> Description {
    let [source, id, event_type, route] = ["/crm", "1", "order", "orders"].map(str::to_owned);
    Description { source, id, event_type, route, traceparent: None, lane: None }
}

fn routed(route: &str, delivery: Delivery) -> Delivery {
    Delivery { event: order().by_route(route), ..delivery }
}

fn id(record: &Record) -> Option<Uuid> {
    record.outcome_id(IdempotencyKey::of_event("/crm", "1"))
}

fn told(record: &Record) -> (Option<FinalOutcome>, &'static str, &str) {
    (record.final_outcome(), record.last_reason().map_or("", Reason::as_str), record.contact_id())
}

#[test]
fn every_write_says_what_its_own_delivery_told_and_when_the_first_was_seen() {
    let first = first().unplaced(SATURATED, at(1));
    let second = routed("renamed", delivery(2, 100));
    let claimed = again(&first, &request_for(second.clone()));
    let mut doubtful = claimed.clone();
    doubtful.doubt(at(101));
    for written in [
        claimed.record().clone(),
        claimed.unplaced(SATURATED, at(102)),
        claimed.injected(placed("c"), at(102)),
        claimed.given_up(NoRoute, "m2", at(102)),
        doubtful.given_up(NoRoute, "m2", at(102)),
        *dead_letter(Some(&first), &second, NoRoute).record.unwrap(),
        *dead_letter(Some(&in_doubt()), &second, NoRoute).record.unwrap(),
    ] {
        assert_eq!((written.event.route.as_str(), written.first_seen), ("renamed", Some(at(0))), "{:?}", written.state);
    }
}

#[test]
fn the_reason_is_the_one_that_was_told_last() {
    let deferred = first().unplaced(SATURATED, at(1));
    assert_eq!(told(&deferred), (None, "saturated", ""));
    let claimed = again(&deferred, &request(2, 9));
    assert_eq!(told(claimed.record()), (None, "saturated", ""), "nothing else is known meanwhile");
    assert_eq!(told(&claimed.injected(placed("c"), at(10))), (Some(FinalOutcome::Injected), "", "c"));
    let dead = claimed.given_up(PayloadRejected, "m2", at(10));
    assert_eq!(told(&dead), (Some(FinalOutcome::DeadLettered), "payload-rejected", ""));
    assert_eq!(told(&Record { reason: None, ..dead }).1, "payload-rejected", "a record of before has its letters");
    let parked = *dead_letter(Some(&in_doubt()), &delivery(2, 9), NoRoute).record.unwrap();
    assert_eq!(told(&parked), (Some(FinalOutcome::OutcomeUnknown), "outcome-unknown", ""), "as its dead letter says");
    for (decision, expected) in [(Resolution::Injected, Some(FinalOutcome::Injected)), (Resolution::Retry, None)] {
        assert_eq!(told(&resolve(&parked, decision, at(10)).unwrap()), (expected, "", ""));
    }
}

#[test]
fn the_target_is_the_one_that_was_asked_last() {
    let mut claimed = first();
    claimed.sent("queue:a");
    let released = claimed.unplaced(SATURATED, at(1));
    let refused = dead_letter(Some(&released), &delivery(2, 9), NoRoute).record.unwrap();
    for record in [&released, again(&released, &request(2, 9)).record(), &refused] {
        assert_eq!(record.target.as_deref(), Some("queue:a"), "{:?}", record.state);
    }
    let injected = again(&released, &request(2, 9)).injected(placed("b"), at(10));
    assert_eq!(injected.target.as_deref(), Some("queue:b"));
}

#[test]
fn one_fact_has_one_id_however_often_and_by_whomever_it_is_told() {
    let ended = |message: u128, seconds| first_again(message, seconds).given_up(NoRoute, "m", at(seconds));
    assert_eq!(id(&ended(1, 5)), id(&ended(2, 500)));
    let injected = |seconds| first().injected(placed("c"), at(seconds));
    assert_eq!(id(&injected(1)), id(&injected(2)));
    let parked = *dead_letter(Some(&in_doubt()), &delivery(2, 9), Expired).record.unwrap();
    let ids = [
        id(&ended(1, 5)),
        id(&first().given_up(PayloadRejected, "m", at(5))),
        id(&injected(1)),
        id(&first().injected(placed("d"), at(1))),
        id(&parked),
        id(&resolve(&parked, Resolution::Injected, at(10)).unwrap()),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().flatten().collect();
    assert_eq!(distinct.len(), ids.len(), "another fact has another");
    assert_eq!(id(&first().unplaced(SATURATED, at(1))), None);
}

fn first_again(attempt: u128, seconds: u64) -> Claim {
    Claim::new(claim(None, &request(attempt, seconds)).unwrap(), None)
}

proptest! {
    #[test]
    fn a_conflict_changes_nothing_on_record(ending in 0..3_usize, refused: bool) {
        let record = match ending {
            0 => first().injected(placed("c"), at(1)),
            1 => in_doubt(),
            _ => *dead_letter(Some(&in_doubt()), &delivery(2, 9), OutcomeUnknown).record.unwrap(),
        };
        let other = with_data("other", routed("other", delivery(3, 100)));
        let end = if refused {
            dead_letter(Some(&record), &other, Conflict)
        } else {
            claim(Some(&record), &request_for(other)).unwrap_err()
        };
        prop_assert_eq!(end, End { how: NotClaimed::Conflict, record: None });
    }
}
