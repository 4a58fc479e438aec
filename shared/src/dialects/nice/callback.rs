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
    Some(value.to_text())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        dialects::{
            Content, HttpResponse, Submitted,
            nice::{ISSUER, fixtures},
        },
        domain::{
            attributes::AttributeValue,
            contact_result::{Doubt, Refusal},
            idempotency::IdempotencyKey,
            lease::Lesson,
            routes::{Priority, Routes},
            time::Timestamp,
        },
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// What is asked for by a target with these members of an event that expires so many milliseconds from now.
    fn asked(members: &Value, expires: Option<i64>) -> Value {
        let mut callback = json!({"skillId": 4013, "attributes": "drop"});
        callback.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let file = json!({"routes": [{
            "name": "r", "match": {"type": "t"}, "targets": [{"callback": callback}], "priority": {"default": 7},
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "callbackNumber": {"path": "$.phone"},
            "attributes": {"string:ref": {"path": "$.ref"}, "number:total": {"path": "$.total"}},
        }]});
        let routes = Routes::from_json(file.to_string(), super::super::FACTS.routes).unwrap();
        let route = routes.iter().next().unwrap();
        let attributes = [
            ("string:ref", AttributeValue::String("A/1".to_owned())),
            ("number:total", AttributeValue::Number(5.into())),
            ("boolean:vip", AttributeValue::Boolean(false)),
        ];
        let contact = fixtures::contact(&attributes);
        let expires = expires.map(|millis| Timestamp::from_millis(NOW.as_millis() + millis));
        let submission = Submission {
            contact: &contact,
            address: route.targets()[0].address(),
            priority: Priority::try_from(7).unwrap(),
            route: route.name(),
            event: Submitted { key: IdempotencyKey::of_event("s", "i"), expires },
            at: NOW,
        };
        let nice = Nice::new(ISSUER, "v34.0", None, &routes).unwrap();
        let token = fixtures::token();
        let request = nice.callback(&token, &submission);
        assert_eq!(request.path.join("/"), "inContactAPI/services/v34.0/queuecallback");
        let Content::PostJson(body) = request.content else { panic!("JSON") };
        assert_eq!(shown(&submission), json!({"callback": body}));
        body
    }

    #[test]
    fn only_what_is_there_is_said() {
        let bare = json!({
            "phoneNumber": "+15550301234", "skill": 4013, "priorityManagement": "Custom", "initialPriority": 7,
        });
        assert_eq!(asked(&json!({}), None), bare);
        let mut whole = bare;
        let more = json!({
            "callerId": "+15550201234", "acceleration": 2, "maxPriority": 900, "screenPopSrc": "Custom",
            "screenPopUrl": format!("https://x.example/A%2F1?key={}&t=5", IdempotencyKey::of_event("s", "i")),
            "timeout": 90,
        });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let members = json!({
            "callerId": "+15550201234", "acceleration": 2, "maxPriority": 900,
            "screenPopUrl": "https://x.example/{ref}?key={key}&t={total}",
        });
        assert_eq!(asked(&members, Some(90_999)), whole);
    }

    #[test]
    fn what_is_left_of_its_life_is_told_in_seconds_and_is_never_none() {
        for (millis, seconds) in [(1, 1), (999, 1), (1000, 1), (1999, 1), (2000, 2), (86_400_000, 86_400)] {
            assert_eq!(asked(&json!({}), Some(millis))["timeout"], seconds, "{millis}");
        }
    }

    fn answered(status: u16, body: &str) -> Verdict<ContactResult> {
        read(&HttpReply::Answered(HttpResponse::new(status, Some("7"), body.as_bytes(), NOW)))
    }

    #[test]
    fn a_2xx_is_a_callback_whether_or_not_it_says_which() {
        for (body, id) in [(r#"{"contactId": 123456789012345678}"#, "123456789012345678"), ("", ""), ("{}", "")] {
            for status in [200, 201, 202] {
                let injected = ContactResult::Injected(CreatedContact { id: id.to_owned() });
                assert_eq!(answered(status, body), Verdict { meaning: injected, lesson: Lesson::Works }, "{body}");
            }
        }
    }

    #[test]
    fn each_refusal_is_about_what_its_status_says() {
        for (status, expected) in [
            (400, Refusal::Payload),
            (401, Refusal::Unauthorized),
            (403, Refusal::Forbidden),
            (404, Refusal::UnknownQueue),
            (415, Refusal::Payload),
            (429, Refusal::RateLimited),
        ] {
            let ContactResult::Refused { refusal, clears_doubt: false, .. } = answered(status, "").meaning else {
                panic!("{status}")
            };
            assert_eq!(refusal, expected, "{status}");
        }
        let named = answered(400, r#"{"error": "invalid", "message": "phoneNumber of Jane Doe"}"#).meaning;
        let ContactResult::Refused { detail: Some(detail), .. } = named else { panic!("a detail") };
        assert_eq!(detail.to_string(), "invalid: phoneNumber");
        for status in [203, 302, 409, 500, 503] {
            assert!(matches!(answered(status, "").meaning, ContactResult::InDoubt(Doubt::ServiceError(Some(_)))));
        }
        assert_eq!(read(&HttpReply::Silence).meaning, ContactResult::InDoubt(Doubt::Unanswered));
        assert_eq!(read(&HttpReply::Unreachable).meaning, ContactResult::refused(Refusal::Unreachable));
    }
}
