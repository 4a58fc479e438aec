//! The urgent lane as the template has it: nothing of it without a concurrency, and with one a twin of the contact
//! queue beside it.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

use std::collections::BTreeSet;

use contact_injection::adapters::settings::URGENT_VARIABLES;
use contact_injection_tests::template::Template;
use serde_json::{Map, Value, json};

const LANE: [(&str, &str); 2] = [("UrgentConcurrency", "2"), ("UpstreamArns", "arn:aws:sns:eu-west-1:1:orders")];

fn template() -> Template {
    Template::read().unwrap()
}

fn without() -> Template {
    template().deployed_with(&[]).unwrap()
}

fn with() -> Template {
    template().deployed_with(&LANE).unwrap()
}

fn section<'a>(template: &'a Template, name: &str) -> &'a Map<String, Value> {
    template.at(&format!("/{name}")).unwrap().as_object().unwrap()
}

/// What stands at these names of one and not of the other.
fn added(name: &str) -> BTreeSet<String> {
    let (with, without) = (with(), without());
    let (with, without) = (section(&with, name), section(&without, name));
    with.keys().filter(|key| !without.contains_key(*key)).cloned().collect()
}

/// Whether `more` is `less` with members and items added, and nothing changed or taken away.
fn extends(more: &Value, less: &Value) -> bool {
    match (more, less) {
        (Value::Object(more), Value::Object(less)) => {
            less.iter().all(|(name, less)| more.get(name).is_some_and(|more| extends(more, less)))
        }
        (Value::Array(more), Value::Array(less)) => {
            let mut more = more.iter();
            less.iter().all(|less| more.any(|more| extends(more, less)))
        }
        (more, less) => more == less,
    }
}

fn dashboard(template: &Template) -> Value {
    serde_json::from_str(template.property("Dashboard", "DashboardBody").unwrap()["Fn::Sub"].as_str().unwrap()).unwrap()
}

fn statements(template: &Template, resource: &str) -> Vec<Value> {
    let document = match template.property(resource, "PolicyDocument") {
        Ok(document) => document,
        Err(_) => &template.property(resource, "Policies").unwrap()[0]["PolicyDocument"],
    };
    document["Statement"].as_array().unwrap().clone()
}

/// The same words about the other queue.
fn about_urgent(value: &Value) -> Value {
    let text = value
        .to_string()
        .replace("ContactQueue", "UrgentQueue")
        .replace("contact-injection-", "contact-injection-urgent-");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn nothing_of_the_lane_exists_without_a_concurrency() {
    let without = without();
    for name in ["Resources", "Outputs", "Globals"] {
        let text = without.at(&format!("/{name}")).unwrap().to_string();
        assert!(!text.to_lowercase().contains("urgent") && !text.contains("Lane"), "{name} has something of it");
    }
    let there_is_one = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "UrgentConcurrency"}, "0"]}]});
    assert_eq!(template().at("/Conditions/HasUrgentQueue").unwrap(), &there_is_one);
}

#[test]
fn the_lane_only_adds_to_what_is_there() {
    let (with, without) = (with(), template().deployed_with(&LANE[1..]).unwrap());
    for (name, resource) in section(&without, "Resources") {
        if name == "Dashboard" {
            assert!(extends(&dashboard(&with), &dashboard(&without)));
        } else {
            assert!(extends(&section(&with, "Resources")[name], resource), "{name}");
        }
    }
    assert!(extends(with.at("/Outputs").unwrap(), without.at("/Outputs").unwrap()));
    let resources = [
        "UrgentQueue",
        "UrgentQueuePolicy",
        "UrgentContacts",
        "UrgentEventAgeAlarm",
        "UrgentUnreceivedAlarm",
        "UrgentInFlightAlarm",
        "UrgentMessageRetentionAlarm",
    ];
    assert_eq!(added("Resources"), resources.map(str::to_owned).into());
    assert_eq!(added("Outputs"), ["UrgentQueueArn", "UrgentQueueUrl"].map(str::to_owned).into());
}

