//! Messages in digital channels (docs/real-tenant.md#digital): the first of a conversation, under an id of the event's.
//!
//! No documented key makes a repetition harmless, but a message can be looked for by its id. So what is in doubt is
//! looked for, and repeated under the same ids once it is sure not to be there.

mod custom_fields;
mod look_up;

use std::borrow::Cow;

use serde_json::{Value, json};

pub(super) use self::custom_fields::{CALLBACK_NUMBER, fitted};
use super::{Nice, accepting_json, contact};
use crate::{
    dialects::{Authorization, Content, HttpReply, HttpRequest, Submission, Verdict},
    domain::{
        contact::Contact,
        contact_result::{ContactResult, CreatedContact},
        routes::{Address, Digital},
        token::Token,
    },
};

/// Members of the request by which an error may name what it is about, besides its custom fields.
const MEMBERS: [&str; 9] = [
    "idOnExternalPlatform",
    "direction",
    "thread",
    "messageContent",
    "createdAtWithMilliseconds",
    "authorEndUserIdentity",
    "recipients",
    "contact",
    "customFields",
];

impl Nice {
    /// Asks for a message.
    pub(super) fn message<'r>(
        &self,
        token: &'r Token,
        digital: &Digital,
        submission: &Submission<'_>,
    ) -> HttpRequest<'r> {
        let resource = [Cow::from("channels"), Cow::from(digital.channel.clone()), Cow::from("messages")];
        self.digital(token, resource, Content::PostJson(body(submission)))
    }

    /// A request to the tenant's digital channels, under a token.
    pub(super) fn digital<'r, const N: usize>(
        &self,
        token: &'r Token,
        resource: [Cow<'static, str>; N],
        content: Content<'r>,
    ) -> HttpRequest<'r> {
        let path = [Cow::from("dfo"), Cow::from("3.0")].into_iter().chain(resource).collect();
        HttpRequest {
            base: self.digital_base(token),
            authorization: Authorization::Bearer(token.access_token()),
            ..accepting_json(path, content)
        }
    }
}

fn body(submission: &Submission<'_>) -> Value {
    let &Submission { contact, event, at, .. } = submission;
    let id = event.key.to_string();
    let mut body = json!({
        "idOnExternalPlatform": id,
        "thread": { "idOnExternalPlatform": id },
        "direction": "inbound",
        "messageContent": { "type": "TEXT", "payload": { "text": contact.text.as_deref().unwrap_or_default() } },
        "createdAtWithMilliseconds": at.to_string(),
        "authorEndUserIdentity": { "idOnExternalPlatform": contact.from },
        "recipients": [{ "idOnExternalPlatform": contact.to, "isPrimary": true }],
    });
    let fields: Vec<_> =
        custom_fields::of(contact).map(|(ident, value)| json!({ "ident": ident, "value": value })).collect();
    if !fields.is_empty() {
        body["contact"] = json!({ "customFields": fields });
    }
    body
}

/// What the request says, for whoever wants to read it.
pub(super) fn shown(submission: &Submission<'_>) -> Value {
    let Address::Digital(digital) = submission.address else { return Value::Null };
    json!({ "digital": { "channelId": digital.channel, "message": body(submission),
        "routingQueuePriority": submission.priority.get() } })
}

pub(super) fn read(contact: &Contact, reply: &HttpReply) -> Verdict<ContactResult> {
    let idents = custom_fields::of(contact).map(|(ident, _)| ident.to_owned());
    let names = MEMBERS.iter().map(ToString::to_string).chain(idents);
    contact::read(reply, names, |response| {
        let body = response.body.as_ref()?;
        let id = ["/consumerContact/id", "/message/contactNumber"].iter().find_map(|at| contact::id(body.pointer(at)?));
        Some(CreatedContact { id: id? })
    })
}
