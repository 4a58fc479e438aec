//! The faults of this face.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::Endpoint;
use crate::config::RetryAfterForm;
use crate::fault::{Addition, Combining};
use crate::tenant::HttpAnswer;

/// One thing that goes wrong at one endpoint of this face. [`Effect::Delay`] and [`Effect::RevokeTokens`] combine.
pub type Fault = crate::fault::Fault<Endpoint, Effect>;

/// The text of CXone for a point of contact that it doesn't take.
pub(crate) const POINT_OF_CONTACT: &str = "Point of contact is not valid for this business unit.";
/// The text of CXone for a payload that is too long.
pub(crate) const PAYLOAD: &str = "Payload size exceeded the configured limit for the business unit.";
/// The text of CXone for a business unit that holds as many work items as it may.
pub(crate) const PORT_LIMIT: &str = "Number of queued work items exceeded port limit for this business unit";

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// The request is processed on arrival and answered so much later, in real time.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// Every token issued so far is revoked before the request is looked at.
    RevokeTokens,
    /// The connection is reset, nothing was processed.
    ResetBefore,
    /// The request is processed, then the connection is reset: the answer is lost.
    ResetAfter,
    /// No answer, nothing processed; the connection is reset after so long, in real time.
    HangBefore {
        /// How long.
        milliseconds: u64,
    },
    /// The request is processed and never answered; the connection is reset after so long, in real time.
    HangAfter {
        /// How long.
        milliseconds: u64,
    },
    /// A connection that was kept alive is closed in order as a POST arrives on it; nothing is processed. It waits for
    /// such a POST and lets every other request pass.
    CloseReused,
    /// Another answer than the endpoint's own.
    Answer(Instead),
    /// A redirect, which a client of this API must not follow. Nothing is processed.
    Redirect {
        /// The HTTP status, such as 302 or 307.
        status: u16,
        /// The `Location`.
        location: String,
    },
    /// The request is processed, and a member of its successful JSON answer is another or missing.
    Member {
        /// The member, by its JSON pointer, such as `/api_endpoint` or `/skillActivity/0/isActive`.
        pointer: String,
        /// Its value; without one it goes.
        #[serde(default)]
        value: Option<Value>,
    },
    /// A grant's token claims `iat` and `exp` so much later, or earlier below 0, than they are.
    SkewedClaims {
        /// Seconds.
        seconds: i64,
    },
}

/// Another answer than the endpoint's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instead {
    /// The HTTP status.
    pub status: u16,
    /// The code of an error in JSON, such as `invalid_grant`.
    #[serde(default)]
    pub error: Option<String>,
    /// The words. Without them and without a code there is no body.
    #[serde(default)]
    pub text: Option<String>,
    /// Where the words stand.
    #[serde(default)]
    pub form: TextForm,
    /// Seconds for `Retry-After`, in the form that the rate limit is configured with.
    #[serde(default)]
    pub retry_after_seconds: Option<u64>,
    /// Whether the request is processed all the same: a 500 whose contact exists.
    #[serde(default)]
    pub processed: bool,
}

/// Where the words of an answer stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextForm {
    /// `error_description` of a JSON object.
    #[default]
    Json,
    /// The header `icStatusDescription`; the body is empty.
    StatusDescription,
    /// An HTML page.
    Html,
    /// Plain text.
    Plain,
}

impl Effect {
    /// A status without a body, nothing processed.
    pub fn bare(status: u16) -> Self {
        Self::Answer(Instead::new(status))
    }

    /// The request is processed, and this status comes without a body: 202, or 500 and the contact exists.
    pub fn accepted_then(status: u16) -> Self {
        Self::Answer(Instead { processed: true, ..Instead::new(status) })
    }

    /// A page of a gateway, nothing processed.
    pub fn html(status: u16) -> Self {
        Self::Answer(Instead::new(status).with_text("Bad gateway", TextForm::Html))
    }

