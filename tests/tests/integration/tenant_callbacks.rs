//! Callbacks at a NICE CXone tenant: what they carry, what each answer means, and that nobody is called twice.

use std::time::Duration;

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{Config, Effect, Endpoint, Fault, Kind, Simulator, Skill};
use serde_json::{Value, json};

use super::stage::{ORDERS, Stage, event, key_of, tenant};

/// The skill that callbacks wait at.
const CALLS: u64 = 4015;

fn once(effect: Effect) -> Fault {
    AnyFault::once(Endpoint::Callbacks, effect)
}

fn config() -> Config {
    tenant(1).with_skill(Skill { media_type_id: 4, ..Skill::open(CALLS) })
}

/// A route of callbacks, with these members beside its skill, that falls back to a work item.
fn routes(members: &Value) -> Value {
    let mut callback = json!({ "skillId": CALLS, "attributes": "drop" });
    callback.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "routes": [{
        "name": "call", "match": { "type": "call" },
        "targets": [{ "callback": callback }, { "workItem": { "pointOfContact": ORDERS, "skillId": 4012 } }],
        "priority": { "default": 500, "degrade": { "by": 100, "floor": 50 } },
        "from": { "value": "+15550109800" }, "to": { "value": "+15550201234" },
        "callbackNumber": { "path": "$.phone", "format": "e164" },
        "attributes": { "string:ref": { "path": "$.ref", "required": true }, "boolean:vip": { "path": "$.vip" } }
    }]})
}

async fn stage(members: Value) -> Stage<Simulator> {
    Stage::with_routes(config(), &routes(&members)).await
}

/// The target that the ledger names.
async fn target(stage: &Stage<Simulator>, id: &str) -> String {
    stage.ledger_item(id).await.unwrap()["target"].as_s().unwrap().clone()
}

fn kinds(stage: &Stage<Simulator>) -> Vec<Kind> {
    stage.simulator.creations().into_iter().map(|creation| creation.kind).collect()
}

#[tokio::test]
async fn a_callback_carries_its_number_its_priority_and_what_its_agent_opens() {
    let url = "https://crm.example.com/orders/{ref}?key={key}&vip={vip}&gone={vip}";
    let callerid = json!({
        "callerId": "+15550201234", "acceleration": 10, "maxPriority": 900, "screenPopUrl": url,
    });
    for encoding in ["json", "form", "query"] {
        let mut routes = routes(&callerid);
        routes["cxone"] = json!({ "workItemEncoding": encoding });
        let stage = Stage::with_routes(config(), &routes).await;
        let mut event = event("call", "1");
        event["data"]["ref"] = json!("A/B & ü");
        event["expirytime"] = json!("2099-01-01T00:00:00Z");
        let worker = stage.worker();
        assert_eq!(stage.ends(&worker, &[event.clone()]).await, ["injected"], "{encoding}");
        assert_eq!(stage.ends(&worker, &[event]).await, ["duplicate"]);
        let creations = stage.simulator.creations();
        assert_eq!(creations.len(), 1);
        let said = creations[0].parameters.clone().unwrap();
        let left: u64 = said["timeout"].as_str().unwrap().parse().unwrap();
        assert!(left > 86_400, "{said}");
        let key = key_of("1");
        let opened = format!("https://crm.example.com/orders/A%2FB%20%26%20%C3%BC?key={key}&vip=true&gone=true");
        for (name, value) in [
            ("phoneNumber", "+15550109876"),
            ("skill", "4015"),
            ("callerId", "+15550201234"),
            ("priorityManagement", "Custom"),
            ("initialPriority", "500"),
            ("acceleration", "10"),
            ("maxPriority", "900"),
            ("screenPopSrc", "Custom"),
            ("screenPopUrl", &opened),
        ] {
            assert_eq!(said[name], value, "{name} of {said}");
        }
        assert_eq!(
            (target(&stage, "1").await.as_str(), &stage.log.deliveries()[0]["priority"]),
            ("callback:4015", &json!(500))
        );
        assert!(stage.simulator.tenant().misuses().is_empty(), "{:?}", stage.simulator.tenant().misuses());
    }
}

#[tokio::test]
async fn a_number_is_written_as_its_target_says() {
    let stage = stage(json!({ "phoneFormat": "national" })).await;
    assert_eq!(stage.ends(&stage.worker(), &[event("call", "1")]).await, ["injected"]);
    let creations = stage.simulator.creations();
    assert_eq!(creations[0].number.as_deref(), Some("5550109876"));
    assert_eq!(creations[0].parameters.as_ref().unwrap().get("timeout"), None, "the event never expires");
}

#[tokio::test]
async fn an_event_without_a_number_goes_to_the_next_target_and_is_dead_lettered_where_there_is_none() {
    let stage = stage(json!({})).await;
    let mut silent = event("call", "1");
    silent["data"].as_object_mut().unwrap().remove("phone");
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[silent.clone()]).await, ["injected"]);
    assert_eq!(kinds(&stage), [Kind::WorkItem]);
    assert_eq!(stage.log.deliveries()[0]["priority"], 500, "no step for an event that a target can't take");
    // The work item's point of contact is gone: what is left is the callback, which lacks a number.
    stage.simulator.tenant().config_mut().points_of_contact.clear();
    silent["id"] = json!("2");
    assert_eq!(stage.ends(&worker, &[silent]).await, ["dead-lettered mapping-failed"]);
    let letters = stage.dead_letters().await;
    let detail = letters[0].attribute("failureDetail");
    assert!(detail.contains("callbackNumber") && detail.contains("/data/phone"), "{detail}");
}

