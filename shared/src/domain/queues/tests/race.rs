//! Many workers and one queue that is nearly full.

use proptest::prelude::*;

use super::*;

/// A batch of one worker in a race for one queue.
struct Racer {
    worker: usize,
    events: u64,
    /// What it has planned to reserve, once it has read the registry; then nothing, once it has reserved.
    planned: Option<u64>,
    read: bool,
}

/// Lets workers read, reserve and place contacts one by one, in any interleaving. Returns what they placed, and what was
/// reserved when the first of them had to fall back.
fn race(workers: usize, room: u64, batches: &[(usize, u64)], turns: &[usize]) -> (u64, Option<u64>) {
    let routes = routes(&[&[1]]);
    let route = routes.iter().next().unwrap();
    let mut dispenser = Dispenser::default();
    let mut all = vec![nothing_known(Bounds::new(MAX_AGE, Rate { limit: 120, window: SECOND * 60 }, workers)); workers];
    let racer = |(worker, events): &(usize, u64)| Racer {
        worker: worker % workers,
        events: *events,
        planned: None,
        read: false,
    };
    let mut racers: Vec<_> = batches.iter().map(racer).collect();
    let (mut placed, mut at_first_fallback) = (0, None);
    for turn in turns.iter().cycle() {
        if racers.is_empty() {
            break;
        }
        let index = turn % racers.len();
        let racer = &mut racers[index];
        let queues = &mut all[racer.worker];
        if !racer.read {
            let health = Some(health(1000 - room, 1000, SECOND));
            queues.learn(queue(), Queue { reserved: dispenser.reserved, ..Queue::new(health, None) });
            let batch = std::iter::repeat_n(route, usize::try_from(racer.events).unwrap());
            racer.planned = queues.to_reserve(batch, NOW).get(&queue()).copied();
            racer.read = true;
        } else if let Some(places) = racer.planned.take() {
            reserve(queues, &mut dispenser, places);
        } else if racer.events == 0 {
            racers.swap_remove(index);
        } else {
            let mut went = open(queues) && queues.place(&queue(), NOW);
            if !went && open(queues) {
                // What was planned for it went to another batch.
                reserve(queues, &mut dispenser, 1);
                went = open(queues) && queues.place(&queue(), NOW);
            }
            placed += u64::from(went);
            if !went {
                at_first_fallback.get_or_insert(dispenser.reserved.min(room));
            }
            racer.events -= 1;
        }
    }
    (placed, at_first_fallback)
}

proptest! {
    #[test]
    fn however_many_workers_race_they_fill_the_room_and_no_more_before_anyone_falls_back(
        workers in prop_oneof![Just(1_usize), Just(10), Just(1000)],
        room in prop_oneof![0_u64..=3, 20_u64..=60, Just(400)],
        batches in prop::collection::vec((any::<usize>(), 1_u64..=10), 1..120),
        turns in prop::collection::vec(any::<usize>(), 1..200),
    ) {
        let (placed, at_first_fallback) = race(workers, room, &batches, &turns);
        let wanted: u64 = batches.iter().map(|(_, events)| events).sum();
        prop_assert_eq!(placed, wanted.min(room));
        if let Some(reserved) = at_first_fallback {
            prop_assert!(reserved * 100 >= room * 95, "{reserved} of {room}");
        }
    }
}
