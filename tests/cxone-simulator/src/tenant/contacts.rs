//! Contacts and the idempotency keys that created them.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::message::{HttpAnswer, iso_8601};
use super::record::{Contact, ContactStatus};
use crate::config::OversizedStrings;
use crate::queue::{OnSaturation, Queue};
use crate::validation::{MAX_STRING_CHARACTERS, Rule, validate_contact_request};

/// How long a key returns its original answer: 24 hours from its first use (docs/wire.md#key-memory).
pub const IDEMPOTENCY_RETENTION_MS: u64 = 24 * 60 * 60 * 1000;

/// The contacts of a tenant, and its idempotency keys, which hold across clients.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    created: Vec<Contact>,
    keys: HashMap<Uuid, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    at_ms: u64,
    contact: usize,
    body: Vec<u8>,
    answer: HttpAnswer,
}

/// What there is to know besides the request when a contact is created.
pub(crate) struct Creation<'a> {
    pub(crate) now_ms: u64,
    pub(crate) client_id: &'a str,
    /// The identifier for a new contact.
    pub(crate) id: String,
    pub(crate) queues: &'a mut [Queue],
    pub(crate) skills: &'a [String],
    pub(crate) oversized_strings: OversizedStrings,
    /// The status to lose the contact with, where a fault says so.
    pub(crate) lost: Option<ContactStatus>,
}

/// An answer and the contact that it is about.
pub(crate) struct Posted {
    pub(crate) answer: HttpAnswer,
    pub(crate) contact_id: Option<String>,
}

impl Contacts {
    pub(crate) fn all(&self) -> &[Contact] {
        &self.created
    }

    pub(crate) fn all_mut(&mut self) -> &mut [Contact] {
        &mut self.created
    }

    /// Answers a POST: the key's form, then its replay, then the payload, the queue, its thresholds, the contact.
    pub(crate) fn post(&mut self, key: Option<&str>, body: &[u8], creation: Creation<'_>) -> Posted {
        let refused = |answer| Posted { answer, contact_id: None };
        let Some(key) = key.and_then(hyphenated_uuid) else {
            let message = "X-Idempotency-Key must be there and a UUID";
            return refused(HttpAnswer::error(400, "invalid_idempotency_key", message));
        };
        if let Some(replay) = self.replay(key, body, creation.now_ms) {
            return replay;
        }
        match create(key, body, creation) {
            Err(answer) => refused(answer),
            Ok((contact, answer)) => {
                let contact_id = Some(contact.id.clone());
                let at_ms = contact.created_at_ms;
                self.created.push(contact);
                let contact = self.created.len() - 1;
                self.keys.insert(key, Remembered { at_ms, contact, body: body.to_vec(), answer: answer.clone() });
                Posted { answer, contact_id }
            }
        }
    }

    fn replay(&mut self, key: Uuid, body: &[u8], now_ms: u64) -> Option<Posted> {
        let remembered = self.keys.get(&key)?;
        if remembered.at_ms.saturating_add(IDEMPOTENCY_RETENTION_MS) <= now_ms {
            return None;
        }
        let contact = self.created.get_mut(remembered.contact)?;
        contact.replays += 1;
        contact.conflicting_replays += u32::from(!same_json(body, &remembered.body));
        Some(Posted { answer: remembered.answer.clone(), contact_id: Some(contact.id.clone()) })
    }
}

fn create(key: Uuid, body: &[u8], creation: Creation<'_>) -> Result<(Contact, HttpAnswer), HttpAnswer> {
    let mut request: Value = serde_json::from_slice(body)
        .map_err(|_| HttpAnswer::error(400, "invalid_payload", "the body must be a JSON object"))?;
    if creation.oversized_strings == OversizedStrings::Truncate {
        truncate_strings(&mut request);
    }
    validate_contact_request(&request).map_err(|violations| HttpAnswer::violations(&violations))?;
    let status = match request.get("queueId").and_then(Value::as_str) {
        Some(queue_id) => {
            let queue = creation.queues.iter_mut().find(|queue| queue.id == queue_id);
            let queue = queue.ok_or_else(|| HttpAnswer::error(404, "queue_not_found", "no such queue"))?;
            enter(queue, creation.lost)?
        }
        None => creation.lost.unwrap_or_else(|| by_skill(&request, creation.skills)),
    };
    let mut answer = json!({
        "id": creation.id,
        "status": status.name(),
        "priority": request["priority"],
        "createdTime": iso_8601(creation.now_ms),
    });
    if let Some(queue_id) = request.get("queueId") {
        answer["queueId"] = queue_id.clone();
    }
    let contact = Contact {
        id: creation.id,
        idempotency_key: key.to_string(),
        client_id: creation.client_id.to_owned(),
        request,
        status,
        created_at_ms: creation.now_ms,
        replays: 0,
        conflicting_replays: 0,
    };
    Ok((contact, HttpAnswer::json(201, &answer)))
}

/// Takes a place in the queue, or finds the contact lost, or is turned away. A lost contact takes no place.
fn enter(queue: &mut Queue, lost: Option<ContactStatus>) -> Result<ContactStatus, HttpAnswer> {
    if let Some(saturation) = queue.saturation() {
        return match queue.on_saturation {
            OnSaturation::Conflict => {
                let body = json!({ "error": "queue_saturated", "message": "the queue takes no contact", "threshold": saturation });
                Err(HttpAnswer::json(409, &body))
            }
            OnSaturation::Failed => Ok(ContactStatus::Failed),
            OnSaturation::Abandoned => Ok(ContactStatus::Abandoned),
        };
    }
    let status = lost.unwrap_or(ContactStatus::Queued);
    if !status.is_lost() {
        queue.capacity = queue.capacity.map(|count| count + 1);
    }
    Ok(status)
}

fn by_skill(request: &Value, skills: &[String]) -> ContactStatus {
    let wanted = request.get("skillIds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if wanted.into_iter().all(|id| skills.iter().any(|skill| skill == id)) {
        ContactStatus::Queued
    } else {
        ContactStatus::Failed
    }
}

/// Cuts what only the length rule objects to, so that every other rule still sees the value as sent.
fn truncate_strings(request: &mut Value) {
    let too_long = validate_contact_request(request).err().unwrap_or_default();
    for violation in too_long.iter().filter(|violation| violation.rule == Rule::AttributeLength) {
        if let Some(Value::String(text)) = request.pointer_mut(&violation.pointer) {
            *text = text.chars().take(MAX_STRING_CHARACTERS).collect();
        }
    }
}

/// Only the 36-character form of RFC 9562; the parser knows braces, URNs and bare digits too.
fn hyphenated_uuid(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key).ok().filter(|_| key.len() == 36)
}

fn same_json(one: &[u8], other: &[u8]) -> bool {
    let parse = |body| serde_json::from_slice::<Value>(body).ok();
    one == other || parse(one).zip(parse(other)).is_some_and(|(one, other)| one == other)
}
