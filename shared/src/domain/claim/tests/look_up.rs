//! Where CXone can be asked whether it has an event's contact: when a look counts, and what two of them prove.

use super::*;

const TARGET: &str = "digital:chat";
/// From when a look counts: three seconds until the request leaves, ten for it, five for its arrival, ten for clocks,
/// and a settle time.
const FIRST: u64 = 3 + 28 + 60;
const SECOND: u64 = FIRST + 60;

fn looked_up(number: u128, seconds: u64) -> ClaimRequest {
    let repetition = Repetition::ByTarget { harmless: Vec::new(), looked_up: vec![TARGET.to_owned()] };
    ClaimRequest { repetition, ..alone(number, seconds) }
}

fn sending(absent: Option<u64>) -> Sending {
    let sending = Sending::now("digital".to_owned(), TARGET.to_owned(), at(3));
    Sending { absent: absent.map(at), ..sending }
}

/// The record of a request that was not answered, and what a look has seen of it since.
fn doubted(absent: Option<u64>) -> Record {
    let mut claimed = Claim::new(claim(None, &looked_up(1, 0)).unwrap(), None);
    claimed.now_sending(claimed.sending(sending(None), Some(data("same"))));
    claimed.doubt(at(4));
    let record = claimed.unplaced(None, at(5));
    Record { sending: Some(sending(absent)), ..record }
}

#[test]
fn nobody_claims_it_before_a_look_counts() {
    for (absent, due) in [(None, FIRST), (Some(FIRST), SECOND), (Some(FIRST + 40), FIRST + 100)] {
        let record = doubted(absent);
        assert_eq!(ended(&record, &looked_up(2, due - 1)), NotClaimed::InProgress(at(due)), "{absent:?}");
        let claimed = again(&record, &looked_up(2, due));
        assert_eq!(claimed.may_have_sent(), Some(&sending(absent)), "what was seen is carried on");
        assert!(claimed.record().is_in_doubt());
    }
}

#[test]
fn only_the_second_look_that_counts_proves_that_there_is_nothing() {
    let mut claimed = again(&doubted(None), &looked_up(2, FIRST));
    assert!(!claimed.not_found(at(FIRST - 1)), "it was too early");
    assert_eq!(claimed.may_have_sent(), Some(&sending(None)));
    assert!(!claimed.not_found(at(FIRST)));
    assert!(!claimed.not_found(at(SECOND - 1)), "the second comes a settle time later");
    let back = claimed.unplaced(None, at(FIRST + 1));
    assert_eq!((back.state, back.sending.clone()), (State::InDoubt, Some(sending(Some(FIRST)))));
    let mut other = again(&back, &looked_up(3, SECOND));
    assert!(other.not_found(at(SECOND)));
    let untold = other.unplaced(None, at(SECOND + 1));
    assert_eq!((untold.state, untold.sending), (State::InDoubt, Some(sending(Some(FIRST)))), "nobody has gone on yet");
    other.free();
    assert_eq!((other.may_have_sent(), other.is_doubtful()), (None, false));
    let free = other.unplaced(None, at(SECOND + 1));
    assert_eq!((free.state, free.sending), (State::Released, None));
}

#[test]
fn a_repetition_is_looked_for_from_its_own_time_on() {
    let mut claimed = again(&doubted(Some(FIRST)), &looked_up(2, SECOND));
    assert!(claimed.not_found(at(SECOND)));
    claimed.free();
    let anew = Sending::now("digital".to_owned(), TARGET.to_owned(), at(SECOND + 1));
    claimed.now_sending(claimed.sending(anew.clone(), None));
    assert_eq!(claimed.may_have_sent(), None, "it is not known to be in doubt");
    claimed.doubt(at(SECOND + 2));
    assert_eq!(claimed.unplaced(None, at(SECOND + 2)).sending, Some(anew));
}

#[test]
fn a_worker_that_never_came_back_may_still_send_until_its_claim_is_over() {
    let mut claimed = Claim::new(claim(None, &looked_up(1, 0)).unwrap(), None);
    claimed.now_sending(claimed.sending(sending(None), Some(data("same"))));
    let record = claimed.record().clone();
    assert_eq!(record.until, at(75), "a minute for the invocation, and the margin");
    assert_eq!(ended(&record, &looked_up(2, 134)), NotClaimed::InProgress(at(135)));
    let next = again(&record, &looked_up(2, 135));
    assert_eq!(next.may_have_sent(), Some(&sending(None)));
    // One whose claim was short is looked for as any other.
    let short = Record { until: at(20), ..record };
    assert_eq!(ended(&short, &looked_up(2, FIRST - 1)), NotClaimed::InProgress(at(FIRST)));
}

#[test]
fn a_request_that_left_late_counts_from_when_it_was_given_up() {
    let mut claimed = Claim::new(claim(None, &looked_up(1, 0)).unwrap(), None);
    claimed.now_sending(claimed.sending(sending(None), Some(data("same"))));
    claimed.doubt(at(40));
    let late = claimed.unplaced(None, at(41)).sending.unwrap();
    assert_eq!((late.at, late.arrives_by()), (at(27), at(45)));
    let mut claimed = Claim::new(claim(None, &looked_up(1, 0)).unwrap(), None);
    claimed.now_sending(claimed.sending(sending(None), Some(data("same"))));
    claimed.doubt(at(9));
    assert_eq!(claimed.unplaced(None, at(9)).sending, Some(sending(None)), "it left in time");
}

#[test]
fn without_a_request_there_is_nothing_to_prove() {
    let mut claimed = Claim::new(claim(None, &looked_up(1, 0)).unwrap(), None);
    assert!(!claimed.not_found(at(9999)));
}

#[test]
fn what_no_look_has_settled_in_a_day_is_a_persons_to_decide() {
    let record = doubted(None);
    assert!(claim(Some(&record), &looked_up(2, 3 + DAY - 1)).is_ok());
    assert!(matches!(ended(&record, &looked_up(2, 3 + DAY)), NotClaimed::Parked { sending: Some(_), .. }));
}

#[test]
fn where_the_route_no_longer_looks_it_is_parked_once_the_request_can_have_arrived() {
    let repetition = Repetition::ByTarget { harmless: Vec::new(), looked_up: vec!["digital:other".to_owned()] };
    let request = |seconds| ClaimRequest { repetition: repetition.clone(), ..alone(2, seconds) };
    assert_eq!(ended(&doubted(None), &request(20)), NotClaimed::InProgress(at(21)));
    assert!(matches!(ended(&doubted(None), &request(21)), NotClaimed::Parked { .. }));
}

#[test]
fn what_kills_workers_while_it_is_in_doubt_is_parked_and_no_plain_crash_loop() {
    let record = Record { crashes: CRASHES_TO_GIVE_UP, ..doubted(None) };
    let how = ended(&record, &looked_up(2, FIRST));
    assert_eq!(how, NotClaimed::Parked { why: Some(DeadLetterReason::CrashLoop), sending: Some(sending(None)) });
}
