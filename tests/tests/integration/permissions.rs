//! What the functions ask of AWS, and what their roles allow: the same, to the last call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contact_injection_tests::host::AwsRequests;
use contact_injection_tests::local::{create_secret, secret_text};
use contact_injection_tests::template::Template;
use cxone_simulator::{Effect, Endpoint, Fault};
use serde_json::{Value, json};

use super::stage::{Function, Scene, Stage, emulator, event, key_of, record};

/// An action, and the logical id of what it is about.
type Grant = (String, String);

/// What a role allows for what Lambda does with it: polling, logs and failed runs. No code of ours asks for
/// these.
const BY_LAMBDA: [(&str, &str); 11] = [
    ("sqs:ReceiveMessage", "ContactQueue"),
    ("sqs:DeleteMessage", "ContactQueue"),
    ("sqs:GetQueueAttributes", "ContactQueue"),
    ("sqs:ReceiveMessage", "UrgentQueue"),
    ("sqs:DeleteMessage", "UrgentQueue"),
    ("sqs:GetQueueAttributes", "UrgentQueue"),
    ("sqs:SendMessage", "SyncDeadLetterQueue"),
    ("logs:CreateLogStream", "InjectLogGroup"),
    ("logs:PutLogEvents", "InjectLogGroup"),
    ("logs:CreateLogStream", "SyncLogGroup"),
    ("logs:PutLogEvents", "SyncLogGroup"),
];

/// The one resource of the roles that isn't the stack's own: whatever secrets are named like one of the stack.
const FURTHER_SECRETS: &str = "FurtherSecrets";

/// How long another worker holds a client.
const HELD: Duration = Duration::from_secs(3);

/// What a role of the template allows the function's code, with this `UrgentConcurrency`.
fn granted(role: &str, urgent: &str) -> BTreeSet<Grant> {
    let template = Template::read().unwrap().deployed_with(&[("UrgentConcurrency", urgent)]).unwrap();
    let policies = template.property(role, "Policies").unwrap().clone();
    let statements = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let grants = statements.iter().map(|statement| {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let resource = match &statement["Resource"] {
            Value::String(every) => every.as_str(),
            reference if reference.get("Fn::Sub").is_some() => FURTHER_SECRETS,
            reference => reference["Fn::GetAtt"].as_str().or(reference["Ref"].as_str()).unwrap(),
        };
        (statement["Action"].as_str().unwrap().to_owned(), resource.trim_end_matches(".Arn").to_owned())
    });
    let by_lambda = |(action, resource): &Grant| BY_LAMBDA.contains(&(action.as_str(), resource.as_str()));
    grants.filter(|grant| !by_lambda(grant)).collect()
}

/// What was asked through this proxy, by the logical ids of the template.
fn asked(aws: &AwsRequests, stage: &Stage, sync_secret: &str) -> BTreeSet<Grant> {
    let names = BTreeMap::from([
        (stage.tables.ledger.as_str(), "LedgerTable"),
        (stage.tables.clients.as_str(), "ClientsTable"),
        (stage.tables.registry.as_str(), "RegistryTable"),
        (stage.queues.contacts.as_str(), "ContactQueue"),
        (stage.queues.dead_letters.as_str(), "DeadLetterQueue"),
        (stage.secret.as_str(), "InjectSecret"),
        (sync_secret, "SyncSecret"),
        ("stack/inject/2", FURTHER_SECRETS),
    ]);
    let logical = |name: &str| names.get(name).map_or_else(|| name.to_owned(), |id| (*id).to_owned());
    aws.calls().into_iter().map(|call| (call.action, logical(&call.resource))).collect()
}

#[tokio::test]
async fn each_role_allows_what_its_function_asks_for_and_nothing_else() {
    let stage = Scene::with_clients(2).start().await;
    let clients = stage.clients();
    let (inject_clients, sync_clients) = clients.split_at(1);
    let mut inject_secret: Value = serde_json::from_str(&secret_text(inject_clients)).unwrap();
    inject_secret["further_secrets"] = json!(["stack/inject/2"]);
    stage.put_secret(&inject_secret.to_string()).await;
    let name = uuid::Uuid::new_v4().to_string();
    let sync_secret = create_secret(emulator().endpoint(), &name, sync_clients).await.unwrap();

    // Without a registry, so that the function asks CXone and keeps the answer.
    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    let inject = stage.process(Function::Inject, &[("AWS_ENDPOINT_URL", &aws.endpoint())]).await;
    let one = |kind: &str, id: &str| record(event(kind, id).to_string());
    // Whoever finds its client held looks at what is free.
    stage.hold(&inject_clients[0].client_id, HELD).await;
    let batches: [(Option<Effect>, Vec<Value>); 5] = [
        (None, vec![one("single", "injected"), record("no event"), one("held", "deferred"), one("no.such.route", "u")]),
        (None, vec![one("single", "injected")]),
        (Some(Effect::status(409)), vec![one("pair", "saturated")]),
        (Some(Effect::RevokeTokens), vec![one("pair", "revoked")]),
        (Some(Effect::Lost { status: cxone_simulator::ContactStatus::Failed }), vec![one("pair", "lost")]),
    ];
    for (effect, batch) in batches {
        stage.simulator.clear_faults();
        if let Some(effect) = effect {
            stage.simulator.add_fault(Fault::once(Endpoint::Contacts, effect));
        }
        inject.invoke(json!({ "Records": batch })).await.unwrap();
    }
    inject.invoke(json!({"dryRun": {"events": [event("single", "dry")]}})).await.unwrap();
    let key = key_of("injected");
    inject.invoke(json!({"trial": {}})).await.unwrap();
    inject.invoke(json!({"status": {"events": [{"key": key}]}})).await.unwrap();
    inject.invoke(json!({"resolve": {"key": key, "as": "retry"}})).await.unwrap();
    assert_eq!(asked(&aws, &stage, &sync_secret), granted("InjectRole", "0"));

    let aws = AwsRequests::start(emulator().endpoint()).await.unwrap();
    let changed = [("AWS_ENDPOINT_URL", aws.endpoint()), ("SECRET_ARN", sync_secret.clone())];
    let sync = stage.process(Function::Sync, &changed.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    stage.hold(&sync_clients[0].client_id, HELD).await;
    sync.invoke(json!({})).await.unwrap();
    assert_eq!(asked(&aws, &stage, &sync_secret), granted("SyncRole", "0"));
}

#[test]
fn an_urgent_queue_lets_the_code_defer_its_messages_and_nothing_else() {
    let more = |role: &str| &granted(role, "2") - &granted(role, "0");
    let defer = ("sqs:ChangeMessageVisibility".to_owned(), "UrgentQueue".to_owned());
    assert_eq!(more("InjectRole"), BTreeSet::from([defer]));
    assert_eq!(more("SyncRole"), BTreeSet::new());
}
