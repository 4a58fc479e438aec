//! The parts of a routes file that are for a NICE CXone tenant.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Member, Unknown};
use crate::domain::routes::{Encoding, OnDoubt};

/// How a NICE CXone tenant is spoken to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Cxone")]
pub(in crate::domain::routes) struct CxoneSpec {
    /// The form of a work item's parameters: JSON where absent.
    #[serde(default)]
    pub(in crate::domain::routes) work_item_encoding: Member<Encoding>,
    /// Bytes that a work item's payload may have, as the business unit is configured: 51200 where absent.
    #[serde(default)]
    #[schemars(range(min = 1024))]
    pub(in crate::domain::routes) work_item_payload_bytes: Member<usize>,
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
    pub(in crate::domain::routes) on_doubt: Member<OnDoubt>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::domain::routes) unknown: Unknown,
}
