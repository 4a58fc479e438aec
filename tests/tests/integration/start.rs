//! The functions as processes: what stops their start, and that they work once started.

use serde_json::json;

use super::stage::{Function, Stage, event, record};

#[tokio::test]
async fn a_function_that_lacks_variables_names_each_of_them_and_does_not_start() {
    let stage = Stage::usual().await;
    let missing = [
        ("CXONE_BASE_URL", "http://api.example.com"),
        ("SECRET_ARN", ""),
        ("RATE_LIMIT", "many"),
        ("CLIENTS_TABLE", ""),
    ];
    for function in [Function::Inject, Function::Sync] {
        let output = stage.failed_start(function, &missing).await;
        assert!(missing.iter().all(|(name, _)| output.contains(name)), "{output}");
        assert!(output.contains("4 problem(s)"), "{output}");
    }
    let changed = [("LEDGER_TABLE", ""), ("COMPLIANCE_BOUNDARY", "near")];
    let output = stage.failed_start(Function::Inject, &changed).await;
    assert!(output.contains("LEDGER_TABLE") && output.contains("COMPLIANCE_BOUNDARY"), "{output}");
}

#[tokio::test]
async fn a_bad_routes_file_stops_the_start_with_every_problem_and_its_pointer() {
    let stage = Stage::usual().await;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("routes.json");
    let route = json!({
        "name": "bad", "match": {"type": "order"}, "channel": "voice",
        "targets": [{"queueId": "q", "skillIds": ["s"]}],
        "priority": {"default": 1000},
        "from": {"path": "$.["}, "to": {"value": "+15550201234"}
    });
    std::fs::write(&path, json!({"routes": [route]}).to_string()).unwrap();
    for function in [Function::Inject, Function::Sync] {
        let output = stage.failed_start(function, &[("ROUTES_PATH", path.to_str().unwrap())]).await;
        for pointer in ["/routes/0/targets/0", "/routes/0/priority/default", "/routes/0/from"] {
            assert!(output.contains(pointer), "{pointer} in {output}");
        }
    }
}

#[tokio::test]
async fn an_unreadable_secret_stops_the_start_and_is_not_quoted() {
    let stage = Stage::usual().await;
    stage.put_secret(r#"{"clients": "hunter2"}"#).await;
    for function in [Function::Inject, Function::Sync] {
        let output = stage.failed_start(function, &[]).await;
        assert!(output.contains("the secret is not") && !output.contains("hunter2"), "{output}");
        let output = stage.failed_start(function, &[("SECRET_ARN", "no-such-secret")]).await;
        assert!(output.contains("can't start"), "{output}");
    }
}

#[tokio::test]
async fn both_functions_work_as_processes() {
    let stage = Stage::usual().await;
    let sync = stage.process(Function::Sync, &[]).await;
    let summary = sync.invoke(json!({})).await.unwrap();
    assert_eq!(summary["attributes"], 5);
    let inject = stage.process(Function::Inject, &[]).await;
    let batch = json!({"Records": [record(event("order", "1").to_string())]});
    assert_eq!(inject.invoke(batch).await.unwrap(), json!({"batchItemFailures": []}));
    assert_eq!(stage.simulator.contacts().len(), 1);
    let failure = inject.invoke(json!({"neither": "nor"})).await.unwrap_err();
    assert_eq!(failure["errorType"], "InjectContacts", "{failure}");
}
