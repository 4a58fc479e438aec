//! What mapping makes of values, attribute by attribute: types, lengths, personal data, the registered schema.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test may fail anywhere in it"
)]

use contact_injection::dialects::{
    Dialect as _, Submission,
    guide::{self, Guide},
};
use contact_injection::domain::{
    attributes::{AttributeDefinition, Schema},
    drift::{DriftKind, drift},
    event::Event,
    mapping::{ComplianceBoundary, map},
    problem::Problem,
    reason::DeadLetterReason,
    routes::{Priority, Routes},
    time::Timestamp,
};
use serde_json::{Value, json};

use ComplianceBoundary::{Inside, Outside};
use DeadLetterReason::{InvalidAttribute, MappingFailed, UnregisteredAttribute};

fn routes(change: &Value) -> Routes {
    let mut route = json!({
        "name": "r",
        "match": { "type": "t" },
        "channel": "voice",
        "targets": [{ "queueId": "q" }],
        "priority": { "default": 500 },
        "from": { "value": "+15550109876" },
        "to": { "value": "+15550201234" },
    });
    for (name, value) in change.as_object().unwrap() {
        route[name] = value.clone();
    }
    Routes::from_json(json!({ "routes": [route] }).to_string(), guide::FACTS.routes)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn schema(definitions: Value) -> Schema {
    Schema::new(serde_json::from_value::<Vec<AttributeDefinition>>(definitions).unwrap())
}

/// The request that a route makes of an event's data, or what is wrong with it.
fn mapped(
    change: &Value,
    definitions: Value,
    data: Value,
    boundary: ComplianceBoundary,
) -> Result<Value, Vec<Problem>> {
    let routes = routes(change);
    let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data });
    let event = Event::from_json(&event).unwrap();
    let route = routes.select(&event).unwrap();
    let contact = map(route, &event, &schema(definitions), boundary)?;
    let priority = Priority::effective(route.base_priority(&event), 0, None, 0);
    Ok(Guide.contact_body(&Submission {
        contact: &contact,
        address: route.targets()[0].address(),
        priority,
        route: route.name(),
        event: event.identity().into(),
        at: Timestamp::default(),
    }))
}

/// What becomes of one attribute `a`, by its rule, its definition and the event's value for it.
fn attribute(
    key: &str,
    rule: Value,
    definition: Value,
    value: Value,
    boundary: ComplianceBoundary,
) -> Result<Value, Vec<Problem>> {
    let change = json!({ "attributes": { key: rule } });
    let request = mapped(&change, json!([definition]), json!({ "a": value }), boundary)?;
    Ok(request["attributes"][key].clone())
}

fn text(rule: Value, value: &str, boundary: ComplianceBoundary) -> Value {
    attribute("string:a", rule, json!({ "key": "a", "type": "string" }), json!(value), boundary).unwrap()
}

fn only(result: Result<Value, Vec<Problem>>) -> (DeadLetterReason, String) {
    let mut problems = result.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    assert!(problem.message.ends_with("(route r)"), "{problem}");
    (problem.code, problem.message.trim_end_matches(" (route r)").to_owned())
}

#[test]
fn a_request_has_the_fields_of_the_guide_and_no_others() {
    let request = mapped(&json!({}), json!([]), json!({}), Outside).unwrap();
    let expected = json!({
        "type": "contact", "channel": "voice", "queueId": "q", "priority": 500, "from": "+15550109876", "to": "+15550201234",
        "attributes": {},
    });
    assert_eq!(request, expected);
    let skills = mapped(&json!({ "targets": [{ "skillIds": ["s"] }] }), json!([]), json!({}), Outside).unwrap();
    assert_eq!((skills.get("queueId"), &skills["skillIds"]), (None, &json!(["s"])));
}