#[test]
fn one_worker_is_refused_as_lambda_would_and_so_is_what_is_no_number() {
    let template = template();
    let pattern = template.at("/Parameters/UrgentConcurrency/AllowedPattern").unwrap().as_str().unwrap();
    let pattern = regex_lite::Regex::new(pattern).unwrap();
    let taken = (0..=1100).filter(|number| pattern.is_match(&number.to_string())).collect::<Vec<_>>();
    assert_eq!(taken, [0].into_iter().chain(2..=1000).collect::<Vec<_>>());
    for text in ["", "02", "2.5", "-2", " 2", "10000"] {
        assert!(!pattern.is_match(text), "'{text}'");
    }
}

#[test]
fn the_urgent_queue_is_the_contact_queues_twin() {
    let template = with();
    let properties = |queue: &str| template.at(&format!("/Resources/{queue}/Properties")).unwrap().clone();
    assert_eq!(properties("UrgentQueue"), about_urgent(&properties("ContactQueue")));
    let policy = statements(&template, "UrgentQueuePolicy");
    assert_eq!(policy, statements(&template, "ContactQueuePolicy").iter().map(about_urgent).collect::<Vec<_>>());
    assert_eq!(policy.len(), 4, "plain HTTP is refused, three kinds of upstreams may send");
    assert_eq!(template.property("UrgentQueuePolicy", "Queues").unwrap(), &json!([{"Ref": "UrgentQueue"}]));
}

#[test]
fn the_dead_letter_queue_takes_from_both_lanes_and_from_no_other() {
    let sources = |template: &Template| {
        let allow = template.property("DeadLetterQueue", "RedriveAllowPolicy").unwrap();
        assert_eq!(allow["redrivePermission"], "byQueue");
        allow["sourceQueueArns"].as_array().unwrap().clone()
    };
    let (with, without) = (with(), without());
    assert_eq!(sources(&without).len(), 1);
    assert_eq!(sources(&with), [sources(&without)[0].clone(), about_urgent(&sources(&without)[0])]);
    // The ARN is written out, so it has to follow the queue's name.
    let name = &with.property("UrgentQueue", "QueueName").unwrap()["Fn::Sub"];
    let source = &sources(&with)[1]["Fn::Sub"];
    assert!(source[0].as_str().unwrap().ends_with(&format!(":{}", name[0].as_str().unwrap())), "{source} {name}");
    assert_eq!(name[1], source[1]);
}

#[test]
fn the_urgent_queue_has_a_mapping_of_its_own_on_the_live_version_of_the_same_function() {
    let template = with();
    let mapping = template.at("/Resources/UrgentContacts").unwrap();
    let property = |name: &str| &mapping["Properties"][name];
    assert_eq!(property("FunctionName"), &json!({"Ref": "InjectFunction.Alias"}));
    assert_eq!(property("EventSourceArn"), &json!({"Fn::GetAtt": "UrgentQueue.Arn"}));
    assert_eq!(property("ScalingConfig"), &json!({"MaximumConcurrency": {"Ref": "UrgentConcurrency"}}));
    let twin = &template.property("InjectFunction", "Events").unwrap()["Contacts"]["Properties"];
    for name in ["BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"] {
        assert_eq!(property(name), &twin[name], "{name}");
    }
}

