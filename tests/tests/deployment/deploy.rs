//! The template on the emulator, deployed as the tools deploy it to AWS, where a stack may be anything that a user
//! makes of it.
#![expect(clippy::unwrap_used, reason = "a deployment that fails fails its test")]

use std::collections::BTreeSet;
use std::path::Path;

use contact_injection::error::chain;
use contact_injection_tests::local::{Deploy, Ministack, Outputs, loopback_http};
use contact_injection_tests::workspace_root;
use serde_json::Value;
use tempfile::TempDir;

/// The longest that a stack's name may be.
const LONGEST_STACK_NAME: usize = 128;
/// The longest that a queue's name may be.
const LONGEST_QUEUE_NAME: usize = 80;
const REGION: &str = "eu-west-1";
const BUS: &str = "arn:aws:events:eu-west-1:000000000000:event-bus/outcomes";
const LEDGER_STREAM: &str =
    "arn:aws:dynamodb:eu-west-1:000000000000:table/ledger-restored/stream/2026-11-29T00:00:00.000";

/// The templates with functions that are there and do nothing: what is deployed is the same, and needs no build.
pub(crate) fn package() -> TempDir {
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

/// What a service of an emulator answers at a path.
async fn asked(emulator: &Ministack, service: &str, path: &str) -> Value {
    // What tells the emulator which of its services is asked. It checks no signature.
    let scope = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
    let client = loopback_http().build().unwrap();
    let request = client.get(format!("{}{path}", emulator.endpoint())).header("authorization", scope);
    let text = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
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

/// What none of these tests' stacks has before it is given, and none after it was taken back.
async fn assert_parts(emulator: &Ministack, outputs: &Outputs, there: bool) {
    let count = usize::from(there);
    assert_eq!(values(outputs).len(), if there { 14 } else { 12 }, "{outputs:?}");
    assert_eq!(outputs.get("LedgerTableName").unwrap() == "ledger-restored", there);
    let answer = asked(emulator, "pipes", "/v1/pipes").await;
    let pipes = answer["Pipes"].as_array().unwrap();
    assert_eq!(pipes.len(), count, "{pipes:?}");
    for pipe in pipes {
        assert_eq!(pipe["Target"], BUS);
        assert_eq!(pipe["Source"], LEDGER_STREAM);
        assert!(pipe["Name"].as_str().unwrap().starts_with("given-Outcomes-"), "in a stack of its own: {pipe}");
    }
    // Of an update no more can be told of the lane: the emulator makes the function anew, without its aliases.
    assert_eq!(mappings(emulator, outputs, "ContactQueueArn").await.len(), 1);
    assert_eq!(mappings(emulator, outputs, "UrgentQueueArn").await.len(), count);
    let name = outputs.get("InjectFunctionName").unwrap();
    let function = asked(emulator, "lambda", &format!("/2015-03-31/functions/{name}/configuration")).await;
    let told = function["Environment"]["Variables"].as_object().unwrap();
    assert_eq!(told.keys().filter(|name| name.starts_with("URGENT")).count(), 3 * count, "{told:?}");
}

#[tokio::test]
async fn every_parameter_can_be_given_and_what_it_makes_goes_when_it_is_taken_back() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    let (bus, stream) = (format!("OutcomeBusArn={BUS}"), format!("RestoredLedgerStreamArn={LEDGER_STREAM}"));
    let given = [
        &bus,
        &stream,
        "RestoredLedgerTable=ledger-restored",
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
        "Architecture=arm64",
        "LogLevel=DEBUG",
        "KmsKeyArn=arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-4333-8444-555555555555",
        "SubnetIds=subnet-00000000000000001,subnet-00000000000000002",
        "SecurityGroupIds=sg-00000000000000001",
        "PermissionsBoundaryArn=arn:aws:iam::000000000000:policy/bounds",
    ];
    let without = format!("file://{}", workspace_root().join("environments/default.yaml").display());
    for (parameters, there) in [(&[][..], false), (&given[..], true), (&[without.as_str()], false)] {
        let outputs = deploy(folder.path(), "given", parameters).to(&emulator).await.unwrap();
        assert_parts(&emulator, &outputs, there).await;
    }
}

#[tokio::test]
async fn a_value_that_no_parameter_may_have_is_refused_by_the_parameters_name() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    for (parameter, name) in [("LogLevel=LOUD", "LogLevel"), ("ComplianceBoundary=beside", "ComplianceBoundary")] {
        let refused = deploy(folder.path(), "misspelt", &[parameter]).to(&emulator).await.unwrap_err();
        assert!(chain(&refused).contains(name), "{}", chain(&refused));
    }
}

#[tokio::test]
async fn every_environments_file_is_one_that_a_deployment_takes() {
    let (folder, emulator) = (package(), Ministack::start().unwrap());
    // The default one is what another test here goes back to.
    for environment in ["staging", "production"] {
        let file = workspace_root().join(format!("environments/{environment}.yaml"));
        let parameters = format!("file://{}", file.display());
        deploy(folder.path(), environment, &[&parameters, "Architecture=arm64"]).to(&emulator).await.unwrap();
    }
}
