//! The way of a request to a business unit: the bytes that the transport would send, and what is seen of them.

mod look_ups;
mod said;

use std::rc::Rc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contact_injection::{
    dialects::{Authorization, Content, HttpReply, HttpRequest, HttpResponse, TokenSearch},
    domain::{time::Timestamp, token::Endpoints},
};
use cxone_simulator::{
    Outcome,
    nice::{Endpoint, Request},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::{Position, Url, form_urlencoded};

use self::said::Said;
use crate::{
    api::{Leaving, forget_wait},
    business_unit,
    defect::Defect,
    world::{Post, Refusal, World},
};

impl World {
    /// Sends what an invocation says to the business unit, and waits for what comes of it.
    pub(crate) async fn send_to_unit(self: &Rc<Self>, request: HttpRequest<'_>, invocation: u64) -> HttpReply {
        let Some(request) = as_sent(request) else {
            self.breach(format!("i{invocation} would have sent something to a host that is none of CXone's"));
            return HttpReply::Unreachable;
        };
        match request.endpoint() {
            Endpoint::Token | Endpoint::AccessKeyToken => self.ask_for_grant(request, invocation).await,
            Endpoint::OpenidConfiguration | Endpoint::CxoneConfiguration => {
                self.ask_unit(format!("the search of i{invocation}"), invocation, request, None).await
            }
            Endpoint::WorkItems | Endpoint::Callbacks | Endpoint::Messages => {
                self.post_contact(request, invocation).await
            }
            Endpoint::MessageSearch => self.look_up(request, invocation).await,
            Endpoint::Skill if !self.reads_health() => HttpReply::Unreachable,
            _ => {
                let client = self.key_of(&request);
                let reply = self.ask_unit(client.clone(), invocation, request, None).await;
                self.heed_wait(client, &reply, invocation);
                reply
            }
        }
    }

    async fn ask_unit(
        self: &Rc<Self>,
        client: String,
        invocation: u64,
        request: Request,
        post: Option<usize>,
    ) -> HttpReply {
        let endpoint = request.endpoint();
        let leaving = Leaving { client, invocation, endpoint, routing: !endpoint.is_open(), post };
        self.deliver(leaving, move |world| world.arrive(&request)).await
    }

    /// A request reaches the business unit.
    fn arrive(&self, request: &Request) -> Outcome {
        #[expect(clippy::expect_used, reason = "only a world with a business unit sends to it")]
        let mut unit = self.unit.as_ref().expect("a business unit").borrow_mut();
        let outcome = unit.handle(self.tenant_now(), request);
        if let (Endpoint::Messages, Some(contact)) = (request.endpoint(), &outcome.created) {
            business_unit::enter(&mut unit, contact);
        }
        outcome
    }

    /// Asks for a token with an access key.
    async fn ask_for_grant(self: &Rc<Self>, request: Request, invocation: u64) -> HttpReply {
        let begun = self.now();
        let (client, secret) = presented(&request);
        let mut reply = self.ask_unit(client.clone(), invocation, request, None).await;
        let found = Endpoints { token: Some(String::new()), ..Endpoints::default() };
        let search = TokenSearch { found, ..TokenSearch::default() };
        if let Some(own) = &self.plan.unit {
            if own.grants.untimed {
                forget_lifetime(&mut reply);
            }
            let credentials = business_unit::credentials(own, client.clone(), secret.clone());
            let step = self.dialect.read_token(&credentials, search, &reply);
            self.see_token(step.meaning, Refusal { invocation, client, secret, begun, at: self.now() });
        }
        if self.has(Defect::TokenWaitIgnored) {
            forget_wait(&mut reply);
        }
        reply
    }

    /// Asks for a contact under a token.
    async fn post_contact(self: &Rc<Self>, request: Request, invocation: u64) -> HttpReply {
        let client = self.key_of(&request);
        let Said { event, target, kind, call } = self.said(&request);
        let now = self.now();
        let in_doubt = {
            let seen = self.seen.borrow();
            let key = said::key_of(&event);
            let said = seen.intents.iter().rfind(|intent| intent.key == key && intent.invocation == invocation);
            said.is_some_and(|said| said.in_doubt)
        };
        // One in doubt goes where it went, whatever is known of the tenant.
        let queue = (!in_doubt).then(|| kind.to_owned());
        let number = self.see_post(Post { queue, target, ..Post::leaving(&event, invocation, now) });
        let reply = self.ask_unit(client.clone(), invocation, request, Some(number)).await;
        self.heed_wait(client, &reply, invocation);
        let answered = meaning(kind, &reply);
        {
            let mut seen = self.seen.borrow_mut();
            let full = (invocation, kind.to_owned(), self.now());
            let is_full = kind == said::WORK_ITEM && !in_doubt && says_full(&reply);
            let post = &mut seen.posts[number];
            post.refused = answered == Meaning::Refused;
            post.told = (answered != Meaning::InDoubt).then(|| self.now());
            if is_full {
                seen.full.push(full);
            }
        }
        let mistaken = (answered == Meaning::InDoubt).then(|| self.mistaken(&event, call.as_ref())).flatten();
        mistaken.unwrap_or(reply)
    }

    /// What a defect takes for the answer to a request that has none that can be relied on.
    fn mistaken(&self, event: &str, call: Option<&(String, String)>) -> Option<HttpReply> {
        let (status, body): (_, &[u8]) = match self.defect {
            Some(Defect::FallbackUnderDoubt) => (404, b""),
            Some(Defect::OtherCallbackTaken) if self.has_other_call(event, call) => (202, b"{\"contactId\":1}"),
            _ => return None,
        };
        let now = Timestamp::from_millis(self.now());
        Some(HttpReply::Answered(HttpResponse::new(status, None, body, now)))
    }

    fn key_of(&self, request: &Request) -> String {
        let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        self.seen.borrow().tokens.get(token.unwrap_or_default()).cloned().unwrap_or_default()
    }
}

/// What an answer proves, by a table of this module's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Created,
    Refused,
    InDoubt,
}