#[test]
fn the_mapping_comes_after_the_grants_by_way_of_the_function() {
    let template = with();
    // The statements are the role's own, so that the role isn't there without them.
    assert_eq!(template.property("InjectFunction", "Role").unwrap(), &json!({"Fn::GetAtt": "InjectRole.Arn"}));
    let granted = |queue: &str| -> BTreeSet<String> {
        let resource = json!({"Fn::GetAtt": format!("{queue}.Arn")});
        let statements = statements(&template, "InjectRole");
        let about = statements.iter().filter(|statement| statement["Resource"] == resource);
        about.map(|statement| statement["Action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(granted("UrgentQueue"), granted("ContactQueue"));
    assert_eq!(granted("UrgentQueue").len(), 4);
}

#[test]
fn the_inject_function_alone_is_told_of_the_urgent_queue() {
    let variables = |template: &Template, function: &str| {
        template.property(function, "Environment").unwrap()["Variables"].as_object().unwrap().clone()
    };
    let (with, without) = (with(), without());
    assert_eq!(variables(&with, "SyncFunction"), variables(&without, "SyncFunction"));
    let mut told = variables(&with, "InjectFunction");
    told.retain(|name, _| !variables(&without, "InjectFunction").contains_key(name));
    assert_eq!(told.keys().map(String::as_str).collect::<BTreeSet<_>>(), URGENT_VARIABLES.iter().copied().collect());
    let expected = json!({
        "URGENT_QUEUE_URL": {"Ref": "UrgentQueue"},
        "URGENT_QUEUE_ARN": {"Fn::GetAtt": "UrgentQueue.Arn"},
        "URGENT_CONCURRENCY": {"Ref": "UrgentConcurrency"},
    });
    assert_eq!(Value::Object(told), expected);
}

#[test]
fn an_alarm_rings_where_urgent_events_are_later_than_promised() {
    let template = with();
    let property = |name: &str| template.property("UrgentEventAgeAlarm", name).unwrap();
    let lane = json!([{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}, {"Name": "Lane", "Value": "urgent"}]);
    assert_eq!(property("Dimensions"), &lane);
    assert_eq!(property("MetricName"), "MessageAgeMilliseconds", "a redriven event is of long ago");
    assert_eq!((property("ExtendedStatistic"), property("Threshold")), (&json!("p99"), &json!(5000)));
    assert_eq!(property("ComparisonOperator"), "GreaterThanThreshold");
    let [periods, breaching] = ["EvaluationPeriods", "DatapointsToAlarm"].map(|name| property(name).as_u64().unwrap());
    assert!(1 < breaching && breaching < periods, "one late event of few is no failing lane");
}

#[test]
fn alarms_on_the_urgent_queue_are_the_contact_queues_twins_but_for_how_soon_they_ring() {
    let template = with();
    let properties = |alarm: &str| {
        let mut properties = template.at(&format!("/Resources/{alarm}/Properties")).unwrap().clone();
        properties.as_object_mut().unwrap().remove("AlarmDescription");
        properties
    };
    for alarm in ["InFlightAlarm", "MessageRetentionAlarm"] {
        assert_eq!(properties(&format!("Urgent{alarm}")), about_urgent(&properties(alarm)), "{alarm}");
    }
    let sooner = properties("UnreceivedAlarm").to_string();
    let sooner = sooner.replace("oldest > 900", "oldest > 60").replace("\"Period\":300", "\"Period\":60");
    let sooner = sooner.replace("\"EvaluationPeriods\":1", "\"EvaluationPeriods\":3");
    assert_eq!(properties("UrgentUnreceivedAlarm"), about_urgent(&serde_json::from_str(&sooner).unwrap()));
}

#[test]
fn the_dashboard_shows_both_lanes() {
    let (with, without) = (dashboard(&with()), dashboard(&without()));
    let (shown, before) = (with["widgets"].as_array().unwrap(), without["widgets"].as_array().unwrap());
    let waiting = shown[0]["properties"]["metrics"].as_array().unwrap();
    assert_eq!(waiting.iter().filter(|metric| metric[3] == "${UrgentQueue.QueueName}").count(), 2);
    let metrics = |widget: &Value, lane: &str| -> Vec<String> {
        let metrics = widget["properties"]["metrics"].as_array().unwrap();
        let of_lane = metrics.iter().filter(|metric| metric[4] == "Lane" && metric[5] == lane);
        of_lane.map(|metric| metric[1].as_str().unwrap().to_owned()).collect()
    };
    let [became, took] = &shown[before.len()..] else { unreachable!("two widgets by lane") };
    for lane in ["urgent", "standard"] {
        let ends = ["ContactsInjected", "ContactsDuplicate", "ContactsDeferred", "ContactsDeadLettered"];
        assert_eq!(metrics(became, lane), ends, "{lane}");
        assert_eq!(metrics(took, lane), ["EventAgeMilliseconds", "MessageAgeMilliseconds"], "{lane}");
    }
    let bottom =
        |widget: &Value| ["y", "height"].map(|name| widget[name].as_u64().unwrap_or_default()).iter().sum::<u64>();
    let below = before.iter().map(bottom).max().unwrap();
    assert!([became, took].iter().all(|widget| widget["y"] == below), "they hide none of the others");
}
