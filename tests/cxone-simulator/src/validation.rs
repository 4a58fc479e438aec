//! The strict reading of a contact request, as a pure function over its JSON.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::AttributeType;

/// The longest string attribute, in Unicode scalar values (docs/rules.md#attributes).
pub const MAX_STRING_CHARACTERS: usize = 255;
/// The highest priority; the lowest is 0.
pub const MAX_PRIORITY: u64 = 999;

/// One rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// A JSON pointer (RFC 6901) to the offending value, or to where it is missing.
    pub pointer: String,
    /// The rule in words. It never repeats a value.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// The rules of a contact request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The body is a JSON object.
    Body,
    /// No member is unknown.
    UnknownField,
    /// `type` is "contact".
    Type,
    /// `channel` is a nonempty string.
    Channel,
    /// Exactly one of `queueId` and `skillIds` is there.
    ExclusiveTarget,
    /// `queueId` is a nonempty string.
    QueueId,
    /// `skillIds` is a list of at least one nonempty string.
    SkillIds,
    /// `priority` is an integer, 0 to 999. A number with a fraction part, even `.0`, is none.
    Priority,
    /// `from` is a nonempty string.
    From,
    /// `to` is a nonempty string.
    To,
    /// `callbackNumber`, where there, is a string.
    CallbackNumber,
    /// `wrapUpCode`, where there, is a string.
    WrapUpCode,
    /// `attributes` is an object.
    Attributes,
    /// Every attribute key starts with a known type and a colon.
    AttributePrefix,
    /// A name follows the prefix.
    AttributeName,
    /// The value's type is the prefix's.
    AttributeType,
    /// A string has at most 255 Unicode scalar values.
    AttributeLength,
    /// A date is written in ISO 8601: a calendar date, or with a time and perhaps an offset.
    AttributeDate,
}

/// Checks a contact request against every rule.
///
/// # Errors
/// All rules that it breaks, in the order of the contract.
pub fn validate_contact_request(body: &Value) -> Result<(), Vec<Violation>> {
    let mut found = Violations::default();
    match body.as_object() {
        Some(request) => check_request(request, &mut found),
        None => found.push(Rule::Body, "", "the body must be a JSON object"),
    }
    if found.0.is_empty() { Ok(()) } else { Err(found.0) }
}

const KNOWN_FIELDS: [&str; 10] =
    ["type", "channel", "queueId", "skillIds", "priority", "from", "to", "callbackNumber", "wrapUpCode", "attributes"];

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn push(&mut self, rule: Rule, pointer: impl Into<String>, message: &str) {
        self.0.push(Violation { rule, pointer: pointer.into(), message: message.to_owned() });
    }
}

fn check_request(request: &Map<String, Value>, found: &mut Violations) {
    for field in request.keys().filter(|field| !KNOWN_FIELDS.contains(&field.as_str())) {
        found.push(Rule::UnknownField, pointer(&[field]), "unknown member");
    }
    if request.get("type").and_then(Value::as_str) != Some("contact") {
        found.push(Rule::Type, "/type", "type must be \"contact\"");
    }
    check_nonempty(request, "channel", Rule::Channel, found);
    check_target(request, found);
    if request.get("priority").and_then(Value::as_u64).is_none_or(|priority| priority > MAX_PRIORITY) {
        found.push(Rule::Priority, "/priority", "priority must be an integer from 0 to 999");
    }
    check_nonempty(request, "from", Rule::From, found);
    check_nonempty(request, "to", Rule::To, found);
    for (field, rule) in [("callbackNumber", Rule::CallbackNumber), ("wrapUpCode", Rule::WrapUpCode)] {
        if request.get(field).is_some_and(|value| !value.is_string()) {
            found.push(rule, pointer(&[field]), "must be a string where it is there");
        }
    }
    match request.get("attributes").and_then(Value::as_object) {
        Some(attributes) => attributes.iter().for_each(|(key, value)| check_attribute(key, value, found)),
        None => found.push(Rule::Attributes, "/attributes", "attributes must be an object"),
    }
}

