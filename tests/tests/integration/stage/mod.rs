//! What every test here needs: a tenant, tables, queues and a secret of its own, and workers on them.

mod clock;
mod front;
mod log;
mod ports;
mod process;
mod queues;
mod tables;
mod tenant;
mod wire;
mod worker;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use contact_injection_tests::host::record_of as record;
use contact_injection_tests::host::{Bindings, CxoneApi};
use contact_injection_tests::local::{
    MessageQueue, Ministack, Queues, Tables, UrgentQueue, create_lanes, create_secret_of_text, create_tables,
    sdk_config, secret_text, with_urgent_clients,
};
use cxone_simulator::{AttributeDefinition, AttributeType, ClientConfig, Queue, RateLimit, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) use clock::Clock;
pub(crate) use front::Front;
pub(crate) use log::Log;
pub(crate) use ports::{TestPorts, adapters};
pub(crate) use process::Function;
pub(crate) use tables::{number, number_of, text};
pub(crate) use tenant::{ORDERS, ORDERS_SKILL, OVERFLOW, routes as tenant_routes, tenant};
pub(crate) use wire::{Moment, Wire};
pub(crate) use worker::Worker;

/// The primary queue of every route below.
pub(crate) const PRIMARY: &str = "7f1c6f0e-0000-4000-8000-000000000001";
/// Their first fallback.
pub(crate) const FALLBACK: &str = "7f1c6f0e-0000-4000-8000-000000000002";
/// A queue that the tenant doesn't have.
pub(crate) const NOWHERE: &str = "7f1c6f0e-0000-4000-8000-00000000dead";

/// What a test wants to be different.
pub(crate) struct Scene {
    /// The tenant, whose clients are those of the secret.
    pub(crate) tenant: SimulatorConfig,
    /// The routes file.
    pub(crate) routes: Value,
    /// How many of the clients are kept for urgent messages, where there is an urgent queue.
    pub(crate) urgent_clients: Option<usize>,
}

impl Default for Scene {
    fn default() -> Self {
        Self::with_clients(1)
    }
}

impl Scene {
    /// The usual scene with so many OAuth clients.
    pub(crate) fn with_clients(count: usize) -> Self {
        let client =
            |number| ClientConfig::new(&format!("worker-{number}"), &format!("hush-{number}-{}", Uuid::new_v4()));
        let tenant = SimulatorConfig {
            clients: (1..=count).map(client).collect(),
            queues: vec![
                Queue::open(PRIMARY).with_max_capacity(100_000),
                Queue::open(FALLBACK).with_max_capacity(100_000),
            ],
            skills: vec!["sk-billing".to_owned()],
            attributes: vec![
                AttributeDefinition::new(AttributeType::String, "externalSource").with_max_length(64),
                AttributeDefinition::new(AttributeType::Number, "orderValue"),
                AttributeDefinition::new(AttributeType::Boolean, "isPriorityCustomer"),
                AttributeDefinition::new(AttributeType::String, "tenantRefId").with_max_length(20),
                AttributeDefinition::new(AttributeType::String, "notes"),
            ],
            ..SimulatorConfig::default()
        };
        Self { tenant, routes: routes(), urgent_clients: None }
    }

    /// So many requests in so long, at CXone and in the settings alike.
    #[must_use]
    pub(crate) fn rate(mut self, limit: usize, window: Duration) -> Self {
        let window_milliseconds = u64::try_from(window.as_millis()).unwrap();
        self.tenant.rate_limit = RateLimit { limit, window_milliseconds, ..self.tenant.rate_limit };
        self
    }

    /// With an urgent queue, and so many of the clients kept for it: the last ones.
    #[must_use]
    pub(crate) fn with_urgent_lane(self, clients: usize) -> Self {
        Self { urgent_clients: Some(clients), ..self }
    }

