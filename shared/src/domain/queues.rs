//! How much room the queues have, as one worker sees it.
//!
//! A queue's health is as old as the last sync, so a worker counts down the room that it saw by what it has put there
//! since. Workers don't tell each other: each keeps to its own share.

use std::{collections::HashMap, time::Duration};

use super::{
    health::{QueueHealth, Status},
    routes::QueueId,
    time::Timestamp,
};

/// A queue that refused a contact counts as full for so long: half a sync interval, after which its health knows.
pub const SATURATED_FOR: Duration = Duration::from_secs(30);

/// A contact that was placed so long before its queue's health was observed may not be counted in it yet: the longest
/// request, and clocks that differ by as much again.
const ON_ITS_WAY: Duration = Duration::from_secs(20);

/// Shares of `maxCapacity`, in percent, from which each lowers the priority by a step.
const NEARLY_FULL: [u64; 2] = [80, 90];

/// What is known of a queue from outside this delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It takes contacts; with the steps for how full it is.
    Open(u32),
    /// It doesn't.
    Saturated,
    /// There is no such queue.
    Missing,
    /// Nobody has said lately.
    Unknown,
}

/// What one worker knows of the queues: the latest health, and what it has put into each since that was observed.
///
/// Workers don't tell each other what they place. Each takes its own share of the room that all of them saw, so that
/// together they stay within it.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    queues: HashMap<QueueId, Queue>,
    share: Share,
    /// Older health than this says nothing.
    max_age: Duration,
}

/// Which of the workers this is: by its OAuth client, since no two hold the same one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The place of the worker's client among all.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl Default for Share {
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

impl Share {
    /// How much of a queue's room is this worker's, given when that room was observed.
    ///
    /// What doesn't divide goes to some, one each, and to others the next time: a queue with less room than there are
    /// workers is used all the same.
    fn part(self, room: u64, observed: Timestamp) -> u64 {
        let of = self.of.max(1);
        // Knuth's multiplicative hash: observations a minute apart have to differ for every number of workers.
        let turn = (observed.as_millis().unsigned_abs() / 1000).wrapping_mul(2_654_435_761) >> 16;
        room / of + u64::from((self.index + turn % of) % of < room % of)
    }
}

/// What is known of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The latest health, where there is one.
    pub health: Option<QueueHealth>,
    /// Until when it counts as full, since it refused a contact.
    pub saturated_until: Option<Timestamp>,
    /// When this worker put contacts into it, or was about to, that its health doesn't count yet.
    placed: Vec<Timestamp>,
}

impl Queue {
    /// A queue as the registry holds it.
    pub fn new(health: Option<QueueHealth>, saturated_until: Option<Timestamp>) -> Self {
        Self { health, saturated_until, placed: Vec::new() }
    }

    fn door(&self, now: Timestamp, share: Share, max_age: Duration) -> Door {
        // Health that is newer than the refusal knows better; a mark that reaches further than marks do was made by a
        // clock that ran ahead.
        let observed = self.health.as_ref().map(|health| health.observed);
        if self.saturated_until.is_some_and(|until| {
            until > now
                && until <= now.plus(SATURATED_FOR * 2)
                && observed.is_none_or(|at| at <= until.minus(SATURATED_FOR))
        }) {
            return Door::Saturated;
        }
        let Some(health) = self.health.as_ref().filter(|health| now.since(health.observed) < max_age) else {
            return Door::Unknown;
        };
        match (&health.status, health.capacity, health.max_capacity) {
            (Status::Missing, ..) => Door::Missing,
            (Status::Saturated(_), ..) => Door::Saturated,
            (Status::Unknown(_), ..) => Door::Unknown,
            (Status::Open, Some(capacity), Some(max)) => {
                let placed = self.placed.len() as u64;
                if placed >= share.part(max.saturating_sub(capacity), health.observed) {
                    return Door::Saturated;
                }
                // The others are taken to have placed as many, but never more than there is room for.
                let filled = capacity.saturating_add(placed.saturating_mul(share.of)).min(max);
                let percent = u128::from(filled) * 100 / u128::from(max);
                Door::Open(NEARLY_FULL.iter().map(|from| u32::from(percent >= u128::from(*from))).sum())
            }
            (Status::Open, ..) => Door::Open(0),
        }
    }
}

