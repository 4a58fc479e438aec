//! `POST /queuecallback` (docs/real-tenant.md#callbacks): an agent calls the customer.
//!
//! It has no field for who the event is, so that two of one event are two calls, and none for its attributes but a URL
//! that the agent's browser opens.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Nice, contact, parameters::Parameter};
use crate::{
    dialects::{HttpReply, HttpRequest, Submission, Verdict},
    domain::{
        attributes::AttributeValue,
        contact::Contact,
        contact_result::{ContactResult, CreatedContact},
        routes::{Address, Callback},
        token::Token,
    },
};

/// Every parameter of the request, by which an error may name what it is about.
const PARAMETERS: [&str; 10] = [
    "phoneNumber",
    "skill",
    "callerId",
    "priorityManagement",
    "initialPriority",
    "acceleration",
    "maxPriority",
    "screenPopSrc",
    "screenPopUrl",
    "timeout",
];

/// The word for a priority, and for a screen pop, that is the request's own and not its skill's.
const CUSTOM: &str = "Custom";

impl Nice {
    /// Asks for a callback.
    pub(super) fn callback<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
        self.parameterised(token, &["queuecallback"], parameters(submission))
    }
}

pub(super) fn parameters(submission: &Submission<'_>) -> Vec<Parameter> {
    let Address::Callback(callback) = submission.address else { return Vec::new() };
    let Callback { skill, caller_id, acceleration, max_priority, screen_pop, .. } = &**callback;
    let number = |value: u64| Value::from(value);
    let screen_pop = screen_pop
        .as_ref()
        .map(|url| url.filled(&submission.event.key.to_string(), |name| attribute(submission.contact, name)));
    let left = submission.event.expires.map(|expires| expires.since(submission.at).as_secs().max(1));
    let members = [
        ("phoneNumber", submission.contact.callback_number.clone().map(Value::from)),
        ("skill", Some(skill.as_str().parse().map_or_else(|_| Value::from(skill.as_str()), number))),
        ("callerId", caller_id.clone().map(Value::from)),
        ("priorityManagement", Some(CUSTOM.into())),
        ("initialPriority", Some(submission.priority.get().into())),
        ("acceleration", acceleration.map(Value::from)),
        ("maxPriority", max_priority.map(Value::from)),
        ("screenPopSrc", screen_pop.as_ref().map(|_| CUSTOM.into())),
        ("screenPopUrl", screen_pop.map(Value::from)),
        ("timeout", left.map(number)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The value of an attribute, as text.
fn attribute<'c>(contact: &'c Contact, name: &str) -> Option<Cow<'c, str>> {
    let (_, value) = contact.attributes.iter().find(|(key, _)| key.name() == name)?;
    Some(match value {
        AttributeValue::String(text) | AttributeValue::Date(text) => Cow::Borrowed(text),
        AttributeValue::Number(number) => Cow::Owned(number.to_string()),
        AttributeValue::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
    })
}

/// What the request says, for whoever wants to read it.
pub(super) fn shown(submission: &Submission<'_>) -> Value {
    let members: Map<_, _> = parameters(submission).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    serde_json::json!({ "callback": members })
}

/// A 2xx is a callback in the queue, whether or not its body says which.
pub(super) fn read(reply: &HttpReply) -> Verdict<ContactResult> {
    contact::read(reply, PARAMETERS.iter().map(ToString::to_string), |response| {
        let id = response.member("contactId").and_then(contact::id);
        Some(CreatedContact { id: id.unwrap_or_default() })
    })
}
