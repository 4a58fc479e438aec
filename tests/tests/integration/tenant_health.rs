//! The health of a NICE CXone tenant's skills: what the sync learns of them, and what that does to events.

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{ActivityShape, Effect, Endpoint, Simulator};
use serde_json::{Value, json};

use super::stage::{Function, ORDERS, ORDERS_SKILL, OVERFLOW, Stage, Worker, event, record, tenant, tenant_routes};

fn points(stage: &Stage<Simulator>) -> Vec<String> {
    stage.simulator.creations().into_iter().map(|creation| creation.point_of_contact).collect()
}

fn status_of(summary: &Value, skill: u64) -> &str {
    let skills = summary["skills"].as_array().unwrap();
    let found =
        skills.iter().find(|entry| entry["skillId"] == json!(skill.to_string()) || entry["skillId"] == json!(skill));
    found.unwrap_or_else(|| panic!("{summary}"))["status"].as_str().unwrap()
}

/// Hands each worker ten events of its kind, all at once. None comes back.
async fn place_at_once(workers: &[Worker], kinds: &[&str]) {
    let batches = kinds.iter().enumerate().map(|(worker, kind)| {
        let events = (0..10).map(move |number| event(kind, &format!("{worker}-{number}")));
        events.map(|event| record(event.to_string())).collect::<Vec<_>>()
    });
    let batches: Vec<_> = batches.collect();
    let done = workers.iter().zip(&batches).map(|(worker, batch)| worker.batch(batch));
    let back = futures::future::join_all(done).await;
    assert!(back.iter().all(Vec::is_empty), "{back:?}");
}

#[tokio::test]
async fn a_skill_that_is_full_or_off_is_passed_over_with_a_step_and_comes_back() {
    for shape in [ActivityShape::Flat, ActivityShape::ResultSet] {
        let mut config = tenant(2);
        config.activity_shape = shape;
        let stage = Stage::of_tenant(config).await;
        let summary = stage.sync(json!({})).await.unwrap();
        assert_eq!((status_of(&summary, ORDERS_SKILL), summary.get("attributes")), ("open", None), "{summary}");
        stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().queue_count = 50;
        assert_eq!(status_of(&stage.sync(json!({})).await.unwrap(), ORDERS_SKILL), "saturated");
        assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
        assert_eq!(points(&stage), [OVERFLOW]);
        assert_eq!(stage.log.deliveries()[0]["priority"], 500, "a step, and what the target takes off");
        stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().queue_count = 0;
        stage.advance(std::time::Duration::from_secs(60));
        stage.sync(json!({})).await.unwrap();
        assert_eq!(stage.ends(&stage.worker(), &[event("order", "2")]).await, ["injected"]);
        assert_eq!(points(&stage), [OVERFLOW, ORDERS]);
        stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().is_active = false;
        stage.advance(std::time::Duration::from_secs(60));
        assert_eq!(status_of(&stage.sync(json!({})).await.unwrap(), ORDERS_SKILL), "saturated");
    }
}

#[tokio::test]
async fn no_more_items_go_to_a_skill_than_it_has_room_for_however_many_workers_place_at_once() {
    let stage = Stage::of_tenant(tenant(4)).await;
    stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().queue_count = 40;
    stage.sync(json!({})).await.unwrap();
    let workers: Vec<_> = (0..3).map(|_| stage.worker()).collect();
    place_at_once(&workers, &["order"; 3]).await;
    let orders = points(&stage).iter().filter(|point| *point == ORDERS).count();
    assert_eq!((stage.simulator.creations().len(), orders), (30, 10), "room for ten");
}

#[tokio::test]
async fn an_activity_that_cannot_be_read_is_unknown_and_never_open() {
    let stage = Stage::of_tenant(tenant(1)).await;
    for effect in [Effect::html(200), Effect::bare(500), Effect::member("/skillActivity", None)] {
        for endpoint in [Endpoint::Skill, Endpoint::Skills] {
            stage.simulator.add_fault(AnyFault::always(endpoint, effect.clone()));
        }
        assert_eq!(status_of(&stage.sync(json!({})).await.unwrap(), ORDERS_SKILL), "unknown", "{effect:?}");
        stage.simulator.clear_faults();
    }
}

