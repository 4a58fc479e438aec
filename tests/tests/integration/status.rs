//! Where an event is: asked of the function, and answered by the ledger alone.

use std::time::Duration;

use cxone_simulator::{Effect, Endpoint, Fault};
use serde_json::{Value, json};

use super::stage::{Moment, PRIMARY, Stage, Worker, event, key_of, number, record, text};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn named(id: &str) -> Value {
    json!({"source": "/crm/emea", "id": id})
}

async fn status(worker: &Worker, events: &[Value]) -> Vec<Value> {
    let answer = worker.invoke(json!({"status": {"events": events}})).await.unwrap();
    answer["results"].as_array().unwrap().clone()
}

async fn states(worker: &Worker, ids: &[&str]) -> Vec<String> {
    let events: Vec<_> = ids.iter().map(|id| named(id)).collect();
    status(worker, &events).await.iter().map(|result| result["state"].as_str().unwrap().to_owned()).collect()
}

/// An event in each state, under the state's name.
async fn one_of_each(stage: &Stage) -> Worker {
    let worker = stage.worker();
    let one = |kind: &str, id: &str| [record(event(kind, id).to_string())];
    worker.batch(&one("pair", "injected")).await;
    worker.batch(&one("no.such.route", "dead-lettered")).await;
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::status(409)));
    worker.batch(&one("single", "waiting")).await;
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(120));
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::ResetAfter));
    worker.batch(&one("pair", "in-doubt")).await;
    stage.simulator.clear_faults();
    let mut parked = stage.ledger_item("in-doubt").await.unwrap();
    for (name, value) in [
        ("idempotencyKey", text(key_of("outcome-unknown").to_string())),
        ("eventId", text("outcome-unknown")),
        ("state", text("parked")),
    ] {
        parked.insert(name.to_owned(), value);
    }
    stage.put(&stage.tables.ledger, parked).await;
    let dying = stage.worker();
    dying.wire.break_after(1, 3, "PutItem", Moment::Before);
    dying.batch(&one("pair", "in-progress")).await;
    worker
}

const EACH: [&str; 7] =
    ["injected", "dead-lettered", "waiting", "in-doubt", "outcome-unknown", "in-progress", "unknown"];

#[tokio::test]
async fn each_state_is_told_and_nothing_is_leased_or_sent_for_it() {
    let stage = Stage::usual().await;
    let worker = one_of_each(&stage).await;
    let (requests, client) = (stage.simulator.requests().len(), stage.client_item("worker-1").await);
    let calls = |worker: &Worker| ["UpdateItem", "PutItem", "GetItem"].map(|call| worker.wire.count(call));
    let before = calls(&worker);
    assert_eq!(states(&worker, &EACH).await, EACH);
    assert_eq!((stage.simulator.requests().len(), stage.client_item("worker-1").await), (requests, client));
    assert_eq!(calls(&worker), before, "one read of many is all");
    // Past the time of the worker that never settled: whether it had sent a request, nobody knows.
    stage.advance(Duration::from_secs(120));
    assert_eq!(states(&worker, &["in-progress"]).await, ["in-doubt"]);
}

#[tokio::test]
async fn everything_known_of_an_event_is_told_by_its_identity_and_by_its_key() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let mut traced = event("pair", "1");
    traced["traceparent"] = json!(TRACE);
    assert_eq!(stage.ends(&worker, &[traced]).await, ["injected"]);
    assert_eq!(stage.log.deliveries()[0]["traceparent"], TRACE);
    let item = stage.ledger_item("1").await.unwrap();
    assert_eq!((&item["traceparent"], &item["eventType"]), (&text(TRACE), &text("pair")));
    let [by_identity, by_key] = status(&worker, &[named("1"), json!({"key": key_of("1")})]).await.try_into().unwrap();
    let contact = &stage.simulator.contacts()[0].id;
    for name in ["at", "firstSeen"] {
        let at = by_identity[name].as_str().unwrap();
        assert!(at.len() == "2026-01-01T00:00:00.000Z".len() && at.ends_with('Z'), "{name}: {at}");
    }
    let expected = json!({
        "source": "/crm/emea", "id": "1", "idempotencyKey": key_of("1"), "state": "injected", "route": "pair",
        "target": format!("queue:{PRIMARY}"), "contactId": contact, "attempts": 1,
        "at": by_identity["at"], "firstSeen": by_identity["firstSeen"],
    });
    assert_eq!((&by_identity, &by_key), (&expected, &expected));
}

