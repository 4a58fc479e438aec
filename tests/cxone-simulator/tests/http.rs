//! The simulator over real connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its set-up too")]

use std::sync::{Arc, Once};
use std::time::Duration;

use cxone_simulator::{
    ContactStatus, Effect, Endpoint, Fault, MalformedBody, Queue, RequestRecord, Simulator, SimulatorConfig,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

const KEY: &str = "7f1c6f0e-0000-4000-8000-000000000001";
const SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";

fn config() -> SimulatorConfig {
    SimulatorConfig::default().with_client("worker-1", "secret-1").with_queue(Queue::open("q-1"))
}

fn http() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Client::builder().redirect(Policy::none()).retry(reqwest::retry::never()).build().unwrap()
}

fn contact() -> Value {
    json!({
        "type": "contact", "channel": "voice", "queueId": "q-1", "priority": 750,
        "from": "+15550100001", "to": "+15550201234", "attributes": {"number:orderValue": 12.5}
    })
}

/// A simulator, an HTTP client and a token.
struct Caller {
    simulator: Simulator,
    http: Client,
    token: String,
}

impl Caller {
    async fn new(config: SimulatorConfig) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let http = http();
        let body: Value = token(&simulator, &http).await.json().await.unwrap();
        let token = body["access_token"].as_str().unwrap().to_owned();
        Self { simulator, http, token }
    }

    async fn post(&self) -> reqwest::Result<Response> {
        let url = format!("{}/api/v2/routing/contacts", self.simulator.url());
        let request = self.http.post(url).bearer_auth(&self.token).header("X-Idempotency-Key", KEY);
        request.json(&contact()).send().await
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.simulator.url());
        self.http.get(url).bearer_auth(&self.token).send().await.unwrap()
    }
}

async fn token(simulator: &Simulator, http: &Client) -> Response {
    let form = [
        ("client_id", "worker-1"),
        ("client_secret", "secret-1"),
        ("grant_type", "client_credentials"),
        ("scope", SCOPES),
    ];
    http.post(format!("{}/oauth/token", simulator.url())).form(&form).send().await.unwrap()
}

/// Waits for what another task is about to bring about.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_contact_is_created_and_its_queue_shows_it() {
    let caller = Caller::new(config()).await;
    let answer = caller.post().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["id"], json!(caller.simulator.contacts()[0].id));
    let health: Value = caller.get("/api/v2/routing/queues/q-1").await.json().await.unwrap();
    assert_eq!((&health["capacity"], &health["thresholds"]["maxCapacity"]), (&json!(1), &json!(100)));
    let schema: Value = caller.get("/api/v2/contacts/attributes").await.json().await.unwrap();
    assert_eq!(schema, json!({"attributes": []}));
}

#[tokio::test]
async fn an_answer_is_timed_from_its_request_on() {
    let caller = Caller::new(config()).await;
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::Delay { milliseconds: 30 }));
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::ResetAfter).skipping(1));
    caller.post().await.unwrap();
    assert!(caller.post().await.is_err());
    let latencies: Vec<_> = caller.simulator.requests().iter().map(RequestRecord::latency_ms).collect();
    assert!(matches!(latencies[..], [Some(_), Some(30..), None]), "{latencies:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_404_and_counts() {
    let caller = Caller::new(config()).await;
    assert_eq!(caller.get("/api/v2/routing/contacts").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(caller.get("/nowhere").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(caller.simulator.busiest_window("worker-1"), 2);
}

#[tokio::test]
async fn a_token_request_that_is_no_form_is_an_invalid_request() {
    let simulator = Simulator::start(config()).await.unwrap();
    let url = format!("{}/oauth/token", simulator.url());
    let answer = http().post(url).json(&json!({"client_id": "worker-1"})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "invalid_request");
}

#[tokio::test]
async fn a_reset_is_a_connection_error_and_the_next_request_works() {
    for (effect, created) in [(Effect::ResetBefore, 0), (Effect::ResetAfter, 1)] {
        let caller = Caller::new(config()).await;
        caller.simulator.add_fault(Fault::once(Endpoint::Contacts, effect));
        let error = caller.post().await.unwrap_err();
        assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");
        assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
        assert_eq!(caller.simulator.contacts().len(), created);
        assert_eq!(caller.post().await.unwrap().status(), StatusCode::CREATED);
        assert_eq!(caller.simulator.contacts().len(), 1);
    }
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_gives_up() {
    let caller = Caller::new(config()).await;
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::HangAfter { milliseconds: 60_000 }));
    tokio::select! {
        answer = caller.post() => panic!("answered: {answer:?}"),
        () = until(|| caller.simulator.contacts().len() == 1) => {}
    }
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(caller.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn concurrent_requests_under_one_key_create_one_contact() {
    let caller = Arc::new(Caller::new(config()).await);
    let posts: Vec<_> = (0..40)
        .map(|_| {
            let caller = Arc::clone(&caller);
            tokio::spawn(async move { caller.post().await.unwrap().json::<Value>().await.unwrap()["id"].clone() })
        })
        .collect();
    for post in posts {
        assert_eq!(post.await.unwrap(), json!(caller.simulator.contacts()[0].id));
    }
    assert_eq!(caller.simulator.contacts().len(), 1);
    assert_eq!(caller.simulator.summary().replays, 39);
}

#[tokio::test]
async fn a_hang_is_bounded_by_a_reset() {
    let caller = Caller::new(config()).await;
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::HangBefore { milliseconds: 20 }));
    assert!(caller.post().await.is_err());
    assert!(caller.simulator.contacts().is_empty());
}

#[tokio::test]
async fn a_malformed_answer_reaches_the_client_as_a_201() {
    let caller = Caller::new(config()).await;
    let effect = Effect::Malformed { body: MalformedBody::TruncatedJson };
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, effect));
    let answer = caller.post().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(answer.json::<Value>().await.is_err());
}

