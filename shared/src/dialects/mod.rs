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
//! applies the lesson and knows no status. An API is a folder here with a [`Dialect`] in it: [`guide`] is the routing
//! API of the guide, and [`nice`] what a NICE CXone tenant speaks.

mod answer;
mod error;
pub mod guide;
mod http;
pub mod nice;
pub mod survey;

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Map, Value};

pub use self::http::{Authorization, Content, HttpReply, HttpRequest, HttpResponse};
use self::survey::Survey;
use crate::domain::{
    attributes::Schema,
    contact::Contact,
    contact_result::ContactResult,
    credentials::Credentials,
    drift::Registers,
    event::Identity,
    health::QueueHealth,
    idempotency::IdempotencyKey,
    lease::Lesson,
    problem::Problem,
    routes::{Address, Priority, Profile, QueueId, Route, RouteRules, Routes, SkillLimits},
    time::Timestamp,
    token::{Endpoints, GrantedToken, Token, TokenError},
};

/// One API of CXone's: what is sent to it, what its answers mean, and the facts that decisions rest on.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// What holds of the API as a whole.
    fn facts(&self) -> Facts;

    /// One client of the secret, as this API has them.
    ///
    /// # Errors
    /// [`ClientProblem`] where it isn't one.
    fn credentials(&self, client: &Map<String, Value>) -> Result<Credentials, ClientProblem>;

    /// The next request on a client's way to a token.
    fn token<'r>(&'r self, credentials: &'r Credentials, search: &'r TokenSearch) -> HttpRequest<'r>;

    /// What came of that request.
    fn read_token(
        &self,
        credentials: &Credentials,
        search: TokenSearch,
        reply: &HttpReply,
    ) -> Verdict<Result<TokenStep, TokenError>>;

    /// Whether a token that was had by way of these URLs still serves, as the deployment is configured now.
    fn serves(&self, endpoints: &Endpoints) -> bool;

    /// The contact as this API takes it at an address, where that is another than the mapped one: one that is too large
    /// for it is made smaller where its route allows.
    ///
    /// # Errors
    /// [`Unfit`] where it can't be made to fit.
    fn fitted(&self, contact: &Contact, address: &Address, fit: Fit<'_>) -> Result<Option<Contact>, Unfit>;

    /// Asks for a contact.
    fn contact<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r>;

    /// What that request says, for whoever only wants to see it.
    fn contact_body(&self, submission: &Submission<'_>) -> Value;

    /// What came of asking for this contact there.
    fn read_contact(&self, contact: &Contact, address: &Address, reply: &HttpReply) -> Verdict<ContactResult>;

    /// What can still be asked and said of a contact at an address once its request has left; nothing where nothing
    /// can.
    fn afterwards(&self, address: &Address) -> Option<&dyn Afterwards>;

    /// Asks for a queue's health.
    fn queue_health<'r>(&self, token: &'r Token, queue: &QueueId) -> HttpRequest<'r>;

    /// A queue's health by what limits it, as old as the question: what came meanwhile may not be in it. Nothing where
    /// there is no such queue.
    fn read_queue_health(
        &self,
        queue: &QueueId,
        limits: SkillLimits,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<Option<QueueHealth>, Unread>>;

    /// How the health of every queue is asked for at once; nothing where each is asked for alone.
    fn health_of_all(&self) -> Option<&dyn HealthOfAll>;

    /// How the registered attributes are learned; nothing where any name is taken and none registered.
    fn registered_attributes(&self) -> Option<&dyn RegisteredAttributes>;

    /// What a tenant is surveyed by; nothing where an API has no more to ask than its work does.
    fn survey(&self) -> Option<&dyn Survey>;
}

/// What holds of the API of a profile.
pub const fn facts(profile: Profile) -> Facts {
    match profile {
        Profile::Guide => guide::FACTS,
        Profile::Cxone => nice::FACTS,
    }
}

/// The API of a profile, to map and to show with. Nothing is sent by it, so that it needs no address.
///
/// # Errors
/// [`nice::NotAnOrigin`] never comes of it: its issuer is the usual one.
pub fn offline(profile: Profile, routes: &Routes) -> Result<Box<dyn Dialect>, nice::NotAnOrigin> {
    Ok(match profile {
        Profile::Guide => Box::new(guide::Guide),
        Profile::Cxone => Box::new(nice::Nice::new(nice::ISSUER, nice::VERSION, None, routes)?),
    })
}

/// Learns the health of every queue at once.
pub trait HealthOfAll {
    /// Asks for it.
    fn every_health<'r>(&self, token: &'r Token) -> HttpRequest<'r>;

    /// The health of each queue that has limits here and that the answer is about, as old as the question.
    fn read_every_health(
        &self,
        limits: &BTreeMap<QueueId, SkillLimits>,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<BTreeMap<QueueId, QueueHealth>, Unread>>;
}

/// What can still be asked and said of a contact once its request has left.
pub trait Afterwards {
    /// Looks for the contact of an event, by its key.
    fn look_up<'r>(&self, token: &'r Token, address: &Address, key: IdempotencyKey) -> HttpRequest<'r>;

    /// Whether it is there.
    fn read_look_up(&self, address: &Address, key: IdempotencyKey, reply: &HttpReply)
    -> Verdict<Result<Found, Unread>>;

    /// Says with which priority it waits.
    fn set_priority<'r>(&self, token: &'r Token, contact_id: &str, priority: Priority) -> HttpRequest<'r>;

    /// Whether that was taken in.
    fn read_set_priority(&self, reply: &HttpReply) -> Verdict<Result<(), Unread>>;
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The contact exists.
    There {
        /// CXone's id of it; empty where it doesn't say.
        contact_id: String,
    },
    /// It isn't in what is searched, which may lag behind.
    Absent,
}

