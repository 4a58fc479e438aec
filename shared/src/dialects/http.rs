//! What a dialect hands to the transport, and what it gets back.

use std::{
    borrow::Cow,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use secrecy::SecretString;
use serde_json::Value;

use crate::domain::{retry_after::RetryAfter, time::Timestamp};

/// Bytes that are kept of a body in plain words: an error's sentence is shorter, and a gateway's page says nothing.
const LONGEST_WORDS: usize = 1024;

/// A request. It may hold credentials and anybody's data, so it has no `Debug`.
pub struct HttpRequest<'r> {
    /// The URL that it goes to, or below; nothing for the API's own, which the transport knows.
    pub base: Option<Cow<'r, str>>,
    /// The segments of the path below that URL, as they are before they are encoded.
    pub path: Vec<Cow<'static, str>>,
    /// The members of its query, as they are before they are encoded.
    pub query: Vec<(&'static str, Cow<'r, str>)>,
    /// Under whose right it goes.
    pub authorization: Authorization<'r>,
    /// Its other headers.
    pub headers: Vec<(&'static str, String)>,
    /// What it is.
    pub content: Content<'r>,
}

impl<'r> HttpRequest<'r> {
    /// A request to the API itself, under no right.
    pub fn new(path: Vec<Cow<'static, str>>, content: Content<'r>) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { base: None, path, query, authorization: Authorization::None, headers, content }
    }
}

/// A request's `Authorization` header.
#[derive(Clone, Copy)]
pub enum Authorization<'r> {
    /// It has none.
    None,
    /// An access token.
    Bearer(&'r SecretString),
    /// A name and a password, each as it is (RFC 7617).
    Basic(&'r str, &'r SecretString),
}

/// A request's method, with the body that comes with it.
pub enum Content<'r> {
    /// A GET, which has none.
    Get,
    /// A POST of JSON.
    PostJson(Value),
    /// A PUT of JSON.
    PutJson(Value),
    /// A POST of a form: its members.
    PostForm(Vec<(&'static str, Cow<'r, str>)>),
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
    /// When its server says that it was made, to the second.
    pub date: Option<Timestamp>,
    /// Its body, where that is JSON.
    pub body: Option<Value>,
    /// What it says in plain words: a body that isn't JSON, and CXone's own header for it. They are free text, and to
    /// be compared with, never shown.
    pub words: String,
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
    /// Reads an answer: its status, the text of its `Retry-After`, and its body.
    pub fn new(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Self {
        let retry_after = retry_after.and_then(|text| RetryAfter::parse(text, now));
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let plain = if json.is_none() { &body[..body.len().min(LONGEST_WORDS)] } else { &[] };
        let words = String::from_utf8_lossy(plain).into_owned();
        Self { status, retry_after, date: None, body: json, words }
    }

    /// The same with the text of its `Date`; any text but an HTTP date is none.
    #[must_use]
    pub fn dated(mut self, text: &str) -> Self {
        let since_epoch = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok()?.as_millis().try_into().ok();
        self.date = httpdate::parse_http_date(text.trim()).ok().and_then(since_epoch).map(Timestamp::from_millis);
        self
    }

    /// The same with what a header says of its status.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        self.words.extend([" ", description]);
        self
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
    fn what_is_not_json_is_kept_in_words_and_so_is_a_description() {
        let words = |body: &[u8]| HttpResponse::new(400, None, body, Timestamp::from_millis(0)).words;
        assert_eq!((words(br#"{"error": "x"}"#), words(b"No way").as_str()), (String::new(), "No way"));
        assert_eq!(words(&[b'a'; 5000]).len(), LONGEST_WORDS);
        let response = HttpResponse::new(400, None, b"", Timestamp::from_millis(0)).described("Not valid");
        assert_eq!(response.words, " Not valid");
    }

    #[test]
    fn a_date_is_read_in_the_form_of_http_alone() {
        let date = |text: &str| HttpResponse::new(200, None, b"", Timestamp::from_millis(0)).dated(text).date;
        let noon = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z");
        assert_eq!(date("Sun, 01 Mar 2026 12:00:00 GMT"), noon);
        assert_eq!([date("2026-03-01T12:00:00Z"), date("1772366400"), date("")], [None; 3]);
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