#[tokio::test]
async fn a_status_that_http_cannot_carry_is_shown_to_the_test() {
    let caller = Caller::new(config()).await;
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::status(1_234)));
    let answer = caller.post().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().await.unwrap().contains("injected fault"));
}

#[tokio::test]
async fn an_hour_passes_when_the_clock_is_advanced() {
    let caller = Caller::new(SimulatorConfig { manual_clock_milliseconds: Some(1_000), ..config() }).await;
    caller.simulator.clock().advance(Duration::from_hours(1));
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_dropped_simulator_frees_its_port_even_while_a_request_hangs() {
    let caller = Caller::new(config()).await;
    caller.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::HangBefore { milliseconds: 60_000 }));
    let address = caller.simulator.address();
    let Caller { simulator, http, token } = caller;
    let request = http.post(format!("{}/api/v2/routing/contacts", simulator.url())).bearer_auth(token);
    let hanging = tokio::spawn(request.header("X-Idempotency-Key", KEY).json(&contact()).send());
    until(|| simulator.requests().len() == 2).await;
    drop(simulator);
    assert!(hanging.await.unwrap().is_err());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = Simulator::start(config()).await.unwrap();
    let second = Simulator::start(SimulatorConfig { port: first.address().port(), ..config() }).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn the_admin_endpoints_ask_and_change_the_tenant() {
    let caller = Caller::new(config()).await;
    let admin = |path: &str| format!("{}/_simulator/{path}", caller.simulator.url());
    let no_content = |answer: Response| assert_eq!(answer.status(), StatusCode::NO_CONTENT);

    let fault = json!({"endpoint": "contacts", "effect": {"type": "lost", "status": "abandoned"}});
    no_content(caller.http.post(admin("faults")).json(&fault).send().await.unwrap());
    caller.post().await.unwrap();
    assert_eq!(caller.simulator.contacts()[0].status, ContactStatus::Abandoned);

    let misspelt = json!([fault, {"endpoint": "contacts", "effect": {"type": "reset"}}]);
    let refused = caller.http.post(admin("faults")).json(&misspelt).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("unknown variant `reset`"));
    assert_eq!(caller.simulator.summary().pending_faults, 0);

    let full = json!({"capacity": 3, "thresholds": {"maxCapacity": 3}});
    no_content(caller.http.put(admin("queues/q-2")).json(&full).send().await.unwrap());
    let completed = caller.http.post(admin("queues/q-2/complete")).json(&json!({"count": 2})).send().await.unwrap();
    assert_eq!(completed.json::<Value>().await.unwrap(), json!({"completed": 2}));

    let attributes = json!([{"key": "string:notes", "type": "string", "maxLength": 40}]);
    no_content(caller.http.put(admin("attributes")).json(&attributes).send().await.unwrap());
    let schema: Value = caller.get("/api/v2/contacts/attributes").await.json().await.unwrap();
    assert_eq!(schema["attributes"], attributes);

    let summary: Value = caller.http.get(admin("summary")).send().await.unwrap().json().await.unwrap();
    assert_eq!(summary["contactsByStatus"], json!({"abandoned": 1}));
    let contacts: Value = caller.http.get(admin("contacts")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&contacts[0]["idempotencyKey"], &contacts[0]["request"]), (&json!(KEY), &contact()));
    let tokens: Value = caller.http.get(admin("tokens")).send().await.unwrap().json().await.unwrap();
    assert_eq!(tokens, json!({"worker-1": 1}));
    let requests: Value = caller.http.get(admin("requests")).send().await.unwrap().json().await.unwrap();
    assert_eq!(requests.as_array().unwrap().len(), 3);

    let advance = json!({"milliseconds": 3_600_000});
    assert!(caller.http.post(admin("clock/advance")).json(&advance).send().await.unwrap().status().is_success());
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    no_content(caller.http.put(admin("clients")).json(&json!([])).send().await.unwrap());
    assert_eq!(token(&caller.simulator, &caller.http).await.status(), StatusCode::UNAUTHORIZED);
}
