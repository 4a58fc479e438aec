//! The demo of the profile `cxone`: the same stack against a NICE tenant, and a person who decides about lost answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws_sdk_sqs::types::Message;
use cxone_simulator::nice::{self, Config, Creation, Simulator, Skill};
use cxone_simulator::{Contact, ContactStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::outcome::{self, Kind, Outcome, Row, Sent};
use super::rig::{Rig, now_ms, print, say};
use super::samples::{self, Expectation, Sample, Step};
use super::{LocalError, key_secret_text};
use crate::workspace_root;

/// Of the tenant's access keys the last is the sync function's; all others are the inject workers'.
const SYNC_KEYS: usize = 1;
const PARKED: &str = "outcome-unknown";
/// What a person says of a parked event: CXone has its contact, or has none.
const INJECTED: &str = "injected";
const RETRY: &str = "retry";

/// What the demo shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    tenant: Config,
    steps: Vec<Scene>,
}

/// Some skills as they stand from here on, and the events of then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    #[serde(default)]
    skills: Vec<Skill>,
    step: Step<nice::Fault>,
}

/// Runs the demo from start to finish: true where every event ended as expected.
pub async fn run() -> Result<bool, LocalError> {
    let script: Script = samples::read(&folder().join("demo.json"))?;
    Rig::build(&folder().join("routes.json")).await?;
    let demo = TenantDemo::start(script.tenant).await?;
    let mut outcomes = Vec::new();
    for (scene, letter) in script.steps.into_iter().zip('A'..) {
        outcomes.extend(demo.scene(scene, letter).await?);
    }
    let mut rows = outcome::rows(&outcomes, &[]);
    rows.extend(demo.decide(outcomes).await?);
    rows.push(demo.conduct());
    let expected = rows.iter().filter(|row| row.expected).count();
    say(&format!("{expected} of {} ended as expected:", rows.len()));
    print(&outcome::table(&rows));
    let good = expected == rows.len();
    if !good {
        demo.rig.last_words();
    }
    Ok(good)
}

/// Everything that runs.
#[derive(Debug)]
struct TenantDemo {
    simulator: Simulator,
    rig: Rig,
}

impl TenantDemo {
    async fn start(tenant: Config) -> Result<Self, LocalError> {
        let simulator =
            Simulator::start(tenant.clone()).await.map_err(LocalError::system("start the CXone simulator"))?;
        let url = simulator.url();
        let (workers, sync) = tenant.access_keys.split_at(tenant.access_keys.len().saturating_sub(SYNC_KEYS));
        let parameters = ["CxoneProfile=cxone".to_owned(), format!("CxoneIssuer={url}")];
        let rig = Rig::deploy(&url, &parameters, [key_secret_text(workers), key_secret_text(sync)]).await?;
        say("reading the health of the skills into the registry");
        rig.sync().await?;
        rig.operate(&["doctor"]).await?;
        Ok(Self { simulator, rig })
    }

    /// Sends the events of a scene, waits until each has ended, and says how.
    async fn scene(&self, scene: Scene, letter: char) -> Result<Vec<Outcome>, LocalError> {
        let Scene { skills, mut step } = scene;
        let (title, faults) = (step.title.clone(), std::mem::take(&mut step.faults));
        let events = step.into_events()?;
        say(&format!("{letter}: {title} ({} events)", events.count()));
        if !skills.is_empty() {
            for skill in skills {
                self.simulator.tenant().put_skill(skill);
            }
            self.rig.sync().await?;
        }
        for fault in faults {
            self.simulator.add_fault(fault);
        }
        let sent = self.rig.send(events).await?;
        self.simulator.clear_faults();
        let letters = self.rig.dead_letters().await?;
        let ended = self.ended(sent, &letters);
        let parked: Vec<_> = letters.into_iter().filter(|letter| reason(letter) == Some(PARKED)).collect();
        self.rig.put_back(&parked).await?;
        Ok(ended)
    }

    /// Decides about every parked event by what the tenant holds, as a person would who looks there, and sends them
    /// again.
    async fn decide(&self, outcomes: Vec<Outcome>) -> Result<Vec<Row>, LocalError> {
        let there: BTreeSet<_> = self.simulator.creations().into_iter().map(|creation| creation.key).collect();
        let mut again = Vec::new();
        for Outcome { mut sent, .. } in outcomes.into_iter().filter(|outcome| outcome.reason == PARKED) {
            let Some(key) = sent.sample.key() else { continue };
            let found = found(&there, &key);
            self.rig.operate(&["status", "--key", &key]).await?;
            self.rig.operate(&["resolve", &key, found]).await?;
            sent.sample = decided(sent.sample, found);
            again.push(sent);
        }
        let at_ms = now_ms();
        self.rig.operate(&["redrive", "--reason", PARKED]).await?;
        self.rig.drain().await?;
        let letters = self.rig.dead_letters().await?;
        let again = again.into_iter().map(|sent| Sent { at_ms, ..sent }).collect();
        Ok(outcome::rows(&self.ended(again, &letters), &[]))
    }

