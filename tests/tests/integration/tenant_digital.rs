//! Digital messages at a NICE CXone tenant: what they carry, what each answer means, and what they cost. What is in
//! doubt has tests of its own: `tenant_look_up`.

use std::time::Duration;

use contact_injection_tests::local::{key_secret_text, with_urgent_clients};
use cxone_simulator::Fault as AnyFault;
use cxone_simulator::RateLimit;
use cxone_simulator::nice::{Channel, Config, CustomField, Effect, Endpoint, Fault, FieldKind, Kind, Simulator, Skill};
use serde_json::{Value, json};

use super::stage::{ORDERS, Stage, event, key_of, record, tenant};

/// The channel, whose id has capitals.
const CHAT: &str = "chat_0B7c";

pub(super) fn once(effect: Effect) -> Fault {
    AnyFault::once(Endpoint::Messages, effect)
}

pub(super) fn config() -> Config {
    ["ref", "total", "vip"]
        .iter()
        .fold(tenant(1), |config, ident| config.with_custom_field(CustomField::text(ident)))
        .with_custom_field(CustomField { kind: FieldKind::Date, ..CustomField::text("due") })
        .with_channel(Channel::new(CHAT, "Chat"))
        .with_skill(Skill { media_type_id: 9, ..Skill::open(4016) })
}

/// A route into the channel, with these members beside it, that falls back to a work item.
pub(super) fn routes(members: &Value) -> Value {
    let mut digital = json!({ "channelId": CHAT, "skillId": 4016, "text": { "path": "$.summary" } });
    digital.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "routes": [{
        "name": "chat", "match": { "type": "chat" },
        "targets": [
            { "digital": digital }, { "workItem": { "pointOfContact": ORDERS, "skillId": 4012 }, "priorityDelta": -50 },
        ],
        "priority": { "default": 500, "degrade": { "by": 100, "floor": 50 } },
        "from": { "path": "$.phone", "format": "e164" }, "to": { "value": "+15550201234" },
        "attributes": {
            "string:ref": { "path": "$.ref", "required": true }, "number:total": { "path": "$.total", "coerce": true },
            "boolean:vip": { "path": "$.vip" }, "date:due": { "path": "$.due" }
        }
    }]})
}

pub(super) fn chat(id: &str) -> Value {
    let mut event = event("chat", id);
    event["data"]["summary"] = json!("The order failed.");
    event
}

pub(super) async fn stage() -> Stage<Simulator> {
    Stage::with_routes(config(), &routes(&json!({}))).await
}

