//! A routes file of a NICE CXone tenant: what it may say, and every problem with its pointer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]
#![allow(clippy::needless_pass_by_value, reason = "what a test makes is its to give away")]

use contact_injection::{
    dialects::nice,
    domain::routes::{Address, DefaultSkills, Encoding, OnDoubt, QueueId, Routes, SkillLimits},
};
use serde_json::{Value, json};

fn route(target: Value) -> Value {
    json!({
        "name": "r", "match": {"type": "t"}, "targets": [target], "priority": {"default": 500},
        "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
    })
}

fn item(members: Value) -> Value {
    let mut item = json!({"pointOfContact": "123456 - Orders", "skillId": 4012});
    for (name, value) in members.as_object().unwrap() {
        item[name] = value.clone();
    }
    json!({ "workItem": item })
}

/// The pointer and the words of each problem of a file.
fn problems(file: &Value) -> Vec<(String, String)> {
    let problems = Routes::from_json(file.to_string(), nice::FACTS.routes).unwrap_err().problems;
    problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
}

fn pointers(route: Value) -> Vec<String> {
    problems(&json!({ "routes": [route] })).into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn a_work_item_has_its_members_and_their_defaults() {
    let file = json!({
        "cxone": {"workItemEncoding": "form", "workItemPayloadBytes": 4096},
        "routes": [route(item(json!({"type": "order", "maxQueueCount": 50, "minAgentsLoggedIn": 2, "onDoubt": "resend"})))],
    });
    let routes = Routes::from_json(file.to_string(), nice::FACTS.routes).unwrap();
    let Address::WorkItem(item) = routes.iter().next().unwrap().targets()[0].address().clone() else {
        panic!("an item")
    };
    assert_eq!((item.point_of_contact.as_str(), item.item_type.as_deref()), ("123456 - Orders", Some("order")));
    assert_eq!((item.limits.max_queue_count, item.limits.min_agents_logged_in), (Some(50), 2));
    assert_eq!(item.on_doubt, OnDoubt::Resend);
    assert_eq!((routes.tenant().encoding, routes.tenant().payload_bytes), (Encoding::Form, 4096));
    let limits: Vec<_> = routes.skill_limits(&DefaultSkills::default()).into_iter().collect();
    assert_eq!((limits.len(), limits[0].0.as_str(), limits[0].1), (1, "4012", item.limits));
    let bare = json!({"routes": [route(json!({"workItem": {"pointOfContact": "Orders"}}))]});
    let routes = Routes::from_json(bare.to_string(), nice::FACTS.routes).unwrap();
    let Address::WorkItem(item) = routes.iter().next().unwrap().targets()[0].address().clone() else {
        panic!("an item")
    };
    assert_eq!((item.skill, item.limits.max_queue_count, item.on_doubt), (None, None, OnDoubt::Park));
    assert_eq!((routes.queue_ids(), routes.points_without_skill()), (&[][..], &["Orders".to_owned()][..]));
    assert_eq!((routes.tenant().encoding, routes.tenant().payload_bytes), (Encoding::Json, 51_200));
}

/// What two targets that name no skill come to, where their points of contact are for the same one.
#[test]
fn targets_that_come_to_one_skill_keep_the_tightest_of_their_limits() {
    let target = |point: &str, limits: Value| {
        let mut target = json!({"workItem": {"pointOfContact": point}});
        target["workItem"].as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        target
    };
    let routes = json!({"routes": [{
        "name": "r", "match": {"type": "t"}, "priority": {"default": 1},
        "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"}, "attributes": {},
        "targets": [
            target("Orders", json!({"maxQueueCount": 50, "minAgentsLoggedIn": 1})),
            target("Sales", json!({"maxQueueCount": 20})),
            target("123456 - Bills", json!({"skillId": 4012, "minAgentsLoggedIn": 3})),
            target("Gone", json!({"maxQueueCount": 1})),
            target("Nobody", json!({"maxQueueCount": 2})),
        ],
    }]});
    let routes = Routes::from_json(routes.to_string(), nice::FACTS.routes).unwrap();
    let skill = |id: &str| QueueId::new(id.to_owned());
    let known = [("Orders", skill("4012")), ("Sales", skill("4012")), ("Nobody", None)];
    let known: DefaultSkills = known.into_iter().map(|(point, skill)| (point.to_owned(), skill)).collect();
    let tightest = SkillLimits { max_queue_count: Some(20), min_agents_logged_in: 3 };
    assert_eq!(routes.skill_limits(&known).into_iter().collect::<Vec<_>>(), [(skill("4012").unwrap(), tightest)]);
    assert_eq!(routes.limits_of(&skill("4013").unwrap(), &known), SkillLimits::default());
    assert_eq!(routes.queues_with(&known), [skill("4012").unwrap()]);
    assert_eq!(routes.points_without_skill(), ["Gone", "Nobody", "Orders", "Sales"]);
}