fn check_nonempty(request: &Map<String, Value>, field: &str, rule: Rule, found: &mut Violations) {
    if !request.get(field).is_some_and(is_nonempty_string) {
        found.push(rule, pointer(&[field]), "must be a nonempty string");
    }
}

fn check_target(request: &Map<String, Value>, found: &mut Violations) {
    match (request.get("queueId"), request.get("skillIds")) {
        (Some(_), Some(_)) | (None, None) => {
            found.push(Rule::ExclusiveTarget, "", "exactly one of queueId and skillIds must be there");
        }
        (Some(queue), None) if !is_nonempty_string(queue) => {
            found.push(Rule::QueueId, "/queueId", "must be a nonempty string");
        }
        (None, Some(skills))
            if !skills.as_array().is_some_and(|ids| !ids.is_empty() && ids.iter().all(is_nonempty_string)) =>
        {
            found.push(Rule::SkillIds, "/skillIds", "must be a list of at least one nonempty string");
        }
        _ => {}
    }
}

fn check_attribute(key: &str, value: &Value, found: &mut Violations) {
    let at = || pointer(&["attributes", key]);
    let Some((attribute_type, name)) =
        key.split_once(':').and_then(|(prefix, name)| Some((AttributeType::from_name(prefix)?, name)))
    else {
        return found.push(Rule::AttributePrefix, at(), "the key must start with string:, number:, boolean: or date:");
    };
    if name.is_empty() {
        found.push(Rule::AttributeName, at(), "a name must follow the prefix");
    }
    match (attribute_type, value) {
        (AttributeType::String, Value::String(text)) if text.chars().count() > MAX_STRING_CHARACTERS => {
            found.push(Rule::AttributeLength, at(), "a string has at most 255 characters");
        }
        (AttributeType::Date, Value::String(text)) if !is_iso_8601(text) => {
            found.push(Rule::AttributeDate, at(), "a date must be written in ISO 8601");
        }
        (AttributeType::String | AttributeType::Date, Value::String(_)) | (AttributeType::Boolean, Value::Bool(_)) => {}
        (AttributeType::Number, Value::Number(number)) if number.as_f64().is_some_and(f64::is_finite) => {}
        _ => found.push(Rule::AttributeType, at(), "the value must have the type of its key's prefix"),
    }
}

