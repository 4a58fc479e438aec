//! The sliding window: never more sends in any `length` than the limit, exactly.
//!
//! CXone counts a request when it arrives, which the client can't see. But it knows an interval that contains the
//! arrival: from the permit to the answer. So a send occupies its place from the permit until `length` after the
//! answer, and two sends that share a window at CXone share one here too, whatever the network did between them.
//! A bucket that refills would let twice the limit through at a boundary; a log does not.
//!
//! The log outlives the worker. Times written by another worker were read off another clock, so they count for
//! [`CLOCK_SKEW`] longer; a worker that keeps its client pays nothing for that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// How far two workers' clocks are taken to differ at most: ±5 s around the true time, ten seconds between them.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// Added to every send's `length`: CXone may measure its window with a clock that runs slightly slower than ours.
pub const JITTER_GUARD: Duration = Duration::from_millis(100);

/// How long after the client gave up on a request it may still arrive. The HTTP client lets nothing be sent again that
/// was given up (`TCP_USER_TIMEOUT`), so this is the network's own transit and what CXone's edge holds back.
pub const LATE_ARRIVAL: Duration = Duration::from_secs(5);

/// Whose clock a time was read off: one number for each execution environment, drawn at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClockId(u32);

impl ClockId {
    /// The clock of the environment that drew this number.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The clock that no environment draws: every reader allows for its skew.
    pub const fn of_nobody() -> Self {
        Self(u32::MAX)
    }
}

/// Whether a request may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may; its place is taken.
    Admit,
    /// It may not; ask again no earlier than this.
    RetryAt(Timestamp),
}

/// The log of one client's sends, newest last within each clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    runs: Vec<Run>,
    /// Permits given out whose answer has not come yet. Never stored: a release counts them as sent.
    #[serde(skip)]
    in_flight: usize,
}

/// Sends timed by one clock. Offsets keep the stored form at a few bytes a send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    clock: ClockId,
    #[serde(with = "offsets")]
    sends: Vec<Timestamp>,
}

/// What the window is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// Sends in any one `length`.
    pub limit: usize,
    /// The length of CXone's window.
    pub length: Duration,
    /// The clock that `now` is read off.
    pub clock: ClockId,
}

impl Window {
    /// Takes a place for one send, or says when to come back.
    pub fn admit(&mut self, now: Timestamp, limits: WindowLimits) -> Admission {
        match self.free_at(1, now, limits) {
            None => {
                self.in_flight += 1;
                Admission::Admit
            }
            Some(at) => Admission::RetryAt(at),
        }
    }

    /// When so many places are free, as far as is known now; nothing where they are already.
    pub fn free_at(&mut self, places: usize, now: Timestamp, limits: WindowLimits) -> Option<Timestamp> {
        let occupied = self.occupied(now, limits);
        // So many must free before that; those in flight free last, a whole length after their answer.
        let needed = (occupied + places.min(limits.limit)).saturating_sub(limits.limit);
        let last = needed.checked_sub(1)?;
        let mut frees: Vec<_> = self.freeing(limits).collect();
        frees.sort_unstable();
        Some(frees.get(last).copied().unwrap_or_else(|| now.plus(limits.length + JITTER_GUARD)))
    }

    /// The answer to an admitted send came.
    pub fn answered(&mut self, now: Timestamp, clock: ClockId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.record(now, clock);
    }

    /// No answer will come to an admitted send; it may yet arrive.
    pub fn unanswered(&mut self, now: Timestamp, clock: ClockId) {
        self.answered(now.plus(LATE_ARRIVAL), clock);
    }

