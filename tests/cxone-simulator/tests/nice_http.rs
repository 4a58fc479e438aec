//! The second face over real connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its set-up too")]

use std::sync::Once;
use std::time::Duration;

use cxone_simulator::nice::{
    AccessKey, Channel, Config, CustomField, Effect, Endpoint, Fault, PointOfContact, Rule, Simulator, Skill, TextForm,
};
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const SERVICES: &str = "/inContactAPI/services/v34.0";

fn config() -> Config {
    Config::default()
        .with_access_key(AccessKey::new("key-1", "secret====").with_client("app", "hush"))
        .with_point_of_contact(PointOfContact::new(123_456, "Orders", 4012))
        .with_skill(Skill::open(4012))
}

fn http() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Client::builder().redirect(Policy::none()).retry(reqwest::retry::never()).build().unwrap()
}

async fn grant(http: &Client, token_endpoint: &str) -> Response {
    let form = [("grant_type", "password"), ("username", "key-1"), ("password", "secret====")];
    http.post(token_endpoint).basic_auth("app", Some("hush")).form(&form).send().await.unwrap()
}

/// A simulator, an HTTP client and what discovery and a grant told it.
struct Caller {
    simulator: Simulator,
    http: Client,
    api: String,
    token: String,
}

impl Caller {
    /// Finds everything from the issuer alone, as a client does.
    async fn new(config: Config) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let http = http();
        let tenant_id = simulator.tenant().config().tenant_id;
        let well_known = |name: &str| format!("{}/.well-known/{name}", simulator.url());
        let read = async |url: String| http.get(url).send().await.unwrap().json::<Value>().await.unwrap();
        let openid = read(well_known("openid-configuration")).await;
        let granted: Value = grant(&http, openid["token_endpoint"].as_str().unwrap()).await.json().await.unwrap();
        let found = read(well_known(&format!("cxone-configuration?tenantId={tenant_id}"))).await;
        let (api, token) = (found["api_endpoint"].as_str().unwrap(), granted["access_token"].as_str().unwrap());
        Self { api: format!("{api}{SERVICES}"), token: token.to_owned(), simulator, http }
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.token).header(ACCEPT, "application/json")
    }

    async fn post(&self) -> reqwest::Result<Response> {
        let item = json!({ "pointOfContact": "123456 - Orders", "workItemID": "k-1", "workItemPayload": "{}" });
        self.authorized(self.http.post(format!("{}/interactions/work-items", self.api))).json(&item).send().await
    }

    async fn get(&self, path: &str) -> Response {
        self.authorized(self.http.get(format!("{}{path}", self.api))).send().await.unwrap()
    }

    fn order(&self, effect: Effect) {
        self.simulator.add_fault(Fault::once(Endpoint::WorkItems, effect));
    }
}

#[tokio::test]
async fn a_work_item_is_made_and_its_skill_and_contact_show_it() {
    let caller = Caller::new(config()).await;
    let answer = caller.post().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let made = &caller.simulator.creations()[0];
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "contactId": made.contact_id }));
    let activity: Value = caller.get("/skills/activity").await.json().await.unwrap();
    assert_eq!(activity["skillActivity"][0]["queueCount"], 1);
    let contact: Value = caller.get(&format!("/contacts/{}", made.contact_id)).await.json().await.unwrap();
    assert_eq!(contact["contactId"]["pointOfContactName"], "Orders");
    assert_eq!(caller.simulator.tenant().busiest_window("key-1"), 3);
    assert!(caller.simulator.violations().is_empty());
}

#[tokio::test]
async fn each_encoding_and_an_encoded_name_arrive_as_they_were_meant() {
    let caller = Caller::new(config()).await;
    let url = format!("{}/interactions/work-items", caller.api);
    let item = [("pointOfContact", "123456 - Orders"), ("workItemID", "a+b=c"), ("from", "+15550100001")];
    let form = caller.authorized(caller.http.post(&url)).form(&item).send().await.unwrap();
    let query = format!("{url}?pointOfContact=123456%20-%20Orders&workItemID=a%2Bb%3Dc&from=%2B15550100001");
    let query = caller.authorized(caller.http.post(query)).header("content-type", "application/json");
    assert_eq!([form.status(), query.send().await.unwrap().status()], [StatusCode::ACCEPTED; 2]);
    for made in caller.simulator.creations() {
        assert_eq!((made.key.as_str(), made.from.as_deref()), ("a+b=c", Some("+15550100001")));
    }
}

