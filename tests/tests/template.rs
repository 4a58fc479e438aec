//! What the deployment promises, read off `template.yaml`.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

use std::collections::BTreeSet;

use contact_injection::adapters::settings;
use contact_injection_tests::template::Template;
use serde_json::{Value, json};

/// SQS asks for at least six function timeouts.
const VISIBILITY_PER_TIMEOUT: u64 = 6;

fn template() -> Template {
    Template::read().unwrap()
}

fn names(template: &Template, section: &str) -> BTreeSet<String> {
    template.at(&format!("/{section}")).unwrap().as_object().unwrap().keys().cloned().collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn number(template: &Template, resource: &str, property: &str) -> u64 {
    template.property(resource, property).unwrap().as_u64().unwrap()
}

#[test]
fn the_parameters_and_their_defaults_are_the_public_ones() {
    let expected = [
        ("CxoneBaseUrl", json!("https://api.nicecxone.com")),
        ("RateLimit", json!(120)),
        ("RateWindowSeconds", json!(60)),
        ("MaximumConcurrency", json!(2)),
        ("MaxReceiveCount", json!(1000)),
        ("ComplianceBoundary", json!("outside")),
        ("SchemaSchedule", json!("rate(1 day)")),
        ("QueueHealthSchedule", json!("rate(1 minute)")),
        ("AlarmTopicArn", json!("")),
        ("Architecture", json!("x86_64")),
        ("LogLevel", json!("INFO")),
    ];
    let template = template();
    for (name, default) in &expected {
        assert_eq!(template.at(&format!("/Parameters/{name}/Default")).unwrap(), default, "{name}");
        assert!(template.at(&format!("/Parameters/{name}/Description")).is_ok(), "{name} has no description");
    }
    assert_eq!(names(&template, "Parameters"), expected.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn parameters_of_a_few_words_allow_no_others() {
    let template = template();
    let allowed = |name: &str| template.at(&format!("/Parameters/{name}/AllowedValues")).unwrap().clone();
    assert_eq!(allowed("ComplianceBoundary"), json!(["outside", "inside"]));
    assert_eq!(allowed("Architecture"), json!(["x86_64", "arm64"]));
    assert_eq!(allowed("LogLevel"), json!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]));
}

#[test]
fn the_outputs_are_the_public_ones() {
    let expected = set([
        "ContactQueueUrl",
        "ContactQueueArn",
        "DeadLetterQueueUrl",
        "DeadLetterQueueArn",
        "InjectFunctionName",
        "SyncFunctionName",
        "InjectSecretArn",
        "SyncSecretArn",
        "LedgerTableName",
        "ClientsTableName",
        "RegistryTableName",
        "DashboardUrl",
    ]);
    assert_eq!(names(&template(), "Outputs"), expected);
}

#[test]
fn a_message_stays_hidden_for_six_function_timeouts() {
    let template = template();
    let timeout = template.at("/Globals/Function/Timeout").unwrap().as_u64().unwrap();
    assert!(number(&template, "ContactQueue", "VisibilityTimeout") >= VISIBILITY_PER_TIMEOUT * timeout);
    for function in ["InjectFunction", "SyncFunction"] {
        assert!(template.property(function, "Timeout").is_err(), "{function} has a timeout of its own");
    }
}

#[test]
fn a_dead_letter_outlives_every_message_of_the_contact_queue() {
    let template = template();
    let source = number(&template, "ContactQueue", "MessageRetentionPeriod");
    let dead_letters = number(&template, "DeadLetterQueue", "MessageRetentionPeriod");
    assert_eq!(dead_letters, 1_209_600);
    assert!(source < dead_letters);
}

#[test]
fn the_contact_queue_redrives_to_the_dead_letter_queue_which_takes_from_no_other() {
    let template = template();
    let redrive = template.property("ContactQueue", "RedrivePolicy").unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], json!({"Fn::GetAtt": "DeadLetterQueue.Arn"}));
    assert_eq!(redrive["maxReceiveCount"], json!({"Ref": "MaxReceiveCount"}));
    let allow = template.property("DeadLetterQueue", "RedriveAllowPolicy").unwrap();
    assert_eq!(allow["redrivePermission"], "byQueue");
    // The ARN is written out, so it has to follow the queue's name.
    let name = template.property("ContactQueue", "QueueName").unwrap()["Fn::Sub"].as_str().unwrap();
    let source = allow["sourceQueueArns"][0]["Fn::Sub"].as_str().unwrap();
    assert!(source.ends_with(&format!(":{name}")), "{source} is not {name}");
}

