//! A routing queue: how full it is, and whether its thresholds turn a new contact away.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A routing queue. What is `None` is left out of its health and triggers nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Queue {
    /// Its identifier.
    pub id: String,
    /// Its display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Contacts in the queue now. Each contact created adds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// Agents on duty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_agents: Option<u64>,
    /// Limits that protect the queue.
    pub thresholds: Thresholds,
    /// Live readings.
    pub metrics: Rates,
    /// What a POST gets while the queue is saturated.
    pub on_saturation: OnSaturation,
    /// Whether health writes its rates as percentages instead of fractions. A rate up to 0.01 has no percentage over 1,
    /// so that a reader takes it for a fraction.
    pub percentages: bool,
    /// Served as the health instead of the above, as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_override: Option<Value>,
}

/// Limits of a queue; rates as fractions, or as percentages where over 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Thresholds {
    /// Contacts that the queue holds at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_capacity: Option<u64>,
    /// Highest abandon rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandon_rate: Option<f64>,
    /// Lowest service level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_level: Option<f64>,
}

/// Live readings of a queue; fractions, or percentages where over 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rates {
    /// Share of contacts that gave up waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandon_rate: Option<f64>,
    /// Share of contacts answered in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_level: Option<f64>,
}

/// What a POST to a saturated queue gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSaturation {
    /// 409 and no contact.
    #[default]
    Conflict,
    /// 201 and a contact that failed.
    Failed,
    /// 201 and a contact that was abandoned.
    Abandoned,
}

/// Why a queue takes no contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Saturation {
    /// As many contacts as `maxCapacity` allows.
    Capacity,
    /// The abandon rate is over its threshold.
    AbandonRate,
    /// The service level is under its threshold.
    ServiceLevel,
    /// Nobody is on duty.
    NoAgents,
}

impl Queue {
    /// A queue with nothing in it, five agents, room for 100 contacts and readings well inside their thresholds.
    pub fn open(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: Some(format!("Queue {id}")),
            capacity: Some(0),
            active_agents: Some(5),
            thresholds: Thresholds { max_capacity: Some(100), abandon_rate: Some(0.2), service_level: Some(0.7) },
            metrics: Rates { abandon_rate: Some(0.02), service_level: Some(0.95) },
            ..Self::default()
        }
    }

    /// A queue that is as full as it may be.
    pub fn full(id: &str) -> Self {
        Self { capacity: Some(100), ..Self::open(id) }
    }

    /// Room for so many contacts.
    #[must_use]
    pub fn with_max_capacity(mut self, contacts: u64) -> Self {
        self.thresholds.max_capacity = Some(contacts);
        self
    }

    /// Answers a POST like this while saturated.
    #[must_use]
    pub fn with_on_saturation(mut self, on_saturation: OnSaturation) -> Self {
        self.on_saturation = on_saturation;
        self
    }

    /// The first threshold that is breached. A reading that isn't there breaches none.
    pub fn saturation(&self) -> Option<Saturation> {
        let breached = |reading: Option<f64>, limit: Option<f64>, breaches: fn(f64, f64) -> bool| {
            reading.zip(limit).is_some_and(|(reading, limit)| breaches(as_fraction(reading), as_fraction(limit)))
        };
        if self.capacity.zip(self.thresholds.max_capacity).is_some_and(|(now, limit)| now >= limit) {
            Some(Saturation::Capacity)
        } else if breached(self.metrics.abandon_rate, self.thresholds.abandon_rate, |rate, limit| rate > limit) {
            Some(Saturation::AbandonRate)
        } else if breached(self.metrics.service_level, self.thresholds.service_level, |level, limit| level < limit) {
            Some(Saturation::ServiceLevel)
        } else if self.active_agents == Some(0) {
            Some(Saturation::NoAgents)
        } else {
            None
        }
    }

    /// The body of its health.
    pub fn health(&self) -> Value {
        if let Some(body) = &self.health_override {
            return body.clone();
        }
        let rate =
            |value: Option<f64>| value.map(|value| json!(if self.percentages { as_percentage(value) } else { value }));
        object([
            ("id", Some(json!(self.id))),
            ("name", self.name.as_ref().map(|name| json!(name))),
            ("capacity", self.capacity.map(|count| json!(count))),
            ("activeAgents", self.active_agents.map(|count| json!(count))),
            (
                "thresholds",
                Some(object([
                    ("maxCapacity", self.thresholds.max_capacity.map(|count| json!(count))),
                    ("abandonRate", rate(self.thresholds.abandon_rate)),
                    ("serviceLevel", rate(self.thresholds.service_level)),
                ]))
                .filter(has_members),
            ),
            (
                "metrics",
                Some(object([
                    ("abandonRate", rate(self.metrics.abandon_rate)),
                    ("serviceLevel", rate(self.metrics.service_level)),
                ]))
                .filter(has_members),
            ),
        ])
    }
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(key, value)| value.map(|value| (key.to_owned(), value)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn has_members(value: &Value) -> bool {
    value.as_object().is_some_and(|object| !object.is_empty())
}

/// A rate over 1 is a percentage.
fn as_fraction(rate: f64) -> f64 {
    if rate > 1.0 { rate / 100.0 } else { rate }
}

fn as_percentage(rate: f64) -> f64 {
    if rate > 1.0 { rate } else { rate * 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_queue_is_not_saturated() {
        assert_eq!(Queue::open("q").saturation(), None);
    }

    #[test]
    fn a_queue_is_saturated_once_capacity_reaches_its_maximum() {
        let mut queue = Queue::open("q").with_max_capacity(3);
        queue.capacity = Some(2);
        assert_eq!(queue.saturation(), None);
        queue.capacity = Some(3);
        assert_eq!(queue.saturation(), Some(Saturation::Capacity));
    }

    #[test]
    fn a_reading_at_its_threshold_is_not_a_breach() {
        let mut queue = Queue::open("q");
        queue.metrics = Rates { abandon_rate: Some(0.2), service_level: Some(0.7) };
        assert_eq!(queue.saturation(), None);
        queue.metrics.abandon_rate = Some(0.21);
        assert_eq!(queue.saturation(), Some(Saturation::AbandonRate));
        queue.metrics = Rates { abandon_rate: None, service_level: Some(0.69) };
        assert_eq!(queue.saturation(), Some(Saturation::ServiceLevel));
    }

    #[test]
    fn a_percentage_is_compared_with_a_fraction() {
        let mut queue = Queue::open("q");
        queue.metrics.abandon_rate = Some(25.0);
        assert_eq!(queue.saturation(), Some(Saturation::AbandonRate));
    }

    #[test]
    fn a_queue_without_agents_is_saturated_and_one_with_unknown_agents_is_not() {
        let mut queue = Queue { active_agents: Some(0), ..Queue::open("q") };
        assert_eq!(queue.saturation(), Some(Saturation::NoAgents));
        queue.active_agents = None;
        assert_eq!(queue.saturation(), None);
    }

    #[test]
    fn health_leaves_out_what_is_unknown() {
        let queue = Queue { id: "q".to_owned(), active_agents: Some(2), ..Queue::default() };
        assert_eq!(queue.health(), json!({"id": "q", "activeAgents": 2}));
    }

    #[test]
    fn health_is_served_in_percentages_or_raw_on_request() {
        let mut queue = Queue { percentages: true, ..Queue::open("q") };
        assert_eq!(queue.health()["metrics"]["serviceLevel"], json!(95.0));
        queue.health_override = Some(json!({"unexpected": true}));
        assert_eq!(queue.health(), json!({"unexpected": true}));
    }
}
