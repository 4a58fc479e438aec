//! The pipe of outcome events as template.yaml has it: nothing of it without a bus, and nothing that hides a loss.

use contact_injection_tests::template::Template;
use serde_json::json;

#[test]
fn nothing_of_outcome_events_exists_without_a_bus() {
    let template = Template::read().unwrap();
    let resources = template.at("/Resources").unwrap().as_object().unwrap();
    let parts: Vec<_> = resources.iter().filter(|(name, _)| name.starts_with("Outcome")).collect();
    assert_eq!(parts.len(), 5, "queue, its policy and its alarm, role, pipe");
    for (name, part) in parts {
        assert_eq!(part["Condition"], "HasOutcomeBus", "{name}");
    }
    for (name, resource) in resources.iter().filter(|(name, _)| !name.starts_with("Outcome")) {
        let text = resource.to_string();
        assert!(!text.contains("\"Outcome") && !text.contains("StreamArn"), "{name} leans on a part of it");
    }
}

#[test]
fn what_the_bus_does_not_take_is_handed_over_long_before_the_stream_forgets_it() {
    let template = Template::read().unwrap();
    let stream = &template.property("OutcomePipe", "SourceParameters").unwrap()["DynamoDBStreamParameters"];
    assert_eq!(stream["DeadLetterConfig"]["Arn"], json!({"Fn::GetAtt": "OutcomeDeadLetterQueue.Arn"}));
    assert_eq!(stream["StartingPosition"], "TRIM_HORIZON", "nothing is left out at the start");
    assert!(stream["MaximumRecordAgeInSeconds"].as_u64().unwrap() <= 12 * 3600, "a stream keeps a day");
}
