//! Work items, and what of them is refused.

use super::*;

#[test]
fn one_work_item_comes_in_three_encodings() {
    let mut bench = Bench::new(config());
    let pairs = "pointOfContact=123456+-+Orders&workitemid=k&workItemPayload=%7B%22v%22%3A1%7D";
    let path = "/interactions/work-items";
    let json = bench.work_item(&item("k"));
    let query = bench.authorized("POST", &format!("{path}?{pairs}")).with_body(FORM, "");
    let form = bench.authorized("POST", path).with_body(FORM, pairs);
    for request in [json, query, form] {
        assert_eq!(bench.send(&request).status, 202);
    }
    let seen: Vec<_> = bench.tenant.creations().iter().map(|made| (&*made.key, made.payload.as_deref())).collect();
    assert_eq!(seen, [("k", Some("{\"v\":1}")); 3]);
    assert!(bench.broken().is_empty());
}

#[test]
fn an_encoding_can_be_refused_and_then_nothing_is_made() {
    let mut bench = Bench::new(Config { work_item_encodings: vec![Encoding::Query], ..config() });
    assert_eq!(bench.post(&item("k")).status, 415);
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_repeated_work_item_is_another_contact_and_both_wait() {
    let mut bench = Bench::new(Config { first_contact_id: 999_999_999_999_999_998, ..config() });
    let ids: Vec<_> = (0..2).map(|_| bench.post(&item("k")).json_body()["contactId"].clone()).collect();
    assert_eq!(ids, [json!(999_999_999_999_999_998_u64), json!(999_999_999_999_999_999_u64)]);
    assert_eq!(bench.tenant.creations_by_key("k").len(), 2);
    assert_eq!(bench.tenant.summary().keys_with_twins, 1);
    let activity = bench.get("/skills/4012/activity").json_body();
    assert_eq!(activity["skillActivity"][0]["queueCount"], 5);
}

#[test]
fn a_creation_remembers_the_request() {
    let mut bench = Bench::new(config());
    let request = json!({
        "pointOfContact": "Orders", "workItemType": "order", "from": "+15550100001",
        "workItemPayload": "{\"key\":\"k-9\"}"
    });
    assert_eq!(bench.post(&request).status, 202);
    let made = &bench.tenant.creations()[0];
    assert_eq!((made.kind, made.key.as_str(), made.at_ms), (Kind::WorkItem, "k-9", START_MS));
    assert_eq!((made.point_of_contact.as_str(), made.point_of_contact_id), ("Orders", 123_456));
    assert_eq!((made.access_key_id.as_str(), made.skill_id), ("key-1", Some(4012)));
    assert_eq!((made.work_item_type.as_deref(), made.from.as_deref()), (Some("order"), Some("+15550100001")));
}

#[test]
fn a_point_of_contact_goes_by_number_and_name_by_either_and_by_nothing_else() {
    let mut settings = config();
    settings.points_of_contact.push(PointOfContact { active: false, ..PointOfContact::new(7, "Closed", 4012) });
    settings.points_of_contact.push(PointOfContact { media_type_id: 4, ..PointOfContact::new(8, "Phone", 4013) });
    let guid = uuid::Uuid::from_u128(9);
    settings.points_of_contact.push(PointOfContact { address: Some(guid), ..PointOfContact::new(9, "Mail", 4012) });
    let mut bench = Bench::new(settings);
    for written in ["123456 - Orders", "Orders", "123456"] {
        assert_eq!(bench.post(&json!({ "pointOfContact": written })).status, 202, "{written}");
    }
    for written in ["123456 - Other", "654321", "Closed", "Phone"] {
        let refused = bench.post(&json!({ "pointOfContact": written }));
        let text = refused.json_body()["error_description"].as_str().unwrap().to_owned();
        assert_eq!((refused.status, text.as_str()), (400, "Point of contact is not valid for this business unit."));
    }
    assert_eq!(bench.broken(), [Rule::UnknownPointOfContact; 4]);
    assert_eq!(bench.post(&json!({ "pointOfContact": guid })).status, 400);
    assert_eq!(bench.broken(), [Rule::PointOfContactByGuid]);
}

#[test]
fn the_text_of_an_error_can_stand_in_a_header_alone() {
    let mut bench = Bench::new(Config { error_text: ErrorText::StatusDescription, ..config() });
    let refused = bench.post(&json!({ "pointOfContact": "Nobody" }));
    assert_eq!((refused.status, refused.body.as_str()), (400, ""));
    assert!(refused.header("icstatusdescription").unwrap().starts_with("Point of contact is not valid"));
}

#[test]
fn a_payload_is_limited_in_bytes_of_utf_8() {
    let mut bench = Bench::new(Config { payload_bytes: 4, ..config() });
    let with = |payload: &str| json!({ "pointOfContact": "Orders", "workItemPayload": payload });
    assert_eq!(bench.post(&with("éé")).status, 202);
    let refused = bench.post(&with("ééé"));
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("exceeded the configured limit for the business unit."));
    assert_eq!(bench.broken(), [Rule::PayloadTooLarge]);
}

#[test]
fn a_malformed_work_item_is_refused_by_its_rule() {
    let mut bench = Bench::new(config());
    let bare = bench.authorized("POST", "/interactions/work-items");
    let query = bench.authorized("POST", "/interactions/work-items?from=1");
    for (request, status, rule) in [
        (bare.clone(), 400, Rule::WrongContentType),
        (bare.clone().with_body("text/plain", "x"), 415, Rule::WrongContentType),
        (bare.clone().with_body("application/json", "[]"), 400, Rule::MalformedBody),
        (bare.clone().with_body(FORM, "from=a=b"), 400, Rule::NotFormEncoded),
        (bare.clone().with_body(FORM, "from=%4"), 400, Rule::MalformedBody),
        (bare.with_body(FORM, "From=1&from=1"), 400, Rule::RepeatedParameter),
        (query.with_body(FORM, "pointOfContact=Orders"), 400, Rule::RepeatedParameter),
        (bench.work_item(&json!({"pointOfContact": "Orders", "priority": "1"})), 400, Rule::UnknownParameter),
        (bench.work_item(&json!({"pointOfContact": "Orders", "from": 1})), 400, Rule::WrongParameter),
        (
            bench.work_item(&json!({"pointOfContact": "Orders", "workItemPayload": {"v": 1}})),
            400,
            Rule::PayloadNotAString,
        ),
        (bench.work_item(&json!({"from": "+15550100001"})), 400, Rule::MissingParameter),
    ] {
        assert_eq!(bench.send(&request).status, status, "{rule:?}");
        assert_eq!(bench.broken(), [rule]);
    }
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn the_port_limit_refuses_until_contacts_are_served() {
    let mut bench = Bench::new(Config { port_limit: Some(1), ..config() });
    assert_eq!(bench.post(&item("a")).status, 202);
    let refused = bench.post(&item("b"));
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert!(refused.body.contains("exceeded port limit"));
    assert_eq!(bench.tenant.complete(4012, 9), 4);
    assert_eq!(bench.post(&item("b")).status, 202);
}
