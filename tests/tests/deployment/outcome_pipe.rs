//! The pipe of outcome events as the templates have it: nothing of it without a bus, and nothing that hides a loss.
#![expect(clippy::unwrap_used, reason = "what can't be read fails its test")]

use std::collections::BTreeSet;

use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};

/// What includes `outcomes.yaml` in `template.yaml`.
const INCLUDED: &str = "Outcomes";

fn resources(template: &Template) -> Vec<(String, Value)> {
    let resources = template.at("/Resources").unwrap().as_object().unwrap();
    resources.iter().map(|(name, resource)| (name.clone(), resource.clone())).collect()
}

#[test]
fn nothing_of_outcome_events_exists_without_a_bus() {
    let template = Template::read().unwrap();
    for (name, resource) in resources(&template) {
        if name == INCLUDED {
            assert_eq!(resource["Type"], "AWS::CloudFormation::Stack");
            assert_eq!(resource["Condition"], "HasOutcomeBus");
        } else {
            let text = resource.to_string();
            assert!(!text.contains("\"Outcome") && !text.contains("StreamArn"), "{name} leans on a part of it");
        }
    }
    assert_eq!(resources(&Template::read_outcomes().unwrap()).len(), 5, "queue, its policy and its alarm, role, pipe");
}

#[test]
fn the_pipes_stack_is_told_of_the_ledger_the_bus_and_the_stack_that_includes_it() {
    let bus = ("OutcomeBusArn", "arn:aws:events:eu-west-1:000000000000:event-bus/outcomes");
    let template = Template::read().unwrap().deployed_with(&[bus]).unwrap();
    let file = template.property(INCLUDED, "TemplateURL").unwrap().as_str().unwrap();
    let included = Template::read_from(workspace_root().join(file)).unwrap();
    assert_eq!(included.document(), Template::read_outcomes().unwrap().document());
    let given = template.property(INCLUDED, "Parameters").unwrap();
    let expected = json!({
        "LedgerStreamArn": {"Fn::GetAtt": "LedgerTable.StreamArn"},
        "OutcomeBusArn": {"Ref": "OutcomeBusArn"},
        // Its own name is another.
        "InjectionStack": {"Ref": "AWS::StackName"},
        "AlarmTopicArn": {"Ref": "AlarmTopicArn"},
        "KmsKeyArn": {"Ref": "KmsKeyArn"},
        "PermissionsBoundaryArn": {"Ref": "PermissionsBoundaryArn"},
    });
    assert_eq!(given, &expected);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(included.at("/Parameters").unwrap()), names(given));
    assert_eq!(included.property("OutcomePipe", "Source").unwrap(), &json!({"Ref": "LedgerStreamArn"}));
    assert_eq!(included.property("OutcomePipe", "Target").unwrap(), &json!({"Ref": "OutcomeBusArn"}));
}

#[test]
fn what_the_bus_does_not_take_is_handed_over_long_before_the_stream_forgets_it() {
    let template = Template::read_outcomes().unwrap();
    let stream = &template.property("OutcomePipe", "SourceParameters").unwrap()["DynamoDBStreamParameters"];
    assert_eq!(stream["DeadLetterConfig"]["Arn"], json!({"Fn::GetAtt": "OutcomeDeadLetterQueue.Arn"}));
    assert_eq!(stream["StartingPosition"], "TRIM_HORIZON", "nothing is left out at the start");
    assert!(stream["MaximumRecordAgeInSeconds"].as_u64().unwrap() <= 12 * 3600, "a stream keeps a day");
}
