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

/// Lets workers read, reserve and place contacts one by one, in any interleaving. Returns what they placed, and what
/// was reserved when the first of them had to fall back.
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

/// A queue at CXone without agents, and what the registry holds of it.
struct Filling {
    max: u64,
    arrived: Vec<Timestamp>,
    observed: Timestamp,
    capacity: u64,
    reserved: u64,
}

impl Filling {
    fn read(&mut self, now: Timestamp) {
        (self.observed, self.capacity, self.reserved) = (now, self.arrived.len() as u64, 0);
    }

    fn known(&self) -> Queue {
        let health = QueueHealth { observed: self.observed, ..health(self.capacity, self.max, SECOND) };
        Queue { reserved: self.reserved, ..Queue::new(Some(health), None) }
    }

    /// What came so shortly before the reading that it is counted twice.
    fn counted_twice(&self) -> usize {
        let since = self.observed.minus(COUNTED_AFTER);
        self.arrived.iter().filter(|at| **at > since && **at <= self.observed).count()
    }
}

/// A worker goes by the latest reading, and puts one contact into the queue where it has room.
fn set_out(queues: &mut Queues, filling: &mut Filling, now: Timestamp) -> bool {
    queues.learn(queue(), filling.known());
    while matches!(queues.availability(&queue(), now), Availability::Open(_)) {
        if queues.place(&queue(), now) {
            queues.arrived(&queue(), now);
            filling.arrived.push(now);
            return true;
        }
        let ask = queues.ask(&queue(), queues.lacking(&queue()), now).unwrap();
        filling.reserved += ask.places;
        queues.grant(&queue(), ask, filling.reserved);
    }
    false
}

proptest! {
    #[test]
    fn whenever_the_queue_is_read_anew_it_is_filled_and_never_overfilled(
        workers in prop_oneof![Just(1_usize), Just(10), Just(1000)],
        max in prop_oneof![1_u64..=3, 20_u64..=60, Just(400)],
        // A tenth of a second each: one worker has a contact to place, or the queue is read.
        turns in prop::collection::vec(prop::option::weighted(0.97, any::<usize>()), 1..900),
    ) {
        let mut filling = Filling { max, arrived: Vec::new(), observed: NOW, capacity: 0, reserved: 0 };
        let mut all = vec![nothing_known(SCARCE); workers];
        for (turn, worker) in (1_u32..).zip(turns) {
            let now = NOW.plus(SECOND / 10 * turn);
            let Some(worker) = worker else {
                filling.read(now);
                continue;
            };
            let went = set_out(&mut all[worker % workers], &mut filling, now);
            let there = filling.arrived.len();
            prop_assert!(there as u64 <= max);
            if !went {
                let used = (there + filling.counted_twice()) as u64;
                prop_assert!(used * 100 >= max * 95, "{used} of {max} when the first falls back");
            }
        }
    }

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