fn meaning(kind: &str, reply: &HttpReply) -> Meaning {
    match reply {
        HttpReply::Unreachable => Meaning::Refused,
        HttpReply::Silence => Meaning::InDoubt,
        HttpReply::Answered(response) => match response.status {
            // A message is looked for where its answer names no contact.
            200..=202 if kind == said::MESSAGE && !names_contact(response) => Meaning::InDoubt,
            200..=202 => Meaning::Created,
            400 | 401 | 403 | 404 | 429 => Meaning::Refused,
            _ => Meaning::InDoubt,
        },
    }
}

/// Whether the answer to a message names its contact.
fn names_contact(response: &HttpResponse) -> bool {
    let body = response.body.as_ref();
    let named = |at| body.and_then(|body| body.pointer(at)).is_some();
    named("/consumerContact/id") || named("/message/contactNumber")
}

/// Whether an answer says that the business unit takes no more work items for now.
fn says_full(reply: &HttpReply) -> bool {
    let HttpReply::Answered(response) = reply else { return false };
    let body = response.body.as_ref().map(ToString::to_string).unwrap_or_default();
    response.status == 429 && response.retry_after.is_none() && !body.contains("rate limit")
}

/// The access key that a token is asked for with, by either grant.
fn presented(request: &Request) -> (String, String) {
    let (id, secret, members) = match serde_json::from_slice::<Value>(&request.body) {
        Ok(Value::Object(members)) => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let members = members.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            ("accessKeyId", "accessKeySecret", members)
        }
        _ => ("username", "password", form_urlencoded::parse(&request.body).into_owned().collect::<Vec<_>>()),
    };
    let member = |sought: &str| {
        let found = members.iter().find(|(name, _)| name == sought);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    (member(id), member(secret))
}

/// An answer that doesn't say how long its token serves.
fn forget_lifetime(reply: &mut HttpReply) {
    let HttpReply::Answered(HttpResponse { body: Some(body), .. }) = reply else { return };
    let answer = match body {
        Value::Array(list) => list.first_mut(),
        answer => Some(answer),
    };
    if let Some(members) = answer.and_then(Value::as_object_mut) {
        members.remove("expires_in");
    }
}

/// A request as it goes over the wire; nothing where it would leave CXone's own hosts, or unencrypted.
fn as_sent(request: HttpRequest<'_>) -> Option<Request> {
    let mut url = Url::parse(request.base.as_deref()?).ok()?;
    let domain = url.domain().is_some_and(|domain| domain.ends_with(".niceincontact.com"));
    if url.scheme() != "https" || !domain {
        return None;
    }
    if !request.path.is_empty() {
        url.path_segments_mut().ok()?.pop_if_empty().extend(request.path);
    }
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(request.query);
    }
    let method = match request.content {
        Content::Get => "GET",
        Content::PutJson(_) => "PUT",
        Content::PostJson(_) | Content::PostForm(_) => "POST",
    };
    let sent = Request::new(method, &url[Position::BeforePath..Position::AfterQuery]);
    let sent = match request.content {
        Content::Get => sent,
        Content::PostJson(body) | Content::PutJson(body) => sent.with_body("application/json", body.to_string()),
        Content::PostForm(members) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
            sent.with_body("application/x-www-form-urlencoded", form)
        }
    };
    let sent = match request.authorization {
        Authorization::None => sent,
        Authorization::Bearer(token) => sent.with_header("authorization", &format!("Bearer {}", token.expose_secret())),
        Authorization::Basic(name, password) => {
            let pair = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
            sent.with_header("authorization", &format!("Basic {pair}"))
        }
    };
    Some(request.headers.iter().fold(sent, |sent, (name, value)| sent.with_header(name, value)))
}
