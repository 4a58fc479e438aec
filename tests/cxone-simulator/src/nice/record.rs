//! What this face remembers for tests to ask about.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::config::{CALLBACK, DIGITAL, WORK_ITEM};
use super::request::Endpoint;

/// A way to make a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `POST …/interactions/work-items`.
    WorkItem,
    /// `POST …/queuecallback`.
    Callback,
    /// `POST /dfo/3.0/channels/{channelId}/messages`.
    Digital,
}

impl Kind {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkItem => "work-item",
            Self::Callback => "callback",
            Self::Digital => "digital",
        }
    }

    /// The media type of its contacts.
    pub(crate) fn media_type_id(self) -> u16 {
        match self {
            Self::WorkItem => WORK_ITEM,
            Self::Callback => CALLBACK,
            Self::Digital => DIGITAL,
        }
    }
}

/// A contact that was made. What another kind has is empty, 0 or `None` here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// How.
    pub kind: Kind,
    /// What its sender knows it by, or empty. A work item's `workItemID`, without one the `key` of its JSON payload;
    /// the first UUID in a callback's `screenPopUrl`; the `idOnExternalPlatform` of a conversation's first message.
    pub key: String,
    /// Its identifier; of a digital contact its number.
    pub contact_id: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The point of contact as the request wrote it.
    pub point_of_contact: String,
    /// The number of the point of contact.
    pub point_of_contact_id: u64,
    /// The skill that it waits or waited at.
    pub skill_id: Option<u64>,
    /// The access key that made it.
    pub access_key_id: String,
    /// `workItemType`.
    pub work_item_type: Option<String>,
    /// `from`.
    pub from: Option<String>,
    /// `workItemPayload`.
    pub payload: Option<String>,
    /// A callback's `phoneNumber`.
    pub number: Option<String>,
    /// The channel of a digital contact.
    pub channel_id: Option<String>,
    /// The thread of a digital contact, by its `idOnExternalPlatform`.
    pub thread: Option<String>,
    /// A callback's `initialPriority`; what a digital contact's `routingQueuePriority` was set to last.
    pub priority: Option<u64>,
    /// A callback's parameters as an object of strings; the body of a conversation's first message.
    pub parameters: Option<Value>,
    /// Messages of a digital contact.
    pub messages: usize,
    /// When it was served, in milliseconds since the Unix epoch; until then it waits.
    pub completed_at_ms: Option<u64>,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// Its method and path.
    pub target: String,
    /// The access key that authenticated or that was granted a token; `None` where nobody was.
    pub access_key_id: Option<String>,
    /// Which of the issued tokens it carried, by its place in the order of issue.
    pub token: Option<usize>,
    /// Whether it counted in its access key's window.
    pub counted: bool,
    /// The status answered, whether or not the answer arrived; `None` if there was none to lose.
    pub status: Option<u16>,
    /// Whether the caller was sent an answer; false for a reset, a close or a hang.
    pub answered: bool,
    /// Whether its connection, kept alive until then, was closed in order.
    pub closed: bool,
    /// When that answer was handed to the connection, in milliseconds since the Unix epoch; `None` without one, and
    /// where nobody delivers answers, as in virtual time.
    pub answered_at_ms: Option<u64>,
    /// The contact that it created.
    pub contact_id: Option<u64>,
}

/// A token that was issued. Neither `Debug` nor JSON shows the token itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// The access key that it was issued for.
    pub access_key_id: String,
    /// Milliseconds since the Unix epoch.
    pub issued_at_ms: u64,
    /// Milliseconds since the Unix epoch; from then on it is refused.
    pub expires_at_ms: u64,
    /// Whether it was revoked before its time.
    pub revoked: bool,
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
            .field("access_key_id", &self.access_key_id)
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
    /// The time now in milliseconds since the Unix epoch, as of the last request.
    pub now_ms: u64,
    /// Contacts made.
    pub creations: usize,
    /// Contacts made, by kind.
    pub contacts_by_kind: BTreeMap<String, usize>,
    /// Keys that made more than one contact; those without a key don't count.
    pub keys_with_twins: usize,
    /// Contacts that wait.
    pub waiting: usize,
    /// Requests by their status; "none" for those without an answer to lose.
    pub requests_by_status: BTreeMap<String, usize>,
    /// Tokens issued, by access key.
    pub tokens_by_access_key: BTreeMap<String, usize>,
    /// The most requests that any window of an access key held.
    pub busiest_window_by_access_key: BTreeMap<String, usize>,
    /// Violations, of whatever rule.
    pub violations: usize,
    /// Violations that no correct client commits.
    pub misuses: usize,
    /// Faults that have still to strike.
    pub pending_faults: usize,
}
