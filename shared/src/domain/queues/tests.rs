mod default_skills;
mod plan;
mod race;

use super::*;
use crate::{
    dialects::guide,
    domain::routes::{Route, Routes},
};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const MAX_AGE: Duration = Duration::from_secs(180);
const SECOND: Duration = Duration::from_secs(1);
/// Where places have to be reserved, whatever the room; and where none has to be.
const SCARCE: Bounds = Bounds { max_age: MAX_AGE, placeable: u64::MAX };
const PLENTY: Bounds = Bounds { max_age: MAX_AGE, placeable: 0 };

fn queue() -> QueueId {
    numbered(1)
}

fn numbered(number: u8) -> QueueId {
    QueueId::new(format!("q-{number}")).unwrap()
}

fn health(capacity: u64, max: u64, age: Duration) -> QueueHealth {
    let (capacity, max_capacity) = (Some(capacity), Some(max));
    let status = if capacity >= max_capacity { Status::Saturated(vec![]) } else { Status::Open };
    QueueHealth { status, capacity, max_capacity, observed: NOW.minus(age) }
}

fn nothing_known(bounds: Bounds) -> Queues {
    let mut queues = Queues::default();
    queues.begin(bounds, NOW);
    queues
}

fn queues(bounds: Bounds, health: QueueHealth) -> Queues {
    let mut queues = nothing_known(bounds);
    queues.learn(queue(), Queue::new(Some(health), None));
    queues
}

/// Reserves places that are the next ones of their queue.
fn reserve(queues: &mut Queues, dispenser: &mut Dispenser, contacts: u64) {
    let ask = queues.ask(&queue(), contacts, NOW).unwrap();
    let up_to = dispenser.reserve(ask.places);
    queues.grant(&queue(), ask, up_to);
}

/// One queue's count of reserved places, as the registry keeps it, and how often it was written.
#[derive(Default)]
struct Dispenser {
    reserved: u64,
    writes: usize,
}

impl Dispenser {
    fn reserve(&mut self, places: u64) -> u64 {
        self.writes += 1;
        self.reserved += places;
        self.reserved
    }
}

#[test]
fn where_there_is_plenty_a_worker_counts_down_what_it_places_itself() {
    let mut queues = queues(PLENTY, health(90, 100, Duration::ZERO));
    assert!(queues.has_plenty(&queue(), NOW) && queues.ask(&queue(), 1, NOW).is_none());
    let placed = (0..100).filter(|_| open(&queues) && queues.place(&queue(), NOW)).count();
    assert_eq!((placed, queues.availability(&queue(), NOW)), (10, Availability::Saturated));
    queues.unplace(&queue());
    assert_eq!(queues.availability(&queue(), NOW), Availability::Open(2));
}

fn open(queues: &Queues) -> bool {
    matches!(queues.availability(&queue(), NOW), Availability::Open(_))
}

#[test]
fn nearly_full_begins_at_eighty_and_at_ninety_percent() {
    for bounds in [PLENTY, SCARCE] {
        let availability = |capacity| queues(bounds, health(capacity, 10, Duration::ZERO)).availability(&queue(), NOW);
        assert_eq!(
            [0, 7, 8, 9, 10].map(availability),
            [
                Availability::Open(0),
                Availability::Open(0),
                Availability::Open(1),
                Availability::Open(2),
                Availability::Saturated
            ]
        );
    }
}

#[test]
fn a_queue_without_a_maximum_has_plenty_of_room() {
    let unlimited = QueueHealth { max_capacity: None, ..health(7, 10, Duration::ZERO) };
    let mut queues = queues(SCARCE, unlimited);
    assert!(queues.has_plenty(&queue(), NOW) && queues.place(&queue(), NOW));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Open(0));
}

#[test]
fn stale_health_says_nothing_whatever_it_said() {
    for capacity in [0, 10] {
        let mut queues = queues(SCARCE, health(capacity, 10, MAX_AGE));
        assert_eq!(queues.availability(&queue(), NOW), Availability::Unknown);
        assert!(!queues.has_plenty(&queue(), NOW) && queues.place(&queue(), NOW), "there is nothing to reserve of");
        queues.begin(Bounds { max_age: MAX_AGE * 5, ..SCARCE }, NOW);
        assert_ne!(queues.availability(&queue(), NOW), Availability::Unknown, "a rarer schedule has a larger age");
    }
    assert_eq!(nothing_known(SCARCE).availability(&queue(), NOW), Availability::Unknown);
}

