//! The parts of a routes file that are for a NICE CXone tenant.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Member, Unknown, ValueSpec};
use crate::domain::routes::{Encoding, OnDoubt, PhoneFormat};

/// How a NICE CXone tenant is spoken to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Cxone")]
pub(in crate::domain::routes) struct CxoneSpec {
    /// The form of the parameters of a work item and of a callback: JSON where absent.
    #[serde(default)]
    pub(in crate::domain::routes) work_item_encoding: Member<Encoding>,
    /// Bytes that a work item's payload may have, as the business unit is configured: 51200 where absent.
    #[serde(default)]
    #[schemars(range(min = 1024))]
    pub(in crate::domain::routes) work_item_payload_bytes: Member<usize>,
    /// Where the tenant's digital channels are: at the API's own address where absent.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(in crate::domain::routes) digital_base_url: Member<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::domain::routes) unknown: Unknown,
}

/// A work item at a point of contact of a NICE CXone tenant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "WorkItem")]
pub(in crate::domain::routes) struct WorkItemSpec {
    /// The point of contact as the tenant writes it, such as `123456 - Orders`; never its GUID.
    #[schemars(length(min = 1))]
    pub(in crate::domain::routes) point_of_contact: Member<String>,
    /// The type that the script sees.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(in crate::domain::routes) r#type: Member<String>,
    /// The skill whose activity is the target's health: the point of contact's default skill where absent.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) skill_id: Member<u64>,
    /// Contacts in the skill's queue at which it takes no more; without it, it is never counted as full.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) max_queue_count: Member<u64>,
    /// Agents that must be logged in: none where absent.
    #[serde(default)]
    pub(in crate::domain::routes) min_agents_logged_in: Member<u64>,
    /// What becomes of an item that may have been created: parked where absent.
    #[serde(default)]
    pub(in crate::domain::routes) on_doubt: Member<UnkeyedDoubt>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::domain::routes) unknown: Unknown,
}

/// A callback that is queued at a skill of a NICE CXone tenant: an agent calls the route's `callbackNumber`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Callback")]
pub(in crate::domain::routes) struct CallbackSpec {
    /// The skill that it waits at.
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) skill_id: Member<u64>,
    /// The number that the customer sees.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(in crate::domain::routes) caller_id: Member<String>,
    /// What each minute of waiting adds to the priority.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub(in crate::domain::routes) acceleration: Member<u16>,
    /// The priority beyond which waiting adds nothing.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub(in crate::domain::routes) max_priority: Member<u16>,
    /// How the customer's number is written: `e164` where absent.
    #[serde(default)]
    pub(in crate::domain::routes) phone_format: Member<PhoneFormat>,
    /// What the agent's browser opens: an absolute URL, with `{key}` and `{attributeName}` behind its host.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1024))]
    pub(in crate::domain::routes) screen_pop_url: Member<String>,
    /// A callback carries no attributes: `drop` says that this is known, where the route has any.
    #[serde(default)]
    pub(in crate::domain::routes) attributes: Member<Dropped>,
    /// Contacts in the skill's queue at which it takes no more; without it, it is never counted as full.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) max_queue_count: Member<u64>,
    /// Agents that must be logged in: none where absent.
    #[serde(default)]
    pub(in crate::domain::routes) min_agents_logged_in: Member<u64>,
    /// What becomes of a callback that may have been queued: parked where absent.
    #[serde(default)]
    pub(in crate::domain::routes) on_doubt: Member<UnkeyedDoubt>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::domain::routes) unknown: Unknown,
}

/// A message in a digital channel of a NICE CXone tenant, which opens a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Digital")]
pub(in crate::domain::routes) struct DigitalSpec {
    /// The channel's id, such as `chat_0b7c…`.
    #[schemars(length(min = 1, max = 128))]
    pub(in crate::domain::routes) channel_id: Member<String>,
    /// What the message says.
    pub(in crate::domain::routes) text: Member<ValueSpec>,
    /// The skill whose activity is the target's health: nobody asks where absent.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) skill_id: Member<u64>,
    /// Contacts in the skill's queue at which it takes no more; without it, it is never counted as full.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(in crate::domain::routes) max_queue_count: Member<u64>,
    /// Agents that must be logged in: none where absent.
    #[serde(default)]
    pub(in crate::domain::routes) min_agents_logged_in: Member<u64>,
    /// What becomes of a message that may have been taken: it is looked for where absent.
    #[serde(default)]
    pub(in crate::domain::routes) on_doubt: Member<DigitalDoubt>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::domain::routes) unknown: Unknown,
}

/// That attributes don't go out.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::domain::routes) enum Dropped {
    /// They don't.
    Drop,
}

/// What becomes of a contact that may have been created, where nothing can be asked about it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::domain::routes) enum UnkeyedDoubt {
    /// It is parked: a person decides.
    #[default]
    Park,
    /// It is sent again: whoever gets it ends what comes twice.
    Resend,
}

/// What becomes of a message that may have been taken.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::domain::routes) enum DigitalDoubt {
    /// It is looked for: found, it is injected; absent twice, it is sent again.
    #[default]
    LookUp,
    /// It is parked: a person decides.
    Park,
}

impl From<UnkeyedDoubt> for OnDoubt {
    fn from(doubt: UnkeyedDoubt) -> Self {
        match doubt {
            UnkeyedDoubt::Park => Self::Park,
            UnkeyedDoubt::Resend => Self::Resend,
        }
    }
}

impl From<DigitalDoubt> for OnDoubt {
    fn from(doubt: DigitalDoubt) -> Self {
        match doubt {
            DigitalDoubt::LookUp => Self::LookUp,
            DigitalDoubt::Park => Self::Park,
        }
    }
}
