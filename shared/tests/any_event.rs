//! What holds for every event, however strange or hostile: it ends as a contact that CXone takes, or with its reasons.
//! What CXone takes is the simulator's to say, which reads docs/wire.md by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]

use std::time::{Duration, Instant};

use contact_injection::dialects::{
    Dialect as _, Submission,
    guide::{self, Guide},
};
use contact_injection::domain::{
    attributes::Schema,
    event::Event,
    mapping::{ComplianceBoundary, map},
    problem::Problem,
    routes::{Priority, Routes},
    time::Timestamp,
};
use cxone_simulator::validate_contact_request;
use proptest::prelude::*;
use serde_json::{Value, json};

fn shipped() -> (Routes, Schema) {
    let routes =
        Routes::from_json(include_str!("../../functions/inject-contacts/routes.json"), guide::FACTS.routes).unwrap();
    let schema = include_str!("../../tests/fixtures/upstream/schema.json");
    (routes, Schema::new(serde_json::from_str(schema).unwrap()))
}

fn outcome(routes: &Routes, schema: &Schema, body: &str) -> Result<Value, Vec<Problem>> {
    let event = Event::parse(body).map_err(|malformed| malformed.problems)?;
    let Some(route) = routes.select(&event) else { return Err(Vec::new()) };
    let contact = map(route, &event, schema, ComplianceBoundary::Outside)?;
    let target = &route.targets()[0];
    let priority = Priority::effective(route.base_priority(&event), target.priority_delta(), route.degrade(), 1);
    Ok(Guide.contact_body(&Submission {
        contact: &contact,
        address: target.address(),
        priority,
        route: route.name(),
        event: event.identity().into(),
        at: Timestamp::default(),
    }))
}

/// An event of a shipped route that reads most kinds of value, most of them good.
fn orders() -> impl Strategy<Value = Value> {
    let strange = || {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
            prop::collection::vec("[a-z0-9 ]{0,9}", 0..3).prop_map(Value::from),
        ]
    };
    let or_strange = move |good: Value| prop_oneof![8 => Just(good), 1 => strange()];
    let details = prop::collection::btree_map("[a-zA-Z_-]{0,12}|item_name|quantity|gift|tags", strange(), 0..6);
    (
        or_strange(json!("+1 (555) 010-9876")),
        or_strange(json!({ "vip": true, "tier": "gold", "phone": "+15550109876", "ssn": "078-05-1120" })),
        or_strange(json!("1250.00")),
        or_strange(json!("ORD-2024-8842")),
        strange(),
        details,
    )
        .prop_map(|(caller, customer, total, reference, notes, details)| {
            json!({
                "specversion": "1.0", "id": "1", "source": "/crm/eu", "type": "com.example.order.updated",
                "data": {
                    "phone": { "caller": caller }, "customer": customer, "notes": notes,
                    "order": { "total": total, "ref": reference, "details": details },
                },
            })
        })
}

proptest! {
    #[test]
    fn parsing_never_panics_on_any_text(text in any::<String>()) {
        prop_assert!(Event::parse(&text).is_err());
    }

    #[test]
    fn parsing_never_panics_on_any_bytes_that_look_like_json(text in r#"[\[\]{}",:0-9eE.\\utrfalsn +-]{0,200}"#) {
        let _ = Event::parse(&text);
    }

    #[test]
    fn an_event_becomes_a_valid_contact_or_has_placed_reasons(event in orders()) {
        let (routes, schema) = shipped();
        match outcome(&routes, &schema, &event.to_string()) {
            Ok(request) => {
                prop_assert_eq!(validate_contact_request(&request), Ok(()), "{}", request);
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.pointer.is_some() || problem.attribute.is_some(), "{problem}");
                }
            }
        }
    }
}