#[test]
fn a_refusal_saturates_until_its_time_or_newer_health() {
    let mut queues = queues(SCARCE, health(0, 10, SECOND));
    let until = queues.saturate(&queue(), NOW);
    for after in [Duration::ZERO, SATURATED_FOR / 2] {
        assert_eq!(queues.availability(&queue(), NOW.plus(after)), Availability::Saturated);
    }
    assert!(!queues.has_plenty(&queue(), NOW), "so it is looked at again before the next batch");
    assert_eq!(queues.availability(&queue(), until), Availability::Open(0));
    let recovered = QueueHealth { observed: NOW.plus(SECOND), ..health(0, 10, Duration::ZERO) };
    queues.learn(queue(), Queue::new(Some(recovered), Some(until)));
    assert_eq!(queues.availability(&queue(), NOW.plus(SECOND * 2)), Availability::Open(0));
}

#[test]
fn a_mark_by_a_clock_gone_wrong_does_not_close_a_queue_for_good() {
    let mut queues = nothing_known(SCARCE);
    let never = Some(Timestamp::from_millis(i64::MAX));
    queues.learn(queue(), Queue::new(Some(health(0, 10, Duration::ZERO)), never));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Open(0));
}

#[test]
fn newer_health_counts_what_had_arrived_and_not_what_was_on_its_way() {
    let observed = |age| Queue::new(Some(health(7, 10, SECOND * age)), None);
    let mut queues = nothing_known(PLENTY);
    queues.learn(queue(), observed(100));
    for _ in 0..3 {
        assert!(queues.place(&queue(), NOW));
    }
    queues.arrived(&queue(), NOW.minus(SECOND * 90));
    queues.arrived(&queue(), NOW.minus(SECOND * 11));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated);
    queues.learn(queue(), observed(101));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated, "older health says nothing new");
    queues.learn(queue(), observed(10));
    assert_eq!(
        queues.availability(&queue(), NOW),
        Availability::Open(2),
        "one is there for sure, one may be, one is still under way"
    );
    queues.begin(PLENTY, NOW);
    queues.learn(queue(), Queue::new(Some(QueueHealth { observed: NOW.plus(SECOND), ..health(7, 10, SECOND) }), None));
    assert_eq!(
        queues.availability(&queue(), NOW),
        Availability::Open(1),
        "what an invocation left under way may have arrived at its end"
    );
}

#[test]
fn a_place_is_reserved_by_its_number_and_what_is_beyond_the_room_serves_nobody() {
    let (mut queues, mut dispenser) = (queues(SCARCE, health(20, 30, Duration::ZERO)), Dispenser::default());
    dispenser.reserve(6);
    assert!(!queues.place(&queue(), NOW), "nothing is reserved yet");
    reserve(&mut queues, &mut dispenser, 8);
    let availabilities: Vec<_> =
        (0..5).map(|_| (queues.availability(&queue(), NOW), queues.place(&queue(), NOW))).collect();
    assert_eq!(availabilities[0], (Availability::Open(1), true), "place 7 of 10 is the 27th of 30: 26 are there, 86 %");
    assert_eq!(availabilities[1..4], [(Availability::Open(2), true); 3]);
    assert_eq!(availabilities[4], (Availability::Saturated, false));
    queues.unplace(&queue());
    assert_eq!(
        (queues.availability(&queue(), NOW), queues.place(&queue(), NOW)),
        (Availability::Open(2), true),
        "a place that is free again"
    );
    assert_eq!((dispenser.reserved, dispenser.writes), (14, 2));
}

#[test]
fn what_others_reserved_is_seen_before_anything_is_written() {
    let mut queues = queues(SCARCE, health(20, 30, Duration::ZERO));
    let reserved = |reserved| Queue { reserved, ..Queue::new(Some(health(20, 30, Duration::ZERO)), None) };
    queues.learn(queue(), reserved(9));
    assert_eq!(queues.reading(&queue()), Some(Reading { observed: NOW, reserved: 9 }));
    assert_eq!((queues.reading(&numbered(2)), Queue::default().reading()), (None, None));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Open(2));
    queues.learn(queue(), reserved(10));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated);
    queues.learn(queue(), reserved(3));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated, "a count of the same reading only grows");
}

#[test]
fn a_newer_reading_voids_places_and_counts_those_on_their_way_with_the_first_ask() {
    let (mut queues, mut dispenser) = (queues(SCARCE, health(0, 10, SECOND)), Dispenser::default());
    reserve(&mut queues, &mut dispenser, 5);
    assert!(queues.place(&queue(), NOW) && queues.place(&queue(), NOW));
    queues.arrived(&queue(), NOW);
    let newer = QueueHealth { observed: NOW, ..health(0, 10, Duration::ZERO) };
    queues.learn(queue(), Queue::new(Some(newer), None));
    assert!(!queues.place(&queue(), NOW), "the three that were left are void");
    let mut dispenser = Dispenser::default();
    reserve(&mut queues, &mut dispenser, 8);
    assert_eq!(dispenser.reserved, 10, "and the two that the reading may not count");
    let placed = (0..20).filter(|_| queues.place(&queue(), NOW)).count();
    assert_eq!((placed, queues.availability(&queue(), NOW)), (8, Availability::Saturated));
    assert_eq!(queues.ask(&queue(), 1, NOW).unwrap().places, 1, "they are counted once");
}