pub(super) fn count(stage: &Stage<Simulator>, endpoint: Endpoint) -> usize {
    stage.simulator.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

pub(super) fn kinds(stage: &Stage<Simulator>) -> Vec<Kind> {
    stage.simulator.creations().into_iter().map(|creation| creation.kind).collect()
}

#[tokio::test]
async fn the_priority_of_an_urgent_message_waits_for_the_window_that_its_message_has_filled() {
    let config = config();
    let rate_limit = RateLimit { limit: 10, window_milliseconds: 6_000, ..config.rate_limit.clone() };
    let config = Config { rate_limit, ..config };
    let secret = with_urgent_clients(&key_secret_text(&config.access_keys), 1).unwrap();
    let simulator = Simulator::start(config).await.unwrap();
    let stage = Stage::set_with(simulator, &routes(&json!({})), secret, 2).await;
    let (worker, arn) = (stage.worker(), stage.urgent().arn.clone());
    for prefix in ["one", "two"] {
        let urgent = |number| {
            let mut record = record(chat(&format!("{prefix}/{number}")).to_string());
            record["eventSourceARN"] = json!(arn);
            record
        };
        let records: Vec<_> = (0..3).map(urgent).collect();
        assert!(worker.batch_within(Duration::from_secs(60), &records).await.is_empty());
    }
    assert!(!stage.log.says("priority could not be set"));
    let priorities: Vec<_> = stage.simulator.creations().into_iter().map(|creation| creation.priority).collect();
    assert_eq!(priorities, [Some(500); 6]);
}

#[tokio::test]
async fn a_message_carries_every_field_and_its_priority_comes_after() {
    let stage = stage().await;
    let worker = stage.worker();
    let mut event = chat("1");
    event["data"]["due"] = json!("2026-12-01");
    assert_eq!(stage.ends(&worker, &[event.clone()]).await, ["injected"]);
    assert_eq!(stage.ends(&worker, &[event]).await, ["duplicate"]);
    let creations = stage.simulator.creations();
    let key = key_of("1").to_string();
    assert_eq!((creations.len(), creations[0].kind, creations[0].key.as_str()), (1, Kind::Digital, key.as_str()));
    assert_eq!((creations[0].thread.as_deref(), creations[0].priority), (Some(key.as_str()), Some(500)));
    let body = creations[0].parameters.clone().unwrap();
    let made = body["createdAtWithMilliseconds"].as_str().unwrap();
    assert!(made.ends_with('Z') && made.len() == 24, "{made}");
    assert_eq!(body["messageContent"], json!({ "type": "TEXT", "payload": { "text": "The order failed." } }));
    assert_eq!(body["authorEndUserIdentity"]["idOnExternalPlatform"], "+15550109876");
    assert_eq!(body["recipients"], json!([{ "idOnExternalPlatform": "+15550201234", "isPrimary": true }]));
    assert_eq!(body["direction"], "inbound");
    let fields = body["contact"]["customFields"].as_array().unwrap();
    let field = |name: &str, value: &str| fields.contains(&json!({ "ident": name, "value": value }));
    let all =
        field("ref", "ORD-2024-8842") && field("total", "1250.0") && field("vip", "true") && field("due", "2026-12-01");
    assert!(all && fields.len() == 4, "{body}");
    assert_eq!(stage.log.deliveries()[0]["contact_id"], creations[0].contact_id.to_string());
    assert_eq!(stage.ledger_item("1").await.unwrap()["target"].as_s().unwrap(), "digital:chat_0B7c");
    let misuses = stage.simulator.tenant().misuses().len();
    assert_eq!((misuses, count(&stage, Endpoint::CustomFields)), (0, 1), "the definitions are kept");
}

#[tokio::test]
async fn what_the_tenant_has_no_field_for_is_known_before_a_request_and_only_where_it_matters() {
    let mut config = config();
    config.custom_fields.retain(|field| field.ident != "vip");
    let stage = Stage::with_routes(config, &routes(&json!({}))).await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["injected"]);
    assert_eq!((kinds(&stage), count(&stage, Endpoint::Messages)), (vec![Kind::WorkItem], 0));
    let mut alone = routes(&json!({}));
    alone["routes"][0]["targets"].as_array_mut().unwrap().pop();
    for (idents, code) in [(["ref", "VIP"], "unregistered-attribute"), (["ref", "due"], "unregistered-attribute")] {
        let mut config = self::config();
        config.custom_fields.retain(|field| idents.contains(&field.ident.as_str()));
        config = config.with_custom_field(CustomField::text("total"));
        let stage = Stage::with_routes(config, &alone).await;
        assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, [format!("dead-lettered {code}")], "{idents:?}");
        assert!(stage.simulator.creations().is_empty());
    }
}

#[tokio::test]
async fn the_sync_tells_where_routes_and_custom_fields_part_and_keeps_the_fields_for_the_workers() {
    let mut config = config();
    config.custom_fields.retain(|field| field.ident != "vip" && field.ident != "ref");
    config = config.with_custom_field(CustomField::text("Ref"));
    let stage = Stage::with_routes(config, &routes(&json!({}))).await;
    stage.simulator.tenant().skill_mut(4016).unwrap().media_type_id = 4;
    let summary = stage.sync(json!({ "task": "attribute-schema" })).await.unwrap();
    let drift = json!([
        { "route": "chat", "attribute": "boolean:vip", "kind": "unregistered" },
        { "route": "chat", "attribute": "string:ref", "kind": "case-differs" },
    ]);
    assert_eq!((&summary["attributes"], &summary["drift"]), (&json!(3), &drift), "{summary}");
    let health = stage.sync(json!({ "task": "queue-health" })).await.unwrap();
    let drift = json!([{ "route": "chat", "attribute": "skillId:4016", "kind": "media-type" }]);
    assert_eq!((&health["drift"], &health["skills"][1]["status"]), (&drift, &json!("open")), "{health}");
    assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, ["injected"]);
    assert_eq!((kinds(&stage), count(&stage, Endpoint::CustomFields)), (vec![Kind::WorkItem], 1));
}

#[tokio::test]
async fn definitions_that_cannot_be_read_hold_the_event_back_and_no_other() {
    let mut both = routes(&json!({}));
    both["routes"][0]["targets"].as_array_mut().unwrap().pop();
    let other = super::stage::tenant_routes()["routes"][1].clone();
    both["routes"].as_array_mut().unwrap().push(other);
    let stage = Stage::with_routes(config(), &both).await;
    for (asked, effect) in [Effect::html(200), Effect::bare(403), Effect::bare(500)].into_iter().enumerate() {
        stage.simulator.add_fault(AnyFault::once(Endpoint::CustomFields, effect.clone()));
        let other = event("twin", &format!("other-{asked}"));
        assert_eq!(stage.ends(&stage.worker(), &[other]).await, ["injected"], "{effect:?}");
        assert_eq!(count(&stage, Endpoint::CustomFields), asked, "nobody asks for the sake of a work item");
        assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, ["deferred unverified-schema"], "{effect:?}");
    }
    assert_eq!(count(&stage, Endpoint::Messages), 0);
    assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, ["injected"]);
}