/// The routes of [`tenant`], whose first target names no skill: its point of contact's own counts.
fn unnamed(on_unknown_health: &str) -> Value {
    let mut routes = tenant_routes();
    routes["routes"][0]["onUnknownHealth"] = json!(on_unknown_health);
    let orders = &mut routes["routes"][0]["targets"][0]["workItem"];
    orders.as_object_mut().unwrap().remove("skillId");
    routes
}

fn for_skill(stage: &Stage<Simulator>, skill: u64) {
    stage.simulator.tenant().config_mut().points_of_contact[0].default_skill_id = Some(skill);
}

#[tokio::test]
async fn a_target_without_a_skill_is_as_full_as_its_point_of_contacts_own() {
    let stage = Stage::with_routes(tenant(2), &unnamed("inject")).await;
    let worker = stage.worker();
    stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().queue_count = 50;
    assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"]);
    let summary = stage.sync(json!({})).await.unwrap();
    assert_eq!(status_of(&summary, ORDERS_SKILL), "saturated", "{summary}");
    for (skill, point) in [(ORDERS_SKILL, OVERFLOW), (4014, ORDERS)] {
        for_skill(&stage, skill);
        stage.advance(std::time::Duration::from_secs(60));
        stage.sync(json!({})).await.unwrap();
        assert_eq!(stage.ends(&worker, &[event("order", point)]).await, ["injected"]);
        assert_eq!(points(&stage).last().unwrap(), point, "{skill}");
    }
}

#[tokio::test]
async fn a_skill_that_one_target_names_and_another_does_not_has_one_room_for_both() {
    let mut routes = unnamed("inject");
    // Of the same skill, by its name; and they fall back to the same one.
    let named = json!({ "workItem": { "pointOfContact": "323344", "skillId": ORDERS_SKILL, "maxQueueCount": 50 } });
    routes["routes"][1]["targets"] = json!([named, routes["routes"][0]["targets"][1]]);
    let stage = Stage::with_routes(tenant(2), &routes).await;
    stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().queue_count = 40;
    stage.sync(json!({})).await.unwrap();
    place_at_once(&[stage.worker(), stage.worker()], &["order", "twin"]).await;
    let beyond = points(&stage).iter().filter(|point| *point == OVERFLOW).count();
    assert_eq!((stage.simulator.creations().len(), beyond), (20, 10), "room for ten");
}

#[tokio::test]
async fn points_of_contact_that_cannot_be_read_leave_what_was_known_of_their_skills() {
    let stage = Stage::with_routes(tenant(1), &unnamed("hold")).await;
    let unread = || stage.simulator.add_fault(AnyFault::always(Endpoint::PointsOfContact, Effect::bare(403)));
    unread();
    stage.sync(json!({})).await.unwrap();
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["deferred held"], "nothing is known of it");
    stage.simulator.clear_faults();
    stage.sync(json!({})).await.unwrap();
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    unread();
    stage.simulator.tenant().skill_mut(ORDERS_SKILL).unwrap().is_active = false;
    stage.advance(std::time::Duration::from_secs(60));
    let summary = stage.sync(json!({})).await.unwrap();
    assert_eq!(status_of(&summary, ORDERS_SKILL), "saturated", "{summary}");
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "2")]).await, ["injected"]);
    assert_eq!(points(&stage), [ORDERS, OVERFLOW]);
}

#[tokio::test]
async fn a_default_skill_that_cannot_be_read_is_unknown_until_it_was_read_once() {
    let stage = Stage::with_routes(tenant(1), &unnamed("hold")).await;
    let garbled = Effect::member("/pointsOfContact/0/defaultSkillId", Some(json!("4012 ")));
    stage.simulator.add_fault(AnyFault::always(Endpoint::PointsOfContact, garbled.clone()));
    let sync = stage.process(Function::Sync, &[]).await;
    sync.invoke(json!({ "task": "queue-health" })).await.unwrap();
    assert!(sync.output().contains("\"UnaskedQueues\":1.0"), "{}", sync.output());
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["deferred held"]);
    stage.simulator.clear_faults();
    stage.sync(json!({})).await.unwrap();
    for effect in [garbled, Effect::member("/pointsOfContact", Some(json!([])))] {
        stage.simulator.add_fault(AnyFault::always(Endpoint::PointsOfContact, effect));
        stage.advance(std::time::Duration::from_secs(60));
        let summary = stage.sync(json!({})).await.unwrap();
        assert_eq!(status_of(&summary, ORDERS_SKILL), "open", "{summary}");
    }
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    assert_eq!(points(&stage), [ORDERS]);
}
