//! Which version the alarms of a canary are about, by what SAM makes of the template.

use std::collections::BTreeSet;

use contact_injection_tests::template::{Template, references};
use serde_json::{Value, json};

#[test]
fn the_canarys_alarms_are_about_the_version_that_is_being_deployed_and_there_before_it_gets_traffic() {
    let template = Template::translated("template.yaml").unwrap();
    let resources = template.at("/Resources").unwrap().as_object().unwrap();
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
                let waits_for = references(resource);
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
