//! What the deployment promises, read off `template.yaml`.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

use std::collections::BTreeSet;

use contact_injection::adapters::settings;
use contact_injection::domain::outcome::QUEUE_RETENTION;
use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
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
        ("CxoneProfile", json!("guide")),
        ("CxoneBaseUrl", json!("")),
        ("CxoneIssuer", json!("https://cxone.niceincontact.com")),
        ("CxoneApiVersion", json!("v34.0")),
        ("RateLimit", json!(120)),
        ("RateWindowSeconds", json!(60)),
        ("MaximumConcurrency", json!(2)),
        ("UrgentConcurrency", json!("0")),
        ("MaxReceiveCount", json!(1000)),
        ("ComplianceBoundary", json!("outside")),
        ("SchemaSchedule", json!("rate(1 day)")),
        ("QueueHealthSchedule", json!("rate(1 minute)")),
        ("QueueHealthMaxAgeSeconds", json!(180)),
        ("AlarmTopicArn", json!("")),
        ("Architecture", json!("x86_64")),
        ("LogLevel", json!("INFO")),
        ("DeadLetterReaderArn", json!("")),
        ("UpstreamArns", json!("")),
        ("OutcomeBusArn", json!("")),
        ("Canary", json!("true")),
        ("KmsKeyArn", json!("")),
        ("SubnetIds", json!("")),
        ("SecurityGroupIds", json!("")),
        ("PermissionsBoundaryArn", json!("")),
        ("RestoredLedgerTable", json!("")),
        ("RestoredLedgerStreamArn", json!("")),
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
    assert_eq!(allowed("Canary"), json!(["true", "false"]));
}

#[test]
fn the_outputs_are_the_public_ones() {
    let expected = [
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
    ];
    let outputs = |urgent: &str| names(&template().deployed_with(&[("UrgentConcurrency", urgent)]).unwrap(), "Outputs");
    assert_eq!(outputs("0"), set(expected));
    assert_eq!(outputs("2"), &set(expected) | &set(["UrgentQueueUrl", "UrgentQueueArn"]));
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
    assert_eq!(source, QUEUE_RETENTION.as_secs(), "what comes near it is dead-lettered by the code");
}

#[test]
fn an_alarm_rings_at_half_of_the_retention_for_what_is_received_and_for_what_is_not() {
    let template = template();
    let half = |queue: &str| number(&template, queue, "MessageRetentionPeriod") / 2;
    for (alarm, queue) in [("MessageRetentionAlarm", "ContactQueue"), ("DeadLetterRetentionAlarm", "DeadLetterQueue")] {
        let queue = json!([{"Name": "QueueName", "Value": {"Fn::GetAtt": format!("{queue}.QueueName")}}]);
        assert_eq!(template.property(alarm, "Dimensions").unwrap(), &queue);
    }
    for (alarm, metric, threshold) in [
        ("MessageRetentionAlarm", "ApproximateAgeOfOldestMessage", half("ContactQueue")),
        ("EventRetentionAlarm", "MessageAgeMilliseconds", half("ContactQueue") * 1000),
        ("DeadLetterRetentionAlarm", "ApproximateAgeOfOldestMessage", half("DeadLetterQueue")),
    ] {
        assert_eq!(template.property(alarm, "MetricName").unwrap(), metric);
        assert_eq!(template.property(alarm, "Statistic").unwrap(), "Maximum");
        assert_eq!(template.property(alarm, "ComparisonOperator").unwrap(), "GreaterThanThreshold");
        assert_eq!(number(&template, alarm, "Threshold"), threshold, "{alarm}");
    }
}

#[test]
fn every_environment_gives_every_parameter_and_the_default_one_gives_the_defaults() {
    let template = template();
    let mut parameters = names(&template, "Parameters");
    // The one that the build has to know too.
    assert!(parameters.remove("Architecture"));
    for entry in std::fs::read_dir(workspace_root().join("environments")).unwrap() {
        let path = entry.unwrap().path();
        let file = Template::read_from(path.clone()).unwrap();
        let values = file.document().as_object().unwrap();
        assert_eq!(values.keys().cloned().collect::<BTreeSet<_>>(), parameters, "{}", path.display());
        if path.ends_with("default.yaml") {
            for (name, value) in values {
                assert_eq!(template.at(&format!("/Parameters/{name}/Default")).unwrap(), value, "{name}");
            }
        }
    }
}

#[test]
fn the_contact_queue_redrives_to_the_dead_letter_queue_which_takes_from_no_other() {
    let template = template().deployed_with(&[]).unwrap();
    let redrive = template.property("ContactQueue", "RedrivePolicy").unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], json!({"Fn::GetAtt": "DeadLetterQueue.Arn"}));
    assert_eq!(redrive["maxReceiveCount"], json!({"Ref": "MaxReceiveCount"}));
    let allow = template.property("DeadLetterQueue", "RedriveAllowPolicy").unwrap();
    assert_eq!(allow["redrivePermission"], "byQueue");
    // The ARN is written out, so it has to follow the queue's name.
    let name = &template.property("ContactQueue", "QueueName").unwrap()["Fn::Sub"];
    assert_eq!(allow["sourceQueueArns"].as_array().unwrap().len(), 1);
    let source = &allow["sourceQueueArns"][0]["Fn::Sub"];
    let (written, arn) = (name[0].as_str().unwrap(), source[0].as_str().unwrap());
    assert!(arn.ends_with(&format!(":{written}")), "{arn} is not {written}");
    assert_eq!(name[1], source[1]);
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
fn tables_have_their_keys() {
    let template = template();
    for (table, key) in [("LedgerTable", "idempotencyKey"), ("ClientsTable", "clientId"), ("RegistryTable", "name")] {
        let schema = json!([{"AttributeName": key, "KeyType": "HASH"}]);
        assert_eq!(template.property(table, "KeySchema").unwrap(), &schema, "{table}");
        assert_eq!(template.property(table, "BillingMode").unwrap(), "PAY_PER_REQUEST", "{table}");
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
        let of_a_value = |property: &String| !["Description", "KmsKeyId"].contains(&property.as_str());
        assert!(!properties.keys().any(of_a_value), "{name} has a value");
    }
}

