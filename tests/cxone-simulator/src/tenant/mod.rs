//! A tenant: all state and all rules of the simulated API, with neither I/O nor a clock.
//!
//! A request passes these gates in this order, and the first to object answers:
//!
//! 1. faults that leave it unprocessed by breaking the connection;
//! 2. authentication (401);
//! 3. the client's sliding window (429): from here on the request counts, whatever its answer;
//! 4. faults that answer in the endpoint's stead;
//! 5. the scope (403);
//! 6. for a contact: the media type and the idempotency key's form (400), its replay (the original 201), the payload
//!    (400), the queue's existence (404) and its thresholds (409), then creation (201).
//!
//! A replay comes before the payload is looked at: the key alone decides (docs/wire.md#key-memory).

mod contacts;
mod control;
mod message;
mod record;
mod tokens;
mod window;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use contacts::IDEMPOTENCY_RETENTION_MS;
pub(crate) use control::tally;
pub use message::{Call, Delivery, Endpoint, HttpAnswer, Outcome, Request};
pub(crate) use message::{http_date, iso_8601};
pub use record::{Contact, ContactStatus, RequestRecord, Summary, TokenRecord};

use crate::config::{SCOPE_ATTRIBUTES_READ, SCOPE_CONTACTS_WRITE, SCOPE_QUEUES_READ, SimulatorConfig};
use crate::fault::{Effect, Faults, MalformedBody};
use contacts::{Contacts, Creation};
use tokens::Tokens;
pub(crate) use tokens::jwt;
pub(crate) use window::{Window, busiest};

/// A simulated tenant. Time is whatever its callers say, in milliseconds since the Unix epoch; it never runs back.
#[derive(Debug)]
pub struct Tenant {
    config: SimulatorConfig,
    now_ms: u64,
    random: fastrand::Rng,
    tokens: Tokens,
    windows: HashMap<String, Window>,
    contacts: Contacts,
    requests: Vec<RequestRecord>,
    faults: Faults,
}

impl Tenant {
    /// A tenant at its start.
    pub fn new(mut config: SimulatorConfig) -> Self {
        let faults = Faults::new(std::mem::take(&mut config.faults));
        let random = fastrand::Rng::with_seed(config.seed);
        Self {
            config,
            now_ms: 0,
            random,
            tokens: Tokens::default(),
            windows: HashMap::new(),
            contacts: Contacts::default(),
            requests: Vec::new(),
            faults,
        }
    }

    /// Takes one request at `now_ms` through every gate and remembers it.
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Outcome {
        self.now_ms = self.now_ms.max(now_ms);
        let draw = self.faults.draw(request.endpoint(), || self.random.f64());
        if draw.revoke_tokens {
            self.tokens.revoke_all();
        }
        let mut record = self.arrival(request);
        let contacts_before = self.contacts.all().len();
        let delivery = match draw.effect {
            Some(Effect::ResetBefore) => Delivery::Reset,
            Some(Effect::HangBefore { milliseconds }) => Delivery::Hang { milliseconds },
            effect => {
                let answer = self.process(request, effect.as_ref(), &mut record);
                record.status = Some(answer.status);
                match effect {
                    Some(Effect::ResetAfter) => Delivery::Reset,
                    Some(Effect::HangAfter { milliseconds }) => Delivery::Hang { milliseconds },
                    _ => Delivery::Answer(answer),
                }
            }
        };
        record.answered = matches!(delivery, Delivery::Answer(_));
        let index = self.requests.len();
        self.requests.push(record);
        let created = self.contacts.all().get(contacts_before).map(|contact| contact.id.clone());
        let delay_ms = draw.delay_ms.saturating_add(self.config.latency_milliseconds);
        Outcome { request: index, delay_ms, delivery, created }
    }

    /// Remembers when the answer to a request went out, by the request's place in the order of arrival. One that is
    /// left without an answer has no such time.
    pub fn delivered(&mut self, request: usize, now_ms: u64) {
        if let Some(record) = self.requests.get_mut(request).filter(|record| record.answered) {
            record.answered_at_ms = Some(now_ms);
        }
    }

    fn arrival(&self, request: &Request) -> RequestRecord {
        let (client_id, idempotency_key) = match &request.call {
            Call::Token { form } => {
                (form.iter().find(|(name, _)| name == "client_id").map(|(_, value)| value.clone()), None)
            }
            Call::CreateContact { key, .. } => (None, key.clone()),
            _ => (None, None),
        };
        RequestRecord {
            at_ms: self.now_ms,
            endpoint: request.endpoint(),
            client_id,
            token: None,
            counted: false,
            status: None,
            answered: false,
            answered_at_ms: None,
            idempotency_key,
            contact_id: None,
        }
    }