#[tokio::test]
async fn results_come_in_the_order_asked_with_every_repeat_and_a_hundred_at_once() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("pair", "1")]).await, ["injected"]);
    let mut asked: Vec<_> = (0..97).map(|number| named(&format!("never-{number}"))).collect();
    asked.extend([named("1"), json!({"key": key_of("1")}), named("1")]);
    asked.reverse();
    let results = status(&worker, &asked).await;
    assert_eq!(results.len(), 100);
    assert!(results[..3].iter().all(|result| result["state"] == "injected"), "{results:?}");
    let ids: Vec<_> = results[3..].iter().map(|result| result["id"].clone()).collect();
    let expected: Vec<_> = asked[3..].iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, expected);
    assert_eq!(worker.invoke(json!({"status": {"events": []}})).await.unwrap(), json!({"results": []}));
}

#[tokio::test]
async fn too_many_or_a_malformed_one_fails_the_invocation() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let many: Vec<_> = (0..101).map(|number| named(&number.to_string())).collect();
    for (input, said) in [
        (json!({"status": {"events": many}}), "101 events"),
        (json!({"status": {"events": [named("1"), {"source": "/crm"}]}}), "named by its source and id"),
        (json!({"status": {"events": [{"key": "no key"}]}}), "UUID"),
        (json!({"status": {"events": "1"}}), "status"),
        (json!({"status": {}}), "events"),
        (json!({"resolve": {"key": key_of("1"), "as": "lost"}}), "retry"),
        (json!({"resolve": {"key": "1", "as": "retry"}}), "resolve"),
    ] {
        let error = worker.invoke(input.clone()).await.unwrap_err();
        let told = lambda_runtime::Diagnostic::from(error).error_message;
        assert!(told.contains(said), "{input}: {told}");
    }
    assert_eq!(worker.wire.count("BatchGetItem"), 0);
}

#[tokio::test]
async fn a_record_that_this_version_cannot_read_fails_by_its_key() {
    let stage = Stage::usual().await;
    let worker = one_of_each(&stage).await;
    let mut newer = stage.ledger_item("waiting").await.unwrap();
    newer.insert("version".to_owned(), number(99));
    stage.put(&stage.tables.ledger, newer).await;
    let error = worker.invoke(json!({"status": {"events": [named("waiting")]}})).await.unwrap_err().to_string();
    assert!(error.contains(&key_of("waiting").to_string()), "{error}");
}

#[tokio::test]
async fn a_person_decides_by_direct_invocation() {
    let stage = Stage::usual().await;
    let worker = one_of_each(&stage).await;
    let resolve = async |id: &str, how: &str| {
        let answer = worker.invoke(json!({"resolve": {"key": key_of(id), "as": how}})).await.unwrap();
        answer["resolved"].as_bool().unwrap()
    };
    for id in ["injected", "dead-lettered", "waiting", "in-doubt", "unknown"] {
        assert!(!resolve(id, "retry").await, "{id} isn't parked");
    }
    assert!(resolve("outcome-unknown", "injected").await);
    assert!(!resolve("outcome-unknown", "retry").await, "it is decided");
    let decided = &status(&worker, &[named("outcome-unknown")]).await[0];
    assert_eq!((&decided["state"], decided.get("contactId")), (&json!("injected"), None));
    assert!(stage.log.says("a person has decided"));
}
