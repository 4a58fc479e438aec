//! The sample events of the demo, and what each of them is there to show.

use std::path::{Path, PathBuf};

use contact_injection::dialects::guide;
use contact_injection::domain::routes::Routes;
use cxone_simulator::{Fault, SimulatorConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::LocalError;
use crate::workspace_root;

/// Stands for the time of sending in a sample.
const NOW: &str = "{now}";
/// Stands for an event's number in a burst: three digits, so that it can end an identifier or a phone number.
const NUMBER: &str = "{n}";
/// Stands for a text of 300 characters: more than an attribute takes.
const LONG: &str = "{long}";
const LONG_WORDS: usize = 60;
/// Stands for an object whose members together are more than a work item takes, and each of which is not.
const MANY: &str = "{many}";
/// The namespace of every event's idempotency key, as docs/rules.md#idempotency-key fixes it. Written again here on
/// purpose: the demo finds contacts by keys that the functions under show did not compute.
const KEY_NAMESPACE: Uuid = uuid!("2fcff96a-1a86-41f2-a7cf-eef825f75371");

/// A group of events that are sent together, after all before them have ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step<F = Fault> {
    /// What it shows.
    pub(super) title: String,
    /// What goes wrong at CXone meanwhile.
    #[serde(default = "Vec::new")]
    pub(super) faults: Vec<F>,
    /// Events sent one by one.
    #[serde(default)]
    events: Vec<Sample>,
    /// Events of one kind, sent in batches after the others.
    #[serde(default)]
    burst: Option<Burst>,
    /// An event that is sent last, to the urgent queue.
    #[serde(default)]
    urgent: Option<Sample>,
}

/// Its events in the order of their sending.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Those sent one by one.
    pub(super) single: Vec<Sample>,
    /// Those sent at once after them.
    pub(super) burst: Vec<Sample>,
    /// The one sent last, to the urgent queue.
    pub(super) urgent: Option<Sample>,
}

impl Events {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.single.len() + self.burst.len() + usize::from(self.urgent.is_some())
    }
}

/// Many events that differ by their number alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Burst {
    title: String,
    count: u32,
    body: Value,
    expect: Expectation,
}

/// An event and what has to become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) title: String,
    /// The message body; a string is sent as it stands.
    body: Value,
    pub(super) expect: Expectation,
    /// What has to become of it, where a person had it tried once more.
    #[serde(default)]
    pub(super) after: Option<Expectation>,
    /// Of so many events of the burst before it, at least, its contact is there sooner.
    #[serde(default)]
    pub(super) overtakes: Option<usize>,
    /// Whether it is one of a burst, which are told of in one line.
    #[serde(skip)]
    pub(super) in_burst: bool,
}

/// What has to become of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Expectation {
    /// One contact, at this queue or with these skills, with this priority.
    Injected { target: String, priority: u16 },
    /// One contact at one of these places; the first is the primary target, which may not be filled over its capacity.
    Spread { over: Vec<Place> },
    /// Acknowledged with nothing new: its contact was there before.
    Duplicate,
    /// In the dead-letter queue for this reason.
    DeadLettered { reason: String },
}

/// A target, and the priorities that a contact may have there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) target: String,
    pub(super) priorities: Vec<u16>,
}

impl Expectation {
    /// Whether one contact at this target with this priority is what was expected.
    pub(super) fn allows(&self, at: &str, with: u16) -> bool {
        match self {
            Self::Injected { target, priority } => target == at && *priority == with,
            Self::Spread { over } => over.iter().any(|place| place.target == at && place.priorities.contains(&with)),
            Self::Duplicate | Self::DeadLettered { .. } => false,
        }
    }
}

impl<F> Step<F> {
    /// Its events.
    pub(super) fn into_events(self) -> Result<Events, LocalError> {
        let burst = self.burst.as_ref().map_or_else(|| Ok(Vec::new()), Burst::samples);
        let unreadable = |source| LocalError::Unreadable { what: format!("the burst of '{}'", self.title), source };
        Ok(Events { single: self.events, burst: burst.map_err(unreadable)?, urgent: self.urgent })
    }
}

impl Burst {
    fn samples(&self) -> Result<Vec<Sample>, serde_json::Error> {
        let template = self.body.to_string();
        let numbered = (1..=self.count).map(|number| {
            let body = serde_json::from_str(&template.replace(NUMBER, &format!("{number:03}")))?;
            let (title, expect) = (self.title.clone(), self.expect.clone());
            Ok(Sample { title, body, expect, after: None, overtakes: None, in_burst: true })
        });
        numbered.collect()
    }
}

impl Sample {
    /// The message body at a time, written as RFC 3339 where the sample says so.
    pub(super) fn text(&self, now: &str) -> String {
        match &self.body {
            Value::String(text) => text.clone(),
            body => {
                let text = body.to_string().replace(NOW, now).replace(LONG, &"long ".repeat(LONG_WORDS));
                text.replace(&json!(MANY).to_string(), &many().to_string())
            }
        }
    }

    /// The idempotency key of its identity, where it has one.
    pub(super) fn key(&self) -> Option<String> {
        let [source, id, _] = self.envelope();
        let name = [source?, id?].join("\u{1f}");
        Some(Uuid::new_v5(&KEY_NAMESPACE, name.as_bytes()).to_string())
    }

