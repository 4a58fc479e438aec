//! What each command asks of AWS, held against the policies of `docs/iam`: it is granted, and nothing else is.
//!
//! The program runs through a proxy that records every call. A stack's queues have other names here than the template
//! gives them, so that they are looked at under those.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use axum::Router;
use axum::extract::Form;
use contact_injection::domain::claim::State;
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection_tests::host::{AwsRequests, Call};
use contact_injection_tests::iam::{Ask, Decision, Policy, decide};
use contact_injection_tests::local::REGION;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::sqs;
use super::stage::{Letter, Ran, Stage, emulator, ran};

const ACCOUNT: &str = "000000000000";
/// The last part of a stack's id.
const STACK_UUID: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-0000-4000-8000-000000000002";

/// A function that answers whatever it is asked.
const FUNCTION: &str = r#"
def handler(event, context):
    if "doctor" in event:
        return {"profile": "guide", "checks": [], "worst": "ok"}
    return {"results": []}
"#;

/// Both functions, a mapping, a registry and an urgent queue beside what every stage has.
async fn stage(stack: &str) -> Stage {
    let function = json!({ "Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/none",
        "Code": { "ZipFile": FUNCTION },
    }});
    let registry = json!({ "Type": "AWS::DynamoDB::Table", "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "name", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "name", "KeyType": "HASH" }],
    }});
    let mapping = json!({ "Type": "AWS::Lambda::EventSourceMapping", "Properties": {
        "FunctionName": { "Ref": "SyncFunction" }, "EventSourceArn": { "Fn::GetAtt": ["ContactQueue", "Arn"] },
        "Enabled": false,
    }});
    let urgent = json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": format!("{stack}-urgent") } });
    let resources = json!({
        "InjectFunction": function, "SyncFunction": function, "RegistryTable": registry, "Mapping": mapping,
        "UrgentQueue": urgent,
    });
    let reference = |name: &str| json!({ "Value": { "Ref": name } });
    let outputs = json!({
        "InjectFunctionName": reference("InjectFunction"), "SyncFunctionName": reference("SyncFunction"),
        "RegistryTableName": reference("RegistryTable"), "UrgentQueueUrl": reference("UrgentQueue"),
        "UrgentQueueArn": { "Value": { "Fn::GetAtt": ["UrgentQueue", "Arn"] } },
    });
    Stage::with(stack, &resources, &outputs).await
}

