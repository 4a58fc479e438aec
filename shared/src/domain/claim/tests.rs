mod description;
mod look_up;
mod memory;
mod resolution;
mod sending;
mod writes;

use super::*;
use crate::{
    dialects::guide,
    domain::reason::DeadLetterReason::{ContactFailed, CrashLoop, Expired, InvalidAttribute, NoRoute},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: u64 = 86_400;
const KEY_MEMORY: Duration = guide::FACTS.key_memory.unwrap();

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(seconds))
}

fn data(text: &str) -> DataHash {
    DataHash::from_stored(text)
}

/// A delivery of its own message, at this second.
fn delivery(attempt: u128, seconds: u64) -> Delivery {
    Delivery {
        attempt: Uuid::from_u128(attempt),
        message_id: format!("m{attempt}"),
        hash: Some(data("same")),
        born: at(0),
        now: at(seconds),
        event: description::order(),
    }
}

fn of_message(message_id: &str, delivery: Delivery) -> Delivery {
    Delivery { message_id: message_id.to_owned(), ..delivery }
}

fn with_data(text: &str, delivery: Delivery) -> Delivery {
    Delivery { hash: Some(data(text)), ..delivery }
}

fn request_for(delivery: Delivery) -> ClaimRequest {
    let deadline = delivery.now.plus(Duration::from_secs(60));
    ClaimRequest { delivery, deadline, alone: false, repetition: Repetition::UnderKey(KEY_MEMORY) }
}

fn request(attempt: u128, seconds: u64) -> ClaimRequest {
    request_for(delivery(attempt, seconds))
}

fn alone(attempt: u128, seconds: u64) -> ClaimRequest {
    ClaimRequest { alone: true, ..request(attempt, seconds) }
}

fn placed(id: &str) -> PlacedContact {
    PlacedContact { contact_id: id.to_owned(), target: format!("queue:{id}") }
}

fn first() -> Claim {
    Claim::new(claim(None, &request(1, 0)).unwrap(), None)
}

/// A claim in place of this record.
fn again(record: &Record, request: &ClaimRequest) -> Claim {
    Claim::new(claim(Some(record), request).unwrap(), Some(record))
}

fn in_doubt() -> Record {
    let mut claimed = first();
    claimed.sent("queue:q");
    claimed.doubt(at(1));
    claimed.unplaced(None, at(5))
}

fn ended(record: &Record, request: &ClaimRequest) -> NotClaimed {
    claim(Some(record), request).unwrap_err().how
}

#[test]
fn an_injected_event_is_a_duplicate_for_as_long_as_it_is_remembered() {
    let record = first().injected(placed("c"), at(1));
    let duplicate = NotClaimed::Duplicate("c".to_owned());
    assert_eq!(ended(&record, &request(2, 40 * DAY)), duplicate);
    assert_eq!(ended(&record, &request(2, 45 * DAY)), duplicate);
    assert!(claim(Some(&record), &request(2, 45 * DAY + 1)).is_ok(), "expiry doesn't wait for the table to delete it");
}

#[test]
fn a_live_claim_is_in_progress_and_an_old_one_is_suspect() {
    let record = first().record().clone();
    assert_eq!(ended(&record, &request(2, 74)), NotClaimed::InProgress(record.until));
    assert_eq!(ended(&record, &request(2, 75)), NotClaimed::Suspect);
    assert_eq!(claim(Some(&record), &alone(2, 75)).unwrap().crashes, 2);
}

#[test]
fn three_claims_that_never_settled_are_a_crash_loop_that_another_message_starts_anew() {
    let mut record = first().record().clone();
    for attempt in 2..=3 {
        record = claim(Some(&record), &alone(attempt, 100 * u64::try_from(attempt).unwrap())).unwrap();
    }
    let End { how, record: Some(dead) } = claim(Some(&record), &alone(4, 900)).unwrap_err() else {
        panic!("no record")
    };
    assert_eq!(how, NotClaimed::DeadLettered(CrashLoop));
    assert_eq!((dead.state, dead.crashes, dead.attempts), (State::DeadLettered, 0, 3));
    let twin = request_for(of_message("m4", delivery(5, 950)));
    assert_eq!(ended(&dead, &twin), NotClaimed::DeadLettered(CrashLoop), "a twin of the message ends as it did");
    let redriven = again(&dead, &request(6, 1000));
    assert!(redriven.is_doubtful(), "each of the three may have sent a request");
    let later = ended(&dead, &request(7, 2 * DAY));
    assert_eq!(later, NotClaimed::Parked { why: None, sending: None }, "CXone has forgotten by then");
}

