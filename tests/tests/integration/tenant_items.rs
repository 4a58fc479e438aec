//! Work items of a NICE CXone tenant: what they carry, what each answer means, and that none is sent twice.

use std::time::Duration;

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{Effect, Endpoint, Fault, Simulator, TextForm};
use serde_json::{Value, json};

use super::stage::{Moment, ORDERS, OVERFLOW, Stage, Worker, event, key_of, record, tenant, tenant_routes};

fn once(effect: Effect) -> Fault {
    AnyFault::once(Endpoint::WorkItems, effect)
}

/// Whether the tenant was asked for something that it doesn't have or can't read.
fn assert_no_misuse(stage: &Stage<Simulator>) {
    let tenant = stage.simulator.tenant();
    assert!(tenant.misuses().is_empty(), "{:?}", tenant.misuses());
}

/// The points of contact of every item, in order.
fn points(stage: &Stage<Simulator>) -> Vec<String> {
    stage.simulator.creations().into_iter().map(|creation| creation.point_of_contact).collect()
}

async fn resolve(worker: &Worker, id: &str, how: &str) -> Value {
    worker.invoke(json!({"resolve": {"key": key_of(id), "as": how}})).await.unwrap()
}

#[tokio::test]
async fn a_work_item_carries_every_field_and_is_sent_once_whoever_delivers_it() {
    for encoding in ["json", "query", "form"] {
        let mut routes = tenant_routes();
        routes["cxone"] = json!({ "workItemEncoding": encoding });
        let stage = Stage::with_routes(tenant(1), &routes).await;
        let mut event = event("order", "1");
        let time = "2026-11-29T10:00:00Z";
        event["expirytime"] = json!("2031-01-01T00:00:00Z");
        event["data"]["vip"] = json!(false);
        assert_eq!(stage.ends(&stage.worker(), &[event.clone()]).await, ["injected"], "{encoding} {time}");
        assert_eq!(stage.ends(&stage.worker(), &[event]).await, ["duplicate"]);
        let creations = stage.simulator.creations();
        assert_eq!(creations.len(), 1);
        let item = &creations[0];
        assert_eq!((item.point_of_contact.as_str(), item.from.as_deref()), (ORDERS, Some("+15550109876")));
        assert_eq!((item.key.as_str(), item.work_item_type.as_deref()), (&*key_of("1").to_string(), Some("order")));
        let mut payload: Value = serde_json::from_str(item.payload.as_deref().unwrap()).unwrap();
        let expires = payload.as_object_mut().unwrap().remove("expiresAt").unwrap();
        assert!(expires.as_str().unwrap().ends_with('Z'), "{expires}");
        let expected = json!({
            "v": 1, "key": key_of("1"), "route": "order", "priority": 750, "to": "+15550201234",
            "attributes": { "orderValue": 1250.0, "isPriorityCustomer": false, "tenantRefId": "ORD-2024-8842" }
        });
        assert_eq!(payload, expected);
        assert_no_misuse(&stage);
    }
}

#[tokio::test]
async fn an_item_costs_the_ledger_three_writes() {
    let stage = Stage::of_tenant(tenant(2)).await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    let records: Vec<_> = (0..10).map(|number| record(event("twin", &number.to_string()).to_string())).collect();
    assert!(worker.batch(&records).await.is_empty());
    assert_eq!(stage.simulator.creations().len(), 10);
    assert_eq!(worker.wire.count("BatchExecuteStatement"), 1, "ten claims");
    assert_eq!(worker.wire.count("PutItem"), 20, "ten intents and ten settlements");
    assert_eq!(worker.wire.count("UpdateItem"), 2, "{:?}", worker.wire.counts());
}