impl Queues {
    /// Says which worker this is from now on.
    pub fn take_share(&mut self, share: Share) {
        self.share = share;
    }

    /// Says how old health may be: what is older says nothing. Until then none is believed.
    pub fn believe_for(&mut self, max_age: Duration) {
        self.max_age = max_age;
    }

    /// Takes in what the registry, or CXone itself, says of a queue. Newer health counts what had arrived when it was
    /// observed; older health says nothing new.
    pub fn learn(&mut self, id: QueueId, queue: Queue) {
        let known = self.queues.entry(id).or_default();
        known.saturated_until = known.saturated_until.max(queue.saturated_until);
        let observed = |health: &Option<QueueHealth>| health.as_ref().map(|health| health.observed);
        if let Some(at) = observed(&queue.health).filter(|at| Some(*at) > observed(&known.health)) {
            known.health = queue.health;
            known.placed.retain(|placed| *placed > at.minus(ON_ITS_WAY));
        }
    }

    /// When a queue's health was observed, where it was.
    pub fn observed(&self, id: &QueueId) -> Option<Timestamp> {
        self.queues.get(id)?.health.as_ref().map(|health| health.observed)
    }

    /// Whether a queue takes one more contact.
    pub fn door(&self, id: &QueueId, now: Timestamp) -> Door {
        self.queues.get(id).map_or(Door::Unknown, |queue| queue.door(now, self.share, self.max_age))
    }

    /// A contact is on its way into a queue: its room is counted down.
    pub fn place(&mut self, id: &QueueId, now: Timestamp) {
        self.queues.entry(id.clone()).or_default().placed.push(now);
    }

    /// A contact did not get into the queue that it was on its way to.
    pub fn unplace(&mut self, id: &QueueId) {
        if let Some(queue) = self.queues.get_mut(id) {
            queue.placed.pop();
        }
    }

