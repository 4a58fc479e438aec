//! What a work item carries: one compact JSON object, sent as a text (docs/real-tenant.md#payload).
//!
//! The API takes so many bytes of it, and has no field for most of what a contact is. So everything is in here, for the
//! script to read, and its length is known before anything is sent.

use serde_json::{Map, Number, Value, json};

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
    let text = || WIDEST.repeat(route.longest_text);
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
            attributes: attributes.collect(),
        };
        of(&contact, Priority::MAX, route.name(), &event).to_string().len()
    };
    let flattened = route.flatten.as_ref().map(|_| text().len() + FLATTENED_NAME);
    Payload { largest: length(false), cut: length(true), flattened, limit }
}

/// The contact with a payload of at most so many bytes: texts that may be cut are cut, the longest first.
///
/// # Errors
/// [`Problem`] where nothing more may be cut.
pub(super) fn fitted(mut contact: Contact, route: &Route, event: &Submitted, bytes: usize) -> Result<Contact, Problem> {
    let cuttable: Vec<_> = route.attributes.iter().filter(|rule| rule.overflow == Overflow::Truncate).collect();
    loop {
        let length = of(&contact, Priority::MAX, route.name(), event).to_string().len();
        let Some(excess) = length.checked_sub(bytes).filter(|excess| *excess > 0) else { return Ok(contact) };
        let keys = cuttable.iter().map(|rule| &rule.key);
        let longest = keys.filter_map(|key| Some((key, text_of(&contact, key)?.len()))).max_by_key(|(_, long)| *long);
        let Some((key, length)) = longest.filter(|(_, long)| *long > 0) else {
            return Err(too_long(bytes, route));
        };
        cut(&mut contact, key, length.saturating_sub(excess.max(1)));
    }
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
