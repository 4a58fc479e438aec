//! `GET /api/v2/routing/queues/{queueId}` (docs/wire.md#queue-health): saturated where the contacts in the queue have
//! reached its maximum, the live abandon rate exceeds its threshold, the live service level is under its threshold, or
//! nobody is there to answer. A live value that a rule needs and that isn't there, or makes no sense, is unknown and
//! never healthy.

use serde_json::Value;

use crate::domain::{
    health::{QueueHealth, Status, Threshold},
    routes::QueueId,
    time::Timestamp,
};

/// A queue's health; nothing where the answer isn't an object with this queue's id.
pub(super) fn read(queue: &QueueId, answer: &Value, observed: Timestamp) -> Option<QueueHealth> {
    let answer = answer.as_object()?;
    if answer.get("id").and_then(Value::as_str) != Some(queue.as_str()) {
        return None;
    }
    let within = |object: &str, member: &str| answer.get(object).and_then(|inner| inner.get(member));
    let capacity = answer.get("capacity").and_then(Value::as_u64);
    let max_capacity = Member::of(within("thresholds", "maxCapacity"), Value::as_u64);
    let rate = |object, member| Member::of(within(object, member), rate);
    let judgements = [
        (Threshold::MaxCapacity, max_capacity.judge(capacity, |max, live| live >= max)),
        (
            Threshold::AbandonRate,
            rate("thresholds", "abandonRate").judge(rate("metrics", "abandonRate").known(), |limit, live| live > limit),
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
    Some(QueueHealth { status, capacity, max_capacity: max_capacity.known(), observed })
}

/// A member that may be absent, or present and senseless.
#[derive(Clone, Copy)]
enum Member<T> {
    Absent,
    Senseless,
    Known(T),
}

impl<T: Copy> Member<T> {
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

    fn queue() -> QueueId {
        QueueId::new("q".to_owned()).unwrap()
    }

    fn status(mut answer: Value) -> Status {
        answer["id"] = json!("q");
        read(&queue(), &answer, NOW).unwrap().status
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
    fn an_answer_about_another_queue_is_no_answer() {
        assert_eq!(read(&queue(), &json!({"id": "r", "activeAgents": 1}), NOW), None);
        assert_eq!(read(&queue(), &json!([]), NOW), None);
    }
}