    /// The answer of the endpoint, or of a fault in its stead.
    fn process(&mut self, request: &Request, effect: Option<&Effect>, record: &mut RequestRecord) -> HttpAnswer {
        if !matches!(request.call, Call::Token { .. })
            && let Err(answer) = self.admit(request, record)
        {
            return answer;
        }
        match effect {
            Some(Effect::Redirect { status, location }) => {
                HttpAnswer::error(*status, "moved", "look elsewhere").with_header("location", location.clone())
            }
            Some(Effect::Status { status, retry_after_seconds, processed }) => {
                if *processed {
                    self.serve(request, None, record);
                }
                let answer = HttpAnswer::error(*status, "injected", "a fault of the simulation");
                match retry_after_seconds {
                    Some(wait) => {
                        let form = self.config.rate_limit.retry_after;
                        answer.with_retry_after(form, self.now_ms, wait.saturating_mul(1000))
                    }
                    None => answer,
                }
            }
            Some(Effect::Words { status, body }) => {
                HttpAnswer { status: *status, headers: Vec::new(), body: body.clone() }
            }
            Some(Effect::Lost { status }) => self.serve(request, Some(*status), record),
            Some(Effect::Malformed { body }) => malformed(self.serve(request, None, record), *body),
            _ => self.serve(request, None, record),
        }
    }

    /// Authenticates the request and counts it in its client's window.
    fn admit(&mut self, request: &Request, record: &mut RequestRecord) -> Result<(), HttpAnswer> {
        let caller = self.tokens.authenticate(self.now_ms, request.bearer.as_deref(), &self.config.clients)?;
        record.client_id = Some(caller.client_id.clone());
        record.token = Some(caller.token);
        record.counted = true;
        let limit = &self.config.rate_limit;
        self.windows.entry(caller.client_id).or_default().admit(self.now_ms, limit).map_err(|wait_ms| {
            let message = format!("more than {} requests in {} ms", limit.limit, limit.window_milliseconds);
            HttpAnswer::error(429, "rate_limited", &message).with_retry_after(limit.retry_after, self.now_ms, wait_ms)
        })
    }

    fn serve(&mut self, request: &Request, lost: Option<ContactStatus>, record: &mut RequestRecord) -> HttpAnswer {
        let scope = match request.call {
            Call::CreateContact { .. } => Some(SCOPE_CONTACTS_WRITE),
            Call::QueueHealth { .. } => Some(SCOPE_QUEUES_READ),
            Call::Attributes => Some(SCOPE_ATTRIBUTES_READ),
            Call::Token { .. } | Call::Unknown { .. } => None,
        };
        if let (Some(scope), Some(token)) = (scope, record.token)
            && !self.tokens.carries(token, scope)
        {
            return HttpAnswer::error(403, "forbidden", &format!("the token lacks the scope {scope}"));
        }
        match &request.call {
            Call::Token { form } => {
                let random = self.random.u128(..);
                self.tokens.issue(self.now_ms, form, &self.config.clients, &self.config.tokens, random)
            }
            Call::CreateContact { media_type, .. } if !is_json(media_type.as_deref()) => {
                HttpAnswer::error(400, "invalid_payload", "Content-Type must be application/json")
            }
            Call::CreateContact { key, body, .. } => self.post_contact(key.as_deref(), body, lost, record),
            Call::QueueHealth { queue_id } => match self.queue(queue_id) {
                Some(queue) => HttpAnswer::json(200, &queue.health()),
                None => HttpAnswer::error(404, "queue_not_found", "no such queue"),
            },
            Call::Attributes => HttpAnswer::json(200, &self.config.schema_shape.render(&self.config.attributes)),
            Call::Unknown { target } => HttpAnswer::error(404, "not_found", &format!("no endpoint {target}")),
        }
    }

    fn post_contact(
        &mut self,
        key: Option<&str>,
        body: &[u8],
        lost: Option<ContactStatus>,
        record: &mut RequestRecord,
    ) -> HttpAnswer {
        let creation = Creation {
            now_ms: self.now_ms,
            client_id: record.client_id.as_deref().unwrap_or_default(),
            id: uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid().to_string(),
            queues: &mut self.config.queues,
            skills: &self.config.skills,
            oversized_strings: self.config.oversized_strings,
            lost,
        };
        let posted = self.contacts.post(key, body, creation);
        record.contact_id = posted.contact_id;
        posted.answer
    }
}

fn is_json(media_type: Option<&str>) -> bool {
    let essence = media_type.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// Spoils a successful answer; others stay as they are.
fn malformed(mut answer: HttpAnswer, body: MalformedBody) -> HttpAnswer {
    if !(200..300).contains(&answer.status) {
        return answer;
    }
    match body {
        MalformedBody::Html => {
            answer.headers = vec![("content-type", "text/html".to_owned())];
            "<!doctype html><title>Maintenance</title>".clone_into(&mut answer.body);
        }
        MalformedBody::WithoutId => {
            let mut value = answer.json_body();
            match value.as_object_mut() {
                Some(object) => ["id", "access_token", "attributes", "items", "data", "results"]
                    .iter()
                    .for_each(|member| drop(object.remove(*member))),
                None => value = serde_json::json!({}),
            }
            answer.body = value.to_string();
        }
        MalformedBody::TruncatedJson => {
            let half = answer.body.len() / 2;
            answer.body = answer.body.chars().take(half).collect();
        }
        MalformedBody::Empty => answer.body.clear(),
    }
    answer
}