/// What fills a policy's placeholders in for a stage, as docs/iam/README.md says.
fn values(stage: &Stage) -> BTreeMap<String, String> {
    let last = |output: &str, separator| stage.output(output).rsplit(separator).next().unwrap().to_owned();
    let named = ["InjectFunctionName", "SyncFunctionName", "LedgerTableName", "RegistryTableName"];
    let values = named.map(|name| (name, stage.output(name).to_owned())).into_iter().chain([
        ("Partition", "aws".to_owned()),
        ("Region", REGION.to_owned()),
        ("Account", ACCOUNT.to_owned()),
        ("Stack", stage.stack.clone()),
        ("Names", stage.stack.chars().take(24).collect()),
        ("StackUuid", STACK_UUID.to_owned()),
        ("DeadLetterQueueName", last("DeadLetterQueueArn", ':')),
        ("KmsKeyArn", KEY.to_owned()),
    ]);
    values.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A call as IAM looks at it.
fn ask(stage: &Stage, call: Call) -> Ask {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
    let queue = |url: &str| match url {
        _ if url == stage.output("ContactQueueUrl") => arn("sqs", &format!("contact-injection-{STACK_UUID}")),
        _ if url == stage.output("UrgentQueueUrl") => arn("sqs", &format!("contact-injection-urgent-{STACK_UUID}")),
        // A task's handle names its queue, for nobody else to read.
        "" => stage.output("DeadLetterQueueArn").to_owned(),
        _ if url.starts_with("arn:") => url.to_owned(),
        _ => arn("sqs", url.rsplit('/').next().unwrap()),
    };
    let Call { action, resource } = call;
    let (service, name) = action.split_once(':').unwrap();
    let about = match (service, name) {
        ("sqs", _) => queue(&resource),
        ("dynamodb", _) => arn("dynamodb", &format!("table/{resource}")),
        ("cloudformation", _) => arn("cloudformation", &format!("stack/{resource}/*")),
        ("lambda", "ListEventSourceMappings") => "*".to_owned(),
        ("lambda", "UpdateEventSourceMapping") => arn("lambda", &format!("event-source-mapping:{resource}")),
        ("lambda", _) => arn("lambda", &format!("function:{resource}")),
        _ => resource,
    };
    let function = arn("lambda", &format!("function:{}:live", stage.output("InjectFunctionName")));
    let ask = Ask::new(&action, about);
    if name == "UpdateEventSourceMapping" { ask.with("lambda:FunctionArn", function) } else { ask }
}

/// A stage, and what was asked of AWS for it.
struct Recorder {
    stage: Stage,
    aws: AwsRequests,
    /// By servers of a script.
    scripted: Vec<AwsRequests>,
}

impl Recorder {
    async fn new(stack: &str) -> Self {
        let (stage, aws) = (stage(stack).await, AwsRequests::start(emulator().endpoint()).await.unwrap());
        Self { stage, aws, scripted: Vec::new() }
    }

    /// Runs a command, with other endpoints for some services.
    async fn run(&mut self, words: &[&str], elsewhere: &[(&str, String)]) -> Ran {
        let mut command = self.stage.command(words);
        command.env("AWS_ENDPOINT_URL", self.aws.endpoint());
        for (variable, endpoint) in elsewhere {
            let proxy = AwsRequests::start(endpoint).await.unwrap();
            command.env(variable, proxy.endpoint());
            self.scripted.push(proxy);
        }
        let ran = ran(command.stdin(Stdio::null()).output().await.unwrap());
        assert!(!ran.err.contains("failed: "), "{words:?}: {ran:?}");
        ran
    }

    fn asks(&self) -> BTreeSet<Ask> {
        let calls = [&self.aws].into_iter().chain(&self.scripted).flat_map(AwsRequests::calls);
        calls.map(|call| ask(&self.stage, call)).collect()
    }
}

/// Whether a policy grants all that is asked for, and nothing besides.
#[track_caller]
fn is_what_is_asked_for(file: &str, stage: &Stage, asks: &BTreeSet<Ask>) {
    let policy = Policy::read(file, &values(stage)).unwrap();
    let missing: Vec<_> = asks.iter().filter(|ask| !matches!(decide([&policy], ask), Decision::Allowed(_))).collect();
    assert!(missing.is_empty(), "{file} lacks {missing:#?}");
    let unused = policy.statements().iter().filter(|statement| !asks.iter().any(|ask| statement.covers(ask)));
    let unused: Vec<_> = unused.map(|statement| &statement.sid).collect();
    assert!(unused.is_empty(), "{file} grants what no command asks for: {unused:?}");
}

#[tokio::test]
async fn whoever_looks_may_look_and_nothing_else() {
    let mut recorder = Recorder::new("rights-read").await;
    let (key, parked) = (IdempotencyKey::of_event("/crm", "1"), IdempotencyKey::of_event("/crm", "2").to_string());
    recorder.stage.send(&[Letter::of("expired", "/crm", "1"), Letter::bare("/crm", "3")]).await;
    recorder.stage.record(key, "orders", |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (events, schema) = (path("events.json"), path("schema.json"));
    std::fs::write(&events, "[{}]").unwrap();
    for words in [
        &["status", "/crm", "1"][..],
        &["status", "--key", &parked],
        &["dry-run", &events],
        &["doctor"],
        &["doctor", "--probe-write"],
        &["dead-letters", "--route", "orders"],
        &["dead-letters", "--show", &key.to_string()],
        &["redrive", "--plan"],
        &["redrive", "--plan", "--reason", "expired"],
        &["check", "--save-schema", &schema],
    ] {
        recorder.run(words, &[]).await;
    }
    let mut asks = recorder.asks();
    recorder.run(&["versions"], &[]).await;
    asks.extend(recorder.asks());
    is_what_is_asked_for("operator-read.json", &recorder.stage, &asks);
}

#[tokio::test]
async fn whoever_redrives_may_do_it_letter_by_letter_and_by_a_task() {
    let mut recorder = Recorder::new("rights-redrive").await;
    let urgent = Letter::bare("/crm", "1").with("sourceQueue", recorder.stage.output("UrgentQueueArn"));
    // One that doesn't say where it came from: the ledger is asked.
    recorder.stage.send(&[urgent, Letter::bare("/crm", "2"), Letter::of("expired", "/crm", "3")]).await;
    recorder.run(&["redrive", "--reason", "expired", "--rate", "500"], &[]).await;
    recorder.run(&["redrive", "--rate", "500"], &[]).await;
    assert_eq!(recorder.stage.depth("DeadLetterQueueUrl").await, (0, 0));

    // Without an urgent queue SQS moves them, which the emulator can't.
    let without = Stage::new("rights-task").await;
    let status = std::sync::Arc::new(std::sync::Mutex::new(None));
    let script = std::sync::Arc::clone(&status);
    let server = sqs::start(move |action, request| {
        let mut status = script.lock().unwrap();
        let (next, answer) = match action {
            "ListMessageMoveTasks" => {
                let task =
                    status.map(|status| json!({ "TaskHandle": "handle", "Status": status, "StartedTimestamp": 1 }));
                (status.map(|_| "COMPLETED"), json!({ "Results": task.into_iter().collect::<Vec<Value>>() }))
            }
            "StartMessageMoveTask" => (Some("RUNNING"), json!({ "TaskHandle": "handle" })),
            "CancelMessageMoveTask" => (Some("CANCELLED"), json!({ "ApproximateNumberOfMessagesMoved": 0 })),
            other => panic!("{other}: {request}"),
        };
        *status = next;
        Ok(answer)
    });
    let server = server.await;
    let proxy = AwsRequests::start(&server).await.unwrap();
    let by_task = async |words: &[&str]| {
        let mut command = without.command(words);
        command.env("AWS_ENDPOINT_URL_SQS", proxy.endpoint());
        let ran = ran(command.output().await.unwrap());
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
    };
    by_task(&["redrive"]).await;
    *status.lock().unwrap() = Some("RUNNING");
    by_task(&["redrive", "--cancel"]).await;
    let letters = without.output("DeadLetterQueueArn");
    let same = |call: Call| match call.resource {
        resource if resource == letters => recorder.stage.output("DeadLetterQueueArn").to_owned(),
        resource => resource,
    };
    let calls = proxy.calls().into_iter().map(|call| Call { action: call.action.clone(), resource: same(call) });
    let mut asks: BTreeSet<_> = calls.map(|call| ask(&recorder.stage, call)).collect();
    assert_eq!(asks.len(), 3, "to start, to follow and to cancel a task: {asks:?}");
    asks.extend(recorder.asks());
    is_what_is_asked_for("operator-redrive.json", &recorder.stage, &asks);
    // A task works with the rights of whoever started it: SQS's guide on redrives, "required permissions".
    let policy = Policy::read("operator-redrive.json", &values(&recorder.stage)).unwrap();
    for (action, output) in [
        ("sqs:ReceiveMessage", "DeadLetterQueueUrl"),
        ("sqs:DeleteMessage", "DeadLetterQueueUrl"),
        ("sqs:GetQueueAttributes", "DeadLetterQueueUrl"),
        ("sqs:SendMessage", "ContactQueueUrl"),
    ] {
        let call = Call { action: action.into(), resource: recorder.stage.output(output).into() };
        let decision = decide([&policy], &ask(&recorder.stage, call));
        assert!(matches!(decision, Decision::Allowed(_)), "{action} on {output}");
    }
}

#[tokio::test]
async fn whoever_decides_about_an_event_reads_and_writes_its_record() {
    let mut recorder = Recorder::new("rights-resolve").await;
    let key = IdempotencyKey::of_event("/crm", "1");
    recorder.stage.record(key, "orders", |record| record.state = State::Parked).await;
    let resolved = recorder.run(&["resolve", &key.to_string(), "retry"], &[]).await;
    assert_eq!(resolved.code, Some(0), "{resolved:?}");
    is_what_is_asked_for("operator-resolve.json", &recorder.stage, &recorder.asks());
}

#[tokio::test]
async fn whoever_stops_receiving_may_start_it_again() {
    let mut recorder = Recorder::new("rights-pause").await;
    for words in [["resume"], ["pause"]] {
        assert_eq!(recorder.run(&words, &[]).await.code, Some(0));
    }
    is_what_is_asked_for("operator-pause.json", &recorder.stage, &recorder.asks());
}

#[tokio::test]
async fn whoever_takes_old_versions_out_may_delete_versions_alone() {
    let mut recorder = Recorder::new("rights-versions").await;
    let inject = recorder.stage.output("InjectFunctionName").to_owned();
    let config = contact_injection_tests::local::sdk_config(emulator().endpoint());
    let lambda = aws_sdk_lambda::Client::new(&config);
    for _ in 0..3 {
        lambda.publish_version().function_name(&inject).send().await.unwrap();
    }
    let alias = lambda.create_alias().function_name(&inject).name("live").function_version("3");
    alias.send().await.unwrap();
    let pruned = recorder.run(&["versions", "--prune", "1", "--json"], &[]).await;
    assert!(pruned.code == Some(0) && !pruned.json()["pruned"].as_array().unwrap().is_empty(), "{pruned:?}");
    let asks = recorder.asks();
    is_what_is_asked_for("operator-versions.json", &recorder.stage, &asks);
    let policy = Policy::read("operator-versions.json", &values(&recorder.stage)).unwrap();
    let whole = ask(&recorder.stage, Call { action: "lambda:DeleteFunction".into(), resource: inject });
    assert_eq!(decide([&policy], &whole), Decision::NotGranted, "the function with all its versions");
}

/// `CloudFormation` as far as `protect` needs it, which the emulator isn't.
async fn cloud_formation(ledger: String) -> String {
    let answer = move |Form(form): Form<BTreeMap<String, String>>| async move {
        let action = &form["Action"];
        let outputs = format!("<OutputKey>LedgerTableName</OutputKey><OutputValue>{ledger}</OutputValue>");
        let stack = format!("<StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member>{outputs}</member></Outputs>");
        let result = if action == "DescribeStacks" {
            format!("<Stacks><member>{stack}</member></Stacks>")
        } else {
            String::new()
        };
        format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

#[tokio::test]
async fn whoever_protects_a_stack_may_set_its_protections() {
    let mut recorder = Recorder::new("rights-protect").await;
    let ledger = recorder.stage.output("LedgerTableName").to_owned();
    let endpoint = cloud_formation(ledger).await;
    let protected = recorder.run(&["protect"], &[("AWS_ENDPOINT_URL_CLOUDFORMATION", endpoint)]).await;
    assert_eq!(protected.code, Some(0), "{protected:?}");
    let asks = recorder.asks();
    is_what_is_asked_for("operator-protect.json", &recorder.stage, &asks);
}

#[tokio::test]
async fn a_key_is_used_by_way_of_queues_and_tables_alone() {
    let stage = stage("rights-key").await;
    let by = |action: &str, service: &str| {
        let via = format!("{service}.{REGION}.amazonaws.com");
        Ask::new(action, KEY).with("kms:ViaService", via)
    };
    // SQS's guide, "key management": to receive is to decrypt, to send is both. DynamoDB's, "encryption at rest":
    // whoever reads or writes a table needs its key decrypted.
    let asks = [by("kms:Decrypt", "sqs"), by("kms:GenerateDataKey", "sqs"), by("kms:Decrypt", "dynamodb")];
    is_what_is_asked_for("operator-kms.json", &stage, &asks.into());
    let policy = Policy::read("operator-kms.json", &values(&stage)).unwrap();
    for ask in [by("kms:Decrypt", "secretsmanager"), Ask::new("kms:Decrypt", KEY)] {
        assert_eq!(decide([&policy], &ask), Decision::NotGranted, "{ask:?}");
    }
}