/// By what a contact is fitted for an address.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'f> {
    /// Its route.
    pub route: &'f Route,
    /// What requests say of its event.
    pub event: &'f Submitted,
    /// The registered attributes, where they are known.
    pub schema: Option<&'f Schema>,
}

/// Why an address can't take an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The event has not what it needs, or something that it doesn't take.
    Problem(Problem),
    /// Nobody knows the attributes that are registered for it.
    NoSchema,
}

impl From<Problem> for Unfit {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Learns the attributes that are registered with an API.
pub trait RegisteredAttributes: Registers {
    /// Asks for them.
    fn schema<'r>(&self, token: &'r Token) -> HttpRequest<'r>;

    /// The registered attributes.
    fn read_schema(&self, reply: &HttpReply) -> Verdict<Result<Schema, Unread>>;
}

/// What holds of an API as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// For how long a repetition under the same idempotency key makes no second contact; nothing where it makes one.
    pub key_memory: Option<Duration>,
    /// Whether every attribute of a contact has to be registered, wherever it goes.
    pub every_attribute_registered: bool,
    /// What a routes file may say.
    pub routes: RouteRules,
}

/// What is wrong with a client of the secret. No value of it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientProblem {
    /// It lacks something.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A member is empty.
    #[error("has an empty {0}")]
    Empty(&'static str),
    /// A member is something else than text.
    #[error("has a {0} that is no text")]
    NotText(&'static str),
    /// A member is another API's.
    #[error("has {0}, which is for a deployment of another profile")]
    OtherProfile(&'static str),
    /// It says two ways to a token.
    #[error("has both client_id and token_endpoint: the first is for the token endpoint that discovery tells")]
    TwoWays,
    /// It would have credentials sent to a host that is none of CXone's.
    #[error("has a token_endpoint at a host that is none of CXone's")]
    ForeignEndpoint,
}

/// A member of a client that is text, where it is there.
///
/// # Errors
/// [`ClientProblem`] where it is something else, or empty.
fn text_member<'c>(client: &'c Map<String, Value>, name: &'static str) -> Result<Option<&'c str>, ClientProblem> {
    match client.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(ClientProblem::Empty(name)),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ClientProblem::NotText(name)),
    }
}

/// A client on its way to a token: who is asked next follows from what is known.
#[derive(Clone, Debug, Default)]
pub struct TokenSearch {
    /// The URLs that were found on the way to its last token.
    pub known: Endpoints,
    /// Those that were found on this way.
    pub found: Endpoints,
    /// The token, where only its place is still to be found, and the tenant that it is of.
    pub granted: Option<(GrantedToken, String)>,
}

/// What a request on the way to a token came to.
#[derive(Clone, Debug)]
pub enum TokenStep {
    /// The token.
    Granted(GrantedToken),
    /// There is one more to ask.
    Further(Box<TokenSearch>),
}

/// What a request says of the event that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// What a repetition is known by.
    pub key: IdempotencyKey,
    /// When it is worth no contact any more, where its route or its sender says so.
    pub expires: Option<Timestamp>,
}

impl From<&Identity> for Submitted {
    /// An event that never expires.
    fn from(identity: &Identity) -> Self {
        Self { key: IdempotencyKey::of_event(identity.source(), identity.id()), expires: None }
    }
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
    /// The name of its route.
    pub route: &'s str,
    /// Its event.
    pub event: Submitted,
    /// When it is sent.
    pub at: Timestamp,
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
    /// Not all of it can be read, so that it proves nothing.
    #[error("CXone's answer can't be read as a whole")]
    Partly,
    /// It is about something else.
    #[error("CXone's answer is not about this queue")]
    AnotherQueue,
    /// It holds no attribute schema.
    #[error(transparent)]
    Schema(#[from] guide::UnreadableSchema),
}