#[test]
fn whoever_lacks_a_place_is_asked_for_together_with_those_who_wait_for_their_permits() {
    let mut queues = nothing_known(SCARCE);
    queues.expect_no_more(&queue());
    assert_eq!(queues.lacking(&queue()), 1);
    for _ in 0..3 {
        queues.expect(&queue());
    }
    queues.expect_no_more(&queue());
    assert_eq!((queues.lacking(&queue()), queues.lacking(&numbered(2))), (3, 1));
    queues.begin(SCARCE, NOW);
    assert_eq!(queues.lacking(&queue()), 1, "they belonged to an invocation that is over");
}

#[test]
fn what_is_being_asked_for_is_asked_for_once_and_again_where_it_is_refused() {
    let mut queues = queues(SCARCE, health(0, 40, Duration::ZERO));
    for _ in 0..9 {
        queues.expect(&queue());
    }
    assert_eq!(queues.lacking(&queue()), 10);
    let first = queues.ask(&queue(), 10, NOW).unwrap();
    queues.expect_no_more(&queue());
    assert_eq!(queues.lacking(&queue()), 1, "the next one to be admitted asks for itself at most");
    let second = queues.ask(&queue(), 1, NOW).unwrap();
    queues.refuse(&queue(), first);
    assert_eq!(queues.lacking(&queue()), 8);
    queues.grant(&queue(), second, 1);
    assert_eq!(queues.lacking(&queue()), 9);
}

#[test]
fn contacts_without_a_place_are_asked_for_by_one_alone_and_by_the_next_where_that_is_refused() {
    let mut queues = queues(PLENTY, health(0, 40, SECOND));
    assert!(queues.place(&queue(), NOW) && queues.place(&queue(), NOW));
    queues.begin(SCARCE, NOW);
    let ask = queues.ask(&queue(), 1, NOW).unwrap();
    assert_eq!(ask.places, 3);
    assert_eq!(queues.ask(&queue(), 1, NOW).unwrap().places, 1);
    queues.refuse(&queue(), ask);
    let again = queues.ask(&queue(), 1, NOW).unwrap();
    assert_eq!(again.places, 3);
    queues.learn(queue(), Queue::new(Some(health(0, 40, Duration::ZERO)), None));
    let carried = queues.ask(&queue(), 0, NOW).unwrap().places;
    queues.refuse(&queue(), again);
    assert_eq!((carried, queues.ask(&queue(), 0, NOW).unwrap().places), (2, 0), "the newer reading counts them anew");
}

#[test]
fn a_newer_reading_opens_a_queue_of_which_nothing_could_be_reserved() {
    let mut queues = queues(SCARCE, health(0, 10, SECOND));
    queues.shut(&queue());
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated);
    queues.learn(queue(), Queue::new(Some(health(0, 10, Duration::ZERO)), None));
    assert!(open(&queues));
    assert_eq!(queues.known(&queue()).and_then(|known| known.health), Some(health(0, 10, Duration::ZERO)));
}

#[test]
fn little_room_is_read_again_after_a_second_and_plenty_of_it_after_ten() {
    let mut queues = queues(SCARCE, health(0, 10, Duration::ZERO));
    queues.registry_asked(queue(), NOW);
    let due = |queues: &Queues, seconds| {
        let now = NOW.plus(SECOND * seconds);
        (queues.is_to_be_read(&queue(), now), queues.is_to_be_read_again(&queue(), now))
    };
    assert_eq!([0, 1].map(|seconds| due(&queues, seconds)), [(true, false), (true, true)]);
    queues.begin(PLENTY, NOW);
    assert_eq!([1, 9, 10].map(|seconds| due(&queues, seconds)), [(false, false), (false, false), (true, true)]);
    assert!(queues.is_to_be_read_again(&numbered(2), NOW), "nobody has read it yet");
    assert!(queues.is_to_be_read_again(&queue(), NOW.minus(SECOND)), "the clock was set back");
    let outdated = [0, 9, 10].map(|seconds| queues.is_outdated(&queue(), NOW.plus(SECOND * seconds)));
    assert_eq!(outdated, [false, false, true], "what took ten seconds to be read says nothing of now");
}

#[test]
fn a_grant_under_a_reading_that_is_no_longer_known_is_dropped() {
    let mut queues = queues(SCARCE, health(0, 10, SECOND));
    let ask = queues.ask(&queue(), 4, NOW).unwrap();
    queues.learn(queue(), Queue::new(Some(health(0, 10, Duration::ZERO)), None));
    queues.grant(&queue(), ask, 4);
    assert!(!queues.place(&queue(), NOW));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Open(0), "nor does it count");
}

