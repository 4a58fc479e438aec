//! Clients that CXone refuses: known to all workers, left alone for a while, and nobody waits for them.

use std::time::Duration;

use cxone_simulator::{ClientConfig, Effect, Endpoint, Fault};
use serde_json::{Value, json};

use super::stage::{Function, Scene, Stage, event, record};

fn batch(prefix: &str, events: usize) -> Vec<Value> {
    (0..events).map(|number| record(event("single", &format!("{prefix}/{number}")).to_string())).collect()
}

/// CXone refuses the client from now on, its tokens included.
fn revoke(stage: &Stage, client: &str) {
    stage.simulator.tenant().put_client(ClientConfig::new(client, "another secret by now"));
    stage.simulator.tenant().revoke_tokens();
}

/// So many token requests were made, and refused.
fn refused(stage: &Stage) -> usize {
    let refused = |request: &&cxone_simulator::RequestRecord| {
        request.endpoint == Endpoint::Token && request.status.is_some_and(|status| (400..500).contains(&status))
    };
    stage.simulator.requests().iter().filter(refused).count()
}

#[tokio::test]
async fn no_message_waits_for_a_refused_client_while_another_is_free() {
    let stage = Scene::with_clients(2).start().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    revoke(&stage, "worker-1");
    for environment in 0..6 {
        let back = stage.worker().batch(&batch(&format!("{environment}"), 3)).await;
        assert!(back.is_empty(), "{environment}: {}", stage.log.text());
    }
    assert_eq!(stage.simulator.contacts().len(), 18);
    assert!(refused(&stage) <= 2, "the sync's request and one more: the others know by then");
}

#[tokio::test]
async fn a_batch_goes_on_under_another_client_when_its_own_is_revoked_in_the_middle() {
    let stage = Scene::with_clients(2).start().await;
    let worker = stage.worker();
    assert!(worker.batch(&batch("before", 1)).await.is_empty());
    let used = stage.simulator.contacts()[0].client_id.clone();
    revoke(&stage, &used);
    assert!(worker.batch(&batch("after", 10)).await.is_empty());
    let contacts = stage.simulator.contacts();
    assert_eq!(contacts.len(), 11);
    assert!(contacts[1..].iter().all(|contact| contact.client_id != used));
    assert_eq!(refused(&stage), 1, "ten events ask once");
    assert!(stage.log.deliveries().iter().all(|line| line["outcome"] == "injected"));
}

#[tokio::test]
async fn a_client_that_stays_refused_is_asked_for_less_and_less_by_all_workers_together() {
    let stage = Stage::usual().await;
    revoke(&stage, "worker-1");
    let records = batch("waiting", 10);
    let ask = async |environments: usize| {
        for _ in 0..environments {
            let worker = stage.worker();
            assert_eq!(worker.batch(&records).await.len(), 10);
            assert!(worker.wire.count("GetSecretValue") <= 2, "one read, and one to see whether it was mended");
        }
    };
    ask(3).await;
    assert_eq!(refused(&stage), 1, "thirty events in three environments");
    assert_eq!(stage.log.outcomes_of("waiting/0"), ["deferred unauthorized"; 3]);
    for (pause, requests) in [(31, 2), (31, 2), (31, 3), (121, 4)] {
        stage.advance(Duration::from_secs(pause));
        ask(2).await;
        assert_eq!(refused(&stage), requests, "after {pause} s more");
    }
}

#[tokio::test]
async fn a_changed_secret_ends_the_pause_at_once() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    revoke(&stage, "worker-1");
    let records = batch("waiting", 2);
    assert_eq!(worker.batch(&records).await.len(), 2);
    stage.simulator.tenant().put_client(ClientConfig::new("worker-1", "mended"));
    stage.put_clients(&[ClientConfig::new("worker-1", "mended")]).await;
    assert!(worker.batch(&records).await.is_empty(), "the environment that was refused");
    assert!(stage.worker().batch(&batch("later", 1)).await.is_empty(), "and a fresh one");
}

#[tokio::test]
async fn a_token_endpoints_retry_after_holds_for_every_worker_and_another_client_does_the_work() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Token, Effect::rate_limited(40)));
    let records = batch("waiting", 10);
    let asked = || stage.simulator.requests().iter().filter(|one| one.endpoint == Endpoint::Token).count();
    for _ in 0..3 {
        assert_eq!(stage.worker().batch(&records).await.len(), 10);
        assert_eq!(asked(), 1);
    }
    assert_eq!(stage.log.outcomes_of("waiting/0"), ["deferred rate-limited"; 3]);
    stage.advance(Duration::from_secs(41));
    assert!(stage.worker().batch(&records).await.is_empty());
    assert_eq!(asked(), 2);

    let stage = Scene::with_clients(2).start().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Token, Effect::rate_limited(40)));
    assert!(stage.worker().batch(&batch("at once", 3)).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 3);
}

#[tokio::test]
async fn how_many_clients_are_left_alone_is_counted() {
    let stage = Scene::with_clients(2).start().await;
    revoke(&stage, "worker-1");
    revoke(&stage, "worker-2");
    let inject = stage.process(Function::Inject, &[]).await;
    inject.invoke(json!({ "Records": batch("waiting", 1) })).await.unwrap();
    assert!(inject.output().contains("\"AuthRefusedClients\":2.0"), "{}", inject.output());
    let sync = stage.process(Function::Sync, &[]).await;
    assert!(sync.invoke(json!({"task": "queue-health"})).await.is_err());
    assert!(sync.output().contains("\"AuthRefusedClients\":2.0"), "{}", sync.output());
}