    /// Sets it up.
    pub(crate) async fn start(self) -> Stage {
        let kept = self.urgent_clients.unwrap_or_default();
        let secret = with_urgent_clients(&secret_text(&self.tenant.clients), kept).unwrap();
        let urgent_workers = if self.urgent_clients.is_some() { 2 } else { 0 };
        let simulator = Simulator::start(self.tenant).await.unwrap();
        Stage::set_with(simulator, &self.routes, secret, urgent_workers).await
    }
}

impl<S: Simulated> Stage<S> {
    /// Everything around a tenant: these routes, and a secret of this text.
    pub(crate) async fn set(simulator: S, routes: &Value, secret: String) -> Self {
        Self::set_with(simulator, routes, secret, 0).await
    }

    /// The same with an urgent queue that so many workers take from, or none.
    pub(crate) async fn set_with(simulator: S, routes: &Value, secret: String, urgent_workers: usize) -> Self {
        let log = Log::start();
        let endpoint = emulator().endpoint();
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let aws = sdk_config(endpoint);
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("routes.json"), routes.to_string()).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queues = create_lanes(endpoint, &prefix, urgent_workers).await.unwrap();
        Self {
            secret: create_secret_of_text(endpoint, &prefix, secret).await.unwrap(),
            tables: create_tables(endpoint, &prefix).await.unwrap(),
            contacts: MessageQueue::new(&sqs, &queues.contacts),
            queues,
            simulator,
            dynamodb: aws_sdk_dynamodb::Client::new(&aws),
            sqs,
            secrets: aws_sdk_secretsmanager::Client::new(&aws),
            folder,
            log,
            time: clock::SharedTime::default(),
        }
    }
}

/// A simulated CXone, whichever of its APIs it serves.
pub(crate) trait Simulated {
    /// Where it is.
    fn api(&self) -> CxoneApi;
    /// Its clock.
    fn clock(&self) -> &cxone_simulator::Clock;
    /// What it grants each client.
    fn rate(&self) -> RateLimit;
}

impl Simulated for Simulator {
    fn api(&self) -> CxoneApi {
        CxoneApi::Guide { base_url: self.url() }
    }

    fn clock(&self) -> &cxone_simulator::Clock {
        (**self).clock()
    }

    fn rate(&self) -> RateLimit {
        self.tenant().config().rate_limit.clone()
    }
}

/// One test's world.
pub(crate) struct Stage<S = Simulator> {
    pub(crate) simulator: S,
    pub(crate) tables: Tables,
    pub(crate) queues: Queues,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    contacts: MessageQueue,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) secret: String,
    pub(crate) log: Log,
    folder: TempDir,
    time: clock::SharedTime,
}

impl Stage {
    /// The usual scene.
    pub(crate) async fn usual() -> Self {
        Scene::default().start().await
    }

    /// Puts other clients into the secret.
    pub(crate) async fn put_clients(&self, clients: &[ClientConfig]) {
        self.put_secret(&secret_text(clients)).await;
    }

    /// The clients of the tenant.
    pub(crate) fn clients(&self) -> Vec<ClientConfig> {
        self.simulator.tenant().config().clients.clone()
    }

    /// Contacts that CXone has, and has not lost.
    pub(crate) fn living_contacts(&self) -> usize {
        self.simulator.contacts().iter().filter(|contact| !contact.status.is_lost()).count()
    }
}

impl<S: Simulated> Stage<S> {
    /// Lets time pass for the workers and for CXone, at once.
    pub(crate) fn advance(&self, by: Duration) {
        self.time.advance(by);
        self.simulator.clock().advance(by);
    }

    /// The urgent queue.
    pub(crate) fn urgent(&self) -> &UrgentQueue {
        self.queues.urgent.as_ref().unwrap()
    }

    /// Puts another text into the secret.
    pub(crate) async fn put_secret(&self, text: &str) {
        self.secrets.put_secret_value().secret_id(&self.secret).secret_string(text).send().await.unwrap();
    }

