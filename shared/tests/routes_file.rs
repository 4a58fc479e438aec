//! The routes file: the one that ships loads, its JSON Schema is the one that the types give, and a bad one is told
//! everything that is wrong with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test may fail anywhere in it"
)]

use contact_injection::dialects::guide;
use contact_injection::domain::{
    event::Event,
    routes::{Address, OnUnknownHealth, Routes, RoutesProblem, Target},
};
use serde_json::{Value, json};

const SHIPPED: &str = include_str!("../../functions/inject-contacts/routes.json");
const SCHEMA: &str = include_str!("../../functions/inject-contacts/routes.schema.json");

fn route(name: &str) -> Value {
    json!({
        "name": name,
        "match": { "type": name },
        "channel": "voice",
        "targets": [{ "queueId": "q-1" }],
        "priority": { "default": 500 },
        "from": { "path": "$.from" },
        "to": { "value": "+15550201234" },
    })
}

fn problems(routes: &Value) -> Vec<RoutesProblem> {
    Routes::from_json(json!({ "routes": routes }).to_string(), guide::FACTS.routes).unwrap_err().problems
}

fn pointers(routes: &Value) -> Vec<String> {
    problems(routes).into_iter().map(|problem| problem.pointer).collect()
}

/// The pointers of the problems that one changed member of a good route makes.
fn pointers_with(pointer: &str, value: Value) -> Vec<String> {
    let mut routes = json!([route("r")]);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    routes.pointer_mut(&format!("/0{parent}")).unwrap()[name] = value;
    let prefix = "/routes/0";
    pointers(&routes).into_iter().map(|found| found.strip_prefix(prefix).unwrap_or(&found).to_owned()).collect()
}

#[test]
fn the_shipped_routes_load() {
    let routes = Routes::from_json(SHIPPED, guide::FACTS.routes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(routes.queue_ids().len(), 5);
    let crm = routes.iter().next().unwrap();
    assert_eq!(crm.targets()[2].address(), &Address::Skills(vec!["sk-billing".to_owned()]));
    assert_eq!(crm.targets().iter().map(Target::priority_delta).collect::<Vec<_>>(), [0, -150, -150]);
    assert_eq!(crm.max_age().unwrap().as_secs(), 14_400);
    assert_eq!(crm.on_unknown_health(), OnUnknownHealth::Inject);
    assert_eq!(crm.degrade().unwrap().floor.get(), 50);
}

#[test]
fn the_shipped_schema_is_the_one_that_the_types_give() {
    let shipped: Value = serde_json::from_str(SCHEMA).unwrap();
    let bless = "cargo run -p contact-injection --no-default-features --example routes-schema \
                 > functions/inject-contacts/routes.schema.json";
    assert_eq!(shipped, Routes::json_schema(), "renew it: {bless}");
}

#[test]
fn the_schema_accepts_what_loads_and_refuses_what_does_not() {
    let schema = jsonschema::validator_for(&Routes::json_schema()).unwrap();
    assert!(schema.is_valid(&serde_json::from_str(SHIPPED).unwrap()));
    assert!(schema.is_valid(&json!({ "routes": [route("r")] })));
    for (pointer, value) in [
        ("/priority", json!({})),
        ("/priority", json!({ "default": 1000 })),
        ("/targets", json!([{ "queueId": "q", "skillIds": ["s"] }])),
        ("/from", json!({ "path": "$.a", "value": "b" })),
        ("/attributes", json!({ "orderNumber": { "value": "1" } })),
        ("/surprise", json!(1)),
    ] {
        let mut route = route("r");
        route[&pointer[1..]] = value.clone();
        assert!(!schema.is_valid(&json!({ "routes": [route] })), "{pointer} {value}");
        assert!(!pointers_with(pointer, value).is_empty(), "{pointer}");
    }
}

#[test]
fn a_route_may_hold_its_events_while_no_health_is_known() {
    let mut route = route("r");
    route["onUnknownHealth"] = json!("hold");
    let routes = Routes::from_json(json!({ "routes": [route] }).to_string(), guide::FACTS.routes).unwrap();
    assert_eq!(routes.iter().next().unwrap().on_unknown_health(), OnUnknownHealth::Hold);
}

#[test]
fn the_first_route_that_fits_wins() {
    let mut narrow = route("narrow");
    narrow["match"] = json!({ "type": "order.*", "source": "/crm/*" });
    let mut wide = route("wide");
    wide["match"] = json!({ "type": "order.*" });
    let routes = Routes::from_json(json!({ "routes": [narrow, wide] }).to_string(), guide::FACTS.routes).unwrap();
    let selected = |event_type: &str, source: &str| {
        let event = json!({ "specversion": "1.0", "id": "1", "source": source, "type": event_type, "data": {} });
        routes.select(&Event::from_json(&event).unwrap()).map(|route| route.name().to_owned())
    };
    assert_eq!(selected("order.created", "/crm/eu/1").as_deref(), Some("narrow"));
    assert_eq!(selected("order.created", "/shop").as_deref(), Some("wide"));
    assert_eq!(selected("invoice.created", "/crm/eu"), None);
}

#[test]
fn the_first_rule_that_holds_sets_the_priority() {
    let mut route = route("r");
    route["priority"] = json!({ "default": 1, "rules": [
        { "when": "$.customer[?@ == 'gold']", "value": 3 }, { "when": "$.customer", "value": 2 },
    ] });
    let routes = Routes::from_json(json!({ "routes": [route] }).to_string(), guide::FACTS.routes).unwrap();
    let priority = |data: Value| {
        let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "r", "data": data });
        let event = Event::from_json(&event).unwrap();
        routes.select(&event).unwrap().base_priority(&event).get()
    };
    assert_eq!(priority(json!({ "customer": { "tier": "gold" } })), 3);
    assert_eq!(priority(json!({ "customer": { "tier": "silver" } })), 2);
    assert_eq!(priority(json!({})), 1);
}

