//! Token answers that make no sense: never a crash, and a token is used for as long as anything says that it lives.

use std::time::Duration;

use cxone_simulator::{Effect, Endpoint, Fault, MalformedBody};
use serde_json::json;

use super::stage::{Front, Stage, event, record};

fn dry_run() -> serde_json::Value {
    json!({"dryRun": {"events": []}})
}

#[tokio::test]
async fn a_lifetime_that_makes_no_sense_counts_as_not_said() {
    for senseless in [json!(0), json!(-1), json!("soon"), json!(1.5), json!(null), json!(u64::MAX), json!("3600")] {
        let stage = Stage::usual().await;
        let front = Front::answering(json!({"access_token": "a.token", "expires_in": senseless})).await;
        for _ in 0..2 {
            stage.worker_at(&front.url).invoke(dry_run()).await.unwrap();
        }
        assert_eq!(front.tokens(), 1, "{senseless}: the token serves on");
        stage.advance(Duration::from_secs(86_400));
        stage.worker_at(&front.url).invoke(dry_run()).await.unwrap();
        assert_eq!(front.tokens(), 2, "{senseless}: no lifetime is believed beyond a day");
    }
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_no_token_and_no_crash() {
    for unusable in
        [json!({}), json!({"access_token": ""}), json!({"access_token": 5}), json!({"access_token": "a b"}), json!([])]
    {
        let stage = Stage::usual().await;
        let front = Front::answering(unusable.clone()).await;
        let worker = stage.worker_at(&front.url);
        assert!(worker.invoke(dry_run()).await.is_err(), "{unusable}");
        assert_eq!(worker.batch(&[record(event("single", "1").to_string())]).await.len(), 1);
        assert_eq!(stage.log.outcomes_of("1"), ["deferred unverified-schema"]);
        assert!(stage.log.says("no new token"), "{unusable}");
    }
}

#[tokio::test]
async fn a_failed_early_refresh_leaves_the_old_token_in_use_while_it_lives() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert!(worker.batch(&[record(event("single", "1").to_string())]).await.is_empty());
    stage.advance(Duration::from_secs(3_300));
    stage.simulator.add_fault(Fault::always(Endpoint::Token, Effect::Malformed { body: MalformedBody::WithoutId }));
    assert!(worker.batch(&[record(event("single", "2").to_string())]).await.is_empty());
    stage.advance(Duration::from_secs(600));
    assert_eq!(worker.batch(&[record(event("single", "3").to_string())]).await.len(), 1, "it is dead now");
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(120));
    assert!(worker.batch(&[record(event("single", "3").to_string())]).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 3);
}

#[tokio::test]
async fn a_token_refused_in_the_middle_of_a_batch_is_replaced_once_for_all() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let batch: Vec<_> = (0..10).map(|number| record(event("single", &number.to_string()).to_string())).collect();
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::RevokeTokens).skipping(4));
    assert!(worker.batch(&batch).await.is_empty());
    assert_eq!((stage.simulator.contacts().len(), stage.simulator.tokens().len()), (10, 2));
}

#[tokio::test]
async fn a_failing_token_endpoint_opens_its_circuit_and_nothing_is_sent() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    stage.simulator.add_fault(Fault::always(Endpoint::Token, Effect::unavailable()));
    for number in 0..10 {
        assert_eq!(worker.batch(&[record(event("single", &number.to_string()).to_string())]).await.len(), 1);
    }
    assert!(stage.log.says("the circuit opened"));
    let asked = stage.simulator.requests().len();
    assert!(asked < 10, "{asked} token requests");
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(120));
    assert!(worker.batch(&[record(event("single", "0").to_string())]).await.is_empty());
}
