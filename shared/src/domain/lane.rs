//! The two lanes by which messages come, and how they share OAuth clients (docs/rules.md#lanes).
//!
//! A standard worker never sends under a client that is kept for urgent messages. An urgent worker may borrow a
//! standard lane's client that is free, and where both lanes want one they take turns:
//!
//! ```text
//! standard batch ─► (an urgent worker waits, and has asked for the client) ─► urgent batch ─► standard batch ─► …
//! ```
//!
//! So urgent traffic above the rate of its own clients gets every second batch of the others at most, and can count on
//! it. Nothing is left unused for that: a client that nobody of the other lane wants is had at once, or, after a loan,
//! once it has lain free for as long as a waiting worker takes to come back.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// How long a client that was lent is the standard lane's alone. A worker that waits for one comes back within three
/// quarters of a second, and its write takes a moment.
pub const STANDARD_TURN: Duration = Duration::from_secs(2);

/// How long an urgent worker's asking holds, which it renews as long as it waits: whoever asked and was served
/// elsewhere, or died, keeps the client from the standard lane for no longer.
pub const ASKING: Duration = Duration::from_secs(2);

/// Messages that an event source hands out at once.
const BATCH: u32 = 10;

/// A batch is worth waiting so long for, however fast its client sends: going back to the queue takes some seconds too.
const SHORT: Duration = Duration::from_secs(5);

/// How long an urgent event waits for a window while there may be another client.
const MOMENT: Duration = Duration::from_secs(1);

/// Whether there is an urgent queue beside the contact queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// There isn't, and a client's `lane` says nothing.
    One,
    /// There is.
    Two,
}

/// Which of the two queues a message comes from, and which of their messages a client is kept for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The contact queue.
    #[default]
    Standard,
    /// The urgent queue.
    Urgent,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Urgent];

    /// Its published name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Urgent => "urgent",
        }
    }

    /// The lane of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == name)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a lease has to do with the lanes' turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: there is one lane, or the client is the worker's lane's own and never lent.
    Any,
    /// The standard lane has a client of its own, which may be lent.
    Standard,
    /// The urgent lane borrows a client of the standard lane.
    Loan,
}

/// How long a batch waits for the window of the client that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as there is time: no other client would be had sooner.
    Unlimited,
    /// So long, the time in which the client may send a whole batch: the client has places, and what finds none by then
    /// goes back to the queue, for any worker whose client has some.
    Short(Duration),
    /// A moment: there may be another client.
    Brief,
    /// As long as there is time, if it opens by then: every client of the batch's own lane is full until then.
    IfOpenBy(Timestamp),
}

impl Patience {
    /// That of a batch of this lane with a client that it has in this turn, where its own lane's clients are all full
    /// until then.
    pub fn of(lane: Option<Lane>, turn: Turn, own_full_until: Option<Timestamp>) -> Self {
        match (lane, turn, own_full_until) {
            (_, Turn::Loan, Some(until)) => Self::IfOpenBy(until),
            (Some(Lane::Urgent), ..) => Self::Brief,
            (Some(Lane::Standard) | None, ..) => Self::Unlimited,
        }
    }

    /// That of the same batch where there is one lane and the client has a place already. A client that has none is
    /// waited for, however long that takes: whoever else took it would wait for longer, by the clocks' skew.
    #[must_use]
    pub fn for_a_batch(self, pace: Duration) -> Self {
        if self == Self::Unlimited { Self::Short((pace * BATCH).max(SHORT)) } else { self }
    }

    /// Until when a contact that is ready now waits at most.
    pub fn wait_until(self, now: Timestamp, until: Timestamp) -> Timestamp {
        match self {
            Self::Unlimited | Self::IfOpenBy(_) => until,
            Self::Short(wait) => until.min(now.plus(wait)),
            Self::Brief => until.min(now.plus(MOMENT)),
        }
    }

    /// How many of the `open` events go under the client, of which so many find a place by a time. A turn that was
    /// asked for is worth a whole batch, as the standard lane's are.
    pub fn share(self, open: usize, now: Timestamp, places_by: impl Fn(Timestamp) -> usize) -> usize {
        let soon = now.plus(MOMENT);
        match self {
            Self::Unlimited => open,
            Self::Short(wait) => places_by(now.plus(wait)).min(open),
            Self::Brief => places_by(soon).min(open),
            Self::IfOpenBy(until) if places_by(until.max(soon)) > 0 => open,
            Self::IfOpenBy(_) => 0,
        }
    }
}

/// Whose turn a standard client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Until when an urgent worker that waits has asked for the client, where one has since it was last lent.
    pub asked_until: Option<Timestamp>,
    /// Until when it is the standard lane's alone, where its last lease was a loan.
    pub lent_until: Option<Timestamp>,
}

impl Turns {
    /// Whether the client, where it is free, can be had in this turn.
    pub fn admit(self, turn: Turn, now: Timestamp) -> bool {
        match turn {
            Turn::Any => true,
            Turn::Standard => self.lent_until.is_some() || self.asked_until.is_none_or(|until| until <= now),
            Turn::Loan => self.lent_until.is_none_or(|until| until <= now),
        }
    }

