//! Cases: an event, and what is expected to become of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contact_injection::domain::event::{Event, MalformedEvent};
use contact_injection::domain::reason::DeadLetterReason;
use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::commands::{json, read, unreadable};
use crate::error::Error;

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    /// Its file, and its place there where that holds a list.
    pub(super) name: String,
    /// The event, as the function reads the text that stands in the file.
    pub(super) event: Result<Event, MalformedEvent>,
    /// What is to become of it.
    pub(super) expected: Expected,
}

/// What is expected of an event.
#[derive(Debug, PartialEq)]
pub(super) enum Expected {
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

/// Every case of some files.
#[derive(Debug, Default)]
pub(super) struct Cases {
    pub(super) list: Vec<Case>,
}

impl Cases {
    /// Reads these files, and those with the extension `json` in these folders, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Unreadable`] names the file, and the place in it that is no case.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut cases = Self::default();
        for path in paths {
            if path.is_dir() {
                for file in folder(path)? {
                    cases.file(&file)?;
                }
            } else {
                cases.file(path)?;
            }
        }
        Ok(cases)
    }

    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let name = path.display().to_string();
        let text = read(path)?;
        let no_case = |no_case: NoCase| unreadable(path, &no_case);
        let whole: &RawValue = json(path, &text)?;
        let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(whole.get()) else {
            self.list.push(case(name, whole, "").map_err(no_case)?);
            return Ok(());
        };
        for (index, one) in list.into_iter().enumerate() {
            let case = case(format!("{name} {index}"), one, &format!("/{index}"));
            self.list.push(case.map_err(no_case)?);
        }
        Ok(())
    }
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| unreadable(path, &error);
    let entries: Result<Vec<_>, _> =
        std::fs::read_dir(path).map_err(unreadable)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = entries.map_err(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// What is no case, by its place and by none of its values.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{place} {why}")]
struct NoCase {
    place: String,
    why: &'static str,
}

impl NoCase {
    fn new(place: impl Into<String>, why: &'static str) -> Self {
        Self { place: place.into(), why }
    }

    fn no_object(at: &str) -> Self {
        Self::new(if at.is_empty() { "the file" } else { at }, "is not an object")
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
        let text = serde_json::value::to_raw_value(value).unwrap();
        case("c".to_owned(), &text, "/0").map(|case| case.expected)
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
