//! Ports over the simulator's state machine: what is sent is handled at once, and time stands still.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cxone_simulator::nice::{
    AccessKey, Channel, Config, CustomField, Endpoint, PointOfContact, Request, Skill, Tenant,
};
use futures::FutureExt as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Doctor, DoctorRequest, Report, Role};
use crate::{
    dialects::{
        Authorization, Content, Dialect, HttpReply, HttpRequest, HttpResponse,
        nice::{self, Nice},
    },
    domain::{
        credentials::{Credentials, SecretTag},
        health::QueueHealth,
        lane::Lanes,
        lease::{Permit, Rate},
        queues::Reading,
        routes::{DefaultSkills, QueueId, Routes},
        secret_form::SecretForm,
        standing::{Standing, Waiter},
        time::Timestamp,
        token::NONCE_LENGTH,
        window::ClockId,
    },
    metrics::Metrics,
    ports::{
        Acquired, ClientTable, Environment, LeaseRequest, OneForAll, Registered, Registry, Reserved, Returned,
        SchemaSnapshot, Secrets, StoreError, StoredClient, StoredState, Transport, Wanted,
    },
};

pub(super) const KEY: &str = "MDAQKJNJRYOE2M3P7HZ3VXQ7SFW5AQEXBPEYFNTJ3ZPZJWAGMZ3Q====";
pub(super) const SECRET: &str = "WYSUKJNJRYOE2M3P7HZ3VXQ7SFW5AQEXBPEYFNTJ3ZPZJWAGMZ3Q====";
const ISSUER: &str = "https://cxone.niceincontact.com";
const NOON: i64 = 1_772_366_400_000;

/// A tenant that has all that the routes name.
pub(super) fn usual() -> Config {
    Config {
        base_url: Some(ISSUER.to_owned()),
        skills: [(4012, 6), (4013, 6), (4014, 6), (4015, 4), (4016, 9)]
            .map(|(id, media_type_id)| Skill { media_type_id, ..Skill::open(id) })
            .to_vec(),
        points_of_contact: vec![
            PointOfContact::new(123_456, "Orders", 4012),
            PointOfContact::new(7, "Overflow", 4013),
            PointOfContact::new(8, "223344", 4014),
        ],
        ..Config::default()
    }
    .with_channel(Channel::new("chat_0B7c", "Escalations"))
    .with_custom_field(CustomField::text("caseRef"))
    .with_custom_field(CustomField::text("callbackNumber"))
    .with_access_key(AccessKey::new(KEY, SECRET).with_client("the-app", "hush-client"))
}

/// A deployment on a tenant.
pub(super) struct Stage {
    routes: Routes,
    dialect: Nice,
    tenant: RefCell<Tenant>,
    secret: Value,
    now: Cell<i64>,
    clients: RefCell<BTreeMap<String, Client>>,
}

#[derive(Default)]
struct Client {
    fence: u64,
    held: bool,
    state: Option<StoredState>,
    refused: Option<(Timestamp, SecretTag)>,
}

impl Stage {
    /// One that finds the API by discovery.
    pub(super) fn new(config: Config) -> Self {
        Self::with(config, None, |_| ())
    }

    /// One whose operator says where the API is.
    pub(super) fn based(config: Config) -> Self {
        Self::with(config, Some(ISSUER), |_| ())
    }

    /// One whose routes file is changed.
    pub(super) fn routed(config: Config, change: impl Fn(&mut Value)) -> Self {
        Self::with(config, None, change)
    }

    fn with(config: Config, base: Option<&str>, change: impl Fn(&mut Value)) -> Self {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cxone/routes.json"));
        let mut file = serde_json::from_str(text).unwrap();
        change(&mut file);
        let routes = Routes::from_json(file.to_string(), nice::FACTS.routes).unwrap();
        let client = json!({
            "access_key_id": KEY, "access_key_secret": SECRET, "client_id": "the-app", "client_secret": "hush-client"
        });
        Self {
            dialect: Nice::new(ISSUER, "v34.0", base, &routes).unwrap(),
            routes,
            tenant: RefCell::new(Tenant::new(config)),
            secret: json!({ "clients": [client] }),
            now: Cell::new(NOON),
            clients: RefCell::default(),
        }
    }

