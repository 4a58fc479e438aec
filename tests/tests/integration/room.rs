//! Room that workers reserve: exactly as much as there is, whoever is at work, and one write for it.

use std::time::Duration;

use contact_injection::adapters::dynamodb::DynamoRegistry;
use contact_injection::adapters::environment::System;
use contact_injection::dialects::guide;
use contact_injection::domain::health::{QueueHealth, Status};
use contact_injection::domain::queues::{Queue as Known, Reading};
use contact_injection::domain::routes::{QueueId, Routes};
use contact_injection::domain::time::Timestamp;
use contact_injection::ports::{Registry, Reserved, Wanted};
use contact_injection_tests::local::sdk_config;
use cxone_simulator::Queue;
use serde_json::{Value, json};

use super::stage::{FALLBACK, Moment, PRIMARY, Scene, Stage, emulator, event, record, text};

const READING: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn primary() -> QueueId {
    let routes = Routes::from_json(Scene::default().routes.to_string(), guide::FACTS.routes).unwrap();
    routes.queue_ids().iter().find(|id| id.as_str() == PRIMARY).unwrap().clone()
}

fn registry(stage: &Stage) -> DynamoRegistry<System> {
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(emulator().endpoint()));
    DynamoRegistry::new(client, stage.tables.registry.clone(), System::new())
}

fn wanted(queue: &QueueId) -> Wanted {
    Wanted::queues(vec![queue.clone()])
}

fn health(observed: Timestamp) -> QueueHealth {
    QueueHealth { status: Status::Open, capacity: Some(0), max_capacity: Some(40), observed }
}

fn batch(kind: &str, prefix: &str, events: usize) -> Vec<Value> {
    (0..events).map(|number| record(event(kind, &format!("{prefix}-{number}")).to_string())).collect()
}

/// A stage with so many clients, whose queues have this much room.
async fn with_room(clients: usize, rooms: [u64; 2]) -> Stage {
    let mut scene = Scene::with_clients(clients);
    let queue = |(id, room)| Queue::open(id).with_max_capacity(room);
    scene.tenant.queues = [PRIMARY, FALLBACK].into_iter().zip(rooms).map(queue).collect();
    let stage = scene.start().await;
    stage.sync(json!({})).await.unwrap();
    stage
}