#[test]
fn what_a_tenant_does_not_have_is_refused_with_its_pointer() {
    let with = |name: &str, value: Value| {
        let mut route = route(item(json!({})));
        route[name] = value;
        route
    };
    assert_eq!(pointers(with("channel", json!("voice"))), ["/routes/0/channel"]);
    assert_eq!(pointers(with("wrapUpCode", json!({"value": "W"}))), ["/routes/0/wrapUpCode"]);
    assert_eq!(pointers(route(json!({"queueId": "q"}))), ["/routes/0/targets/0/queueId"]);
    assert_eq!(pointers(route(json!({"skillIds": ["s"]}))), ["/routes/0/targets/0/skillIds"]);
    assert_eq!(pointers(route(json!({}))), ["/routes/0/targets/0"]);
    let mut both = item(json!({}));
    both["queueId"] = json!("q");
    assert_eq!(pointers(route(both)), ["/routes/0/targets/0"]);
    let attributes = json!({"string:a": {"value": "x"}, "number:a": {"value": 1}});
    assert_eq!(pointers(with("attributes", attributes)), ["/routes/0/attributes/string:a"]);
}

#[test]
fn a_target_without_an_address_or_with_two_is_told_so_in_the_words_of_its_api() {
    let told = |target: Value, rules| {
        let mut route = route(target);
        route["channel"] = json!("voice");
        let problems = Routes::from_json(json!({ "routes": [route] }).to_string(), rules).unwrap_err().problems;
        problems.into_iter().find(|problem| problem.pointer == "/routes/0/targets/0").unwrap().message
    };
    let guides = contact_injection::dialects::guide::FACTS.routes;
    assert_eq!(told(json!({}), nice::FACTS.routes), "has no workItem, callback or digital");
    assert_eq!(told(json!({}), guides), "has neither queueId nor skillIds");
    let both = json!({"queueId": "q", "skillIds": ["s"]});
    assert_eq!(told(both, guides), "has both queueId and skillIds");
    let two = json!({"queueId": "q", "workItem": {"pointOfContact": "Orders"}});
    assert_eq!(told(two, guides), "has addresses of two kinds");
}

#[test]
fn each_member_of_a_work_item_is_checked() {
    let at = |name: &str| format!("/routes/0/targets/0/workItem/{name}");
    for (name, value) in [
        ("pointOfContact", json!("")),
        ("pointOfContact", json!("7F1C6F0E-0000-4000-8000-000000000001")),
        ("type", json!("")),
        ("skillId", json!("4012")),
        ("skillId", json!(-1)),
        ("maxQueueCount", json!(0)),
        ("maxQueueCount", json!(1.5)),
        ("minAgentsLoggedIn", json!("two")),
        ("onDoubt", json!("repeat")),
        ("priority", json!(1)),
    ] {
        assert_eq!(pointers(route(item(json!({ name: value })))), [at(name)], "{name}: {value}");
    }
    let mut twice = route(item(json!({})));
    twice["targets"] = json!([item(json!({})), item(json!({"skillId": 4013}))]);
    assert_eq!(pointers(twice), ["/routes/0/targets/1"]);
}

#[test]
fn a_skill_has_the_same_limits_wherever_it_is_named() {
    let mut other = route(item(json!({"maxQueueCount": 20})));
    (other["name"], other["match"]["type"]) = (json!("other"), json!("u"));
    let file = |first: Value| json!({ "routes": [route(item(first)), other] });
    let found = problems(&file(json!({})));
    assert_eq!(found[0].0, "/routes/1/targets/0/workItem");
    assert!(found[0].1.contains("skill 4012 than /routes/0/targets/0/workItem"), "{found:?}");
    assert!(Routes::from_json(file(json!({"maxQueueCount": 20})).to_string(), nice::FACTS.routes).is_ok());
}

#[test]
fn the_tenants_own_member_is_checked_too() {
    let file = |cxone: Value| json!({ "cxone": cxone, "routes": [route(item(json!({})))] });
    for (name, value) in
        [("workItemEncoding", json!("xml")), ("workItemPayloadBytes", json!(1023)), ("colour", json!(1))]
    {
        let found = problems(&file(json!({ name: value })));
        assert_eq!(found[0].0, format!("/cxone/{name}"), "{found:?}");
    }
    let guides = Routes::from_json(file(json!({})).to_string(), contact_injection::dialects::guide::FACTS.routes);
    assert!(guides.unwrap_err().problems.iter().any(|problem| problem.pointer == "/cxone"));
}
