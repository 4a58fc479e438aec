//! The template on the emulator, deployed as the tools deploy it to AWS, where a stack may be anything that a user
//! makes of it.
#![expect(clippy::unwrap_used, reason = "a deployment that fails fails its test")]

use std::collections::BTreeSet;
use std::path::Path;

use contact_injection::error::chain;
use contact_injection_tests::local::{Deploy, Ministack, Outputs};
use contact_injection_tests::workspace_root;
use serde_json::Value;
use tempfile::TempDir;

/// The longest that a stack's name may be.
const LONGEST_STACK_NAME: usize = 128;
/// The longest that a queue's name may be.
const LONGEST_QUEUE_NAME: usize = 80;
const REGION: &str = "eu-west-1";

/// The templates with functions that are there and do nothing: what is deployed is the same, and needs no build.
fn package() -> TempDir {
    let folder = TempDir::new().unwrap();
    for template in ["template.yaml", "outcomes.yaml"] {
        std::fs::copy(workspace_root().join(template), folder.path().join(template)).unwrap();
    }
    std::fs::write(folder.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
    folder
}

fn deploy<'a>(folder: &Path, name: &'a str, parameters: &[&str]) -> Deploy<'a> {
    let parameters = parameters.iter().map(|parameter| (*parameter).to_owned()).collect();
    Deploy { template: folder.join("template.yaml"), stack: name, region: REGION, parameters }
}

fn values(outputs: &Outputs) -> BTreeSet<&str> {
    outputs.iter().map(|(_, value)| value).collect()
}

#[tokio::test]
async fn two_stacks_of_the_longest_names_deploy_side_by_side_and_share_nothing() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let names = ["a", "b"].map(|last| format!("{}{last}", "s".repeat(LONGEST_STACK_NAME - 1)));
    let mut deployed = Vec::new();
    for name in &names {
        // No alarm topic, no dead-letter reader: the defaults.
        deployed.push(deploy(folder.path(), name, &[]).to(&emulator).await.unwrap());
    }
    let [first, second] = [&deployed[0], &deployed[1]].map(values);
    assert_eq!((first.len(), second.len()), (12, 12));
    assert!(first.is_disjoint(&second), "{:?}", first.intersection(&second).collect::<Vec<_>>());
    for outputs in &deployed {
        for queue in ["ContactQueueUrl", "DeadLetterQueueUrl"] {
            let name = outputs.get(queue).unwrap().rsplit('/').next().unwrap();
            assert!(name.len() <= LONGEST_QUEUE_NAME, "{queue}: {name}");
        }
        assert!(outputs.get("DashboardUrl").unwrap().starts_with(&format!("https://{REGION}.console.")));
        assert!(outputs.get("ContactQueueArn").unwrap().contains(REGION));
    }
}

#[tokio::test]
async fn every_parameter_can_be_given_and_one_that_is_misspelt_is_refused_by_its_name() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let given = [
        "CxoneProfile=cxone",
        "CxoneBaseUrl=https://api-eu1.example.com",
        "CxoneIssuer=https://cxone-gov.niceincontact.com",
        "CxoneApiVersion=v35.0",
        "RateLimit=240",
        "RateWindowSeconds=30",
        "MaximumConcurrency=8",
        "UrgentConcurrency=4",
        "MaxReceiveCount=50",
        "ComplianceBoundary=inside",
        "QueueHealthMaxAgeSeconds=1800",
        "AlarmTopicArn=arn:aws:sns:eu-west-1:000000000000:on-call",
        "DeadLetterReaderArn=arn:aws:iam::000000000000:role/on-call",
        "UpstreamArns=arn:aws:sns:eu-west-1:000000000000:orders,arn:aws:events:eu-west-1:000000000000:rule/tickets",
        "OutcomeBusArn=arn:aws:events:eu-west-1:000000000000:event-bus/outcomes",
        "Architecture=arm64",
        "LogLevel=DEBUG",
        "KmsKeyArn=arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-4333-8444-555555555555",
        "SubnetIds=subnet-00000000000000001,subnet-00000000000000002",
        "SecurityGroupIds=sg-00000000000000001",
        "PermissionsBoundaryArn=arn:aws:iam::000000000000:policy/bounds",
        "RestoredLedgerTable=ledger-restored",
        "RestoredLedgerStreamArn=arn:aws:dynamodb:eu-west-1:000000000000:table/ledger-restored/stream/2026-11-29T00:00:00.000",
    ];
    let outputs = deploy(folder.path(), "all-given", &given).to(&emulator).await.unwrap();
    assert_eq!(outputs.get("LedgerTableName").unwrap(), "ledger-restored");
    // What was given can be taken back.
    let none = format!("file://{}", workspace_root().join("environments/default.yaml").display());
    let outputs = deploy(folder.path(), "all-given", &[&none]).to(&emulator).await.unwrap();
    assert_ne!(outputs.get("LedgerTableName").unwrap(), "ledger-restored");
    for (parameter, name) in [("LogLevel=LOUD", "LogLevel"), ("ComplianceBoundary=beside", "ComplianceBoundary")] {
        let refused = deploy(folder.path(), "misspelt", &[parameter]).to(&emulator).await.unwrap_err();
        assert!(chain(&refused).contains(name), "{}", chain(&refused));
    }
}

