//! A NICE CXone tenant in the place of the guide's API.

use contact_injection_tests::host::CxoneApi;
use contact_injection_tests::local::key_secret_text;
use cxone_simulator::nice::{AccessKey, Config, PointOfContact, Simulator, Skill};
use cxone_simulator::{Clock, RateLimit};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Simulated, Stage};

/// The point of contact of the routes' first target.
pub(crate) const ORDERS: &str = "123456 - Orders";
/// Its skill.
pub(crate) const ORDERS_SKILL: u64 = 4012;
/// The point of contact that they fall back to.
pub(crate) const OVERFLOW: &str = "Overflow";

impl Simulated for Simulator {
    fn api(&self) -> CxoneApi {
        CxoneApi::Tenant { issuer: self.url() }
    }

    fn clock(&self) -> &Clock {
        (**self).clock()
    }

    fn rate(&self) -> RateLimit {
        self.tenant().config().rate_limit.clone()
    }
}

/// A tenant with so many access keys.
pub(crate) fn tenant(keys: usize) -> Config {
    let key = |number| {
        let secret = format!("k+{}====", Uuid::new_v4().simple());
        AccessKey::new(&format!("KEY{number}{}", Uuid::new_v4().simple()), &secret).with_client("back-end", "hush/+=")
    };
    Config {
        access_keys: (1..=keys).map(key).collect(),
        points_of_contact: vec![
            PointOfContact::new(123_456, "Orders", ORDERS_SKILL),
            PointOfContact::new(223_344, "Overflow", 4013),
            PointOfContact::new(323_344, "Twins", 4014),
        ],
        skills: vec![Skill::open(ORDERS_SKILL), Skill::open(4013), Skill::open(4014)],
        ..Config::default()
    }
}

/// The routes of [`tenant`], and one for each thing that a tenant may not have.
pub(crate) fn routes() -> Value {
    let route = |name: &str, targets: Value| {
        json!({
            "name": name,
            "match": { "type": name },
            "targets": targets,
            "priority": { "default": 500, "rules": [{ "when": "$.customer[?@ == 'gold']", "value": 750 }],
                          "degrade": { "by": 100, "floor": 50 } },
            "from": { "path": "$.phone", "format": "e164" },
            "to": { "value": "+15550201234" },
            "maxAgeSeconds": 14_400,
            "attributes": {
                "number:orderValue": { "path": "$.total", "coerce": true },
                "boolean:isPriorityCustomer": { "path": "$.vip" },
                "string:tenantRefId": { "path": "$.ref", "required": true }
            }
        })
    };
    let item = |point: &str, skill: u64| json!({ "workItem": { "pointOfContact": point, "skillId": skill } });
    let mut orders = item(ORDERS, ORDERS_SKILL);
    orders["workItem"]["type"] = json!("order");
    orders["workItem"]["maxQueueCount"] = json!(50);
    let mut overflow = item(OVERFLOW, 4013);
    overflow["priorityDelta"] = json!(-150);
    let mut twins = item("323344", 4014);
    twins["workItem"]["onDoubt"] = json!("resend");
    let nowhere = item("999 - Nowhere", 4013);
    json!({ "routes": [
        route("order", json!([orders, overflow])),
        route("twin", json!([twins])),
        route("nowhere", json!([nowhere, overflow])),
    ]})
}

impl Stage<Simulator> {
    /// This tenant, and its routes.
    pub(crate) async fn of_tenant(config: Config) -> Self {
        Self::with_routes(config, &routes()).await
    }

    /// This tenant, with a secret that names its URL.
    pub(crate) async fn of_tenant_with_secret(config: Config, secret: impl FnOnce(&str) -> Value) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let secret = secret(&simulator.url()).to_string();
        Self::set(simulator, &routes(), secret).await
    }

    /// Puts other keys into the secret.
    pub(crate) async fn put_keys(&self, keys: &[AccessKey]) {
        self.put_secret(&key_secret_text(keys)).await;
    }

    /// This tenant, and other routes.
    pub(crate) async fn with_routes(config: Config, routes: &Value) -> Self {
        let secret = key_secret_text(&config.access_keys);
        Self::set(Simulator::start(config).await.unwrap(), routes, secret).await
    }
}
