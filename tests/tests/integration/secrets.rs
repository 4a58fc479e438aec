//! The secrets with the OAuth clients: more than one holds, and edits that go wrong (docs/rules.md#secrets).

use std::time::Duration;

use contact_injection_tests::local::{create_secret_of_text, secret_text};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Scene, Stage, emulator, event, record};

/// Past the next look at a secret that was good, and well before five minutes.
const NEXT_LOOK: Duration = Duration::from_secs(250);

/// The same for one that could not be used.
const NEXT_LOOK_AFTER_A_FAULT: Duration = Duration::from_secs(40);

fn one(id: &str) -> Vec<Value> {
    vec![record(event("single", id).to_string())]
}

/// How often something was said of the secrets.
fn said(stage: &Stage, words: &str) -> usize {
    let problem = |line: &Value| line["problem"].as_str().is_some_and(|problem| problem.contains(words));
    stage.log.lines().iter().filter(|line| problem(line)).count()
}

async fn doctor(stage: &Stage) -> String {
    let report = stage.worker().invoke(json!({"doctor": {}})).await.unwrap();
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "secret").unwrap().to_string()
}

#[tokio::test]
async fn no_edit_that_goes_wrong_stops_a_worker_whether_it_is_warm_or_fresh() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let good = secret_text(&stage.clients());
    let warm = stage.worker();
    assert!(warm.batch(&one("before")).await.is_empty());
    for (number, bad) in
        ["hunter2", "{\"clients\":[7]}", "{\"clients\":[{\"client_id\":\"hunter2\"}]}"].iter().enumerate()
    {
        // A good one comes before each, as what it held before its last change.
        stage.put_secret(&good).await;
        stage.put_secret(bad).await;
        stage.advance(NEXT_LOOK);
        assert!(warm.batch(&one(&format!("warm-{number}"))).await.is_empty(), "{bad}");
        assert!(stage.worker().batch(&one(&format!("fresh-{number}"))).await.is_empty(), "{bad}");
        assert!(doctor(&stage).await.contains("\"fail\""), "{bad}");
    }
    let said = |words: &str| said(&stage, words);
    stage.advance(NEXT_LOOK_AFTER_A_FAULT);
    let before = said("what it held last serves on");
    assert!(before >= 3 && said("what it held before its last change serves") >= 3);
    assert!(warm.batch(&one("again")).await.is_empty());
    assert_eq!(said("what it held last serves on"), before, "the same fault is said once");
    assert!(!stage.log.text().contains("hunter2") && !doctor(&stage).await.contains("hunter2"));
    // Mended, it is in use half a minute later.
    stage.put_secret(&good).await;
    assert!(!doctor(&stage).await.contains("\"fail\""));
    stage.advance(NEXT_LOOK_AFTER_A_FAULT);
    let reads = warm.wire.count("GetSecretValue");
    assert!(warm.batch(&one("mended")).await.is_empty());
    assert_eq!(warm.wire.count("GetSecretValue"), reads + 1);
}

#[tokio::test]
async fn a_faulty_client_costs_itself_alone() {
    let stage = Scene::with_clients(2).start().await;
    stage.sync(json!({})).await.unwrap();
    let mut secret: Value = serde_json::from_str(&secret_text(&stage.clients())).unwrap();
    secret["clients"][0]["client_secret"] = json!(["hunter2"]);
    stage.put_secret(&secret.to_string()).await;
    assert!(stage.worker().batch(&one("event")).await.is_empty());
    assert_eq!(stage.simulator.contacts()[0].client_id, "worker-2");
    assert_eq!(said(&stage, "client 0 has a client_secret that is no text; the others serve"), 1);
    let told = doctor(&stage).await;
    assert!(told.contains("client 0 has a client_secret that is no text"), "{told}");
    assert!(!stage.log.text().contains("hunter2") && !told.contains("hunter2"));
}

#[tokio::test]
async fn a_secret_names_further_ones_and_one_that_cannot_be_read_costs_its_clients_alone() {
    let stage = Scene::with_clients(3).start().await;
    stage.sync(json!({})).await.unwrap();
    let clients = stage.clients();
    let name = format!("stack/inject/{}", Uuid::new_v4());
    let mut further: Value = serde_json::from_str(&secret_text(&clients[1..])).unwrap();
    further["further_secrets"] = json!(["hunter2"]);
    let further = create_secret_of_text(emulator().endpoint(), &name, further.to_string()).await.unwrap();
    assert!(further.contains(&name));
    let mut secret: Value = serde_json::from_str(&secret_text(&clients[..1])).unwrap();
    secret["further_secrets"] = json!([name, "hunter2"]);
    stage.put_secret(&secret.to_string()).await;
    for held in &clients[..2] {
        stage.hold(&held.client_id, Duration::from_secs(600)).await;
    }
    assert!(stage.worker().batch(&one("event")).await.is_empty());
    assert_eq!(stage.simulator.contacts()[0].client_id, "worker-3");
    assert_eq!(said(&stage, "further secret 1: it can't be read"), 1);
    assert_eq!(said(&stage, "further secret 0: it names further ones"), 1, "which nobody follows");
    let told = doctor(&stage).await;
    assert!(told.contains("client 2 has client_id, client_secret") && told.contains("further secret 1"), "{told}");
    assert!(!told.contains("hunter2"));
    let quoted = |line: &Value| line["target"].as_str().is_some_and(|target| target.starts_with("contact_injection"));
    assert!(!stage.log.lines().iter().filter(|line| quoted(line)).any(|line| line.to_string().contains("hunter2")));
}
