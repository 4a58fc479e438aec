//! CXone at the end of a network: requests arrive late or not at all, and so do their answers.

use std::{cell::RefCell, rc::Rc, time::Duration};

use contact_injection::{
    domain::{
        classify::{Answer, CreatedContact},
        token::TokenAnswer,
    },
    ports::{Credentials, Read, TokenError},
};
use cxone_simulator::{ContactStatus, Delivery, Effect, Endpoint, Fault, MalformedBody, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{
    defect::Defect,
    world::{Sighting, World},
};

/// When a client gives a request up.
const TIMEOUT: i64 = 10_000;

/// A request that was given up arrives no later than this after it was begun.
const LATEST_ARRIVAL: i64 = TIMEOUT + 4_900;

const SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";

/// What a request came to, before it is read.
pub(crate) enum Reply {
    Answered { status: u16, retry_after: Option<Duration>, body: Option<Value> },
    Silence,
    Unreachable,
}

impl World {
    /// Lets CXone misbehave from now on.
    pub(crate) fn unsettle_cxone(&self) {
        let faults = &self.plan.faults;
        let mut tenant = self.tenant.borrow_mut();
        let share = |chance: f64, effect| Fault::always(Endpoint::Contacts, effect).with_probability(chance);
        let wrong = faults.cxone / 9.0;
        for effect in [
            Effect::unavailable(),
            Effect::Status { status: 500, retry_after_seconds: None, processed: true },
            Effect::Status { status: 503, retry_after_seconds: Some(7), processed: true },
            Effect::rate_limited(20),
            Effect::Redirect { status: 307, location: "https://elsewhere.example".to_owned() },
            Effect::ResetBefore,
            Effect::ResetAfter,
            Effect::HangAfter { milliseconds: 60_000 },
            Effect::Malformed { body: MalformedBody::Html },
        ] {
            tenant.add_fault(share(wrong, effect));
        }
        tenant.add_fault(share(faults.lost, Effect::Lost { status: ContactStatus::Abandoned }));
        tenant.add_fault(share(faults.tokens / 8.0, Effect::RevokeTokens));
        for effect in [Effect::unavailable(), Effect::ResetAfter, Effect::HangBefore { milliseconds: 60_000 }] {
            tenant.add_fault(Fault::always(Endpoint::Token, effect).with_probability(faults.tokens / 3.0));
        }
        for endpoint in [Endpoint::Queue, Endpoint::Attributes] {
            for effect in [Effect::status(500), Effect::ResetAfter, Effect::Malformed { body: MalformedBody::Html }] {
                tenant.add_fault(Fault::always(endpoint, effect).with_probability(wrong));
            }
        }
    }

    /// Sends one request and waits for what comes of it.
    pub(crate) async fn request(self: &Rc<Self>, client: String, invocation: u64, request: Request) -> Reply {
        if self.strikes(|faults| faults.unreachable) {
            self.scheduler.sleep(self.chance.between(1, 3000)).await;
            return Reply::Unreachable;
        }
        let begun = self.now();
        let way = |most| {
            if self.strikes(|faults| faults.slow) {
                self.chance.between(100, most)
            } else {
                self.chance.between(5, 150)
            }
        };
        let (there, back) = (way(LATEST_ARRIVAL), way(TIMEOUT));
        let endpoint = request.endpoint();
        self.note(&format!("i{invocation}"), || format!("sends a request to {endpoint:?} under {client}"));
        let slot = Rc::new(RefCell::new(None));
        let (world, answer) = (Rc::clone(self), Rc::clone(&slot));
        let (over, arrived) = (begun + (there + back).min(TIMEOUT), begun + there);
        self.seen.borrow_mut().requests.push(Sighting {
            client,
            invocation,
            routing: endpoint != Endpoint::Token,
            begun,
            over,
            arrived,
        });
        self.scheduler.after(there, move || {
            let outcome = world.tenant.borrow_mut().handle(world.tenant_now(), &request);
            world.note("cxone", || {
                let status = match &outcome.delivery {
                    Delivery::Answer(answer) => answer.status.to_string(),
                    other => format!("{other:?}"),
                };
                let created = outcome.created.as_ref().map(|id| format!(", created {}", &id[..8])).unwrap_or_default();
                format!("{endpoint:?} of i{invocation}: {status}{created}")
            });
            if let Some(contact) = outcome.created {
                world.seen.borrow_mut().created.insert(contact, invocation);
            }
            *answer.borrow_mut() = Some(outcome.delivery);
        });
        if there + back > TIMEOUT {
            self.scheduler.sleep(TIMEOUT).await;
            return Reply::Silence;
        }
        self.scheduler.sleep(there + back).await;
        let delivery = slot.borrow_mut().take();
        match delivery {
            Some(Delivery::Answer(answer)) => Reply::Answered {
                status: answer.status,
                retry_after: answer.header("retry-after").and_then(|wait| wait.parse().ok()).map(Duration::from_secs),
                body: serde_json::from_str(&answer.body).ok(),
            },
            Some(Delivery::Hang { .. }) => {
                self.scheduler.sleep(TIMEOUT - there - back).await;
                Reply::Silence
            }
            Some(Delivery::Reset) | None => Reply::Silence,
        }
    }

    /// Asks for a token.
    pub(crate) async fn fetch_token(
        self: &Rc<Self>,
        credentials: &Credentials,
        invocation: u64,
    ) -> Result<TokenAnswer, TokenError> {
        let client = credentials.client_id.clone();
        let request = Request::token(&client, credentials.client_secret.expose_secret(), SCOPES);
        match self.request(client.clone(), invocation, request).await {
            Reply::Silence | Reply::Unreachable => Err(TokenError::Silence),
            Reply::Answered { status: 200, body, .. } => {
                let member = |name: &str| body.as_ref().and_then(|body| body.get(name));
                let token = member("access_token").and_then(Value::as_str).ok_or(TokenError::Unreadable)?;
                self.seen.borrow_mut().tokens.insert(token.to_owned(), client);
                Ok(TokenAnswer {
                    access_token: SecretString::from(token),
                    expires_in: member("expires_in").and_then(Value::as_u64),
                })
            }
            Reply::Answered { status: 400 | 401, .. } => Err(TokenError::InvalidClient),
            Reply::Answered { status, retry_after, .. } => Err(TokenError::Unavailable { status, retry_after }),
        }
    }

    /// Posts a contact under a token.
    pub(crate) async fn post(self: &Rc<Self>, token: &str, key: &str, body: &Value, invocation: u64) -> Answer {
        let client = self.client_of(token);
        let reply = self.request(client.clone(), invocation, Request::create_contact(token, key, body)).await;
        let answer = self.read_answer(&client, reply, invocation);
        match answer {
            Answer::Silence if self.has(Defect::TimeoutTakenForRefusal) => Answer::Unreachable,
            Answer::Status { code, detail, .. } if self.has(Defect::RetryAfterIgnored) => {
                Answer::Status { code, retry_after: None, detail }
            }
            answer => answer,
        }
    }

    fn read_answer(&self, client: &str, reply: Reply, invocation: u64) -> Answer {
        match reply {
            Reply::Silence => Answer::Silence,
            Reply::Unreachable => Answer::Unreachable,
            Reply::Answered { status, retry_after, body } => {
                let member = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str());
                if (200..300).contains(&status)
                    && let Some(id) = member("id")
                {
                    let lost = matches!(member("status"), Some("failed" | "abandoned"));
                    return Answer::Created(CreatedContact { id: id.to_owned(), lost });
                }
                if let (429, Some(wait)) = (status, retry_after) {
                    let until = self.now() + i64::try_from(wait.as_millis()).unwrap_or_default();
                    self.seen.borrow_mut().asked_to_wait.push((invocation, client.to_owned(), self.now(), until));
                }
                Answer::Status { code: status, retry_after, detail: None }
            }
        }
    }

    /// Reads something under a token.
    pub(crate) async fn get(self: &Rc<Self>, token: &str, request: Request, invocation: u64) -> Read<Value> {
        let client = self.client_of(token);
        match self.request(client.clone(), invocation, request).await {
            Reply::Answered { status: 404, .. } => Read::Missing,
            Reply::Answered { status: 200, body: Some(body), .. } => Read::Found(body),
            reply => Read::Failed {
                answer: self.read_answer(&client, reply, invocation),
                problem: "a simulated fault".to_owned(),
            },
        }
    }

    fn client_of(&self, token: &str) -> String {
        self.seen.borrow().tokens.get(token).cloned().unwrap_or_default()
    }
}
