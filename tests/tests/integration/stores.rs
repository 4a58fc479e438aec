//! DynamoDB, SQS and the ledger's items at their worst: a store that fails defers, and never makes a second contact.

use std::net::TcpListener;
use std::time::Duration;

use contact_injection_tests::host::{AwsRequests, Refusal};

use super::stage::{Moment, Stage, emulator, event, key_of, number, record};

fn single() -> [serde_json::Value; 1] {
    [record(event("single", "1").to_string())]
}

/// Events from "1" on.
fn several(events: usize) -> Vec<serde_json::Value> {
    (1..=events).map(|number| record(event("single", &number.to_string()).to_string())).collect()
}

#[tokio::test]
async fn a_ledger_item_of_a_newer_version_is_left_alone() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert!(worker.batch(&single()).await.is_empty());
    let mut item = stage.ledger_item("1").await.unwrap();
    item.insert("version".to_owned(), number(99));
    item.insert("state".to_owned(), number(7));
    stage.put(&stage.tables.ledger, item.clone()).await;
    let before = stage.simulator.requests().len();
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1")[1], "deferred in-progress");
    assert_eq!((stage.ledger_item("1").await.unwrap(), stage.simulator.requests().len()), (item, before));
    assert!(stage.log.says("of a newer version"));
}

#[tokio::test]
async fn a_ledger_item_that_cannot_be_read_defers_and_is_left_alone() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert!(worker.batch(&single()).await.is_empty());
    let mut item = stage.ledger_item("1").await.unwrap();
    item.remove("attempt");
    stage.put(&stage.tables.ledger, item.clone()).await;
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1")[1], "deferred service-error");
    assert_eq!((stage.ledger_item("1").await.unwrap(), stage.simulator.contacts().len()), (item, 1));
}

#[tokio::test]
async fn without_dynamodb_nothing_is_sent_and_everything_comes_back() {
    let stage = Stage::usual().await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let worker = stage.worker();
    assert!(worker.batch(&[record("not an event")]).await.is_empty(), "what needs no table is settled");
    worker.wire.break_next(100, "UpdateItem", Moment::Before);
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1"), ["deferred service-error"]);
    assert!(stage.log.says("no OAuth client could be leased"), "{}", stage.log.text());
    let cut_off = stage.worker_with(&format!("http://{nobody}"), 0);
    assert_eq!(cut_off.batch(&single()).await.len(), 1);
    assert!(stage.simulator.requests().is_empty());
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_written_again_and_knows_itself() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(1, "PutItem", Moment::After);
    assert!(worker.batch(&single()).await.is_empty());
    assert_eq!(stage.log.outcomes_of("1"), ["injected"]);
    assert_eq!((worker.wire.count("PutItem"), stage.simulator.contacts().len()), (3, 1));
}

#[tokio::test]
async fn claims_that_were_written_together_unheard_know_themselves() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(1, "BatchExecuteStatement", Moment::After);
    assert!(worker.batch(&several(3)).await.is_empty());
    assert_eq!((worker.wire.count("BatchExecuteStatement"), worker.wire.count("GetItem")), (2, 3));
    assert_eq!((worker.wire.count("PutItem"), stage.simulator.contacts().len()), (3, 3));
}

#[tokio::test]
async fn an_event_that_is_there_already_keeps_no_other_from_its_claim_and_neither_does_a_twin() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert!(worker.batch(&single()).await.is_empty());
    let mut records = several(4);
    records.push(records[3].clone());
    let back = worker.batch(&records).await;
    assert!(back.len() <= 1, "a twin comes back while the other has it: {back:?}");
    assert_eq!(stage.log.outcomes_of("1"), ["injected", "duplicate"]);
    assert_eq!(worker.wire.count("BatchExecuteStatement"), 1);
    assert_eq!(stage.simulator.contacts().len(), 4);
    assert!(!stage.log.says("can't be inserted together"));
}

