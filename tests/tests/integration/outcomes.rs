//! Outcome events: the real records of the ledger's stream, through the filter and the input template of outcomes.yaml.
//!
//! What EventBridge itself makes of both, only an account shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use contact_injection_tests::local::stream_records;
use contact_injection_tests::pipe::Pipe;
use contact_injection_tests::template::Template;
use cxone_simulator::{ContactStatus, Effect, Endpoint, Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, emulator, event, key_of, record};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Gives the ledger the stream that the template gives it where there is a bus.
async fn enable_stream(stage: &Stage) -> String {
    let template = Template::read().unwrap();
    let specification = &template.property("LedgerTable", "StreamSpecification").unwrap()["Fn::If"];
    assert_eq!((&specification[0], &specification[2]), (&json!("HasOutcomeBus"), &json!({"Ref": "AWS::NoValue"})));
    let view = StreamViewType::from(specification[1]["StreamViewType"].as_str().unwrap());
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build().unwrap();
    let update = stage.dynamodb.update_table().table_name(&stage.tables.ledger).stream_specification(stream);
    let table = update.send().await.unwrap().table_description.unwrap();
    table.latest_stream_arn.unwrap()
}

/// Everything that was ever written, oldest first.
async fn records(stream: &str) -> Vec<Value> {
    stream_records(emulator().endpoint(), stream).await.unwrap()
}

/// The outcomes told of this stage's events.
async fn told(stream: &str) -> Vec<Value> {
    let pipe = Pipe::of("orders").unwrap();
    records(stream).await.iter().filter_map(|record| pipe.event(record).unwrap()).collect()
}

/// A run with every way in which an event may end, some of them twice. Each event's id says how.
async fn run(stage: &Stage) {
    let worker = stage.worker();
    let one = |event: Value| [record(event.to_string())];
    let mut traced = event("pair", "injected");
    traced["traceparent"] = json!(TRACE);
    worker.batch(&one(traced.clone())).await;
    worker.batch(&one(traced.clone())).await;
    traced["data"]["total"] = json!("2.00");
    worker.batch(&one(traced)).await;
    // Twice, as a redrive does: each time under another message id.
    for _ in 0..2 {
        worker.batch(&one(event("no.such.route", "unrouted \"}\\"))).await;
    }
    let mut malformed = event("pair", "malformed");
    malformed["time"] = json!("noon");
    worker.batch(&one(malformed)).await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::status(400)));
    worker.batch(&one(event("single", "corrected"))).await;
    worker.batch(&one(event("single", "corrected"))).await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::Lost { status: ContactStatus::Failed }));
    worker.batch(&one(event("single", "lost"))).await;
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::ResetAfter));
    let doubtful = ["found", "parked"].map(|id| record(event("pair", id).to_string()));
    worker.batch(&doubtful).await;
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(24 * 3600));
    worker.batch(&doubtful).await;
    worker.batch(&doubtful).await;
    let found = json!({"resolve": {"key": key_of("found"), "as": "injected"}});
    assert_eq!(worker.invoke(found).await.unwrap(), json!({"resolved": true}));
}