    /// An admitted send never left.
    pub fn unsent(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Counts sends that nobody logged, as if all were made at the latest moment they could have been.
    pub fn assume(&mut self, sends: usize, at: Timestamp, clock: ClockId) {
        for _ in 0..sends {
            self.record(at, clock);
        }
    }

    /// How many places are taken.
    pub fn occupied(&mut self, now: Timestamp, limits: WindowLimits) -> usize {
        self.prune(now, limits);
        self.runs.iter().map(|run| run.sends.len()).sum::<usize>() + self.in_flight
    }

    fn record(&mut self, at: Timestamp, clock: ClockId) {
        match self.runs.iter_mut().find(|run| run.clock == clock) {
            Some(run) => run.sends.push(at),
            None => self.runs.push(Run { clock, sends: vec![at] }),
        }
    }

    fn prune(&mut self, now: Timestamp, limits: WindowLimits) {
        for run in &mut self.runs {
            let clock = run.clock;
            run.sends.retain(|at| frees_at(*at, clock, limits) > now);
        }
        self.runs.retain(|run| !run.sends.is_empty());
    }

    fn freeing(&self, limits: WindowLimits) -> impl Iterator<Item = Timestamp> + '_ {
        self.runs.iter().flat_map(move |run| run.sends.iter().map(move |at| frees_at(*at, run.clock, limits)))
    }
}

fn frees_at(at: Timestamp, clock: ClockId, limits: WindowLimits) -> Timestamp {
    let skew = if clock == limits.clock { Duration::ZERO } else { CLOCK_SKEW };
    at.plus(limits.length + JITTER_GUARD + skew)
}

/// `[first, +ms, +ms, …]`, each offset from the one before.
mod offsets {
    use serde::{Deserialize, Deserializer, Serializer, ser::SerializeSeq};

    use super::Timestamp;