    pub(super) fn with_secret(self, secret: &Value) -> Self {
        Self { secret: secret.clone(), ..self }
    }

    /// One examination.
    pub(super) fn examine(&self) -> Report {
        self.examine_as(Role::Writes(Lanes::One), false)
    }

    /// One that probes.
    pub(super) fn probe(&self) -> Report {
        self.examine_as(Role::Writes(Lanes::One), true)
    }

    pub(super) fn examine_as(&self, role: Role, probe_write: bool) -> Report {
        let doctor = Doctor {
            ports: self,
            routes: &self.routes,
            rate: Rate { limit: 120, window: Duration::from_secs(60) },
            workers: 1,
            metrics: &Metrics::default(),
            deadline: self.now().plus(Duration::from_secs(60)),
            role,
            request: DoctorRequest { probe_write },
        };
        // Nothing here ever waits.
        doctor.run().now_or_never().unwrap()
    }

    /// Another worker holds the client from now on.
    pub(super) fn hold(&self) {
        self.clients.borrow_mut().entry(KEY.to_owned()).or_default().held = true;
    }

    /// Clients that are held.
    pub(super) fn held(&self) -> usize {
        self.clients.borrow().values().filter(|client| client.held).count()
    }

    /// Requests to an endpoint.
    pub(super) fn asked(&self, endpoint: Endpoint) -> usize {
        self.tenant.borrow().requests().iter().filter(|request| request.endpoint == endpoint).count()
    }

    pub(super) fn misuses(&self) -> usize {
        self.tenant.borrow().misuses().len()
    }

    pub(super) fn created(&self) -> usize {
        self.tenant.borrow().creations().len()
    }

    /// Every token that was issued.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.tenant.borrow().tokens().iter().map(|token| token.access_token().to_owned()).collect()
    }

    fn parsed(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let clients = self.secret["clients"].as_array().cloned().unwrap_or_else(|| vec![self.secret.clone()]);
        let read = |client: &Value| self.dialect.credentials(client.as_object().unwrap());
        let clients: Result<Arc<[_]>, _> = clients.iter().map(read).collect();
        let store = "the secret";
        clients.map_err(|source| StoreError { store, operation: "for the clients", source: Box::new(source) })
    }
}

impl Secrets for Stage {
    async fn clients(&self) -> Result<Arc<[Credentials]>, StoreError> {
        self.parsed()
    }

    async fn clients_anew(&self) -> Result<Arc<[Credentials]>, StoreError> {
        self.parsed()
    }

    async fn form(&self) -> Result<SecretForm, StoreError> {
        let problem = self.parsed().err().map(|error| format!("client 0 of the secret {}", error.source));
        Ok(SecretForm { problems: problem.into_iter().collect(), ..SecretForm::of(&self.secret.to_string()) })
    }
}

impl ClientTable for Stage {
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError> {
        let mut clients = self.clients.borrow_mut();
        let client = clients.entry(client_id.to_owned()).or_default();
        if client.held {
            return Ok(Acquired::Busy(request.until));
        }
        if let Some((until, secret)) = client.refused.filter(|(until, _)| *until > request.now)
            && secret == request.secret
        {
            return Ok(Acquired::Refused(until));
        }
        (client.held, client.fence) = (true, client.fence + 1);
        let stored = StoredClient { state: client.state.clone(), orphans: Vec::new() };
        Ok(Acquired::Held { fence: client.fence, client: stored })
    }

    async fn release(&self, client_id: &str, fence: u64, returned: &Returned) -> Result<bool, StoreError> {
        let mut clients = self.clients.borrow_mut();
        let client = clients.get_mut(client_id).unwrap();
        assert_eq!(client.fence, fence);
        (client.held, client.state) = (false, Some(returned.state.clone()));
        client.refused = returned.refused.map(|refused| (refused.until, refused.secret));
        Ok(true)
    }

    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError> {
        let clients = self.clients.borrow();
        let standing = |id: &&str| {
            let client = clients.get(*id)?;
            let leased_until = client.held.then(|| now.plus(Duration::from_secs(60)));
            Some(Standing { leased_until, refused: client.refused, ..Standing::default() })
        };
        Ok(client_ids.iter().map(|id| ((*id).to_owned(), standing(id).unwrap_or_default())).collect())
    }

