//! Digital contacts: messages, the search for them, and what they name.

mod body;
mod inbound;
mod reads;
mod settings;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use self::body::{Object, wrong};
use self::inbound::Inbound;
use super::faults::{TextForm, said};
use super::record::{Creation, Kind};
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal};
use crate::tenant::HttpAnswer;

pub use self::settings::{Channel, CustomField, DuplicateMessages, FieldKind};

/// The highest priority of a digital contact.
const MAX_PRIORITY: u64 = 1000;

/// What is known of digital contacts beside their creations.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    /// By the numbers of their contacts.
    contacts: HashMap<u64, Conversation>,
    /// Oldest first.
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Conversation {
    id: Uuid,
    /// The values of the custom fields, as they were given last.
    fields: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Message {
    at_ms: u64,
    channel_id: String,
    external_id: String,
    /// As the search and the answer to its sender show it.
    shown: Value,
}

impl Tenant {
    /// A message, which joins the open contact of its thread or makes one.
    pub(crate) fn message(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        Parameters::read(case.request.query.clone(), &[])?;
        let body = body::json(case.request)?;
        let inbound = Inbound::read(&body, &self.config.custom_fields)?;
        let channel_id = self.known_channel(case)?.id.clone();
        let mut messages = self.conversations.messages.iter();
        let repeated = messages.any(|known| known.channel_id == channel_id && known.external_id == inbound.id);
        let rule = self.config.duplicate_messages;
        if repeated && rule == DuplicateMessages::Conflict {
            return Err(Refusal::new(409, "conflict", "the message exists").at("idOnExternalPlatform"));
        }
        let of_thread = |made: &Creation| {
            made.channel_id.as_deref() == Some(&channel_id) && made.thread.as_deref() == Some(inbound.thread_id)
        };
        let open = self.creations.iter().rposition(|made| of_thread(made) && made.completed_at_ms.is_none());
        let contact = match open.filter(|_| !(repeated && rule == DuplicateMessages::SecondContact)) {
            Some(contact) => contact,
            None => self.conversation(case, &channel_id, &inbound, &body),
        };
        let shown = self.shown(&channel_id, &inbound, self.creations[contact].contact_id);
        self.creations[contact].messages += 1;
        let (at_ms, external_id) = (self.now_ms, inbound.id.to_owned());
        self.conversations.messages.push(Message { at_ms, channel_id, external_id, shown: shown.clone() });
        let consumer_contact = self.consumer_contact(contact, &inbound);
        Ok(HttpAnswer::json(201, &json!({ "consumerContact": consumer_contact, "message": shown })))
    }

    /// Sets the priority of a digital contact.
    pub(crate) fn digital_contact(&mut self, case: &Case<'_>) -> Result<HttpAnswer, Refusal> {
        const PRIORITY: &str = "routingQueuePriority";
        Parameters::read(case.request.query.clone(), &[])?;
        let body = body::json(case.request)?;
        let contact = Object::read("", &body, &[(PRIORITY, body::Type::Number)])?;
        let priority = contact.mandatory(PRIORITY)?.as_u64().filter(|priority| *priority <= MAX_PRIORITY);
        let priority = priority.ok_or_else(|| wrong(PRIORITY, &format!("must be from 0 to {MAX_PRIORITY}")))?;
        let id = case.route.id.as_deref().unwrap_or_default();
        let mut digital = self.creations.iter_mut().filter(|creation| creation.kind == Kind::Digital);
        let creation = digital.find(|creation| creation.contact_id.to_string() == id);
        let creation = creation.ok_or_else(|| Refusal::new(404, "not_found", "no such contact"))?;
        creation.priority = Some(priority);
        Ok(said(204, None, None, TextForm::Json))
    }

    /// An error in the form of the digital channels.
    pub(crate) fn digital_error(&mut self, status: u16, code: &str, text: &str, field: Option<&str>) -> HttpAnswer {
        let mut error = json!({ "message": text, "errorCode": code });
        if let Some(field) = field {
            error["field"] = json!(field);
        }
        let uid = self.random_uuid();
        HttpAnswer::json(status, &json!({ "errors": [error], "uid": uid }))
    }

    /// Makes the contact of a message, and returns its place among the creations.
    fn conversation(&mut self, case: &mut Case<'_>, channel_id: &str, inbound: &Inbound<'_>, body: &Value) -> usize {
        let creation = Creation {
            key: inbound.id.to_owned(),
            channel_id: Some(channel_id.to_owned()),
            thread: Some(inbound.thread_id.to_owned()),
            parameters: Some(body.clone()),
            ..self.blank(Kind::Digital, case)
        };
        let contact_id = self.created(case, creation);
        let conversation = Conversation { id: self.random_uuid(), fields: BTreeMap::new() };
        self.conversations.contacts.insert(contact_id, conversation);
        self.creations.len() - 1
    }

    fn shown(&mut self, channel_id: &str, inbound: &Inbound<'_>, contact_id: u64) -> Value {
        json!({
            "id": self.random_uuid(),
            "idOnExternalPlatform": inbound.id,
            "threadIdOnExternalPlatform": inbound.thread_id,
            "channel": { "id": channel_id },
            "contactNumber": contact_id.to_string(),
            "direction": "inbound",
            "createdAt": inbound.created_at_seconds(),
            "createdAtWithMilliseconds": inbound.created_at,
        })
    }

    /// The contact as it is after a message, whose custom fields it takes over.
    fn consumer_contact(&mut self, contact: usize, inbound: &Inbound<'_>) -> Value {
        let creation = &self.creations[contact];
        let Some(conversation) = self.conversations.contacts.get_mut(&creation.contact_id) else {
            return Value::Null;
        };
        let given = inbound.fields.iter().map(|(ident, value)| ((*ident).to_owned(), (*value).to_owned()));
        conversation.fields.extend(given);
        let fields = conversation.fields.iter().map(|(ident, value)| json!({ "ident": ident, "value": value }));
        json!({
            "id": creation.contact_id.to_string(),
            "contactId": conversation.id,
            "channelId": creation.channel_id,
            "threadIdOnExternalPlatform": creation.thread,
            "routingQueuePriority": creation.priority.unwrap_or(0),
            "customFields": fields.collect::<Vec<_>>(),
            "status": "new",
        })
    }

    fn random_uuid(&mut self) -> Uuid {
        Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid()
    }
}
