//! What a work item carries: one compact JSON object, sent as a text (docs/real-tenant.md#payload).
//!
//! The API takes so many bytes of it, and has no field for most of what a contact is. So everything is in here, for the
//! script to read, and its length is known before anything is sent.

use serde_json::{Map, Number, Value, json};

use super::FACTS;
use crate::{
    dialects::{Submission, Submitted, survey::Payload},
    domain::{
        attributes::{AttributeKey, AttributeType, AttributeValue},
        contact::Contact,
        idempotency::IdempotencyKey,
        pii,
        problem::Problem,
        reason::DeadLetterReason,
        routes::{Overflow, Priority, Route, Source},
        time::Timestamp,
    },
};

/// The form of the object.
const VERSION: u8 = 1;

/// The payload as it is sent.
pub(super) fn text(submission: &Submission<'_>) -> String {
    value(submission).to_string()
}

/// The payload as an object.
pub(super) fn value(submission: &Submission<'_>) -> Value {
    let &Submission { contact, priority, route, event, .. } = submission;
    of(contact, priority.get(), route, &event)
}

fn of(contact: &Contact, priority: u16, route: &str, event: &Submitted) -> Value {
    let attributes = contact.attributes.iter().map(|(key, value)| (key.name().to_owned(), value.to_json()));
    let mut payload = json!({
        "v": VERSION,
        "key": event.key.to_string(),
        "route": route,
        "priority": priority,
        "to": contact.to,
        "attributes": attributes.collect::<Map<_, _>>(),
    });
    if let Some(number) = &contact.callback_number {
        payload["callbackNumber"] = number.as_str().into();
    }
    if let Some(expires) = event.expires {
        payload["expiresAt"] = expires.to_string().into();
    }
    payload
}

/// The longest text of one character that a payload may hold: four bytes of UTF-8.
const WIDEST: &str = "\u{10ffff}";

/// Bytes of the longest name that a flattened object is counted with.
const FLATTENED_NAME: usize = 64;

/// The largest payload of a route's contacts: every attribute is there, each text as long as its prefix allows and of
/// characters of four bytes, each constant as it is.
pub(super) fn largest(route: &Route, limit: usize) -> Payload {
    let text = || WIDEST.repeat(FACTS.routes.longest_text);
    let event =
        Submitted { key: IdempotencyKey::of_event("", ""), expires: Some(Timestamp::from_millis(4_102_444_800_000)) };
    let length = |cut: bool| {
        let attributes = route.attributes.iter().map(|rule| {
            let value = match (&rule.source, rule.overflow, rule.key.kind()) {
                (Source::Constant(value), _, _) => value.clone(),
                (_, Overflow::Truncate, AttributeType::String) if cut => AttributeValue::String(String::new()),
                (_, _, AttributeType::String) => AttributeValue::String(text()),
                (_, _, AttributeType::Number) => AttributeValue::Number(Number::from(i64::MIN)),
                (_, _, AttributeType::Boolean) => AttributeValue::Boolean(false),
                (_, _, AttributeType::Date) => AttributeValue::Date("9999-12-31T23:59:59.999999999+23:59".to_owned()),
            };
            (rule.key.clone(), value)
        });
        let number = || "+000000000000000".to_owned();
        let contact = Contact {
            channel: None,
            from: String::new(),
            to: number(),
            callback_number: route.callback_number.as_ref().map(|_| number()),
            wrap_up_code: None,
            text: None,
            attributes: attributes.collect(),
        };
        of(&contact, Priority::MAX, route.name(), &event).to_string().len()
    };
    let flattened = route.flatten.as_ref().map(|_| text().len() + FLATTENED_NAME);
    Payload { largest: length(false), cut: length(true), flattened, limit }
}

/// The contact with texts and a payload that are within their limits, where the mapped one's are not: texts that may be
/// cut are cut, the longest first.
///
/// # Errors
/// [`Problem`] where nothing more may be cut.
pub(super) fn fitted(
    contact: &Contact,
    route: &Route,
    event: &Submitted,
    bytes: usize,
) -> Result<Option<Contact>, Problem> {
    let mut shorter = texts_fitted(contact, route)?;
    loop {
        let now = shorter.as_ref().unwrap_or(contact);
        let length = of(now, Priority::MAX, route.name(), event).to_string().len();
        let Some(excess) = length.checked_sub(bytes).filter(|excess| *excess > 0) else { return Ok(shorter) };
        let keys = cuttable(route);
        let longest = keys.filter_map(|key| Some((key, text_of(now, key)?.len()))).max_by_key(|(_, long)| *long);
        let Some((key, length)) = longest.filter(|(_, long)| *long > 0) else {
            return Err(too_long(bytes, route));
        };
        cut(shorter.get_or_insert_with(|| contact.clone()), key, length.saturating_sub(excess.max(1)));
    }
}

/// The contact with texts of so many characters as an attribute here may have: another target of the route takes more.
fn texts_fitted(contact: &Contact, route: &Route) -> Result<Option<Contact>, Problem> {
    let longest = FACTS.routes.longest_text;
    let mut shorter = None;
    for key in contact.attributes.keys() {
        let Some(text) = text_of(contact, key) else { continue };
        let Some((end, _)) = text.char_indices().nth(longest) else { continue };
        if !cuttable(route).any(|other| other == key) {
            let rule = format!("{key} is longer than {longest} characters (route {})", route.name());
            return Err(Problem::new(DeadLetterReason::InvalidAttribute, rule).on(key));
        }
        cut(shorter.get_or_insert_with(|| contact.clone()), key, end);
    }
    Ok(shorter)
}

