//! Work items: in three encodings, never deduplicated.

use serde_json::{Value, json};
use uuid::Uuid;

use super::config::{Encoding, PointOfContact, WORK_ITEM};
use super::faults::{PAYLOAD, POINT_OF_CONTACT, PORT_LIMIT};
use super::grants::{Plus, form, members};
use super::record::{Creation, Kind};
use super::request::Request;
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal, Rule};
use crate::tenant::HttpAnswer;

const KNOWN: [&str; 5] = ["pointOfContact", "workItemID", "workItemPayload", "workItemType", "from"];

impl Tenant {
    pub(crate) fn work_item(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        let parameters = self.posted(case.request, &KNOWN, &[])?;
        let text = |name| parameters.get(name).map(str::to_owned);
        let written = parameters.mandatory("pointOfContact")?;
        let point_of_contact = self.point_of_contact(written)?;
        let (point_of_contact_id, skill_id) = (point_of_contact.id, point_of_contact.default_skill_id);
        let payload = text("workItemPayload");
        if payload.as_ref().is_some_and(|payload| payload.len() > self.config.payload_bytes) {
            return Err(Refusal::of(Rule::PayloadTooLarge, 400, "bad_request", PAYLOAD));
        }
        let waits = |made: &&Creation| made.kind == Kind::WorkItem && made.completed_at_ms.is_none();
        let waiting = self.creations.iter().filter(waits).count();
        if self.config.port_limit.is_some_and(|limit| waiting >= limit) {
            return Err(Refusal::new(429, "too_many_requests", PORT_LIMIT));
        }
        if let Some(skill) = self.config.skills.iter_mut().find(|skill| Some(skill.id) == skill_id) {
            skill.queue_count += 1;
        }
        let creation = Creation {
            key: text("workItemID").or_else(|| key_of(payload.as_deref()?)).unwrap_or_default(),
            point_of_contact: written.to_owned(),
            point_of_contact_id,
            skill_id,
            work_item_type: text("workItemType"),
            from: text("from"),
            payload,
            ..self.blank(Kind::WorkItem, case)
        };
        let contact_id = self.created(case, creation);
        Ok(HttpAnswer::json(202, &json!({ "contactId": contact_id })))
    }

    /// The parameters of a work item or a callback, from the query or from a body, never from both.
    pub(crate) fn posted(&self, request: &Request, known: &[&str], numeric: &[&str]) -> Result<Parameters, Refusal> {
        let media_type = request.media_type();
        let (encoding, mut pairs) = match media_type.as_deref() {
            None => return Err(Refusal::bad(Rule::WrongContentType, "Content-Type is missing")),
            Some(_) if request.body.is_empty() => (Encoding::Query, Vec::new()),
            Some("application/json") => (Encoding::Json, members(&request.body, known, numeric)?),
            Some("application/x-www-form-urlencoded") => (Encoding::Form, form(&request.body, Plus::Space)?),
            Some(_) => {
                let text = "neither JSON nor a form";
                return Err(Refusal::of(Rule::WrongContentType, 415, "unsupported_media_type", text));
            }
        };
        if !self.config.work_item_encodings.contains(&encoding) {
            let text = "parameters are not taken in this encoding";
            return Err(Refusal::new(415, "unsupported_media_type", text));
        }
        if encoding != Encoding::Query && !request.query.is_empty() {
            return Err(Refusal::bad(Rule::RepeatedParameter, "parameters in the query and in the body"));
        }
        pairs.extend(request.query.iter().cloned());
        Parameters::read(pairs, known)
    }

    /// The point of contact that is written as `id - name`, as its name or as its number.
    fn point_of_contact(&self, written: &str) -> Result<&PointOfContact, Refusal> {
        if Uuid::try_parse(written).is_ok() {
            return Err(Refusal::of(Rule::PointOfContactByGuid, 400, "bad_request", POINT_OF_CONTACT));
        }
        let is_meant = |point: &&PointOfContact| {
            let spellings = [format!("{} - {}", point.id, point.name), point.name.clone(), point.id.to_string()];
            point.active && point.media_type_id == WORK_ITEM && spellings.iter().any(|spelling| spelling == written)
        };
        let refused = || Refusal::of(Rule::UnknownPointOfContact, 400, "bad_request", POINT_OF_CONTACT);
        self.config.points_of_contact.iter().find(is_meant).ok_or_else(refused)
    }
}

fn key_of(payload: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    payload.get("key")?.as_str().map(str::to_owned)
}
