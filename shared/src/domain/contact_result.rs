//! What CXone's answer to a contact proves.
//!
//! Strategy follows from proof. An answer that shows that nothing was created lets the event go elsewhere; an answer,
//! or a silence, that leaves it open binds the event to its key until CXone says more.

use std::fmt;

use super::retry_after::RetryAfter;

/// Characters of an error code: longer ones are sentences.
const LONGEST_CODE: usize = 64;

/// A contact that CXone created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedContact {
    /// CXone's id of it.
    pub id: String,
}

/// What came of asking for a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactResult {
    /// The contact is in the queue.
    Injected(CreatedContact),
    /// The contact was created and lost at once (docs/rules.md#lost-contacts); the next target needs another key.
    Lost(CreatedContact),
    /// Nothing was created.
    Refused {
        /// Why.
        refusal: Refusal,
        /// How long CXone asks to wait.
        wait: Option<RetryAfter>,
        /// What is kept of its own words about it.
        detail: Option<ErrorDetail>,
        /// Whether CXone looked the key up before it refused, so that an earlier attempt under it left nothing either:
        /// a key that it knows is answered with its contact.
        clears_doubt: bool,
    },
    /// A contact may have been created: only the same key may be asked again.
    InDoubt(Doubt),
}

impl ContactResult {
    /// A refusal of which nothing else is known.
    pub const fn refused(refusal: Refusal) -> Self {
        Self::Refused { refusal, wait: None, detail: None, clears_doubt: false }
    }
}

/// Why nothing was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The message's own fault.
    Payload,
    /// The token's.
    Unauthorized,
    /// The client's rights'.
    Forbidden,
    /// The queue is not there, or the way to it isn't.
    UnknownQueue,
    /// The queue is full.
    Saturated,
    /// Every target of its kind is full.
    KindSaturated,
    /// Too many requests.
    RateLimited,
    /// Nothing was sent.
    Unreachable,
}

/// Why it can't be known whether something was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// An answer that proves nothing; with how long CXone asks to wait.
    ServiceError(Option<RetryAfter>),
    /// No answer.
    Unanswered,
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
