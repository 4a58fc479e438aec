//! Where CXone knows no key: what a claim says before anything leaves, and what that is worth to whoever comes after.

use super::*;

const TARGET: &str = "workItem:Orders";

/// A claim of an event that has no key, whose twin does harm everywhere but at these targets.
fn unkeyed(number: u128, seconds: u64, harmless: &[&str]) -> ClaimRequest {
    let harmless = harmless.iter().map(ToString::to_string).collect();
    let repetition = Repetition::ByTarget { harmless, looked_up: Vec::new() };
    ClaimRequest { repetition, ..alone(number, seconds) }
}

fn sending(seconds: u64) -> Sending {
    Sending::now("workItem".to_owned(), TARGET.to_owned(), at(seconds))
}

fn claimed() -> Claim {
    Claim::new(claim(None, &unkeyed(1, 0, &[])).unwrap(), None)
}

/// A claim under which a request was about to leave.
fn about_to_send(seconds: u64) -> Claim {
    let mut claimed = claimed();
    claimed.now_sending(claimed.sending(sending(seconds), Some(data("same"))));
    claimed
}

#[test]
fn a_claim_binds_nothing_and_counts_nothing_before_it_says_that_a_request_leaves() {
    let record = claimed().record().clone();
    assert_eq!((record.version, record.hash.clone(), record.first_sent), (PLAIN_VERSION, None, None));
    assert!(!record.is_in_doubt());
    assert_eq!(record.attempts_so_far(), 0);
    let record = about_to_send(3).record().clone();
    assert_eq!((record.version, record.sending.clone()), (RECORD_VERSION, Some(sending(3))));
    assert_eq!(
        (record.hash.clone(), record.first_sent, record.state),
        (Some(data("same")), Some(at(3)), State::Claimed)
    );
    assert!(record.is_in_doubt());
    assert_eq!(record.attempts_so_far(), 1);
}

#[test]
fn a_worker_that_died_before_it_costs_nobodys_attention_until_three_of_them_did() {
    let mut record = claimed().record().clone();
    for number in 2..=3 {
        record = claim(Some(&record), &unkeyed(number.into(), number * 1000, &[])).unwrap();
        assert!(!record.is_in_doubt());
    }
    let how = ended(&record, &unkeyed(4, 4000, &[]));
    assert_eq!(how, NotClaimed::DeadLettered(DeadLetterReason::CrashLoop));
}

#[test]
fn one_that_died_after_it_leaves_a_doubt_that_is_judged_when_nothing_can_be_on_its_way() {
    // Within the claim's own time it is in progress anyway; a clock that is behind changes nothing about the request.
    let record = Record { until: at(1), ..about_to_send(3).record().clone() };
    assert_eq!(ended(&record, &unkeyed(2, 20, &[])), NotClaimed::InProgress(at(21)));
    let end = claim(Some(&record), &unkeyed(2, 21, &[])).unwrap_err();
    assert_eq!(end.how, NotClaimed::Parked { why: None, sending: Some(sending(3)) });
    let parked = *end.record.unwrap();
    assert_eq!(
        (parked.state, parked.sending.clone(), parked.version),
        (State::Parked, Some(sending(3)), RECORD_VERSION)
    );
    assert_eq!(ended(&parked, &unkeyed(3, 99, &[TARGET])), NotClaimed::Parked { why: None, sending: Some(sending(3)) });
}

#[test]
fn where_a_twin_does_no_harm_it_is_sent_again_and_stays_in_doubt_until_it_is_there() {
    let record = Record { until: at(1), ..about_to_send(3).record().clone() };
    assert!(matches!(ended(&record, &unkeyed(2, 21, &["workItem:Other"])), NotClaimed::Parked { .. }));
    let next = again(&record, &unkeyed(2, 21, &[TARGET]));
    assert_eq!(next.may_have_sent(), Some(&sending(3)));
    assert_eq!(
        (next.unplaced(None, at(20)).state, next.unplaced(None, at(20)).sending),
        (State::InDoubt, Some(sending(3)))
    );
    assert_eq!(next.given_up(DeadLetterReason::Expired, "m", at(20)).state, State::Parked);
    let injected = next.injected(placed("c"), at(20));
    assert_eq!((injected.sending, injected.version), (None, PLAIN_VERSION));
}

#[test]
fn a_definite_refusal_ends_what_was_about_to_be_sent() {
    let refused = about_to_send(3);
    assert_eq!(refused.may_have_sent(), None, "it was answered");
    let released = refused.unplaced(None, at(4));
    let told = (released.state, released.sending, released.hash, released.first_sent);
    assert_eq!(told, (State::Released, None, None, None));
    let mut doubted = about_to_send(3);
    doubted.doubt(at(4));
    assert_eq!(doubted.unplaced(None, at(5)).sending, Some(sending(3)));
}

#[test]
fn what_was_said_and_never_left_is_taken_back() {
    assert_eq!(claimed().withdrawn(at(4)), None, "nothing was said");
    let mut said = about_to_send(3);
    let withdrawn = said.withdrawn(at(4)).unwrap();
    assert_eq!((withdrawn.sending.clone(), withdrawn.first_sent, withdrawn.at), (None, None, at(4)));
    assert_eq!((withdrawn.hash.clone(), withdrawn.version), (None, PLAIN_VERSION));
    assert!(!withdrawn.is_in_doubt());
    said.doubt(at(4));
    assert_eq!(said.withdrawn(at(5)), None, "it may have left");
}

#[test]
fn a_person_decides_and_what_was_about_to_be_sent_is_forgotten() {
    let mut doubted = about_to_send(3);
    doubted.doubt(at(4));
    let parked = doubted.given_up(DeadLetterReason::OutcomeUnknown, "m", at(5));
    assert_eq!((parked.state, parked.sending.clone()), (State::Parked, Some(sending(3))));
    let retry = resolve(&parked, Resolution::Retry, at(6)).unwrap();
    assert_eq!((retry.state, retry.sending.clone(), retry.version), (State::Released, None, PLAIN_VERSION));
    assert!(claim(Some(&retry), &unkeyed(2, 7, &[])).is_ok());
    let injected = resolve(&parked, Resolution::Injected, at(6)).unwrap();
    assert_eq!((injected.state, injected.sending), (State::Injected, None));
}

#[test]
fn what_one_api_may_have_been_sent_another_is_not_asked_about() {
    let keyed = Record { until: at(1), ..first().record().clone() };
    assert!(matches!(ended(&keyed, &unkeyed(2, 21, &[TARGET])), NotClaimed::Parked { sending: None, .. }));
    let sent = Record { until: at(1), ..about_to_send(3).record().clone() };
    assert!(matches!(ended(&sent, &alone(2, 21)), NotClaimed::Parked { sending: Some(_), .. }));
}

#[test]
fn a_person_is_told_what_to_look_for_and_when_it_may_have_come() {
    let sending = Sending { at: Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap(), ..sending(0) };
    let told = "a workItem that was sent to workItem:Orders on 1 March 2026, 12:00:00 UTC, or within 18 s after";
    assert_eq!(sending.to_look_for(), told);
}