    pub(super) fn serialize<S: Serializer>(sends: &[Timestamp], serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(sends.len()))?;
        let mut previous = 0;
        for at in sends {
            sequence.serialize_element(&at.as_millis().saturating_sub(previous))?;
            previous = at.as_millis();
        }
        sequence.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Timestamp>, D::Error> {
        let mut previous = 0_i64;
        Ok(Vec::<i64>::deserialize(deserializer)?
            .into_iter()
            .map(|offset| {
                previous = previous.saturating_add(offset);
                Timestamp::from_millis(previous)
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINE: ClockId = ClockId::new(1);
    const OTHER: ClockId = ClockId::new(2);
    const LIMITS: WindowLimits = WindowLimits { limit: 3, length: Duration::from_secs(60), clock: MINE };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_full_window_says_when_it_opens() {
        let mut window = Window::default();
        for second in 0..3 {
            assert_eq!(window.admit(at(second), LIMITS), Admission::Admit);
            window.answered(at(second), MINE);
        }
        let opens = at(60).plus(JITTER_GUARD);
        assert_eq!(window.admit(at(3), LIMITS), Admission::RetryAt(opens));
        assert_eq!(window.admit(opens.minus(Duration::from_millis(1)), LIMITS), Admission::RetryAt(opens));
        assert_eq!(window.admit(opens, LIMITS), Admission::Admit);
    }

    #[test]
    fn a_lower_limit_waits_for_as_many_sends_as_exceed_it() {
        let mut window = Window::default();
        for second in 0..3 {
            window.admit(at(second), LIMITS);
            window.answered(at(second), MINE);
        }
        let lower = WindowLimits { limit: 1, ..LIMITS };
        assert_eq!(window.admit(at(3), lower), Admission::RetryAt(at(62).plus(JITTER_GUARD)));
    }

    #[test]
    fn so_many_places_are_free_when_so_many_sends_are_a_window_old() {
        let mut window = Window::default();
        window.assume(1, at(0), MINE);
        window.assume(1, at(7), MINE);
        let free_at = |window: &mut Window, places| window.free_at(places, at(10), LIMITS);
        assert_eq!(free_at(&mut window, 1), None, "there is one");
        assert_eq!(free_at(&mut window, 2), Some(at(60).plus(JITTER_GUARD)));
        assert_eq!([3, 99].map(|places| free_at(&mut window, places)), [Some(at(67).plus(JITTER_GUARD)); 2]);
        assert_eq!(window.occupied(at(10), LIMITS), 2, "none was taken");
    }

    #[test]
    fn a_send_in_flight_keeps_its_place_however_long_it_takes() {
        let mut window = Window::default();
        for _ in 0..3 {
            window.admit(at(0), LIMITS);
        }
        let at_best = at(660).plus(JITTER_GUARD);
        assert_eq!(window.admit(at(600), LIMITS), Admission::RetryAt(at_best));
        window.unsent();
        assert_eq!(window.occupied(at(600), LIMITS), 2);
        assert_eq!(window.admit(at(600), LIMITS), Admission::Admit);
    }

    #[test]
    fn times_off_another_clock_count_for_the_skew_longer() {
        let mut window = Window::default();
        window.assume(3, at(0), OTHER);
        let opens = at(60).plus(JITTER_GUARD).plus(CLOCK_SKEW);
        assert_eq!(window.admit(at(61), LIMITS), Admission::RetryAt(opens));
    }

    #[test]
    fn own_sends_beside_another_clocks_do_not_pay_for_its_skew() {
        let mut window = Window::default();
        window.assume(1, at(0), OTHER);
        window.assume(2, at(0), MINE);
        let frees = at(60).plus(JITTER_GUARD);
        assert_eq!(window.admit(at(1), LIMITS), Admission::RetryAt(frees));
        assert_eq!(window.occupied(frees, LIMITS), 1);
    }

    #[test]
    fn what_is_stored_reads_back_the_same_and_small() {
        let mut window = Window::default();
        window.assume(1, Timestamp::from_millis(1_790_000_000_123), OTHER);
        for send in 0..120 {
            window.assume(1, Timestamp::from_millis(1_790_000_000_000 + send * 211), MINE);
        }
        let stored = serde_json::to_string(&window).unwrap();
        assert!(stored.len() < 700, "{} bytes", stored.len());
        assert_eq!(serde_json::from_str::<Window>(&stored).unwrap(), window);
    }

    /// One step of a history: wait, then try to send, with the answer after a while or never.
    #[derive(Clone, Debug)]
    struct Step {
        wait: u64,
        takes: u64,
        arrives: u64,
        handover: bool,
        answered: bool,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..900_u64, 0..400_u64, 0..=100_u64, prop::bool::weighted(0.05), prop::bool::weighted(0.9))
            .prop_map(|(wait, takes, percent, handover, answered)| Step {
                wait,
                takes,
                arrives: takes * percent / 100,
                handover,
                answered,
            });
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn any_window_at_cxone_holds_at_most_the_limit(
            steps in steps(),
            limit in 1..8_usize,
            skews in prop::collection::vec(-5000..=5000_i64, 20),
        ) {
            let length = Duration::from_secs(10);
            let mut window = Window::default();
            let (mut truth, mut worker, mut arrivals) = (1_000_000_000_i64, 0_usize, Vec::new());
            for step in steps {
                truth += i64::try_from(step.wait).unwrap();
                if step.handover {
                    worker += 1;
                }
                let clock = ClockId::new(u32::try_from(worker).unwrap());
                let skew = skews[worker % skews.len()];
                let local = |truth: i64| Timestamp::from_millis(truth + skew);
                if window.admit(local(truth), WindowLimits { limit, length, clock }) == Admission::Admit {
                    arrivals.push(truth + i64::try_from(step.arrives).unwrap());
                    truth += i64::try_from(step.takes).unwrap();
                    if step.answered {
                        window.answered(local(truth), clock);
                    } else {
                        window.unanswered(local(truth), clock);
                    }
                }
                window = serde_json::from_str(&serde_json::to_string(&window).unwrap()).unwrap();
            }
            arrivals.sort_unstable();
            let length = i64::try_from(length.as_millis()).unwrap();
            for (index, start) in arrivals.iter().enumerate() {
                let within = arrivals[index..].iter().take_while(|at| **at < start + length).count();
                prop_assert!(within <= limit, "{within} sends within one window from {start}");
            }
        }
    }
}
