//! What the answer to a request for a contact means, as far as every kind of contact has it in common
//! (docs/real-tenant.md#answers).

use serde_json::Value;

use super::statuses::{self, Row, row};
use crate::{
    dialects::{HttpReply, HttpResponse, Verdict, answer::of_contact, error::error_detail},
    domain::contact_result::{ContactResult, CreatedContact, Doubt, Refusal},
};

/// What came of asking for a contact whose refusals are told by their status alone. `created` reads it off a 2xx; where
/// it can't, the contact may be there. An error may name these fields of ours.
pub(super) fn read(
    reply: &HttpReply,
    names: impl Iterator<Item = String>,
    created: impl FnOnce(&HttpResponse) -> Option<CreatedContact>,
) -> Verdict<ContactResult> {
    let response = match of_contact(reply) {
        Ok(response) => response,
        Err(unanswered) => return unanswered,
    };
    let wait = response.retry_after;
    let Row { contact, client, .. } = row(response.status);
    let in_doubt = ContactResult::InDoubt(Doubt::ServiceError(wait));
    let meaning = match contact {
        statuses::Contact::Created => created(response).map_or(in_doubt, ContactResult::Injected),
        statuses::Contact::Refused(refusal) => refused(response, refusal, names),
        statuses::Contact::RefusedByWords => refused(response, Refusal::Payload, names),
        statuses::Contact::TooMany => refused(response, Refusal::RateLimited, names),
        statuses::Contact::InDoubt => in_doubt,
    };
    Verdict { meaning, lesson: client.lesson(wait) }
}

/// A refusal, with what is kept of its own words. It says nothing of an earlier request: nobody looked for one.
pub(super) fn refused(response: &HttpResponse, refusal: Refusal, names: impl Iterator<Item = String>) -> ContactResult {
    let detail = response.body.as_ref().and_then(|body| error_detail(body, names));
    ContactResult::Refused { refusal, wait: response.retry_after, detail, clears_doubt: false }
}

/// The id of a contact: a number of any length, or its text.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => {
            Some(text.clone()).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        }
        _ => None,
    }
}
