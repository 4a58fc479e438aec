//! Callbacks, and what of them is refused.

use super::*;

const NUMBER: &str = "+15550100001";
const UUID: &str = "6f9619ff-8b86-5011-b42d-00c04fc964ff";

fn callback() -> Value {
    json!({ "phoneNumber": NUMBER, "skill": 4013 })
}

/// A callback with further parameters.
fn with(further: &Value) -> Value {
    let mut body = callback();
    let further = further.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(further);
    body
}

impl Bench {
    fn callback(&self, body: &Value) -> Request {
        self.authorized("POST", "/queuecallback").with_body("application/json", body.to_string())
    }

    fn call_back(&mut self, body: &Value) -> HttpAnswer {
        let request = self.callback(body);
        self.send(&request)
    }
}

#[test]
fn one_callback_comes_in_three_encodings() {
    let mut bench = Bench::new(config());
    let pairs = "PhoneNumber=%2B15550100001&skill=4013&screenPopSrc=Custom&screenPopUrl=https%3A%2F%2Fa.example%2F1";
    let pop = json!({ "screenPopSrc": "Custom", "screenPopUrl": "https://a.example/1" });
    let json = bench.callback(&with(&pop));
    let query = bench.authorized("POST", &format!("/queueCallback?{pairs}")).with_body(FORM, "");
    let form = bench.authorized("POST", "/queuecallback").with_body(FORM, pairs);
    for request in [json, query, form] {
        assert_eq!(request.endpoint(), Endpoint::Callbacks);
        assert_eq!(bench.send(&request).status, 202);
    }
    let mut parameters = pop;
    parameters["phoneNumber"] = json!(NUMBER);
    parameters["skill"] = json!("4013");
    for made in bench.tenant.creations() {
        assert_eq!((made.kind, made.key.as_str(), made.number.as_deref()), (Kind::Callback, "", Some(NUMBER)));
        assert_eq!(made.parameters.as_ref(), Some(&parameters));
    }
    assert!(bench.broken().is_empty());
}

#[test]
fn an_encoding_is_refused_to_callbacks_as_to_work_items() {
    let mut bench = Bench::new(Config { work_item_encodings: vec![Encoding::Query], ..config() });
    assert_eq!(bench.call_back(&callback()).status, 415);
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_repeated_callback_is_another_contact_and_both_wait_at_the_skill() {
    let mut bench = Bench::new(config());
    let ids: Vec<_> = (0..2).map(|_| bench.call_back(&callback()).json_body()["contactId"].clone()).collect();
    assert_eq!(ids, [json!(400_000_000_001_u64), json!(400_000_000_002_u64)]);
    assert_eq!(bench.tenant.skill_mut(4013).unwrap().queue_count, 2);
    let summary = bench.tenant.summary();
    assert_eq!((summary.creations, summary.keys_with_twins, summary.waiting), (2, 0, 2));
    assert_eq!(json!(summary.contacts_by_kind), json!({ "callback": 2 }));
    assert_eq!(bench.tenant.complete(4013, 1), 1);
    assert_eq!(bench.tenant.summary().waiting, 1);
}

#[test]
fn numbers_are_taken_as_numbers_and_as_text() {
    let mut bench = Bench::new(config());
    let numbers = json!({
        "skill": 4013, "priorityManagement": "Custom", "initialPriority": 7, "acceleration": 0, "maxPriority": 1000,
        "timeout": 1, "callDelay": 59, "targetAgent": 12,
    });
    let texts = numbers.as_object().unwrap().iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), json!(text))
    });
    let texts: Value = texts.collect();
    for further in [&numbers, &texts] {
        assert_eq!(bench.call_back(&with(further)).status, 202);
    }
    for made in bench.tenant.creations() {
        assert_eq!((made.skill_id, made.priority), (Some(4013), Some(7)));
        assert_eq!(made.parameters.as_ref().unwrap()["timeout"], "1");
    }
    assert!(bench.broken().is_empty());
}

#[test]
fn a_callback_is_known_by_the_uuid_in_its_screen_pop_or_by_nothing() {
    let mut bench = Bench::new(config());
    for (url, key) in [
        (format!("https://crm.example/?case=1&key={UUID}&x=é"), UUID),
        (format!("https://crm.example/é/{UUID}"), UUID),
        ("https://crm.example/?key=order-1".to_owned(), ""),
        ("https://crm.example/é".repeat(4), ""),
    ] {
        assert_eq!(bench.call_back(&with(&json!({ "screenPopSrc": "Custom", "screenPopUrl": url }))).status, 202);
        assert_eq!(bench.tenant.creations().last().unwrap().key, key, "{url}");
    }
    assert_eq!(bench.tenant.summary().keys_with_twins, 1);
}

#[test]
fn the_answer_can_do_without_a_contact() {
    let mut bench = Bench::new(Config { callback_contact_id: false, ..config() });
    let answer = bench.call_back(&callback());
    assert_eq!((answer.status, answer.body.as_str(), answer.header("content-type")), (202, "", None));
    assert_eq!(bench.tenant.creations().len(), 1);
    let last = bench.tenant.requests().last().unwrap();
    assert_eq!((last.endpoint, last.contact_id), (Endpoint::Callbacks, Some(400_000_000_001)));
}

#[test]
fn a_skill_that_is_none_or_takes_no_callbacks_is_404_and_no_misuse() {
    let mut bench = Bench::new(config());
    for skill in [4012, 4099] {
        assert_eq!(code(&bench.call_back(&with(&json!({ "skill": skill })))), (404, "not_found".to_owned()));
    }
    assert!(bench.tenant.misuses().is_empty());
    assert_eq!(bench.broken(), [Rule::UnknownSkill; 2]);
    assert!(bench.tenant.creations().is_empty());
    assert_eq!(bench.tenant.skill_mut(4012).unwrap().queue_count, 3);
}

