//! A circuit breaker for a service that is asked about twice a second.
//!
//! At that rate a window of the last N answers spans minutes, and a busy service's thresholds would never be met. So
//! it looks at the last half minute, needs only a few answers to judge, and lets two probes through when it has waited.
//! Its state is a few numbers kept with the client, so it outlives the worker: a fresh environment doesn't have to
//! learn of an outage by failing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{time::Timestamp, window::Admission};

/// Answers are counted in two halves of this length each: the present one and the one before.
const HALF_WINDOW: Duration = Duration::from_secs(15);

/// Fewer answers than this say nothing: two seconds and a half of steady sending.
const MINIMUM_ANSWERS: u32 = 5;

/// The circuit opens when failures are at least one in this many answers.
const FAILURE_SHARE: u32 = 2;

/// The first wait of an open circuit: long enough for a restart, short enough that nobody has to wait for a probe.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait of an open circuit, so that recovery is noticed within a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Probes under way at once while half open, and successes that close the circuit.
const PROBES: u32 = 2;

/// How soon to ask again while every probe is under way.
const PROBE_WAIT: Duration = Duration::from_secs(2);

/// One service's circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    state: State,
    /// Times it opened since it was last closed: each doubles the wait.
    #[serde(default)]
    opened: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Closed { since: Timestamp, present: Counts, before: Counts },
    Open { until: Timestamp },
    HalfOpen { under_way: u32, succeeded: u32 },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { since: Timestamp::default(), present: Counts::default(), before: Counts::default() }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    failures: u32,
    answers: u32,
}

/// What an answer, or the lack of one, says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works, whatever it thinks of the request.
    Works,
    /// It doesn't.
    Fails,
}

/// A change of state worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Nothing is sent until this.
    Opened(Timestamp),
    /// Probes are let through.
    HalfOpened,
    /// Everything is let through again.
    Closed,
}

impl Breaker {
    /// Whether a request may be sent now; a half-open circuit gives out its probes one by one.
    pub fn admit(&mut self, now: Timestamp) -> (Admission, Option<Transition>) {
        if let Some(until) = self.open_until(now) {
            return (Admission::RetryAt(until), None);
        }
        match &mut self.state {
            State::Closed { .. } => (Admission::Admit, None),
            State::Open { .. } => {
                self.state = State::HalfOpen { under_way: 1, succeeded: 0 };
                (Admission::Admit, Some(Transition::HalfOpened))
            }
            State::HalfOpen { under_way, .. } => {
                *under_way += 1;
                (Admission::Admit, None)
            }
        }
    }

    /// Until when nothing is let through, where nothing is now.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            // A stored time from a clock that ran ahead can't keep the circuit open for longer than it ever waits.
            State::Open { until } if until > now => Some(until.min(now.plus(LONGEST_WAIT))),
            State::HalfOpen { under_way, .. } if under_way >= PROBES => Some(now.plus(PROBE_WAIT)),
            State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// When it is probed next, as far as is known, where it isn't closed: one that would let a probe through now is
    /// taken to open again for as long as it was open last.
    pub fn probed_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until } if until > now => self.open_until(now),
            State::Open { .. } | State::HalfOpen { .. } => Some(now.plus(wait(self.opened.saturating_sub(1)))),
        }
    }

    /// Whether everything is let through.
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// An admitted request was never sent: its place as a probe is free again.
    pub fn unsent(&mut self) {
        if let State::HalfOpen { under_way, .. } = &mut self.state {
            *under_way = under_way.saturating_sub(1);
        }
    }

    /// An admitted request ended so.
    pub fn record(&mut self, now: Timestamp, health: Health) -> Option<Transition> {
        match (&mut self.state, health) {
            (State::Closed { since, present, before }, health) => {
                roll(now, since, present, before);
                present.answers += 1;
                present.failures += u32::from(health == Health::Fails);
                let (failures, answers) = (present.failures + before.failures, present.answers + before.answers);
                (health == Health::Fails && answers >= MINIMUM_ANSWERS && failures * FAILURE_SHARE >= answers)
                    .then(|| self.open(now))
            }
            // Late answers of requests sent before it opened say nothing new.
            (State::Open { .. }, _) => None,
            (State::HalfOpen { .. }, Health::Fails) => Some(self.open(now)),
            (State::HalfOpen { under_way, succeeded }, Health::Works) => {
                *under_way = under_way.saturating_sub(1);
                *succeeded += 1;
                (*succeeded >= PROBES).then(|| {
                    *self = Self::default();
                    Transition::Closed
                })
            }
        }
    }

    /// The worker that held this circuit is gone: no probe of its is under way any more.
    #[must_use]
    pub fn handed_over(mut self) -> Self {
        if let State::HalfOpen { under_way, .. } = &mut self.state {
            *under_way = 0;
        }
        self
    }

    fn open(&mut self, now: Timestamp) -> Transition {
        let until = now.plus(wait(self.opened));
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open { until };
        Transition::Opened(until)
    }
}