#[test]
fn every_settlement_clears_the_count_of_crashes() {
    let crashed = first().record().clone();
    let claimed = again(&crashed, &alone(2, 75));
    assert_eq!(claimed.record().crashes, 2);
    let mut doubtful = claimed.clone();
    doubtful.doubt(at(76));
    for settled in [
        claimed.unplaced(None, at(80)),
        doubtful.unplaced(None, at(80)),
        claimed.injected(placed("c"), at(80)),
        claimed.given_up(NoRoute, "m", at(80)),
    ] {
        assert_eq!((settled.crashes, settled.until), (0, at(80)), "{:?}", settled.state);
    }
}

#[test]
fn what_was_only_refused_is_free_to_be_corrected() {
    let mut claimed = first();
    claimed.sent("queue:q");
    for record in [claimed.unplaced(None, at(5)), claimed.given_up(NoRoute, "m1", at(5))] {
        assert_eq!(record.hash, None);
        let corrected = claim(Some(&record), &request_for(with_data("corrected", delivery(2, 6)))).unwrap();
        assert_eq!((corrected.hash, corrected.first_sent), (Some(data("corrected")), Some(at(6))));
        assert_eq!(corrected.attempts, 1);
    }
}

#[test]
fn what_may_have_been_sent_conflicts_with_other_data() {
    let mut claimed = first();
    claimed.doubt(at(1));
    let other = request_for(with_data("other", delivery(2, 100)));
    for record in [claimed.record().clone(), claimed.unplaced(None, at(5)), claimed.injected(placed("c"), at(5))] {
        assert_eq!(ended(&record, &other), NotClaimed::Conflict, "{:?}", record.state);
        let end = dead_letter(Some(&record), &other.delivery, NoRoute);
        assert_eq!(end, End { how: NotClaimed::Conflict, record: None }, "{:?}", record.state);
    }
}

#[test]
fn data_stay_bound_after_a_contact_was_lost_and_after_a_doubt_was_cleared() {
    let mut lost = first();
    lost.lose(placed("a"), at(1));
    let mut cleared = first();
    cleared.doubt(at(1));
    cleared.clear_doubt(at(20));
    for claimed in [lost, cleared] {
        assert!(!claimed.is_doubtful());
        for record in [claimed.unplaced(None, at(30)), claimed.given_up(ContactFailed, "m1", at(30))] {
            let other = request_for(with_data("other", delivery(2, 100)));
            assert_eq!(ended(&record, &other), NotClaimed::Conflict, "{:?}", record.state);
            let refused = again(&record, &request(2, 100)).unplaced(None, at(101));
            assert_eq!(ended(&refused, &request_for(with_data("other", delivery(3, 200)))), NotClaimed::Conflict);
        }
    }
}

#[test]
fn doubt_outlives_claims_and_keeps_the_time_of_the_first_request() {
    let record = in_doubt();
    let claimed = again(&record, &request(2, 50));
    assert_eq!(claimed.record().first_sent, Some(at(0)));
    assert_eq!(claimed.unplaced(None, at(51)).state, State::InDoubt, "being turned away at the door proves nothing");
    let mut cleared = claimed.clone();
    cleared.clear_doubt(at(51));
    let released = cleared.unplaced(None, at(51));
    assert_eq!((released.state, released.first_sent), (State::Released, None));
}

#[test]
fn a_request_that_was_given_up_a_moment_ago_is_still_on_its_way() {
    let mut claimed = first();
    claimed.doubt(at(10));
    claimed.clear_doubt(at(14));
    assert!(claimed.is_doubtful());
    claimed.clear_doubt(at(15));
    assert!(!claimed.is_doubtful());
}

#[test]
fn doubt_is_parked_before_cxone_forgets_the_key_and_never_claimed_again() {
    let record = in_doubt();
    let forgotten = KEY_MEMORY.as_secs() - KEY_GUARD.as_secs();
    assert!(claim(Some(&record), &request(2, forgotten - 1)).is_ok());
    let End { how, record: Some(parked) } = claim(Some(&record), &request(2, forgotten)).unwrap_err() else {
        panic!("it must be parked")
    };
    assert_eq!(how, NotClaimed::Parked { why: None, sending: None });
    assert_eq!((parked.state, parked.attempts), (State::Parked, 1));
    let weeks = request(3, 365 * DAY);
    assert_eq!(
        claim(Some(&parked), &weeks).unwrap_err(),
        End { how: NotClaimed::Parked { why: None, sending: None }, record: None }
    );
    let problem = dead_letter(Some(&parked), &weeks.delivery, NoRoute);
    assert_eq!(problem, End { how: NotClaimed::Parked { why: None, sending: None }, record: None });
}