/// No emulator's stream tells what a statement inserts, and outcome events are made of the stream.
#[tokio::test]
async fn an_end_that_is_put_on_record_at_once_is_written_alone() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let routeless = |number: i32| {
        let mut event = event("single", &number.to_string());
        event["type"] = "nobody.routes.this".into();
        record(event.to_string())
    };
    assert!(worker.batch(&(1..=3).map(routeless).collect::<Vec<_>>()).await.is_empty());
    assert_eq!(stage.dead_letters().await.len(), 3);
    assert_eq!((worker.wire.count("BatchExecuteStatement"), worker.wire.count("PutItem")), (0, 3));
}

#[tokio::test]
async fn a_role_that_may_not_write_claims_together_writes_each_alone_and_says_so_once() {
    let stage = Stage::usual().await;
    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    let worker = stage.worker_with(&aws.endpoint(), 0);
    let (operation, error) = ("DynamoDB.BatchExecuteStatement", "AccessDeniedException");
    aws.refuse(Refusal { operation, status: 400, error, processed: false, every: 1 });
    let records = several(6);
    for part in [&records[..3], &records[3..]] {
        assert!(worker.batch(part).await.is_empty());
    }
    assert_eq!((aws.mend(), stage.simulator.contacts().len()), (1, 6));
    assert_eq!(stage.log.line("records can't be inserted together, so each is written alone")["cause"], error);
}

#[tokio::test]
async fn a_claim_that_is_never_confirmed_blocks_the_event_until_it_is_over_and_no_longer() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(3, "PutItem", Moment::After);
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!((stage.ledger_state("1").await.as_str(), stage.simulator.contacts().len()), ("claimed", 0));
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!(stage.log.outcomes_of("1"), ["deferred service-error", "deferred in-progress"]);
    stage.advance(Duration::from_secs(120));
    assert!(worker.batch(&single()).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn a_settlement_that_is_not_confirmed_is_written_again_and_knows_itself() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_after(1, 1, "PutItem", Moment::After);
    assert!(worker.batch(&single()).await.is_empty());
    assert_eq!(stage.log.outcomes_of("1"), ["injected"]);
    assert_eq!((stage.ledger_state("1").await.as_str(), worker.wire.count("PutItem")), ("injected", 3));
}

#[tokio::test]
async fn a_settlement_that_never_arrives_is_made_up_for_under_the_same_key() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_after(1, 3, "PutItem", Moment::Before);
    assert_eq!(worker.batch(&single()).await.len(), 1);
    assert_eq!((stage.ledger_state("1").await.as_str(), stage.simulator.contacts().len()), ("claimed", 1));
    let error = stage.log.line("the ledger was not told");
    let (span, key) = (&error["span"], key_of("1").to_string());
    assert_eq!([&span["event_id"], &span["route"], &span["idempotency_key"]], ["1", "single", &key]);
    assert!(span["message_id"].is_string(), "{error}");
    stage.advance(Duration::from_secs(120));
    assert!(worker.batch(&single()).await.is_empty());
    let contacts = stage.simulator.contacts();
    assert_eq!((contacts.len(), contacts[0].replays), (1, 1));
    assert_eq!(stage.ledger_state("1").await, "injected");
}

#[tokio::test]
async fn a_lease_that_is_not_given_back_costs_time_and_nothing_else() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_after(1, 1, "UpdateItem", Moment::Before);
    // The registry's schema is one update, the lease before it the other.
    stage.sync(serde_json::json!({})).await.unwrap();
    assert!(worker.batch(&single()).await.is_empty());
    assert!(stage.log.says("the lease was not given back"));
    stage.advance(Duration::from_secs(300));
    assert!(stage.worker().batch(&[record(event("single", "2").to_string())]).await.is_empty());
    assert_eq!(stage.simulator.tokens().len(), 1, "the token of before serves on");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_made_up_for_by_cxone() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(1, "BatchGetItem", Moment::Before);
    assert!(worker.batch(&single()).await.is_empty());
    assert!(stage.log.says("the registry can't be read"));
    assert!(stage.registry_item("attribute-schema").await.is_none(), "nobody knows that it lacks one");
}

