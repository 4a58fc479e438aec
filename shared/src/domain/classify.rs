//! What CXone's answer to a POST proves.
//!
//! Strategy follows from proof. An answer that shows that nothing was created lets the event go elsewhere; an answer,
//! or a silence, that leaves it open binds the event to its key until CXone says more. The table of statuses is
//! docs/wire.md#contact-answers.

use std::{fmt, time::Duration};

/// Characters of an error code: longer ones are sentences.
const LONGEST_CODE: usize = 64;

/// A contact that CXone created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedContact {
    /// CXone's id of it.
    pub id: String,
    /// Whether it was created and lost at once: a status of `failed` or `abandoned` (docs/rules.md#lost-contacts).
    pub lost: bool,
}

/// What came of one POST, as the wire showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A 2xx with a contact in it.
    Created(CreatedContact),
    /// Any other answer. For a 2xx, no contact could be read in it.
    Status {
        /// The HTTP status code.
        code: u16,
        /// How long CXone asks to wait.
        retry_after: Option<Duration>,
        /// What is kept of CXone's own words about it; for the dead letter's detail.
        detail: Option<ErrorDetail>,
    },
    /// No answer in time, or the connection broke after something was sent.
    Silence,
    /// The connection could not be made, so nothing was sent.
    Unreachable,
}

/// What is kept of an error's own words: a code, and the names of our own fields that they mention. Their text may hold
/// anybody's data in any form, so none of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The error code, where there is one.
    pub code: Option<ErrorCode>,
    /// Fields of the request that it refuses.
    pub fields: Vec<String>,
}

/// An error code: a letter, then letters, digits, `_`, `-` and `.`, 64 characters at most, all of them ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode(String);

impl ErrorCode {
    /// Reads a code; any other text is none.
    pub fn read(text: &str) -> Option<Self> {
        let letter_first = text.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        (letter_first && plain && text.len() <= LONGEST_CODE).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.join(", ");
        match &self.code {
            Some(code) if self.fields.is_empty() => code.fmt(f),
            Some(code) => write!(f, "{code}: {fields}"),
            None => f.write_str(&fields),
        }
    }
}

impl Answer {
    /// The HTTP status code, where there was an answer.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Created(_) => Some(201),
            Self::Status { code, .. } => Some(*code),
            Self::Silence | Self::Unreachable => None,
        }
    }
}

/// What an answer means for the event and for the client that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The contact is in the queue.
    Injected(CreatedContact),
    /// The contact was created and lost; the next target needs another key.
    Lost(CreatedContact),
    /// Nothing was created.
    Refused(Refusal),
    /// A contact may have been created: only the same key may be asked again.
    InDoubt(Doubt),
}

/// Why nothing was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the message's own fault.
    Payload,
    /// 401: the token's.
    Unauthorized,
    /// 403: the client's scopes'.
    Forbidden,
    /// 404: the queue is not there, or the way to it isn't.
    UnknownQueue {
        /// Whether the answer has the shape of CXone's own errors, a JSON object with an error code. A gateway that
        /// lost its way answers 404 too, and has looked nothing up.
        by_cxone: bool,
    },
    /// 409: the queue is full.
    Saturated,
    /// 429: too many requests.
    RateLimited(Option<Duration>),
    /// Nothing was sent.
    Unreachable,
}

impl Refusal {
    /// Whether CXone looked the key up before it refused, so that an earlier attempt under it left nothing either.
    ///
    /// A known key is answered with its contact; whoever is turned away before never reaches that look-up: at the door,
    /// for a body that can't be read (400), or by a gateway that knows no such path (docs/wire.md#refusals-that-look-the-key-up).
    pub const fn clears_earlier_doubt(self) -> bool {
        matches!(self, Self::UnknownQueue { by_cxone: true } | Self::Saturated)
    }
}

/// Why it can't be known whether something was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// 5xx, 3xx, an unexpected 4xx, or a 2xx that can't be read; with how long CXone asks to wait.
    ServiceError(Option<Duration>),
    /// No answer.
    Timeout,
}

