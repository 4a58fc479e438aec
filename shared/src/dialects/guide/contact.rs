//! `POST /api/v2/routing/contacts` (docs/wire.md#contact-request, docs/wire.md#contact-answers).

use serde_json::Value;

use super::{
    path,
    statuses::{self, Key, Row, row},
};
use crate::{
    dialects::{
        Authorization, Content, HttpReply, HttpRequest, HttpResponse, Submission, Verdict,
        answer::{UNREADABLE, of_contact},
        error::error_detail,
    },
    domain::{
        contact::Contact,
        contact_result::{ContactResult, CreatedContact, Doubt},
        routes::Address,
        token::Token,
    },
};

/// Every member that the body can have.
const MEMBERS: [&str; 10] =
    ["type", "channel", "queueId", "skillIds", "priority", "from", "to", "callbackNumber", "wrapUpCode", "attributes"];

pub(super) fn request<'r>(token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
    HttpRequest {
        authorization: Authorization::Bearer(token.access_token()),
        headers: vec![("X-Idempotency-Key", submission.event.key.to_string())],
        ..HttpRequest::new(path(["api", "v2", "routing", "contacts"]), Content::PostJson(body(submission)))
    }
}

pub(super) fn body(submission: &Submission<'_>) -> Value {
    let &Submission { contact, address, priority, .. } = submission;
    // The loader refuses the address of another API.
    let (addressed, at) = if let Address::Skills(skills) = address {
        ("skillIds", skills.as_slice().into())
    } else {
        ("queueId", address.queue().map_or(Value::Null, |queue| queue.as_str().into()))
    };
    let attributes = contact.attributes.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
    let text = |text: &str| Value::from(text);
    let members = [
        ("type", Some(text("contact"))),
        ("channel", contact.channel.as_deref().map(text)),
        (addressed, Some(at)),
        ("priority", Some(priority.get().into())),
        ("from", Some(text(&contact.from))),
        ("to", Some(text(&contact.to))),
        ("callbackNumber", contact.callback_number.as_deref().map(text)),
        ("wrapUpCode", contact.wrap_up_code.as_deref().map(text)),
        ("attributes", Some(attributes)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

pub(super) fn read(contact: &Contact, reply: &HttpReply) -> Verdict<ContactResult> {
    of_contact(reply).map_or_else(|unanswered| unanswered, |response| answer(contact, response))
}

fn answer(contact: &Contact, response: &HttpResponse) -> Verdict<ContactResult> {
    let &HttpResponse { status, retry_after: wait, ref body, .. } = response;
    let row @ Row { contact: says, key, .. } = row(status);
    let in_doubt = ContactResult::InDoubt(Doubt::ServiceError(wait));
    match says {
        statuses::Contact::Created => match body.as_ref().and_then(created) {
            Some(result) => Verdict { meaning: result, lesson: row.client.lesson(wait) },
            None => Verdict { meaning: in_doubt, lesson: UNREADABLE },
        },
        statuses::Contact::InDoubt => Verdict { meaning: in_doubt, lesson: row.client.lesson(wait) },
        statuses::Contact::Refused(refusal) => {
            let detail = body.as_ref().and_then(|body| error_detail(body, field_names(contact)));
            let by_cxone = detail.as_ref().is_some_and(|detail| detail.code.is_some());
            let clears_doubt = key == Key::LookedUp || (key == Key::IfCxoneSaysSo && by_cxone);
            let meaning = ContactResult::Refused { refusal, wait, detail, clears_doubt };
            Verdict { meaning, lesson: row.client.lesson(wait) }
        }
    }
}

/// A contact with an id. Without a status it is one all the same: it was created, and nothing says that it was lost.
fn created(body: &Value) -> Option<ContactResult> {
    let id = body.get("id")?.as_str().filter(|id| !id.is_empty())?.to_owned();
    let lost = match body.get("status") {
        None | Some(Value::Null) => false,
        Some(status) => {
            let status = status.as_str()?;
            status.eq_ignore_ascii_case("failed") || status.eq_ignore_ascii_case("abandoned")
        }
    };
    let created = CreatedContact { id };
    Some(if lost { ContactResult::Lost(created) } else { ContactResult::Injected(created) })
}

/// The names that are ours in a request: every member that it can have, and the keys of its attributes.
pub(in crate::dialects) fn field_names(contact: &Contact) -> impl Iterator<Item = String> {
    MEMBERS.iter().map(ToString::to_string).chain(contact.attributes.keys().map(ToString::to_string))
}

#[cfg(test)]
pub(in crate::dialects) mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        dialects::Submitted,
        domain::{
            attributes::AttributeValue,
            contact_result::{ErrorCode, ErrorDetail, Refusal},
            idempotency::IdempotencyKey,
            lease::Lesson,
            retry_after::RetryAfter,
            routes::{Priority, QueueId},
            time::Timestamp,
        },
    };

    pub(in crate::dialects) fn contact() -> Contact {
        let text = |text: &str| text.to_owned();
        let attribute = |key: &str| (key.parse().unwrap(), AttributeValue::String(text("Jane Doe")));
        Contact {
            channel: Some(text("voice")),
            from: text("+15550109876"),
            to: text("+15550201234"),
            callback_number: None,
            wrap_up_code: None,
            text: None,
            attributes: ["string:notes", "string:order.ref"].map(attribute).into(),
        }
    }

    fn answered(status: u16, body: &Value) -> Verdict<ContactResult> {
        let response = HttpResponse::new(status, Some("7"), body.to_string().as_bytes(), Timestamp::from_millis(0));
        read(&contact(), &HttpReply::Answered(response))
    }

    #[test]
    fn every_member_and_every_attribute_of_a_request_has_its_name_in_the_list() {
        let text = |text: &str| Some(text.to_owned());
        let contact = Contact { callback_number: text("+15550109876"), wrap_up_code: text("W"), ..contact() };
        let addresses = [Address::Queue(QueueId::new("q".to_owned()).unwrap()), Address::Skills(vec!["s".to_owned()])];
        let names: Vec<_> = field_names(&contact).collect();
        assert_eq!((names.len(), names.last().unwrap().as_str()), (12, "string:order.ref"));
        let event = Submitted { key: IdempotencyKey::of_event("s", "i"), expires: None };
        for address in &addresses {
            let priority = Priority::try_from(1).unwrap();
            let body =
                body(&Submission { contact: &contact, address, priority, route: "r", event, at: Timestamp::default() });
            let members = body.as_object().unwrap();
            assert!(members.keys().all(|member| names.contains(member)), "{body}");
            assert_eq!(members.len(), 9, "a queue or skills, never both: {body}");
        }
    }

    #[test]
    fn a_contact_needs_an_id_and_nothing_else() {
        let result = |body: Value| answered(201, &body).meaning;
        let contact = || CreatedContact { id: "c".to_owned() };
        assert_eq!(result(json!({"id": "c", "status": "queued"})), ContactResult::Injected(contact()));
        assert_eq!(result(json!({"id": "c", "status": "Abandoned"})), ContactResult::Lost(contact()));
        assert_eq!(result(json!({"id": "c", "status": "failed"})), ContactResult::Lost(contact()));
        assert_eq!(result(json!({"id": "c"})), ContactResult::Injected(contact()));
        for unreadable in
            [json!({}), json!({"id": ""}), json!({"id": 7}), json!({"id": "c", "status": 7}), json!([]), json!("c")]
        {
            let verdict = answered(201, &unreadable);
            assert!(matches!(verdict.meaning, ContactResult::InDoubt(Doubt::ServiceError(_))), "{unreadable}");
            assert_eq!(verdict.lesson, Lesson::Fails);
        }
    }

    #[test]
    fn only_a_2xx_creates_a_contact() {
        let wait = Some(RetryAfter::new(Duration::from_secs(7)));
        for status in [200, 201, 299] {
            let verdict = answered(status, &json!({"id": "c"}));
            assert!(matches!(verdict.meaning, ContactResult::Injected(_)), "{status}");
            assert_eq!(verdict.lesson, Lesson::Works);
        }
        for status in [199, 300, 402, 500] {
            let in_doubt = ContactResult::InDoubt(Doubt::ServiceError(wait));
            assert_eq!(answered(status, &json!({"id": "c"})).meaning, in_doubt, "{status}");
        }
    }

    #[test]
    fn a_refusal_comes_with_what_cxone_says_of_it() {
        let verdict = answered(429, &json!({"error": "too_many", "message": "string:notes"}));
        let wait = Some(RetryAfter::new(Duration::from_secs(7)));
        let detail = Some(ErrorDetail { code: ErrorCode::read("too_many"), fields: vec!["string:notes".to_owned()] });
        let refused = ContactResult::Refused { refusal: Refusal::RateLimited, wait, detail, clears_doubt: false };
        assert_eq!(verdict, Verdict { meaning: refused, lesson: Lesson::TooMany(wait) });
    }

    #[test]
    fn a_404_is_cxones_own_by_its_error_code() {
        let clears = |status, body| match answered(status, &body).meaning {
            ContactResult::Refused { clears_doubt, .. } => clears_doubt,
            other => panic!("{other:?}"),
        };
        assert!(!clears(404, json!({})));
        assert!(!clears(404, json!({"message": "queueId"})));
        assert!(clears(404, json!({"error": "queue_not_found"})));
        assert!(clears(409, json!({})));
        for status in [400, 401, 403, 429] {
            assert!(!clears(status, json!({"error": "some_code"})), "{status}");
        }
    }

    #[test]
    fn silence_is_doubt_and_no_connection_is_not() {
        let silence = read(&contact(), &HttpReply::Silence);
        assert_eq!((silence.meaning, silence.lesson), (ContactResult::InDoubt(Doubt::Unanswered), Lesson::Unanswered));
        let unreachable = read(&contact(), &HttpReply::Unreachable);
        let refusal = Refusal::Unreachable;
        let refused = ContactResult::Refused { refusal, wait: None, detail: None, clears_doubt: false };
        assert_eq!((unreachable.meaning, unreachable.lesson), (refused, Lesson::Unreachable));
    }
}
