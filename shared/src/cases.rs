//! Cases: an event, and what is expected to become of it. They go with the routes: `contact-injection check` holds
//! them to the routes offline, and a new version of the function proves itself by them before it gets any traffic
//! (docs/rules.md#trial).

mod compare;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub use self::compare::Difference;
use crate::{
    domain::{
        event::{Event, MalformedEvent},
        reason::DeadLetterReason,
    },
    dry_run::Check,
};

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Its file, and its place there where that holds a list.
    pub name: String,
    /// The event, as the function reads the text that stands in the file.
    pub event: Result<Event, MalformedEvent>,
    expected: Expected,
}

/// What became of a case.
#[derive(Debug)]
pub struct Checked<'c> {
    /// The case.
    pub case: &'c Case,
    /// The route that took the event.
    pub route: Option<String>,
    /// Where that differs from what was expected; none where it is as expected.
    pub differences: Vec<Difference>,
}

/// What is no case, by its place in the file and by none of its values.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{place} {why}")]
pub struct NoCase {
    place: String,
    why: String,
}

impl Case {
    /// Every case of a file's text: one, or a list of them.
    ///
    /// # Errors
    /// [`NoCase`] names the place that is none.
    pub fn read(file: &str, text: &str) -> Result<Vec<Self>, NoCase> {
        let whole: &RawValue = serde_json::from_str(text).map_err(|error| NoCase::no_json(&error))?;
        let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(whole.get()) else {
            return Ok(vec![case(file.to_owned(), whole, "")?]);
        };
        let numbered = list.into_iter().enumerate();
        numbered.map(|(index, one)| case(format!("{file} {index}"), one, &format!("/{index}"))).collect()
    }

    /// What becomes of it, as if the event had just come: whether it is late says nothing of how it is mapped.
    pub fn check(&self, check: Check<'_>) -> Checked<'_> {
        let event = self.event.as_ref().ok();
        let in_time = event.and_then(Event::expiry).map(|expiry| expiry.minus(Duration::from_millis(1)));
        let sent = event.and_then(Event::time);
        let now = sent.unwrap_or_else(|| in_time.map_or(check.now, |in_time| check.now.min(in_time)));
        let result = Check { now, ..check }.event(self.event.as_ref());
        let differences = compare::differences(&self.expected, &result);
        Checked { case: self, route: result.route, differences }
    }
}

/// What is expected of an event.
#[derive(Debug, PartialEq)]
enum Expected {
    /// It is injected.
    Contact {
        /// By this route.
        route: Option<String>,
        /// With these members of the request for the first target, and any others.
        request: Option<Value>,
    },
    /// It is dead-lettered.
    Problem {
        /// For this reason.
        problem: DeadLetterReason,
        /// Which has this place in the event.
        pointer: Option<String>,
        /// By this route.
        route: Option<String>,
    },
}

impl NoCase {
    fn new(place: impl Into<String>, why: &str) -> Self {
        Self { place: place.into(), why: why.to_owned() }
    }

    fn no_object(at: &str) -> Self {
        Self::new(if at.is_empty() { "the file" } else { at }, "is not an object")
    }

    fn no_json(error: &serde_json::Error) -> Self {
        let place = format!("line {}, column {}", error.line(), error.column());
        Self { place: "the file".to_owned(), why: format!("is no JSON at {place}") }
    }
}

fn case(name: String, text: &RawValue, at: &str) -> Result<Case, NoCase> {
    let mut members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text.get()).map_err(|_| NoCase::no_object(at))?;
    let mut member = |name| members.remove(name).ok_or_else(|| NoCase::new(format!("{at}/{name}"), "is missing"));
    let (event, expect) = (member("event")?, member("expect")?);
    nothing_else(members.keys(), at)?;
    let at = format!("{at}/expect");
    let expect = serde_json::from_str(expect.get())
        .map_err(|_| NoCase::new(&at, "holds a number, a text or a depth that can't be read"))?;
    // A tree would keep the last of two members with one name, which the function refuses.
    Ok(Case { name, event: Event::parse(event.get()), expected: expected(expect, &at)? })
}

