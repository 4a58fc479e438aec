//! What a template's conditions leave of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::TemplateError;

type Parameters = BTreeMap<String, String>;
type Conditions = BTreeMap<String, bool>;

/// The pseudo parameter that a condition may ask for, and its value where none is given.
const PARTITION: (&str, &str) = ("AWS::Partition", "aws");

pub(super) fn deployed_with(template: &Value, given: &[(&str, &str)]) -> Result<Value, TemplateError> {
    let parameters = parameters(template, given)?;
    obey_rules(template, &parameters)?;
    let conditions = members(template, "Conditions");
    let conditions = conditions
        .map(|(name, condition)| Some((name.clone(), holds(condition, &parameters)?)))
        .collect::<Option<Conditions>>()
        .ok_or_else(|| TemplateError::Missing("condition that can be told from its parameters".to_owned()))?;
    let mut deployed = template.clone();
    for section in ["Globals", "Resources", "Outputs"] {
        let there = members(template, section).filter(|(_, value)| {
            value["Condition"].as_str().is_none_or(|name| conditions.get(name).copied().unwrap_or_default())
        });
        let kept = there.filter_map(|(name, value)| Some((name.clone(), kept(value, &conditions)?)));
        deployed[section] = Value::Object(kept.collect());
    }
    Ok(deployed)
}

/// Every parameter's value.
fn parameters(template: &Value, given: &[(&str, &str)]) -> Result<Parameters, TemplateError> {
    let default = |parameter: &Value| match &parameter["Default"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let defaults = members(template, "Parameters").map(|(name, parameter)| (name.clone(), default(parameter)));
    let mut parameters: Parameters = defaults.chain([(PARTITION.0.to_owned(), PARTITION.1.to_owned())]).collect();
    for (name, value) in given {
        let parameter = parameters.get_mut(*name).ok_or_else(|| TemplateError::Missing(format!("parameter {name}")))?;
        (*value).clone_into(parameter);
    }
    Ok(parameters)
}

/// As `CloudFormation` does before anything is created: every assertion of a rule whose condition holds.
fn obey_rules(template: &Value, parameters: &Parameters) -> Result<(), TemplateError> {
    let unknown = || TemplateError::Missing("rule that can be told from its parameters".to_owned());
    for (_, rule) in members(template, "Rules") {
        let condition = rule.get("RuleCondition").map_or(Some(true), |condition| holds(condition, parameters));
        if !condition.ok_or_else(unknown)? {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            if !holds(&assertion["Assert"], parameters).ok_or_else(unknown)? {
                let said = assertion["AssertDescription"].as_str().unwrap_or_default().to_owned();
                return Err(TemplateError::Refused(said));
            }
        }
    }
    Ok(())
}

/// Whether a condition holds; nothing where it has a function that no condition of ours has.
fn holds(condition: &Value, parameters: &Parameters) -> Option<bool> {
    match single(condition)? {
        ("Fn::Not", Value::Array(one)) => holds(one.first()?, parameters).map(|holds| !holds),
        ("Fn::And", Value::Array(all)) => {
            all.iter().map(|one| holds(one, parameters)).collect::<Option<Vec<_>>>().map(|all| !all.contains(&false))
        }
        ("Fn::Or", Value::Array(any)) => {
            any.iter().map(|one| holds(one, parameters)).collect::<Option<Vec<_>>>().map(|any| any.contains(&true))
        }
        ("Fn::EachMemberEquals", Value::Array(two)) => {
            let wanted = two.get(1)?.as_str()?;
            Some(text(two.first()?, parameters)?.split(',').all(|member| member == wanted))
        }
        ("Fn::Equals", Value::Array(two)) => Some(text(two.first()?, parameters)? == text(two.get(1)?, parameters)?),
        _ => None,
    }
}

fn text<'a>(value: &'a Value, parameters: &'a Parameters) -> Option<&'a str> {
    if let Some(text) = value.as_str() {
        return Some(text);
    }
    match single(value)? {
        ("Ref", parameter) => parameters.get(parameter.as_str()?).map(String::as_str),
        // Of a list parameter, whose value is written with commas: only whether it is empty can be told.
        ("Fn::Join", Value::Array(two)) => text(two.get(1)?, parameters),
        _ => None,
    }
}

fn kept(value: &Value, conditions: &Conditions) -> Option<Value> {
    match value {
        Value::Object(members) => match single(value) {
            Some(("Ref", name)) if name == "AWS::NoValue" => None,
            Some(("Fn::If", Value::Array(branches))) => {
                let holds = conditions.get(branches.first()?.as_str()?)?;
                kept(branches.get(if *holds { 1 } else { 2 })?, conditions)
            }
            Some(("Fn::Sub", Value::Array(sub))) => Some(substituted(sub.first()?.as_str()?, sub.get(1)?, conditions)),
            _ => Some(Value::Object(
                members
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), kept(value, conditions)?)))
                    .collect::<Map<_, _>>(),
            )),
        },
        Value::Array(items) => Some(items.iter().filter_map(|item| kept(item, conditions)).collect()),
        scalar => Some(scalar.clone()),
    }
}

