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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialects::{
            HttpResponse,
            nice::{ISSUER, fixtures::token},
        },
        domain::{
            lease::Lesson,
            routes::{OnDoubt, Routes, SkillLimits},
            time::Timestamp,
        },
    };

    const CHANNEL: &str = "chat_0B7c";

    fn key() -> IdempotencyKey {
        IdempotencyKey::of_event("s", "i")
    }

    fn address() -> Address {
        let (skill, limits, on_doubt) = (None, SkillLimits::default(), OnDoubt::LookUp);
        Address::Digital(Digital { channel: CHANNEL.to_owned(), skill, limits, on_doubt })
    }

    fn nice() -> Nice {
        let route = object!({
            "name": "r", "match": {"type": "t"}, "priority": {"default": 1},
            "targets": [{"digital": {"channelId": CHANNEL, "text": {"value": "hello"}}}],
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
        });
        let file = object!({"cxone": {"digitalBaseUrl": "https://api-de-na1.niceincontact.com/"}, "routes": [route]});
        let routes = Routes::from_json(file.to_string(), super::super::super::FACTS.routes).unwrap();
        Nice::new(ISSUER, "v34.0", None, &routes).unwrap()
    }

    fn reply(status: u16, body: &str) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, None, body.as_bytes(), Timestamp::from_millis(0)))
    }

    fn row(id: &str, channel: &str) -> Value {
        object!({"idOnExternalPlatform": id, "channel": {"id": channel}, "contactNumber": "17"})
    }

    fn looked(hits: &Value, rows: &[Value]) -> Result<Found, Unread> {
        let body = object!({"hits": hits, "data": rows}).to_string();
        nice().read_look_up(&address(), key(), &reply(200, &body)).meaning
    }

    fn there(id: &str) -> Found {
        Found::There { contact_id: id.to_owned() }
    }

    #[test]
    fn a_row_is_ours_by_its_own_id_and_channel_whatever_was_asked() {
        let (ours, other) = (row(&key().to_string(), CHANNEL), row("another", CHANNEL));
        assert_eq!(looked(&object!(1), std::slice::from_ref(&ours)), Ok(there("17")));
        assert_eq!(
            looked(&object!(90), &[other.clone(), ours.clone()]),
            Ok(there("17")),
            "there is more, and it is enough"
        );
        let shouted = row(&key().to_string().to_uppercase(), CHANNEL);
        assert_eq!(looked(&object!(1), &[shouted]), Ok(there("17")));
        let mut nameless = ours.clone();
        nameless["contactNumber"] = Value::Null;
        assert_eq!(looked(&object!(1), &[nameless]), Ok(there("")));
        let mut numbered = ours;
        numbered["contactNumber"] = object!(400_000_000_001_u64);
        assert_eq!(looked(&object!(1), &[numbered]), Ok(there("400000000001")));
        assert_eq!(looked(&object!(1), &[other]), Ok(Found::Absent));
        assert_eq!(looked(&object!(1), &[row(&key().to_string(), "chat_0b7c")]), Ok(Found::Absent), "another stack's");
    }

    #[test]
    fn a_message_is_absent_only_where_every_row_that_there_is_was_read() {
        let other = || row("another", CHANNEL);
        assert_eq!(looked(&object!(0), &[]), Ok(Found::Absent));
        assert_eq!(looked(&object!(1), &[other(), other()]), Ok(Found::Absent));
        for (hits, rows) in [
            (object!(1), vec![]),
            (object!(3), vec![other(), other()]),
            (Value::Null, vec![]),
            (object!("0"), vec![]),
            (object!(-1), vec![]),
            (object!(2), vec![other(), object!({})]),
            (object!(1), vec![object!(null)]),
            (object!(1), vec![object!({"idOnExternalPlatform": 7, "channel": {"id": CHANNEL}})]),
            (object!(1), vec![object!({"idOnExternalPlatform": key().to_string()})]),
        ] {
            assert_eq!(looked(&hits, &rows), Err(Unread::Partly), "{hits} {rows:?}");
        }
        for body in ["{}", "[]", "7", r#"{"hits": 0}"#] {
            let read = nice().read_look_up(&address(), key(), &reply(200, body)).meaning;
            assert_eq!(read, Err(Unread::Partly), "{body}");
        }
        assert_eq!(nice().read_look_up(&address(), key(), &reply(200, "<html>")).meaning, Err(Unread::NotJson));
        assert_eq!(nice().read_look_up(&address(), key(), &HttpReply::Silence).meaning, Err(Unread::Unanswered));
        let denied = nice().read_look_up(&address(), key(), &reply(404, "{}"));
        assert_eq!(denied, Verdict { meaning: Err(Unread::Status(404)), lesson: Lesson::Works });
    }

    #[test]
    fn a_look_and_a_priority_go_to_the_digital_channels_own_address() {
        let token = token();
        let nice = nice();
        let look = nice.look_up(&token, &address(), key());
        let base = Some("https://api-de-na1.niceincontact.com");
        assert_eq!((look.base.as_deref(), look.path.join("/").as_str()), (base, "dfo/3.0/messages"));
        let query: Vec<_> = look.query.iter().map(|(name, value)| (*name, value.to_string())).collect();
        let expected = [("idOnExternalPlatform[]", key().to_string()), ("channel[]", CHANNEL.to_owned())];
        assert_eq!(query, expected);
        let put = nice.set_priority(&token, "17", Priority::try_from(750).unwrap());
        assert_eq!(put.path.join("/"), "dfo/3.0/contacts/17");
        assert!(matches!(put.content, Content::PutJson(body) if body == object!({"routingQueuePriority": 750})));
    }

    #[test]
    fn a_priority_is_set_where_a_2xx_says_so_with_a_body_or_without() {
        for (status, body) in [(204, ""), (200, "{}"), (200, "done")] {
            let read = nice().read_set_priority(&reply(status, body));
            assert_eq!(read, Verdict { meaning: Ok(()), lesson: Lesson::Works }, "{status} {body}");
        }
        for status in [400, 404, 500] {
            assert_eq!(nice().read_set_priority(&reply(status, "")).meaning, Err(Unread::Status(status)));
        }
        assert_eq!(nice().read_set_priority(&HttpReply::Silence).meaning, Err(Unread::Unanswered));
    }
}