    async fn wait_for(&self, _: &str, _: Waiter, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn ask_for(&self, client_id: &str, _: Timestamp) -> Result<(), StoreError> {
        panic!("an examination asks for nobody's turn, and here for {client_id}'s")
    }
}

impl Transport for Stage {
    async fn send(&self, _: &Permit<'_>, request: HttpRequest<'_>) -> HttpReply {
        let now = self.now();
        let request = arrived(&request);
        let at = u64::try_from(now.as_millis()).unwrap();
        let cxone_simulator::Delivery::Answer(answer) = self.tenant.borrow_mut().handle(at, &request).delivery else {
            return HttpReply::Silence;
        };
        let header = |name: &str| answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let response =
            HttpResponse::new(answer.status, header("retry-after").map(String::as_str), answer.body.as_bytes(), now);
        let response = response.dated(header("date").unwrap());
        HttpReply::Answered(match header("icstatusdescription") {
            Some(words) => response.described(words),
            None => response,
        })
    }
}

/// The request as it would arrive.
fn arrived(request: &HttpRequest<'_>) -> Request {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let base = url::Url::parse(request.base.as_deref().unwrap_or(ISSUER)).unwrap();
    let mut target = base.path().trim_end_matches('/').to_owned();
    request.path.iter().for_each(|segment| target.extend(["/", segment]));
    let encoded = |pairs: &[(&str, std::borrow::Cow<'_, str>)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    if !request.query.is_empty() {
        target.extend(["?", &encoded(&request.query)]);
    }
    let (method, body) = match &request.content {
        Content::Get => ("GET", None),
        Content::PostJson(body) => ("POST", Some(("application/json", body.to_string()))),
        Content::PutJson(body) => ("PUT", Some(("application/json", body.to_string()))),
        Content::PostForm(form) => ("POST", Some(("application/x-www-form-urlencoded", encoded(form)))),
    };
    let authorization = match request.authorization {
        Authorization::None => None,
        Authorization::Bearer(token) => Some(format!("Bearer {}", token.expose_secret())),
        Authorization::Basic(name, password) => {
            Some(format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.expose_secret()))))
        }
    };
    let mut arrived = Request::new(method, &target);
    for (name, value) in &request.headers {
        arrived = arrived.with_header(name, value);
    }
    if let Some(authorization) = authorization {
        arrived = arrived.with_header("authorization", &authorization);
    }
    match body {
        Some((media_type, body)) => arrived.with_body(media_type, body),
        None => arrived,
    }
}

impl Registry for Stage {
    async fn load(&self, _: &Wanted) -> Result<Registered, StoreError> {
        unreachable!("an examination looks at nothing that is kept")
    }

    async fn keep_schema(&self, _: &SchemaSnapshot) -> Result<bool, StoreError> {
        unreachable!("an examination keeps nothing")
    }

    async fn keep_default_skills(&self, _: &DefaultSkills, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("an examination keeps nothing")
    }

    async fn keep_health(&self, _: &QueueId, _: &QueueHealth, _: Option<Reading>) -> Result<Reserved, StoreError> {
        unreachable!("an examination keeps nothing")
    }

    async fn keep_unread(&self, _: &QueueId, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("an examination keeps nothing")
    }

    async fn reserve(&self, _: &QueueId, _: Timestamp, _: u64) -> Result<Reserved, StoreError> {
        unreachable!("an examination reserves nothing")
    }

    async fn mark_saturated(&self, _: &QueueId, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("an examination marks nothing")
    }
}

impl Environment for Stage {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    fn clock(&self) -> ClockId {
        ClockId::new(1)
    }

    async fn sleep(&self, duration: Duration) {
        self.now.set(self.now().plus(duration).as_millis());
    }

    fn sample(&self) -> f64 {
        0.5
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u128(7)
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        [7; NONCE_LENGTH]
    }
}

impl OneForAll for Stage {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }
}
