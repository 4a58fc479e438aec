//! What a queue's health answer says: whether the queue takes contacts, and how near it is to taking none.
//!
//! The rule is the routing API's (`QueueHealth`): saturated where the contacts in the queue have reached its maximum,
//! the live abandon rate exceeds its threshold, the live service level is under its threshold, or nobody is there to
//! answer. A live value that a rule needs and that isn't there, or makes no sense, is unknown and never healthy.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Timestamp;

/// Answers closer together than this are one reading of a queue that isn't there. A gateway that loses its way does so for
/// seconds, and for whoever asks meanwhile. Well below the minute between two runs of the sync, so that the next run's
/// answer is the second reading though clocks differ.
const READINGS_APART: Duration = Duration::from_secs(20);

/// A rule by which a queue refuses contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Threshold {
    /// `capacity` against `thresholds.maxCapacity`.
    MaxCapacity,
    /// `metrics.abandonRate` against `thresholds.abandonRate`.
    AbandonRate,
    /// `metrics.serviceLevel` against `thresholds.serviceLevel`.
    ServiceLevel,
    /// `activeAgents` against zero.
    ActiveAgents,
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

    /// Reads CXone's answer; nothing where it isn't an object with this queue's id.
    pub fn read(queue_id: &str, answer: &Value, observed: Timestamp) -> Option<Self> {
        let answer = answer.as_object()?;
        if answer.get("id").and_then(Value::as_str) != Some(queue_id) {
            return None;
        }
        let within = |object: &str, member: &str| answer.get(object).and_then(|inner| inner.get(member));
        let capacity = answer.get("capacity").and_then(Value::as_u64);
        let max_capacity = Reading::of(within("thresholds", "maxCapacity"), Value::as_u64);
        let rate = |object, member| Reading::of(within(object, member), rate);
        let judgements = [
            (Threshold::MaxCapacity, max_capacity.judge(capacity, |max, live| live >= max)),
            (
                Threshold::AbandonRate,
                rate("thresholds", "abandonRate")
                    .judge(rate("metrics", "abandonRate").known(), |limit, live| live > limit),
            ),
            (
                Threshold::ServiceLevel,
                rate("thresholds", "serviceLevel")
                    .judge(rate("metrics", "serviceLevel").known(), |limit, live| live < limit),
            ),
            (
                Threshold::ActiveAgents,
                answer
                    .get("activeAgents")
                    .and_then(Value::as_u64)
                    .map_or(Judgement::Unknown, |agents| Judgement::of(agents == 0)),
            ),
        ];
        let which = |sought| {
            judgements.iter().filter(move |(_, found)| *found == sought).map(|(rule, _)| *rule).collect::<Vec<_>>()
        };
        let (breached, unknown) = (which(Judgement::Breached), which(Judgement::Unknown));
        let status = match (breached.is_empty(), unknown.is_empty()) {
            (false, _) => Status::Saturated(breached),
            (true, false) => Status::Unknown(unknown),
            (true, true) => Status::Open,
        };
        Some(Self { status, capacity, max_capacity: max_capacity.known(), observed })
    }
}

/// A member that may be absent, or present and senseless.
#[derive(Clone, Copy)]
enum Reading<T> {
    Absent,
    Senseless,
    Known(T),
}

impl<T: Copy> Reading<T> {
    fn of(member: Option<&Value>, read: impl Fn(&Value) -> Option<T>) -> Self {
        match member {
            None | Some(Value::Null) => Self::Absent,
            Some(value) => read(value).map_or(Self::Senseless, Self::Known),
        }
    }

