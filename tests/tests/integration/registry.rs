//! How often the registry is read, what serves while it can't be, and what doesn't fit into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::{Json, Router};
use contact_injection::adapters::dynamodb::DynamoRegistry;
use contact_injection::adapters::environment::System;
use contact_injection::ports::{Registry as _, Wanted};
use contact_injection_tests::local::sdk_config;
use cxone_simulator::{AttributeDefinition, AttributeType, Endpoint, Queue};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::stage::{Moment, PRIMARY, Scene, Stage, event};

fn fetched(stage: &Stage) -> usize {
    stage.simulator.requests().iter().filter(|one| one.endpoint == Endpoint::Attributes).count()
}

#[tokio::test]
async fn an_environment_reads_the_registry_once_in_ten_seconds_where_there_is_plenty_of_room() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    for (number, reads) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)] {
        if number == 3 {
            stage.advance(Duration::from_secs(30));
        }
        assert_eq!(stage.ends(&worker, &[event("pair", &number.to_string())]).await, ["injected"]);
        assert_eq!(worker.wire.count("BatchGetItem"), reads, "invocation {number}");
    }
    assert_eq!((worker.wire.count("UpdateItem"), worker.wire.count("PutItem")), (10, 10));
}

#[tokio::test]
async fn a_queue_that_is_nearly_full_or_unknown_is_read_by_every_invocation() {
    let mut scene = Scene::default();
    scene.tenant.queues[0] = Queue::open(PRIMARY).with_max_capacity(30);
    let stage = scene.start().await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("held", "1")]).await, ["deferred held"]);
    stage.sync(json!({})).await.unwrap();
    for (number, reads) in [(2, 2), (3, 3)] {
        assert_eq!(stage.ends(&worker, &[event("single", &number.to_string())]).await, ["injected"]);
        assert_eq!(worker.wire.count("BatchGetItem"), reads);
    }
}

#[tokio::test]
async fn what_is_remembered_serves_while_the_registry_cannot_be_read() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let (worker, before) = (stage.worker(), fetched(&stage));
    assert_eq!(stage.ends(&worker, &[event("held", "1")]).await, ["injected"]);
    stage.advance(Duration::from_secs(60));
    worker.wire.break_next(usize::MAX, "BatchGetItem", Moment::Before);
    for id in ["2", "3"] {
        assert_eq!(stage.ends(&worker, &[event("held", id)]).await, ["injected"]);
    }
    assert!(stage.log.says("the registry can't be read"));
    assert_eq!(fetched(&stage), before, "and nobody asks CXone for what is known");
    stage.advance(Duration::from_secs(180));
    assert_eq!(stage.ends(&worker, &[event("held", "4")]).await, ["deferred held"], "health ages all the same");
}

#[tokio::test]
async fn what_was_fetched_for_want_of_a_registry_is_not_written_to_it() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let kept = stage.registry_item("attribute-schema").await.unwrap();
    stage.advance(Duration::from_secs(60));
    let (worker, before) = (stage.worker(), fetched(&stage));
    worker.wire.break_next(usize::MAX, "BatchGetItem", Moment::Before);
    for id in ["1", "2"] {
        assert_eq!(stage.ends(&worker, &[event("pair", id)]).await, ["injected"]);
    }
    assert_eq!(fetched(&stage), before + 1);
    assert_eq!(stage.registry_item("attribute-schema").await.unwrap(), kept);
}

#[tokio::test]
async fn a_schema_that_does_not_fit_is_said_to_be_so_and_fetched_once_by_each_environment() {
    let mut scene = Scene::default();
    let filler = |number| AttributeDefinition::new(AttributeType::String, &format!("{}{number}", "filler".repeat(10)));
    scene.tenant.attributes.extend((0..5000).map(filler));
    let stage = scene.start().await;
    let error = stage.sync(json!({"task": "attribute-schema"})).await.unwrap_err();
    let told = contact_injection::error::chain(&error);
    assert!(told.contains("bytes, and an item holds 409600"), "{told}");
    assert!(stage.registry_item("attribute-schema").await.is_none());
    let (worker, before) = (stage.worker(), fetched(&stage));
    for (id, seconds) in [("1", 0), ("2", 60), ("3", 3600)] {
        stage.advance(Duration::from_secs(seconds));
        assert_eq!(stage.ends(&worker, &[event("pair", id)]).await, ["injected"]);
    }
    assert_eq!(fetched(&stage), before + 1);
    assert!(stage.log.text().contains("an item holds 409600"), "the worker says it too");
}

/// A DynamoDB that leaves the schema's item out of so many answers; how often it was asked.
async fn stingy(leaves_out: usize) -> (DynamoRegistry<System>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = async move |State(asked): State<Arc<AtomicUsize>>| -> Json<Value> {
        let key = json!({"name": {"S": "attribute-schema"}});
        if asked.fetch_add(1, Ordering::SeqCst) < leaves_out {
            return Json(json!({"Responses": {}, "UnprocessedKeys": {"registry": {"Keys": [key]}}}));
        }
        let item = json!({"name": {"S": "attribute-schema"}, "definitions": {"S": "[]"}, "fetchedAt": {"N": "7"}});
        Json(json!({"Responses": {"registry": [item]}, "UnprocessedKeys": {}}))
    };
    let router = Router::new().fallback(answer).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(&endpoint));
    (DynamoRegistry::new(client, "registry".to_owned(), System::new()), asked)
}

#[tokio::test]
async fn what_dynamodb_leaves_out_is_asked_for_again_and_never_counts_as_missing() {
    let (registry, asked) = stingy(3).await;
    let schema = registry.load(&Wanted::schema()).await.unwrap().schema.unwrap();
    assert_eq!((schema.fetched.as_millis(), asked.load(Ordering::SeqCst)), (7, 4));
    let (registry, asked) = stingy(usize::MAX).await;
    let error = registry.load(&Wanted::schema()).await.unwrap_err();
    assert!(contact_injection::error::chain(&error).contains("left 1 items out in each of 4 tries"));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_newer_schema_is_taken_over_within_half_a_minute() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("pair", "1")]).await, ["injected"]);
    let shorter = AttributeDefinition::new(AttributeType::String, "tenantRefId").with_max_length(3);
    stage.simulator.tenant().config_mut().attributes[3] = shorter;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    stage.advance(Duration::from_secs(30));
    assert_eq!(stage.ends(&worker, &[event("pair", "2")]).await, ["dead-lettered invalid-attribute"]);
}
