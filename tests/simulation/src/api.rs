//! CXone at the end of a network: requests arrive late or not at all, and so do their answers.

use std::{cell::RefCell, rc::Rc};

use contact_injection::{
    dialects::{HttpResponse, guide},
    domain::{classify::Answer, contact::ContactRequest, time::Timestamp, token::TokenAnswer},
    ports::{Credentials, Read, TokenError},
};
use cxone_simulator::{ContactStatus, Delivery, Effect, Endpoint, Fault, MalformedBody, Request};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    defect::Defect,
    world::{Post, Refusal, Sighting, World},
};

/// When a client gives a request up.
const TIMEOUT: i64 = 10_000;

/// A request that was given up arrives no later than this after it was begun.
pub(crate) const LATEST_ARRIVAL: i64 = TIMEOUT + 4_900;

const SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";

/// What a request came to.
pub(crate) enum Reply {
    Answered(HttpResponse),
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
        // A gateway before CXone refuses what CXone has never seen.
        let stray = Effect::Words { status: 404, body: "<html>not here</html>".to_owned() };
        for effect in [stray, Effect::status(400)] {
            tenant.add_fault(share(wrong / 3.0, effect));
        }
        tenant.add_fault(share(faults.lost, Effect::Lost { status: ContactStatus::Abandoned }));
        tenant.add_fault(share(faults.tokens / 8.0, Effect::RevokeTokens));
        for effect in [
            Effect::unavailable(),
            Effect::rate_limited(40),
            Effect::Status { status: 503, retry_after_seconds: Some(15), processed: false },
            Effect::status(400),
            Effect::ResetAfter,
            Effect::HangBefore { milliseconds: 60_000 },
        ] {
            tenant.add_fault(Fault::always(Endpoint::Token, effect).with_probability(faults.tokens / 6.0));
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
                world.seen.borrow_mut().created.insert(contact, (invocation, begun));
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
            Some(Delivery::Answer(answer)) => {
                let now = Timestamp::from_millis(self.now());
                let retry_after = answer.header("retry-after");
                Reply::Answered(HttpResponse::new(answer.status, retry_after, answer.body.as_bytes(), now))
            }
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
        let begun = self.now();
        let request = Request::token(&client, credentials.client_secret.expose_secret(), SCOPES);
        match self.request(client.clone(), invocation, request).await {
            Reply::Silence | Reply::Unreachable => Err(TokenError::Silence),
            Reply::Answered(response) => {
                let answer = guide::read_token(&response);
                self.see_token(credentials, &answer, begun, invocation);
                match answer {
                    Err(TokenError::Unavailable { status, .. }) if self.has(Defect::TokenWaitIgnored) => {
                        Err(TokenError::Unavailable { status, retry_after: None })
                    }
                    answer => answer,
                }
            }
        }
    }

    /// Takes down what the authorization server said of a client.
    fn see_token(
        &self,
        credentials: &Credentials,
        answer: &Result<TokenAnswer, TokenError>,
        begun: i64,
        invocation: u64,
    ) {
        let (client, now) = (credentials.client_id.clone(), self.now());
        let mut seen = self.seen.borrow_mut();
        match answer {
            Ok(answer) => {
                seen.tokens.insert(answer.access_token.expose_secret().to_owned(), client);
            }
            Err(TokenError::InvalidClient | TokenError::Refused { .. }) => {
                let secret = credentials.client_secret.expose_secret().to_owned();
                seen.refused.push(Refusal { invocation, client, secret, begun, at: now });
            }
            Err(TokenError::Unavailable { retry_after: Some(wait), .. }) => {
                let until = now + i64::try_from(wait.as_millis()).unwrap_or_default();
                seen.asked_to_wait_for_a_token.push((invocation, client, now, until));
            }
            Err(_) => {}
        }
    }

    /// Posts a contact under a token.
    pub(crate) async fn post(
        self: &Rc<Self>,
        token: &str,
        key: &str,
        contact: &ContactRequest,
        invocation: u64,
    ) -> Answer {
        let client = self.client_of(token);
        let Ok(body) = serde_json::to_value(contact) else { return Answer::Unreachable };
        let event = body.pointer("/attributes/string:event").and_then(Value::as_str).unwrap_or_default();
        let queue = body.get("queueId").and_then(Value::as_str).map(str::to_owned);
        let post = Post { event: event.to_owned(), invocation, queue: queue.clone(), at: self.now(), refused: false };
        let number = self.seen.borrow().posts.len();
        self.seen.borrow_mut().posts.push(post);
        let answer = match self.request(client.clone(), invocation, Request::create_contact(token, key, &body)).await {
            Reply::Silence if self.has(Defect::TimeoutTakenForRefusal) => Answer::Unreachable,
            Reply::Silence => Answer::Silence,
            Reply::Unreachable => Answer::Unreachable,
            Reply::Answered(response) => {
                self.heed_wait(client, &response, invocation);
                if let (409, Some(queue)) = (response.status(), queue) {
                    self.seen.borrow_mut().full.push((invocation, queue, self.now()));
                }
                guide::read_contact(&response, contact)
            }
        };
        self.seen.borrow_mut().posts[number].refused =
            matches!(answer, Answer::Unreachable | Answer::Status { code: 400..=499, .. });
        match answer {
            Answer::Status { code, detail, .. } if self.has(Defect::RetryAfterIgnored) => {
                Answer::Status { code, retry_after: None, detail }
            }
            answer => answer,
        }
    }

    /// Reads something under a token.
    pub(crate) async fn get(self: &Rc<Self>, token: &str, request: Request, invocation: u64) -> Read<Value> {
        let client = self.client_of(token);
        let answer = match self.request(client.clone(), invocation, request).await {
            Reply::Answered(response) => {
                self.heed_wait(client, &response, invocation);
                return guide::read_value(response);
            }
            Reply::Silence => Answer::Silence,
            Reply::Unreachable => Answer::Unreachable,
        };
        Read::Failed { answer, problem: "CXone did not answer".to_owned() }
    }

    /// Takes down how long a client was asked to wait.
    fn heed_wait(&self, client: String, response: &HttpResponse, invocation: u64) {
        if let (429, Some(wait)) = (response.status(), response.retry_after()) {
            let until = self.now() + i64::try_from(wait.as_millis()).unwrap_or_default();
            self.seen.borrow_mut().asked_to_wait.push((invocation, client, self.now(), until));
        }
    }

    fn client_of(&self, token: &str) -> String {
        self.seen.borrow().tokens.get(token).cloned().unwrap_or_default()
    }
}