    /// Puts a file of cases beside the routes.
    pub(crate) fn put_cases(&self, text: &str) {
        let folder = self.folder.path().join("cases");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("orders.json"), text).unwrap();
    }

    /// The variables of a function on this stage, with this endpoint of AWS.
    pub(crate) fn variables(&self, aws: &str) -> BTreeMap<String, String> {
        let rate = self.simulator.rate();
        let bindings = Bindings {
            aws: aws.to_owned(),
            cxone: self.simulator.api(),
            tables: &self.tables,
            queues: &self.queues,
            secret: &self.secret,
            rate_limit: rate.limit,
            window_seconds: rate.window_milliseconds.div_ceil(1000),
            workers: 2,
        };
        let mut variables = bindings.variables();
        variables.insert("ROUTES_PATH".to_owned(), self.folder.path().join("routes.json").display().to_string());
        variables
    }
}

/// The emulator that all tests of this process share. It ends with the process.
pub(crate) fn emulator() -> &'static Ministack {
    static EMULATOR: OnceLock<Ministack> = OnceLock::new();
    EMULATOR.get_or_init(|| Ministack::start().unwrap())
}

/// The guide's example as a route, and one route for each thing that can be wrong with one.
fn routes() -> Value {
    let route = |name: &str, targets: Value, more: Value| {
        let mut route = json!({
            "name": name,
            "match": { "type": name },
            "channel": "voice",
            "targets": targets,
            "priority": {
                "default": 500,
                "rules": [{ "when": "$.customer[?@ == 'gold']", "value": 750 }],
                "degrade": { "by": 100, "floor": 50 }
            },
            "from": { "path": "$.phone", "format": "e164" },
            "to": { "value": "+15550201234" },
            "callbackNumber": { "path": "$.phone", "format": "e164" },
            "wrapUpCode": { "value": "INJECTED_CONTACT" },
            "attributes": {
                "string:externalSource": { "value": "CRM_ORDER_UPDATE" },
                "number:orderValue": { "path": "$.total", "coerce": true },
                "boolean:isPriorityCustomer": { "path": "$.vip" },
                "string:tenantRefId": { "path": "$.ref", "required": true },
                "string:notes": { "path": "$.notes", "overflow": "truncate", "pii": "redact" }
            }
        });
        more.as_object().unwrap().iter().for_each(|(key, value)| route[key] = value.clone());
        route
    };
    let [primary, fallback, nowhere] = [PRIMARY, FALLBACK, NOWHERE].map(|queue| json!({ "queueId": queue }));
    let lower = json!({ "queueId": FALLBACK, "priorityDelta": -150 });
    json!({ "routes": [
        route("order", json!([primary, lower, { "skillIds": ["sk-billing"], "priorityDelta": -150 }]), json!({})),
        route("single", json!([primary]), json!({ "maxAgeSeconds": 3600 })),
        route("pair", json!([primary, fallback]), json!({})),
        route("held", json!([primary]), json!({ "onUnknownHealth": "hold" })),
        route("nowhere", json!([nowhere]), json!({})),
        route("unskilled", json!([{ "skillIds": ["sk-nobody-has"] }]), json!({})),
        route("unregistered", json!([primary]), json!({ "attributes": { "string:colour": { "value": "red" } } })),
    ]})
}

/// A CloudEvent of this type, the guide's example otherwise.
pub(crate) fn event(kind: &str, id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/crm/emea", "type": kind,
        "data": {
            "phone": "+15550109876", "customer": { "tier": "gold" }, "total": "1250.00", "vip": true,
            "ref": "ORD-2024-8842"
        }
    })
}

/// The key of an event of [`event`], by the interface's rule and not by the code under test.
pub(crate) fn key_of(id: &str) -> Uuid {
    let namespace = Uuid::from_u128(0x2fcf_f96a_1a86_41f2_a7cf_eef8_25f7_5371);
    Uuid::new_v5(&namespace, format!("/crm/emea\u{1f}{id}").as_bytes())
}
