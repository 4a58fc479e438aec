//! A message as it comes in, with all that it may hold.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::body::{Object, Type, wrong};
use super::settings::CustomField;
use crate::nice::Rule;
use crate::nice::violations::Refusal;

const MESSAGE: [(&str, Type); 13] = [
    ("idOnExternalPlatform", Type::Text),
    ("direction", Type::Text),
    ("thread", Type::Object),
    ("messageContent", Type::Object),
    ("createdAtWithMilliseconds", Type::Text),
    ("authorEndUserIdentity", Type::Object),
    ("contact", Type::Object),
    ("recipients", Type::List),
    ("url", Type::Text),
    ("tagIds", Type::List),
    ("attachments", Type::List),
    ("externalAttributes", Type::Object),
    ("isReplyToSpecificMessage", Type::Flag),
];
const THREAD: [(&str, Type); 2] = [("idOnExternalPlatform", Type::Text), ("threadName", Type::Text)];
const CONTENT: [(&str, Type); 4] =
    [("type", Type::Text), ("payload", Type::Object), ("fallbackText", Type::Text), ("postback", Type::Text)];
const PAYLOAD: [(&str, Type); 1] = [("text", Type::Text)];
const AUTHOR: [(&str, Type); 6] = [
    ("idOnExternalPlatform", Type::Text),
    ("firstName", Type::Text),
    ("lastName", Type::Text),
    ("nickname", Type::Text),
    ("image", Type::Text),
    ("customFields", Type::List),
];
const CONTACT: [(&str, Type); 1] = [("customFields", Type::List)];
const FIELD: [(&str, Type); 2] = [("ident", Type::Text), ("value", Type::Text)];
const RECIPIENT: [(&str, Type); 4] =
    [("idOnExternalPlatform", Type::Text), ("name", Type::Text), ("isPrimary", Type::Flag), ("isPrivate", Type::Flag)];
/// The most characters of a custom field's `ident`.
const IDENT_LENGTH: usize = 255;
/// The most characters of a custom field's value.
const VALUE_LENGTH: usize = 1024;
/// The length of a date and a time without milliseconds and offset.
const DATE_TIME_LENGTH: usize = 19;

/// What this face acts on of a message.
#[derive(Debug)]
pub(crate) struct Inbound<'a> {
    pub(crate) id: &'a str,
    pub(crate) thread_id: &'a str,
    pub(crate) created_at: &'a str,
    /// The custom fields of the contact with their values.
    pub(crate) fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Inbound<'a> {
    /// Reads the body of a message strictly.
    ///
    /// # Errors
    /// A member that isn't known, is missing or is of the wrong form; a custom field that isn't defined.
    pub(crate) fn read(body: &'a Value, defined: &[CustomField]) -> Result<Self, Refusal> {
        let message = Object::read("", body, &MESSAGE)?;
        let id = message.text("idOnExternalPlatform")?;
        message.exactly("direction", "inbound")?;
        let thread_id = message.object("thread", &THREAD)?.text("idOnExternalPlatform")?;
        let content = message.object("messageContent", &CONTENT)?;
        content.exactly("type", "TEXT")?;
        content.object("payload", &PAYLOAD)?.text("text")?;
        let created_at = message.text("createdAtWithMilliseconds")?;
        if !is_instant(created_at) {
            let how = "must be a date and a time with milliseconds and an offset";
            return Err(wrong(&message.place_of("createdAtWithMilliseconds"), how));
        }
        let author = message.object("authorEndUserIdentity", &AUTHOR)?;
        author.text("idOnExternalPlatform")?;
        custom_fields(&author)?;
        for recipient in message.objects("recipients", &RECIPIENT)? {
            recipient.text("idOnExternalPlatform")?;
        }
        let contact = message.optional("contact", &CONTACT)?;
        let fields = contact.as_ref().map(custom_fields).transpose()?.unwrap_or_default();
        fields.iter().try_for_each(|(ident, value)| defined_field(defined, ident, value))?;
        Ok(Self { id, thread_id, created_at, fields })
    }
}

impl Inbound<'_> {
    /// When it was written, to the second.
    pub(crate) fn created_at_seconds(&self) -> String {
        let (second, rest) = self.created_at.split_at(DATE_TIME_LENGTH);
        format!("{second}{}", rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()))
    }
}

/// The custom fields of a contact or an author, each at most once and within the lengths.
fn custom_fields<'a>(owner: &Object<'a>) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    let place = owner.place_of("customFields");
    // An error names the array, not the member of one of its rows.
    let at_array = |refusal: Refusal| refusal.at(place.as_str());
    let mut seen = HashSet::new();
    let mut fields = Vec::new();
    for row in owner.objects("customFields", &FIELD).map_err(at_array)? {
        let ident = row.text("ident").map_err(at_array)?;
        let value = row.mandatory("value").map_err(at_array)?.as_str().unwrap_or_default();
        if ident.chars().count() > IDENT_LENGTH {
            return Err(wrong(&place, &format!("has an ident longer than {IDENT_LENGTH} characters")));
        }
        if value.chars().count() > VALUE_LENGTH {
            return Err(wrong(&place, &format!("has a value of {ident} longer than {VALUE_LENGTH} characters")));
        }
        if !seen.insert(ident) {
            let text = format!("custom field {ident} is given twice");
            return Err(at_array(Refusal::bad(Rule::RepeatedParameter, text)));
        }
        fields.push((ident, value));
    }
    Ok(fields)
}

fn defined_field(defined: &[CustomField], ident: &str, value: &str) -> Result<(), Refusal> {
    let place = "contact.customFields";
    let unknown = || Refusal::bad(Rule::UnknownCustomField, format!("no custom field {ident}")).at(place);
    let field = defined.iter().find(|field| field.ident == ident).ok_or_else(unknown)?;
    if field.takes(value) {
        return Ok(());
    }
    Err(wrong(place, &format!("has a value that {ident} doesn't take")))
}

/// Whether a text is a date and a time of ISO 8601 with exactly three digits of milliseconds and an offset.
fn is_instant(text: &str) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(DATE_TIME_LENGTH) else { return false };
    let Some((milliseconds, offset)) = rest.strip_prefix('.').and_then(|rest| rest.split_at_checked(3)) else {
        return false;
    };
    date_time.as_bytes()[10] == b'T'
        && milliseconds.bytes().all(|digit| digit.is_ascii_digit())
        && (offset == "Z" || offset.starts_with(['+', '-']))
        && !offset.contains('[')
        && text.parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_three_digits_of_milliseconds_and_an_offset() {
        for text in ["2024-05-15T14:30:00.000Z", "2024-05-15T14:30:00.123+02:00", "2024-05-15T14:30:00.999-0430"] {
            assert!(is_instant(text), "{text}");
        }
        for text in [
            "",
            "2024-05-15",
            "2024-05-15T14:30:00Z",
            "2024-05-15T14:30:00.12Z",
            "2024-05-15T14:30:00.1234Z",
            "2024-05-15T14:30:00.123",
            "2024-05-15 14:30:00.123Z",
            "2024-05-15T14:30:00.123Z[UTC]",
            "2024-05-15T25:30:00.123Z",
            "2024-05-15T14:30:00,123Z",
        ] {
            assert!(!is_instant(text), "{text}");
        }
    }
}
