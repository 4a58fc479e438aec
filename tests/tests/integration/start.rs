//! The functions as processes: what stops their start, and that they work once started.

use serde_json::json;

use super::stage::{Function, Scene, Stage, event, record};

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
    // Twice, so that it was no better before its last change.
    for _ in 0..2 {
        stage.put_secret(r#"{"clients": "hunter2"}"#).await;
    }
    for function in [Function::Inject, Function::Sync] {
        let output = stage.failed_start(function, &[]).await;
        assert!(output.contains("it is not {") && !output.contains("hunter2"), "{output}");
        let output = stage.failed_start(function, &[("SECRET_ARN", "no-such-secret")]).await;
        assert!(output.contains("can't start"), "{output}");
    }
}

#[tokio::test]
async fn an_urgent_lane_without_a_client_of_its_own_is_told_at_the_start() {
    const WORDS: &str = "no OAuth client is kept for urgent messages";
    for (urgent, told) in [(0, true), (1, false)] {
        let stage = Scene::with_clients(3).with_urgent_lane(urgent).start().await;
        let process = stage.process(Function::Inject, &[]).await;
        assert_eq!(process.output().contains(WORDS), told, "{}", process.output());
    }
    let stage = Scene::with_clients(3).start().await;
    let process = stage.process(Function::Inject, &[]).await;
    process.invoke(json!({"Records": [record(event("order", "1").to_string())]})).await.unwrap();
    let output = process.output();
    assert!(!output.contains("urgent") && !output.contains("Lane"), "{output}");
    let half = [("URGENT_QUEUE_URL", "https://sqs.example.com/urgent"), ("URGENT_CONCURRENCY", "1")];
    let output = stage.failed_start(Function::Inject, &half).await;
    assert!(output.contains("URGENT_QUEUE_ARN") && output.contains("URGENT_CONCURRENCY is '1'"), "{output}");
}

#[tokio::test]
async fn what_is_counted_and_how_old_it_was_is_told_by_lane() {
    let stage = Scene::with_clients(3).with_urgent_lane(1).start().await;
    let process = stage.process(Function::Inject, &[]).await;
    let mut urgent = record(event("order", "1").to_string());
    urgent["eventSourceARN"] = json!(stage.urgent().arn);
    for record in [urgent, record(event("order", "2").to_string())] {
        process.invoke(json!({ "Records": [record] })).await.unwrap();
    }
    let output = process.output();
    let documents = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let by_lane = |lane: &str| documents.clone().filter(|line| line["Lane"] == lane).collect::<Vec<_>>();
    for lane in ["urgent", "standard"] {
        let [document] = &by_lane(lane)[..] else { panic!("{output}") };
        assert_eq!(document["ContactsInjected"], 1.0);
        assert!(document["EventAgeMilliseconds"].is_number() && document["RateLimitCurrent"].is_null(), "{document}");
    }
}

#[tokio::test]
async fn a_published_version_tells_its_outcomes_by_itself_too() {
    let stage = Stage::usual().await;
    for (version, told) in [("$LATEST", 0), ("42", 1)] {
        let process = stage.process(Function::Inject, &[("AWS_LAMBDA_FUNCTION_VERSION", version)]).await;
        let batch = json!({"Records": [record(event("order", version).to_string())]});
        process.invoke(batch).await.unwrap();
        let output = process.output();
        let documents = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let of_version: Vec<_> = documents.filter(|line| line["Version"] == version).collect();
        assert_eq!(of_version.len(), told, "{output}");
        assert!(of_version.iter().all(|line| line["ContactsInjected"] == 1.0 && line["ContactsDeadLettered"] == 0.0));
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