#[test]
fn what_the_event_lacks_is_left_out_unless_it_is_required() {
    let definition = json!({ "key": "a", "type": "string" });
    let with = |rule: Value| attribute("string:a", rule, definition.clone(), Value::Null, Outside);
    assert_eq!(with(json!({ "path": "$.a" })).unwrap(), Value::Null);
    assert_eq!(with(json!({ "path": "$.a", "default": "x" })).unwrap(), "x");
    assert_eq!(only(with(json!({ "path": "$.a", "required": true }))).0, MappingFailed);
    let from = mapped(&json!({ "from": { "path": "$.x" } }), json!([]), json!({}), Outside).unwrap_err();
    assert_eq!(from[0].pointer.as_deref(), Some("/data/x"));
    let callback = json!({ "callbackNumber": { "path": "$.x" } });
    assert_eq!(mapped(&callback, json!([]), json!({}), Outside).unwrap().get("callbackNumber"), None);
}

#[test]
fn a_path_that_selects_several_values_is_refused() {
    let (code, message) = only(attribute(
        "string:a",
        json!({ "path": "$.a[*]" }),
        json!({ "key": "a", "type": "string" }),
        json!(["x", "y"]),
        Outside,
    ));
    assert_eq!((code, message.as_str()), (MappingFailed, "string:a may have one value, and $.a[*] selects several"));
}

#[test]
fn lengths_count_characters_and_the_tighter_limit_wins() {
    let path = json!({ "path": "$.a" });
    let long = |limit: Value, length: usize| {
        let definition = json!({ "key": "a", "type": "string", "maxLength": limit });
        attribute("string:a", path.clone(), definition, json!("é".repeat(length)), Outside)
    };
    assert!(long(Value::Null, 255).is_ok());
    assert_eq!(only(long(Value::Null, 256)), (InvalidAttribute, "string:a is longer than 255 characters".to_owned()));
    assert!(long(json!(4000), 256).is_err(), "CXone cuts at 255 whatever is registered");
    assert!(long(json!(10), 10).is_ok());
    assert_eq!(only(long(json!(10), 11)).1, "string:a is longer than 10 characters");
}

#[test]
fn truncation_cuts_at_a_character_after_masking() {
    let truncate = json!({ "path": "$.a", "overflow": "truncate", "pii": "redact" });
    assert_eq!(text(truncate.clone(), &"😞".repeat(300), Outside), "😞".repeat(255));
    let card_at_the_cut = format!("{}4111 1111 1111 1111", "x".repeat(250));
    assert_eq!(text(truncate, &card_at_the_cut, Outside), format!("{}[reda", "x".repeat(250)));
}

#[test]
fn a_cut_makes_no_card_number_of_a_longer_one() {
    let longer = format!("{}41111111111111110000", "x".repeat(239));
    let cut =
        |pii: &str, boundary| text(json!({ "path": "$.a", "overflow": "truncate", "pii": pii }), &longer, boundary);
    assert_eq!(cut("redact", Outside), format!("{}[redacted]", "x".repeat(239)));
    assert_eq!(cut("keep", Outside), &longer[..255]);
    assert_eq!(cut("redact", Inside), &longer[..255]);
    let unmarked = text(json!({ "path": "$.a", "overflow": "truncate" }), &longer, Outside);
    assert_eq!(unmarked, format!("{}[redacted]", "x".repeat(239)));
}

#[test]
fn personal_data_goes_by_its_word_and_by_the_boundary() {
    let note = "4111 1111 1111 1111, ada@example.com, +1 555 010 9876";
    let rule = |pii: &str| json!({ "path": "$.a", "pii": pii });
    assert_eq!(text(rule("strip"), note, Outside), Value::Null);
    assert_eq!(text(rule("redact"), note, Outside), "[redacted], [redacted], [redacted]");
    assert_eq!(text(rule("keep"), note, Outside), note);
    assert_eq!(text(json!({ "path": "$.a" }), note, Outside), "[redacted], [redacted], +1 555 010 9876");
    for word in ["strip", "redact", "keep"] {
        assert_eq!(text(rule(word), note, Inside), note);
    }
    assert_eq!(text(json!({ "path": "$.a" }), note, Inside), note);
    assert_eq!(text(json!({ "path": "$.a", "format": "e164" }), "+1 555 010 9876", Outside), "+15550109876");
    let passes_for_a_card = "+4915155550101";
    assert_eq!(text(json!({ "path": "$.a", "format": "e164" }), passes_for_a_card, Outside), passes_for_a_card);
    assert_eq!(text(json!({ "path": "$.a" }), passes_for_a_card, Outside), "[redacted]");
}

