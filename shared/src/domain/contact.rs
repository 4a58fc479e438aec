//! The contact that an event becomes, and the request body that asks CXone for it.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    attributes::{AttributeKey, AttributeValue},
    routes::{Address, Priority, QueueId},
};

/// Attributes by key, in the order of their keys.
pub type Attributes = BTreeMap<AttributeKey, AttributeValue>;

/// A mapped and checked contact. Where it goes, and with what priority, is decided at each attempt.
#[derive(Clone, PartialEq)]
pub struct Contact {
    pub(crate) channel: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) callback_number: Option<String>,
    pub(crate) wrap_up_code: Option<String>,
    pub(crate) attributes: Attributes,
}

/// The body of `POST /api/v2/routing/contacts`: the guide's fields and no others.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactRequest {
    #[serde(rename = "type")]
    kind: &'static str,
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_id: Option<QueueId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skill_ids: Option<Vec<String>>,
    priority: Priority,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_up_code: Option<String>,
    attributes: Attributes,
}

impl Contact {
    /// The request that puts this contact at an address. `CXone` takes a queue or skills, never both, and so does an
    /// [`Address`].
    pub fn request(&self, address: &Address, priority: Priority) -> ContactRequest {
        let (queue_id, skill_ids) = match address {
            Address::Queue(queue) => (Some(queue.clone()), None),
            Address::Skills(skills) => (None, Some(skills.clone())),
        };
        ContactRequest {
            kind: "contact",
            channel: self.channel.clone(),
            queue_id,
            skill_ids,
            priority,
            from: self.from.clone(),
            to: self.to.clone(),
            callback_number: self.callback_number.clone(),
            wrap_up_code: self.wrap_up_code.clone(),
            attributes: self.attributes.clone(),
        }
    }

    /// The attributes by key.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

impl fmt::Debug for Contact {
    /// Keys without values: every value may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("channel", &self.channel)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ContactRequest {
    /// Where it goes and the keys, without values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactRequest")
            .field("channel", &self.channel)
            .field("queue_id", &self.queue_id)
            .field("skill_ids", &self.skill_ids)
            .field("priority", &self.priority)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}