    /// After a lease in this turn, which may last until then.
    #[must_use]
    pub fn leased(self, turn: Turn, until: Timestamp) -> Self {
        match turn {
            Turn::Any => self,
            Turn::Standard => Self { lent_until: None, ..self },
            Turn::Loan => Self { asked_until: None, lent_until: Some(until.plus(STANDARD_TURN)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn later(millis: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(millis))
    }

    #[test]
    fn a_lane_is_known_by_its_name_alone() {
        assert_eq!(Lane::ALL.map(|lane| Lane::named(lane.as_str())), Lane::ALL.map(Some));
        assert_eq!(["Urgent", "urgent ", ""].map(Lane::named), [None; 3]);
        assert_eq!(Lane::Urgent.to_string(), "urgent");
    }

    #[test]
    fn a_client_that_nobody_asked_for_is_anybodys() {
        assert!([Turn::Any, Turn::Standard, Turn::Loan].iter().all(|turn| Turns::default().admit(*turn, NOW)));
    }

    #[test]
    fn while_both_lanes_want_a_client_they_have_it_in_turns() {
        let wanted = |turns: Turns, now: Timestamp| Turns { asked_until: Some(now.plus(ASKING)), ..turns };
        let mut turns = Turns::default();
        let mut had = Vec::new();
        for step in 0..6 {
            let now = later(step * 1000);
            turns = wanted(turns, now);
            let turn = if turns.admit(Turn::Standard, now) { Turn::Standard } else { Turn::Loan };
            assert_ne!(turns.admit(Turn::Standard, now), turns.admit(Turn::Loan, now), "one of them, and not both");
            turns = turns.leased(turn, now);
            had.push(turn);
        }
        assert_eq!(had, [Turn::Loan, Turn::Standard].repeat(3));
    }

    #[test]
    fn what_nobody_of_the_other_lane_wants_is_had_again() {
        let lent = Turns::default().leased(Turn::Loan, NOW);
        assert!(!lent.admit(Turn::Loan, later(1999)) && lent.admit(Turn::Loan, later(2000)));
        let asked = Turns { asked_until: Some(NOW.plus(ASKING)), lent_until: None };
        assert!(!asked.admit(Turn::Standard, later(1999)) && asked.admit(Turn::Standard, later(2000)));
        assert!(asked.leased(Turn::Standard, NOW).asked_until.is_some(), "who asked waits on, and is next");
        assert_eq!(asked.leased(Turn::Loan, NOW).asked_until, None, "who asked has it, and asks for no more");
    }

    #[test]
    fn only_an_urgent_batch_is_impatient_and_a_loan_while_its_own_lane_is_full_is_good_for_all_of_it() {
        let of = |lane, turn| [None, Some(later(9))].map(|full| Patience::of(lane, turn, full));
        assert_eq!(of(Some(Lane::Urgent), Turn::Any), [Patience::Brief; 2]);
        assert_eq!(of(Some(Lane::Urgent), Turn::Loan), [Patience::Brief, Patience::IfOpenBy(later(9))]);
        assert_eq!(of(Some(Lane::Standard), Turn::Standard), [Patience::Unlimited; 2]);
        assert_eq!(of(None, Turn::Any), [Patience::Unlimited; 2]);
    }

    #[test]
    fn an_event_goes_where_it_finds_a_place_soonest() {
        // Two places within a second, and all of them in ten.
        let places = |by: Timestamp| if by >= later(10_000) { 10 } else { usize::from(by >= later(1000)) * 2 };
        let share = |patience: Patience, open| patience.share(open, NOW, places);
        assert_eq!((share(Patience::Unlimited, 7), share(Patience::Brief, 7), share(Patience::Brief, 1)), (7, 2, 1));
        assert_eq!(share(Patience::IfOpenBy(NOW), 7), 7, "it opens within the second that any event waits");
        let none_soon = |by: Timestamp| usize::from(by >= later(5000));
        let loan = |until| Patience::IfOpenBy(later(until)).share(7, NOW, none_soon);
        assert_eq!((loan(4999), loan(5000)), (0, 7), "its own lane opens first, or it doesn't");
        let waits = |patience: Patience| patience.wait_until(NOW, later(60_000));
        assert_eq!(waits(Patience::Brief), later(1000));
        assert_eq!([Patience::Unlimited, Patience::IfOpenBy(NOW)].map(waits), [later(60_000); 2]);
        assert_eq!(Patience::Brief.wait_until(NOW, later(500)), later(500));
    }

    #[test]
    fn a_batch_waits_for_as_long_as_its_client_takes_to_send_one() {
        let of = |pace| Patience::Unlimited.for_a_batch(Duration::from_millis(pace));
        assert_eq!([100, 500].map(of), [Patience::Short(Duration::from_secs(5)); 2]);
        for other in [Patience::Brief, Patience::IfOpenBy(NOW)] {
            assert_eq!(other.for_a_batch(Duration::from_millis(500)), other);
        }
        assert_eq!(of(500).wait_until(NOW, later(60_000)), later(5000));
        assert_eq!(of(500).wait_until(NOW, later(4000)), later(4000));
        let places = |by: Timestamp| if by >= later(5000) { 4 } else { 1 };
        assert_eq!([3, 7].map(|open| of(500).share(open, NOW, places)), [3, 4]);
        let later_still = |by: Timestamp| if by >= later(6000) { 4 } else { 1 };
        assert_eq!([599, 600].map(|pace| of(pace).share(7, NOW, later_still)), [1, 4], "its batch takes a moment less");
        assert_eq!(of(500).share(7, NOW, |_| 0), 0);
    }

    #[test]
    fn a_client_of_one_lane_alone_knows_no_turns() {
        let turns = Turns { asked_until: Some(later(1)), lent_until: Some(later(1)) };
        assert!(turns.admit(Turn::Any, NOW));
        assert_eq!(turns.leased(Turn::Any, later(9)), turns);
    }
}