#[test]
fn the_registered_schema_has_the_last_word() {
    let path = json!({ "path": "$.a" });
    let with = |key: &str, definition: Value, value: Value| attribute(key, path.clone(), definition, value, Outside);
    let text = json!({ "key": "a", "type": "string" });
    assert_eq!(
        only(with("number:a", text.clone(), json!(1))),
        (InvalidAttribute, "number:a is registered as a string".to_owned())
    );
    assert_eq!(
        only(with("string:A", text.clone(), json!("x"))),
        (UnregisteredAttribute, "string:A is not registered; did you mean string:a?".to_owned())
    );
    assert_eq!(
        only(with("string:b", text, json!("x"))),
        (UnregisteredAttribute, "string:b is not registered".to_owned())
    );
    let day = json!({ "key": "a", "type": "date", "maxLength": 10 });
    assert!(with("date:a", day.clone(), json!("2024-05-15")).is_ok());
    assert_eq!(only(with("date:a", day, json!("2024-05-15T14:30Z"))).1, "date:a is longer than 10 characters");
}

#[test]
fn what_is_registered_as_required_must_be_there() {
    let required = json!([{ "key": "a", "type": "number", "required": true }]);
    let problems = mapped(&json!({}), required.clone(), json!({}), Outside).unwrap_err();
    assert_eq!((problems[0].code, problems[0].attribute.as_deref()), (InvalidAttribute, Some("number:a")));
    let rule = json!({ "attributes": { "number:a": { "path": "$.a" } } });
    assert!(mapped(&rule, required.clone(), json!({ "a": 1 }), Outside).is_ok());
    let wrong = mapped(&rule, required, json!({ "a": "1" }), Outside);
    assert_eq!(only(wrong).0, MappingFailed, "one cause is told once");
}

#[test]
fn flattened_names_are_camel_case_and_typed_by_the_registry() {
    let flatten =
        |unregistered: &str| json!({ "flatten": { "path": "$.o", "prefix": "order", "unregistered": unregistered } });
    let definitions = json!([
        { "key": "orderItemName", "type": "string" },
        { "key": "orderSku", "type": "string" },
        { "key": "orderCount", "type": "number" },
        { "key": "orderDueOn", "type": "date" },
        { "key": "orderTags", "type": "string" },
        { "key": "orderÉtage", "type": "number" },
    ]);
    let data = json!({ "o": {
        "item_name": "Kettle", "SKU": "K-1", "count": 2, "due": { "on": "2024-05-15" }, "tags": ["a", 1, true],
        "e\u{301}tage": 4, "none": null, "empty": [], "lines": [{ "a": 1 }], "extra": "x",
    } });
    let request = mapped(&flatten("drop"), definitions.clone(), data.clone(), Outside).unwrap();
    let expected = json!({
        "string:orderItemName": "Kettle", "string:orderSku": "K-1", "number:orderCount": 2, "date:orderDueOn": "2024-05-15",
        "string:orderTags": "a,1,true", "number:orderÉtage": 4,
    });
    assert_eq!(request["attributes"], expected);
    let unregistered = mapped(&flatten("reject"), json!([]), json!({ "o": { "a": true, "b": 1, "c": "x" } }), Outside);
    let keys: Vec<_> = unregistered.unwrap_err().into_iter().filter_map(|problem| problem.attribute).collect();
    assert_eq!(keys, ["boolean:orderA", "number:orderB", "string:orderC"]);
    let problems = mapped(&flatten("reject"), definitions, data, Outside).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].pointer.as_deref(), Some("/data/o/extra"));
    assert_eq!(problems[0].attribute.as_deref(), Some("string:orderExtra"));
}

