//! The contact that an event becomes, and the request body that asks CXone for it.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    attributes::{AttributeKey, AttributeValue},
    routes::{Address, Priority, QueueId},
};

/// Attributes by key, in the order of their keys.
pub type Attributes = BTreeMap<AttributeKey, AttributeValue>;

/// The members of a request, by their names on the wire (docs/wire.md#contact-request).
const MEMBERS: [&str; 10] =
    ["type", "channel", "queueId", "skillIds", "priority", "from", "to", "callbackNumber", "wrapUpCode", "attributes"];

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

impl ContactRequest {
    /// The names that are ours in it: every member that a request can have, and the keys of its attributes.
    pub fn field_names(&self) -> impl Iterator<Item = String> {
        MEMBERS.iter().map(ToString::to_string).chain(self.attributes.keys().map(ToString::to_string))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_and_every_attribute_of_a_request_has_its_name_in_the_list() {
        let text = || "x".to_owned();
        let attributes = [("string:b".parse().unwrap(), AttributeValue::String(text()))];
        let contact = Contact {
            channel: text(),
            from: text(),
            to: text(),
            callback_number: Some(text()),
            wrap_up_code: Some(text()),
            attributes: attributes.into(),
        };
        let addresses = [Address::Queue(QueueId::new(text()).unwrap()), Address::Skills(vec![text()])];
        for request in addresses.iter().map(|address| contact.request(address, Priority::try_from(1).unwrap())) {
            let names: Vec<_> = request.field_names().collect();
            let json = serde_json::to_value(&request).unwrap();
            assert!(json.as_object().unwrap().keys().all(|member| names.contains(member)), "{json}");
            assert_eq!((names.len(), names.last().unwrap().as_str()), (11, "string:b"));
        }
    }
}