#[test]
fn every_problem_of_every_route_is_told_at_once_with_a_hint() {
    let routes = json!([
        {
            "name": 7,
            "match": { "type": "", "subject": "*" },
            "targets": [{ "queueId": "q", "skillIds": ["s"] }, {}, { "queueId": "a/b" }],
            "priority": { "default": 1000, "rules": [{ "when": "$[", "value": "high" }] },
            "from": { "path": "$.a", "value": "b" },
            "to": null,
            "maxAgeSeconds": 0,
            "attributes": {
                "orderNumber": { "value": "1" },
                "number:total": { "value": "12" },
                "date:day": { "path": "$..*..*" },
                "string:phone": { "value": "12", "format": "e164" },
            },
            "flatten": { "path": "$.x", "prefix": "Order", "unregistered": "ignore" },
            "retries": 3,
        },
        "not a route",
    ]);
    let found = problems(&routes);
    let mut pointers: Vec<_> = found.iter().map(|problem| problem.pointer.as_str()).collect();
    pointers.sort_unstable();
    let mut expected = [
        "/routes/0/name",
        "/routes/0/match/type",
        "/routes/0/match/subject",
        "/routes/0/channel",
        "/routes/0/targets/0",
        "/routes/0/targets/1",
        "/routes/0/targets/2/queueId",
        "/routes/0/priority/default",
        "/routes/0/priority/rules/0/when",
        "/routes/0/priority/rules/0/value",
        "/routes/0/from",
        "/routes/0/to",
        "/routes/0/to",
        "/routes/0/maxAgeSeconds",
        "/routes/0/attributes/orderNumber",
        "/routes/0/attributes/number:total/value",
        "/routes/0/attributes/date:day/path",
        "/routes/0/attributes/string:phone/value",
        "/routes/0/flatten/prefix",
        "/routes/0/flatten/unregistered",
        "/routes/0/retries",
        "/routes/1",
    ];
    expected.sort_unstable();
    assert_eq!(pointers, expected);
    assert!(found.iter().all(|problem| !problem.hint.is_empty() && !problem.message.is_empty()));
}

#[test]
fn each_member_is_held_to_its_own_rule() {
    let flatten = |prefix: &str| json!({ "path": "$.x", "prefix": prefix });
    for (pointer, value, found) in [
        ("/name", json!("é".repeat(65)), "/name"),
        ("/channel", json!(" "), "/channel"),
        ("/match/source", json!(""), "/match/source"),
        ("/targets", json!([{ "queueId": "q".repeat(65) }]), "/targets/0/queueId"),
        ("/targets", json!([{ "queueId": "" }]), "/targets/0/queueId"),
        ("/targets", json!([{ "skillIds": [] }]), "/targets/0/skillIds"),
        ("/targets", json!([{ "skillIds": ["s", " "] }]), "/targets/0/skillIds"),
        ("/targets", json!([{ "queueId": "q", "weight": 1 }]), "/targets/0/weight"),
        ("/priority/surprise", json!(1), "/priority/surprise"),
        ("/priority/rules", json!([{ "when": "$.a", "value": 1, "else": 2 }]), "/priority/rules/0/else"),
        ("/priority/degrade", json!({ "by": 1, "floor": 0, "after": 5 }), "/priority/degrade/after"),
        ("/from/surprise", json!(1), "/from/surprise"),
        ("/from/overflow", json!("truncate"), "/from/overflow"),
        ("/to/path", json!("$.to"), "/to"),
        ("/callbackNumber", json!({}), "/callbackNumber"),
        ("/callbackNumber", json!({ "path": "$.a", "default": " " }), "/callbackNumber/default"),
        ("/wrapUpCode", json!({ "path": "$.a", "of": "elsewhere" }), "/wrapUpCode/of"),
        ("/onUnknownHealth", json!("wait"), "/onUnknownHealth"),
        ("/maxAgeSeconds", json!(-1), "/maxAgeSeconds"),
        (
            "/attributes",
            json!({ "string:a": { "value": "x", "nested": { "list": [1, null] } } }),
            "/attributes/string:a/nested/list/1",
        ),
        ("/flatten", flatten("1st"), "/flatten/prefix"),
        ("/flatten", flatten("first_one"), "/flatten/prefix"),
        ("/flatten", json!({ "path": "$.x", "prefix": "x", "depth": 1 }), "/flatten/depth"),
    ] {
        assert!(pointers_with(pointer, value.clone()).contains(&found.to_owned()), "{pointer} {value}");
    }
}

