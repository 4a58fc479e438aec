//! `POST /interactions/work-items` (docs/real-tenant.md#work-items, docs/real-tenant.md#answers).

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{
    Nice, payload,
    statuses::{self, Row, row},
};
use crate::{
    dialects::{Content, HttpReply, HttpRequest, HttpResponse, Submission, Verdict, error::error_detail},
    domain::{
        contact_result::{ContactResult, CreatedContact, Doubt, Refusal},
        lease::Lesson,
        routes::{Address, Encoding},
        token::Token,
    },
};

/// Every parameter of the request, by which an error may name what it is about.
const PARAMETERS: [&str; 5] = ["pointOfContact", "workItemID", "workItemPayload", "workItemType", "from"];

/// Words of a 400 that is about the point of contact.
const POINT_OF_CONTACT: [&str; 2] = ["point of contact", "pointofcontact"];

/// Words of a 429 that is about how many items wait, and not about how many requests there were.
const CAPACITY: [&str; 2] = ["port limit", "queued work items"];

/// A word of a 429 that is about the rate of requests.
const RATE: &str = "rate";

impl Nice {
    /// Asks for a work item.
    pub(super) fn work_item<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
        let parameters = parameters(submission);
        let of = |content| self.request(token, &["interactions", "work-items"], content);
        match self.work_items.encoding {
            Encoding::Json => {
                let members = parameters.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
                of(Content::PostJson(members.collect()))
            }
            Encoding::Form => of(Content::PostForm(owned(parameters))),
            Encoding::Query => HttpRequest { query: owned(parameters), ..of(Content::PostForm(Vec::new())) },
        }
    }
}

fn owned<'r>(parameters: Vec<(&'static str, String)>) -> Vec<(&'static str, Cow<'r, str>)> {
    parameters.into_iter().map(|(name, value)| (name, Cow::from(value))).collect()
}

fn parameters(submission: &Submission<'_>) -> Vec<(&'static str, String)> {
    let Address::WorkItem(item) = submission.address else { return Vec::new() };
    let members = [
        ("pointOfContact", Some(item.point_of_contact.clone())),
        ("workItemID", Some(submission.event.key.to_string())),
        ("workItemPayload", Some(payload::text(submission))),
        ("workItemType", item.item_type.clone()),
        ("from", Some(submission.contact.from.clone())),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What the request says, its payload opened for whoever wants to read it.
pub(super) fn shown(submission: &Submission<'_>) -> Value {
    let parameters = parameters(submission).into_iter().map(|(name, value)| {
        let value = if name == "workItemPayload" { payload::value(submission) } else { value.into() };
        (name.to_owned(), value)
    });
    json!({ "workItem": parameters.collect::<Value>() })
}

pub(super) fn read(reply: &HttpReply) -> Verdict<ContactResult> {
    match reply {
        HttpReply::Answered(response) => answer(response),
        HttpReply::Silence => {
            Verdict { meaning: ContactResult::InDoubt(Doubt::Unanswered), lesson: Lesson::Unanswered }
        }
        HttpReply::Unreachable => {
            let meaning =
                ContactResult::Refused { refusal: Refusal::Unreachable, wait: None, detail: None, clears_doubt: false };
            Verdict { meaning, lesson: Lesson::Unreachable }
        }
    }
}

fn answer(response: &HttpResponse) -> Verdict<ContactResult> {
    let &HttpResponse { status, retry_after: wait, ref body, .. } = response;
    let row @ Row { contact, .. } = row(status);
    let lesson = row.lesson(wait);
    let refused = |refusal| {
        let names = PARAMETERS.iter().map(ToString::to_string);
        let detail = body.as_ref().and_then(|body| error_detail(body, names));
        ContactResult::Refused { refusal, wait, detail, clears_doubt: false }
    };
    match contact {
        statuses::Contact::Created => {
            let id = body.as_ref().and_then(contact_id).unwrap_or_default();
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

/// The id of a created item: a number of any length, or its text.
fn contact_id(body: &Value) -> Option<String> {
    match body.get("contactId")? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()).filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric())),
        _ => None,
    }
}

/// Whether an answer has one of these words, in its body or in the header that describes its status.
fn says(response: &HttpResponse, words: &[&str]) -> bool {
    let body = response.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let said = [response.words.to_lowercase(), body.to_lowercase()];
    words.iter().any(|word| said.iter().any(|said| said.contains(word)))
}