/// The attributes whose texts may be cut.
fn cuttable(route: &Route) -> impl Iterator<Item = &AttributeKey> {
    route.attributes.iter().filter(|rule| rule.overflow == Overflow::Truncate).map(|rule| &rule.key)
}

fn text_of<'c>(contact: &'c Contact, key: &AttributeKey) -> Option<&'c str> {
    match contact.attributes.get(key)? {
        AttributeValue::String(text) => Some(text),
        AttributeValue::Number(_) | AttributeValue::Boolean(_) | AttributeValue::Date(_) => None,
    }
}

/// Cuts a text between two characters. A cut may leave a card number where there was a longer number that is none: then
/// nothing is left of the text.
fn cut(contact: &mut Contact, key: &AttributeKey, bytes: usize) {
    let Some(AttributeValue::String(text)) = contact.attributes.get_mut(key) else { return };
    let holds_none = |text: &str| pii::guard(text) == text;
    let held_none = holds_none(text);
    text.truncate(text.floor_char_boundary(bytes));
    if held_none && !holds_none(text) {
        text.clear();
    }
}

fn too_long(bytes: usize, route: &Route) -> Problem {
    let rule = format!("the payload is longer than {bytes} bytes, and no attribute may be cut further");
    Problem::new(DeadLetterReason::InvalidAttribute, format!("{rule} (route {})", route.name()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        dialects::nice,
        domain::{
            attributes::Schema,
            event::Event,
            mapping::{ComplianceBoundary, map},
            routes::Routes,
        },
    };

    /// The contact of an event with these notes, fitted into so many bytes.
    fn fit(notes: &[&str], bytes: usize) -> (Result<Contact, Problem>, Submitted, Routes) {
        let rules = ["a", "b"].map(|name| {
            let rule = json!({"path": format!("$.{name}"), "overflow": "truncate", "pii": "keep"});
            (format!("string:{name}"), rule)
        });
        let mut attributes: Map<_, _> = rules.into_iter().collect();
        attributes.insert("string:whole".to_owned(), json!({"path": "$.whole"}));
        let route = json!({
            "name": "r", "match": {"type": "t"}, "priority": {"default": 5},
            "targets": [{"workItem": {"pointOfContact": "Orders"}}],
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"}, "attributes": attributes,
        });
        let routes = Routes::from_json(json!({"routes": [route]}).to_string(), nice::FACTS.routes).unwrap();
        let members = ["a", "b", "whole"].iter().zip(notes);
        let data: Map<_, _> = members.map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let event = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data});
        let event = Event::parse(&event.to_string()).unwrap();
        let submitted = Submitted::from(event.identity());
        let route = routes.iter().next().unwrap();
        let contact = map(route, &event, &Schema::unrestricted(), ComplianceBoundary::Inside).unwrap();
        let fitted = fitted(&contact, route, &submitted, bytes).map(|fitted| fitted.unwrap_or(contact));
        (fitted, submitted, routes.clone())
    }

    fn text<'c>(contact: &'c Contact, name: &str) -> &'c str {
        text_of(contact, &format!("string:{name}").parse().unwrap()).unwrap()
    }

    #[test]
    fn the_longest_text_that_may_be_cut_is_cut_first_and_no_more_than_is_needed() {
        let (long, short) = ("x".repeat(200), "y".repeat(100));
        let whole = fit(&[&long, &short], usize::MAX).0.unwrap();
        assert_eq!((text(&whole, "a").len(), text(&whole, "b").len()), (200, 100));
        let (fitted, event, _) = fit(&[&long, &short], usize::MAX);
        let length = of(&fitted.unwrap(), 999, "r", &event).to_string().len();
        for spare in [0, 1, 50] {
            let fitted = fit(&[&long, &short], length - spare).0.unwrap();
            assert_eq!((text(&fitted, "a").len(), text(&fitted, "b").len()), (200 - spare, 100));
        }
        let problem = fit(&["", "", &long], length - 250).0.unwrap_err();
        assert_eq!((problem.code, problem.attribute), (DeadLetterReason::InvalidAttribute, None));
        assert!(problem.message.contains("(route r)"), "{}", problem.message);
    }

    #[test]
    fn a_cut_makes_no_card_number_of_a_longer_number() {
        // Nineteen digits that are no card's, and the first sixteen of them are one's.
        let number = "4111111111111111000";
        let (fitted, event, _) = fit(&[number], usize::MAX);
        let whole = fitted.unwrap();
        assert_eq!(text(&whole, "a"), number);
        let length = of(&whole, 999, "r", &event).to_string().len();
        assert_eq!(text(&fit(&[number], length - 3).0.unwrap(), "a"), "");
    }

    proptest! {
        #[test]
        fn what_fits_is_within_its_bytes_whatever_its_texts_hold(
            notes in prop::collection::vec("\\PC{0,255}|[\"\\\\\n]{0,200}", 2), bytes in 150_usize..900,
        ) {
            let notes: Vec<_> = notes.iter().map(String::as_str).collect();
            let (fitted, event, routes) = fit(&notes, bytes);
            if let Ok(contact) = fitted {
                let route = routes.iter().next().unwrap();
                let sent = of(&contact, Priority::MAX, route.name(), &event).to_string();
                prop_assert!(sent.len() <= bytes);
                prop_assert!(serde_json::from_str::<Value>(&sent).is_ok());
            } else {
                prop_assert!(bytes < 200, "what may be cut to nothing always fits");
            }
        }
    }
}