#[tokio::test]
async fn where_nobody_knows_the_fields_another_target_gets_the_event() {
    let stage = stage().await;
    stage.simulator.add_fault(AnyFault::always(Endpoint::CustomFields, Effect::bare(403)));
    assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, ["injected"]);
    assert_eq!((kinds(&stage), stage.log.deliveries()[0]["priority"].clone()), (vec![Kind::WorkItem], json!(450)));
}

#[tokio::test]
async fn a_definite_answer_ends_the_event_or_passes_it_on() {
    let stage = stage().await;
    let worker = stage.worker();
    for (id, effect, end) in [
        ("1", Effect::bare(400), "dead-lettered payload-rejected"),
        ("2", Effect::bare(404), "injected"),
        ("3", Effect::bare(403), "deferred forbidden"),
    ] {
        stage.simulator.add_fault(once(effect.clone()));
        assert_eq!(stage.ends(&worker, &[chat(id)]).await, [end], "{effect:?}");
    }
    assert_eq!(kinds(&stage), [Kind::WorkItem]);
    // The channel isn't there, as CXone itself says it.
    stage.simulator.tenant().config_mut().channels.clear();
    assert_eq!(stage.ends(&worker, &[chat("4")]).await, ["injected"]);
    assert_eq!(kinds(&stage), [Kind::WorkItem; 2]);
    assert_eq!(stage.log.deliveries().pop().unwrap()["priority"], 450, "no step for a channel that isn't there");
}

#[tokio::test]
async fn a_priority_that_cannot_be_set_undoes_nothing() {
    for effect in [Effect::bare(500), Effect::bare(404), Effect::ResetBefore] {
        let stage = stage().await;
        stage.simulator.add_fault(AnyFault::once(Endpoint::DigitalContact, effect.clone()));
        let worker = stage.worker();
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["injected"], "{effect:?}");
        assert!(stage.log.says("the contact's priority could not be set"), "{effect:?}");
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["duplicate"]);
        assert_eq!(count(&stage, Endpoint::DigitalContact), 1);
    }
}

#[tokio::test]
async fn priorities_that_can_never_be_set_keep_no_contact_from_anybody() {
    let mut both = routes(&json!({}));
    let other = super::stage::tenant_routes()["routes"][1].clone();
    both["routes"].as_array_mut().unwrap().push(other);
    let stage = Stage::with_routes(config(), &both).await;
    stage.simulator.add_fault(AnyFault::always(Endpoint::DigitalContact, Effect::bare(500)));
    let worker = stage.worker();
    for round in 0..3 {
        let mut events: Vec<_> = (0..9).map(|number| chat(&format!("{round}-{number}"))).collect();
        events.push(event("twin", &format!("{round}-twin")));
        let ends = stage.ends(&worker, &events).await;
        assert!(ends.iter().all(|end| end == "injected"), "{round}: {ends:?}");
    }
    assert_eq!(count(&stage, Endpoint::DigitalContact), 27);
}

#[tokio::test]
async fn a_message_costs_the_ledger_three_writes_and_cxone_two_requests() {
    let stage = stage().await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    let records: Vec<_> = (0..10).map(|number| super::stage::record(chat(&number.to_string()).to_string())).collect();
    let before = stage.simulator.requests().len();
    assert!(worker.batch(&records).await.is_empty());
    assert_eq!(stage.simulator.creations().len(), 10);
    assert_eq!(worker.wire.count("BatchExecuteStatement"), 1, "ten claims");
    assert_eq!(worker.wire.count("PutItem"), 20, "ten intents and ten settlements");
    assert_eq!(worker.wire.count("UpdateItem"), 2, "{:?}", worker.wire.counts());
    assert_eq!(count(&stage, Endpoint::DigitalContact), 10);
    // The way to a token comes on top, and the health of a channel's skill before a burst.
    let others = stage.simulator.requests().split_off(before);
    let others = others.iter().filter(|request| {
        ![Endpoint::Messages, Endpoint::DigitalContact].contains(&request.endpoint) && request.counted
    });
    assert!(others.count() <= 1, "the schema and the health are known");
}

#[tokio::test]
async fn digital_channels_may_have_an_address_of_their_own_and_it_has_to_be_cxones() {
    let mut foreign = routes(&json!({}));
    foreign["cxone"] = json!({ "digitalBaseUrl": "https://dfo.example.com" });
    let stage = Stage::with_routes(config(), &foreign).await;
    let told = stage.failed_start(super::stage::Function::Inject, &[]).await;
    assert!(told.contains("digitalBaseUrl"), "{told}");
}
