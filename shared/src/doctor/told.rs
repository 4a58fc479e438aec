//! The few fields of CXone's answers that are told, each held to its own form: whatever else stands in its place is
//! somebody's data.

use std::time::Duration;

use url::Url;
use uuid::Uuid;

use crate::{
    dialects::{HttpReply, Unread},
    domain::{pii, time::Timestamp},
};

/// Characters of free text that are told.
const LONGEST: usize = 200;

/// Digits of a number that is told: more could be a phone number.
const DIGITS: usize = 9;

/// Digits of a contact's id, the longest that is known having 18.
const CONTACT_DIGITS: usize = 20;

/// What is said of a field that is none.
const UNREADABLE: &str = "(not in its form)";

/// Free text: masked, cut, and on one line.
pub(super) fn text(text: &str) -> String {
    let masked = pii::redact(text);
    let plain = masked.chars().map(|char| if char.is_control() { ' ' } else { char });
    plain.take(LONGEST).collect()
}

/// A short name of machines: letters, digits, `-`, `_` and `.`.
pub(super) fn code(code: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if code.len() <= 40 && code.bytes().all(plain) { text(code) } else { UNREADABLE.to_owned() }
}

/// A number of CXone's: a skill's, a business unit's.
pub(super) fn number(number: &str) -> String {
    let fits = number.len() <= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    if fits { number.to_owned() } else { UNREADABLE.to_owned() }
}

/// The id of a contact.
pub(super) fn contact(id: &str) -> String {
    let fits = (1..=CONTACT_DIGITS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if fits { id.to_owned() } else { UNREADABLE.to_owned() }
}

/// A tenant's id.
pub(super) fn tenant(id: &str) -> String {
    Uuid::try_parse(id).map_or_else(|_| UNREADABLE.to_owned(), |id| id.to_string())
}

/// A URL's scheme, host and port: its path and query may hold anything.
pub(super) fn origin(url: &str) -> String {
    let origin = Url::parse(url).ok().filter(Url::has_host).map(|url| url.origin().ascii_serialization());
    origin.map_or_else(|| UNREADABLE.to_owned(), |origin| text(&origin))
}

/// Whether two URLs have one origin.
pub(super) fn same_origin(one: &str, other: &str) -> bool {
    let origin = |url| Url::parse(url).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| origin(other) == Some(one))
}

/// The status of an answer, or what there is in its place.
pub(super) fn status(reply: &HttpReply) -> String {
    match reply {
        HttpReply::Answered(response) => response.status.to_string(),
        HttpReply::Silence => "no answer in time".to_owned(),
        HttpReply::Unreachable => "no connection".to_owned(),
    }
}

/// Why something can't be read.
pub(super) fn unread(unread: &Unread) -> String {
    match unread {
        Unread::Status(status) => status.to_string(),
        Unread::Unanswered => "no answer".to_owned(),
        Unread::NotJson | Unread::Partly | Unread::AnotherQueue | Unread::Schema(_) => {
            "an answer that can't be read".to_owned()
        }
    }
}

/// A length of time, in the largest unit that says it well.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

/// How long it was from one time to another, in milliseconds.
pub(super) fn millis(from: Timestamp, to: Timestamp) -> String {
    format!("{} ms", to.since(from).as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_is_masked_cut_and_on_one_line() {
        assert_eq!(text("call +1 555 010 9876\nor pat@example.com"), "call [redacted] or [redacted]");
        assert_eq!(text(&"é".repeat(500)).chars().count(), LONGEST);
    }

    #[test]
    fn what_is_not_in_its_form_is_not_told() {
        assert_eq!((code("C31").as_str(), code("Pat Doe").as_str()), ("C31", UNREADABLE));
        assert_eq!(code("tel-15550109876"), "tel-[redacted]");
        assert_eq!((number("4400001").as_str(), number("15550109876").as_str()), ("4400001", UNREADABLE));
        assert_eq!(contact("12345678901234567890"), "12345678901234567890");
        for none in ["", "123456789012345678901", "12a", "PatDoe"] {
            assert_eq!(contact(none), UNREADABLE, "{none}");
        }
        assert_eq!(tenant("Pat Doe"), UNREADABLE);
        assert_eq!(tenant("11eb0000-0000-4000-8000-000000000001"), "11eb0000-0000-4000-8000-000000000001");
        assert_eq!(origin("https://u:p@api.nicecxone.com:8443/x?token=y"), "https://api.nicecxone.com:8443");
        assert_eq!(origin("mailto:pat@example.com"), UNREADABLE);
    }

    #[test]
    fn origins_are_the_same_whatever_their_paths() {
        assert!(same_origin("https://a.example/x", "https://a.example:443"));
        assert!(!same_origin("https://a.example", "http://a.example") && !same_origin("x", "x"));
    }
}
