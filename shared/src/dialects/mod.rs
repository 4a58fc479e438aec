//! What CXone's APIs say on the wire, as pure functions: requests out, answers in, no I/O, so that a test, a fuzzer and
//! a simulation speak and read as the deployed functions do.
//!
//! ```text
//!   worker ── contact, token, … ──► Dialect ──► HttpRequest ──► Transport (ports) ──► CXone
//!     ▲                                                                                 │
//!     └── meaning, lesson ◄──────── Verdict ◄─── Dialect ◄──── HttpReply ◄──────────────┘
//! ```
//!
//! A [`Verdict`] says what an answer means for whoever asked, and what it teaches of the client that asked. The worker
//! applies the lesson and knows no status. An API is a folder here with a [`Dialect`] in it; [`guide`] is the one that
//! there is.

pub mod guide;
mod http;

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

pub use self::http::{Content, HttpReply, HttpRequest, HttpResponse};
use crate::domain::{
    attributes::Schema,
    contact::Contact,
    contact_result::ContactResult,
    credentials::Credentials,
    health::QueueHealth,
    idempotency::IdempotencyKey,
    lease::Lesson,
    routes::{Address, Priority, QueueId},
    time::Timestamp,
    token::{GrantedToken, TokenError},
};

/// One API of CXone's: what is sent to it, what its answers mean, and the facts that decisions rest on.
pub trait Dialect: fmt::Debug + Sync {
    /// What holds of the API as a whole.
    fn facts(&self) -> Facts;

    /// Asks for a token with a client's credentials.
    fn token<'r>(&self, credentials: &'r Credentials) -> HttpRequest<'r>;

    /// What came of asking for a token.
    fn read_token(&self, reply: &HttpReply) -> Verdict<Result<GrantedToken, TokenError>>;

    /// Asks for a contact.
    fn contact<'r>(&self, token: &'r SecretString, submission: &Submission<'_>) -> HttpRequest<'r>;

    /// The body of that request, for whoever only wants to see it.
    fn contact_body(&self, contact: &Contact, address: &Address, priority: Priority) -> Value;

    /// What came of asking for this contact.
    fn read_contact(&self, contact: &Contact, reply: &HttpReply) -> Verdict<ContactResult>;

    /// Asks for a queue's health.
    fn queue_health<'r>(&self, token: &'r SecretString, queue: &QueueId) -> HttpRequest<'r>;

    /// A queue's health, as old as the question: what came meanwhile may not be in it. Nothing where there is no such
    /// queue.
    fn read_queue_health(
        &self,
        queue: &QueueId,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<Option<QueueHealth>, Unread>>;

    /// Asks for the registered attributes.
    fn schema<'r>(&self, token: &'r SecretString) -> HttpRequest<'r>;

    /// The registered attributes.
    fn read_schema(&self, reply: &HttpReply) -> Verdict<Result<Schema, Unread>>;
}

/// The one API that there is.
pub const DIALECT: &dyn Dialect = &guide::Guide;

/// What holds of an API as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// For how long a repetition under the same idempotency key makes no second contact.
    pub key_memory: Duration,
    /// Characters that a text attribute holds, counted as Unicode scalar values. What is longer is cut without a word.
    pub longest_text: usize,
}

/// A contact on its way to one target.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'s> {
    /// The contact.
    pub contact: &'s Contact,
    /// Where it goes.
    pub address: &'s Address,
    /// With which priority.
    pub priority: Priority,
    /// What a repetition is known by.
    pub key: IdempotencyKey,
}

/// How an answer is to be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<T> {
    /// What it means for whoever asked.
    pub meaning: T,
    /// What it teaches of the client that asked.
    pub lesson: Lesson,
}

/// Why a question has no answer that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// There was none.
    #[error("CXone did not answer")]
    Unanswered,
    /// It has another status than 2xx.
    #[error("CXone answered {0}")]
    Status(u16),
    /// It isn't JSON.
    #[error("CXone's answer is not JSON")]
    NotJson,
    /// It is about something else.
    #[error("CXone's answer is not about this queue")]
    AnotherQueue,
    /// It holds no attribute schema.
    #[error(transparent)]
    Schema(#[from] guide::UnreadableSchema),
}