/// What a service of an emulator answers at a path.
async fn asked(emulator: &Ministack, service: &str, path: &str) -> Value {
    // What tells the emulator which of its services is asked. It checks no signature.
    let scope = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}{path}", emulator.endpoint())).header("authorization", scope);
    let text = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn one_deployment_with_a_bus_makes_the_pipe_too_and_one_without_takes_it_away() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let bus = "arn:aws:events:eu-west-1:000000000000:event-bus/outcomes";
    let with_bus = format!("OutcomeBusArn={bus}");
    let without = format!("file://{}", workspace_root().join("environments/default.yaml").display());
    let steps = [(vec![], 0), (vec![with_bus.as_str()], 1), (vec![without.as_str()], 0)];
    for (parameters, count) in steps {
        let outputs = deploy(folder.path(), "told", &parameters).to(&emulator).await.unwrap();
        let answer = asked(&emulator, "pipes", "/v1/pipes").await;
        let pipes = answer["Pipes"].as_array().unwrap();
        assert_eq!(pipes.len(), count, "{parameters:?}: {pipes:?}");
        for pipe in pipes {
            assert_eq!(pipe["Target"], bus);
            let stream = format!("table/{}/stream/", outputs.get("LedgerTableName").unwrap());
            assert!(pipe["Source"].as_str().unwrap().contains(&stream), "{pipe}");
            assert!(pipe["Name"].as_str().unwrap().starts_with("told-Outcomes-"), "in a stack of its own: {pipe}");
        }
    }
}

/// The mappings of an emulator from the queue that this output names.
async fn mappings(emulator: &Ministack, outputs: &Outputs, queue_arn: &'static str) -> Vec<Value> {
    let Ok(arn) = outputs.get(queue_arn) else { return Vec::new() };
    let answer = asked(emulator, "lambda", "/2015-03-31/event-source-mappings/").await;
    let mappings = answer["EventSourceMappings"].as_array().unwrap();
    assert_eq!(mappings.len(), if outputs.get("UrgentQueueArn").is_ok() { 2 } else { 1 }, "{mappings:?}");
    mappings.iter().filter(|mapping| mapping["EventSourceArn"] == arn).cloned().collect()
}

#[tokio::test]
async fn an_urgent_concurrency_makes_a_second_mapping_on_the_same_version_of_the_same_function() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let outputs = deploy(folder.path(), "lanes", &["UrgentConcurrency=2"]).to(&emulator).await.unwrap();
    let [contacts] = &mappings(&emulator, &outputs, "ContactQueueArn").await[..] else { unreachable!("one mapping") };
    let [urgent] = &mappings(&emulator, &outputs, "UrgentQueueArn").await[..] else { unreachable!("one mapping") };
    assert!(urgent["FunctionArn"].as_str().unwrap().ends_with(":live"), "{urgent}");
    assert_eq!(urgent["ScalingConfig"]["MaximumConcurrency"], "2", "a text, which CloudFormation reads as a number");
    for same in ["FunctionArn", "BatchSize", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds"] {
        assert_eq!(urgent[same], contacts[same], "{same}");
    }
    let name = outputs.get("InjectFunctionName").unwrap();
    let function = asked(&emulator, "lambda", &format!("/2015-03-31/functions/{name}/configuration")).await;
    let told = &function["Environment"]["Variables"];
    assert_eq!(told["URGENT_QUEUE_URL"], outputs.get("UrgentQueueUrl").unwrap());
    assert_eq!(told["URGENT_QUEUE_ARN"], outputs.get("UrgentQueueArn").unwrap());
    assert_eq!(told["URGENT_CONCURRENCY"], "2");
}

#[tokio::test]
async fn one_deployment_with_an_urgent_concurrency_makes_the_lane_and_one_without_takes_it_away() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let without = format!("file://{}", workspace_root().join("environments/default.yaml").display());
    // Of an update no more can be told: the emulator makes the function anew, without its aliases.
    let steps = [(vec![], 12, 0), (vec!["UrgentConcurrency=2"], 14, 1), (vec![without.as_str()], 12, 0)];
    for (parameters, count, urgent) in steps {
        let outputs = deploy(folder.path(), "lanes", &parameters).to(&emulator).await.unwrap();
        assert_eq!(values(&outputs).len(), count, "{outputs:?}");
        assert_eq!(mappings(&emulator, &outputs, "ContactQueueArn").await.len(), 1, "{parameters:?}");
        assert_eq!(mappings(&emulator, &outputs, "UrgentQueueArn").await.len(), urgent, "{parameters:?}");
        let name = outputs.get("InjectFunctionName").unwrap();
        let function = asked(&emulator, "lambda", &format!("/2015-03-31/functions/{name}/configuration")).await;
        let told = function["Environment"]["Variables"].as_object().unwrap();
        assert_eq!(told.keys().filter(|name| name.starts_with("URGENT")).count(), 3 * urgent, "{told:?}");
    }
}

#[tokio::test]
async fn every_environments_file_is_one_that_a_deployment_takes() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    for environment in ["default", "staging", "production"] {
        let file = workspace_root().join(format!("environments/{environment}.yaml"));
        let parameters = format!("file://{}", file.display());
        deploy(folder.path(), environment, &[&parameters, "Architecture=arm64"]).to(&emulator).await.unwrap();
    }
}
