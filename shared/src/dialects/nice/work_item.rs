//! `POST /interactions/work-items` (docs/real-tenant.md#work-items, docs/real-tenant.md#answers).

use serde_json::{Value, json};

use super::{
    Nice, contact,
    parameters::Parameter,
    payload,
    statuses::{self, Row, row},
};
use crate::{
    dialects::{HttpReply, HttpRequest, HttpResponse, Submission, Verdict, answer::of_contact},
    domain::{
        contact_result::{ContactResult, CreatedContact, Doubt, Refusal},
        lease::Lesson,
        routes::Address,
        token::Token,
    },
};

/// Every parameter of the request, by which an error may name what it is about.
const PARAMETERS: [&str; 5] = ["pointOfContact", "workItemID", "workItemPayload", "workItemType", "from"];

/// Words of a 400 that is about the point of contact. The parameter's own name is none of them: who can't read the
/// request's form says that it lacks the parameter.
const POINT_OF_CONTACT: [&str; 1] = ["point of contact"];

/// Words of a 429 that is about how many items wait, and not about how many requests there were.
const CAPACITY: [&str; 2] = ["port limit", "queued work items"];

/// A word of a 429 that is about the rate of requests.
const RATE: &str = "rate";

impl Nice {
    /// Asks for a work item.
    pub(super) fn work_item<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
        self.parameterised(token, &["interactions", "work-items"], parameters(submission))
    }
}

fn parameters(submission: &Submission<'_>) -> Vec<Parameter> {
    let Address::WorkItem(item) = submission.address else { return Vec::new() };
    let members = [
        ("pointOfContact", Some(item.point_of_contact.clone())),
        ("workItemID", Some(submission.event.key.to_string())),
        ("workItemPayload", Some(payload::text(submission))),
        ("workItemType", item.item_type.clone()),
        ("from", Some(submission.contact.from.clone())),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name, value?.into()))).collect()
}

/// What the request says, its payload opened for whoever wants to read it.
pub(super) fn shown(submission: &Submission<'_>) -> Value {
    let parameters = parameters(submission).into_iter().map(|(name, value)| {
        let value = if name == "workItemPayload" { payload::value(submission) } else { value };
        (name.to_owned(), value)
    });
    json!({ "workItem": parameters.collect::<Value>() })
}

pub(super) fn read(reply: &HttpReply) -> Verdict<ContactResult> {
    of_contact(reply).map_or_else(|unanswered| unanswered, answer)
}

fn answer(response: &HttpResponse) -> Verdict<ContactResult> {
    let &HttpResponse { status, retry_after: wait, ref body, .. } = response;
    let row @ Row { contact, .. } = row(status);
    let lesson = row.client.lesson(wait);
    let refused = |refusal| contact::refused(response, refusal, PARAMETERS.iter().map(ToString::to_string));
    match contact {
        statuses::Contact::Created => {
            let id = body.as_ref().and_then(|body| contact::id(body.get("contactId")?)).unwrap_or_default();
            Verdict { meaning: ContactResult::Injected(CreatedContact { id }), lesson }
        }
        statuses::Contact::Refused(refusal) => Verdict { meaning: refused(refusal), lesson },
        statuses::Contact::RefusedByWords if says(response, &POINT_OF_CONTACT) => {
            Verdict { meaning: refused(Refusal::UnknownQueue), lesson }
        }
        statuses::Contact::RefusedByWords => Verdict { meaning: refused(Refusal::Payload), lesson },
        statuses::Contact::TooMany if says(response, &CAPACITY) => {
            // The tenant is full, and the client was not too fast.
            Verdict { meaning: refused(Refusal::KindSaturated), lesson: Lesson::Works }
        }
        statuses::Contact::TooMany if wait.is_some() || says(response, &[RATE]) => {
            Verdict { meaning: refused(Refusal::RateLimited), lesson }
        }
        statuses::Contact::TooMany => Verdict { meaning: refused(Refusal::KindSaturated), lesson },
        statuses::Contact::InDoubt => Verdict { meaning: ContactResult::InDoubt(Doubt::ServiceError(wait)), lesson },
    }
}

