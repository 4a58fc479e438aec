//! Which version the alarms of a canary are about, by what SAM makes of the template.

use std::collections::BTreeSet;
use std::process::Command;

use contact_injection_tests::workspace_root;
use serde_json::{Map, Value, json};

/// SAM's own translation.
const TRANSLATE: &str = "
import json, logging, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse
logging.disable(logging.CRITICAL)
template = yaml_parse(open(sys.argv[1]).read())
template['Globals']['Function']['CodeUri'] = 's3://bucket/package'
defaults = {name: str(parameter['Default']) for name, parameter in template['Parameters'].items()}
json.dump(Translator({}, Parser()).translate(template, defaults), sys.stdout)
";

fn translated() -> Map<String, Value> {
    let mut python = Command::new(workspace_root().join(".venv/bin/python"));
    python.args(["-c", TRANSLATE]).arg(workspace_root().join("template.yaml")).env("AWS_DEFAULT_REGION", "eu-west-1");
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let template: Value = serde_json::from_slice(&output.stdout).unwrap();
    template["Resources"].as_object().unwrap().clone()
}

/// What a resource waits for: whatever it names.
fn named(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (function, argument) in members {
                match (function.as_str(), argument) {
                    ("Ref", Value::String(name)) => _ = found.insert(name.clone()),
                    ("Fn::GetAtt", Value::Array(parts)) => found.extend(parts[0].as_str().map(str::to_owned)),
                    ("Fn::Sub", text) => {
                        let text = text.as_str().or(text[0].as_str()).unwrap_or_default();
                        found.extend(
                            text.split("${")
                                .skip(1)
                                .filter_map(|rest| rest.split(['}', '.']).next().map(str::to_owned)),
                        );
                        named(argument, found);
                    }
                    _ => named(argument, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, found)),
        _ => {}
    }
}

#[test]
fn the_canarys_alarms_are_about_the_version_that_is_being_deployed_and_there_before_it_gets_traffic() {
    let resources = translated();
    let version_of = |alias: &Value| alias["Properties"]["FunctionVersion"]["Fn::GetAtt"].clone();
    let alias = &resources["InjectFunctionAliaslive"];
    let version = json!({ "Fn::GetAtt": version_of(alias) });
    assert_eq!(resources[version["Fn::GetAtt"][0].as_str().unwrap()]["Type"], "AWS::Lambda::Version");
    for alarm in ["CanaryErrorsAlarm", "CanaryOutcomesAlarm"] {
        let metrics = resources[alarm]["Properties"]["Metrics"].as_array().unwrap();
        let dimensions = metrics.iter().filter_map(|query| query["MetricStat"]["Metric"]["Dimensions"].as_array());
        let about: Vec<_> =
            dimensions.flatten().filter(|one| one["Name"].as_str().unwrap().contains("Version")).collect();
        assert!(!about.is_empty() && about.iter().all(|dimension| dimension["Value"] == version), "{alarm}: {about:?}");
    }
    // Each comes after those that it waits for, and the alias last: the group, its alarms, and their version.
    let mut made = BTreeSet::new();
    loop {
        let ready: Vec<_> = resources
            .iter()
            .filter(|(name, resource)| {
                let mut waits_for = BTreeSet::new();
                named(resource, &mut waits_for);
                !made.contains(*name) && waits_for.iter().all(|one| made.contains(one) || !resources.contains_key(one))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if ready.contains(&"InjectFunctionAliaslive".to_owned()) {
            assert!(made.contains("CanaryErrorsAlarm") && made.contains("CanaryOutcomesAlarm"));
        }
        if ready.is_empty() {
            break;
        }
        made.extend(ready);
    }
    assert_eq!(
        made.len(),
        resources.len(),
        "these wait for each other: {:?}",
        resources.keys().filter(|name| !made.contains(*name)).collect::<Vec<_>>()
    );
}