#[tokio::test]
async fn what_may_have_been_accepted_is_parked_at_once_and_goes_nowhere_else() {
    let effects = [
        Effect::accepted_then(500),
        Effect::accepted_then(503),
        Effect::ResetAfter,
        Effect::ResetBefore,
        Effect::bare(409),
        Effect::Redirect { status: 307, location: "https://elsewhere.example".to_owned() },
        Effect::html(502),
    ];
    for (number, effect) in effects.into_iter().enumerate() {
        let stage = Stage::of_tenant(tenant(1)).await;
        let id = number.to_string();
        stage.simulator.add_fault(once(effect.clone()));
        let ends = stage.ends(&stage.worker(), &[event("order", &id)]).await;
        assert_eq!(ends, ["dead-lettered outcome-unknown"], "{effect:?}");
        assert_eq!(stage.ledger_state(&id).await, "parked");
        let posts = stage.simulator.requests().iter().filter(|request| request.endpoint == Endpoint::WorkItems).count();
        assert_eq!((posts, stage.simulator.creations().len() <= 1), (1, true), "{effect:?}");
        let letters = stage.dead_letters().await;
        let detail = letters[0].attribute("failureDetail");
        assert!(detail.contains("a workItem that was sent to workItem:123456 - Orders on "), "{detail}");
        assert!(detail.contains(" UTC, or within 18 s after") && !detail.contains("[redacted]"), "{detail}");
        assert!(!detail.contains("5550109876"), "{detail}");
        // Whoever sends it again learns the same, and sends nothing.
        stage.advance(Duration::from_secs(3600));
        assert_eq!(stage.ends(&stage.worker(), &[event("order", &id)]).await, ["dead-lettered outcome-unknown"]);
        let posts = stage.simulator.requests().iter().filter(|request| request.endpoint == Endpoint::WorkItems).count();
        assert_eq!(posts, 1, "{effect:?}");
        assert_no_misuse(&stage);
    }
}

#[tokio::test]
async fn a_person_decides_about_what_is_parked() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    stage.simulator.add_fault(AnyFault::times(2, Endpoint::WorkItems, Effect::accepted_then(500)));
    for id in ["there", "gone"] {
        assert_eq!(stage.ends(&worker, &[event("order", id)]).await, ["dead-lettered outcome-unknown"]);
    }
    assert_eq!(resolve(&worker, "there", "injected").await, json!({"resolved": true}));
    assert_eq!(resolve(&worker, "gone", "retry").await, json!({"resolved": true}));
    assert_eq!(stage.ends(&worker, &[event("order", "there")]).await, ["duplicate"]);
    assert_eq!(stage.ends(&worker, &[event("order", "gone")]).await, ["injected"]);
    assert_eq!(stage.ends(&worker, &[event("order", "gone")]).await, ["duplicate"]);
    assert_eq!(stage.simulator.creations().len(), 3, "one more request was made for the one that was to be retried");
}

#[tokio::test]
async fn where_a_twin_does_no_harm_it_is_sent_again_to_the_same_target() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::ResetAfter));
    assert_eq!(stage.ends(&worker, &[event("twin", "1")]).await, ["deferred timeout"]);
    assert_eq!(stage.ledger_state("1").await, "in-doubt");
    stage.advance(Duration::from_secs(60));
    assert_eq!(stage.ends(&worker, &[event("twin", "1")]).await, ["injected"]);
    let creations = stage.simulator.creations();
    assert_eq!(creations.len(), 2);
    assert!(creations.iter().all(|creation| creation.key == key_of("1").to_string()), "the script can tell the twin");
    // A refusal now says nothing of the request before.
    stage.simulator.add_fault(once(Effect::ResetAfter));
    assert_eq!(stage.ends(&worker, &[event("twin", "2")]).await, ["deferred timeout"]);
    stage.advance(Duration::from_secs(60));
    stage.simulator.add_fault(once(Effect::point_of_contact(TextForm::Json)));
    assert_eq!(stage.ends(&worker, &[event("twin", "2")]).await, ["dead-lettered outcome-unknown"]);
}

