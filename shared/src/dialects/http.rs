//! What a dialect hands to the transport, and what it gets back.

use std::{borrow::Cow, fmt};

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::{retry_after::RetryAfter, time::Timestamp};

/// A request, apart from the host that it goes to. It may hold credentials and anybody's data, so it has no `Debug`.
pub struct HttpRequest<'r> {
    /// The segments of the path below the base URL, as they are before they are encoded.
    pub path: Vec<Cow<'static, str>>,
    /// The token of its `Authorization: Bearer` header.
    pub bearer: Option<&'r SecretString>,
    /// Its other headers.
    pub headers: Vec<(&'static str, String)>,
    /// What it is.
    pub content: Content<'r>,
}

/// A request's method, with the body that comes with it.
pub enum Content<'r> {
    /// A GET, which has none.
    Get,
    /// A POST of JSON.
    PostJson(Value),
    /// A POST of a form: its members.
    PostForm(Vec<(&'static str, &'r str)>),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpReply {
    /// An answer.
    Answered(HttpResponse),
    /// No answer in time, or the connection broke after something was sent.
    Silence,
    /// The connection could not be made, so nothing was sent.
    Unreachable,
}

impl HttpReply {
    /// The answer's status code, where there is one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(response) => Some(response.status),
            Self::Silence | Self::Unreachable => None,
        }
    }
}

/// An HTTP answer, as far as it can be read. Its body may hold a token or anybody's data: its `Debug` shows none of it.
#[derive(Clone, PartialEq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// How long it asks to wait.
    pub retry_after: Option<RetryAfter>,
    /// Its body, where that is JSON.
    pub body: Option<Value>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl HttpResponse {
    /// Reads an answer: its status, the text of its `Retry-After`, and its body. A body that isn't JSON is none.
    pub fn new(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Self {
        Self {
            status,
            retry_after: retry_after.and_then(|text| RetryAfter::parse(text, now)),
            body: serde_json::from_slice(body).ok(),
        }
    }

    /// A member of its body, where that is an object.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.body.as_ref()?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_an_answer_shows_nothing_of_its_body() {
        let response = HttpResponse::new(200, None, br#"{"access_token": "s3cret"}"#, Timestamp::from_millis(0));
        let told = format!("{:?}", HttpReply::Answered(response));
        assert!(told.contains("200") && !told.contains("s3cret"), "{told}");
    }

    #[test]
    fn only_an_answer_has_a_status() {
        let answered = HttpReply::Answered(HttpResponse::new(418, None, b"", Timestamp::from_millis(0)));
        assert_eq!(
            [answered, HttpReply::Silence, HttpReply::Unreachable].map(|reply| reply.status()),
            [Some(418), None, None]
        );
    }
}