#[test]
fn a_lost_contact_starts_a_new_key_and_its_target_is_out_until_a_redrive() {
    let mut claimed = first();
    claimed.doubt(at(1));
    let record = claimed.lose(placed("lost"), at(3)).clone();
    assert_eq!((record.first_sent, record.at, claimed.lost()), (Some(at(3)), at(3), 1));
    assert!(claimed.lost_at("queue:lost") && !claimed.lost_at("queue:other"));
    let released = claimed.unplaced(None, at(4));
    assert!(again(&released, &request(2, 5)).lost_at("queue:lost"), "a deferral forgives no target");
    let dead = claimed.given_up(ContactFailed, "m1", at(4));
    assert_eq!(dead.state, State::DeadLettered);
    let redriven = again(&dead, &request(2, 500));
    assert_eq!((redriven.lost(), redriven.lost_at("queue:lost")), (1, false));
}

#[test]
fn a_loss_told_under_a_key_in_doubt_is_nobodys_and_the_next_one_is_its_targets() {
    let mut claimed = again(&in_doubt(), &request(2, 50));
    assert!(claimed.is_doubtful(), "the loss may be the earlier request's, at another target");
    claimed.lose(PlacedContact { target: "unknown".to_owned(), ..placed("lost") }, at(51));
    assert!(!claimed.is_doubtful() && !claimed.lost_at("queue:lost"));
}

#[test]
fn the_same_lost_contact_told_twice_counts_once() {
    let mut claimed = first();
    claimed.lose(placed("lost"), at(3));
    claimed.lose(placed("lost"), at(4));
    assert_eq!(claimed.lost(), 1);
}

#[test]
fn another_delivery_of_a_dead_lettered_message_ends_as_the_first_and_another_message_may_claim() {
    let mut claimed = first();
    claimed.lose(placed("a"), at(1));
    let by_placement = claimed.given_up(ContactFailed, "m1", at(2));
    let by_mapping = *dead_letter(None, &delivery(1, 2), InvalidAttribute).record.unwrap();
    for (record, reason) in [(by_placement, ContactFailed), (by_mapping, InvalidAttribute)] {
        assert_eq!(record.at, at(2));
        let twin = of_message("m1", delivery(2, 3));
        assert_eq!(ended(&record, &request_for(twin.clone())), NotClaimed::DeadLettered(reason));
        let end = dead_letter(Some(&record), &twin, Expired);
        assert_eq!(
            end,
            End { how: NotClaimed::DeadLettered(reason), record: None },
            "whatever is wrong with it by now"
        );
        let redriven = again(&record, &request(3, 4));
        let twin = ended(&redriven.unplaced(None, at(6)), &request_for(of_message("m1", delivery(4, 9))));
        assert_eq!(twin, NotClaimed::DeadLettered(reason), "its fate is remembered beside a redrive's");
        let injected = redriven.injected(placed("c"), at(6));
        let late = request_for(of_message("m1", delivery(4, 9)));
        assert_eq!(ended(&injected, &late), NotClaimed::Duplicate("c".to_owned()));
    }
}

#[test]
fn an_event_that_cannot_be_injected_is_on_record_with_its_reason_and_its_message() {
    let released = first().unplaced(None, at(1));
    for existing in [None, Some(&released)] {
        let End { how, record: Some(record) } = dead_letter(existing, &delivery(2, 9), NoRoute) else { panic!() };
        assert_eq!(how, NotClaimed::DeadLettered(NoRoute));
        assert_eq!(record.state, State::DeadLettered);
        assert_eq!(record.dead_letters, [DeadLettered { reason: NoRoute, message_id: "m2".to_owned() }]);
        assert_eq!((record.attempt, record.at, record.until), (Uuid::from_u128(2), at(9), at(9)));
        assert!(!record.is_in_doubt());
    }
}

#[test]
fn what_was_injected_is_a_duplicate_whatever_is_wrong_with_the_event_since() {
    let record = first().injected(placed("c"), at(1));
    let end = dead_letter(Some(&record), &delivery(2, 40 * DAY), InvalidAttribute);
    assert_eq!(end, End { how: NotClaimed::Duplicate("c".to_owned()), record: None });
}

#[test]
fn what_is_in_doubt_is_parked_when_it_cannot_be_sent_again() {
    let crashed = first().record().clone();
    for (record, attempts) in [(in_doubt(), 1), (crashed, 1)] {
        let End { how, record: Some(parked) } = dead_letter(Some(&record), &delivery(2, 100), NoRoute) else {
            panic!("{:?}", record.state)
        };
        assert_eq!((how, parked.state), (NotClaimed::Parked { why: Some(NoRoute), sending: None }, State::Parked));
        assert_eq!(
            ended(&parked, &request(3, 200)),
            NotClaimed::Parked { why: Some(NoRoute), sending: None },
            "its record says why"
        );
        assert_eq!((parked.attempts, parked.crashes, parked.attempt), (attempts, 0, Uuid::from_u128(2)));
    }
    let mut claimed = first();
    claimed.doubt(at(1));
    let parked = claimed.given_up(DeadLetterReason::PayloadRejected, "m1", at(2));
    assert_eq!(parked.state, State::Parked);
    let why = NotClaimed::Parked { why: Some(DeadLetterReason::PayloadRejected), sending: None };
    assert_eq!(ended(&parked, &request_for(of_message("m1", delivery(2, 9)))), why);
}