#[tokio::test]
async fn a_definite_refusal_passes_the_event_on_or_ends_it() {
    for form in [TextForm::Json, TextForm::StatusDescription, TextForm::Plain] {
        let stage = Stage::of_tenant(tenant(1)).await;
        let worker = stage.worker();
        stage.simulator.add_fault(once(Effect::point_of_contact(form)));
        assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"], "{form:?}");
        assert_eq!(points(&stage), [OVERFLOW]);
        stage.simulator.add_fault(once(Effect::payload(form)));
        assert_eq!(stage.ends(&worker, &[event("order", "2")]).await, ["dead-lettered payload-rejected"], "{form:?}");
        stage.simulator.add_fault(once(Effect::bare(404)));
        assert_eq!(stage.ends(&worker, &[event("order", "3")]).await, ["injected"]);
        assert_eq!(points(&stage), [OVERFLOW, OVERFLOW]);
        let priorities: Vec<_> = stage.log.deliveries().iter().map(|line| line["priority"].clone()).collect();
        assert_eq!(priorities[0], 600, "the second target's, and no step for a point of contact that isn't there");
    }
    // The tenant's own refusal of a point of contact that it doesn't have.
    let stage = Stage::of_tenant(tenant(1)).await;
    assert_eq!(stage.ends(&stage.worker(), &[event("nowhere", "1")]).await, ["injected"]);
    assert_eq!(points(&stage), [OVERFLOW]);
}

#[tokio::test]
async fn a_tenant_that_is_full_is_left_alone_for_half_a_minute_by_every_worker() {
    for form in [TextForm::Json, TextForm::StatusDescription] {
        let stage = Stage::of_tenant(tenant(2)).await;
        stage.simulator.add_fault(once(Effect::port_limit(form)));
        let ends = stage.ends(&stage.worker(), &[event("order", "1")]).await;
        assert_eq!(ends, ["deferred rate-limited"], "{form:?}: there is no other kind of target");
        assert_eq!(stage.ends(&stage.worker(), &[event("twin", "2")]).await, ["deferred saturated"]);
        assert!(stage.simulator.creations().is_empty());
        stage.advance(Duration::from_secs(31));
        assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    }
}

#[tokio::test]
async fn a_429_about_the_rate_slows_the_client_down_and_one_about_nothing_does_both() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::rate_limited(7)));
    assert_eq!(worker.batch_within(Duration::from_secs(20), &[record(event("order", "1").to_string())]).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1"), ["deferred rate-limited"]);
    stage.advance(Duration::from_secs(8));
    assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"]);
    stage.simulator.add_fault(once(Effect::bare(429)));
    assert_eq!(stage.ends(&worker, &[event("order", "2")]).await, ["deferred rate-limited"]);
    assert_eq!(stage.ends(&worker, &[event("order", "3")]).await, ["deferred saturated"]);
    assert_eq!(stage.simulator.creations().len(), 1);
}

#[tokio::test]
async fn nothing_leaves_before_the_ledger_says_that_it_will_and_that_costs_nobodys_attention() {
    let stage = Stage::of_tenant(tenant(1)).await;
    for moment in [Moment::Before, Moment::After] {
        let (worker, id) = (stage.worker(), format!("{moment:?}"));
        // The claim is written, and then the ledger is gone.
        worker.wire.break_after(1, 99, "PutItem", moment);
        assert_eq!(stage.ends(&worker, &[event("order", &id)]).await, ["deferred service-error"], "{moment:?}");
        assert!(stage.simulator.creations().is_empty());
        worker.wire.mend();
    }
    stage.advance(Duration::from_secs(120));
    let id = format!("{:?}", Moment::Before);
    assert_eq!(stage.ends(&stage.worker(), &[event("order", &id)]).await, ["injected"]);
    assert_eq!(stage.simulator.creations().len(), 1);
}