#[tokio::test]
async fn the_streams_records_become_exactly_the_documented_events() {
    let stage = Stage::usual().await;
    let stream = enable_stream(&stage).await;
    run(&stage).await;
    let told = told(&stream).await;
    let members = [
        "outcomeId",
        "eventSource",
        "eventId",
        "eventType",
        "route",
        "reason",
        "contactId",
        "target",
        "attempts",
        "idempotencyKey",
        "at",
        "stack",
        "traceparent",
    ];
    let members: BTreeSet<_> = members.into_iter().collect();
    for event in &told {
        assert_eq!((&event["source"], &event["detail"]["stack"]), (&json!("contact-injection"), &json!("orders")));
        let detail = event["detail"].as_object().unwrap();
        assert_eq!(detail.keys().map(String::as_str).collect::<BTreeSet<_>>(), members, "{event}");
        assert!(detail.values().all(Value::is_string), "{event}");
        assert!(detail["at"].as_str().unwrap().ends_with('Z'), "{event}");
        assert_eq!(detail["idempotencyKey"], key_of(detail["eventId"].as_str().unwrap()).to_string());
    }
    let text = |event: &Value, name: &str| event["detail"][name].as_str().unwrap().to_owned();
    let facts: BTreeSet<_> = told
        .iter()
        .map(|event| {
            let outcome = event["detail-type"].as_str().unwrap().to_owned();
            (text(event, "eventId"), outcome, text(event, "reason"), text(event, "route"))
        })
        .collect();
    let expected = [
        ("corrected", "Contact Dead-Lettered", "payload-rejected", "single"),
        ("corrected", "Contact Injected", "", "single"),
        ("found", "Contact Injected", "", "pair"),
        ("found", "Contact Outcome Unknown", "outcome-unknown", "pair"),
        ("injected", "Contact Injected", "", "pair"),
        ("lost", "Contact Dead-Lettered", "contact-failed", "single"),
        ("malformed", "Contact Dead-Lettered", "malformed-event", ""),
        ("parked", "Contact Outcome Unknown", "outcome-unknown", "pair"),
        ("unrouted \"}\\", "Contact Dead-Lettered", "no-route", ""),
    ];
    let expected = expected
        .map(|(id, outcome, reason, route)| (id.to_owned(), outcome.to_owned(), reason.to_owned(), route.to_owned()));
    assert_eq!(facts, expected.into_iter().collect());
    let first = told.iter().find(|event| event["detail"]["eventId"] == "injected").unwrap();
    let contact = stage.simulator.contacts()[0].id.clone();
    assert_eq!((text(first, "contactId"), text(first, "traceparent")), (contact, TRACE.to_owned()));
    assert_eq!((text(first, "attempts"), text(first, "eventSource")), ("1".to_owned(), "/crm/emea".to_owned()));
    // Nothing that only the event's data hold.
    let everything = Value::from(told).to_string();
    for datum in ["5550109876", "gold", "1250", "ORD-2024"] {
        assert!(!everything.contains(datum), "{datum}");
    }
}

#[tokio::test]
async fn one_fact_is_never_told_under_two_ids_nor_two_facts_under_one() {
    let stage = Stage::usual().await;
    let stream = enable_stream(&stage).await;
    run(&stage).await;
    let told = told(&stream).await;
    let mut ids: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for event in &told {
        let text = |name: &str| event["detail"][name].as_str().unwrap().to_owned();
        let outcome = match event["detail-type"].as_str().unwrap() {
            "Contact Injected" => "injected",
            "Contact Dead-Lettered" => "dead-lettered",
            "Contact Outcome Unknown" => "outcome-unknown",
            other => panic!("{other}"),
        };
        let parts = [outcome.to_owned(), text("reason"), text("contactId")];
        // By the interface's rule, and not by the code under test.
        let id = Uuid::new_v5(&key_of(&text("eventId")), parts.join("\u{1f}").as_bytes()).to_string();
        assert_eq!(text("outcomeId"), id, "{event}");
        ids.insert([text("eventId")].into_iter().chain(parts).collect(), id);
    }
    assert_eq!(ids.values().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(told.len() > ids.len(), "some are told twice here");
}

#[tokio::test]
async fn a_record_that_tells_no_outcome_is_kept_back() {
    let pipe = Pipe::of("orders").unwrap();
    let stage = Stage::usual().await;
    let stream = enable_stream(&stage).await;
    assert_eq!(stage.ends(&stage.worker(), &[event("pair", "1")]).await, ["injected"]);
    let [claim, settlement] = records(&stream).await.try_into().unwrap();
    assert_eq!(pipe.event(&claim).unwrap(), None);
    let mut of_before = settlement.clone();
    of_before["dynamodb"]["NewImage"].as_object_mut().unwrap().remove("outcomeId");
    let mut forgotten = settlement.clone();
    forgotten["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    for kept_back in [of_before, forgotten] {
        assert_eq!(pipe.event(&kept_back).unwrap(), None);
    }
    assert!(pipe.event(&settlement).unwrap().is_some());
}
