//! Where what became of an event differs from what was expected.

use serde_json::{Value, json};

use super::Expected;
use crate::dry_run::DryRunResult;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its place in what was expected, as a JSON pointer.
    pointer: String,
    /// What was expected there.
    expected: Value,
    /// What was found; nothing where there is nothing.
    found: Option<Value>,
    /// Whether the two are nobody's data: names of routes, reasons and places.
    open: bool,
}

impl Difference {
    fn open(pointer: &str, expected: Value, found: Option<Value>) -> Self {
        Self { pointer: pointer.to_owned(), expected, found, open: true }
    }

    /// In words, `values` in them or only what kind they are of.
    pub fn told(&self, values: bool) -> String {
        let shown = |value: &Value| if values || self.open { value.to_string() } else { kind(value) };
        let expected = shown(&self.expected);
        let found = self.found.as_ref().map_or_else(|| "nothing".to_owned(), shown);
        let found = if found == expected { "another" } else { &found };
        format!("{}: expected {expected}, found {found}", self.pointer)
    }

    /// For a program, `values` in it or only what kind they are of.
    pub fn json(&self, values: bool) -> Value {
        let shown = |value: &Value| if values || self.open { value.clone() } else { kind(value).into() };
        json!({
            "pointer": self.pointer, "expected": shown(&self.expected), "found": self.found.as_ref().map(shown)
        })
    }
}

/// What a value is, and nothing of it.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
    }
}

/// Every difference; none where the event became what was expected.
pub(super) fn differences(expected: &Expected, result: &DryRunResult) -> Vec<Difference> {
    let mut found = Vec::new();
    let (Expected::Contact { route, .. } | Expected::Problem { route, .. }) = expected;
    if let Some(route) = route.as_ref().filter(|route| Some(*route) != result.route.as_ref()) {
        found.push(Difference::open("/route", route.as_str().into(), result.route.clone().map(Value::from)));
    }
    match expected {
        Expected::Contact { request, .. } => {
            for problem in &result.problems {
                let said = json!({ "code": problem.code, "message": problem.message, "pointer": problem.pointer });
                found.push(Difference::open("/problem", Value::Null, Some(said)));
            }
            if let (Some(request), Some(made)) = (request, &result.request) {
                within(request, made, "/request", &mut found);
            }
        }
        Expected::Problem { problem, pointer, .. } => {
            // The first problem is the dead letter's reason; its place may be any of those for that reason.
            let reason = result.problems.first().map(|first| first.code);
            let at = |pointer: &String| {
                let mut of_reason = result.problems.iter().filter(|one| Some(one.code) == reason);
                of_reason.any(|one| one.pointer.as_ref() == Some(pointer))
            };
            let as_expected = reason == Some(*problem) && pointer.as_ref().is_none_or(at);
            if !as_expected {
                let expected = json!({ "code": problem, "pointer": pointer });
                let others = result.problems.iter().map(|one| json!({ "code": one.code, "pointer": one.pointer }));
                let others: Vec<_> = others.collect();
                let others = (!others.is_empty()).then(|| others.into());
                found.push(Difference::open("/problem", expected, others));
            }
        }
    }
    found
}

/// Whether every member that is expected is there, at any depth; lists are equal or not.
fn within(expected: &Value, found: &Value, at: &str, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match found.get(name) {
                    Some(found) => within(value, found, &at, differences),
                    None => {
                        differences.push(Difference { pointer: at, expected: value.clone(), found: None, open: false });
                    }
                }
            }
        }
        (expected, found) if equal(expected, found) => {}
        (expected, found) => differences.push(Difference {
            pointer: at.to_owned(),
            expected: expected.clone(),
            found: Some(found.clone()),
            open: false,
        }),
    }
}

/// Numbers by their value: `1250` is `1250.0`.
fn equal(expected: &Value, found: &Value) -> bool {
    expected == found || expected.as_f64().is_some_and(|number| found.as_f64() == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(expected: &Value, found: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        within(expected, found, "/request", &mut differences);
        differences.iter().map(|difference| difference.told(false)).collect()
    }

    #[test]
    fn a_request_may_have_more_than_is_expected_of_it() {
        let made = json!({ "priority": 750, "attributes": { "number:total": 1250.0, "string:ref": "ORD-1" } });
        assert_eq!(differing(&json!({ "attributes": { "number:total": 1250 } }), &made), [""; 0]);
        assert_eq!(
            differing(&json!({ "priority": 500, "attributes": { "string:ref": "Pat D", "string:a/b": "x" } }), &made),
            [
                "/request/attributes/string:a~1b: expected a text of 1 characters, found nothing",
                "/request/attributes/string:ref: expected a text of 5 characters, found another",
                "/request/priority: expected a number, found another",
            ]
        );
    }

    #[test]
    fn values_are_shown_where_they_are_asked_for() {
        let mut found = Vec::new();
        within(&json!({ "channel": "voice" }), &json!({ "channel": "chat" }), "", &mut found);
        assert_eq!(found[0].told(true), r#"/channel: expected "voice", found "chat""#);
        assert_eq!(found[0].json(false)["found"], "a text of 4 characters");
        assert_eq!(found[0].json(true)["found"], "chat");
    }
}
