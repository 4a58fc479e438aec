//! What every resource of a type keeps to, in `template.yaml` and in `outcomes.yaml`, the stack that it includes.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

use std::collections::BTreeSet;

use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};

/// Every resource of a type, by its name in whichever of the two templates, with all that there can be.
fn resources_of(kind: &str) -> Vec<(String, Value)> {
    let given = [
        ("UrgentConcurrency", "2"),
        ("UpstreamArns", "arn:aws:sns:eu-west-1:000000000000:orders"),
        ("DeadLetterReaderArn", "arn:aws:iam::000000000000:role/on-call"),
        ("AlarmTopicArn", "arn:aws:sns:eu-west-1:000000000000:on-call"),
    ];
    let outcomes = Template::read_outcomes().unwrap().deployed_with(&given[3..]).unwrap();
    of(&[Template::read().unwrap().deployed_with(&given).unwrap(), outcomes], kind)
}

fn of(templates: &[Template; 2], kind: &str) -> Vec<(String, Value)> {
    let found = templates.iter().flat_map(|template| template.resources_of(kind));
    found.map(|(name, resource)| (name.to_owned(), resource.clone())).collect()
}

/// The metrics of an alarm: its only one, or those of its expression.
fn metrics_of(alarm: &Value) -> Vec<&Value> {
    match alarm["Metrics"].as_array() {
        Some(queries) => queries.iter().filter_map(|query| query["MetricStat"].get("Metric")).collect(),
        None => vec![alarm],
    }
}

#[test]
fn the_runbook_has_a_row_for_every_alarm_and_counts_them() {
    let runbook = std::fs::read_to_string(workspace_root().join("docs/runbook.md")).unwrap();
    let rows: Vec<_> = runbook.lines().filter(|line| line.starts_with("| `")).collect();
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    for (alarm, _) in &alarms {
        let named = format!("`{alarm}`");
        assert!(rows.iter().any(|row| row.split(" | ").next().unwrap().contains(&named)), "{alarm}");
    }
    assert!(runbook.contains(&format!("{} alarms", alarms.len())), "{} alarms", alarms.len());
    let metrics: usize = alarms.iter().map(|(_, alarm)| metrics_of(&alarm["Properties"]).len()).sum();
    assert!(runbook.contains(&format!("{metrics} metrics")), "{metrics} metrics");
}

#[test]
fn every_queue_is_encrypted_and_refuses_plain_http() {
    let (queues, policies) = (resources_of("AWS::SQS::Queue"), resources_of("AWS::SQS::QueuePolicy"));
    assert_eq!(queues.len(), 5);
    for (queue, resource) in queues {
        assert_eq!(resource["Properties"]["SqsManagedSseEnabled"], true, "{queue}");
        let refused = policies.iter().any(|(_, policy)| {
            let statement = &policy["Properties"]["PolicyDocument"]["Statement"][0];
            policy["Properties"]["Queues"] == json!([{ "Ref": queue }])
                && statement["Effect"] == "Deny"
                && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        });
        assert!(refused, "{queue} takes plain HTTP");
    }
}

#[test]
fn queue_policies_allow_nothing_but_the_named_upstreams_to_send() {
    let mut allowed = 0;
    for (name, policy) in resources_of("AWS::SQS::QueuePolicy") {
        for statement in policy["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap() {
            if statement["Effect"] == "Deny" {
                continue;
            }
            allowed += 1;
            assert_eq!(statement["Action"], "sqs:SendMessage", "{name}");
            let services = json!({"Service": ["sns.amazonaws.com", "events.amazonaws.com"]});
            let named = |operator: &str, key: &str| json!({operator: {key: {"Ref": "UpstreamArns"}}});
            let expected = match statement["Sid"].as_str().unwrap() {
                "UpstreamTopicsAndRules" => (services, named("StringLike", "aws:SourceArn")),
                "UpstreamAccounts" => (json!({"AWS": "*"}), named("StringEquals", "aws:PrincipalAccount")),
                _ => (json!({"AWS": "*"}), named("StringEquals", "aws:PrincipalArn")),
            };
            assert_eq!((&statement["Principal"], &statement["Condition"]), (&expected.0, &expected.1), "{name}");
        }
    }
    assert_eq!(allowed, 6, "three kinds on the contact queue, three on the urgent one");
}

#[test]
fn every_alarm_tells_the_topic_where_there_is_one_when_it_rings_and_when_it_is_over() {
    let actions = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
    let alarms = of(&[Template::read().unwrap(), Template::read_outcomes().unwrap()], "AWS::CloudWatch::Alarm");
    assert!(!alarms.is_empty());
    for (name, alarm) in alarms {
        for told in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm["Properties"][told], actions, "{name}: {told}");
        }
        assert!(alarm["Properties"]["AlarmDescription"].is_string(), "{name} says nothing");
    }
    let there_is_one = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]});
    for template in [Template::read(), Template::read_outcomes()] {
        assert_eq!(template.unwrap().at("/Conditions/HasAlarmTopic").unwrap(), &there_is_one);
    }
}

#[test]
fn every_alarm_is_about_its_own_stack_alone() {
    let own = json!({"Name": "Stack", "Value": {"Ref": "AWS::StackName"}});
    for (name, alarm) in resources_of("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        for metric in metrics_of(properties) {
            assert!(!metric["Dimensions"].as_array().unwrap().is_empty(), "{name}");
            let ours = metric["Namespace"].as_str().unwrap().starts_with("ContactInjection");
            assert_eq!(metric["Dimensions"][0] == own, ours, "{name}");
        }
        assert!(properties.get("AlarmName").is_none(), "{name} would collide with another stack's");
    }
}

#[test]
fn each_grant_is_one_action_on_one_resource_for_one_need() {
    let roles = resources_of("AWS::IAM::Role");
    assert_eq!(roles.len(), 6, "of two functions, their schedules, CodeDeploy with its trial, and the pipe");
    for (role, resource) in roles {
        let managed = resource["Properties"]["ManagedPolicyArns"].as_array();
        assert!(managed.is_none_or(Vec::is_empty), "{role} has a managed policy: {managed:?}");
        let mut needs = BTreeSet::new();
        for statement in resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap() {
            let action = statement["Action"].as_str().unwrap_or_else(|| panic!("{role}: {statement}"));
            assert!(!action.contains('*'), "{role}: {statement}");
            assert!(statement["Resource"] != "*" && !statement["Resource"].is_array(), "{role}: {statement}");
            assert!(needs.insert(statement["Sid"].as_str().unwrap()), "{role}: {statement}");
        }
    }
}
