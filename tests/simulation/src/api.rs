//! CXone at the end of a network: requests arrive late or not at all, and so do their answers.

use std::{cell::RefCell, fmt, rc::Rc};

use contact_injection::{
    dialects::{
        Authorization, Content, Dialect as _, HttpReply, HttpRequest, HttpResponse, TokenSearch, TokenStep,
        guide::Guide,
    },
    domain::{credentials::Credentials, idempotency::IdempotencyKey, time::Timestamp, token::TokenError},
};
use cxone_simulator::{Call, ContactStatus, Delivery, Effect, Endpoint, Fault, MalformedBody, Outcome, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{
    business_unit,
    defect::Defect,
    plan::SOURCE,
    world::{Post, Refusal, Sighting, World},
};

/// A request that is about to leave.
pub(crate) struct Leaving<E> {
    /// Under which client it goes.
    pub(crate) client: String,
    /// Whose it is.
    pub(crate) invocation: u64,
    /// Where it goes.
    pub(crate) endpoint: E,
    /// Whether it takes a place in the client's window.
    pub(crate) routing: bool,
    /// Its place among the requests for contacts, where it is one.
    pub(crate) post: Option<usize>,
}

/// When a client gives a request up.
const TIMEOUT: i64 = 10_000;

/// A request that was given up arrives no later than this after it was begun.
pub(crate) const LATEST_ARRIVAL: i64 = TIMEOUT + 4_900;

impl World {
    /// Lets CXone misbehave from now on.
    pub(crate) fn unsettle_cxone(&self) {
        let faults = &self.plan.faults;
        if let (Some(unit), Some(own)) = (&self.unit, &self.plan.unit) {
            if let Some(seconds) = own.grants.skew {
                self.note("weather", || format!("tokens claim times that are {seconds} s off"));
            }
            self.note("weather", || format!("{:?}, {:?}", own.targets, own.digital));
            return business_unit::unsettle(&mut unit.borrow_mut(), own, faults);
        }
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

    /// Sends what an invocation says, and waits for what comes of it.
    pub(crate) async fn send(self: &Rc<Self>, request: HttpRequest<'_>, invocation: u64) -> HttpReply {
        if self.unit.is_some() {
            return self.send_to_unit(request, invocation).await;
        }
        let request = tenant_request(request);
        match &request.call {
            Call::Token { form } => {
                let member = |name| form.iter().find(|(member, _)| member == name).map(|(_, value)| value.clone());
                let client = member("client_id").unwrap_or_default();
                let secret = member("client_secret").unwrap_or_default();
                self.ask_for_token(request, client, secret, invocation).await
            }
            Call::CreateContact { .. } => self.post(request, invocation).await,
            Call::QueueHealth { .. } if !self.reads_health() => HttpReply::Unreachable,
            Call::QueueHealth { .. } | Call::Attributes | Call::Unknown { .. } => {
                let client = self.client_of(&request);
                let reply = self.ask_tenant(client.clone(), invocation, request, None).await;
                self.heed_wait(client, &reply, invocation);
                reply
            }
        }
    }

    /// A request to the guide's API, and its answer.
    async fn ask_tenant(
        self: &Rc<Self>,
        client: String,
        invocation: u64,
        request: Request,
        post: Option<usize>,
    ) -> HttpReply {
        let endpoint = request.endpoint();
        let leaving = Leaving { client, invocation, endpoint, routing: endpoint != Endpoint::Token, post };
        self.deliver(leaving, move |world| world.tenant.borrow_mut().handle(world.tenant_now(), &request)).await
    }

    /// Lets a request travel, and its answer: `handle` is its arrival at CXone.
    pub(crate) async fn deliver<E: fmt::Debug + 'static>(
        self: &Rc<Self>,
        leaving: Leaving<E>,
        handle: impl FnOnce(&Self) -> Outcome + 'static,
    ) -> HttpReply {
        let Leaving { client, invocation, endpoint, routing, post } = leaving;
        if self.strikes(|faults| faults.unreachable) {
            self.scheduler.sleep(self.chance.between(1, 3000)).await;
            return HttpReply::Unreachable;
        }
        self.see_round_trip(|| format!("a request to CXone: {endpoint:?}"));
        let begun = self.now();
        let way = |most| {
            if self.strikes(|faults| faults.slow) {
                self.chance.between(100, most)
            } else {
                self.chance.between(*self.plan.pace.way.start(), *self.plan.pace.way.end())
            }
        };
        let (there, back) = match &self.services {
            Some(services) => services.way_to_cxone(),
            None => (way(LATEST_ARRIVAL), way(TIMEOUT)),
        };
        self.note(format_args!("i{invocation}"), || format!("sends a request to {endpoint:?} under {client}"));
        let slot = Rc::new(RefCell::new(None));
        let (world, answer) = (Rc::clone(self), Rc::clone(&slot));
        let (over, arrived) = (begun + (there + back).min(TIMEOUT), begun + there);
        self.seen.borrow_mut().requests.push(Sighting { client, invocation, routing, begun, over, arrived });
        if let Some(post) = post {
            self.seen.borrow_mut().posts[post].arrives = Some(arrived);
        }
        self.scheduler.after(there, move || {
            let outcome = handle(&world);
            world.note("cxone", || {
                let status = match &outcome.delivery {
                    Delivery::Answer(answer) => answer.status.to_string(),
                    other => format!("{other:?}"),
                };
                let created = outcome.created.as_ref().map(|id| format!(", created {id:.8}")).unwrap_or_default();
                format!("{endpoint:?} of i{invocation}: {status}{created}")
            });
            if let Some(contact) = outcome.created {
                let mut seen = world.seen.borrow_mut();
                seen.created.insert(contact, (invocation, begun));
                if let Some(post) = post {
                    seen.posts[post].created = true;
                }
            }
            *answer.borrow_mut() = Some(outcome.delivery);
        });
        if there + back > TIMEOUT {
            self.scheduler.sleep(TIMEOUT).await;
            return HttpReply::Silence;
        }
        self.scheduler.sleep(there + back).await;
        let delivery = slot.borrow_mut().take();
        match delivery {
            Some(Delivery::Answer(answer)) => {
                let now = Timestamp::from_millis(self.now());
                let retry_after = answer.header("retry-after");
                let response = HttpResponse::new(answer.status, retry_after, answer.body.as_bytes(), now);
                HttpReply::Answered(match answer.header("icstatusdescription") {
                    Some(description) => response.described(description),
                    None => response,
                })
            }
            Some(Delivery::Hang { .. }) => {
                self.scheduler.sleep(TIMEOUT - there - back).await;
                HttpReply::Silence
            }
            Some(Delivery::Reset) | None => HttpReply::Silence,
        }
    }

    /// Asks for a token.
    async fn ask_for_token(
        self: &Rc<Self>,
        request: Request,
        client: String,
        secret: String,
        invocation: u64,
    ) -> HttpReply {
        let begun = self.now();
        let mut reply = self.ask_tenant(client.clone(), invocation, request, None).await;
        let credentials = Credentials::client(client.clone(), SecretString::from(secret.clone()));
        let step = Guide.read_token(&credentials, TokenSearch::default(), &reply).meaning;
        self.see_token(step, Refusal { invocation, client, secret, begun, at: self.now() });
        if self.has(Defect::TokenWaitIgnored) {
            forget_wait(&mut reply);
        }
        reply
    }

    /// Takes down what the authorization server said of a client.
    pub(crate) fn see_token(&self, step: Result<TokenStep, TokenError>, asked: Refusal) {
        let mut seen = self.seen.borrow_mut();
        let granted = match step {
            Ok(TokenStep::Granted(granted)) => Some(granted),
            Ok(TokenStep::Further(search)) => search.granted.map(|(granted, _)| granted),
            Err(TokenError::InvalidClient | TokenError::InvalidGrant | TokenError::Refused { .. }) => {
                return seen.refused.push(asked);
            }
            Err(TokenError::Unavailable { retry_after: Some(wait), .. }) => {
                let until = asked.at + i64::try_from(wait.asked().as_millis()).unwrap_or_default();
                return seen.asked_to_wait_for_a_token.push((asked.invocation, asked.client, asked.at, until));
            }
            Err(_) => None,
        };
        if let Some(granted) = granted {
            seen.tokens.insert(granted.access_token.expose_secret().to_owned(), asked.client);
        }
    }

    /// Posts a contact under a token.
    async fn post(self: &Rc<Self>, mut request: Request, invocation: u64) -> HttpReply {
        if self.has(Defect::ExpiryCheckedEarly) {
            self.scheduler.sleep(self.chance.between(0, 60_000)).await;
        }
        let client = self.client_of(&request);
        let Call::CreateContact { key, body, .. } = &mut request.call else { return HttpReply::Unreachable };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let event = body.pointer("/attributes/string:event").and_then(Value::as_str).unwrap_or_default();
        match self.defect {
            Some(Defect::KeyPerAttempt) => *key = Some(self.chance.uuid().to_string()),
            Some(Defect::KeyKeptAfterLoss) => *key = Some(IdempotencyKey::of_event(SOURCE, event).to_string()),
            _ => {}
        }
        let queue = body.get("queueId").and_then(Value::as_str).map(str::to_owned);
        let post = Post { queue: queue.clone(), ..Post::leaving(event, invocation, self.now()) };
        let number = self.see_post(post);
        let mut reply = self.ask_tenant(client.clone(), invocation, request, Some(number)).await;
        self.heed_wait(client, &reply, invocation);
        if let (Some(409), Some(queue)) = (reply.status(), queue) {
            self.seen.borrow_mut().full.push((invocation, queue, self.now()));
        }
        if reply == HttpReply::Silence && self.has(Defect::TimeoutTakenForRefusal) {
            reply = HttpReply::Unreachable;
        }
        if self.has(Defect::RetryAfterIgnored) {
            forget_wait(&mut reply);
        }
        self.seen.borrow_mut().posts[number].refused =
            reply == HttpReply::Unreachable || matches!(reply.status(), Some(400..=499));
        reply
    }

    /// Takes down how long a client was asked to wait.
    pub(crate) fn heed_wait(&self, client: String, reply: &HttpReply, invocation: u64) {
        if let HttpReply::Answered(HttpResponse { status: 429, retry_after: Some(wait), .. }) = reply {
            let until = self.now() + i64::try_from(wait.asked().as_millis()).unwrap_or_default();
            self.seen.borrow_mut().asked_to_wait.push((invocation, client, self.now(), until));
        }
    }

    fn client_of(&self, request: &Request) -> String {
        let token = request.bearer.as_deref().unwrap_or_default();
        self.seen.borrow().tokens.get(token).cloned().unwrap_or_default()
    }
}

/// A request as the simulated tenant takes it.
fn tenant_request(request: HttpRequest<'_>) -> Request {
    let header = |sought: &str| {
        let header = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(sought));
        header.map(|(_, value)| value.clone())
    };
    let path: Vec<_> = request.path.iter().map(AsRef::as_ref).collect();
    let call = match (path.as_slice(), request.content) {
        (["oauth", "token"], Content::PostForm(form)) => {
            let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
            Call::Token { form }
        }
        (["api", "v2", "routing", "contacts"], Content::PostJson(body)) => Call::CreateContact {
            key: header("x-idempotency-key"),
            media_type: Some("application/json".to_owned()),
            body: body.to_string().into_bytes(),
        },
        (["api", "v2", "routing", "queues", queue], Content::Get) => {
            Call::QueueHealth { queue_id: (*queue).to_owned() }
        }
        (["api", "v2", "contacts", "attributes"], Content::Get) => Call::Attributes,
        (path, _) => Call::Unknown { target: path.join("/") },
    };
    let bearer = match request.authorization {
        Authorization::Bearer(token) => Some(token.expose_secret().to_owned()),
        Authorization::Basic(..) | Authorization::None => None,
    };
    Request { bearer, call }
}

/// An answer that asks for no wait.
pub(crate) fn forget_wait(reply: &mut HttpReply) {
    if let HttpReply::Answered(response) = reply {
        response.retry_after = None;
    }
}