fn is_nonempty_string(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// The parsers accept more than ISO 8601 (a space for the T, zone names in brackets), which the alphabet rules out.
fn is_iso_8601(text: &str) -> bool {
    let in_alphabet = text.bytes().all(|byte| byte.is_ascii_digit() || b"-+:.,TZ".contains(&byte));
    in_alphabet
        && if text.contains('T') {
            text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok()
        } else {
            text.parse::<Date>().is_ok()
        }
}

fn pointer(segments: &[&str]) -> String {
    segments.iter().fold(String::new(), |path, segment| path + "/" + &segment.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn valid() -> Value {
        json!({
            "type": "contact", "channel": "voice", "queueId": "q-1", "priority": 750,
            "from": "+15550100001", "to": "+15550201234", "callbackNumber": "+15550100001",
            "wrapUpCode": "INJECTED_CONTACT",
            "attributes": {
                "string:externalSource": "CRM", "number:orderValue": 12.5,
                "boolean:isPriorityCustomer": true, "date:orderedOn": "2024-05-15T14:30:00Z"
            }
        })
    }

    /// The rules broken by the valid request after `change`.
    fn broken(change: impl FnOnce(&mut Map<String, Value>)) -> Vec<Rule> {
        let mut request = valid();
        change(request.as_object_mut().unwrap());
        validate_contact_request(&request)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|violation| violation.rule)
            .collect()
    }

    fn attribute(key: &str, value: Value) -> Vec<Rule> {
        broken(|request| request["attributes"][key] = value)
    }

    #[test]
    fn the_guides_request_is_valid() {
        assert_eq!(validate_contact_request(&valid()), Ok(()));
    }

    #[test]
    fn each_missing_member_is_named() {
        for (field, rule) in [
            ("type", Rule::Type),
            ("channel", Rule::Channel),
            ("queueId", Rule::ExclusiveTarget),
            ("priority", Rule::Priority),
            ("from", Rule::From),
            ("to", Rule::To),
            ("attributes", Rule::Attributes),
        ] {
            assert_eq!(broken(|request| drop(request.remove(field))), [rule], "{field}");
        }
        assert_eq!(broken(|request| drop(request.remove("wrapUpCode"))), []);
    }

    #[test]
    fn each_wrong_member_is_named() {
        for (field, value, rule) in [
            ("type", json!("call"), Rule::Type),
            ("channel", json!(""), Rule::Channel),
            ("queueId", json!(7), Rule::QueueId),
            ("skillIds", json!(["sk"]), Rule::ExclusiveTarget),
            ("priority", json!(1000), Rule::Priority),
            ("priority", json!(-1), Rule::Priority),
            ("priority", json!(750.5), Rule::Priority),
            ("priority", json!("750"), Rule::Priority),
            ("from", json!(null), Rule::From),
            ("to", json!(""), Rule::To),
            ("callbackNumber", json!(null), Rule::CallbackNumber),
            ("wrapUpCode", json!(5), Rule::WrapUpCode),
            ("attributes", json!([]), Rule::Attributes),
            ("subject", json!("x"), Rule::UnknownField),
        ] {
            assert_eq!(
                broken(|request| drop(request.insert(field.to_owned(), value.clone()))),
                [rule],
                "{field} {value}"
            );
        }
    }

    #[test]
    fn skills_stand_in_for_a_queue_if_there_is_one() {
        let with_skills = |skills: Value| {
            broken(|request| {
                request.remove("queueId");
                request.insert("skillIds".to_owned(), skills);
            })
        };
        assert_eq!(with_skills(json!(["sk-billing"])), []);
        assert_eq!(with_skills(json!([])), [Rule::SkillIds]);
        assert_eq!(with_skills(json!([""])), [Rule::SkillIds]);
        assert_eq!(with_skills(json!("sk-billing")), [Rule::SkillIds]);
    }

    #[test]
    fn an_attribute_key_needs_a_known_prefix_and_a_name() {
        assert_eq!(attribute("tenantRefId", json!("x")), [Rule::AttributePrefix]);
        assert_eq!(attribute("String:tenantRefId", json!("x")), [Rule::AttributePrefix]);
        assert_eq!(attribute("string:", json!("x")), [Rule::AttributeName]);
    }

    #[test]
    fn an_attribute_value_has_its_prefixs_type() {
        for (key, value) in [
            ("string:a", json!(1)),
            ("number:a", json!("1")),
            ("boolean:a", json!("true")),
            ("date:a", json!(1_715_783_400)),
            ("string:a", json!(null)),
            ("string:a", json!({})),
        ] {
            assert_eq!(attribute(key, value.clone()), [Rule::AttributeType], "{key} {value}");
        }
    }

    #[test]
    fn a_string_is_measured_in_characters_not_bytes() {
        assert_eq!(attribute("string:a", json!("ü".repeat(255))), []);
        assert_eq!(attribute("string:a", json!("u".repeat(256))), [Rule::AttributeLength]);
    }

    #[test]
    fn a_date_is_iso_8601() {
        for good in ["2024-05-15", "2024-05-15T14:30:00Z", "2024-05-15T14:30:00.123+02:00", "2024-05-15T14:30:00"] {
            assert_eq!(attribute("date:a", json!(good)), [], "{good}");
        }
        for bad in
            ["", "15/05/2024", "2024-13-01", "2024-02-30", "2024-05-15 14:30:00Z", "2024-05-15T25:00:00Z", "May 15"]
        {
            assert_eq!(attribute("date:a", json!(bad)), [Rule::AttributeDate], "{bad}");
        }
    }

    #[test]
    fn a_pointer_escapes_its_segments() {
        assert_eq!(pointer(&["attributes", "a/b~c"]), "/attributes/a~1b~0c");
    }
}