/// Judges one answer.
pub fn classify(answer: &Answer) -> Verdict {
    match answer {
        Answer::Created(contact) if contact.lost => Verdict::Lost(contact.clone()),
        Answer::Created(contact) => Verdict::Injected(contact.clone()),
        Answer::Status { code, retry_after, detail } => match code {
            400 => Verdict::Refused(Refusal::Payload),
            401 => Verdict::Refused(Refusal::Unauthorized),
            403 => Verdict::Refused(Refusal::Forbidden),
            404 => {
                let by_cxone = detail.as_ref().is_some_and(|detail| detail.code.is_some());
                Verdict::Refused(Refusal::UnknownQueue { by_cxone })
            }
            409 => Verdict::Refused(Refusal::Saturated),
            429 => Verdict::Refused(Refusal::RateLimited(*retry_after)),
            _ => Verdict::InDoubt(Doubt::ServiceError(*retry_after)),
        },
        Answer::Silence => Verdict::InDoubt(Doubt::Timeout),
        Answer::Unreachable => Verdict::Refused(Refusal::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Verdict {
        classify(&Answer::Status { code, retry_after: None, detail: None })
    }

    #[test]
    fn an_answer_has_the_status_that_it_came_with_and_silence_none() {
        let created = Answer::Created(CreatedContact { id: "c-1".to_owned(), lost: false });
        let teapot = Answer::Status { code: 418, retry_after: None, detail: None };
        let told = [created, teapot, Answer::Silence, Answer::Unreachable].map(|answer| answer.status());
        assert_eq!(told, [Some(201), Some(418), None, None]);
    }

    #[test]
    fn only_answers_that_prove_it_are_refusals() {
        let refused: Vec<u16> = (100..600).filter(|code| matches!(status(*code), Verdict::Refused(_))).collect();
        assert_eq!(refused, [400, 401, 403, 404, 409, 429]);
    }

    #[test]
    fn a_2xx_without_a_contact_is_in_doubt() {
        for code in [200, 201, 202, 204, 302, 500, 503] {
            assert!(matches!(status(code), Verdict::InDoubt(Doubt::ServiceError(_))), "{code}");
        }
    }

    #[test]
    fn a_lost_contact_is_not_an_injected_one() {
        let contact = |lost| CreatedContact { id: "c-1".to_owned(), lost };
        assert_eq!(classify(&Answer::Created(contact(true))), Verdict::Lost(contact(true)));
        assert_eq!(classify(&Answer::Created(contact(false))), Verdict::Injected(contact(false)));
    }

    #[test]
    fn silence_is_doubt_and_no_connection_is_not() {
        assert_eq!(classify(&Answer::Silence), Verdict::InDoubt(Doubt::Timeout));
        assert_eq!(classify(&Answer::Unreachable), Verdict::Refused(Refusal::Unreachable));
    }

    #[test]
    fn who_is_turned_away_before_the_key_is_looked_up_proves_nothing_of_before() {
        for refusal in [
            Refusal::Payload,
            Refusal::Unauthorized,
            Refusal::Forbidden,
            Refusal::UnknownQueue { by_cxone: false },
            Refusal::RateLimited(None),
            Refusal::Unreachable,
        ] {
            assert!(!refusal.clears_earlier_doubt(), "{refusal:?}");
        }
        for refusal in [Refusal::UnknownQueue { by_cxone: true }, Refusal::Saturated] {
            assert!(refusal.clears_earlier_doubt(), "{refusal:?}");
        }
    }

    #[test]
    fn a_404_is_cxones_own_by_its_error_code() {
        let by_cxone = |detail| match classify(&Answer::Status { code: 404, retry_after: None, detail }) {
            Verdict::Refused(Refusal::UnknownQueue { by_cxone }) => by_cxone,
            other => panic!("{other:?}"),
        };
        let named = ErrorDetail { code: None, fields: vec!["queueId".to_owned()] };
        let coded = ErrorDetail { code: ErrorCode::read("queue_not_found"), ..ErrorDetail::default() };
        assert_eq!([None, Some(named), Some(coded)].map(by_cxone), [false, false, true]);
    }
}
