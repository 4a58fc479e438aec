//! Questions whether a message is there, and what their answers prove by a reading of this module's own.

use std::{cell::Cell, rc::Rc};

use contact_injection::{
    dialects::{HttpReply, HttpResponse},
    domain::idempotency::IdempotencyKey,
};
use cxone_simulator::nice::Request;
use serde_json::{Value, json};

use super::said::MESSAGE;
use crate::{
    api::Leaving,
    defect::Defect,
    world::{LookUp, World},
};

impl World {
    /// Asks whether a message is there, and takes down what the answer proves.
    pub(super) async fn look_up(self: &Rc<Self>, request: Request, invocation: u64) -> HttpReply {
        let client = self.key_of(&request);
        let asked_for = |sought: &str| {
            let found = request.query.iter().find(|(name, _)| name == sought);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (id, channel) = (asked_for("idOnExternalPlatform[]"), asked_for("channel[]"));
        let asked = self.now();
        let shown = Rc::new(Cell::new(true));
        let mut reply = {
            let endpoint = request.endpoint();
            let leaving = Leaving { client: client.clone(), invocation, endpoint, routing: true, post: None };
            let (shown, id, channel) = (Rc::clone(&shown), id.clone(), channel.clone());
            let arrive = move |world: &Self| {
                shown.set(world.shows(&id, &channel));
                world.arrive(&request)
            };
            self.deliver(leaving, arrive).await
        };
        self.heed_wait(client, &reply, invocation);
        let absent = !shown.get() && shows_all_but(&reply, &id, &channel);
        if let Some(key) = self.keys().find(|key| key.to_string() == id) {
            self.note("look-up", || format!("of {id:.8} by i{invocation}: {}", if absent { "absent" } else { "-" }));
            let target = format!("{MESSAGE}:{channel}");
            self.seen.borrow_mut().look_ups.push(LookUp { key, target, asked, told: self.now(), absent });
        }
        if self.has(Defect::FilterTrusted) {
            trust_filter(&mut reply);
        }
        reply
    }

    /// Whether the search can find the message now, by what the business unit holds.
    fn shows(&self, id: &str, channel: &str) -> bool {
        let Some(unit) = &self.unit else { return false };
        let unit = unit.borrow();
        let lag = unit.config().search_lag_seconds * 1000;
        let own = unit.creations_by_key(id).into_iter().filter(|made| made.channel_id.as_deref() == Some(channel));
        own.into_iter().any(|made| made.at_ms + lag <= self.tenant_now())
    }

    fn keys(&self) -> impl Iterator<Item = IdempotencyKey> {
        self.plan.sent.iter().map(|message| super::said::key_of(&message.event))
    }
}

/// Whether an answer shows everything that there is, and this message isn't among it.
fn shows_all_but(reply: &HttpReply, id: &str, channel: &str) -> bool {
    let HttpReply::Answered(HttpResponse { status: 200, body: Some(body), .. }) = reply else { return false };
    let (Some(rows), Some(hits)) = (body.get("data").and_then(Value::as_array), body.get("hits")) else { return false };
    let ours = |row: &Value| row["idOnExternalPlatform"] == id && row["channel"]["id"] == channel;
    hits.as_u64() == Some(rows.len() as u64) && !rows.iter().any(ours)
}

/// An answer as whoever believes reads it that the filter was heeded: one page of several is all that there is.
fn trust_filter(reply: &mut HttpReply) {
    let HttpReply::Answered(HttpResponse { body: Some(body), .. }) = reply else { return };
    if let Some(rows) = body.get("data").and_then(Value::as_array).map(Vec::len) {
        body["hits"] = json!(rows);
    }
}