    fn known(self) -> Option<T> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }

    /// A threshold that isn't set is no rule; one that can't be read, or has nothing live to compare, can't be judged.
    fn judge(self, live: Option<T>, breached: impl Fn(T, T) -> bool) -> Judgement {
        match (self, live) {
            (Self::Absent, _) => Judgement::Kept,
            (Self::Known(limit), Some(live)) => Judgement::of(breached(limit, live)),
            (Self::Known(_), None) | (Self::Senseless, _) => Judgement::Unknown,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Kept,
    Breached,
    Unknown,
}

impl Judgement {
    const fn of(breached: bool) -> Self {
        if breached { Self::Breached } else { Self::Kept }
    }
}

/// A rate as a fraction: a value over 1 is a percentage.
fn rate(value: &Value) -> Option<f64> {
    let rate = value.as_f64().filter(|rate| (0.0..=100.0).contains(rate))?;
    Some(if rate > 1.0 { rate / 100.0 } else { rate })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn status(mut answer: Value) -> Status {
        answer["id"] = json!("q");
        QueueHealth::read("q", &answer, NOW).unwrap().status
    }

    fn healthy() -> Value {
        json!({
            "capacity": 3, "activeAgents": 2,
            "thresholds": {"maxCapacity": 10, "abandonRate": 0.05, "serviceLevel": 0.8},
            "metrics": {"abandonRate": 0.01, "serviceLevel": 0.9},
        })
    }

    fn with(path: &str, value: Value) -> Status {
        let mut answer = healthy();
        *answer.pointer_mut(path).unwrap() = value;
        status(answer)
    }

    #[test]
    fn each_rule_saturates_the_queue_by_itself() {
        assert_eq!(status(healthy()), Status::Open);
        assert_eq!(with("/capacity", json!(10)), Status::Saturated(vec![Threshold::MaxCapacity]));
        assert_eq!(with("/metrics/abandonRate", json!(0.06)), Status::Saturated(vec![Threshold::AbandonRate]));
        assert_eq!(with("/metrics/serviceLevel", json!(0.7)), Status::Saturated(vec![Threshold::ServiceLevel]));
        assert_eq!(with("/activeAgents", json!(0)), Status::Saturated(vec![Threshold::ActiveAgents]));
    }

    #[test]
    fn a_rate_at_its_threshold_breaches_nothing() {
        assert_eq!(with("/metrics/abandonRate", json!(0.05)), Status::Open);
        assert_eq!(with("/metrics/serviceLevel", json!(0.8)), Status::Open);
    }

    #[test]
    fn fractions_and_percentages_compare() {
        assert_eq!(with("/metrics/serviceLevel", json!(90)), Status::Open);
        assert_eq!(with("/metrics/serviceLevel", json!(1)), Status::Open, "one is all of them");
        assert_eq!(with("/metrics/serviceLevel", json!(1.5)), Status::Saturated(vec![Threshold::ServiceLevel]));
        assert_eq!(with("/metrics/serviceLevel", json!(70)), Status::Saturated(vec![Threshold::ServiceLevel]));
        assert_eq!(with("/thresholds/abandonRate", json!(5)), Status::Open);
        assert_eq!(with("/metrics/abandonRate", json!(6)), Status::Saturated(vec![Threshold::AbandonRate]));
    }

    #[test]
    fn a_live_value_that_a_rule_needs_is_unknown_where_it_is_missing_or_senseless() {
        for senseless in [json!(null), json!(-1), json!("3"), json!([]), json!(1e9)] {
            assert_eq!(
                with("/metrics/abandonRate", senseless.clone()),
                Status::Unknown(vec![Threshold::AbandonRate]),
                "{senseless}"
            );
        }
        assert_eq!(with("/capacity", json!("3")), Status::Unknown(vec![Threshold::MaxCapacity]));
        assert_eq!(with("/activeAgents", json!(1.5)), Status::Unknown(vec![Threshold::ActiveAgents]));
        assert_eq!(with("/thresholds/maxCapacity", json!(-5)), Status::Unknown(vec![Threshold::MaxCapacity]));
    }

    #[test]
    fn a_breached_rule_outweighs_an_unknown_one() {
        let mut answer = healthy();
        answer["capacity"] = json!(11);
        answer["metrics"] = json!({});
        assert_eq!(status(answer), Status::Saturated(vec![Threshold::MaxCapacity]));
    }

    #[test]
    fn a_threshold_that_is_not_set_is_no_rule() {
        assert_eq!(status(json!({"activeAgents": 1})), Status::Open);
        assert_eq!(status(json!({"activeAgents": 1, "thresholds": {"maxCapacity": null}})), Status::Open);
    }

    #[test]
    fn a_threshold_of_zero_is_one() {
        assert_eq!(with("/thresholds/maxCapacity", json!(0)), Status::Saturated(vec![Threshold::MaxCapacity]));
        assert_eq!(with("/thresholds/abandonRate", json!(0)), Status::Saturated(vec![Threshold::AbandonRate]));
        assert_eq!(with("/thresholds/serviceLevel", json!(0)), Status::Open);
    }

    #[test]
    fn a_queue_is_missing_by_two_readings_in_a_row() {
        let missing = |before: Option<&QueueHealth>| QueueHealth::missing(before, NOW);
        let earlier = |health: &QueueHealth| QueueHealth { observed: NOW.minus(READINGS_APART), ..health.clone() };
        let open = || QueueHealth::read("q", &json!({"id": "q", "activeAgents": 1}), NOW).unwrap();
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

    #[test]
    fn an_answer_about_another_queue_is_no_answer() {
        assert_eq!(QueueHealth::read("q", &json!({"id": "r", "activeAgents": 1}), NOW), None);
        assert_eq!(QueueHealth::read("q", &json!([]), NOW), None);
    }
}
