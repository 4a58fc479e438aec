//! What a request for a contact says: of which event it is, and where it goes.

use contact_injection::domain::idempotency::IdempotencyKey;
use cxone_simulator::nice::{Endpoint, Kind, Request};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::{plan::SOURCE, world::World};

/// The kind of work items, as the ledger names it.
pub(super) const WORK_ITEM: &str = "workItem";

/// The kind of callbacks.
pub(super) const CALLBACK: &str = "callback";

/// The kind of messages in digital channels.
pub(super) const MESSAGE: &str = "digital";

/// What a request for a contact says.
pub(super) struct Said {
    /// Of which event it is.
    pub(super) event: String,
    /// Where it goes, as the ledger names it.
    pub(super) target: String,
    /// The kind of that.
    pub(super) kind: &'static str,
    /// The number and the skill of a callback.
    pub(super) call: Option<(String, String)>,
}

/// The key of an event.
pub(super) fn key_of(event: &str) -> IdempotencyKey {
    IdempotencyKey::of_event(SOURCE, event)
}

impl World {
    /// What a request for a contact says. A message whose thread isn't its own would be another's conversation.
    pub(super) fn said(&self, request: &Request) -> Said {
        let (kind, place, key, call) = match request.endpoint() {
            Endpoint::Messages => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let text = |at: &str| body.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
                let key = text("/idOnExternalPlatform");
                if text("/thread/idOnExternalPlatform") != key {
                    self.breach(format!("the message {key} went out in a thread of another id"));
                }
                (MESSAGE, channel_of(&request.path).to_owned(), key, None)
            }
            Endpoint::Callbacks => {
                let [number, skill, url] = members(request, ["phoneNumber", "skill", "screenPopUrl"]);
                let query = Url::parse(&url).map(|url| url.query().unwrap_or_default().to_owned());
                let mut pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
                let key = pairs.find(|(name, _)| name == "key").map(|(_, key)| key.into_owned());
                (CALLBACK, skill.clone(), key.unwrap_or_default(), Some((number, skill)))
            }
            _ => {
                let [place, key] = members(request, ["pointOfContact", "workItemID"]);
                (WORK_ITEM, place, key, None)
            }
        };
        let sent = self.plan.sent.iter().find(|message| key_of(&message.event).to_string() == key);
        let event = sent.map(|message| message.event.clone()).unwrap_or_default();
        Said { event, target: format!("{kind}:{place}"), kind, call }
    }

    /// Whether the business unit holds a callback for this number at this skill that is another event's.
    pub(super) fn has_other_call(&self, event: &str, call: Option<&(String, String)>) -> bool {
        let (Some(unit), Some((number, skill))) = (&self.unit, call) else { return false };
        let own = key_of(event).to_string();
        unit.borrow().creations().iter().any(|made| {
            let here = made.skill_id.is_some_and(|id| id.to_string() == *skill);
            made.kind == Kind::Callback && made.number.as_ref() == Some(number) && here && made.key != own
        })
    }
}

/// The channel of a message's path.
fn channel_of(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or_default()
}

/// Members of a request, in whichever way they were sent; nothing of one that isn't there.
fn members<const N: usize>(request: &Request, names: [&str; N]) -> [String; N] {
    let pairs: Vec<(String, String)> = match serde_json::from_slice::<Value>(&request.body) {
        Ok(Value::Object(members)) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            members.into_iter().map(|(name, value)| (name, text(&value))).collect()
        }
        _ if request.body.is_empty() => request.query.clone(),
        _ => form_urlencoded::parse(&request.body).into_owned().collect(),
    };
    let of = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    names.map(|name| of(name).unwrap_or_default())
}
