//! From an event to a contact, by the rules of its route.
//!
//! Mapping, masking and the check against the registered schema are one pass, because they depend on each other: the
//! registered length decides where a text is cut, and it is cut only after masking, so that no half of a card number
//! survives. Everything that is wrong is told at once; a sender that learns one mistake per attempt needs many.

mod flatten;

use std::{borrow::Cow, str::FromStr};

use super::{
    attributes::{AttributeKey, AttributeValue, Registration, Schema},
    contact::{Attributes, Contact},
    convert,
    event::Event,
    json::{Kind, Node},
    phone::{self, E164},
    pii,
    problem::Problem,
    reason::DeadLetterReason,
    routes::{AttributeRule, Field, Overflow, Path, PhoneFormat, Pii, Route, Selection, Source},
};

/// Fields that hold free text.
const FREE_TEXTS: [&str; 2] = ["wrapUpCode", "text"];

/// Whether the deployment is inside a HIPAA or PCI-DSS boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComplianceBoundary {
    /// Personal data may pass: what is marked is kept.
    Inside,
    /// Personal data may not pass: what is marked is stripped or masked, and the rest is guarded.
    Outside,
}

/// A word that is neither `inside` nor `outside`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a compliance boundary is either inside or outside")]
pub struct NotABoundary;

/// Makes the contact that the route says, or tells everything that is wrong with the event: at least one problem.
pub fn map(
    route: &Route,
    event: &Event,
    schema: &Schema,
    boundary: ComplianceBoundary,
) -> Result<Contact, Vec<Problem>> {
    let mut mapping = Mapping { route, event, schema, boundary, attributes: Attributes::new(), problems: Vec::new() };
    let from = mapping.field("from", &route.from);
    let to = mapping.field("to", &route.to);
    let callback_number = route.callback_number.as_ref().and_then(|field| mapping.field("callbackNumber", field));
    let wrap_up_code = route.wrap_up_code.as_ref().and_then(|field| mapping.field("wrapUpCode", field));
    for rule in &route.attributes {
        mapping.attribute(rule);
    }
    if let Some(flatten) = &route.flatten {
        mapping.flatten(flatten);
    }
    mapping.demand_required();

    match (from, to) {
        (Some(from), Some(to)) if mapping.problems.is_empty() => Ok(Contact {
            channel: route.channel().map(str::to_owned),
            from,
            to,
            callback_number,
            wrap_up_code,
            text: None,
            attributes: mapping.attributes,
        }),
        _ => Err(mapping.problems),
    }
}

/// What a message to a digital channel says: free text, in which nothing passes a boundary that may not.
///
/// # Errors
/// [`Problem`] where the event has no such text.
pub(crate) fn text_of(
    route: &Route,
    field: &Field,
    event: &Event,
    boundary: ComplianceBoundary,
) -> Result<String, Problem> {
    let schema = &Schema::unrestricted();
    let mut mapping = Mapping { route, event, schema, boundary, attributes: Attributes::new(), problems: Vec::new() };
    let text = mapping.field("text", field);
    text.ok_or_else(|| mapping.problems.pop().unwrap_or_else(|| lacking(route, "text", Some(field), event)))
}

/// A number that an agent is to call, as a target has it written; nothing where it is no international one.
pub(crate) fn called_number(number: &str, format: PhoneFormat) -> Option<String> {
    let international = E164::new(None).ok()?.normalise(number)?;
    match format {
        PhoneFormat::E164 => Some(international),
        PhoneFormat::National => phone::national(&international).map(str::to_owned),
    }
}

/// What an event lacks that one of its route's targets needs.
pub(crate) fn lacking(route: &Route, name: &str, field: Option<&Field>, event: &Event) -> Problem {
    let rule =
        format!("{name} is needed by every target that is left, and the event has none (route {})", route.name());
    let problem = Problem::new(DeadLetterReason::MappingFailed, rule);
    match field.map(|field| &field.source) {
        Some(Source::Path { path, .. }) => problem.at(path.pointer(event)),
        Some(Source::Constant(_)) | None => problem,
    }
}

impl FromStr for ComplianceBoundary {
    type Err = NotABoundary;

    fn from_str(text: &str) -> Result<Self, NotABoundary> {
        match text {
            "inside" => Ok(Self::Inside),
            "outside" => Ok(Self::Outside),
            _ => Err(NotABoundary),
        }
    }
}

/// One event on its way to a contact.
struct Mapping<'a> {
    route: &'a Route,
    event: &'a Event,
    schema: &'a Schema,
    boundary: ComplianceBoundary,
    attributes: Attributes,
    problems: Vec<Problem>,
}

