//! Work items of a NICE CXone tenant as targets, and how a routes file says that they are sent (docs/real-tenant.md).

use schemars::JsonSchema;
use serde::Deserialize;

use super::QueueId;

/// Bytes of a payload, where a business unit has set no other limit.
const PAYLOAD_BYTES: usize = 51_200;

/// A work item at a point of contact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkItem {
    /// The point of contact, as the tenant writes it.
    pub point_of_contact: String,
    /// The type that its script sees.
    pub item_type: Option<String>,
    /// The skill whose activity is the target's health; nothing where that is the point of contact's own.
    pub skill: Option<QueueId>,
    /// When that skill counts as full.
    pub limits: SkillLimits,
    /// What becomes of an item that may have been created.
    pub on_doubt: OnDoubt,
}

/// When a skill counts as full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SkillLimits {
    /// Contacts in its queue at which it takes no more; nothing where it never counts as full.
    pub max_queue_count: Option<u64>,
    /// Agents that must be logged in.
    pub min_agents_logged_in: u64,
}

impl SkillLimits {
    /// Limits that keep both.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        let both = self.max_queue_count.zip(other.max_queue_count).map(|(one, other)| one.min(other));
        Self {
            max_queue_count: both.or(self.max_queue_count).or(other.max_queue_count),
            min_agents_logged_in: self.min_agents_logged_in.max(other.min_agents_logged_in),
        }
    }
}

/// What becomes of a contact that may have been created, where nothing can be asked about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDoubt {
    /// It is parked: a person decides.
    #[default]
    Park,
    /// It is sent again: whoever gets it ends what comes twice.
    Resend,
}

/// How work items are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkItemRules {
    /// In which form.
    pub encoding: Encoding,
    /// Bytes that a payload may have.
    pub payload_bytes: usize,
}

impl Default for WorkItemRules {
    fn default() -> Self {
        Self { encoding: Encoding::default(), payload_bytes: PAYLOAD_BYTES }
    }
}

/// The form of a request's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// A body of JSON.
    #[default]
    Json,
    /// The URL's query.
    Query,
    /// A form.
    Form,
}
