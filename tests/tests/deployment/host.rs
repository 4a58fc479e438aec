//! The Lambda host with the real inject function: what it promises of deadlines, kills and acknowledgements.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use contact_injection::adapters::settings::URGENT_VARIABLES;
use contact_injection_tests::host::{
    Deployment, DeploymentConfig, Environment, EventSource, Function, FunctionConfig, Outcome, Package, message_event,
};
use contact_injection_tests::local::LocalError;
use contact_injection_tests::workspace_root;
use serde_json::json;

async fn deployed(terms: DeploymentConfig) -> Result<(Deployment, Package), LocalError> {
    let inject = Package::of(Path::new(env!("CARGO_BIN_EXE_inject-contacts-process")), &terms.routes)?;
    let sync = Package::of(Path::new(env!("CARGO_BIN_EXE_sync-registry-process")), &terms.routes)?;
    let deployment = Deployment::start(terms).await?;
    deployment.fill_registry(&sync).await?;
    Ok((deployment, inject))
}

/// A function that does this in Python.
fn program(what: &str) -> FunctionConfig {
    let next =
        "urllib.request.urlopen(f'http://{os.environ[\"AWS_LAMBDA_RUNTIME_API\"]}/2018-06-01/runtime/invocation/next')";
    let program = format!("import os, sys, time, urllib.request\nnext = lambda: {next}\n{what}");
    FunctionConfig {
        name: "program".to_owned(),
        command: workspace_root().join(".venv/bin/python"),
        arguments: vec!["-c".to_owned(), program],
        handler: String::new(),
        variables: BTreeMap::new(),
        task_root: workspace_root(),
        timeout: Duration::from_millis(200),
        memory_mib: 128,
    }
}

fn events(run: &str, count: usize) -> Vec<String> {
    let event = |number: usize| {
        json!({
            "specversion": "1.0", "type": "com.example.order.updated", "source": "/crm/acme",
            "id": format!("{run}-{number}"),
            "data": {"customer": {"phone": "+15550100100", "vip": true}, "order": {"total": 12.5, "ref": "R-1"}},
        })
        .to_string()
    };
    (0..count).map(event).collect()
}

#[tokio::test]
async fn an_environment_stays_warm_and_a_second_one_starts_only_where_none_is_idle() {
    let (deployment, package) = deployed(DeploymentConfig::default()).await.unwrap();
    let function = Function::new(deployment.inject(&package, true).unwrap());
    let cold = function.invoke(&message_event(&events("cold", 1))).await.unwrap();
    let warm = function.invoke(&message_event(&events("warm", 1))).await.unwrap();
    assert_eq!((cold.first, warm.first, function.environments().len()), (true, false, 1));
    assert_eq!(warm.answer(), Some(&json!({"batchItemFailures": []})), "{:?}", function.environments()[0].output());
    let two = [message_event(&events("left", 1)), message_event(&events("right", 1))];
    let (left, right) = tokio::join!(function.invoke(&two[0]), function.invoke(&two[1]));
    assert!(left.unwrap().answer().is_some() && right.unwrap().answer().is_some());
    assert_eq!(function.environments().len(), 2);
    assert_eq!(deployment.simulator.contacts().len(), 4);
    let counts = deployment.aws_requests.take();
    assert_eq!(counts.get("DynamoDB.PutItem"), Some(&8), "a claim and a settlement each: {counts:?}");
    assert!(function.environments().iter().all(|environment| environment.usage().peak_memory_kib > 1000));
}

#[tokio::test]
async fn an_environment_is_killed_at_its_deadline() {
    let environment = Environment::start(&program("next(); time.sleep(60)")).await.unwrap();
    let invocation = environment.invoke(&json!({})).await.unwrap();
    assert_eq!((invocation.outcome, environment.has_ended()), (Outcome::TimedOut, true));
    assert!(matches!(environment.invoke(&json!({})).await, Err(LocalError::Gone(_))));
}

#[tokio::test]
async fn an_environment_that_ends_before_it_is_ready_is_told_with_its_last_words() {
    let error = Environment::start(&program("sys.exit('no routes')")).await.unwrap_err();
    assert!(error.to_string().contains("no routes"), "{error}");
}

#[tokio::test]
async fn what_a_killed_environment_held_comes_back_and_is_injected_once() {
    let (deployment, package) = deployed(DeploymentConfig::default()).await.unwrap();
    deployment.send(&events("kill", 10)).await.unwrap();
    let function = Function::new(deployment.inject(&package, false).unwrap());
    let source = EventSource::new(deployment.endpoint(), &deployment.queues.contacts, &function);
    let mid_batch = async {
        deployment.simulator.until(|tenant| !tenant.contacts().is_empty()).await;
        function.kill_a_busy_one().await
    };
    let (was_killed, drained) = source.serve_until(mid_batch).await.unwrap();
    assert!(was_killed);
    assert!(drained.invocations.iter().any(|(invocation, _)| invocation.outcome == Outcome::Died));
    assert_eq!(drained.acknowledged, 0);
}

#[tokio::test]
async fn a_deployment_has_an_urgent_queue_where_it_is_asked_for_one() {
    let terms = DeploymentConfig { urgent_concurrency: 2, urgent_clients: 1, ..DeploymentConfig::default() };
    let (deployment, package) = deployed(terms).await.unwrap();
    let urgent = deployment.queues.urgent.clone().unwrap();
    let function = deployment.inject(&package, false).unwrap();
    let expected = [&urgent.url, &urgent.arn, "2"];
    assert_eq!(URGENT_VARIABLES.iter().map(|name| function.variables[*name].as_str()).collect::<Vec<_>>(), expected);
    deployment.send_to(&urgent.url, &events("urgent", 3)).await.unwrap();
    let function = Function::new(function);
    let source = EventSource::new(deployment.endpoint(), &urgent.url, &function);
    let drained = source.drain(Duration::from_secs(30)).await.unwrap();
    assert_eq!((drained.acknowledged, deployment.simulator.contacts().len()), (3, 3));
}
