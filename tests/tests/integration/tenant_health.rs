//! The health of a NICE CXone tenant's skills: what the sync learns of them, and what that does to events.

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{ActivityShape, Effect, Endpoint, Simulator};
use serde_json::{Value, json};

use super::stage::{ORDERS, ORDERS_SKILL, OVERFLOW, Stage, event, tenant};

fn points(stage: &Stage<Simulator>) -> Vec<String> {
    stage.simulator.creations().into_iter().map(|creation| creation.point_of_contact).collect()
}

fn status_of(summary: &Value, skill: u64) -> &str {
    let skills = summary["skills"].as_array().unwrap();
    let found =
        skills.iter().find(|entry| entry["skillId"] == json!(skill.to_string()) || entry["skillId"] == json!(skill));
    found.unwrap_or_else(|| panic!("{summary}"))["status"].as_str().unwrap()
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
    let batch = |worker: usize| {
        let events = (0..10).map(move |number| event("order", &format!("{worker}-{number}")));
        events.map(|event| super::stage::record(event.to_string())).collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..3).map(batch).collect();
    let done = workers.iter().zip(&batches).map(|(worker, batch)| worker.batch(batch));
    let back = futures::future::join_all(done).await;
    assert!(back.iter().all(Vec::is_empty), "{back:?}");
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