#[tokio::test]
async fn a_callback_in_doubt_is_parked_and_nobody_else_gets_the_event() {
    for effect in [Effect::accepted_then(500), Effect::ResetAfter, Effect::bare(409), Effect::html(502)] {
        let stage = stage(json!({})).await;
        let worker = stage.worker();
        stage.simulator.add_fault(once(effect.clone()));
        assert_eq!(stage.ends(&worker, &[event("call", "1")]).await, ["dead-lettered outcome-unknown"], "{effect:?}");
        stage.advance(Duration::from_secs(3600));
        assert_eq!(stage.ends(&worker, &[event("call", "1")]).await, ["dead-lettered outcome-unknown"]);
        let posts = stage.simulator.requests().into_iter();
        let posts = posts.filter(|post| [Endpoint::Callbacks, Endpoint::WorkItems].contains(&post.endpoint)).count();
        assert_eq!(posts, 1, "{effect:?}");
        let letters = stage.dead_letters().await;
        let detail = letters[0].attribute("failureDetail");
        assert!(detail.contains("a callback that was sent to callback:4015 on "), "{detail}");
        assert!(!detail.contains("0109876"), "{detail}");
        assert_eq!(stage.ledger_state("1").await, "parked");
    }
}

#[tokio::test]
async fn by_the_operators_own_word_a_callback_is_asked_for_again() {
    let stage = stage(json!({ "onDoubt": "resend" })).await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::ResetAfter));
    assert_eq!(stage.ends(&worker, &[event("call", "1")]).await, ["deferred timeout"]);
    stage.advance(Duration::from_secs(60));
    assert_eq!(stage.ends(&worker, &[event("call", "1")]).await, ["injected"]);
    assert_eq!(kinds(&stage), [Kind::Callback, Kind::Callback], "a second call is what was chosen");
}

#[tokio::test]
async fn a_definite_answer_ends_the_event_or_passes_it_on() {
    let stage = stage(json!({})).await;
    let worker = stage.worker();
    for (id, effect, end) in [
        ("1", Effect::bare(400), "dead-lettered payload-rejected"),
        ("2", Effect::bare(404), "injected"),
        ("3", Effect::bare(403), "deferred forbidden"),
        ("4", Effect::member("/contactId", None), "injected"),
    ] {
        stage.simulator.add_fault(once(effect.clone()));
        assert_eq!(stage.ends(&worker, &[event("call", id)]).await, [end], "{effect:?}");
    }
    assert_eq!(kinds(&stage), [Kind::WorkItem, Kind::Callback]);
    // The skill isn't there, as CXone itself says it.
    stage.simulator.tenant().config_mut().skills.retain(|skill| skill.id != CALLS);
    assert_eq!(stage.ends(&worker, &[event("call", "5")]).await, ["injected"]);
    assert_eq!(kinds(&stage).last(), Some(&Kind::WorkItem));
}

#[tokio::test]
async fn a_429_says_nothing_of_another_kind_and_is_about_the_rate() {
    let stage = stage(json!({})).await;
    let worker = stage.worker();
    stage.simulator.add_fault(AnyFault::always(Endpoint::Callbacks, Effect::rate_limited(30)));
    let record = super::stage::record(event("call", "1").to_string());
    assert_eq!(worker.batch_within(Duration::from_secs(20), &[record]).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1"), ["deferred rate-limited"]);
    assert!(stage.simulator.creations().is_empty());
}

#[tokio::test]
async fn a_full_skill_passes_the_event_on_with_a_step_and_no_more_go_there_than_it_has_room_for() {
    let stage = stage(json!({ "maxQueueCount": 10 })).await;
    let worker = stage.worker();
    stage.simulator.tenant().skill_mut(CALLS).unwrap().queue_count = 8;
    stage.sync(json!({})).await.unwrap();
    let events: Vec<_> = (0..4).map(|number| event("call", &number.to_string())).collect();
    assert!(stage.ends(&worker, &events).await.iter().all(|end| end == "injected"));
    let called = kinds(&stage).iter().filter(|kind| **kind == Kind::Callback).count();
    assert_eq!((called, kinds(&stage).len()), (2, 4), "room for two");
    stage.simulator.tenant().skill_mut(CALLS).unwrap().is_active = false;
    stage.advance(Duration::from_secs(60));
    stage.sync(json!({})).await.unwrap();
    assert_eq!(stage.ends(&worker, &[event("call", "off")]).await, ["injected"]);
    assert_eq!(target(&stage, "off").await, format!("workItem:{ORDERS}"));
    assert_eq!(stage.log.deliveries().pop().unwrap()["priority"], 400);
}

#[tokio::test]
async fn a_dry_run_shows_the_callback_that_would_be_asked_for() {
    let stage = stage(json!({})).await;
    let mut silent = event("call", "2");
    silent["data"].as_object_mut().unwrap().remove("phone");
    let events = json!([event("call", "1"), silent]);
    let answer = stage.worker().invoke(json!({"dryRun": {"events": events}})).await.unwrap();
    let results = answer["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["verdict"] == "valid"), "{answer}");
    assert_eq!(results[0]["request"]["callback"]["phoneNumber"], "+15550109876");
    assert_eq!(results[1]["request"]["workItem"]["pointOfContact"], ORDERS, "the first target that takes it");
    assert!(stage.simulator.creations().is_empty());
}