impl<'a> Mapping<'a> {
    /// A field of the contact itself, or nothing: then it is optional and absent, or the reason is noted.
    fn field(&mut self, name: &str, field: &'a Field) -> Option<String> {
        let (path, required, default) = match &field.source {
            Source::Constant(text) => return Some(text.clone()),
            Source::Path { path, required, default } => (path, *required, default),
        };
        let made = match self.select(path) {
            Err(rule) => Err(rule),
            Ok(None) if default.is_some() => return default.clone(),
            Ok(None) if required => Err(Cow::Borrowed("is required, and the event has no value for it")),
            Ok(None) => return None,
            Ok(Some(node)) => text(node.kind(), field.coerce, field.phone),
        };
        let made = made.and_then(|text| if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text) });
        match made {
            // A phone number and an address are what these fields are for; a code is free text.
            Ok(text) if FREE_TEXTS.contains(&name) && self.boundary == ComplianceBoundary::Outside => {
                Some(pii::guard(&text).into_owned())
            }
            Ok(text) => Some(text),
            Err(rule) => {
                let problem = self.problem(DeadLetterReason::MappingFailed, name, &rule);
                self.problems.push(problem.at(path.pointer(self.event)));
                None
            }
        }
    }

    fn attribute(&mut self, rule: &'a AttributeRule) {
        let event = self.event;
        let outside = self.boundary == ComplianceBoundary::Outside;
        if outside && rule.pii == Some(Pii::Strip) {
            return;
        }
        let (path, required, default) = match &rule.source {
            Source::Constant(value) => return self.admit(&rule.key, value.clone(), rule.overflow, kept, || None),
            Source::Path { path, required, default } => (path, *required, default),
        };
        let made = match self.select(path) {
            Err(broken) => Err(broken),
            Ok(None) => match default {
                Some(value) => return self.admit(&rule.key, value.clone(), rule.overflow, kept, || None),
                None if required => Err("is required, and the event has no value for it".into()),
                None => return,
            },
            Ok(Some(node)) => match rule.phone {
                Some(_) => text(node.kind(), rule.coerce, rule.phone).map(AttributeValue::String),
                None => convert::attribute(rule.key.kind(), node.kind(), rule.coerce)
                    .map_err(|error| error.to_string().into()),
            },
        };
        match made {
            Ok(value) => {
                let mask = |value| if outside { masked(value, rule.pii, rule.phone) } else { value };
                self.admit(&rule.key, mask(value), rule.overflow, mask, || Some(path.pointer(event)));
            }
            Err(broken) => {
                let problem = self.problem(DeadLetterReason::MappingFailed, &rule.key, &broken).on(&rule.key);
                self.problems.push(problem.at(path.pointer(self.event)));
            }
        }
    }

    /// Takes a value that was made, if the registered schema takes it; `mask` is what was done to it before.
    fn admit(
        &mut self,
        key: &AttributeKey,
        value: AttributeValue,
        overflow: Overflow,
        mask: impl Fn(AttributeValue) -> AttributeValue,
        pointer: impl FnOnce() -> Option<String>,
    ) {
        let broken = match self.schema.registration(key) {
            Registration::Registered(definition) => {
                match fitted(value, definition.length_limit(self.route.longest_text), overflow, mask) {
                    Ok(value) => {
                        self.attributes.insert(key.clone(), value);
                        return;
                    }
                    Err(limit) => (DeadLetterReason::InvalidAttribute, format!("is longer than {limit} characters")),
                }
            }
            Registration::OtherType(definition) => {
                (DeadLetterReason::InvalidAttribute, format!("is registered as a {}", definition.attribute_type))
            }
            Registration::OtherSpelling(definition) => (
                DeadLetterReason::UnregisteredAttribute,
                format!("is not registered; did you mean {}?", definition.prefixed()),
            ),
            Registration::Unregistered => (DeadLetterReason::UnregisteredAttribute, "is not registered".to_owned()),
        };
        let problem = self.problem(broken.0, key, &broken.1).on(key);
        self.problems.push(Problem { pointer: pointer(), ..problem });
    }

    /// Every attribute that is registered as required must be there, unless a problem says already why it isn't.
    fn demand_required(&mut self) {
        for key in self.schema.required() {
            let reported = |problem: &Problem| problem.attribute.as_ref().is_some_and(|name| *name == key.to_string());
            if !self.attributes.contains_key(key) && !self.problems.iter().any(reported) {
                let rule = "is registered as required, and the route makes no value for it";
                let problem = self.problem(DeadLetterReason::InvalidAttribute, key, rule).on(key);
                self.problems.push(problem);
            }
        }
    }

    fn select(&self, path: &Path) -> Result<Option<Node<'a>>, Cow<'static, str>> {
        match path.select(self.event) {
            Selection::Nothing => Ok(None),
            Selection::One(node) => Ok(Some(node)),
            Selection::Several => Err(format!("may have one value, and {} selects several", path.as_str()).into()),
        }
    }

    fn problem(&self, code: DeadLetterReason, subject: impl std::fmt::Display, rule: &str) -> Problem {
        Problem::new(code, format!("{subject} {rule} (route {})", self.route.name()))
    }
}

