//! The tenant's rules in virtual time.

mod faults;

use serde_json::{Value, json};

use super::*;
use crate::config::{ClientConfig, OversizedStrings, RateLimit, TokenFormat};
use crate::queue::{OnSaturation, Queue};
use crate::schema::{AttributeDefinition, AttributeType};

const ALL_SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";
const START_MS: u64 = 1_715_783_400_000;
const HOUR_MS: u64 = 3_600_000;

fn config() -> SimulatorConfig {
    SimulatorConfig::default()
        .with_client("worker-1", "secret-1")
        .with_client("worker-2", "secret-2")
        .with_queue(Queue::open("q-1"))
        .with_skill("sk-billing")
        .with_attribute(AttributeDefinition::new(AttributeType::String, "externalSource"))
}

fn key(number: u32) -> String {
    format!("7f1c6f0e-0000-4000-8000-{number:012}")
}

fn contact() -> Value {
    json!({
        "type": "contact", "channel": "voice", "queueId": "q-1", "priority": 750,
        "from": "+15550100001", "to": "+15550201234", "attributes": {"string:externalSource": "CRM"}
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut request = contact();
    request[field] = value;
    request
}

fn by_skill(skill: &str) -> Value {
    let mut request = with("skillIds", json!([skill]));
    request.as_object_mut().unwrap().remove("queueId");
    request
}

fn answer(outcome: Outcome) -> HttpAnswer {
    match outcome.delivery {
        Delivery::Answer(answer) => answer,
        delivery => panic!("no answer but {delivery:?}"),
    }
}

/// A tenant and a token of its first client.
struct Bench {
    tenant: Tenant,
    token: String,
}

impl Bench {
    fn new(config: SimulatorConfig) -> Self {
        let mut tenant = Tenant::new(config);
        let token = token(&mut tenant, START_MS, "worker-1", "secret-1", ALL_SCOPES);
        Self { tenant, token }
    }

    fn post(&mut self, now_ms: u64, key: &str, body: &Value) -> HttpAnswer {
        answer(self.tenant.handle(now_ms, &Request::create_contact(&self.token, key, body)))
    }

    fn attributes(&mut self, now_ms: u64) -> HttpAnswer {
        answer(self.tenant.handle(now_ms, &Request::attributes(&self.token)))
    }
}

fn token(tenant: &mut Tenant, now_ms: u64, client_id: &str, secret: &str, scope: &str) -> String {
    let answer = answer(tenant.handle(now_ms, &Request::token(client_id, secret, scope)));
    answer.json_body()["access_token"].as_str().unwrap().to_owned()
}

fn token_error(form: &[(&str, &str)]) -> (u16, String) {
    let form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = answer(Tenant::new(config()).handle(START_MS, &Request { bearer: None, call: Call::Token { form } }));
    assert!(answer.json_body()["error_description"].is_string());
    (answer.status, answer.json_body()["error"].as_str().unwrap().to_owned())
}

#[test]
fn a_token_answer_states_lifetime_and_scope() {
    let answer =
        answer(Tenant::new(config()).handle(START_MS, &Request::token("worker-1", "secret-1", "routing:queues:read")));
    let body = answer.json_body();
    assert_eq!((answer.status, &body["expires_in"], &body["token_type"]), (200, &json!(3600), &json!("Bearer")));
    assert_eq!(body["scope"], "routing:queues:read");
    assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
}

#[test]
fn a_token_can_be_opaque_and_its_lifetime_unstated() {
    let mut settings = config();
    settings.tokens.format = TokenFormat::Opaque;
    settings.tokens.state_expires_in = false;
    let body =
        answer(Tenant::new(settings).handle(START_MS, &Request::token("worker-1", "secret-1", ALL_SCOPES))).json_body();
    assert!(!body["access_token"].as_str().unwrap().contains('.'));
    assert_eq!(body.get("expires_in"), None);
}

#[test]
fn a_wrong_secret_or_client_is_an_invalid_client() {
    let form = |id, secret| {
        token_error(&[
            ("client_id", id),
            ("client_secret", secret),
            ("grant_type", "client_credentials"),
            ("scope", ALL_SCOPES),
        ])
    };
    assert_eq!(form("worker-1", "secret-2"), (401, "invalid_client".to_owned()));
    assert_eq!(form("worker-9", "secret-1"), (401, "invalid_client".to_owned()));
}

#[test]
fn a_bad_token_form_is_named() {
    let id = ("client_id", "worker-1");
    let secret = ("client_secret", "secret-1");
    let grant = ("grant_type", "client_credentials");
    let scope = ("scope", ALL_SCOPES);
    assert_eq!(token_error(&[id, secret, grant]).1, "invalid_request");
    assert_eq!(token_error(&[id, id, secret, grant, scope]).1, "invalid_request");
    assert_eq!(token_error(&[id, secret, ("grant_type", "password"), scope]).1, "unsupported_grant_type");
    assert_eq!(token_error(&[id, secret, grant, ("scope", "routing:everything")]), (400, "invalid_scope".to_owned()));
}

#[test]
fn a_client_may_hold_several_tokens() {
    let mut bench = Bench::new(config());
    let second = token(&mut bench.tenant, START_MS, "worker-1", "secret-1", ALL_SCOPES);
    assert_ne!(bench.token, second);
    assert_eq!(bench.attributes(START_MS).status, 200);
    bench.token = second;
    assert_eq!(bench.attributes(START_MS).status, 200);
    assert_eq!(bench.tenant.tokens().len(), 2);
}

#[test]
fn a_token_is_refused_from_the_moment_it_expires() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.attributes(START_MS + HOUR_MS - 1).status, 200);
    assert_eq!(bench.attributes(START_MS + HOUR_MS).status, 401);
}

