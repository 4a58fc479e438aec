//! What is kept of one dead letter: nothing of its body but who sent it.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use contact_injection::domain::event::{Event, Identity};
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::domain::lane::Lane;
use contact_injection::domain::reason::DeadLetterReason;
use contact_injection::domain::time::Timestamp;
use serde::Deserialize as _;
use serde::de::value::{Error as NoReason, StrDeserializer};
use serde_json::{Value, json};

use crate::answer::plain;

/// Stands for what a letter doesn't have: the reason of one that SQS itself moved, the route of one without a record.
pub(crate) const NOTHING: &str = "-";
/// Stands for a reason that this program doesn't know.
pub(crate) const OTHER: &str = "other";

/// A dead letter.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// SQS's id of the message.
    pub(crate) message_id: String,
    /// Why it is here.
    pub(crate) reason: Option<DeadLetterReason>,
    /// The reason's name, or what stands for it.
    pub(crate) reason_name: &'static str,
    /// Its event's key, where it has an identity.
    pub(crate) key: Option<IdempotencyKey>,
    /// Where its event comes from, where that can be read.
    pub(crate) source: Option<String>,
    /// When it was dead-lettered; for one that SQS itself moved, when it was sent.
    pub(crate) at: Option<Timestamp>,
    /// When it was sent to this queue; for one that SQS itself moved, to the contact queue.
    pub(crate) sent: Option<Timestamp>,
    /// The message that failed.
    pub(crate) source_message: Option<String>,
    /// The queue that it failed in, where there are several.
    pub(crate) source_queue: Option<String>,
    /// The ledger's route, once it was asked.
    pub(crate) route: Option<String>,
    /// The lane that the ledger knows its event by, once it was asked.
    pub(crate) lane: Option<Lane>,
    detail: Option<String>,
    attempts: Option<String>,
    http_status: Option<String>,
}

impl Letter {
    /// Reads a message, and keeps nothing of its body but its event's key and source.
    pub(crate) fn read(message: &Message) -> Self {
        let attribute = |name: &str| message.message_attributes()?.get(name)?.string_value().map(plain);
        let sent = message.attributes().and_then(|system| system.get(&MessageSystemAttributeName::SentTimestamp));
        let sent = sent.and_then(|sent| sent.parse().ok()).map(Timestamp::from_millis);
        let identity = identity(message.body().unwrap_or_default());
        let of_identity = identity.as_ref().map(|event| IdempotencyKey::of_event(event.source(), event.id()));
        let name = attribute("failureReason");
        let reason = name.as_deref().and_then(reason);
        Self {
            message_id: message.message_id().unwrap_or_default().to_owned(),
            reason,
            // Never the text itself, which may be somebody else's.
            reason_name: match (reason, name) {
                (Some(reason), _) => reason.as_str(),
                (None, Some(_)) => OTHER,
                (None, None) => NOTHING,
            },
            key: of_identity.or_else(|| IdempotencyKey::parse(&attribute("idempotencyKey")?)),
            source: identity.map(|identity| identity.source().to_owned()),
            at: attribute("failedAt").and_then(|at| Timestamp::parse_rfc3339(&at)).or(sent),
            sent,
            source_message: attribute("sourceMessageId"),
            source_queue: attribute("sourceQueue"),
            route: None,
            lane: None,
            detail: reason.and_then(|_| attribute("failureDetail")),
            attempts: number(attribute("attempts")),
            http_status: number(attribute("httpStatus")),
        }
    }

    /// When, which, and in words why.
    pub(crate) fn line(&self) -> String {
        let or_nothing = |value: Option<&str>| value.unwrap_or(NOTHING).to_owned();
        format!(
            "{}  key {}  attempts {}  http {}  {}",
            self.at.map_or_else(|| NOTHING.to_owned(), |at| at.to_string()),
            self.key.map_or_else(|| NOTHING.to_owned(), |key| key.to_string()),
            or_nothing(self.attempts.as_deref()),
            or_nothing(self.http_status.as_deref()),
            or_nothing(self.detail.as_deref()),
        )
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "reason": self.reason_name,
            "detail": self.detail,
            "idempotencyKey": self.key.map(|key| key.to_string()),
            "failedAt": self.at.map(|at| at.to_string()),
            "attempts": self.attempts.as_deref().and_then(|number| number.parse::<u64>().ok()),
            "httpStatus": self.http_status.as_deref().and_then(|number| number.parse::<u16>().ok()),
            "route": self.route,
            "messageId": self.message_id,
        })
    }
}

fn identity(body: &str) -> Option<Identity> {
    match Event::parse(body) {
        Ok(event) => Some(event.identity().clone()),
        Err(malformed) => malformed.identity,
    }
}

fn reason(name: &str) -> Option<DeadLetterReason> {
    DeadLetterReason::deserialize(StrDeserializer::<NoReason>::new(name)).ok()
}

/// A text that is a number and nothing else.
fn number(text: Option<String>) -> Option<String> {
    text.filter(|text| text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_sqs::types::MessageAttributeValue;

    use super::*;

    pub(crate) fn message(id: &str, body: &str, attributes: &[(&str, &str)]) -> Message {
        let attribute = |(name, value): &(&str, &str)| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build().unwrap();
            ((*name).to_owned(), value)
        };
        let attributes = attributes.iter().map(attribute).collect();
        Message::builder().message_id(id).body(body).set_message_attributes(Some(attributes)).build()
    }

    fn body(source: &str, id: &str) -> String {
        json!({"specversion": "1.0", "id": id, "source": source, "type": "t", "data": {"name": "Pat Doe"}}).to_string()
    }

    #[test]
    fn a_letter_is_known_by_its_events_identity_and_keeps_nothing_else_of_it() {
        let attributes = [
            ("failureReason", "no-route"),
            ("failedAt", "2026-03-01T12:00:00Z"),
            ("idempotencyKey", "00000000-0000-0000-0000-000000000000"),
        ];
        let letter = Letter::read(&message("m-1", &body("/crm/emea", "1"), &attributes));
        assert_eq!(letter.key, Some(IdempotencyKey::of_event("/crm/emea", "1")));
        assert_eq!((letter.reason_name, letter.source.as_deref()), ("no-route", Some("/crm/emea")));
        assert!(!format!("{letter:?}").contains("Pat Doe"));
    }

    #[test]
    fn an_event_that_is_malformed_still_has_an_identity_where_that_can_be_read() {
        let body = r#"{"specversion": "1.0", "id": "1", "source": "/crm", "type": "t"}"#;
        let letter = Letter::read(&message("m-1", body, &[("failureReason", "malformed-event")]));
        assert_eq!(letter.key, Some(IdempotencyKey::of_event("/crm", "1")));
        let letter = Letter::read(&message("m-1", "no event", &[]));
        assert_eq!((letter.key, letter.reason_name), (None, NOTHING));
    }

    #[test]
    fn words_of_others_in_our_attributes_are_not_shown() {
        let attributes = [("failureReason", "Pat Doe"), ("failureDetail", "Pat Doe"), ("attempts", "Pat Doe")];
        let letter = Letter::read(&message("m-1", "", &attributes));
        assert_eq!(letter.reason_name, OTHER);
        assert!(!(letter.line() + &letter.json().to_string()).contains("Pat Doe"));
    }
}
