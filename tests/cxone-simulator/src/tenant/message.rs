//! What a tenant is asked and what it answers, free of any HTTP library.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::RetryAfterForm;
use crate::validation::Violation;

/// The endpoints of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `POST /oauth/token`.
    Token,
    /// `POST /api/v2/routing/contacts`.
    Contacts,
    /// `GET /api/v2/routing/queues/{queueId}`.
    Queue,
    /// `GET /api/v2/contacts/attributes`.
    Attributes,
    /// Anything else, answered with 404.
    Unknown,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The access token of its `Authorization: Bearer` header.
    pub bearer: Option<String>,
    /// What it asks for.
    pub call: Call,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub enum Call {
    /// A token, by the members of the form in their order.
    Token {
        /// The decoded form.
        form: Vec<(String, String)>,
    },
    /// A contact.
    CreateContact {
        /// `X-Idempotency-Key`.
        key: Option<String>,
        /// `Content-Type`.
        media_type: Option<String>,
        /// The body as sent.
        body: Vec<u8>,
    },
    /// A queue's health.
    QueueHealth {
        /// The queue.
        queue_id: String,
    },
    /// The attribute schema.
    Attributes,
    /// No endpoint of the contract.
    Unknown {
        /// Its method and path.
        target: String,
    },
}

impl Request {
    /// Asks for a token with client credentials; `scope` is separated by spaces.
    pub fn token(client_id: &str, client_secret: &str, scope: &str) -> Self {
        let form = [
            ("client_id", client_id),
            ("client_secret", client_secret),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { bearer: None, call: Call::Token { form } }
    }

    /// Creates a contact.
    pub fn create_contact(bearer: &str, key: &str, body: &Value) -> Self {
        let call = Call::CreateContact {
            key: Some(key.to_owned()),
            media_type: Some("application/json".to_owned()),
            body: body.to_string().into_bytes(),
        };
        Self { bearer: Some(bearer.to_owned()), call }
    }

    /// Reads a queue's health.
    pub fn queue_health(bearer: &str, queue_id: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), call: Call::QueueHealth { queue_id: queue_id.to_owned() } }
    }

    /// Reads the attribute schema.
    pub fn attributes(bearer: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), call: Call::Attributes }
    }

    /// The endpoint that it addresses.
    pub fn endpoint(&self) -> Endpoint {
        match self.call {
            Call::Token { .. } => Endpoint::Token,
            Call::CreateContact { .. } => Endpoint::Contacts,
            Call::QueueHealth { .. } => Endpoint::Queue,
            Call::Attributes => Endpoint::Attributes,
            Call::Unknown { .. } => Endpoint::Unknown,
        }
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The place of the request in the order of arrival.
    pub request: usize,
    /// Real time to wait before the delivery, in milliseconds.
    pub delay_ms: u64,
    /// What the caller gets.
    pub delivery: Delivery,
    /// The contact that this very request created, whatever the caller gets to see of it.
    pub created: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An answer.
    Answer(HttpAnswer),
    /// A connection reset instead of an answer.
    Reset,
    /// Silence, then a reset.
    Hang {
        /// The silence, in milliseconds.
        milliseconds: u64,
    },
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Headers apart from `Content-Length`, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl HttpAnswer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
    }

    /// An error in the simulator's form: `{"error", "message"}`.
    pub(crate) fn error(status: u16, error: &str, message: &str) -> Self {
        Self::json(status, &json!({ "error": error, "message": message }))
    }

    /// An error in OAuth's form (RFC 6749, section 5.2).
    pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "error_description": description }))
    }

    pub(crate) fn violations(violations: &[Violation]) -> Self {
        let message = violations.first().map(ToString::to_string).unwrap_or_default();
        Self::json(400, &json!({ "error": "invalid_payload", "message": message, "violations": violations }))
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After` for `wait_ms` from `now_ms`, in whole seconds rounded up.
    pub(crate) fn with_retry_after(self, form: RetryAfterForm, now_ms: u64, wait_ms: u64) -> Self {
        match form {
            RetryAfterForm::Absent => self,
            RetryAfterForm::Seconds => self.with_header("retry-after", wait_ms.div_ceil(1000).to_string()),
            RetryAfterForm::HttpDate => {
                let at_seconds = now_ms.saturating_add(wait_ms).div_ceil(1000);
                match http_date(at_seconds) {
                    Some(date) => self.with_header("retry-after", date),
                    None => self,
                }
            }
        }
    }

    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` if it is none.
    pub fn json_body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The date as HTTP writes it, as in `Wed, 15 May 2024 14:30:05 GMT`; `None` beyond the year 9999.
pub(crate) fn http_date(unix_seconds: u64) -> Option<String> {
    let timestamp = Timestamp::from_second(i64::try_from(unix_seconds).ok()?).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).ok()
}

/// ISO 8601 with milliseconds in UTC, as in `2024-05-15T14:30:00.000Z`.
pub(crate) fn iso_8601(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", timestamp.unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let answer = HttpAnswer::error(429, "e", "m").with_retry_after(RetryAfterForm::Seconds, 0, 1_001);
        assert_eq!(answer.header("retry-after"), Some("2"));
    }

    #[test]
    fn retry_after_can_be_an_http_date_or_absent() {
        let dated =
            HttpAnswer::error(429, "e", "m").with_retry_after(RetryAfterForm::HttpDate, 1_715_783_400_000, 5_000);
        assert_eq!(dated.header("retry-after"), Some("Wed, 15 May 2024 14:30:05 GMT"));
        let absent = HttpAnswer::error(429, "e", "m").with_retry_after(RetryAfterForm::Absent, 0, 5_000);
        assert_eq!(absent.header("retry-after"), None);
    }

    #[test]
    fn a_created_time_has_milliseconds() {
        assert_eq!(iso_8601(1_715_783_400_000), "2024-05-15T14:30:00.000Z");
    }
}