#[test]
fn a_revoked_or_unknown_or_absent_token_is_refused_and_counts_nowhere() {
    let mut bench = Bench::new(config());
    bench.tenant.revoke_tokens();
    assert_eq!(bench.attributes(START_MS).status, 401);
    bench.token = "made-up".to_owned();
    assert_eq!(bench.attributes(START_MS).status, 401);
    let anonymous = Request { bearer: None, call: Call::Attributes };
    assert_eq!(answer(bench.tenant.handle(START_MS, &anonymous)).status, 401);
    assert_eq!(bench.tenant.busiest_window("worker-1"), 0);
}

#[test]
fn each_endpoint_wants_its_own_scope() {
    let mut bench = Bench::new(config());
    bench.token = token(&mut bench.tenant, START_MS, "worker-1", "secret-1", "routing:contacts:write");
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 201);
    assert_eq!(bench.attributes(START_MS).status, 403);
    assert_eq!(answer(bench.tenant.handle(START_MS, &Request::queue_health(&bench.token, "q-1"))).status, 403);
    bench.token = token(&mut bench.tenant, START_MS, "worker-1", "secret-1", "contacts:attributes:read");
    assert_eq!(bench.post(START_MS, &key(2), &contact()).status, 403);
}

#[test]
fn a_created_contact_is_answered_in_the_contracts_form_and_takes_a_place() {
    let mut bench = Bench::new(config());
    let answer = bench.post(START_MS, &key(1), &contact());
    let created = &bench.tenant.contacts()[0];
    let expected = json!({
        "id": created.id, "status": "queued", "queueId": "q-1", "priority": 750,
        "createdTime": "2024-05-15T14:30:00.000Z"
    });
    assert_eq!((answer.status, answer.json_body()), (201, expected));
    assert_eq!(created.attribute("string:externalSource"), Some(&json!("CRM")));
    assert_eq!(bench.tenant.queue("q-1").unwrap().capacity, Some(1));
}

#[test]
fn a_repeated_key_returns_the_original_contact_whoever_sends_it() {
    let mut bench = Bench::new(config());
    let original = bench.post(START_MS, &key(1), &contact());
    let other = token(&mut bench.tenant, START_MS, "worker-2", "secret-2", ALL_SCOPES);
    let replay = answer(
        bench.tenant.handle(START_MS + 1_000, &Request::create_contact(&other, &key(1), &with("priority", json!(1)))),
    );
    assert_eq!(replay, original);
    let created = bench.tenant.contacts();
    assert_eq!((created.len(), created[0].replays, created[0].conflicting_replays), (1, 1, 1));
}

#[test]
fn a_key_is_the_same_in_upper_case() {
    let mut bench = Bench::new(config());
    bench.post(START_MS, "7f1c6f0e-0000-4000-8000-00000000000a", &contact());
    bench.post(START_MS, "7F1C6F0E-0000-4000-8000-00000000000A", &contact());
    assert_eq!(bench.tenant.contacts().len(), 1);
    assert_eq!(bench.tenant.contacts()[0].conflicting_replays, 0);
}

