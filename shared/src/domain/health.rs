//! Whether a queue takes contacts, and how near it is to taking none.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// Answers closer together than this are one reading of a queue that isn't there. A gateway that loses its way does so
/// for seconds, and for whoever asks meanwhile. Well below the minute between two runs of the sync, so that the next
/// run's answer is the second reading though clocks differ.
const READINGS_APART: Duration = Duration::from_secs(20);

/// A rule by which a queue refuses contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Threshold {
    /// The contacts in it have reached its maximum.
    MaxCapacity,
    /// Too many callers give up.
    AbandonRate,
    /// Too few are answered in time.
    ServiceLevel,
    /// Nobody is there to answer.
    ActiveAgents,
    /// It is switched off.
    Inactive,
}

/// Whether a queue takes contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "thresholds", rename_all = "kebab-case")]
pub enum Status {
    /// It does.
    Open,
    /// It doesn't, by these rules.
    Saturated(Vec<Threshold>),
    /// There is no such queue: two readings in a row, some time apart, said so.
    Missing,
    /// One reading said that there is no such queue, and the one before it did not. A gateway that lost its way for a
    /// moment says that too, and nobody's traffic is dead-lettered for it.
    MissingOnce,
    /// It can't be said, for want of these live values.
    Unknown(Vec<Threshold>),
}

impl Status {
    /// The status's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Saturated(_) => "saturated",
            Self::Missing => "missing",
            Self::MissingOnce | Self::Unknown(_) => "unknown",
        }
    }
}

/// The health of one queue at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueHealth {
    /// Whether it takes contacts.
    #[serde(flatten)]
    pub status: Status,
    /// Contacts in it.
    pub capacity: Option<u64>,
    /// The most that it takes.
    pub max_capacity: Option<u64>,
    /// When CXone said so.
    pub observed: Timestamp,
}

impl QueueHealth {
    /// The health of a queue that CXone answers 404 for, by what the reading before said: the first such reading, as it
    /// stands, where this answer came too soon after it to be another one.
    pub fn missing(before: Option<&Self>, observed: Timestamp) -> Self {
        let status = match before {
            Some(first) if first.status == Status::MissingOnce && observed.since(first.observed) < READINGS_APART => {
                return first.clone();
            }
            Some(Self { status: Status::MissingOnce | Status::Missing, .. }) => Status::Missing,
            Some(Self { status: Status::Open | Status::Saturated(_) | Status::Unknown(_), .. }) | None => {
                Status::MissingOnce
            }
        };
        Self { status, capacity: None, max_capacity: None, observed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_queue_is_missing_by_two_readings_in_a_row() {
        let missing = |before: Option<&QueueHealth>| QueueHealth::missing(before, NOW);
        let earlier = |health: &QueueHealth| QueueHealth { observed: NOW.minus(READINGS_APART), ..health.clone() };
        let open = || QueueHealth { status: Status::Open, capacity: None, max_capacity: None, observed: NOW };
        let first = missing(None);
        assert_eq!((first.status.clone(), first.status.name()), (Status::MissingOnce, "unknown"));
        let second = missing(Some(&earlier(&first)));
        assert_eq!((second.status.clone(), second.status.name()), (Status::Missing, "missing"));
        assert_eq!((second.observed, missing(Some(&second)).status), (NOW, Status::Missing));
        assert_eq!(missing(Some(&open())).status, Status::MissingOnce, "a reading in between begins anew");
        for status in [Status::Saturated(vec![]), Status::Unknown(vec![])] {
            assert_eq!(missing(Some(&QueueHealth { status, ..open() })).status, Status::MissingOnce);
        }
    }

    #[test]
    fn answers_within_seconds_are_one_reading_and_the_next_sync_makes_the_second() {
        let after = |seconds| NOW.plus(Duration::from_secs(seconds));
        let first = QueueHealth::missing(None, NOW);
        let mut known = first.clone();
        for seconds in [0, 2, 10, 19] {
            known = QueueHealth::missing(Some(&known), after(seconds));
            assert_eq!(known, first, "{seconds} s on: a blip is as old as its first answer");
        }
        assert_eq!(QueueHealth::missing(Some(&known), NOW.minus(Duration::from_secs(5))), first, "another's clock");
        for seconds in [20, 50, 60] {
            assert_eq!(QueueHealth::missing(Some(&known), after(seconds)).status, Status::Missing, "{seconds} s on");
        }
    }
}
