//! Digital messages, the search for them, and what of them is refused.

use super::*;

mod reads;
mod refusals;

const CHANNEL: &str = "chat_0B7c";
const AUTHOR: &str = "customer-1";

fn digital() -> Config {
    config()
        .with_channel(Channel::new(CHANNEL, "Chat"))
        .with_channel(Channel::new("mail_1", "Mail"))
        .with_custom_field(CustomField::text("order"))
        .with_custom_field(CustomField { kind: FieldKind::Date, ..CustomField::text("due") })
        .with_custom_field(CustomField { kind: FieldKind::Email, ..CustomField::text("mail") })
        .with_custom_field(CustomField {
            kind: FieldKind::List,
            required: true,
            label: Some("Tier".to_owned()),
            values: vec!["gold".to_owned(), "silver".to_owned()],
            ..CustomField::text("tier")
        })
}

fn message(id: &str, thread: &str) -> Value {
    json!({
        "idOnExternalPlatform": id,
        "direction": "inbound",
        "thread": { "idOnExternalPlatform": thread },
        "messageContent": { "type": "TEXT", "payload": { "text": "Where is my order?" } },
        "createdAtWithMilliseconds": "2024-05-15T14:30:00.123Z",
        "authorEndUserIdentity": { "idOnExternalPlatform": AUTHOR },
    })
}

/// A message with custom fields of its contact.
fn with_fields(fields: &Value) -> Value {
    let mut body = message("m", "t");
    body["contact"] = json!({ "customFields": fields });
    body
}

impl Bench {
    fn at_digital(&self, method: &str, path: &str) -> Request {
        Request::new(method, &format!("/dfo/3.0{path}"))
            .with_header("authorization", &format!("Bearer {}", self.token))
            .with_header("accept", "application/json")
    }

    fn read_digital(&mut self, path: &str) -> HttpAnswer {
        let request = self.at_digital("GET", path);
        self.send(&request)
    }

    fn sent_over(&self, channel: &str, body: &Value) -> Request {
        let request = self.at_digital("POST", &format!("/channels/{channel}/messages"));
        request.with_body("application/json", body.to_string())
    }

    fn write(&mut self, body: &Value) -> HttpAnswer {
        let request = self.sent_over(CHANNEL, body);
        self.send(&request)
    }

    fn set_priority(&mut self, contact: &str, body: &Value) -> HttpAnswer {
        let request = self.at_digital("PUT", &format!("/contacts/{contact}"));
        self.send(&request.with_body("application/json", body.to_string()))
    }
}

/// Of an answer: its status, code and field at fault.
fn error(answer: &HttpAnswer) -> (u16, Value, Value) {
    let error = &answer.json_body()["errors"][0];
    (answer.status, error["errorCode"].clone(), error["field"].clone())
}

#[test]
fn a_message_makes_a_contact_and_is_answered_with_both() {
    let mut bench = Bench::new(digital());
    let body = with_fields(&json!([{ "ident": "order", "value": "4711" }]));
    let answer = bench.write(&body);
    let (contact, said) = (&answer.json_body()["consumerContact"], &answer.json_body()["message"]);
    assert_eq!((answer.status, &contact["id"]), (201, &json!("400000000001")));
    assert!(contact["contactId"].as_str().is_some_and(|id| uuid::Uuid::try_parse(id).is_ok()));
    assert_eq!((&contact["channelId"], &contact["threadIdOnExternalPlatform"]), (&json!(CHANNEL), &json!("t")));
    assert_eq!(contact["customFields"], json!([{ "ident": "order", "value": "4711" }]));
    assert_eq!((&contact["routingQueuePriority"], &contact["status"]), (&json!(0), &json!("new")));
    assert_eq!((&said["idOnExternalPlatform"], &said["contactNumber"]), (&json!("m"), &json!("400000000001")));
    assert_eq!((&said["channel"], &said["direction"]), (&json!({ "id": CHANNEL }), &json!("inbound")));
    assert_eq!((&said["createdAt"], said["id"].is_string()), (&json!("2024-05-15T14:30:00Z"), true));
    let made = &bench.tenant.creations()[0];
    assert_eq!((made.kind, made.key.as_str(), made.contact_id), (Kind::Digital, "m", 400_000_000_001));
    assert_eq!((made.channel_id.as_deref(), made.thread.as_deref()), (Some(CHANNEL), Some("t")));
    assert_eq!((made.messages, made.parameters.as_ref(), made.skill_id), (1, Some(&body), None));
    assert_eq!(bench.tenant.requests().last().unwrap().contact_id, Some(400_000_000_001));
    assert!(bench.broken().is_empty());
}