#[test]
fn a_key_is_forgotten_after_24_hours() {
    let mut settings = config();
    settings.tokens.lifetime_seconds = 2 * 24 * 3600;
    let mut bench = Bench::new(settings);
    let first = bench.post(START_MS, &key(1), &contact());
    assert_eq!(bench.post(START_MS + IDEMPOTENCY_RETENTION_MS - 1, &key(1), &contact()), first);
    assert_ne!(bench.post(START_MS + IDEMPOTENCY_RETENTION_MS, &key(1), &contact()), first);
    assert_eq!(bench.tenant.contacts_by_key(key(1).parse().unwrap()).len(), 2);
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.post(START_MS, &key(1), &with("priority", json!(1000))).status, 400);
    assert_eq!(bench.post(START_MS, &key(1), &with("queueId", json!("q-9"))).status, 404);
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 201);
}

#[test]
fn a_key_must_be_a_hyphenated_uuid() {
    let mut bench = Bench::new(config());
    for bad in ["", "event-1", "7f1c6f0e000040008000000000000001", "{7f1c6f0e-0000-4000-8000-000000000001}"] {
        assert_eq!(bench.post(START_MS, bad, &contact()).json_body()["error"], "invalid_idempotency_key", "{bad}");
    }
}

#[test]
fn an_invalid_payload_names_the_rule() {
    let mut bench = Bench::new(config());
    let answer = bench.post(START_MS, &key(1), &with("attributes", json!({"externalSource": "CRM"})));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json_body()["violations"][0]["rule"], "attribute-prefix");
    assert_eq!(answer.json_body()["violations"][0]["pointer"], "/attributes/externalSource");
}

#[test]
fn a_body_that_is_no_json_or_not_declared_so_is_refused() {
    let mut bench = Bench::new(config());
    let mut post = |media_type: &str, body: &str| {
        let call = Call::CreateContact {
            key: Some(key(1)),
            media_type: Some(media_type.to_owned()),
            body: body.as_bytes().to_vec(),
        };
        answer(bench.tenant.handle(START_MS, &Request { bearer: Some(bench.token.clone()), call })).status
    };
    assert_eq!(post("application/json", "{"), 400);
    assert_eq!(post("text/plain", &contact().to_string()), 400);
    assert_eq!(post("application/json; charset=utf-8", &contact().to_string()), 201);
}

#[test]
fn a_long_string_is_refused_or_cut_in_silence_as_configured() {
    let long = with("attributes", json!({"string:notes": "ü".repeat(300)}));
    assert_eq!(Bench::new(config()).post(START_MS, &key(1), &long).status, 400);
    let mut lenient = Bench::new(SimulatorConfig { oversized_strings: OversizedStrings::Truncate, ..config() });
    assert_eq!(lenient.post(START_MS, &key(1), &long).status, 201);
    assert_eq!(lenient.tenant.contacts()[0].attribute("string:notes"), Some(&json!("ü".repeat(255))));
}

#[test]
fn a_saturated_queue_turns_contacts_away_until_it_is_drained() {
    let mut settings = config();
    settings.queues = vec![Queue::open("q-1").with_max_capacity(1)];
    let mut bench = Bench::new(settings);
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 201);
    let refused = bench.post(START_MS, &key(2), &contact());
    assert_eq!((refused.status, &refused.json_body()["threshold"]), (409, &json!("capacity")));
    assert_eq!(bench.tenant.contacts().len(), 1);
    assert_eq!(bench.tenant.complete("q-1", 5), 1);
    assert_eq!(bench.tenant.contacts()[0].status, ContactStatus::Completed);
    assert_eq!(bench.post(START_MS, &key(2), &contact()).status, 201);
}

#[test]
fn a_saturated_queue_can_create_and_lose_and_the_key_keeps_that_answer() {
    let mut settings = config();
    settings.queues = vec![Queue::full("q-1").with_on_saturation(OnSaturation::Abandoned)];
    let mut bench = Bench::new(settings);
    let lost = bench.post(START_MS, &key(1), &contact());
    assert_eq!((lost.status, &lost.json_body()["status"]), (201, &json!("abandoned")));
    assert_eq!(bench.tenant.queue("q-1").unwrap().capacity, Some(100));
    bench.tenant.put_queue(Queue::open("q-1"));
    assert_eq!(bench.post(START_MS, &key(1), &contact()), lost);
    assert_eq!(bench.post(START_MS, &key(2), &contact()).json_body()["status"], "queued");
}

#[test]
fn a_contact_for_an_unknown_skill_is_created_and_fails() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.post(START_MS, &key(1), &by_skill("sk-billing")).json_body()["status"], "queued");
    assert_eq!(bench.post(START_MS, &key(2), &by_skill("sk-unknown")).json_body()["status"], "failed");
    assert_eq!(bench.tenant.contacts()[1].queue_id(), None);
}

