//! What a person's decision does with a parked event, and that nothing else is theirs to decide.

use super::*;

fn parked() -> Record {
    let mut claimed = first();
    claimed.lose(placed("lost"), at(1));
    let mut taken_over = again(claimed.record(), &alone(2, 100));
    taken_over.sent("queue:q");
    taken_over.given_up(NoRoute, "m1", at(101))
}

#[test]
fn an_event_that_a_person_found_in_cxone_is_a_duplicate_from_then_on() {
    let record = resolve(&parked(), Resolution::Injected, at(9)).unwrap();
    assert_eq!((record.state, record.at), (State::Injected, at(9)));
    assert_eq!(ended(&record, &request(2, 10)), NotClaimed::Duplicate(String::new()));
    let other = request_for(with_data("other", delivery(2, 10)));
    assert_eq!(ended(&record, &other), NotClaimed::Conflict);
}

#[test]
fn an_event_that_a_person_sends_again_has_no_doubt_and_the_same_data() {
    let record = resolve(&parked(), Resolution::Retry, at(2 * DAY)).unwrap();
    assert_eq!(
        (record.state, record.at, record.first_sent, record.after_crash),
        (State::Released, at(2 * DAY), None, false)
    );
    let twin = again(&record, &request_for(of_message("m1", delivery(2, 2 * DAY + 1))));
    assert!(!twin.is_doubtful(), "its dead letters are forgotten, so the very message may go on");
    assert_eq!((twin.lost(), twin.attempts()), (1, 2), "the next key is still the next");
    let other = request_for(with_data("other", delivery(3, 2 * DAY + 1)));
    assert_eq!(ended(&record, &other), NotClaimed::Conflict);
}

#[test]
fn only_what_is_parked_is_a_persons_to_decide() {
    let newer = Record { version: RECORD_VERSION + 1, ..parked() };
    for record in [first().record().clone(), in_doubt(), first().injected(placed("c"), at(1)), newer] {
        assert_eq!(resolve(&record, Resolution::Retry, at(9)), None, "{:?}", record.state);
    }
    assert!(resolve(&Record { version: RECORD_VERSION - 1, ..parked() }, Resolution::Retry, at(9)).is_some());
}

#[test]
fn a_decision_never_shortens_the_life_of_a_record() {
    let dated_ahead = Delivery { born: at(40 * DAY), ..delivery(1, 0) };
    let claimed = claim(None, &request_for(dated_ahead)).unwrap();
    let parked = dead_letter(Some(&claimed), &delivery(2, 100), NoRoute).record.unwrap();
    for (decided, expires) in [(at(DAY), at(85 * DAY)), (at(50 * DAY), at(95 * DAY))] {
        for resolution in [Resolution::Injected, Resolution::Retry] {
            assert_eq!(resolve(&parked, resolution, decided).unwrap().expires, Some(expires), "{resolution:?}");
        }
    }
    let of_before = Record { expires: None, ..*parked };
    assert_eq!(resolve(&of_before, Resolution::Injected, at(DAY)).unwrap().expires, Some(at(46 * DAY)));
}