#[test]
fn what_is_no_object_is_not_flattened() {
    let change = json!({ "flatten": { "path": "$.o", "prefix": "o" } });
    let told = only(mapped(&change, json!([]), json!({ "o": [1] }), Outside));
    assert_eq!(told, (MappingFailed, "flatten needs an object, and the event has an array".to_owned()));
    assert!(mapped(&change, json!([]), json!({ "o": null }), Outside).is_ok());
}

#[test]
fn flattening_is_bounded_by_values_and_by_the_bytes_of_their_names() {
    let refusal = |object: Value| {
        let change = json!({ "flatten": { "path": "$.o", "prefix": "o", "unregistered": "drop" } });
        mapped(&change, json!([]), json!({ "o": object }), Outside).err().map(|problems| problems[0].message.clone())
    };
    let values = |count: usize| (0..count).map(|n| (format!("{n:03}"), json!(n))).collect::<serde_json::Map<_, _>>();
    assert_eq!(refusal(json!({ "a": values(500), "b": values(500) })), None);
    let refused = refusal(json!({ "a": values(500), "b": values(501) })).unwrap();
    assert!(refused.contains("more than 1000 values"), "{refused}");
    // 997 bytes for the name of the object, and again before each of 127 names of three bytes: 127,997.
    let below = |longer: &str| {
        let mut values = values(126);
        values.insert(longer.to_owned(), json!(1));
        refusal(json!({ "n".repeat(997): values }))
    };
    assert_eq!(below("longer"), None);
    assert!(below("longest").unwrap().contains("more than 128000 bytes of names"));
}

#[test]
fn a_flattened_members_personal_name_is_in_no_problem() {
    let change = json!({ "flatten": { "path": "$.o", "prefix": "order", "unregistered": "reject" } });
    for name in ["555/010/9876", "4111\u{a0}1111\u{a0}1111\u{a0}1111", "ada@example.com"] {
        let problems = mapped(&change, json!([]), json!({ "o": { name: "x" } }), Outside).unwrap_err();
        assert_eq!(problems[0].pointer.as_deref(), Some("/data/o/[redacted]"));
        assert_eq!(problems[0].attribute.as_deref(), Some("string:[redacted]"));
        let told = format!("{} {:?}", problems[0], problems[0]);
        assert!(["9876", "1111", "Ada", "ada"].iter().all(|part| !told.contains(part)), "{told}");
    }
}

#[test]
fn a_number_that_was_rounded_is_not_flattened_into_text() {
    let change = json!({ "flatten": { "path": "$.o", "prefix": "o" } });
    let data = serde_json::from_str(r#"{"o":{"refs":["a",89014103211118510720]}}"#).unwrap();
    let problems = mapped(&change, json!([{ "key": "oRefs", "type": "string" }]), data, Outside).unwrap_err();
    assert_eq!(problems[0].code, MappingFailed);
    assert!(problems[0].message.contains("a double can't hold exactly"), "{}", problems[0]);
}

#[test]
fn a_name_that_the_route_maps_on_its_own_is_not_flattened() {
    let change = json!({
        "attributes": { "string:orderCard": { "path": "$.o.card", "pii": "strip" } },
        "flatten": { "path": "$.o", "prefix": "order" },
    });
    let definitions = json!([{ "key": "orderCard", "type": "string" }]);
    let request = mapped(&change, definitions, json!({ "o": { "card": "secret" } }), Outside).unwrap();
    assert_eq!(request["attributes"], json!({}));
}

#[test]
fn flattened_text_is_guarded_like_any_other() {
    let change = json!({ "flatten": { "path": "$.o", "prefix": "o" } });
    let definitions = json!([{ "key": "oMail", "type": "string" }]);
    let request = mapped(&change, definitions, json!({ "o": { "mail": "ada@example.com" } }), Outside).unwrap();
    assert_eq!(request["attributes"]["string:oMail"], "[redacted]");
}

#[test]
fn nothing_of_a_value_is_in_debug_output_or_in_a_problem() {
    let routes = routes(&json!({ "from": { "path": "$.from", "format": "e164" }, "attributes": {
        "number:a": { "path": "$.a", "coerce": true }, "date:b": { "path": "$.b" }, "string:c": { "path": "$.c" },
    } }));
    let schema = schema(json!([{ "key": "c", "type": "string", "maxLength": 3 }]));
    let event = |data: Value| {
        Event::from_json(&json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data })).unwrap()
    };
    let bad = event(json!({ "from": "secret", "a": "secret", "b": "secret", "c": "secret" }));
    let problems = map(routes.select(&bad).unwrap(), &bad, &schema, Outside).unwrap_err();
    assert_eq!(problems.len(), 4);
    assert!(!format!("{problems:?}").contains("secret"));
    let good = event(json!({ "from": "+15550109876", "c": "xyz" }));
    let route = routes.select(&good).unwrap();
    let contact = map(route, &good, &schema, Outside).unwrap();
    let debug = format!("{contact:?}");
    assert_eq!(debug.matches("String(..)").count(), 1, "{debug}");
    assert!(!debug.contains("xyz") && !debug.contains("5550109876"), "{debug}");
}

