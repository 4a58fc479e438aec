//! The sample events of the demo, and what each of them is there to show.

use std::path::{Path, PathBuf};

use cxone_simulator::{Fault, SimulatorConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::LocalError;
use crate::workspace_root;

/// Stands for the time of sending in a sample.
const NOW: &str = "{now}";
/// The namespace of every event's idempotency key, as the public interface fixes it. Written again here on purpose: the
/// demo finds contacts by keys that the functions under show did not compute.
const KEY_NAMESPACE: Uuid = uuid!("2fcff96a-1a86-41f2-a7cf-eef825f75371");

/// A group of events that are sent together, after all before them have ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// What it shows.
    pub(super) title: String,
    /// What goes wrong at CXone meanwhile.
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
    pub(super) events: Vec<Sample>,
}

/// An event and what has to become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) title: String,
    /// The message body; a string is sent as it stands.
    body: Value,
    pub(super) expect: Expectation,
}

/// What has to become of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Expectation {
    /// One contact, at this queue or with these skills, with this priority.
    Injected { target: String, priority: u16 },
    /// Acknowledged with nothing new: its contact was there before.
    Duplicate,
    /// In the dead-letter queue for this reason.
    DeadLettered { reason: String },
}

impl Sample {
    /// The message body at a time, written as RFC 3339 where the sample says so.
    pub(super) fn text(&self, now: &str) -> String {
        match &self.body {
            Value::String(text) => text.clone(),
            body => body.to_string().replace(NOW, now),
        }
    }

    /// The idempotency key of its identity, where it has one.
    pub(super) fn key(&self) -> Option<String> {
        let unwrapped;
        let event = if self.body["Type"] == "Notification" {
            unwrapped = serde_json::from_str::<Value>(self.body["Message"].as_str()?).ok()?;
            &unwrapped
        } else {
            &self.body
        };
        let name = [event["source"].as_str()?, event["id"].as_str()?].join("\u{1f}");
        Some(Uuid::new_v5(&KEY_NAMESPACE, name.as_bytes()).to_string())
    }
}

/// The routes that the demo's functions are built with.
pub(super) fn routes() -> PathBuf {
    folder().join("routes.json")
}

/// The tenant that the simulator serves.
pub(super) fn tenant() -> Result<SimulatorConfig, LocalError> {
    read(&folder().join("tenant.json"))
}

/// The events, in the order of their sending.
pub(super) fn steps() -> Result<Vec<Step>, LocalError> {
    read(&folder().join("events.json"))
}

fn folder() -> PathBuf {
    workspace_root().join("tests/fixtures/demo")
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, LocalError> {
    let bytes = std::fs::read(path).map_err(LocalError::system(format!("read {}", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|source| LocalError::Unreadable { what: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use contact_injection::domain::attributes::{AttributeDefinition, AttributeType, Schema};
    use contact_injection::domain::event::Event;
    use contact_injection::domain::mapping::{self, ComplianceBoundary};
    use contact_injection::domain::routes::{Address, Routes};

    use super::*;

    /// Reasons that mapping alone can't find: they need a clock or a ledger.
    const LATER: [&str; 2] = ["expired", "conflict"];

    #[test]
    fn every_sample_maps_or_fails_as_it_expects() {
        let routes = Routes::from_json(&std::fs::read_to_string(super::routes()).unwrap()).unwrap();
        let schema = schema();
        let samples: Vec<_> = steps().unwrap().into_iter().flat_map(|step| step.events).collect();
        assert!(samples.len() >= 12);
        for sample in samples {
            let found = first_problem(&sample, &routes, &schema);
            match &sample.expect {
                Expectation::DeadLettered { reason } if !LATER.contains(&reason.as_str()) => {
                    assert_eq!(found.as_deref(), Some(reason.as_str()), "{}", sample.title);
                }
                _ => assert_eq!(found, None, "{}", sample.title),
            }
        }
    }

    #[test]
    fn every_injected_sample_expects_a_target_of_its_route() {
        let routes = Routes::from_json(&std::fs::read_to_string(super::routes()).unwrap()).unwrap();
        for sample in steps().unwrap().into_iter().flat_map(|step| step.events) {
            let Expectation::Injected { target, .. } = &sample.expect else { continue };
            let event = Event::parse(&sample.text("2030-01-01T00:00:00Z")).unwrap();
            let names = routes.select(&event).unwrap().targets().iter().map(|target| match target.address() {
                Address::Queue(queue) => queue.as_str().to_owned(),
                Address::Skills(skills) => skills.join(","),
            });
            assert!(names.into_iter().any(|name| name == *target), "{}", sample.title);
        }
    }

    #[test]
    fn an_event_inside_a_notification_keeps_its_identity() {
        let event = r#"{"source":"/crm","id":"1"}"#;
        let expect = Expectation::Duplicate;
        let bare = Sample { title: String::new(), body: serde_json::from_str(event).unwrap(), expect: expect.clone() };
        let body = serde_json::json!({"Type": "Notification", "Message": event});
        let wrapped = Sample { title: String::new(), body, expect };
        assert!(bare.key().is_some());
        assert_eq!(bare.key(), wrapped.key());
    }

    fn first_problem(sample: &Sample, routes: &Routes, schema: &Schema) -> Option<String> {
        let Ok(event) = Event::parse(&sample.text("2030-01-01T00:00:00Z")) else {
            return Some("malformed-event".to_owned());
        };
        let Some(route) = routes.select(&event) else { return Some("no-route".to_owned()) };
        let problems = mapping::map(route, &event, schema, ComplianceBoundary::Outside).err()?;
        problems.first().map(|problem| problem.code.as_str().to_owned())
    }

    fn schema() -> Schema {
        let registered = tenant().unwrap().attributes.into_iter();
        Schema::new(
            registered
                .map(|attribute| {
                    let (kind, key) = attribute.key.split_once(':').unwrap();
                    let attribute_type: AttributeType = serde_json::from_value(kind.into()).unwrap();
                    let max_length = attribute.max_length;
                    AttributeDefinition { key: key.to_owned(), attribute_type, max_length, required: false }
                })
                .collect(),
        )
    }
}