/// A substitution with those of its variables filled in that are texts, or substitutions of their own.
fn substituted(text: &str, variables: &Value, conditions: &Conditions) -> Value {
    let mut text = text.to_owned();
    let mut left = Map::new();
    for (name, value) in variables.as_object().into_iter().flatten() {
        let Some(value) = kept(value, conditions) else { continue };
        match value.as_str().or(value["Fn::Sub"].as_str()) {
            Some(part) => text = text.replace(&format!("${{{name}}}"), part),
            None => _ = left.insert(name.clone(), value),
        }
    }
    if left.is_empty() { json!({"Fn::Sub": text}) } else { json!({"Fn::Sub": [text, left]}) }
}

/// The only member of an object.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, value)| (name.as_str(), value))
}

fn members<'a>(template: &'a Value, section: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    template.get(section).and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_leaves_one_branch_and_nothing_that_hangs_on_it_in_vain() {
        let template = json!({
            "Parameters": {"Size": {"Default": 0}, "Names": {"Default": ""}},
            "Conditions": {
                "Sized": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "0"]}]},
                "Nameless": {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Names"}]}, ""]},
            },
            "Resources": {
                "Always": {"Properties": {
                    "List": [1, {"Fn::If": ["Sized", {"Fn::If": ["Nameless", 2, 3]}, {"Ref": "AWS::NoValue"}]}],
                    "Text": {"Fn::Sub": ["a${B}${C}", {
                        "B": {"Fn::If": ["Sized", {"Fn::Sub": "b${AWS::Region}"}, ""]},
                        "C": {"Fn::GetAtt": "Other.Arn"},
                    }]},
                }},
                "Other": {"Condition": "Sized", "Type": "T"},
            },
        });
        let resources = |given: &[(&str, &str)]| deployed_with(&template, given).unwrap()["Resources"].clone();
        let other = json!({"C": {"Fn::GetAtt": "Other.Arn"}});
        let always =
            |list: Value, text: &str| json!({"Properties": {"List": list, "Text": {"Fn::Sub": [text, other]}}});
        assert_eq!(resources(&[]), json!({"Always": always(json!([1]), "a${C}")}));
        let sized = resources(&[("Size", "2")]);
        assert_eq!(sized["Always"], always(json!([1, 2]), "ab${AWS::Region}${C}"));
        assert!(sized["Other"].is_object());
        assert_eq!(resources(&[("Size", "2"), ("Names", "a,b")])["Always"]["Properties"]["List"], json!([1, 3]));
        assert!(deployed_with(&template, &[("Length", "2")]).is_err());
    }

    #[test]
    fn a_rule_refuses_parameters_that_do_not_go_together() {
        let empty = |name: &str| json!({"Fn::EachMemberEquals": [{"Ref": name}, ""]});
        let template = json!({
            "Parameters": {"A": {"Default": ""}, "B": {"Default": ""}, "On": {"Default": "yes"}},
            "Rules": {"Together": {
                "RuleCondition": {"Fn::Equals": [{"Ref": "On"}, "yes"]},
                "Assertions": [{
                    "Assert": {"Fn::Or": [
                        {"Fn::And": [empty("A"), empty("B")]},
                        {"Fn::And": [{"Fn::Not": [empty("A")]}, {"Fn::Not": [empty("B")]}]},
                    ]},
                    "AssertDescription": "both or neither",
                }],
            }},
        });
        for given in [&[][..], &[("A", "1,2"), ("B", "3")], &[("A", "1"), ("On", "no")]] {
            assert!(deployed_with(&template, given).is_ok(), "{given:?}");
        }
        for given in [("A", "1,2"), ("B", "3")] {
            assert_eq!(deployed_with(&template, &[given]).unwrap_err().to_string(), "refused: both or neither");
        }
    }
}