#[test]
fn a_message_may_hold_everything_that_is_known() {
    let mut body = message("m", "t");
    body["thread"]["threadName"] = json!("Orders");
    body["messageContent"]["fallbackText"] = json!("");
    body["messageContent"]["postback"] = json!("");
    for name in ["firstName", "lastName", "nickname", "image"] {
        body["authorEndUserIdentity"][name] = json!("x");
    }
    body["authorEndUserIdentity"]["customFields"] = json!([{ "ident": "any", "value": "" }]);
    body["recipients"] =
        json!([{ "idOnExternalPlatform": "shop", "name": "Shop", "isPrimary": true, "isPrivate": false }]);
    body["url"] = json!("https://a.example");
    body["tagIds"] = json!([1]);
    body["attachments"] = json!([]);
    body["externalAttributes"] = json!({});
    body["isReplyToSpecificMessage"] = json!(false);
    body["contact"] = json!({ "customFields": [] });
    let mut bench = Bench::new(digital());
    assert_eq!(bench.write(&body).status, 201);
    assert!(bench.broken().is_empty());
}

#[test]
fn a_message_of_an_open_thread_joins_its_contact() {
    let mut bench = Bench::new(digital());
    let first = bench.write(&with_fields(&json!([{ "ident": "order", "value": "1" }]))).json_body();
    let mut second = message("m-2", "t");
    second["contact"] = json!({ "customFields": [{ "ident": "tier", "value": "gold" }] });
    let second = bench.write(&second).json_body();
    assert_eq!(first["consumerContact"]["contactId"], second["consumerContact"]["contactId"]);
    let fields = json!([{ "ident": "order", "value": "1" }, { "ident": "tier", "value": "gold" }]);
    assert_eq!(second["consumerContact"]["customFields"], fields);
    assert_ne!(first["message"]["id"], second["message"]["id"]);
    assert_eq!(bench.tenant.requests().last().unwrap().contact_id, None);
    let made = bench.tenant.creations();
    assert_eq!((made.len(), made[0].messages, made[0].key.as_str()), (1, 2, "m"));
}

#[test]
fn another_thread_channel_or_an_ended_contact_makes_a_contact() {
    let mut bench = Bench::new(digital());
    bench.write(&message("m-1", "t"));
    bench.write(&message("m-2", "u"));
    let elsewhere = bench.sent_over("mail_1", &message("m-1", "t"));
    assert_eq!(bench.send(&elsewhere).status, 201);
    assert!(bench.tenant.complete_contact(400_000_000_001));
    assert_eq!(bench.write(&message("m-3", "t")).json_body()["consumerContact"]["id"], "400000000004");
    assert_eq!(bench.tenant.creations().len(), 4);
}

#[test]
fn a_repeated_message_is_a_second_message_of_one_contact() {
    let mut bench = Bench::new(digital());
    for _ in 0..2 {
        assert_eq!(bench.write(&message("m", "t")).status, 201);
    }
    let made = bench.tenant.creations();
    assert_eq!((made.len(), made[0].messages), (1, 2));
    assert_eq!(bench.tenant.summary().keys_with_twins, 0);
    assert_eq!(bench.read_digital("/messages?idOnExternalPlatform[]=m").json_body()["hits"], 2);
}

#[test]
fn a_repeated_message_under_another_thread_is_another_contact() {
    let mut bench = Bench::new(digital());
    bench.write(&message("m", "t"));
    bench.write(&message("m", "u"));
    assert_eq!((bench.tenant.creations().len(), bench.tenant.summary().keys_with_twins), (2, 1));
}

#[test]
fn a_repeated_message_can_be_a_conflict() {
    let mut bench = Bench::new(Config { duplicate_messages: DuplicateMessages::Conflict, ..digital() });
    assert_eq!(bench.write(&message("m", "t")).status, 201);
    let field = json!("idOnExternalPlatform");
    assert_eq!(error(&bench.write(&message("m", "t"))), (409, json!("conflict"), field));
    assert_eq!(bench.write(&message("m-2", "t")).status, 201);
    let elsewhere = bench.sent_over("mail_1", &message("m", "t"));
    assert_eq!(bench.send(&elsewhere).status, 201);
    let made = bench.tenant.creations();
    assert_eq!((made.len(), made[0].messages), (2, 2));
    assert!(bench.broken().is_empty());
}

#[test]
fn a_repeated_message_can_be_a_second_contact() {
    let mut bench = Bench::new(Config { duplicate_messages: DuplicateMessages::SecondContact, ..digital() });
    bench.write(&message("m", "t"));
    bench.write(&message("m", "t"));
    bench.write(&message("m-2", "t"));
    let made: Vec<_> = bench.tenant.creations().iter().map(|made| (&*made.key, made.messages)).collect();
    assert_eq!(made, [("m", 1), ("m", 2)]);
    assert_eq!(bench.tenant.summary().keys_with_twins, 1);
}

