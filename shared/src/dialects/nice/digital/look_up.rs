//! Looking for a message that may have been taken, and what is said of a conversation once it is there.
//!
//! No filter is believed: a row is ours where it says so itself, and a message is absent only where every row that
//! there is was read and is another's.

use std::borrow::Cow;

use serde_json::{Value, json as object};

use super::super::{Nice, contact, json, statuses};
use crate::{
    dialects::{Afterwards, Content, Found, HttpReply, HttpRequest, Unread, Verdict, answer::acknowledged},
    domain::{
        idempotency::IdempotencyKey,
        routes::{Address, Digital, Priority},
        token::Token,
    },
};

impl Afterwards for Nice {
    fn look_up<'r>(&self, token: &'r Token, address: &Address, key: IdempotencyKey) -> HttpRequest<'r> {
        let channel = channel(address).map(|digital| digital.channel.clone()).unwrap_or_default();
        let query = vec![("idOnExternalPlatform[]", key.to_string().into()), ("channel[]", channel.into())];
        HttpRequest { query, ..self.digital(token, [Cow::from("messages")], Content::Get) }
    }

    fn read_look_up(
        &self,
        address: &Address,
        key: IdempotencyKey,
        reply: &HttpReply,
    ) -> Verdict<Result<Found, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let found = |body| found(body, &channel(address)?.channel, &key.to_string());
        Verdict { meaning: meaning.and_then(|body| found(body).ok_or(Unread::Partly)), lesson }
    }

    fn set_priority<'r>(&self, token: &'r Token, contact_id: &str, priority: Priority) -> HttpRequest<'r> {
        let body = object!({ "routingQueuePriority": priority.get() });
        self.digital(token, [Cow::from("contacts"), Cow::from(contact_id.to_owned())], Content::PutJson(body))
    }

    fn read_set_priority(&self, reply: &HttpReply) -> Verdict<Result<(), Unread>> {
        acknowledged(reply, |status| statuses::row(status).client)
    }
}

fn channel(address: &Address) -> Option<&Digital> {
    match address {
        Address::Digital(digital) => Some(digital),
        _ => None,
    }
}

/// Whether the message is there; nothing where the answer proves neither.
fn found(body: &Value, channel: &str, key: &str) -> Option<Found> {
    let rows = body.get("data")?.as_array()?;
    let mut all_read = true;
    for row in rows {
        let id = row.get("idOnExternalPlatform").and_then(Value::as_str);
        match (id, row.pointer("/channel/id").and_then(Value::as_str)) {
            (Some(id), _) if !id.eq_ignore_ascii_case(key) => {}
            (Some(_), Some(of)) if of == channel => {
                let contact = row.get("contactNumber").and_then(contact::id);
                return Some(Found::There { contact_id: contact.unwrap_or_default() });
            }
            // The same id in another channel is another stack's.
            (Some(_), Some(_)) => {}
            _ => all_read = false,
        }
    }
    let hits = body.get("hits")?.as_u64()?;
    (all_read && usize::try_from(hits).is_ok_and(|hits| hits <= rows.len())).then_some(Found::Absent)
}