    /// A code of OAuth, nothing issued.
    pub fn oauth(status: u16, error: &str) -> Self {
        Self::Answer(Instead { error: Some(error.to_owned()), ..Instead::new(status) })
    }

    /// 400: the point of contact isn't valid.
    pub fn point_of_contact(form: TextForm) -> Self {
        Self::Answer(Instead::new(400).with_text(POINT_OF_CONTACT, form))
    }

    /// 400: the payload is too long.
    pub fn payload(form: TextForm) -> Self {
        Self::Answer(Instead::new(400).with_text(PAYLOAD, form))
    }

    /// 429: the business unit holds as many work items as it may.
    pub fn port_limit(form: TextForm) -> Self {
        Self::Answer(Instead::new(429).with_text(PORT_LIMIT, form))
    }

    /// 429 with `Retry-After`.
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::Answer(Instead { retry_after_seconds: Some(retry_after_seconds), ..Instead::new(429) })
    }

    /// Another value of a member, by its JSON pointer, or none.
    pub fn member(pointer: &str, value: Option<Value>) -> Self {
        Self::Member { pointer: pointer.to_owned(), value }
    }
}

impl Combining for Effect {
    fn addition(&self) -> Option<Addition> {
        match self {
            Self::Delay { milliseconds } => Some(Addition::Delay { milliseconds: *milliseconds }),
            Self::RevokeTokens => Some(Addition::RevokeTokens),
            _ => None,
        }
    }
}

impl Instead {
    fn new(status: u16) -> Self {
        Self { status, error: None, text: None, form: TextForm::Json, retry_after_seconds: None, processed: false }
    }

    fn with_text(self, text: &str, form: TextForm) -> Self {
        Self { text: Some(text.to_owned()), form, ..self }
    }

    pub(crate) fn render(&self, now_ms: u64, retry_after: RetryAfterForm) -> HttpAnswer {
        let answer = said(self.status, self.error.as_deref(), self.text.as_deref(), self.form);
        match self.retry_after_seconds {
            Some(seconds) => answer.with_retry_after(retry_after, now_ms, seconds.saturating_mul(1000)),
            None => answer,
        }
    }
}

/// An answer with a code and words, each where there is one.
pub(crate) fn said(status: u16, error: Option<&str>, text: Option<&str>, form: TextForm) -> HttpAnswer {
    let of = |media_type: &str, body: String| HttpAnswer {
        status,
        headers: vec![("content-type", media_type.to_owned())],
        body,
    };
    let empty = HttpAnswer { status, headers: Vec::new(), body: String::new() };
    match (form, error, text) {
        (_, None, None) => empty,
        (TextForm::StatusDescription, _, text) => {
            empty.with_header("icstatusdescription", text.unwrap_or_default().to_owned())
        }
        (TextForm::Html, _, text) => of("text/html", format!("<!doctype html><h1>{}</h1>", text.unwrap_or_default())),
        (TextForm::Plain, _, text) => of("text/plain", text.unwrap_or_default().to_owned()),
        (TextForm::Json, error, text) => {
            let members = [("error", error), ("error_description", text)];
            let body = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
            HttpAnswer::json(status, &Value::Object(body))
        }
    }
}

/// Changes or drops a member of a successful JSON answer; where there is none of that name, adds it.
pub(crate) fn edited(mut answer: HttpAnswer, pointer: &str, value: Option<&Value>) -> HttpAnswer {
    let mut body = answer.json_body();
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if !(200..300).contains(&answer.status) || answer.body.is_empty() {
        return answer;
    }
    match (body.pointer_mut(parent), value) {
        (Some(Value::Object(members)), Some(value)) => drop(members.insert(name.to_owned(), value.clone())),
        (Some(Value::Object(members)), None) => drop(members.remove(name)),
        (Some(Value::Array(_)), Some(value)) => {
            if let Some(member) = body.pointer_mut(pointer) {
                *member = value.clone();
            }
        }
        _ => {}
    }
    answer.body = body.to_string();
    answer
}