#[test]
fn a_priority_is_set_on_the_contact_and_shown_with_its_next_message() {
    let mut bench = Bench::new(digital());
    bench.write(&message("m", "t"));
    let set = bench.set_priority("400000000001", &json!({ "routingQueuePriority": 1000 }));
    assert_eq!((set.status, set.body.as_str()), (204, ""));
    assert_eq!(bench.tenant.creations()[0].priority, Some(1000));
    let next = bench.write(&message("m-2", "t")).json_body();
    assert_eq!(next["consumerContact"]["routingQueuePriority"], 1000);
    bench.post(&item("a"));
    for unknown in ["400000000002", "1"] {
        let refused = bench.set_priority(unknown, &json!({ "routingQueuePriority": 1 }));
        assert_eq!(error(&refused), (404, json!("not_found"), json!(null)));
    }
    assert!(bench.broken().is_empty());
}

#[test]
fn a_digital_contact_shows_among_the_contacts_by_the_same_counter() {
    let mut bench = Bench::new(digital());
    bench.post(&item("a"));
    bench.write(&message("m", "t"));
    let found = bench.get("/contacts/active?mediaTypeId=9&fromAddress=customer-1").json_body();
    let row = &found["activeContacts"][0];
    assert_eq!((&row["contactId"], &row["skillId"]), (&json!(400_000_000_002_u64), &json!(null)));
    assert_eq!((&row["toAddress"], &row["mediaTypeName"]), (&json!(CHANNEL), &json!("Digital")));
    assert!(bench.tenant.complete_contact(400_000_000_002));
    assert_eq!(bench.get("/contacts/completed?mediaTypeId=9").json_body()["totalRecords"], 1);
    let kinds = bench.tenant.summary().contacts_by_kind;
    assert_eq!(json!(kinds), json!({ "digital": 1, "work-item": 1 }));
}

#[test]
fn an_accepted_message_can_be_answered_with_anything() {
    for effect in [Effect::accepted_then(500), Effect::ResetAfter, Effect::HangAfter { milliseconds: 9 }] {
        let mut bench = Bench::new(digital());
        bench.tenant.add_fault(Fault::once(Endpoint::Messages, effect));
        let request = bench.sent_over(CHANNEL, &message("m", "t"));
        let outcome = bench.tenant.handle(START_MS, &request);
        assert_eq!(outcome.created.as_deref(), Some("400000000001"));
        assert!(!matches!(outcome.delivery, Delivery::Answer(HttpAnswer { status: 201, .. })));
        assert_eq!(bench.tenant.creations().len(), 1);
        assert_eq!(bench.read_digital("/messages?idOnExternalPlatform[]=m").json_body()["hits"], 1);
    }
}

#[test]
fn a_refused_or_lost_message_leaves_no_contact() {
    for effect in [Effect::bare(429), Effect::html(502), Effect::ResetBefore, Effect::CloseReused] {
        let mut bench = Bench::new(digital());
        bench.tenant.add_fault(Fault::once(Endpoint::Messages, effect));
        let request = bench.sent_over(CHANNEL, &message("m", "t"));
        let _ = bench.tenant.handle_over(Connection::Reused, START_MS, &request);
        assert_eq!((bench.tenant.creations().len(), bench.tenant.pending_faults().len()), (0, 0));
        assert_eq!(bench.read_digital("/messages").json_body()["hits"], 0);
    }
}

#[test]
fn any_member_of_an_answer_can_be_another_or_gone() {
    let mut bench = Bench::new(digital());
    let mut order = |endpoint, pointer, value| {
        bench.tenant.add_fault(Fault::once(endpoint, Effect::member(pointer, value)));
    };
    order(Endpoint::Messages, "/consumerContact", None);
    order(Endpoint::Messages, "/message", None);
    order(Endpoint::MessageSearch, "/hits", Some(json!(9)));
    order(Endpoint::MessageSearch, "/data", None);
    order(Endpoint::DigitalContact, "/any", Some(json!(1)));
    assert_eq!(bench.write(&message("m", "t")).json_body().get("consumerContact"), None);
    assert_eq!(bench.write(&message("m-2", "t")).json_body().get("message"), None);
    assert_eq!(bench.read_digital("/messages").json_body()["hits"], 9);
    assert_eq!(bench.read_digital("/messages").json_body(), json!({ "hits": 2 }));
    assert_eq!(bench.set_priority("400000000001", &json!({ "routingQueuePriority": 1 })).body, "");
}
