//! This face's rules in virtual time.

mod callbacks;
mod digital;
mod faults;
mod reads;
mod work_items;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::config::RateLimit;
use crate::tenant::{Delivery, HttpAnswer, Outcome};

const START_MS: u64 = 1_715_783_400_000;
const FORM: &str = "application/x-www-form-urlencoded";
const OWN_GRANT: &str = "grant_type=password&username=key-1&password=secret%3D%3D%3D%3D";
const SERVICES: &str = "/inContactAPI/services/v34.0";

fn config() -> Config {
    Config::default()
        .with_access_key(AccessKey::new("key-1", "secret====").with_client("app", "hush"))
        .with_access_key(AccessKey::new("key-2", "secret-2"))
        .with_point_of_contact(PointOfContact::new(123_456, "Orders", 4012))
        .with_skill(Skill { queue_count: 3, ..Skill::open(4012) })
        .with_skill(Skill { media_type_id: 4, is_active: false, ..Skill::open(4013) })
}

fn answer(outcome: Outcome) -> HttpAnswer {
    match outcome.delivery {
        Delivery::Answer(answer) => answer,
        delivery => panic!("no answer but {delivery:?}"),
    }
}

fn grant(pair: &str, body: &str) -> Request {
    let basic = format!("Basic {}", STANDARD.encode(pair));
    Request::new("POST", "/auth/token")
        .with_header("Authorization", &basic)
        .with_header("Host", "cxone.test")
        .with_body(FORM, body)
}

fn claims(token: &Value) -> Value {
    let parts: Vec<&str> = token.as_str().unwrap().split('.').collect();
    assert_eq!(parts.len(), 3);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap()
}

/// A business unit and a token of its first access key.
struct Bench {
    tenant: Tenant,
    token: String,
    now_ms: u64,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut bench = Self { tenant: Tenant::new(config), token: String::new(), now_ms: START_MS };
        bench.renew();
        bench
    }

    fn renew(&mut self) {
        let mut body = self.send(&grant("app:hush", OWN_GRANT)).json_body();
        if body.is_array() {
            body = body[0].take();
        }
        self.token = body["access_token"].as_str().unwrap().to_owned();
    }

    fn send(&mut self, request: &Request) -> HttpAnswer {
        answer(self.tenant.handle(self.now_ms, request))
    }

    fn authorized(&self, method: &str, path: &str) -> Request {
        Request::new(method, &format!("{SERVICES}{path}"))
            .with_header("authorization", &format!("Bearer {}", self.token))
            .with_header("accept", "application/json")
    }

    fn get(&mut self, path: &str) -> HttpAnswer {
        let request = self.authorized("GET", path);
        self.send(&request)
    }

    fn work_item(&self, body: &Value) -> Request {
        self.authorized("POST", "/interactions/work-items").with_body("application/json", body.to_string())
    }

    fn post(&mut self, body: &Value) -> HttpAnswer {
        let request = self.work_item(body);
        self.send(&request)
    }

    /// The rules broken since last asked.
    fn broken(&mut self) -> Vec<Rule> {
        std::mem::take(&mut self.tenant.violations).into_iter().map(|violation| violation.rule).collect()
    }
}

fn item(key: &str) -> Value {
    json!({ "pointOfContact": "123456 - Orders", "workItemID": key, "workItemPayload": "{\"v\":1}" })
}