#[tokio::test]
async fn a_settlement_that_was_lost_leaves_a_doubt_that_is_parked_when_it_can_be_judged() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    worker.wire.break_after(2, 99, "PutItem", Moment::Before);
    assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["deferred service-error"]);
    assert_eq!((stage.simulator.creations().len(), stage.ledger_state("1").await.as_str()), (1, "claimed"));
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["deferred in-progress"]);
    stage.advance(Duration::from_secs(120));
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["dead-lettered outcome-unknown"]);
    assert_eq!(stage.simulator.creations().len(), 1);
}

#[tokio::test]
async fn a_connection_that_its_peer_closed_meanwhile_makes_no_doubt() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    // Any connection that is used again is closed as a POST arrives on it.
    stage.simulator.add_fault(AnyFault::always(Endpoint::WorkItems, Effect::CloseReused));
    stage.simulator.tenant().config_mut().tokens.lifetime_seconds = 86_400;
    worker.invoke(json!({"dryRun": {"events": []}})).await.unwrap();
    for id in ["1", "2"] {
        // Beyond what an idle connection is used again for, in real time: it is the HTTP client's own clock.
        tokio::time::sleep(Duration::from_millis(3100)).await;
        assert_eq!(stage.ends(&worker, &[event("order", id)]).await, ["injected"]);
    }
    assert_eq!(stage.simulator.creations().len(), 2);
}

#[tokio::test]
async fn a_created_item_is_injected_whatever_its_answer_holds() {
    let mut config = tenant(1);
    config.first_contact_id = 123_456_789_012_345_678;
    let stage = Stage::of_tenant(config).await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"]);
    stage.simulator.add_fault(once(Effect::accepted_then(202)));
    assert_eq!(stage.ends(&worker, &[event("order", "2")]).await, ["injected"]);
    let ids: Vec<_> = stage.log.deliveries().iter().map(|line| line["contact_id"].clone()).collect();
    assert_eq!(ids[0], "123456789012345678");
    assert_eq!(stage.ends(&worker, &[event("order", "2")]).await, ["duplicate"]);
    assert_eq!(stage.simulator.creations().len(), 2);
}

#[tokio::test]
async fn a_payload_is_cut_where_its_route_says_so_and_is_refused_where_it_is_too_long() {
    let mut routes = tenant_routes();
    routes["cxone"] = json!({ "workItemPayloadBytes": 1024 });
    for number in 0..4 {
        let key = format!("string:note{number}");
        routes["routes"][0]["attributes"][&key] = json!({ "path": "$.notes", "overflow": "truncate" });
        routes["routes"][1]["attributes"][&key] = json!({ "path": "$.notes" });
    }
    let mut config = tenant(1);
    config.payload_bytes = 1024;
    let stage = Stage::with_routes(config, &routes).await;
    let long = |kind: &str, id: &str| {
        let mut event = event(kind, id);
        event["data"]["notes"] = json!("é\"".repeat(120));
        event
    };
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[long("order", "1")]).await, ["injected"]);
    let payload = stage.simulator.creations()[0].payload.clone().unwrap();
    assert!((900..=1024).contains(&payload.len()), "{}", payload.len());
    assert_eq!(stage.ends(&worker, &[long("twin", "2")]).await, ["dead-lettered invalid-attribute"]);
    assert_no_misuse(&stage);
}

#[tokio::test]
async fn a_dry_run_shows_the_request_that_would_go_out_and_sends_none() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let answer = stage.worker().invoke(json!({"dryRun": {"events": [event("order", "1")]}})).await.unwrap();
    let result = &answer["results"][0];
    assert_eq!((&result["verdict"], &result["route"]), (&json!("valid"), &json!("order")), "{result}");
    let item = &result["request"]["workItem"];
    assert_eq!((&item["pointOfContact"], &item["workItemID"]), (&json!(ORDERS), &json!(key_of("1"))));
    assert_eq!(item["workItemPayload"]["attributes"]["orderValue"], 1250.0);
    assert!(stage.simulator.creations().is_empty());
}