#[test]
fn what_another_worker_has_is_its_own_to_end() {
    let record = first().record().clone();
    let end = dead_letter(Some(&record), &delivery(2, 74), NoRoute);
    assert_eq!(end, End { how: NotClaimed::InProgress(record.until), record: None });
}

#[test]
fn unreadable_data_leave_the_record_of_an_event_that_is_bound_to_its_own() {
    let unreadable = Delivery { hash: None, ..delivery(2, 100) };
    let injected = first().injected(placed("c"), at(1));
    for record in [in_doubt(), injected] {
        let end = dead_letter(Some(&record), &unreadable, DeadLetterReason::MalformedEvent);
        let how = NotClaimed::DeadLettered(DeadLetterReason::MalformedEvent);
        assert_eq!(end, End { how, record: None }, "{:?}", record.state);
    }
    let released = first().unplaced(None, at(1));
    assert!(dead_letter(Some(&released), &unreadable, DeadLetterReason::MalformedEvent).record.is_some());
}

#[test]
fn a_record_of_a_newer_version_is_left_alone() {
    let record = Record { version: RECORD_VERSION + 1, ..first().record().clone() };
    let newer = End { how: NotClaimed::NewerVersion(RECORD_VERSION + 1), record: None };
    assert_eq!(claim(Some(&record), &request(2, 500)).unwrap_err(), newer);
    for hash in [Some(data("same")), None] {
        assert_eq!(dead_letter(Some(&record), &Delivery { hash, ..delivery(2, 500) }, NoRoute), newer);
    }
}

#[test]
fn a_claim_that_never_settled_counts_as_a_request_of_which_nobody_knows() {
    let mut claimed = first();
    claimed.sent("queue:q");
    claimed.sent("queue:q");
    assert_eq!((claimed.attempts(), claimed.unplaced(None, at(1)).attempts_so_far()), (2, 2));
    let crashed = again(&claimed.unplaced(None, at(1)), &request(2, 2)).record().clone();
    assert_eq!(claim(Some(&crashed), &alone(3, 100)).unwrap().attempts, 3);
}

#[test]
fn every_message_that_ended_as_a_dead_letter_is_remembered_beside_the_others() {
    let first = *dead_letter(None, &delivery(1, 1), NoRoute).record.unwrap();
    let second = *dead_letter(Some(&first), &delivery(2, 2), InvalidAttribute).record.unwrap();
    for (message, reason) in [("m1", NoRoute), ("m2", InvalidAttribute)] {
        let again = request_for(of_message(message, delivery(9, 3)));
        assert_eq!(ended(&second, &again), NotClaimed::DeadLettered(reason));
    }
    let many = (3..20)
        .fold(second, |record, attempt| *dead_letter(Some(&record), &delivery(attempt, 3), NoRoute).record.unwrap());
    assert_eq!(many.dead_letters.len(), 4);
    assert_eq!(many.dead_letter_of("m19"), Some(NoRoute));
}

#[test]
fn a_loss_told_after_a_crash_leaves_the_next_key_in_doubt_since_the_crash() {
    let crashed = first().record().clone();
    let in_between = again(&crashed, &alone(2, 100)).unplaced(None, at(101));
    let mut taken_over = again(&in_between, &request(3, 20 * 3600));
    let record = taken_over.lose(placed("lost"), at(20 * 3600)).clone();
    assert_eq!(record.first_sent, Some(at(0)), "the next key may be as old as the claim of the worker that died");
    assert!(taken_over.is_doubtful());
    taken_over.lose(placed("another"), at(20 * 3600 + 1));
    assert!(!taken_over.is_doubtful());
}

#[test]
fn contacts_that_were_lost_count_on_through_every_refusal_and_claim() {
    let mut claimed = first();
    claimed.sent("queue:q");
    claimed.lose(placed("a"), at(1));
    let dead = *dead_letter(Some(&claimed.unplaced(None, at(2))), &delivery(2, 3), NoRoute).record.unwrap();
    assert_eq!((dead.lost.clone(), dead.forgiven, dead.attempts), (vec![placed("a")], 1, 1));
    assert_eq!((dead.hash.clone(), dead.first_sent), (Some(data("same")), None));
    let mut redriven = again(&dead, &request(3, 4));
    redriven.lose(placed("b"), at(5));
    assert_eq!((redriven.lost(), redriven.lost_at("queue:a"), redriven.lost_at("queue:b")), (2, false, true));
    assert_eq!(again(&redriven.unplaced(None, at(6)), &request(4, 7)).record().forgiven, 1);
}