fn code(answer: &HttpAnswer) -> (u16, String) {
    (answer.status, answer.json_body()["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_grant_answers_with_tokens_whose_claims_name_the_tenant() {
    let mut tenant = Tenant::new(config());
    let body = answer(tenant.handle(START_MS, &grant("app:hush", OWN_GRANT))).json_body();
    assert_eq!((&body["expires_in"], &body["token_type"]), (&json!(3600), &json!("Bearer")));
    let claims_of = claims(&body["access_token"]);
    let seconds = START_MS / 1000;
    assert_eq!((&claims_of["iat"], &claims_of["exp"]), (&json!(seconds), &json!(seconds + 3600)));
    assert_eq!((&claims_of["iss"], &claims_of["icBUId"]), (&json!("http://cxone.test"), &json!(4_400_001)));
    let tenant_id = json!(tenant.config().tenant_id);
    assert_eq!((&claims_of["tenantId"], &claims(&body["id_token"])["tenantId"]), (&tenant_id, &tenant_id));
    assert!(tenant.violations().is_empty());
}

#[test]
fn a_token_answer_takes_the_shape_that_is_configured() {
    let tokens =
        TokenRules { shape: TokenShape::Array, id_token: false, claims_tenant: false, ..TokenRules::default() };
    let mut tenant = Tenant::new(Config { tokens, ..config() });
    let body = answer(tenant.handle(START_MS, &grant("app:hush", OWN_GRANT))).json_body();
    assert_eq!((body.as_array().unwrap().len(), body[0].get("id_token")), (1, None));
    assert_eq!(claims(&body[0]["access_token"]).get("tenantId"), None);
}

#[test]
fn a_grant_is_refused_for_its_form_its_kind_its_client_and_its_key_in_this_order() {
    let good = OWN_GRANT.to_owned();
    for (pair, body, refusal, rule) in [
        ("app:hush", good.replace("%3D", "="), "invalid_request", Rule::NotFormEncoded),
        ("app:hush", good.replace("%3D%3D", "a+b"), "invalid_request", Rule::NotFormEncoded),
        ("app:hush", good.replace("%3D%3D", "a b"), "invalid_request", Rule::NotFormEncoded),
        ("app:hush", good.clone() + "&scope=openid", "invalid_request", Rule::UnknownParameter),
        ("app:hush", good.replace("&username=key-1", ""), "invalid_request", Rule::MissingParameter),
        ("app:hush", good.clone() + "&username=key-1", "invalid_request", Rule::RepeatedParameter),
        ("app:hush", good.replace("password&", "client_credentials&"), "unsupported_grant_type", Rule::WrongGrant),
        ("app", good.clone(), "invalid_client", Rule::BadBasic),
        ("app:wrong", good.clone(), "invalid_client", Rule::UnknownClient),
        ("app:hush", good.replace("key-1", "key-2"), "invalid_grant", Rule::UnknownAccessKey),
        ("app:hush", good.replace("secret", "Secret"), "invalid_grant", Rule::UnknownAccessKey),
    ] {
        let mut tenant = Tenant::new(config());
        let answer = answer(tenant.handle(START_MS, &grant(pair, &body)));
        assert_eq!(code(&answer), (400, refusal.to_owned()), "{rule:?}");
        assert_eq!(tenant.violations()[0].rule, rule);
        assert!(tenant.tokens().is_empty());
    }
}

#[test]
fn refused_credentials_can_come_as_401() {
    let tokens = TokenRules { refused_status: 401, ..TokenRules::default() };
    let mut tenant = Tenant::new(Config { tokens, ..config() });
    let answer = answer(tenant.handle(START_MS, &grant("app:wrong", OWN_GRANT)));
    assert_eq!(code(&answer), (401, "invalid_client".to_owned()));
}

#[test]
fn the_older_grant_needs_no_application() {
    let older = |body: Value| {
        Request::new("POST", "/authentication/v1/token/access-key").with_body("application/json", body.to_string())
    };
    let mut bench = Bench::new(config());
    let granted = bench.send(&older(json!({"accessKeyId": "key-2", "accessKeySecret": "secret-2"})));
    assert!(granted.json_body()["access_token"].is_string());
    let refused = bench.send(&older(json!({"accessKeyId": "key-2", "accessKeySecret": "secret-1"})));
    assert_eq!(code(&refused), (400, "invalid_grant".to_owned()));
    assert_eq!(bench.broken(), [Rule::UnknownAccessKey]);
}

#[test]
fn a_key_of_a_deactivated_user_gets_no_token_and_loses_those_it_has() {
    let mut bench = Bench::new(config());
    bench.tenant.config_mut().access_keys[0].active = false;
    assert_eq!(bench.get("/server-time").status, 401);
    assert_eq!(code(&bench.send(&grant("app:hush", OWN_GRANT))), (400, "invalid_grant".to_owned()));
    assert!(bench.tenant.misuses().is_empty());
    assert_eq!(bench.broken(), [Rule::RevokedToken, Rule::UnknownAccessKey]);
}

#[test]
fn a_token_is_refused_when_it_is_missing_foreign_revoked_or_expired() {
    let mut bench = Bench::new(config());
    let other = Bench::new(Config { tenant_id: uuid::Uuid::from_u128(7), seed: 1, ..config() });
    let foreign = other.authorized("GET", "/server-time");
    assert_eq!(bench.send(&Request::new("GET", &format!("{SERVICES}/server-time"))).status, 401);
    assert_eq!(bench.send(&foreign).status, 401);
    bench.now_ms += 3_599_999;
    assert_eq!(bench.get("/server-time").status, 200);
    bench.now_ms += 1;
    assert_eq!(bench.get("/server-time").status, 401);
    bench.renew();
    bench.tenant.revoke_tokens();
    assert_eq!(bench.get("/server-time").status, 401);
    let rules = [Rule::NoToken, Rule::ForeignToken, Rule::ExpiredToken, Rule::RevokedToken];
    assert_eq!(bench.broken(), rules);
    assert_eq!(bench.tenant.busiest_window("key-1"), 1);
}

#[test]
fn discovery_names_the_origin_that_it_was_asked_at() {
    let mut bench = Bench::new(config());
    let ask = |target: &str| Request::new("GET", target).with_header("host", "cxone.test");
    let openid = bench.send(&ask("/.well-known/openid-configuration")).json_body();
    assert_eq!(openid["token_endpoint"], "http://cxone.test/auth/token");
    let tenant_id = bench.tenant.config().tenant_id;
    let found = bench.send(&ask(&format!("/.well-known/cxone-configuration?tenantId={tenant_id}"))).json_body();
    assert_eq!((&found["api_endpoint"], &found["area"]), (&json!("http://cxone.test"), &json!("na1")));
    let other = "/.well-known/cxone-configuration?tenantId=22222222-0000-4000-8000-000000000000";
    assert_eq!(bench.send(&ask(other)).status, 404);
    assert_eq!(bench.send(&ask("/.well-known/cxone-configuration")).status, 400);
    assert_eq!(bench.broken(), [Rule::MissingParameter]);
}

#[test]
fn the_api_endpoint_can_be_foreign_or_missing() {
    let url = ApiEndpoint::Url("http://api.example".to_owned());
    for (api_endpoint, shown) in [(url, Some(json!("http://api.example"))), (ApiEndpoint::Absent, None)] {
        let mut bench = Bench::new(Config { api_endpoint, ..config() });
        let target = format!("/.well-known/cxone-configuration?tenantId={}", bench.tenant.config().tenant_id);
        assert_eq!(bench.send(&Request::new("GET", &target)).json_body().get("api_endpoint"), shown.as_ref());
    }
}

#[test]
fn the_window_counts_authenticated_requests_of_one_key_alone() {
    let rate_limit = RateLimit { limit: 2, ..RateLimit::default() };
    let mut bench = Bench::new(Config { rate_limit, ..config() });
    bench.renew();
    assert_eq!(bench.get("/server-time").status, 200);
    assert_eq!(bench.post(&item("a")).status, 202);
    let refused = bench.post(&item("b"));
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
    assert_eq!((bench.tenant.creations().len(), bench.tenant.busiest_window("key-1")), (1, 3));
    assert_eq!(bench.tenant.busiest_window("key-2"), 0);
}

#[test]
fn version_accept_and_place_are_checked_and_case_is_not() {
    let mut bench = Bench::new(config());
    let token = format!("Bearer {}", bench.token);
    let get = |path: &str| Request::new("GET", path).with_header("Authorization", &token);
    let json = |path: &str| get(path).with_header("Accept", "application/json;q=0.9, */*");
    assert_eq!(bench.send(&json("/INCONTACTAPI/services/V34.0/Server-Time")).status, 200);
    assert_eq!(bench.send(&json("/inContactAPI/services/v33.0/server-time")).status, 404);
    assert_eq!(bench.send(&json("/inContactAPI/services/v34.0/agents")).status, 404);
    let unrendered = bench.send(&get("/inContactAPI/services/v34.0/server-time").with_header("Accept", "*/*"));
    assert_eq!((unrendered.status, unrendered.body.as_str()), (400, "No known way to render data"));
    let last = bench.tenant.violations().last().unwrap().clone();
    assert_eq!((last.endpoint, last.at_ms), (Endpoint::ServerTime, START_MS));
    assert_eq!(last.access_key_id.as_deref(), Some("key-1"));
    assert_eq!(bench.broken(), [Rule::WrongVersion, Rule::UnknownEndpoint, Rule::NotAcceptable]);
    assert_eq!(bench.tenant.busiest_window("key-1"), 4);
}

#[test]
fn a_role_can_lack_any_right() {
    let mut settings = config();
    settings.access_keys[0].denied = vec![Endpoint::Skills, Endpoint::WorkItems];
    let mut bench = Bench::new(settings);
    assert_eq!(bench.get("/skills/activity").status, 403);
    assert_eq!(bench.post(&json!({})).status, 403);
    assert_eq!(bench.get("/skills/4012/activity").status, 200);
    assert!(bench.broken().is_empty());
}

#[test]
fn every_answer_is_dated_by_this_clock_and_repeats_the_correlation() {
    let mut bench = Bench::new(config());
    let request = bench.authorized("GET", "/server-time").with_header("CorrelationId", "c-1");
    let answer = bench.send(&request);
    assert_eq!(answer.header("date"), Some("Wed, 15 May 2024 14:30:00 GMT"));
    assert_eq!(answer.header("correlationid"), Some("c-1"));
    assert_eq!(answer.json_body(), json!({"ServerTime": "2024-05-15T14:30:00.000Z"}));
}

#[test]
fn no_debug_or_json_shows_a_secret_or_a_token() {
    let bench = Bench::new(config());
    let shown = format!("{:?} {}", bench.tenant, json!(bench.tenant.tokens()));
    assert!(!shown.contains("secret") && !shown.contains("hush") && !shown.contains(&bench.token), "{shown}");
}

#[test]
fn a_configuration_reads_from_json_with_every_member_optional() {
    let settings: Config = serde_json::from_value(json!({
        "accessKeys": [{"access_key_id": "key-1", "access_key_secret": "s", "denied": ["skills"]}],
        "pointsOfContact": [{"id": 1, "name": "Orders", "defaultSkillId": 2}],
        "skills": [{"id": 2, "queueCount": 7}],
        "apiEndpoint": {"url": "http://elsewhere.example"}, "errorText": "status-description",
        "faults": [{"endpoint": "work-items", "effect": {"type": "answer", "status": 429}}],
    }))
    .unwrap();
    assert_eq!((settings.payload_bytes, settings.skills[0].media_type_id), (51_200, 6));
    assert_eq!(settings.faults, [Fault::once(Endpoint::WorkItems, Effect::bare(429))]);
    assert!(serde_json::from_value::<Config>(json!({"clients": []})).is_err());
}
