//! What a version says of itself before it gets its first batch.

use cxone_simulator::{Effect, Endpoint, Fault};
use serde_json::{Value, json};

use super::stage::{Function, Scene, Stage, event};

fn case(kind: &str, expect: &Value) -> Value {
    json!({"event": event(kind, "case-1"), "expect": expect})
}

/// What the version says of the stage, and whether anything but a client was touched.
async fn tried(stage: &Stage) -> Result<Value, Value> {
    let said = stage.process(Function::Inject, &[]).await.invoke(json!({"trial": {}})).await;
    assert!(stage.simulator.contacts().is_empty());
    assert!(stage.scan(&stage.tables.ledger).await.is_empty() && stage.scan(&stage.tables.registry).await.is_empty());
    said
}

#[tokio::test]
async fn a_version_whose_cases_become_what_is_expected_passes_and_injects_nothing() {
    let stage = Stage::usual().await;
    assert_eq!(tried(&stage).await.unwrap(), json!({"passed": true, "cases": 0, "differing": []}));
    let cases = [
        case("order", &json!({"route": "order", "request": {"priority": 750}})),
        case("no.such.route", &json!({"problem": "no-route"})),
        case("unregistered", &json!({"problem": "unregistered-attribute"})),
    ];
    stage.put_cases(&json!(cases).to_string());
    assert_eq!(tried(&stage).await.unwrap(), json!({"passed": true, "cases": 3, "differing": []}));
}

#[tokio::test]
async fn a_case_that_becomes_something_else_is_named_with_its_place_and_no_value() {
    let stage = Stage::usual().await;
    let cases =
        [case("order", &json!({"route": "order"})), case("order", &json!({"request": {"from": "+15550100000"}}))];
    stage.put_cases(&json!(cases).to_string());
    let said = tried(&stage).await.unwrap();
    assert_eq!((&said["passed"], &said["cases"]), (&json!(false), &json!(2)));
    let [differing] = &said["differing"].as_array().unwrap()[..] else { unreachable!("{said}") };
    assert!(differing["case"].as_str().unwrap().ends_with("orders.json 1"), "{said}");
    assert_eq!(differing["differences"][0]["pointer"], "/request/from");
    assert!(!said.to_string().contains("+1555"), "{said}");
}

#[tokio::test]
async fn an_attribute_that_cxone_no_longer_has_is_found_before_any_event_is() {
    let mut scene = Scene::with_clients(1);
    scene.tenant.attributes.retain(|attribute| attribute.key != "string:notes");
    let stage = scene.start().await;
    let mut noted = case("order", &json!({"route": "order"}));
    noted["event"]["data"]["notes"] = json!("call before noon");
    stage.put_cases(&noted.to_string());
    let said = tried(&stage).await.unwrap();
    assert_eq!(said["passed"], false);
    let found = &said["differing"][0]["differences"][0]["found"];
    assert_eq!((&found["code"], &found["pointer"]), (&json!("unregistered-attribute"), &json!("/data/notes")));
}

#[tokio::test]
async fn a_version_that_can_not_read_its_cases_or_reach_cxone_does_not_pass() {
    let stage = Stage::usual().await;
    stage.put_cases("[{\"event\": {}}]");
    let failed = tried(&stage).await.unwrap_err().to_string();
    assert!(failed.contains("orders.json") && failed.contains("/0/expect is missing"), "{failed}");
    stage.put_cases(&case("order", &json!({"route": "order"})).to_string());
    stage.simulator.add_fault(Fault::always(Endpoint::Attributes, Effect::status(503)));
    let failed = tried(&stage).await.unwrap_err().to_string();
    assert!(failed.contains("schema can't be fetched"), "{failed}");
    let failed = stage.process(Function::Inject, &[]).await.invoke(json!({"trial": {"route": "order"}})).await;
    assert!(failed.unwrap_err().to_string().contains("unknown field"));
}
