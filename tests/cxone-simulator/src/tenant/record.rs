//! What a tenant remembers for tests to ask about.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Endpoint;

/// A contact that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its identifier.
    pub id: String,
    /// The idempotency key that created it, lower case with hyphens.
    pub idempotency_key: String,
    /// The client that created it.
    pub client_id: String,
    /// The request, as created: with long strings cut where the tenant truncates.
    pub request: Value,
    /// Its status now.
    pub status: ContactStatus,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// How often its key came again within the 24 hours.
    pub replays: u32,
    /// How many of those came with another body.
    pub conflicting_replays: u32,
}

impl Contact {
    /// The queue that it was sent to; `None` for one sent by skill.
    pub fn queue_id(&self) -> Option<&str> {
        self.request.get("queueId").and_then(Value::as_str)
    }

    /// The value of an attribute by its prefixed key.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.request.get("attributes")?.get(key)
    }
}

/// The status of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactStatus {
    /// Waiting in its queue.
    Queued,
    /// On its way to an agent.
    Routing,
    /// Lost: a threshold, or no agent with the skill.
    Failed,
    /// Lost: given up.
    Abandoned,
    /// Served. Never on the wire: an answer shows the status at creation.
    Completed,
}

impl ContactStatus {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Routing => "routing",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
        }
    }

    /// Whether the contact was created and lost.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Failed | Self::Abandoned)
    }
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The client that authenticated, or that a token request named; `None` where nobody did.
    pub client_id: Option<String>,
    /// Which of the issued tokens it carried, by its place in the order of issue.
    pub token: Option<usize>,
    /// Whether it counted in its client's window.
    pub counted: bool,
    /// The status answered, whether or not the answer arrived; `None` if there was none to lose.
    pub status: Option<u16>,
    /// Whether the caller was sent an answer; false for a reset or a hang.
    pub answered: bool,
    /// When that answer was handed to the connection, in milliseconds since the Unix epoch; `None` without one, and
    /// where nobody delivers answers, as in virtual time.
    pub answered_at_ms: Option<u64>,
    /// The idempotency key as sent.
    pub idempotency_key: Option<String>,
    /// The contact that it created or was shown again.
    pub contact_id: Option<String>,
}

impl RequestRecord {
    /// Milliseconds from its arrival to its answer, where one went out.
    pub fn latency_ms(&self) -> Option<u64> {
        self.answered_at_ms.map(|at_ms| at_ms.saturating_sub(self.at_ms))
    }
}

/// A token that was issued. Neither `Debug` nor JSON shows the token itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// The client that it was issued to.
    pub client_id: String,
    /// Milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// Milliseconds since the Unix epoch; from then on it is refused.
    pub expires_at_ms: u64,
    /// Whether it was revoked before its time.
    pub revoked: bool,
    /// The scopes that it carries.
    pub scopes: Vec<String>,
    #[serde(skip)]
    pub(crate) value: String,
}

impl TokenRecord {
    /// The token itself: for a test that looks for it where it must not be.
    pub fn access_token(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("client_id", &self.client_id)
            .field("issued_at_ms", &self.issued_at_ms)
            .field("expires_at_ms", &self.expires_at_ms)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The time now in milliseconds since the Unix epoch, as of the last request or question.
    pub now_ms: u64,
    /// Contacts created, the lost ones among them.
    pub contacts: usize,
    /// Contacts by their status now.
    pub contacts_by_status: BTreeMap<String, usize>,
    /// Requests that repeated a key.
    pub replays: u32,
    /// Requests by their status; "none" for those without an answer to lose.
    pub requests_by_status: BTreeMap<String, usize>,
    /// Tokens issued, by client.
    pub tokens_by_client: BTreeMap<String, usize>,
    /// The most requests that any window of a client held.
    pub busiest_window_by_client: BTreeMap<String, usize>,
    /// Attributes that CXone would take and then ignore or cut.
    pub ignored_attributes: usize,
    /// Faults that have still to strike.
    pub pending_faults: usize,
}