#[tokio::test]
async fn many_that_reserve_at_once_get_numbers_that_nobody_else_has() {
    let (stage, queue) = (Stage::usual().await, primary());
    let registry = registry(&stage);
    assert_eq!(registry.reserve(&queue, READING, 1).await.unwrap(), Reserved::Superseded(None));
    assert_eq!(registry.keep_health(&queue, &health(READING), None).await.unwrap(), Reserved::UpTo(0));
    let all = (0..60).map(|number| registry.reserve(&queue, READING, 1 + number % 3));
    let mut taken: Vec<u64> = Vec::new();
    for (number, reserved) in (0..60).zip(futures::future::join_all(all).await) {
        let Reserved::UpTo(last) = reserved.unwrap() else { panic!("the reading is the one that is kept") };
        taken.extend(last - number % 3..=last);
    }
    taken.sort_unstable();
    assert_eq!(taken, (1..=120).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_newer_reading_begins_the_count_anew_and_is_told_to_whoever_knows_an_older_one() {
    let (stage, queue) = (Stage::usual().await, primary());
    let registry = registry(&stage);
    registry.keep_health(&queue, &health(READING), None).await.unwrap();
    assert_eq!(registry.reserve(&queue, READING, 7).await.unwrap(), Reserved::UpTo(7));
    let before = registry.load(&wanted(&queue)).await.unwrap().queues[0].1.reading();
    assert_eq!(before, Some(Reading { observed: READING, reserved: 7 }));
    let newer = health(READING.plus(Duration::from_secs(60)));
    assert_eq!(registry.keep_health(&queue, &newer, before).await.unwrap(), Reserved::UpTo(0));
    let told = registry.reserve(&queue, READING, 1).await.unwrap();
    assert_eq!(told, Reserved::Superseded(Some(Known::new(Some(newer.clone()), None))));
    assert_eq!(registry.reserve(&queue, newer.observed, 3).await.unwrap(), Reserved::UpTo(3));
}

#[tokio::test]
async fn of_many_who_read_a_queue_at_once_one_is_believed_and_what_was_reserved_meanwhile_stays_reserved() {
    let (stage, queue) = (Stage::usual().await, primary());
    let registry = registry(&stage);
    registry.keep_health(&queue, &health(READING), None).await.unwrap();
    registry.reserve(&queue, READING, 7).await.unwrap();
    let before = Some(Reading { observed: READING, reserved: 7 });
    assert_eq!(registry.reserve(&queue, READING, 5).await.unwrap(), Reserved::UpTo(12));
    let readings: Vec<_> = (1..=10).map(|second| health(READING.plus(Duration::from_secs(second)))).collect();
    let kept = readings.iter().map(|newer| registry.keep_health(&queue, newer, before));
    let kept: Vec<_> = futures::future::join_all(kept).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(kept.iter().filter(|kept| **kept == Reserved::UpTo(5)).count(), 1, "{kept:?}");
    let (_, latest) = registry.load(&wanted(&queue)).await.unwrap().queues.remove(0);
    assert_eq!(kept.iter().filter(|kept| **kept == Reserved::Superseded(Some(latest.clone()))).count(), 9, "{kept:?}");
    let older = registry.keep_health(&queue, &health(READING), latest.reading()).await.unwrap();
    assert_eq!(older, Reserved::Superseded(Some(latest)), "a reading that is older than the one before it");
}

#[tokio::test]
async fn a_reading_that_nobody_can_go_by_is_replaced() {
    let (stage, queue) = (Stage::usual().await, primary());
    let registry = registry(&stage);
    registry.keep_health(&queue, &health(READING), None).await.unwrap();
    let name = format!("queue#{}", queue.as_str());
    let mut item = stage.registry_item(&name).await.unwrap();
    item.insert("health".to_owned(), text("not JSON"));
    stage.put(&stage.tables.registry, item).await;
    let newer = health(READING.plus(Duration::from_secs(60)));
    assert_eq!(registry.keep_health(&queue, &newer, None).await.unwrap(), Reserved::UpTo(0));
    assert_eq!(registry.load(&wanted(&queue)).await.unwrap().queues[0].1.health, Some(newer));
}

#[tokio::test]
async fn one_busy_worker_among_ten_clients_fills_a_queue_with_one_write_a_batch_and_no_early_step() {
    let stage = with_room(10, [30, 100_000]).await;
    let worker = stage.worker();
    for number in 0..3 {
        assert!(worker.batch(&batch("pair", &format!("{number}"), 10)).await.is_empty());
        assert_eq!(worker.wire.count("UpdateItem"), 3 * (number + 1), "the lease, its end, and a reservation");
        assert_eq!(worker.wire.count("BatchGetItem"), number + 1);
    }
    let contacts = stage.simulator.contacts();
    assert!(contacts.iter().all(|contact| contact.queue_id() == Some(PRIMARY)), "all thirty have room");
    let mut priorities: Vec<_> = contacts.iter().map(|contact| contact.request["priority"].as_u64().unwrap()).collect();
    priorities.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(
        (&priorities[..24], &priorities[24..27], &priorities[27..]),
        (&[750; 24][..], &[650; 3][..], &[550; 3][..])
    );
    // Full: the fallback takes over, a step lower, and what has plenty of room costs no write.
    assert!(worker.batch(&batch("pair", "more", 5)).await.is_empty());
    assert_eq!(worker.wire.count("UpdateItem"), 11);
    let contacts = stage.simulator.contacts().split_off(30);
    assert!(contacts.iter().all(|one| one.queue_id() == Some(FALLBACK) && one.request["priority"] == 650));
    assert_eq!((worker.wire.count("BatchExecuteStatement"), worker.wire.count("PutItem")), (4, 35));
    assert_eq!(stage.living_contacts(), 35);
}

#[tokio::test]
async fn a_reading_that_could_not_be_kept_does_not_keep_the_next_one_from_being_kept() {
    let stage = with_room(1, [30, 100_000]).await;
    let worker = stage.worker();
    stage.advance(Duration::from_secs(40));
    // The lease works; then every try to keep what CXone said of the queue fails.
    worker.wire.break_after(1, 3, "UpdateItem", Moment::Before);
    assert!(worker.batch(&batch("pair", "unkept", 5)).await.is_empty());
    let at = |queue| stage.simulator.contacts().iter().filter(|contact| contact.queue_id() == Some(queue)).count();
    assert_eq!((at(PRIMARY), at(FALLBACK)), (0, 5), "no room can be reserved under a reading that nobody else knows");
    stage.advance(Duration::from_secs(40));
    assert!(worker.batch(&batch("pair", "kept", 5)).await.is_empty());
    assert_eq!((at(PRIMARY), at(FALLBACK)), (5, 5));
}

#[tokio::test]
async fn workers_at_once_put_no_more_into_a_queue_than_it_has_room_for_and_leave_none() {
    let stage = with_room(4, [23, 100_000]).await;
    let workers: Vec<_> = (0..4).map(|_| stage.worker()).collect();
    let batches: Vec<_> = (0..4).map(|number| batch("pair", &format!("{number}"), 10)).collect();
    let ended = workers.iter().zip(&batches).map(|(worker, batch)| worker.batch(batch));
    assert!(futures::future::join_all(ended).await.iter().all(Vec::is_empty));
    let contacts = stage.simulator.contacts();
    let at = |queue| contacts.iter().filter(|contact| contact.queue_id() == Some(queue)).count();
    assert_eq!((at(PRIMARY), at(FALLBACK)), (23, 17));
    let reserved = registry(&stage).load(&wanted(&primary())).await.unwrap().queues[0].1.reserved;
    assert!(reserved <= 40, "{reserved}: whoever asks, asks once");
    assert_eq!(stage.simulator.tenant().count_of_status(409), 0);
}

#[tokio::test]
async fn a_reservation_that_cannot_be_made_floods_no_queue() {
    let stage = with_room(1, [30, 30]).await;
    let worker = stage.worker();
    worker.wire.break_after(1, 2, "UpdateItem", Moment::Before);
    assert_eq!(stage.ends(&worker, &[event("pair", "1")]).await, ["deferred saturated"]);
    assert!(stage.log.says("no room can be reserved") && stage.simulator.contacts().is_empty());
    worker.wire.mend();
    assert_eq!(stage.ends(&worker, &[event("pair", "2")]).await, ["injected"]);
}