#[test]
fn both_queues_are_encrypted_and_refuse_plain_http() {
    let template = template();
    for queue in ["ContactQueue", "DeadLetterQueue"] {
        assert_eq!(template.property(queue, "SqsManagedSseEnabled").unwrap(), true, "{queue}");
        let refused = template.resources_of("AWS::SQS::QueuePolicy").any(|(_, policy)| {
            let statement = &policy["Properties"]["PolicyDocument"]["Statement"][0];
            policy["Properties"]["Queues"] == json!([{ "Ref": queue }])
                && statement["Effect"] == "Deny"
                && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        });
        assert!(refused, "{queue} takes plain HTTP");
    }
}

#[test]
fn the_inject_function_takes_batches_of_ten_and_reports_each_failure() {
    let template = template();
    let source = template.property("InjectFunction", "Events").unwrap()["Contacts"]["Properties"].clone();
    assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(source["BatchSize"], 10);
    assert_eq!(source["ScalingConfig"]["MaximumConcurrency"], json!({"Ref": "MaximumConcurrency"}));
}

#[test]
fn tables_have_their_keys_and_outlive_the_stack() {
    let template = template();
    for (table, key) in [("LedgerTable", "idempotencyKey"), ("ClientsTable", "clientId"), ("RegistryTable", "name")] {
        let schema = json!([{"AttributeName": key, "KeyType": "HASH"}]);
        assert_eq!(template.property(table, "KeySchema").unwrap(), &schema, "{table}");
        assert_eq!(template.property(table, "BillingMode").unwrap(), "PAY_PER_REQUEST", "{table}");
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(template.at(&format!("/Resources/{table}/{policy}")).unwrap(), "Retain", "{table}");
        }
    }
    let time_to_live = template.property("LedgerTable", "TimeToLiveSpecification").unwrap();
    assert_eq!(time_to_live, &json!({"AttributeName": "expiresAt", "Enabled": true}));
}

#[test]
fn the_schedules_carry_the_tasks_and_follow_the_parameters() {
    let template = template();
    let events = template.property("SyncFunction", "Events").unwrap();
    for (event, parameter, task) in [
        ("AttributeSchema", "SchemaSchedule", "attribute-schema"),
        ("QueueHealth", "QueueHealthSchedule", "queue-health"),
    ] {
        let properties = &events[event]["Properties"];
        assert_eq!(properties["ScheduleExpression"], json!({ "Ref": parameter }));
        let input: Value = serde_json::from_str(properties["Input"].as_str().unwrap()).unwrap();
        assert_eq!(input, json!({ "task": task }));
    }
}

#[test]
fn secrets_are_deployed_empty() {
    let template = template();
    let secrets: Vec<_> = template.resources_of("AWS::SecretsManager::Secret").collect();
    assert_eq!(secrets.len(), 2);
    for (name, secret) in secrets {
        let properties = secret["Properties"].as_object().unwrap();
        assert!(properties.keys().all(|property| property == "Description"), "{name} has a value");
    }
}

#[test]
fn every_alarm_notifies_the_topic_where_there_is_one() {
    let template = template();
    let actions = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
    let mut alarms = 0;
    for (name, alarm) in template.resources_of("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["Properties"]["AlarmActions"], actions, "{name}");
        assert!(alarm["Properties"]["AlarmDescription"].is_string(), "{name} says nothing");
        alarms += 1;
    }
    assert!(alarms > 0);
}

#[test]
fn grants_name_their_actions_and_their_resource() {
    let template = template();
    for (role, resource) in template.resources_of("AWS::IAM::Role") {
        assert!(resource["Properties"].get("ManagedPolicyArns").is_none(), "{role} has a managed policy");
        for statement in resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap() {
            let actions = match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            };
            assert!(actions.iter().all(|action| !action.as_str().unwrap().contains('*')), "{role}: {statement}");
            // X-Ray has no resources to name.
            let traces = actions.iter().all(|action| action.as_str().unwrap().starts_with("xray:"));
            assert!(traces || statement["Resource"] != "*", "{role}: {statement}");
        }
    }
}

#[test]
fn the_dashboard_is_json() {
    let template = template();
    let body = template.property("Dashboard", "DashboardBody").unwrap()["Fn::Sub"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(body).unwrap();
    assert!(dashboard["widgets"].as_array().unwrap().len() > 3);
}

#[test]
fn each_function_is_given_the_variables_that_its_code_reads() {
    let template = template();
    let given = |function: &str| -> BTreeSet<String> {
        let shared = template.at("/Globals/Function/Environment/Variables").unwrap().as_object().unwrap();
        let own = template.property(function, "Environment").unwrap()["Variables"].as_object().unwrap();
        shared.keys().chain(own.keys()).cloned().collect()
    };
    let read = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(given("InjectFunction"), read(settings::inject_variables()));
    assert_eq!(given("SyncFunction"), read(settings::sync_variables()));
}