fn expected(value: Value, at: &str) -> Result<Expected, NoCase> {
    let mut members = object(value, at)?;
    let route = text(&mut members, "route", at)?;
    let expected = match members.remove("problem") {
        Some(problem) => {
            let problem = DeadLetterReason::deserialize(&problem)
                .map_err(|_| NoCase::new(format!("{at}/problem"), "is no reason of a dead letter"))?;
            Expected::Problem { problem, pointer: text(&mut members, "pointer", at)?, route }
        }
        None => match members.remove("request") {
            request @ (None | Some(Value::Object(_))) => Expected::Contact { route, request },
            Some(_) => return Err(NoCase::new(format!("{at}/request"), "is not an object")),
        },
    };
    nothing_else(members.keys(), at)?;
    if expected == (Expected::Contact { route: None, request: None }) {
        return Err(NoCase::new(at, "expects nothing: name a route, a request or a problem"));
    }
    Ok(expected)
}

fn object(value: Value, at: &str) -> Result<Map<String, Value>, NoCase> {
    let Value::Object(members) = value else { return Err(NoCase::no_object(at)) };
    Ok(members)
}

fn text(members: &mut Map<String, Value>, name: &str, at: &str) -> Result<Option<String>, NoCase> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(NoCase::new(format!("{at}/{name}"), "is not a text")),
    }
}

fn nothing_else<'n>(mut names: impl Iterator<Item = &'n String>, at: &str) -> Result<(), NoCase> {
    let other = |name: &String| NoCase::new(format!("{at}/{name}"), "is no member of a case, or not beside the others");
    names.next().map_or(Ok(()), |name| Err(other(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Expected, NoCase> {
        let mut cases = Case::read("c", &json!([value]).to_string())?;
        Ok(cases.remove(0).expected)
    }

    fn expecting(expect: &Value) -> Result<Expected, NoCase> {
        read(&json!({ "event": {}, "expect": expect }))
    }

    #[test]
    fn a_case_expects_a_contact_or_a_problem() {
        let route = || Some("orders".to_owned());
        assert_eq!(expecting(&json!({ "route": "orders" })), Ok(Expected::Contact { route: route(), request: None }));
        let request = Some(json!({ "priority": 750 }));
        assert_eq!(
            expecting(&json!({ "route": "orders", "request": { "priority": 750 } })),
            Ok(Expected::Contact { route: route(), request })
        );
        let problem = Expected::Problem {
            problem: DeadLetterReason::MappingFailed,
            pointer: Some("/data/phone".to_owned()),
            route: None,
        };
        assert_eq!(expecting(&json!({ "problem": "mapping-failed", "pointer": "/data/phone" })), Ok(problem));
    }

    #[test]
    fn what_is_no_case_is_told_by_its_place_and_no_value() {
        for (value, said) in [
            (json!("Pat Doe"), "/0 is not an object"),
            (json!({ "expect": {} }), "/0/event is missing"),
            (json!({ "event": "Pat Doe" }), "/0/expect is missing"),
            (json!({ "event": {}, "expect": {} }), "/0/expect expects nothing: name a route, a request or a problem"),
            (
                json!({ "event": {}, "expect": { "problem": "Pat Doe" } }),
                "/0/expect/problem is no reason of a dead letter",
            ),
            (json!({ "event": {}, "expect": { "route": 7 } }), "/0/expect/route is not a text"),
            (json!({ "event": {}, "expect": { "request": 7 } }), "/0/expect/request is not an object"),
            (
                json!({ "event": {}, "expect": { "route": "r", "pointer": "/x" } }),
                "/0/expect/pointer is no member of a case, or not beside the others",
            ),
            (
                json!({ "event": {}, "expects": {}, "expect": { "route": "r" } }),
                "/0/expects is no member of a case, or not beside the others",
            ),
        ] {
            assert_eq!(read(&value).unwrap_err().to_string(), said);
        }
    }
}