    /// The event's source, id and type, as far as it has them.
    pub(super) fn envelope(&self) -> [Option<String>; 3] {
        let message = self.body["Message"].as_str().filter(|_| self.body["Type"] == "Notification");
        let unwrapped = message.and_then(|message| serde_json::from_str::<Value>(message).ok());
        let event = unwrapped.as_ref().unwrap_or(&self.body);
        let event_type = if event["specversion"].is_null() { "detail-type" } else { "type" };
        ["source", "id", event_type].map(|name| event[name].as_str().map(str::to_owned))
    }
}

/// 300 members of 200 characters each.
fn many() -> Value {
    (1..=300).map(|number| (format!("item{number}"), json!("x".repeat(200)))).collect::<Map<_, _>>().into()
}

/// The routes that the demo's functions are built with.
pub(super) fn routes() -> PathBuf {
    folder().join("routes.json")
}

/// [The same](routes), read as the functions read them.
pub(super) fn read_routes() -> Result<Routes, LocalError> {
    let path = routes();
    let text = std::fs::read_to_string(&path).map_err(LocalError::system(format!("read {}", path.display())))?;
    Ok(Routes::from_json(text, guide::FACTS.routes)?)
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

/// A file of JSON.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, LocalError> {
    let bytes = std::fs::read(path).map_err(LocalError::system(format!("read {}", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|source| LocalError::Unreadable { what: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contact_injection::domain::attributes::{AttributeDefinition, AttributeType, Schema};
    use contact_injection::domain::event::Event;
    use contact_injection::domain::mapping::{self, ComplianceBoundary};
    use contact_injection::domain::routes::{Address, Priority};

    use super::*;

    /// Whether a sample means this address: by what stands behind its kind.
    fn is_called(address: &Address, name: &str) -> bool {
        address.to_string().split_once(':').is_some_and(|(_, known)| known == name)
    }

    /// Reasons that mapping alone can't find: they need a clock or a ledger.
    const LATER: [&str; 2] = ["expired", "conflict"];

    #[test]
    fn every_sample_maps_or_fails_as_it_expects() {
        let (routes, schema, samples) = (read_routes().unwrap(), schema(), samples());
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
    fn every_injected_sample_expects_targets_of_its_route_and_priorities_that_can_be_there() {
        let routes = read_routes().unwrap();
        for sample in samples() {
            let over = match &sample.expect {
                Expectation::Injected { target, priority } => {
                    vec![Place { target: target.clone(), priorities: vec![*priority] }]
                }
                Expectation::Spread { over } => over.clone(),
                Expectation::Duplicate | Expectation::DeadLettered { .. } => continue,
            };
            let event = Event::parse(&sample.text("2030-01-01T00:00:00Z")).unwrap();
            let route = routes.select(&event).unwrap();
            for place in over {
                let index = route.targets().iter().position(|target| is_called(target.address(), &place.target));
                let target = &route.targets()[index.unwrap_or_else(|| panic!("{}: {}", sample.title, place.target))];
                let with_steps = |steps| {
                    let (base, delta) = (route.base_priority(&event), target.priority_delta());
                    Priority::effective(base, delta, route.degrade(), steps).get()
                };
                // A step for each target passed over, and two for how full the queue is.
                let steps = u32::try_from(index.unwrap()).unwrap();
                let possible = [steps, steps + 1, steps + 2].map(with_steps);
                let title = &sample.title;
                assert!(place.priorities.iter().all(|one| possible.contains(one)), "{title}: {possible:?}");
            }
        }
    }

    #[test]
    fn the_events_of_a_burst_are_as_many_as_it_says_each_under_an_identity_of_its_own() {
        let burst: Vec<_> = samples().into_iter().filter(|sample| sample.in_burst).collect();
        assert!(burst.len() >= 60);
        let keys: BTreeSet<_> = burst.iter().map(|sample| sample.key().unwrap()).collect();
        assert_eq!(keys.len(), burst.len());
        assert!(burst.iter().all(|sample| !sample.text("now").contains(NUMBER)));
    }

    #[test]
    fn the_burst_is_for_a_queue_with_room_for_fewer() {
        let burst: Vec<_> = samples().into_iter().filter(|sample| sample.in_burst).collect();
        let Expectation::Spread { over } = &burst[0].expect else { panic!("a burst spreads") };
        let queues = tenant().unwrap().queues;
        let primary = queues.iter().find(|queue| queue.id == over[0].target).unwrap();
        let room = primary.thresholds.max_capacity.unwrap() - primary.capacity.unwrap();
        assert!(room > 0 && room < burst.len() as u64, "{room}");
    }

    #[test]
    fn an_event_inside_a_notification_keeps_its_identity() {
        let event = r#"{"source":"/crm","id":"1"}"#;
        let expect = Expectation::Duplicate;
        let sample = |body| {
            let (title, expect) = (String::new(), expect.clone());
            Sample { title, body, expect, after: None, overtakes: None, in_burst: false }
        };
        let bare = sample(serde_json::from_str(event).unwrap());
        let wrapped = sample(serde_json::json!({"Type": "Notification", "Message": event}));
        assert!(bare.key().is_some());
        assert_eq!(bare.key(), wrapped.key());
    }

    fn samples() -> Vec<Sample> {
        let steps = steps().unwrap().into_iter().map(|step| step.into_events().unwrap());
        steps.flat_map(|events| events.single.into_iter().chain(events.burst).chain(events.urgent)).collect()
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