/// The value as text, a phone number where the rule says so.
fn text(value: Kind<'_>, coerce: bool, phone: Option<E164>) -> Result<String, Cow<'static, str>> {
    let text = convert::text(value, coerce).map_err(|error| error.to_string())?;
    match phone {
        None => Ok(text.into_owned()),
        Some(phone) => phone.normalise(&text).ok_or_else(|| "is not an international phone number".into()),
    }
}

/// What is left of a value outside a compliance boundary. A phone number that the route asked for is no accident.
fn masked(value: AttributeValue, pii: Option<Pii>, phone: Option<E164>) -> AttributeValue {
    match (value, pii) {
        (AttributeValue::String(text), Some(Pii::Redact)) => AttributeValue::String(pii::redact(&text).into_owned()),
        (AttributeValue::String(text), None) if phone.is_none() => {
            AttributeValue::String(pii::guard(&text).into_owned())
        }
        (value, _) => value,
    }
}

/// A value that was not masked.
fn kept(value: AttributeValue) -> AttributeValue {
    value
}

/// The value within its length in characters, or the length that it breaks. A cut may leave a card number where there
/// was a longer one, so that what is left is masked again.
fn fitted(
    value: AttributeValue,
    limit: usize,
    overflow: Overflow,
    mask: impl Fn(AttributeValue) -> AttributeValue,
) -> Result<AttributeValue, usize> {
    let (AttributeValue::String(text) | AttributeValue::Date(text)) = &value else { return Ok(value) };
    let Some((end, _)) = text.char_indices().nth(limit) else { return Ok(value) };
    match (value, overflow) {
        (AttributeValue::String(mut text), Overflow::Truncate) => {
            text.truncate(end);
            let cut = AttributeValue::String(text);
            let masked = mask(cut.clone());
            if masked == cut { Ok(cut) } else { fitted(masked, limit, overflow, mask) }
        }
        _ => Err(limit),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{dialects::guide, domain::routes::Routes};

    /// The contact that a route with one more member makes of an event.
    fn contact(member: &str, rule: &Value, data: &Value, boundary: ComplianceBoundary) -> Contact {
        let route = json!({
            "name": "r", "match": { "type": "t" }, "channel": "voice", "targets": [{ "queueId": "q" }],
            "priority": { "default": 1 }, "from": { "value": "+15550109876" }, "to": { "value": "+15550201234" }, member: rule,
        });
        let routes = Routes::from_json(json!({ "routes": [route] }).to_string(), guide::FACTS.routes).unwrap();
        let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data });
        let event = Event::from_json(&event).unwrap();
        map(routes.select(&event).unwrap(), &event, &Schema::default(), boundary).unwrap()
    }

    #[test]
    fn a_boundary_is_named_by_one_of_two_words() {
        assert_eq!("inside".parse(), Ok(ComplianceBoundary::Inside));
        assert_eq!("outside".parse(), Ok(ComplianceBoundary::Outside));
        assert_eq!("Inside".parse::<ComplianceBoundary>(), Err(NotABoundary));
    }

    #[test]
    fn a_fields_default_stands_in_for_what_the_event_lacks() {
        let rule = json!({ "path": "$.phone", "default": "+15550104321" });
        let callback =
            |data: Value| contact("callbackNumber", &rule, &data, ComplianceBoundary::Outside).callback_number;
        assert_eq!(callback(json!({})).as_deref(), Some("+15550104321"));
        assert_eq!(callback(json!({ "phone": "+15550100000" })).as_deref(), Some("+15550100000"));
    }

    #[test]
    fn a_wrap_up_code_is_free_text_and_a_number_to_call_is_not() {
        let of = |member: &str, boundary| {
            contact(member, &json!({ "path": "$.a" }), &json!({ "a": "ada@example.com" }), boundary)
        };
        assert_eq!(of("wrapUpCode", ComplianceBoundary::Outside).wrap_up_code.as_deref(), Some("[redacted]"));
        assert_eq!(of("wrapUpCode", ComplianceBoundary::Inside).wrap_up_code.as_deref(), Some("ada@example.com"));
        assert_eq!(
            of("callbackNumber", ComplianceBoundary::Outside).callback_number.as_deref(),
            Some("ada@example.com")
        );
    }
}