#[test]
fn a_queue_of_which_nothing_can_be_reserved_counts_as_full_until_the_next_invocation() {
    let (mut queues, mut dispenser) = (queues(SCARCE, health(0, 10, Duration::ZERO)), Dispenser::default());
    reserve(&mut queues, &mut dispenser, 1);
    queues.shut(&queue());
    assert!(open(&queues) && queues.place(&queue(), NOW), "what is reserved is");
    assert_eq!(queues.availability(&queue(), NOW), Availability::Saturated);
    queues.begin(SCARCE, NOW);
    assert!(open(&queues));
}

#[test]
fn plenty_is_what_all_clients_cannot_fill_while_one_reading_is_believed() {
    let rate = Rate { limit: 120, window: SECOND * 60 };
    let bounds = Bounds::new(MAX_AGE, rate, 2);
    assert_eq!(bounds.placeable, 960, "any 200 s lie within four windows");
    assert!(queues(bounds, health(40, 1000, SECOND)).has_plenty(&queue(), NOW));
    assert!(!queues(bounds, health(41, 1000, SECOND)).has_plenty(&queue(), NOW));
    assert_eq!(Bounds::new(MAX_AGE, Rate { window: SECOND * 300, ..rate }, 1).placeable, 120);
}

#[test]
fn ten_clients_and_one_busy_worker_fill_an_empty_queue_with_no_step_below_eighty_percent() {
    let bounds = Bounds::new(MAX_AGE, Rate { limit: 120, window: SECOND * 60 }, 10);
    let (mut queues, mut dispenser) = (queues(bounds, health(0, 30, Duration::ZERO)), Dispenser::default());
    let routes = routes(&[&[1]]);
    let mut availabilities = Vec::new();
    for _batch in 0..3 {
        let places = queues.to_reserve(std::iter::repeat_n(routes.iter().next().unwrap(), 10), NOW);
        reserve(&mut queues, &mut dispenser, places[&queue()]);
        availabilities.extend((0..10).map(|_| {
            let availability = queues.availability(&queue(), NOW);
            assert!(queues.place(&queue(), NOW));
            availability
        }));
    }
    assert!(
        availabilities[..24].iter().all(|availability| *availability == Availability::Open(0)),
        "{availabilities:?}"
    );
    assert_eq!(
        (&availabilities[24..27], &availabilities[27..]),
        (&[Availability::Open(1); 3][..], &[Availability::Open(2); 3][..])
    );
    assert_eq!((queues.availability(&queue(), NOW), dispenser.writes), (Availability::Saturated, 3));
}

/// Routes, each to these queues in this order.
fn routes(targets: &[&[u8]]) -> Routes {
    let routes = targets.iter().enumerate().map(|(index, targets)| {
        let targets: Vec<_> =
            targets.iter().map(|number| serde_json::json!({"queueId": numbered(*number).as_str()})).collect();
        serde_json::json!({
            "name": format!("r{index}"), "match": {"type": format!("t{index}")}, "channel": "voice", "targets": targets,
            "priority": {"default": 500}, "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
        })
    });
    Routes::from_json(serde_json::json!({"routes": routes.collect::<Vec<_>>()}).to_string(), guide::FACTS.routes)
        .unwrap()
}

#[test]
fn a_write_that_is_repeated_leaves_places_empty_and_gives_none_to_two() {
    let (mut one, mut dispenser) = (queues(SCARCE, health(0, 10, Duration::ZERO)), Dispenser::default());
    let ask = one.ask(&queue(), 4, NOW).unwrap();
    dispenser.reserve(ask.places);
    let up_to = dispenser.reserve(ask.places);
    one.grant(&queue(), ask, up_to);
    let mut other = queues(SCARCE, health(0, 10, Duration::ZERO));
    reserve(&mut other, &mut dispenser, 10);
    let placed = |queues: &mut Queues| (0..20).filter(|_| queues.place(&queue(), NOW)).count();
    assert_eq!((placed(&mut one), placed(&mut other)), (4, 2));
}

#[test]
fn one_404_leaves_a_queue_unknown_and_a_second_closes_it() {
    let once = QueueHealth::missing(None, NOW);
    let twice = QueueHealth::missing(Some(&once), NOW.plus(SECOND * 60));
    let mut queues = Queues::default();
    queues.begin(SCARCE, NOW);
    queues.learn(queue(), Queue::new(Some(once.clone()), None));
    assert_eq!(queues.availability(&queue(), NOW), Availability::Unknown);
    assert_eq!(queues.known(&queue()).and_then(|known| known.health), Some(once));
    assert_eq!(queues.known(&numbered(2)), None);
    queues.learn(queue(), Queue::new(Some(twice), None));
    assert_eq!(queues.availability(&queue(), NOW.plus(SECOND * 60)), Availability::Missing);
}