#[test]
fn dead_letters_are_for_the_named_reader_alone() {
    let template = template();
    let policy = template.property("DeadLetterQueuePolicy", "PolicyDocument").unwrap();
    let condition = &policy["Statement"][1]["Fn::If"];
    assert_eq!((&condition[0], &condition[2]), (&json!("HasDeadLetterReader"), &json!({"Ref": "AWS::NoValue"})));
    let refused = condition[1]["Action"].as_array().unwrap();
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:StartMessageMoveTask"] {
        assert!(refused.contains(&json!(action)), "{action}");
    }
    let others = json!({"ArnNotEquals": {"aws:PrincipalArn": {"Ref": "DeadLetterReaderArn"}}});
    assert_eq!(condition[1]["Condition"], others);
}

#[test]
fn the_dashboard_is_about_this_stack_alone() {
    let template = template().deployed_with(&[("UrgentConcurrency", "2")]).unwrap();
    let body = template.property("Dashboard", "DashboardBody").unwrap()["Fn::Sub"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(body).unwrap();
    for widget in dashboard["widgets"].as_array().unwrap() {
        assert_eq!(widget["properties"]["region"], "${AWS::Region}", "{widget}");
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let stacked = metric[2] == "Stack" && metric[3] == "${AWS::StackName}";
            let searched =
                metric[0]["expression"].as_str().is_some_and(|text| text.contains("Stack=\"${AWS::StackName}\""));
            let theirs = metric[0].as_str().is_some_and(|namespace| namespace.starts_with("AWS/"));
            assert!(stacked || searched || theirs, "{metric}");
        }
    }
}

#[test]
fn a_new_version_is_tried_on_a_tenth_for_ten_minutes() {
    let template = template();
    assert_eq!(template.property("InjectFunction", "AutoPublishAlias").unwrap(), "live");
    assert_eq!(template.property("InjectFunction", "AutoPublishAliasAllProperties").unwrap(), true);
    let preference = template.property("InjectFunction", "DeploymentPreference").unwrap();
    assert_eq!(preference["Enabled"], json!({"Ref": "Canary"}));
    assert_eq!(preference["Type"], "Canary10Percent10Minutes");
}

#[test]
fn a_scheduled_run_that_is_given_up_leaves_a_message() {
    let template = template();
    let queue = json!({"Fn::GetAtt": "SyncDeadLetterQueue.Arn"});
    for (name, event) in template.property("SyncFunction", "Events").unwrap().as_object().unwrap() {
        assert_eq!(event["Properties"]["DeadLetterConfig"]["Arn"], queue, "{name}");
        assert_eq!(event["Properties"]["OmitName"], true, "{name} has the same name in every stack");
    }
    let invoke = template.property("SyncFunction", "EventInvokeConfig").unwrap();
    assert_eq!(invoke["DestinationConfig"]["OnFailure"], json!({"Type": "SQS", "Destination": queue}));
}

#[test]
fn the_duration_alarm_rings_before_the_timeout_and_after_what_a_backlog_takes() {
    let template = template();
    let timeout = template.at("/Globals/Function/Timeout").unwrap().as_u64().unwrap() * 1000;
    let threshold = number(&template, "InjectDurationAlarm", "Threshold");
    assert!(timeout - 8_000 < threshold && threshold < timeout, "{threshold}");
}

#[test]
fn the_dashboard_is_json() {
    for urgent in ["0", "2"] {
        let template = template().deployed_with(&[("UrgentConcurrency", urgent)]).unwrap();
        let body = &template.property("Dashboard", "DashboardBody").unwrap()["Fn::Sub"];
        let dashboard: Value = serde_json::from_str(body.as_str().unwrap()).unwrap();
        assert!(dashboard["widgets"].as_array().unwrap().len() > 3);
    }
}

#[test]
fn each_function_is_given_the_variables_that_its_code_reads() {
    let given = |function: &str, urgent: &str| -> BTreeSet<String> {
        let template = template().deployed_with(&[("UrgentConcurrency", urgent)]).unwrap();
        let shared = template.at("/Globals/Function/Environment/Variables").unwrap().as_object().unwrap();
        let own = template.property(function, "Environment").unwrap()["Variables"].as_object().unwrap();
        shared.keys().chain(own.keys()).cloned().collect()
    };
    let read =
        |own: &[&str]| settings::VARIABLES.iter().chain(own).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(given("InjectFunction", "0"), read(settings::INJECT_VARIABLES));
    let with_urgent = [settings::INJECT_VARIABLES, settings::URGENT_VARIABLES].concat();
    assert_eq!(given("InjectFunction", "2"), read(&with_urgent));
    for urgent in ["0", "2"] {
        assert_eq!(given("SyncFunction", urgent), read(&[]));
    }
}