#[test]
fn a_phone_number_has_its_country_code_or_national_digits() {
    let mut bench = Bench::new(config());
    for number in ["+15550100", "+155501000011234", "5550", "155501000011234"] {
        assert_eq!(bench.call_back(&with(&json!({ "phoneNumber": number }))).status, 202, "{number}");
    }
    for number in ["+1555010", "+1555010000112345", "555", "1555010000112345", "555-0100", " 15550100001", "++15550100"]
    {
        assert_eq!(bench.call_back(&with(&json!({ "phoneNumber": number }))).status, 400, "{number}");
    }
    assert_eq!(bench.broken(), [Rule::WrongParameter; 7]);
}

#[test]
fn a_malformed_callback_is_refused_by_its_rule() {
    let mut bench = Bench::new(config());
    for (further, rule) in [
        (json!({ "phoneNumber": "" }), Rule::MissingParameter),
        (json!({ "skill": "" }), Rule::MissingParameter),
        (json!({ "phoneNumber": 15_550_100_001_u64 }), Rule::WrongParameter),
        (json!({ "skill": "Support" }), Rule::WrongParameter),
        (json!({ "skill": 1.5 }), Rule::WrongParameter),
        (json!({ "timeout": 0 }), Rule::WrongParameter),
        (json!({ "timeout": "soon" }), Rule::WrongParameter),
        (json!({ "callDelay": 60 }), Rule::WrongParameter),
        (json!({ "targetAgent": "Ann" }), Rule::WrongParameter),
        (json!({ "priorityManagement": "custom" }), Rule::WrongParameter),
        (json!({ "priorityManagement": "Custom", "initialPriority": 1001 }), Rule::WrongParameter),
        (json!({ "priorityManagement": "Custom", "maxPriority": 1001 }), Rule::WrongParameter),
        (json!({ "priorityManagement": "Custom", "acceleration": "fast" }), Rule::WrongParameter),
        (json!({ "initialPriority": 1 }), Rule::WrongParameter),
        (json!({ "priorityManagement": "DefaultFromSkill", "acceleration": 1 }), Rule::WrongParameter),
        (json!({ "maxPriority": 1 }), Rule::WrongParameter),
        (json!({ "screenPopSrc": "Mine" }), Rule::WrongParameter),
        (json!({ "screenPopUrl": "https://a.example" }), Rule::WrongParameter),
        (json!({ "screenPopSrc": "UseOnPageOpen", "screenPopUrl": "https://a.example" }), Rule::WrongParameter),
        (json!({ "callDelaySec": 5 }), Rule::UnknownParameter),
        (json!({ "SKILL": 4013 }), Rule::RepeatedParameter),
    ] {
        assert_eq!(bench.call_back(&with(&further)).status, 400, "{further}");
        assert_eq!(bench.broken(), [rule], "{further}");
    }
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_role_can_lack_the_right_to_call_back() {
    let mut settings = config();
    settings.access_keys[0].denied = vec![Endpoint::Callbacks];
    assert_eq!(Bench::new(settings).call_back(&callback()).status, 403);
}

#[test]
fn waiting_callbacks_do_not_count_towards_the_port_limit() {
    let mut bench = Bench::new(Config { port_limit: Some(1), ..config() });
    for _ in 0..3 {
        assert_eq!(bench.call_back(&callback()).status, 202);
    }
    assert_eq!(bench.post(&item("a")).status, 202);
    assert_eq!(bench.post(&item("b")).status, 429);
}

#[test]
fn a_callback_shows_among_the_contacts() {
    let mut bench = Bench::new(config());
    bench.post(&item("a"));
    bench.call_back(&with(&json!({ "callerId": "+15550109999" })));
    let found = bench.get("/contacts/active?mediaTypeId=4&toAddress=%2B15550100001&skillId=4013").json_body();
    let row = &found["activeContacts"][0];
    assert_eq!((&found["totalRecords"], &row["fromAddress"]), (&json!(1), &json!("+15550109999")));
    assert_eq!((&row["mediaTypeName"], &row["pointOfContactId"]), (&json!("Phone Call"), &json!(null)));
    let id = row["contactId"].as_u64().unwrap();
    assert!(bench.tenant.complete_contact(id));
    assert!(!bench.tenant.complete_contact(id));
    assert_eq!(bench.tenant.skill_mut(4013).unwrap().queue_count, 0);
    assert_eq!(bench.get("/contacts/completed").json_body()["completedContacts"][0]["contactId"], json!(id));
    assert_eq!(bench.get(&format!("/contacts/{id}")).json_body()["contactId"]["toAddress"], NUMBER);
}

#[test]
fn faults_strike_callbacks_too() {
    let mut bench = Bench::new(config());
    let mut order = |effect| bench.tenant.add_fault(Fault::once(Endpoint::Callbacks, effect));
    order(Effect::accepted_then(500));
    order(Effect::ResetAfter);
    order(Effect::ResetBefore);
    order(Effect::html(502));
    order(Effect::member("/contactId", None));
    let request = bench.callback(&callback());
    assert_eq!(bench.send(&request).status, 500);
    assert_eq!(bench.tenant.handle(START_MS, &request).delivery, Delivery::Reset);
    assert_eq!(bench.tenant.creations().len(), 2);
    assert_eq!(bench.tenant.handle(START_MS, &request).delivery, Delivery::Reset);
    assert_eq!(bench.send(&request).status, 502);
    assert_eq!(bench.tenant.creations().len(), 2);
    assert_eq!(bench.send(&request).json_body(), json!({}));
    assert_eq!(bench.tenant.creations().len(), 3);
}