#[test]
fn the_longest_and_the_largest_of_everything_are_accepted() {
    for (pointer, value) in [
        ("name", json!("é".repeat(64))),
        (
            "targets",
            json!([{ "queueId": "q_-9".repeat(16), "priorityDelta": 499 }, { "skillIds": ["s"], "priorityDelta": -500 }]),
        ),
        ("priority", json!({ "default": 500, "degrade": { "by": 999, "floor": 999 } })),
        ("maxAgeSeconds", json!(1)),
        (
            "attributes",
            json!({ "string:a": { "value": "x".repeat(255) }, "number:b": { "path": "$.b", "pii": "strip" } }),
        ),
        ("flatten", json!({ "path": "$.x", "prefix": "x1" })),
    ] {
        let mut route = route("r");
        route[pointer] = value;
        let file = json!({ "$schema": "routes.schema.json", "routes": [route] }).to_string();
        Routes::from_json(file, guide::FACTS.routes).unwrap_or_else(|error| panic!("{pointer}: {error}"));
    }
}

#[test]
fn a_file_that_is_not_json_or_repeats_a_member_is_refused() {
    let pointer = |text: &str| Routes::from_json(text, guide::FACTS.routes).unwrap_err().problems.remove(0).pointer;
    assert_eq!(pointer("{"), "");
    assert_eq!(pointer("[]"), "");
    assert_eq!(pointer("{}"), "/routes");
    let told = Routes::from_json("{}", guide::FACTS.routes).unwrap_err().to_string();
    assert!(told.contains("\"/routes\": is missing; it is mandatory"), "{told}");
    assert_eq!(pointer(r#"{"routes":[]}"#), "/routes");
    assert_eq!(pointer(r#"{"routes":[{"name":"a","name":"b"}]}"#), "/routes/0/name");
}

#[test]
fn a_fault_of_json_is_told_where_it_stands_in_the_whole_file_beside_every_other_problem() {
    let [good, mut bad] = ["a", "b"].map(route);
    bad["channel"] = json!("");
    let file = format!("{{\"routes\": [\n {good},\n {},\n {bad}\n]}}", r#"{"name": "x", "match": 1e999}"#);
    let problems = Routes::from_json(file, guide::FACTS.routes).unwrap_err().problems;
    let told: Vec<_> = problems.iter().map(|problem| (&*problem.pointer, &*problem.message)).collect();
    assert_eq!(
        told,
        [("/routes/1/match", "number out of range at line 3 column 29"), ("/routes/2/channel", "is empty")],
    );
}

#[test]
fn what_is_no_list_of_routes_is_told_as_that() {
    for list in ["{}", "null", "\"x\"", "7"] {
        let file = format!(r#"{{"routes": {list}}}"#);
        let problems = Routes::from_json(file, guide::FACTS.routes).unwrap_err().problems;
        assert_eq!((&*problems[0].pointer, &*problems[0].message), ("/routes", "is no list"), "{list}");
    }
    let problems = Routes::from_json(r#"{"routes": [null], "cxone": null}"#, guide::FACTS.routes).unwrap_err().problems;
    let told: Vec<_> = problems.iter().map(|problem| (&*problem.pointer, &*problem.message)).collect();
    assert_eq!(told, [("/cxone", "is null"), ("/routes/0", "is null"), ("/routes/0", "is missing")]);
}

#[test]
fn a_file_beyond_its_bounds_is_told_so_and_its_problems_are_not_without_end() {
    let told = |file: String| Routes::from_json(file, guide::FACTS.routes).unwrap_err();
    let blank = " ".repeat(Routes::MAX_BYTES);
    assert_eq!(
        told(format!("{}{blank}", json!({"routes": [route("r")]}))).problems[0].message,
        "is larger than 32 MiB"
    );

    let conditions = ["@.a"; 40].join("||");
    let dense = |name: usize| {
        let path = |n: usize| json!({ "path": format!("$.a{name}_{n}[?{conditions}]") });
        let attributes: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("string:{n}"), path(n))).collect();
        let mut route = route(&name.to_string());
        route["attributes"] = attributes.into();
        route
    };
    let problems = told(json!({ "routes": (0..8).map(dense).collect::<Vec<_>>() }).to_string()).problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("beyond 128 MiB of memory"), "{}", problems[0]);

    let problems = told(json!({ "routes": vec![json!({}); 1_000] }).to_string()).problems;
    assert_eq!(problems.len(), 1_001);
    assert_eq!(problems[1_000].message, "has 6000 more problems, which are not told");
}

#[test]
fn a_route_is_the_same_whenever_it_is_compiled() {
    let routes = Routes::from_json(SHIPPED, guide::FACTS.routes).unwrap();
    let event = Event::parse(include_str!("../../tests/fixtures/upstream/crm/order-updated.json")).unwrap();
    let selected = routes.select(&event).unwrap();
    let listed = routes.iter().find(|route| route.name() == selected.name()).unwrap();
    assert!(std::ptr::eq(selected, listed), "one is kept");
    assert_eq!(routes.iter().count(), routes.count());
}

#[test]
fn names_are_unique_and_every_route_is_reachable() {
    assert_eq!(pointers(&json!([route("a"), route("a")])), ["/routes/1/name", "/routes/1/match"]);
    let mut wide = route("wide");
    wide["match"] = json!({ "type": "*" });
    assert_eq!(pointers(&json!([wide, route("b")])), ["/routes/1/match"]);
    let mut sourced = wide.clone();
    sourced["match"]["source"] = json!("/a/*");
    assert!(Routes::from_json(json!({ "routes": [sourced, route("b")] }).to_string(), guide::FACTS.routes).is_ok());
}

#[test]
fn priorities_stay_in_range_at_every_target() {
    assert_eq!(
        pointers_with("/targets", json!([{ "queueId": "q", "priorityDelta": -501 }])),
        ["/targets/0/priorityDelta"]
    );
    assert_eq!(
        pointers_with("/targets", json!([{ "queueId": "q", "priorityDelta": 500 }])),
        ["/targets/0/priorityDelta"]
    );
    assert_eq!(pointers_with("/priority/degrade", json!({ "by": 1000, "floor": 0 })), ["/priority/degrade/by"]);
    assert_eq!(pointers_with("/priority/degrade", json!({ "by": 1, "floor": 1000 })), ["/priority/degrade/floor"]);
}

#[test]
fn a_fallback_leads_elsewhere() {
    assert_eq!(
        pointers_with("/targets", json!([{ "queueId": "q" }, { "queueId": "q", "priorityDelta": -1 }])),
        ["/targets/1"]
    );
    let skills = json!([{ "skillIds": ["a", "b"] }, { "skillIds": ["b", "a"] }]);
    assert_eq!(pointers_with("/targets", skills), ["/targets/1"]);
    assert_eq!(pointers_with("/targets", json!([])), ["/targets"]);
    let fewer = json!([{ "skillIds": ["a", "b"] }, { "skillIds": ["b"] }, { "skillIds": ["a", "b", "c"] }]);
    let mut route = route("r");
    route["targets"] = fewer;
    assert!(Routes::from_json(json!({ "routes": [route] }).to_string(), guide::FACTS.routes).is_ok());
}

#[test]
fn words_that_contradict_each_other_are_refused() {
    for (value, pointer) in [
        (json!({ "path": "$.a", "required": true, "default": "x" }), "/attributes/string:a"),
        (json!({ "value": "x", "coerce": true }), "/attributes/string:a/coerce"),
        (json!({ "path": "$.a", "region": "US" }), "/attributes/string:a/region"),
        (json!({ "path": "$.a", "format": "e164", "region": "XX" }), "/attributes/string:a/region"),
        (json!({ "value": "x".repeat(256) }), "/attributes/string:a/value"),
        (json!({ "path": "$.a", "default": 1 }), "/attributes/string:a/default"),
    ] {
        assert_eq!(pointers_with("/attributes", json!({ "string:a": value })), [pointer], "{value}");
    }
    for (value, pointer) in [
        (json!({ "path": "$.a", "pii": "redact" }), "/attributes/number:a/pii"),
        (json!({ "path": "$.a", "overflow": "truncate" }), "/attributes/number:a/overflow"),
        (json!({ "path": "$.a", "format": "e164" }), "/attributes/number:a/format"),
        (json!({ "value": 9_007_199_254_740_993_u64 }), "/attributes/number:a/value"),
    ] {
        assert_eq!(pointers_with("/attributes", json!({ "number:a": value })), [pointer], "{value}");
    }
    assert_eq!(pointers_with("/from/pii", json!("strip")), ["/from/pii"]);
    assert_eq!(pointers_with("/to/value", json!(" ")), ["/to/value"]);
}
