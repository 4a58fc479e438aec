//! The samples for senders: each event ends in the one queue that is meant for it, and never in both or neither.
//!
//! They are deployed to the emulator and send real events there. Of SNS it lacks that `exists` holds for an attribute
//! that is missing, and of EventBridge the message group of a standard queue: both are read off the samples instead.
#![expect(clippy::unwrap_used, reason = "a sample that does not work fails its test")]

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use contact_injection_tests::local::{
    Deploy, MessageQueue, Ministack, Outputs, Queues, REGION, create_lanes, python, sdk_config,
};
use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Who sends in the samples.
const SOURCE: &str = "com.example.crm";
const URGENT: &str = "urgent";
const CONTACTS: &str = "contacts";
/// Long past any wait of these tests.
const HIDDEN_SECONDS: i32 = 600;

fn sample(name: &str) -> Template {
    Template::read_from(workspace_root().join("docs/senders").join(name)).unwrap()
}

async fn lanes() -> (Ministack, Queues) {
    let emulator = Ministack::start().unwrap();
    let queues = create_lanes(emulator.endpoint(), "senders", 2).await.unwrap();
    (emulator, queues)
}

/// Deploys a sample to the queues.
async fn deploy(emulator: &Ministack, queues: &Queues, name: &str, more: &[String]) -> Outputs {
    let folder = TempDir::new().unwrap();
    let template = folder.path().join(name);
    std::fs::copy(workspace_root().join("docs/senders").join(name), &template).unwrap();
    let urgent = queues.urgent.as_ref().unwrap();
    let contacts = urgent.arn.replace("-urgent", "-contacts");
    let given = [format!("UrgentQueueArn={}", urgent.arn), format!("ContactQueueArn={contacts}")];
    let parameters = [&given, more].concat();
    Deploy { template, stack: "sender", region: REGION, parameters }.to(emulator).await.unwrap()
}

