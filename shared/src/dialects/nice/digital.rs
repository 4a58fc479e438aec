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
        let id = ["/message/contactNumber", "/consumerContact/id"].iter().find_map(|at| contact::id(body.pointer(at)?));
        Some(CreatedContact { id: id? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialects::{HttpResponse, nice::fixtures},
        domain::{
            attributes::AttributeValue,
            contact_result::{Doubt, Refusal},
            lease::Lesson,
            time::Timestamp,
        },
    };

    fn contact() -> Contact {
        fixtures::contact(&[("string:orderRef", AttributeValue::String("A".to_owned()))])
    }

    fn answered(status: u16, body: &Value) -> ContactResult {
        let bytes = body.to_string();
        let response = HttpResponse::new(status, None, bytes.as_bytes(), Timestamp::from_millis(0));
        read(&contact(), &HttpReply::Answered(response)).meaning
    }

    #[test]
    fn a_message_is_there_only_where_its_contact_can_be_read() {
        let injected = |id: &str| ContactResult::Injected(CreatedContact { id: id.to_owned() });
        let number = 400_000_000_001_u64;
        for body in [
            json!({"consumerContact": {"id": "400000000001"}, "message": {}}),
            json!({"consumerContact": {"id": number}}),
            json!({"consumerContact": {}, "message": {"contactNumber": "400000000001"}}),
        ] {
            assert_eq!(answered(201, &body), injected("400000000001"), "{body}");
            assert_eq!(answered(200, &body), injected("400000000001"), "{body}");
        }
        for body in
            [json!({}), json!([]), json!("<html>"), json!({"consumerContact": {"id": null}}), json!({"id": "7"})]
        {
            assert_eq!(answered(201, &body), ContactResult::InDoubt(Doubt::ServiceError(None)), "{body}");
        }
    }

    #[test]
    fn a_refusal_names_our_own_fields_and_nothing_else() {
        let body = json!({"uid": "x", "errors": [
            {"field": "contact.customFields", "message": "orderRef of Jane Doe is too long", "errorCode": "e"},
            {"field": "messageContent", "message": "no"},
        ]});
        let ContactResult::Refused { refusal: Refusal::Payload, detail: Some(detail), clears_doubt: false, .. } =
            answered(400, &body)
        else {
            panic!("a refusal")
        };
        assert_eq!(detail.to_string(), "messageContent, contact, customFields, orderRef");
        for (status, expected) in [
            (401, Refusal::Unauthorized),
            (403, Refusal::Forbidden),
            (404, Refusal::UnknownQueue),
            (429, Refusal::RateLimited),
        ] {
            let ContactResult::Refused { refusal, .. } = answered(status, &json!({})) else { panic!("{status}") };
            assert_eq!(refusal, expected);
        }
        for status in [203, 302, 409, 500] {
            assert!(matches!(answered(status, &json!({})), ContactResult::InDoubt(_)), "{status}");
        }
        let silence = read(&contact(), &HttpReply::Silence);
        assert_eq!((silence.meaning, silence.lesson), (ContactResult::InDoubt(Doubt::Unanswered), Lesson::Unanswered));
    }
}