/// Whether an answer has one of these words, in its body or in the header that describes its status.
fn says(response: &HttpResponse, words: &[&str]) -> bool {
    let body = response.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let said = [response.words.to_lowercase(), body.to_lowercase()];
    words.iter().any(|word| said.iter().any(|said| said.contains(word)))
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, time::Duration};

    use super::*;
    use crate::{
        dialects::{
            Content, Dialect as _, Submitted,
            nice::{FACTS, fixtures},
        },
        domain::{
            attributes::AttributeValue,
            idempotency::IdempotencyKey,
            retry_after::RetryAfter,
            routes::{Priority, Routes},
            time::Timestamp,
        },
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// What is asked for in this encoding, whatever reads it; and what is shown of it.
    fn asked(encoding: &str, read: impl FnOnce(&HttpRequest<'_>)) -> Value {
        let target = json!({"workItem": {"pointOfContact": "123456 - Orders", "type": "order"}});
        let file = json!({"cxone": {"workItemEncoding": encoding}, "routes": [{
            "name": "r", "match": {"type": "t"}, "targets": [target], "priority": {"default": 7},
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
        }]});
        let routes = Routes::from_json(file.to_string(), FACTS.routes).unwrap();
        let route = routes.iter().next().unwrap();
        let contact = fixtures::contact(&[("string:notes", AttributeValue::String("n".to_owned()))]);
        let submission = Submission {
            contact: &contact,
            address: route.targets()[0].address(),
            priority: Priority::try_from(7).unwrap(),
            route: route.name(),
            event: Submitted { key: IdempotencyKey::of_event("s", "i"), expires: Some(NOW) },
            at: NOW,
        };
        let nice = Nice::new("https://cxone.niceincontact.com", "v34.0", None, &routes).unwrap();
        read(&nice.contact(&fixtures::token(), &submission));
        nice.contact_body(&submission)
    }

    fn response(status: u16, retry_after: Option<&str>, body: &str) -> HttpResponse {
        HttpResponse::new(status, retry_after, body.as_bytes(), Timestamp::from_millis(0))
    }

    fn answered(response: HttpResponse) -> (ContactResult, Lesson) {
        let Verdict { meaning, lesson } = read(&HttpReply::Answered(response));
        (meaning, lesson)
    }

    fn refusal(response: HttpResponse) -> (Refusal, Lesson) {
        match answered(response) {
            (ContactResult::Refused { refusal, clears_doubt: false, .. }, lesson) => (refusal, lesson),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_item_is_asked_for_in_each_encoding_with_the_same_parameters() {
        let key = IdempotencyKey::of_event("s", "i").to_string();
        let payload = json!({
            "v": 1, "key": key, "route": "r", "priority": 7, "to": "+15550201234", "callbackNumber": "+15550301234",
            "attributes": {"notes": "n"}, "expiresAt": NOW.to_string(),
        });
        let parameters = json!({
            "pointOfContact": "123456 - Orders", "workItemID": key, "workItemPayload": payload.to_string(),
            "workItemType": "order", "from": "+15550109876",
        });
        let members = |list: &[(&'static str, Cow<'_, str>)]| {
            list.iter().map(|(name, value)| ((*name).to_owned(), Value::from(&**value))).collect::<Value>()
        };
        let shown = asked("json", |request| {
            let path = "inContactAPI/services/v34.0/interactions/work-items";
            assert_eq!((request.path.join("/").as_str(), request.query.len()), (path, 0));
            assert_eq!(request.base.as_deref(), Some("https://api-na1.niceincontact.com"));
            let Content::PostJson(body) = &request.content else { panic!("JSON") };
            assert_eq!(*body, parameters);
        });
        let mut opened = parameters.clone();
        opened["workItemPayload"] = payload;
        assert_eq!(shown, json!({ "workItem": opened }));
        asked("form", |request| {
            let Content::PostForm(form) = &request.content else { panic!("a form") };
            assert_eq!((members(form), request.query.len()), (parameters.clone(), 0));
        });
        asked("query", |request| {
            let Content::PostForm(form) = &request.content else { panic!("a form") };
            assert_eq!((members(&request.query), form.len()), (parameters.clone(), 0));
        });
    }

    #[test]
    fn a_created_item_is_one_whatever_its_body_holds() {
        let id = |body: &str| match answered(response(202, None, body)) {
            (ContactResult::Injected(created), Lesson::Works) => created.id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id(r#"{"contactId": 123456789012345678}"#), "123456789012345678");
        assert_eq!(id(r#"{"contactId": "42"}"#), "42");
        for none in ["", "{}", "<html>", "[]", r#"{"contactId": null}"#, r#"{"contactId": "Jane Doe"}"#] {
            assert_eq!(id(none), "", "{none}");
        }
        for status in [200, 201] {
            assert!(matches!(answered(response(status, None, "")).0, ContactResult::Injected(_)));
        }
    }

    #[test]
    fn a_400_is_about_the_point_of_contact_where_its_words_or_its_header_say_so() {
        let words = "Point of contact is not valid for this business unit.";
        for said in [
            response(400, None, &json!({"error": "x", "error_description": words}).to_string()),
            response(400, None, words),
            response(400, None, "").described(words),
            response(404, None, ""),
        ] {
            assert_eq!(refusal(said), (Refusal::UnknownQueue, Lesson::Works));
        }
        for said in [
            "The pointOfContact field is required",
            "",
            "{}",
            "Payload exceeded the configured limit for the business unit.",
            r#"{"error": "x"}"#,
        ] {
            assert_eq!(refusal(response(400, None, said)), (Refusal::Payload, Lesson::Works), "{said}");
        }
        assert_eq!(refusal(response(415, None, "")), (Refusal::Payload, Lesson::Works));
        let named = response(400, None, r#"{"error": "invalid", "message": "workItemPayload is Jane Doe's"}"#);
        let (ContactResult::Refused { detail: Some(detail), .. }, _) = answered(named) else { panic!("a detail") };
        assert_eq!(detail.to_string(), "invalid: workItemPayload");
    }

    #[test]
    fn a_429_is_about_the_rate_or_about_room_or_about_both() {
        let wait = Some(RetryAfter::new(Duration::from_secs(7)));
        assert_eq!(refusal(response(429, Some("7"), "")), (Refusal::RateLimited, Lesson::TooMany(wait)));
        assert_eq!(refusal(response(429, None, "Rate exceeded")), (Refusal::RateLimited, Lesson::TooMany(None)));
        let full = "Number of queued work items exceeded port limit for this business unit";
        assert_eq!(refusal(response(429, None, full)), (Refusal::KindSaturated, Lesson::Works));
        assert_eq!(refusal(response(429, None, "").described(full)), (Refusal::KindSaturated, Lesson::Works));
        assert_eq!(refusal(response(429, None, "")), (Refusal::KindSaturated, Lesson::TooMany(None)));
    }

    #[test]
    fn what_proves_nothing_is_in_doubt_and_no_connection_is_not() {
        for status in [203, 302, 409, 402, 500, 502, 503, 504, 599] {
            assert!(matches!(answered(response(status, None, "")).0, ContactResult::InDoubt(_)), "{status}");
        }
        let silence = read(&HttpReply::Silence);
        assert_eq!((silence.meaning, silence.lesson), (ContactResult::InDoubt(Doubt::Unanswered), Lesson::Unanswered));
        let unreachable = read(&HttpReply::Unreachable);
        assert!(matches!(unreachable.meaning, ContactResult::Refused { refusal: Refusal::Unreachable, .. }));
        assert_eq!(unreachable.lesson, Lesson::Unreachable);
        assert_eq!(refusal(response(401, None, "")), (Refusal::Unauthorized, Lesson::TokenRefused));
        assert_eq!(refusal(response(403, None, "")), (Refusal::Forbidden, Lesson::Works));
    }
}
