//! What a NICE CXone tenant takes as targets, and how a routes file says that it is spoken to (docs/real-tenant.md).

use schemars::JsonSchema;
use serde::Deserialize;

use super::{QueueId, ScreenPop};

/// Bytes of a work item's payload, where a business unit has set no other limit.
const PAYLOAD_BYTES: usize = 51_200;

/// A work item at a point of contact.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A callback that is queued at a skill: an agent calls the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The skill.
    pub skill: QueueId,
    /// The number that the customer sees, as the tenant takes it.
    pub caller_id: Option<String>,
    /// What each minute of waiting adds to the priority.
    pub acceleration: Option<u16>,
    /// The priority beyond which waiting adds nothing.
    pub max_priority: Option<u16>,
    /// How the customer's number is written.
    pub phone_format: PhoneFormat,
    /// What the agent's browser opens.
    pub screen_pop: Option<ScreenPop>,
    /// When the skill counts as full.
    pub limits: SkillLimits,
    /// What becomes of a callback that may have been queued.
    pub on_doubt: OnDoubt,
}

/// A message in a digital channel, which opens a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digital {
    /// The channel, as the tenant knows it.
    pub channel: String,
    /// The skill whose activity is the target's health; nothing where that isn't asked for.
    pub skill: Option<QueueId>,
    /// When that skill counts as full.
    pub limits: SkillLimits,
    /// What becomes of a message that may have been taken.
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

/// What becomes of a contact that may have been created, where CXone knows no key of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnDoubt {
    /// It is parked: a person decides.
    #[default]
    Park,
    /// It is sent again: whoever gets it ends what comes twice.
    Resend,
    /// It is looked for, and sent again once it is sure that it isn't there.
    LookUp,
}

/// How a customer's number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhoneFormat {
    /// With `+` and the country's code.
    #[default]
    E164,
    /// The digits alone, without the country's code and without a trunk prefix.
    National,
}

/// How a tenant is spoken to, as far as its routes file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRules {
    /// In which form work items and callbacks are sent.
    pub encoding: Encoding,
    /// Bytes that a work item's payload may have.
    pub payload_bytes: usize,
    /// Where digital channels are; nothing where they are at the API's own address.
    pub digital_base: Option<String>,
}

impl Default for TenantRules {
    fn default() -> Self {
        Self { encoding: Encoding::default(), payload_bytes: PAYLOAD_BYTES, digital_base: None }
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