#[test]
fn a_contact_lost_later_frees_its_place_and_keeps_its_original_answer() {
    let mut bench = Bench::new(config());
    let original = bench.post(START_MS, &key(1), &contact());
    let id = bench.tenant.contacts()[0].id.clone();
    assert!(bench.tenant.set_contact_status(&id, ContactStatus::Abandoned));
    assert_eq!(bench.tenant.queue("q-1").unwrap().capacity, Some(0));
    assert_eq!(bench.post(START_MS, &key(1), &contact()), original);
}

#[test]
fn every_authenticated_request_counts_whatever_its_answer() {
    let rate_limit = RateLimit { limit: 3, ..RateLimit::default() };
    let mut bench = Bench::new(SimulatorConfig { rate_limit, ..config() });
    let unknown = Request::queue_health(&bench.token, "q-9");
    assert_eq!(answer(bench.tenant.handle(START_MS, &unknown)).status, 404);
    assert_eq!(bench.post(START_MS, "no-uuid", &contact()).status, 400);
    assert_eq!(bench.attributes(START_MS).status, 200);
    let refused = bench.attributes(START_MS + 500);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")));
    assert_eq!(bench.tenant.busiest_window("worker-1"), 4);
    assert_eq!(bench.tenant.count_of_status(429), 1);
}

#[test]
fn windows_are_kept_per_client_and_tokens_are_free() {
    let rate_limit = RateLimit { limit: 1, ..RateLimit::default() };
    let mut bench = Bench::new(SimulatorConfig { rate_limit, ..config() });
    assert_eq!(bench.attributes(START_MS).status, 200);
    bench.token = token(&mut bench.tenant, START_MS, "worker-1", "secret-1", ALL_SCOPES);
    assert_eq!(bench.attributes(START_MS).status, 429);
    bench.token = token(&mut bench.tenant, START_MS, "worker-2", "secret-2", ALL_SCOPES);
    assert_eq!(bench.attributes(START_MS).status, 200);
}

#[test]
fn a_429_creates_nothing_and_the_key_stays_free() {
    let rate_limit = RateLimit { limit: 1, ..RateLimit::default() };
    let mut bench = Bench::new(SimulatorConfig { rate_limit, ..config() });
    bench.attributes(START_MS);
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 429);
    assert!(bench.tenant.contacts().is_empty());
    assert_eq!(bench.post(START_MS + 60_001, &key(1), &contact()).status, 201);
}

#[test]
fn a_removed_clients_tokens_are_refused_and_a_rotated_secret_leaves_them() {
    let mut bench = Bench::new(config());
    bench.tenant.put_client(ClientConfig::new("worker-1", "rotated"));
    assert_eq!(bench.attributes(START_MS).status, 200);
    bench.tenant.config_mut().clients.clear();
    assert_eq!(bench.attributes(START_MS).status, 401);
}

#[test]
fn debug_shows_no_token() {
    let bench = Bench::new(config());
    assert!(!format!("{:?}", bench.tenant).contains(&bench.token));
}

#[test]
fn the_summary_adds_up() {
    let mut bench = Bench::new(config());
    bench.post(START_MS, &key(1), &contact());
    bench.post(START_MS, &key(1), &contact());
    bench.post(START_MS, &key(2), &by_skill("sk-unknown"));
    let summary = bench.tenant.summary();
    assert_eq!((summary.contacts, summary.replays), (2, 1));
    assert_eq!(summary.contacts_by_status["failed"], 1);
    assert_eq!(summary.requests_by_status["201"], 3);
    assert_eq!(summary.busiest_window_by_client["worker-1"], 3);
    assert_eq!(summary.tokens_by_client["worker-1"], 1);
}

#[test]
fn attributes_that_cxone_would_ignore_are_listed() {
    let mut settings = config();
    settings.attributes.push(AttributeDefinition::new(AttributeType::String, "notes").with_max_length(4));
    let mut bench = Bench::new(settings);
    let attributes = json!({"string:externalSource": "CRM", "string:ExternalSource": "CRM", "string:notes": "five!", "number:notes": 5});
    assert_eq!(bench.post(START_MS, &key(1), &with("attributes", attributes)).status, 201);
    let ignored: Vec<&str> = bench.tenant.ignored_attributes().into_iter().map(|(_, key)| key).collect();
    assert_eq!(ignored, ["number:notes", "string:ExternalSource", "string:notes"]);
}
