//! Many events against services that fail: as many contacts as events, and nothing in the dead-letter queue.

use std::time::Duration;

use contact_injection_tests::host::{AwsRequests, Refusal};
use cxone_simulator::{Effect, Endpoint, Fault, MalformedBody};
use futures::future::join_all;
use serde_json::json;

use super::stage::{Function, Scene, Stage, Worker, emulator, event, record};

const WORKERS: usize = 4;

/// Processes that are killed while the workers work.
const KILLS: u64 = 6;

/// Delivers until the queue is empty, with the impatience of a test: what comes back is shown at once.
async fn drain(stage: &Stage, worker: &Worker) {
    while stage.depth().await != (0, 0) {
        let records = stage.receive().await;
        if records.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let back = worker.batch(&records).await;
        stage.acknowledge(&records, &back).await;
        stage.hurry(&records, &back).await;
    }
}

/// Starts real processes, one after the other, hands each a batch, and kills each at another moment.
async fn kill(stage: &Stage, aws: &AwsRequests) {
    for number in 1..=KILLS {
        let records = stage.receive().await;
        let ids: Vec<_> = records.iter().map(|one| one["messageId"].as_str().unwrap().to_owned()).collect();
        let process = stage.process(Function::Inject, &[("AWS_ENDPOINT_URL", &aws.endpoint())]).await;
        let moment = Duration::from_millis(150 * number);
        // A batch that was done before its kill is one whose acknowledgement is lost.
        let work = process.invoke_within(Duration::from_secs(30), json!({ "Records": records }));
        let _ = tokio::time::timeout(moment, work).await;
        process.kill().await;
        stage.hurry(&records, &ids).await;
        // Past the dead worker's lease and claims.
        stage.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_thousand_events_through_every_fault_and_kills_are_a_thousand_contacts() {
    const EVENTS: usize = 1_000;
    let stage = Scene::with_clients(WORKERS + 2).rate(10_000, Duration::from_secs(60)).start().await;
    let on_contacts = [
        Effect::status(500),
        Effect::status(503),
        Effect::Status { status: 503, retry_after_seconds: None, processed: true },
        Effect::ResetBefore,
        Effect::ResetAfter,
        Effect::Malformed { body: MalformedBody::Html },
        Effect::Malformed { body: MalformedBody::WithoutId },
        Effect::Redirect { status: 302, location: "/elsewhere".to_owned() },
        Effect::Delay { milliseconds: 100 },
        Effect::RevokeTokens,
    ];
    for effect in on_contacts {
        stage.simulator.add_fault(Fault::always(Endpoint::Contacts, effect).with_probability(0.03));
    }
    // Longer than a request waits for its answer.
    for effect in [Effect::HangBefore { milliseconds: 15_000 }, Effect::HangAfter { milliseconds: 15_000 }] {
        stage.simulator.add_fault(Fault::times(4, Endpoint::Contacts, effect).with_probability(0.02));
    }
    stage.simulator.add_fault(Fault::times(2, Endpoint::Contacts, Effect::rate_limited(1)).skipping(200));
    stage.simulator.add_fault(Fault::always(Endpoint::Token, Effect::unavailable()).with_probability(0.2));
    stage.simulator.add_fault(Fault::always(Endpoint::Queue, Effect::unavailable()).with_probability(0.3));
    stage.simulator.add_fault(Fault::once(Endpoint::Attributes, Effect::ResetBefore));
    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    for (operation, status, error, processed, every) in [
        ("DynamoDB.PutItem", 400, "ThrottlingException", false, 7),
        ("DynamoDB.PutItem", 500, "InternalServerError", true, 11),
        ("DynamoDB.UpdateItem", 400, "ProvisionedThroughputExceededException", false, 5),
        ("DynamoDB.UpdateItem", 500, "InternalServerError", true, 13),
        ("DynamoDB.BatchGetItem", 503, "ServiceUnavailable", false, 3),
        ("AmazonSQS.ChangeMessageVisibilityBatch", 500, "InternalFailure", false, 4),
    ] {
        aws.refuse(Refusal { operation, status, error, processed, every });
    }
    // Every tenth event comes twice, as SQS may deliver it.
    let events = (0..EVENTS).map(|number| event("single", &number.to_string()));
    let twice = (0..EVENTS).step_by(10).map(|number| event("single", &number.to_string()));
    stage.send_all(events.chain(twice)).await;
    let workers: Vec<_> = (0..WORKERS).map(|_| stage.worker_with(&aws.endpoint(), 0)).collect();
    tokio::join!(kill(&stage, &aws), join_all(workers.iter().map(|worker| drain(&stage, worker))));
    // What the last of the killed had in hand.
    drain(&stage, &workers[0]).await;
    assert!(stage.log.says("did not give this client back"), "no worker was killed with a client in hand");
    let contacts = stage.simulator.contacts();
    assert_eq!((contacts.len(), stage.living_contacts()), (EVENTS, EVENTS));
    assert!(stage.dead_letters().await.is_empty());
    let refused = aws.mend();
    assert!(refused > 100, "only {refused} calls to AWS were refused");
    let hung = stage.log.deliveries().iter().filter(|line| line["latency_ms"].as_u64() >= Some(10_000)).count();
    assert!(hung > 0, "no request hung");
    let failed = stage.simulator.requests().iter().filter(|one| one.status != Some(201) || !one.answered).count();
    assert!(failed > EVENTS / 10, "only {failed} requests failed");
}

#[tokio::test]
async fn a_redrive_of_dead_letters_injects_what_was_not_and_no_more() {
    const LETTERS: usize = 200;
    let stage = Scene::default().rate(10_000, Duration::from_secs(60)).start().await;
    let worker = stage.worker();
    let body = |number: usize| event("single", &number.to_string());
    for batch in (0..LETTERS / 2).collect::<Vec<_>>().chunks(10) {
        let records: Vec<_> = batch.iter().map(|number| record(body(*number).to_string())).collect();
        assert!(worker.batch(&records).await.is_empty());
    }
    let before = stage.log.deliveries().len();
    // What StartMessageMoveTask does, which the emulator has not: the same messages under new ids.
    stage.send_all((0..LETTERS).map(body)).await;
    drain(&stage, &worker).await;
    let lines = stage.log.deliveries().split_off(before);
    let ended = |outcome: &str| lines.iter().filter(|line| line["outcome"] == outcome).count();
    assert_eq!((ended("duplicate"), ended("injected")), (LETTERS / 2, LETTERS / 2));
    assert_eq!(stage.simulator.contacts().len(), LETTERS);
    assert!(stage.dead_letters().await.is_empty());
}