/// The outcome of a hostile order, and that it comes in time.
fn refused(details: &str) -> Vec<Problem> {
    let (routes, schema) = shipped();
    let body = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/orders/x","type":"com.example.order.delayed",
            "data":{{"orderNumber":1,"buyer":{{"phone":"+15550104321"}},"shipping":{details}}}}}"#
    );
    #[allow(clippy::disallowed_methods, reason = "the promise is about time")]
    let start = Instant::now();
    let problems = outcome(&routes, &schema, &body).unwrap_err();
    // The promise is 50 ms of an optimised build; this one is not optimised and shares its machine.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    assert!(!problems.is_empty());
    problems
}

#[test]
fn ten_thousand_attributes_are_refused_in_time() {
    let members: Vec<_> = (0..10_000).map(|n| format!("\"key{n}\":{n}")).collect();
    let problems = refused(&format!("{{{}}}", members.join(",")));
    assert_eq!(problems[0].pointer.as_deref(), Some("/data/shipping"));
    assert!(problems[0].message.contains("more than 1000 members"), "{}", problems[0]);

    let spread: Vec<_> = (0..100).map(|n| format!("\"g{n}\":{{{}}}", members[..100].join(","))).collect();
    let problems = refused(&format!("{{{}}}", spread.join(",")));
    assert!(problems.iter().any(|problem| problem.message.contains("more than 1000 values")), "{problems:?}");
}

#[test]
fn a_hundred_levels_are_refused_in_time() {
    let problems = refused(&format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100)));
    assert!(problems[0].message.contains("deeper than 64 levels"), "{}", problems[0]);
}

#[test]
fn keys_that_differ_by_normalisation_are_refused_in_time() {
    let problems = refused("{\"caf\u{e9}\":1,\"cafe\u{301}\":2}");
    assert!(problems[0].message.contains("Unicode normalisation"), "{}", problems[0]);
}

#[test]
fn values_below_long_names_are_refused_in_time() {
    let values: Vec<_> = (0..900).map(|n| format!("\"k{n}\":{n}")).collect();
    // Separators leave nothing of a name but its pointer.
    for letter in ["a", "-", "1"] {
        let problems = refused(&format!("{{\"{}\":{{{}}}}}", letter.repeat(200_000), values.join(",")));
        assert!(problems[0].message.contains("bytes of names"), "{}", problems[0]);
        assert!(problems[0].message.len() < 200);
    }
    let deep = format!("{}0{}", "{\"a\":".repeat(50), "}".repeat(50));
    let problems = refused(&format!("{{\"{}\":{deep}}}", "b".repeat(200_000)));
    assert!(problems[0].message.contains("bytes of names"), "{}", problems[0]);
}

#[test]
fn unregistered_values_beside_many_others_are_told_in_time() {
    let nulls: Vec<_> = (0..970).map(|n| format!("\"n{n}\":null")).collect();
    let objects: Vec<_> = (0..49).map(|n| format!("\"o{n}\":{{{}}}", nulls.join(","))).collect();
    let values: Vec<_> = (0..900).map(|n| format!("\"v{n}\":{n}")).collect();
    assert!(refused(&format!("{{{},{}}}", objects.join(","), values.join(","))).len() >= 900);
}

#[test]
fn the_order_of_members_decides_nothing() {
    for (one, other) in [
        (r#""a_b":1,"aB":"x""#, r#""aB":"x","a_b":1"#),
        (r#""ada_lee_example_com":1,"ada.lee@example.com":2"#, r#""ada.lee@example.com":2,"ada_lee_example_com":1"#),
        (r#""z@example.com":1,"Z_example_com":2"#, r#""Z_example_com":2,"z@example.com":1"#),
    ] {
        let [one, other] = [one, other].map(|members| refused(&format!("{{{members}}}")));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert!(!format!("{one:?}").contains("ExampleCom"), "a name made of a personal one: {one:?}");
    }
}

#[test]
fn a_mebibyte_of_anything_is_refused_in_time() {
    let (routes, schema) = shipped();
    for piece in ["[", "{\"a\":", "x", "\"", "1", " ", "\\ud800", "[[],", "{\"a\":1,"] {
        let body = piece.repeat((1 << 20) / piece.len());
        assert!(!outcome(&routes, &schema, &body).unwrap_err().is_empty());
    }
}