#[tokio::test]
async fn a_message_is_made_and_found_by_brackets_plain_and_encoded() {
    let caller = Caller::new(config().with_channel(Channel::new("chat_0B7c", "Chat"))).await;
    let message = json!({
        "idOnExternalPlatform": "k 1", "direction": "inbound", "thread": { "idOnExternalPlatform": "k 1" },
        "messageContent": { "type": "TEXT", "payload": { "text": "Hello" } },
        "createdAtWithMilliseconds": "2024-05-15T14:30:00.123Z",
        "authorEndUserIdentity": { "idOnExternalPlatform": "customer-1" },
    });
    let digital = format!("{}/dfo/3.0", caller.simulator.url());
    let post = caller.authorized(caller.http.post(format!("{digital}/channels/chat_0B7c/messages"))).json(&message);
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let made = &caller.simulator.creations()[0];
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["consumerContact"]["id"], json!(made.contact_id.to_string()));
    let plain = "idOnExternalPlatform[]=k+1&channel[]=chat_0B7c";
    let encoded = "idOnExternalPlatform%5B%5D=k%201&channel%5B%5D=chat_0B7c";
    for query in [plain, encoded] {
        let search = caller.authorized(caller.http.get(format!("{digital}/messages?{query}"))).send().await.unwrap();
        assert_eq!(search.json::<Value>().await.unwrap(), json!({ "hits": 1, "data": [answer["message"]] }));
    }
    let priority = caller.authorized(caller.http.put(format!("{digital}/contacts/{}", made.contact_id)));
    let priority = priority.json(&json!({ "routingQueuePriority": 7 })).send().await.unwrap();
    assert_eq!(priority.status(), StatusCode::NO_CONTENT);
    assert_eq!(caller.simulator.creations()[0].priority, Some(7));
    assert!(caller.simulator.violations().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_a_connection_error_and_its_contact_exists() {
    for (effect, made) in [(Effect::ResetBefore, 0), (Effect::ResetAfter, 1)] {
        let caller = Caller::new(config()).await;
        caller.order(effect);
        let error = caller.post().await.unwrap_err();
        assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
        assert_eq!(caller.simulator.creations().len(), made);
    }
}

#[tokio::test]
async fn silence_lasts_until_the_client_gives_up() {
    let caller = Caller::new(config()).await;
    caller.order(Effect::HangAfter { milliseconds: 60_000 });
    tokio::select! {
        answer = caller.post() => panic!("answered: {answer:?}"),
        () = caller.simulator.until(|tenant| tenant.creations().len() == 1) => {}
    }
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(caller.simulator.summary().keys_with_twins, 1);
}

#[tokio::test]
async fn a_kept_connection_closed_under_a_post_ends_it_without_an_answer_or_a_reset() {
    let caller = Caller::new(config()).await;
    caller.order(Effect::CloseReused);
    // A client may open a new connection while it puts the old one back; that one isn't closed under it.
    let mut made = 0;
    let error = loop {
        match caller.post().await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert!(format!("{error:?}").contains("IncompleteMessage"), "{error:?}");
    assert_eq!(caller.simulator.creations().len(), made);
    assert!(caller.simulator.requests().last().unwrap().closed);
    caller.order(Effect::CloseReused);
    let fresh = Caller { http: http(), ..caller };
    assert_eq!(fresh.post().await.unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(fresh.simulator.tenant().pending_faults().len(), 1);
}

#[tokio::test]
async fn a_text_in_the_header_alone_arrives_under_its_name() {
    let caller = Caller::new(config()).await;
    caller.order(Effect::point_of_contact(TextForm::StatusDescription));
    let answer = caller.post().await.unwrap();
    let text = answer.headers()["icStatusDescription"].to_str().unwrap().to_owned();
    assert_eq!((answer.status(), text.starts_with("Point of contact")), (StatusCode::BAD_REQUEST, true));
    assert_eq!(answer.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_token_expires_when_the_clock_is_advanced() {
    let caller = Caller::new(Config { manual_clock_milliseconds: Some(1_000), ..config() }).await;
    let dated = caller.get("/server-time").await;
    assert_eq!(dated.headers()["date"], "Thu, 01 Jan 1970 00:00:01 GMT");
    caller.simulator.clock().advance(Duration::from_hours(1));
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(caller.simulator.violations()[0].rule, Rule::ExpiredToken);
}

#[tokio::test]
async fn a_dropped_simulator_frees_its_port_even_while_a_request_hangs() {
    let Caller { simulator, http, api, token } = Caller::new(config()).await;
    simulator.add_fault(Fault::once(Endpoint::ServerTime, Effect::HangBefore { milliseconds: 60_000 }));
    let address = simulator.address();
    let hanging = tokio::spawn(http.get(format!("{api}/server-time")).bearer_auth(token).send());
    simulator.until(|tenant| tenant.requests().len() == 4).await;
    drop(simulator);
    assert!(hanging.await.unwrap().is_err());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn the_admin_endpoints_ask_and_change_the_business_unit() {
    let caller = Caller::new(config()).await;
    let admin = |path: &str| format!("{}/_simulator/{path}", caller.simulator.url());
    let ask = async |path: &str| caller.http.get(admin(path)).send().await.unwrap().json::<Value>().await.unwrap();
    let no_content = |answer: Response| assert_eq!(answer.status(), StatusCode::NO_CONTENT);

    let fault = json!({"endpoint": "work-items", "effect": {"type": "answer", "status": 202, "processed": true}});
    no_content(caller.http.post(admin("faults")).json(&fault).send().await.unwrap());
    assert_eq!(ask("faults").await[0]["effect"]["status"], 202);
    assert_eq!(caller.post().await.unwrap().text().await.unwrap(), "");
    let misspelt = json!([fault, {"endpoint": "work-items", "effect": {"type": "reset"}}]);
    let refused = caller.http.post(admin("faults")).json(&misspelt).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    no_content(caller.http.delete(admin("faults")).send().await.unwrap());

    let skill = json!({"isActive": false, "queueCount": 3});
    no_content(caller.http.put(admin("skills/4012")).json(&skill).send().await.unwrap());
    let completed = caller.http.post(admin("skills/4012/complete")).json(&json!({"count": 2})).send().await.unwrap();
    assert_eq!(completed.json::<Value>().await.unwrap(), json!({"completed": 2}));
    assert_eq!(ask("skills/4012").await["queueCount"], 1);
    assert_eq!(ask("creations").await[0]["key"], "k-1");
    assert_eq!(ask("contacts").await, ask("creations").await);
    assert_eq!(ask("tokens").await, json!({"key-1": 1}));

    let channels = json!([Channel::new("chat_1", "Chat")]);
    no_content(caller.http.put(admin("channels")).json(&channels).send().await.unwrap());
    let fields = json!([{ "ident": "order" }]);
    no_content(caller.http.put(admin("custom-fields")).json(&fields).send().await.unwrap());
    assert_eq!(caller.simulator.tenant().config().channels, [Channel::new("chat_1", "Chat")]);
    assert_eq!(caller.simulator.tenant().config().custom_fields, [CustomField::text("order")]);

    no_content(caller.http.put(admin("points-of-contact")).json(&json!([])).send().await.unwrap());
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::BAD_REQUEST);
    no_content(caller.http.put(admin("access-keys")).json(&json!([])).send().await.unwrap());
    assert_eq!(caller.post().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ask("violations").await[1]["rule"], "revoked-token");
    let summary = ask("summary").await;
    assert_eq!((&summary["creations"], &summary["violations"], &summary["misuses"]), (&json!(1), &json!(2), &json!(0)));
    assert_eq!(ask("requests").await.as_array().unwrap().len(), 6);
    let advance = json!({"milliseconds": 3_600_000});
    assert!(caller.http.post(admin("clock/advance")).json(&advance).send().await.unwrap().status().is_success());
}
