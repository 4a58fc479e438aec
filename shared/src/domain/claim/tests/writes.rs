//! What each write keeps of the record before it, and what it ends.

use super::*;

/// A record that three workers left behind, one after the other.
fn crashed_thrice() -> Record {
    let once = first().record().clone();
    let twice = claim(Some(&once), &alone(2, 100)).unwrap();
    claim(Some(&twice), &alone(3, 200)).unwrap()
}

#[test]
fn a_crash_loop_leaves_the_next_key_in_doubt_for_whoever_redrives_it_and_a_plain_refusal_does_not() {
    let dead = claim(Some(&crashed_thrice()), &alone(4, 300)).unwrap_err().record.unwrap();
    let mut redriven = again(&dead, &request(5, 400));
    redriven.lose(placed("lost"), at(401));
    assert!(redriven.is_doubtful(), "one of them may have been told of the loss, and have gone on under the next key");
    for existing in [None, Some(&first().unplaced(None, at(1)))] {
        let refused = dead_letter(existing, &delivery(2, 2), NoRoute).record.unwrap();
        let mut redriven = again(&refused, &request(3, 3));
        redriven.doubt(at(4));
        redriven.lose(placed("lost"), at(5));
        assert!(!redriven.is_doubtful());
    }
}

#[test]
fn a_crash_is_forgotten_once_the_doubt_that_it_left_is_cleared() {
    let mut taken_over = again(first().record(), &alone(2, 100));
    assert!(taken_over.unplaced(None, at(101)).after_crash);
    taken_over.clear_doubt(at(101));
    let released = taken_over.unplaced(None, at(101));
    assert!(!released.after_crash);
    let mut next = again(&released, &request(3, 200));
    next.doubt(at(201));
    next.lose(placed("lost"), at(202));
    assert!(!next.is_doubtful());
}

#[test]
fn a_parked_record_says_by_whom_and_when_in_the_form_of_this_program() {
    let of_before = Record { version: PLAIN_VERSION - 1, ..in_doubt() };
    let parked = dead_letter(Some(&of_before), &delivery(2, 100), NoRoute).record.unwrap();
    assert_eq!((parked.version, parked.attempt), (PLAIN_VERSION, Uuid::from_u128(2)));
    assert_eq!((parked.at, parked.until), (at(100), at(100)));
}

#[test]
fn an_injected_event_has_no_dead_letters_any_more() {
    let dead = dead_letter(None, &delivery(1, 1), NoRoute).record.unwrap();
    let redriven = again(&dead, &request(2, 2));
    assert_eq!(redriven.record().dead_letters.len(), 1);
    assert_eq!(redriven.injected(placed("c"), at(3)).dead_letters, []);
}

#[test]
fn every_write_lives_as_long_as_its_own_delivery_asks_and_as_the_record_before_it() {
    let dated_ahead = |attempt, seconds| Delivery { born: at(40 * DAY), ..delivery(attempt, seconds) };
    let ahead = Some(at(85 * DAY));
    let claimed = claim(None, &request_for(dated_ahead(1, 0))).unwrap();
    let free = Claim::new(claimed.clone(), None).unplaced(None, at(1));
    let refused =
        |existing: &Record, delivery: &Delivery| dead_letter(Some(existing), delivery, NoRoute).record.unwrap();
    // By a message of the event that is dated today, and is later than the first.
    for written in [
        claim(Some(&free), &request(2, 100)).unwrap(),
        *refused(&free, &delivery(2, 100)),
        *refused(&claimed, &delivery(2, 100)),
    ] {
        assert_eq!(written.expires, ahead, "{:?}", written.state);
    }
    // And by one that is dated ahead, and comes after one of today.
    let (claimed, free) = (first().record().clone(), first().unplaced(None, at(1)));
    for written in [
        claim(Some(&free), &request_for(dated_ahead(2, 100))).unwrap(),
        *refused(&free, &dated_ahead(2, 100)),
        *refused(&claimed, &dated_ahead(2, 100)),
    ] {
        assert_eq!(written.expires, ahead, "{:?}", written.state);
    }
}

#[test]
fn a_doubt_that_another_worker_wrote_is_cleared_later_by_as_much_as_clocks_differ() {
    let mut claimed = again(&in_doubt(), &request(2, 8));
    claimed.clear_doubt(at(5 + 14));
    assert!(claimed.is_doubtful());
    claimed.clear_doubt(at(5 + 15));
    assert!(!claimed.is_doubtful());
}