#[tokio::test]
async fn a_visibility_that_cannot_be_changed_leaves_the_queues_own() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(1, "ChangeMessageVisibilityBatch", Moment::Before);
    assert_eq!(stage.ends(&worker, &[event("held", "1")]).await, ["deferred held"]);
    assert_eq!(stage.depth().await, (0, 1));
    assert!(stage.log.says("come back after the queue's visibility timeout"));
    // An entry that SQS refuses is no failure of the others.
    stage.send(&event("held", "2")).await;
    let mut records = stage.receive().await;
    records.push(record(event("held", "3").to_string()));
    assert_eq!(worker.batch(&records).await.len(), 2);
    assert!(stage.log.says("some messages come back after"));
}

#[tokio::test]
async fn throttling_and_server_errors_of_dynamodb_defer_and_never_make_a_second_contact() {
    let throttled = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];
    let errors = throttled.map(|error| (400, error, false)).into_iter();
    let errors = errors.chain([
        (500, "InternalServerError", false),
        (500, "InternalServerError", true),
        (503, "ServiceUnavailable", false),
    ]);
    for (status, error, processed) in errors {
        for (operation, events) in
            [("DynamoDB.UpdateItem", 1), ("DynamoDB.PutItem", 1), ("DynamoDB.BatchExecuteStatement", 2)]
        {
            let records = several(events);
            let stage = Stage::usual().await;
            let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
            let worker = stage.worker_with(&aws.endpoint(), 0);
            aws.refuse(Refusal { operation, status, error, processed, every: 1 });
            assert_eq!(worker.batch(&records).await.len(), events);
            let context = format!("{operation} {status} {error}, processed: {processed}");
            assert_eq!(stage.log.outcomes_of("1"), ["deferred service-error"], "{context}");
            assert!(aws.mend() >= 3, "{context}");
            assert!(stage.simulator.contacts().is_empty(), "{context}");
            // Past the lease and the claim that were made without an answer.
            stage.advance(Duration::from_secs(300));
            assert!(worker.batch(&records).await.is_empty(), "{context}");
            assert_eq!(
                (stage.simulator.contacts().len(), stage.ledger_state("1").await.as_str()),
                (events, "injected")
            );
        }
    }
}

#[tokio::test]
async fn a_settlement_that_dynamodb_throttles_is_written_in_the_next_delivery() {
    let stage = Stage::usual().await;
    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    let worker = stage.worker_with(&aws.endpoint(), 0);
    let refusal = |every| Refusal {
        operation: "DynamoDB.PutItem",
        status: 400,
        error: "ThrottlingException",
        processed: false,
        every,
    };
    // The claim is the first write, the settlement the second, which the SDK tries again at once.
    aws.refuse(refusal(2));
    assert!(worker.batch(&single()).await.is_empty());
    assert_eq!((aws.mend(), stage.ledger_state("1").await.as_str()), (1, "injected"));
    assert_eq!(stage.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn errors_of_sqs_on_send_and_on_visibility_lose_nothing() {
    let stage = Stage::usual().await;
    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    let worker = stage.worker_with(&aws.endpoint(), 0);
    for operation in ["AmazonSQS.SendMessage", "AmazonSQS.ChangeMessageVisibilityBatch"] {
        aws.refuse(Refusal { operation, status: 500, error: "InternalFailure", processed: false, every: 1 });
    }
    let batch = [record("not an event"), single()[0].clone()];
    assert_eq!(worker.batch(&batch).await, [batch[0]["messageId"].as_str().unwrap()]);
    assert_eq!((aws.mend(), stage.dead_letters().await.len()), (6, 0));
    assert!(stage.log.says("come back after the queue's visibility timeout"));
    assert!(worker.batch(&batch).await.is_empty());
    assert_eq!((stage.dead_letters().await.len(), stage.simulator.contacts().len()), (1, 1));
}
