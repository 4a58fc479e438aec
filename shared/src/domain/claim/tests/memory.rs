//! How long the ledger remembers, against every way in which an event may come again.

use proptest::prelude::*;

use super::*;
use crate::domain::{expiry::Expiry, outcome::QUEUE_RETENTION};

#[test]
fn a_key_is_taken_to_be_forgotten_a_quarter_of_an_hour_before_a_day_is_over() {
    assert_eq!((KEY_MEMORY, KEY_GUARD), (HOUR * 24, HOUR / 4));
    assert_eq!((RECORD_LIFETIME, SURELY_REMEMBERED), (HOUR * 24 * 45, HOUR * 24 * 44));
}

#[test]
fn records_outlive_every_way_of_a_message_that_does_not_ask_the_ledger() {
    let dead_letter_retention = Duration::from_secs(14 * DAY);
    assert!(QUEUE_RETENTION + dead_letter_retention + QUEUE_RETENTION < SURELY_REMEMBERED);
    assert!(SURELY_REMEMBERED + HOUR * 24 <= RECORD_LIFETIME);
}

proptest! {
    /// An event may be dated in the past or the future, be claimed or refused whenever it lives, end in any way, and
    /// come again at any time at which it still lives: its record is there.
    #[test]
    fn no_event_within_the_ledgers_memory_outlives_its_record(
        age in -60 * 86_400_000_i64..44 * 86_400_000, replayed in 0.0..1.0_f64, settled in 0..90_000_u64, ending in 0..8_usize,
    ) {
        let born = Timestamp::from_millis(at(0).as_millis() - age);
        let last = Expiry::new(born, None, None).at().minus(Duration::from_millis(1));
        let delivery = Delivery { born, ..delivery(1, 0) };
        let over = delivery.now.plus(Duration::from_millis(settled));
        let first = claim(None, &request_for(delivery.clone())).unwrap();
        let resolved = |parked: Record, how| resolve(&parked, how, over).unwrap();
        // The same event once more, of the time at which it comes.
        let again = Delivery { born: over, now: over.plus(HOUR), ..delivery.clone() };
        let mut claim = Claim::new(first.clone(), None);
        let mut doubtful = claim.clone();
        doubtful.doubt(over);
        let record = match ending {
            0 => claim.record().clone(),
            1 => claim.injected(placed("c"), over),
            2 => claim.lose(placed("c"), over).clone(),
            3 => claim.unplaced(None, over),
            4 => *dead_letter(None, &delivery, NoRoute).record.unwrap(),
            5 => resolved(doubtful.given_up(NoRoute, "m", over), Resolution::Injected),
            6 => resolved(*dead_letter(Some(&first), &again, NoRoute).record.unwrap(), Resolution::Retry),
            _ => super::claim(Some(&claim.unplaced(None, over)), &request_for(again)).unwrap(),
        };
        let replay = over.max(over.plus(last.since(over).mul_f64(replayed))).min(last.max(over));
        // DynamoDB keeps whole seconds.
        let stored = Record { expires: record.expires.map(|at| Timestamp::from_millis(at.as_seconds() * 1000)), ..record };
        prop_assert!(remembered(Some(&stored), replay).is_some());
    }
}