/// How long it is open that opened so often before.
fn wait(opened: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << opened.min(16)).min(LONGEST_WAIT)
}

/// Moves on to the half window that `now` is in; what is older than two halves is forgotten.
fn roll(now: Timestamp, since: &mut Timestamp, present: &mut Counts, before: &mut Counts) {
    let age = now.since(*since);
    if age < HALF_WINDOW {
        return;
    }
    *before = if age < HALF_WINDOW * 2 { *present } else { Counts::default() };
    *present = Counts::default();
    *since = now;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + millis)
    }

    fn failing(breaker: &mut Breaker, count: i64) -> Option<Transition> {
        (0..count).filter_map(|index| breaker.record(at(index * 500), Health::Fails)).last()
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        assert_eq!(failing(&mut Breaker::default(), 4), None);
        assert_eq!(failing(&mut Breaker::default(), 5), Some(Transition::Opened(at(2000).plus(FIRST_WAIT))));
    }

    #[test]
    fn failures_that_are_a_minority_leave_it_closed() {
        let mut breaker = Breaker::default();
        for index in 0..100 {
            let health = if index % 3 == 0 { Health::Fails } else { Health::Works };
            assert_eq!(breaker.record(at(index * 100), health), None);
        }
    }

    #[test]
    fn half_of_many_answers_open_it_too() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.record(at(0), Health::Works);
        }
        assert_eq!(failing(&mut breaker, 4), None);
        assert!(breaker.record(at(2000), Health::Fails).is_some());
        assert!(!breaker.is_closed());
    }

    #[test]
    fn failures_count_for_half_a_minute_and_are_forgotten_then() {
        let fifth = |millis| {
            let mut breaker = Breaker::default();
            (0..4).for_each(|_| assert_eq!(breaker.record(at(0), Health::Fails), None));
            breaker.record(at(millis), Health::Fails)
        };
        assert!(fifth(29_999).is_some());
        assert_eq!(fifth(30_000), None);
    }

    #[test]
    fn the_next_half_begins_when_the_one_before_is_over() {
        let mut breaker = Breaker::default();
        breaker.record(at(0), Health::Works);
        for millis in [15_000, 15_000, 30_000, 30_000] {
            assert_eq!(breaker.record(at(millis), Health::Fails), None);
        }
        assert!(breaker.record(at(30_000), Health::Fails).is_some(), "those of a half ago still count");
    }

    #[test]
    fn it_probes_after_its_wait_and_two_successes_close_it() {
        let mut breaker = Breaker::default();
        failing(&mut breaker, 5);
        let until = at(2000).plus(FIRST_WAIT);
        assert_eq!((breaker.open_until(at(2001)), breaker.open_until(until)), (Some(until), None));
        assert_eq!(breaker.admit(at(2001)), (Admission::RetryAt(until), None));
        assert_eq!(breaker.admit(until), (Admission::Admit, Some(Transition::HalfOpened)));
        assert_eq!(breaker.admit(until), (Admission::Admit, None));
        assert!(matches!(breaker.admit(until), (Admission::RetryAt(_), None)));
        assert_eq!(breaker.open_until(until), Some(until.plus(PROBE_WAIT)), "both probes are under way");
        assert_eq!((breaker.record(until, Health::Works), breaker.open_until(until)), (None, None));
        assert_eq!(breaker.record(until, Health::Works), Some(Transition::Closed));
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_failed_probe_opens_it_for_twice_as_long() {
        let mut breaker = Breaker::default();
        failing(&mut breaker, 5);
        let until = at(2000).plus(FIRST_WAIT);
        breaker.admit(until);
        assert_eq!(breaker.record(until, Health::Fails), Some(Transition::Opened(until.plus(FIRST_WAIT * 2))));
    }

    #[test]
    fn whoever_fails_while_it_is_not_closed_knows_when_it_is_probed_next() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.probed_at(at(0)), None, "while it is closed nothing waits for it");
        failing(&mut breaker, 5);
        let until = at(2000).plus(FIRST_WAIT);
        assert_eq!(breaker.probed_at(at(2001)), Some(until));
        breaker.admit(until);
        breaker.record(until, Health::Fails);
        let again = until.plus(FIRST_WAIT * 2);
        assert_eq!(breaker.probed_at(until), Some(again));
        assert_eq!(breaker.probed_at(again), Some(again.plus(FIRST_WAIT * 2)), "nobody has probed it yet");
        breaker.admit(again);
        assert_eq!(breaker.probed_at(again), Some(again.plus(FIRST_WAIT * 2)), "the probe is under way, or never left");
        let far = Breaker { state: State::Open { until: at(900_000) }, opened: 99 };
        assert_eq!(far.probed_at(at(0)), Some(at(0).plus(LONGEST_WAIT)), "a clock that ran ahead stored that");
    }

    #[test]
    fn a_probe_of_a_worker_that_is_gone_does_not_block_the_next() {
        let mut breaker = Breaker::default();
        failing(&mut breaker, 5);
        let until = at(2000).plus(FIRST_WAIT);
        breaker.admit(until);
        breaker.admit(until);
        let mut next = breaker.handed_over();
        assert_eq!(next.admit(until).0, Admission::Admit);
    }

    #[test]
    fn a_probe_that_was_never_sent_leaves_its_place_to_another() {
        let mut breaker = Breaker::default();
        failing(&mut breaker, 5);
        let until = at(2000).plus(FIRST_WAIT);
        breaker.admit(until);
        breaker.admit(until);
        breaker.unsent();
        assert_eq!(breaker.admit(until).0, Admission::Admit);
        assert_ne!(breaker.admit(until).0, Admission::Admit);
    }

    #[test]
    fn an_open_circuit_stays_open_for_the_next_worker() {
        let mut breaker = Breaker::default();
        failing(&mut breaker, 5);
        assert_eq!(breaker.handed_over().admit(at(2001)).0, Admission::RetryAt(at(2000).plus(FIRST_WAIT)));
    }

    proptest! {
        #[test]
        fn it_never_sends_while_open_and_never_more_probes_than_stated(
            steps in prop::collection::vec((0..4000_i64, any::<bool>(), any::<bool>()), 1..400),
        ) {
            let (mut breaker, mut now, mut open_until, mut probes) = (Breaker::default(), 0, None, 0_u32);
            for (wait, send, works) in steps {
                now += wait;
                if send {
                    let (admission, transition) = breaker.admit(at(now));
                    if transition == Some(Transition::HalfOpened) { open_until = None; probes = 0; }
                    if admission == Admission::Admit {
                        prop_assert!(open_until.is_none_or(|until| at(now) >= until));
                        if !breaker.is_closed() { probes += 1; prop_assert!(probes <= PROBES); }
                    }
                } else if breaker.is_closed() || probes > 0 {
                    let health = if works { Health::Works } else { Health::Fails };
                    probes = probes.saturating_sub(1);
                    if let Some(Transition::Opened(until)) = breaker.record(at(now), health) { open_until = Some(until); probes = 0; }
                }
            }
        }
    }
}