#[test]
fn the_content_hash_knows_content_and_not_order() {
    let one = json!({ "key": "a", "type": "string", "maxLength": 5 });
    let other = json!({ "key": "b", "type": "date", "required": true });
    let hash = |definitions: Value| schema(definitions).content_hash();
    assert_eq!(hash(json!([one, other])), hash(json!([other, one, one])));
    assert_ne!(hash(json!([one])), hash(json!([other])));
    assert_ne!(
        hash(json!([{ "key": "a", "type": "string" }])),
        hash(json!([{ "key": "a", "type": "string", "maxLength": 0 }]))
    );
    assert_eq!(hash(json!([])).len(), 64);
}

#[test]
fn drift_names_what_no_longer_fits() {
    let routes = routes(&json!({
        "attributes": {
            "string:gone": { "path": "$.a" }, "number:retyped": { "path": "$.a" }, "string:shrunk": { "path": "$.a" },
            "string:Spelled": { "path": "$.a" }, "string:constant": { "value": "twelve chars" }, "string:fine": { "path": "$.a" },
            "string:fitting": { "value": "eleven char" },
        },
        "flatten": { "path": "$.o", "prefix": "order" },
    }));
    let before = schema(json!([
        { "key": "shrunk", "type": "string" }, { "key": "orderNote", "type": "string" }, { "key": "orderly", "type": "string" },
        { "key": "fine", "type": "string", "maxLength": 300 },
    ]));
    let now = schema(json!([
        { "key": "retyped", "type": "string" }, { "key": "shrunk", "type": "string", "maxLength": 100 },
        { "key": "spelled", "type": "string" }, { "key": "constant", "type": "string", "maxLength": 11 },
        { "key": "fine", "type": "string", "maxLength": 255 }, { "key": "fitting", "type": "string", "maxLength": 11 },
    ]));
    let kinds = |previous: Option<&Schema>| -> Vec<_> {
        drift(&routes, &Guide, &now, previous).into_iter().map(|drift| (drift.attribute, drift.kind)).collect()
    };
    let constant = [
        ("number:retyped".to_owned(), DriftKind::TypeChanged),
        ("string:Spelled".to_owned(), DriftKind::CaseDiffers),
        ("string:constant".to_owned(), DriftKind::LengthShrunk),
        ("string:gone".to_owned(), DriftKind::Unregistered),
    ];
    assert_eq!(kinds(None), constant);
    let mut since = constant.to_vec();
    since.push(("string:orderNote".to_owned(), DriftKind::Unregistered));
    since.push(("string:shrunk".to_owned(), DriftKind::LengthShrunk));
    assert_eq!(kinds(Some(&before)), since);
    assert!(drift(&routes, &Guide, &now, None).iter().all(|drift| drift.route == "r"));
    assert_eq!(serde_json::to_value(DriftKind::CaseDiffers).unwrap(), "case-differs");
}
