//! Outcome events: what outcomes.yaml's pipe makes of a run's records, against what has to be told of each end
//! (docs/rules.md#outcome-events).

use std::collections::{BTreeMap, BTreeSet};

use contact_injection::domain::event::Event;
use contact_injection::domain::routes::Routes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::outcome::{self, Kind, Outcome, Row};

/// What one telling of a fact may have otherwise than the next.
const OF_A_TELLING: [&str; 2] = ["attempts", "at"];
/// Why a dead letter has no event: it is the end of another message, whose event is on record already.
const UNTOLD: &str = "conflict";
/// How many differences a line of the table shows.
const SHOWN: usize = 3;

/// The table's line for what was told of a run, by a pipe of the stack with this name.
pub(super) fn row(told: &[Value], outcomes: &[Outcome], routes: &Routes, stack: &str) -> Row {
    let due: Vec<_> = outcomes.iter().filter_map(|outcome| due(outcome, routes, stack)).collect();
    let differences = differences(told, &due);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &due {
        *counts.entry(event["detail-type"].as_str().unwrap_or_default()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let evidence = if differences.is_empty() {
        format!("{} told: {}; none under two ids", told.len(), counts.join(", "))
    } else {
        let first: Vec<_> = differences.iter().take(SHOWN).map(String::as_str).collect();
        format!("{} told, {} differences: {}", told.len(), differences.len(), first.join("; "))
    };
    Row {
        expected: differences.is_empty(),
        title: "outcome events of the whole run".to_owned(),
        name: "told",
        evidence,
    }
}

/// The event by which an end has to be told, without what is [of a telling](OF_A_TELLING). Nothing where it was told
/// before, or where its dead letter alone tells it. No dead letter of the demo was asked for at any target.
fn due(outcome: &Outcome, routes: &Routes, stack: &str) -> Option<Value> {
    let (detail_type, word, reason) = match (outcome.kind, outcome.reason.as_str()) {
        (Kind::Injected, _) => ("Contact Injected", "injected", ""),
        (Kind::DeadLettered, UNTOLD) | (Kind::Duplicate | Kind::Lost, _) => return None,
        (Kind::DeadLettered, reason @ "outcome-unknown") => ("Contact Outcome Unknown", reason, reason),
        (Kind::DeadLettered, reason) => ("Contact Dead-Lettered", "dead-lettered", reason),
    };
    let key = outcome.sent.sample.key()?;
    let contact = outcome.contacts.first();
    let contact_id = contact.map_or("", |contact| contact.id.as_str());
    let outcome_id = Uuid::new_v5(&key.parse().ok()?, [word, reason, contact_id].join("\u{1f}").as_bytes());
    let event = Event::parse(&outcome.sent.text).ok();
    let route = event.as_ref().and_then(|event| routes.select(event)).map_or("", |route| route.name());
    let target = contact.map_or_else(String::new, |contact| {
        let kind = if contact.queue_id().is_some() { "queue" } else { "skills" };
        format!("{kind}:{}", outcome::target(contact))
    });
    let [source, id, event_type] = outcome.sent.sample.envelope();
    Some(json!({
        "source": "contact-injection",
        "detail-type": detail_type,
        "detail": {
            "outcomeId": outcome_id, "eventSource": source, "eventId": id, "eventType": event_type, "route": route,
            "reason": reason, "contactId": contact_id, "target": target, "idempotencyKey": key, "stack": stack,
            "traceparent": "",
        },
    }))
}

/// What is told and not due, due and not told, or told under two ids. An event may be told more than once.
fn differences(told: &[Value], due: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let mut facts = BTreeSet::new();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in told {
        let mut fact = event.clone();
        let detail = fact["detail"].as_object_mut();
        let detail = detail.filter(|detail| detail.values().all(Value::is_string) && was_told(detail));
        let Some(detail) = detail else {
            found.push(format!("of another form: {event}"));
            continue;
        };
        detail.retain(|name, _| !OF_A_TELLING.contains(&name.as_str()));
        facts.insert(fact.to_string());
        let id = fact["detail"]["outcomeId"].take().to_string();
        ids.entry(fact.to_string()).or_default().insert(id);
    }
    let due: BTreeSet<_> = due.iter().map(Value::to_string).collect();
    found.extend(due.difference(&facts).map(|event| format!("not told: {event}")));
    found.extend(facts.difference(&due).map(|event| format!("told and not due: {event}")));
    found.extend(ids.iter().filter(|(_, ids)| ids.len() > 1).map(|(fact, _)| format!("under two ids: {fact}")));
    found
}

/// Whether it says how many attempts there were, and when it ended.
fn was_told(detail: &Map<String, Value>) -> bool {
    let text = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
    text("attempts").parse::<u32>().is_ok()
        && text("at").parse::<jiff::Timestamp>().is_ok()
        && text("at").ends_with('Z')
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::{Message, MessageAttributeValue};
    use cxone_simulator::{Contact, ContactStatus};

    use super::super::outcome::Sent;
    use super::super::samples::{self, Expectation, Sample, read_routes};
    use super::*;

    /// Every sample event that is sent alone, as if it had ended as it is expected to.
    fn ended() -> Vec<Outcome> {
        let steps = samples::steps().unwrap().into_iter();
        let samples: Vec<_> = steps.flat_map(|step| step.into_events().unwrap().single).collect();
        let contacts: Vec<_> = samples.iter().filter_map(contact).collect();
        let letters: Vec<_> = samples.iter().filter_map(letter).collect();
        let sent = samples.into_iter().map(|sample| {
            // A duplicate is sent when its contact is there.
            let at_ms = if sample.expect == Expectation::Duplicate { 3_000 } else { 1_000 };
            Sent { text: sample.text("now"), sample, at_ms }
        });
        sent.map(|sent| outcome::of(sent, &contacts, &letters)).collect()
    }

    fn contact(sample: &Sample) -> Option<Contact> {
        let Expectation::Injected { target, priority } = &sample.expect else { return None };
        Some(Contact {
            id: format!("contact of {}", sample.title),
            idempotency_key: sample.key().unwrap(),
            client_id: "worker-1".to_owned(),
            request: json!({"queueId": target, "priority": priority}),
            status: ContactStatus::Queued,
            created_at_ms: 2_000,
            replays: 0,
            conflicting_replays: 0,
        })
    }

    fn letter(sample: &Sample) -> Option<Message> {
        let Expectation::DeadLettered { reason } = &sample.expect else { return None };
        let reason = MessageAttributeValue::builder().data_type("String").string_value(reason).build().unwrap();
        Some(Message::builder().body(sample.text("now")).message_attributes("failureReason", reason).build())
    }

    /// The events that are due, each as a pipe tells it.
    fn told() -> Vec<Value> {
        let mut told: Vec<_> =
            ended().iter().filter_map(|outcome| due(outcome, &read_routes().unwrap(), "orders")).collect();
        for event in &mut told {
            event["detail"]["attempts"] = "0".into();
            event["detail"]["at"] = "2026-03-01T12:00:00.000Z".into();
        }
        told
    }

    fn row_of(told: &[Value]) -> Row {
        row(told, &ended(), &read_routes().unwrap(), "orders")
    }

    #[test]
    fn each_end_is_told_but_for_duplicates_conflicts_and_what_has_no_identity() {
        let (ended, told) = (ended(), told());
        assert!(ended.iter().all(Outcome::as_expected));
        // A duplicate, a conflict, and a text that is no JSON.
        assert_eq!(told.len(), ended.len() - 3);
        let row = row_of(&told);
        assert!(row.expected, "{row:?}");
        assert_eq!(row.evidence, "12 told: 5 Contact Dead-Lettered, 7 Contact Injected; none under two ids");
    }

    #[test]
    fn a_fact_may_be_told_twice_as_long_as_it_has_one_id() {
        let mut told = told();
        told.push(told[0].clone());
        assert!(row_of(&told).expected);
        told.last_mut().unwrap()["detail"]["outcomeId"] = Uuid::nil().to_string().into();
        let row = row_of(&told);
        assert!(!row.expected);
        assert!(row.evidence.contains("2 differences: told and not due: ") && row.evidence.contains("under two ids: "));
    }

    #[test]
    fn what_is_missing_or_of_another_form_is_a_difference() {
        let told = told();
        assert!(row_of(&told[1..]).evidence.contains("not told: "));
        for (member, value) in [
            ("reason", json!("expired-today")),
            ("traceparent", Value::Null),
            ("attempts", json!(1)),
            ("at", json!("noon")),
            ("data", json!("more")),
        ] {
            let mut told = told.clone();
            told[0]["detail"][member] = value;
            assert!(!row_of(&told).expected, "{member}");
        }
    }
}