    /// A queue refused a contact: it counts as full until this.
    pub fn saturate(&mut self, id: &QueueId, now: Timestamp) -> Timestamp {
        let until = now.plus(SATURATED_FOR);
        self.queues.entry(id.clone()).or_default().saturated_until = Some(until);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const MAX_AGE: Duration = Duration::from_secs(180);

    fn queue() -> QueueId {
        QueueId::new("7f1c6f0e-0000-4000-8000-000000000001".to_owned()).unwrap()
    }

    fn health(capacity: u64, max: u64, age: Duration) -> QueueHealth {
        let (capacity, max_capacity) = (Some(capacity), Some(max));
        let status = if capacity >= max_capacity { Status::Saturated(vec![]) } else { Status::Open };
        QueueHealth { status, capacity, max_capacity, observed: NOW.minus(age) }
    }

    fn queues(health: QueueHealth) -> Queues {
        let mut queues = nothing_known();
        queues.learn(queue(), Queue::new(Some(health), None));
        queues
    }

    fn nothing_known() -> Queues {
        let mut queues = Queues::default();
        queues.believe_for(MAX_AGE);
        queues
    }

    #[test]
    fn a_batch_of_a_hundred_never_puts_more_into_a_queue_than_it_has_room_for() {
        let mut queues = queues(health(90, 100, Duration::ZERO));
        let mut placed = 0;
        for _ in 0..100 {
            if matches!(queues.door(&queue(), NOW), Door::Open(_)) {
                queues.place(&queue(), NOW);
                placed += 1;
            }
        }
        assert_eq!((placed, queues.door(&queue(), NOW)), (10, Door::Saturated));
        queues.unplace(&queue());
        assert_eq!(queues.door(&queue(), NOW), Door::Open(2));
    }

    #[test]
    fn nearly_full_begins_at_eighty_and_at_ninety_percent() {
        let door = |capacity| queues(health(capacity, 10, Duration::ZERO)).door(&queue(), NOW);
        assert_eq!(
            [0, 7, 8, 9, 10].map(door),
            [Door::Open(0), Door::Open(0), Door::Open(1), Door::Open(2), Door::Saturated]
        );
    }

    #[test]
    fn stale_health_says_nothing_whatever_it_said() {
        for capacity in [0, 10] {
            let mut queues = queues(health(capacity, 10, MAX_AGE));
            assert_eq!(queues.door(&queue(), NOW), Door::Unknown);
            queues.believe_for(MAX_AGE * 5);
            assert_ne!(queues.door(&queue(), NOW), Door::Unknown, "a rarer schedule has a larger age");
        }
        assert_eq!(nothing_known().door(&queue(), NOW), Door::Unknown);
    }

    #[test]
    fn a_refusal_saturates_until_its_time_or_newer_health() {
        let mut queues = queues(health(0, 10, Duration::from_secs(1)));
        let until = queues.saturate(&queue(), NOW);
        assert_eq!(queues.door(&queue(), NOW.plus(SATURATED_FOR / 2)), Door::Saturated);
        assert_eq!(queues.door(&queue(), until), Door::Open(0));
        let recovered = QueueHealth { observed: NOW.plus(Duration::from_secs(1)), ..health(0, 10, Duration::ZERO) };
        queues.learn(queue(), Queue::new(Some(recovered), Some(until)));
        assert_eq!(queues.door(&queue(), NOW.plus(Duration::from_secs(2))), Door::Open(0));
    }

    #[test]
    fn a_mark_by_a_clock_gone_wrong_does_not_close_a_queue_for_good() {
        let mut queues = nothing_known();
        let never = Some(Timestamp::from_millis(i64::MAX));
        queues.learn(queue(), Queue::new(Some(health(0, 10, Duration::ZERO)), never));
        assert_eq!(queues.door(&queue(), NOW), Door::Open(0));
    }

    #[test]
    fn newer_health_counts_what_had_arrived_and_not_what_was_on_its_way() {
        let observed = |age| Queue::new(Some(health(8, 10, age)), None);
        let mut queues = nothing_known();
        queues.learn(queue(), observed(Duration::from_secs(100)));
        queues.place(&queue(), NOW.minus(Duration::from_secs(90)));
        queues.place(&queue(), NOW.minus(Duration::from_secs(15)));
        assert_eq!(queues.door(&queue(), NOW), Door::Saturated);
        queues.learn(queue(), observed(Duration::from_secs(101)));
        assert_eq!(queues.door(&queue(), NOW), Door::Saturated, "older health says nothing new");
        queues.learn(queue(), observed(Duration::from_secs(10)));
        assert_eq!(queues.door(&queue(), NOW), Door::Open(2), "one of the two may not be counted yet");
        queues.learn(queue(), Queue::new(Some(health(8, 10, Duration::ZERO)), None));
        assert_eq!(queues.door(&queue(), NOW.plus(Duration::from_secs(6))), Door::Open(2));
    }

    #[test]
    fn workers_that_share_a_queue_fill_its_room_together_and_no_more() {
        for of in 1..=7 {
            for room in 0..=20 {
                let mut placed = 0;
                for index in 0..of {
                    let mut queues = nothing_known();
                    queues.take_share(Share { index, of });
                    queues.learn(queue(), Queue::new(Some(health(10, 10 + room, Duration::ZERO)), None));
                    while matches!(queues.door(&queue(), NOW), Door::Open(_)) {
                        queues.place(&queue(), NOW);
                        placed += 1;
                    }
                }
                assert_eq!(placed, room, "{of} workers");
            }
        }
    }

    #[test]
    fn room_for_one_goes_round_among_the_workers() {
        for of in 2..=7 {
            for index in 0..of {
                let share = Share { index, of };
                let minutes =
                    (0..60).filter(|minute| share.part(1, NOW.plus(Duration::from_secs(60 * minute))) == 1).count();
                assert!(minutes > 0, "worker {index} of {of} never has a turn");
            }
        }
    }
}