/// By an event's id: for each of its messages the queue that it arrived in, and its group.
type Arrived = BTreeMap<String, Vec<(&'static str, Option<String>)>>;

async fn arrived(emulator: &Ministack, queues: &Queues) -> Arrived {
    let sqs = aws_sdk_sqs::Client::new(&sdk_config(emulator.endpoint()));
    let mut arrived = Arrived::new();
    for (name, url) in [(URGENT, &queues.urgent.as_ref().unwrap().url), (CONTACTS, &queues.contacts)] {
        for message in MessageQueue::new(&sqs, url).receive_all(1, HIDDEN_SECONDS).await.unwrap() {
            let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
            // What SNS wraps, and what the sender made up for EventBridge.
            let event = body["Message"].as_str().map_or(body.clone(), |event| serde_json::from_str(event).unwrap());
            let id = event["detail"]["number"].as_str().or(event["id"].as_str()).unwrap().to_owned();
            let group = message.attributes().unwrap().get(&MessageSystemAttributeName::MessageGroupId).cloned();
            arrived.entry(id).or_default().push((name, group));
        }
    }
    arrived
}

fn queues_of(arrived: &Arrived) -> Vec<(&str, Vec<&str>)> {
    arrived.iter().map(|(id, ends)| (id.as_str(), ends.iter().map(|(queue, _)| *queue).collect())).collect()
}

/// The urgency of an event, by its number; nothing where it has none.
fn urgencies() -> [(&'static str, Option<Value>); 5] {
    [
        ("1", Some(json!("high"))),
        ("2", Some(json!("low"))),
        ("3", None),
        ("4", Some(json!("HIGH"))),
        ("5", Some(Value::Null)),
    ]
}

fn only_the_first_is_urgent() -> Vec<(&'static str, Vec<&'static str>)> {
    [("1", URGENT), ("2", CONTACTS), ("3", CONTACTS), ("4", CONTACTS), ("5", CONTACTS)]
        .map(|(id, queue)| (id, vec![queue]))
        .to_vec()
}

#[tokio::test]
async fn each_event_of_a_bus_reaches_one_queue_by_its_urgency() {
    let (emulator, queues) = lanes().await;
    let entries: Vec<_> = urgencies()
        .into_iter()
        .map(|(number, urgency)| {
            let mut detail = json!({ "number": number });
            if let Some(urgency) = urgency {
                detail["urgency"] = urgency;
            }
            json!({"Source": SOURCE, "DetailType": "Order Failed", "Detail": detail.to_string()})
        })
        .chain([json!({"Source": "com.example.other", "DetailType": "Order Failed", "Detail": "{\"number\": \"6\"}"})])
        .collect();
    let put = "import boto3, json, sys; print(boto3.client('events').put_events(Entries=json.loads(sys.argv[1])))";
    let put = ["-c", put, &json!(entries).to_string()];

    let outputs = deploy(&emulator, &queues, "eventbridge.yaml", &[]).await;
    python(&emulator, &put).await.unwrap();
    assert!(arrived(&emulator, &queues).await.is_empty(), "nothing is sent before the rules may send");
    let rules: Vec<_> = outputs.get("UpstreamArns").unwrap().split(',').collect();
    assert_eq!(rules.len(), 2);
    assert!(rules.iter().all(|rule| rule.starts_with("arn:aws:events:") && rule.contains(":rule/")), "{rules:?}");

    deploy(&emulator, &queues, "eventbridge.yaml", &["State=ENABLED".to_owned()]).await;
    python(&emulator, &put).await.unwrap();
    assert_eq!(queues_of(&arrived(&emulator, &queues).await), only_the_first_is_urgent());
}

#[tokio::test]
async fn each_message_of_a_topic_reaches_one_queue_by_its_urgency_and_keeps_its_group() {
    let (emulator, queues) = lanes().await;
    let create = "import boto3; print(boto3.client('sns').create_topic(Name='orders')['TopicArn'])";
    let topic = python(&emulator, &["-c", create]).await.unwrap().trim().to_owned();
    deploy(&emulator, &queues, "sns.yaml", &[format!("TopicArn={topic}")]).await;
    let publish = "\
import boto3, json, sys
topic, events = sys.argv[1], json.loads(sys.argv[2])
for id, urgency in events.items():
    boto3.client('sns').publish(
        TopicArn=topic, Message=json.dumps({'id': id}), MessageGroupId='crm-emea',
        MessageAttributes={'urgency': {'DataType': 'String', 'StringValue': urgency}})";
    let events = json!({"1": "high", "2": "low", "4": "HIGH"}).to_string();
    python(&emulator, &["-c", publish, &topic, &events]).await.unwrap();
    let arrived = arrived(&emulator, &queues).await;
    let mut expected = only_the_first_is_urgent();
    expected.retain(|(id, _)| events.contains(id));
    assert_eq!(queues_of(&arrived), expected);
    assert!(arrived.values().flatten().all(|(_, group)| group.as_deref() == Some("crm-emea")), "{arrived:?}");
}

/// Whether a filter's list for one name takes a value, or its absence, as SNS and EventBridge document `exists` and
/// `anything-but`.
fn takes(list: &Value, value: Option<&str>) -> bool {
    list.as_array().unwrap().iter().any(|wanted| match (wanted, value) {
        (Value::String(wanted), value) => Some(wanted.as_str()) == value,
        (Value::Object(wanted), None) => wanted.get("exists") == Some(&json!(false)),
        (Value::Object(wanted), Some(value)) => {
            wanted.get("exists") == Some(&json!(true))
                || wanted.get("anything-but").is_some_and(|not| !not.as_array().unwrap().contains(&json!(value)))
        }
        _ => false,
    })
}

#[test]
fn of_two_filters_just_one_takes_a_message_whether_it_has_an_urgency_or_not() {
    let (sns, eventbridge) = (sample("sns.yaml"), sample("eventbridge.yaml"));
    let subscription = |name: &str| sns.property(name, "FilterPolicy").unwrap()["urgency"].clone();
    let rule = |name: &str| eventbridge.property(name, "EventPattern").unwrap()["detail"]["urgency"].clone();
    for [urgent, rest] in
        [["UrgentSubscription", "ContactSubscription"].map(subscription), ["UrgentRule", "ContactRule"].map(rule)]
    {
        for (value, expected) in [(Some("high"), true), (Some("low"), false), (Some(""), false), (None, false)] {
            assert_eq!((takes(&urgent, value), takes(&rest, value)), (expected, !expected), "{value:?}");
        }
    }
}

#[test]
fn both_rules_send_in_the_name_of_their_source_and_keep_what_they_could_not_send() {
    let template = sample("eventbridge.yaml");
    for (rule, queue) in [("UrgentRule", "UrgentQueueArn"), ("ContactRule", "ContactQueueArn")] {
        let [target] = template.property(rule, "Targets").unwrap().as_array().unwrap().as_slice() else {
            unreachable!("{rule} has one target")
        };
        assert_eq!(target["Arn"], json!({"Ref": queue}), "{rule}");
        assert_eq!(target["SqsParameters"], json!({"MessageGroupId": {"Ref": "EventSource"}}), "{rule}");
        assert_eq!(target["DeadLetterConfig"], json!({"Arn": {"Fn::GetAtt": "UndeliveredQueue.Arn"}}), "{rule}");
    }
    let sns = sample("sns.yaml");
    for subscription in ["UrgentSubscription", "ContactSubscription"] {
        let kept = sns.property(subscription, "RedrivePolicy").unwrap();
        assert_eq!(kept, &json!({"deadLetterTargetArn": {"Fn::GetAtt": "UndeliveredQueue.Arn"}}), "{subscription}");
    }
}

#[tokio::test]
async fn the_plain_sender_chooses_the_queue_and_names_the_group() {
    let (emulator, queues) = lanes().await;
    let folder = TempDir::new().unwrap();
    for (id, urgency) in urgencies() {
        let mut event = json!({"specversion": "1.0", "id": id, "source": "/crm", "type": "order.failed", "data": {}});
        if let Some(urgency) = urgency {
            event["data"]["urgency"] = urgency;
        }
        let file = folder.path().join(format!("{id}.json"));
        std::fs::write(&file, event.to_string()).unwrap();
        send(&emulator, &queues, &file).await;
    }
    let arrived = arrived(&emulator, &queues).await;
    assert_eq!(queues_of(&arrived), only_the_first_is_urgent());
    assert!(arrived.values().flatten().all(|(_, group)| group.as_deref() == Some("crm-emea")), "{arrived:?}");
}

async fn send(emulator: &Ministack, queues: &Queues, event: &Path) {
    let program = workspace_root().join("docs/senders/send.py");
    let [program, event] = [&program, event].map(|path| path.to_str().unwrap());
    let urgent = &queues.urgent.as_ref().unwrap().url;
    let words = [program, "--contact-queue", &queues.contacts, "--urgent-queue", urgent, "--group", "crm-emea", event];
    python(emulator, &words).await.unwrap();
}