    fn ended(&self, sent: Vec<Sent>, letters: &[Message]) -> Vec<Outcome> {
        let contacts: Vec<_> = self.simulator.creations().iter().map(contact).collect();
        sent.into_iter().map(|sent| outcome::of(sent, &contacts, letters)).collect()
    }

    /// How the functions behaved, in the eyes of a tenant that forgives nothing and tells no twins apart.
    fn conduct(&self) -> Row {
        let (summary, creations) = (self.simulator.summary(), self.simulator.creations().len());
        Row {
            expected: summary.misuses == 0 && summary.keys_with_twins == 0,
            title: "the tenant's own count".to_owned(),
            name: Kind::Injected.name(),
            evidence: format!(
                "{creations} contacts ({}), {} keys with more than one, {} requests that NICE's API doesn't know",
                by_kind(&summary.contacts_by_kind),
                summary.keys_with_twins,
                summary.misuses
            ),
        }
    }
}

/// What a person finds out about a key who looks among the contacts that the tenant has.
fn found(there: &BTreeSet<String>, key: &str) -> &'static str {
    if there.contains(key) { INJECTED } else { RETRY }
}

/// A parked event after a person's decision: what has to become of it once it comes again.
fn decided(mut sample: Sample, found: &str) -> Sample {
    sample.title = format!("{}, resolved as {found}", sample.title);
    sample.expect = sample.after.clone().filter(|_| found == RETRY).unwrap_or(Expectation::Duplicate);
    sample
}

/// How many contacts of each kind there are, in words.
fn by_kind(contacts: &BTreeMap<String, usize>) -> String {
    contacts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Where a contact is, in the words of a sample, and with which priority.
fn place(creation: &Creation) -> (String, Value) {
    match creation.kind {
        nice::Kind::WorkItem => {
            let payload: Value =
                creation.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            (creation.point_of_contact.clone(), payload["priority"].clone())
        }
        nice::Kind::Callback => {
            (creation.skill_id.map(|id| id.to_string()).unwrap_or_default(), json!(creation.priority))
        }
        nice::Kind::Digital => (creation.channel_id.clone().unwrap_or_default(), json!(creation.priority)),
    }
}

/// A contact in the form that outcomes are found by.
fn contact(creation: &Creation) -> Contact {
    let (place, priority) = place(creation);
    Contact {
        id: creation.contact_id.to_string(),
        idempotency_key: creation.key.clone(),
        client_id: creation.access_key_id.clone(),
        request: json!({ "pointOfContact": place, "priority": priority }),
        status: ContactStatus::Queued,
        created_at_ms: creation.at_ms,
        replays: 0,
        conflicting_replays: 0,
    }
}

fn reason(letter: &Message) -> Option<&str> {
    outcome::attribute(letter, "failureReason")
}

fn folder() -> PathBuf {
    workspace_root().join("tests/fixtures/cxone")
}

#[cfg(test)]
mod tests {
    use contact_injection::dialects::nice as dialect;
    use contact_injection::domain::event::Event;
    use contact_injection::domain::routes::{Address, Routes, Target};

    use super::*;

    fn script() -> Script {
        samples::read(&folder().join("demo.json")).unwrap()
    }

    fn events() -> Vec<Sample> {
        script().steps.into_iter().flat_map(|scene| scene.step.into_events().unwrap().single).collect()
    }

    #[test]
    fn every_work_item_is_expected_at_a_target_of_its_route() {
        let text = std::fs::read_to_string(folder().join("routes.json")).unwrap();
        let routes = Routes::from_json(text, dialect::FACTS.routes).unwrap();
        let samples = events();
        assert!(samples.len() >= 12);
        for sample in samples {
            let expected = [Some(&sample.expect), sample.after.as_ref()];
            for expect in expected.into_iter().flatten() {
                let Expectation::Injected { target, .. } = expect else { continue };
                let event = Event::parse(&sample.text("2030-01-01T00:00:00Z")).unwrap();
                let is_called =
                    |address: &Address| address.to_string().split_once(':').is_some_and(|(_, name)| name == target);
                let mut addresses = routes.select(&event).unwrap().targets().iter().map(Target::address);
                assert!(addresses.any(is_called), "{}: {target}", sample.title);
            }
        }
    }

    #[test]
    fn what_the_tenant_has_is_a_duplicate_from_then_on_and_what_it_lacks_is_tried_again() {
        let parked: Vec<_> = events().into_iter().filter(|sample| sample.after.is_some()).collect();
        assert_eq!(parked.len(), 3);
        for sample in parked {
            let (key, after) = (sample.key().unwrap(), sample.after.clone());
            let retried = decided(sample, found(&BTreeSet::new(), &key));
            assert_eq!(Some(&retried.expect), after.as_ref());
            let known = decided(retried, found(&BTreeSet::from([key.clone()]), &key));
            assert_eq!(known.expect, Expectation::Duplicate);
        }
    }
}
