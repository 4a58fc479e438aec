//! Callbacks and digital messages in a routes file: what they may say, and every problem with its pointer; and which
//! of a route's targets takes an event.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]
#![allow(clippy::needless_pass_by_value, reason = "what a test makes is its to give away")]

use contact_injection::{
    dialects::{
        Dialect as _, Submission, Submitted, Unfit,
        nice::{self, Nice},
    },
    domain::{
        attributes::Schema,
        event::Event,
        mapping::ComplianceBoundary,
        problem::Problem,
        routes::{Address, OnDoubt, PhoneFormat, Priority, QueueId, Routes},
        time::Timestamp,
    },
    drafts::{Drafting, Drafts, Undrafted},
};
use serde_json::{Value, json};

fn merged(mut into: Value, members: Value) -> Value {
    into.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    into
}

fn callback(members: Value) -> Value {
    json!({ "callback": merged(json!({"skillId": 4013, "attributes": "drop"}), members) })
}

fn digital(members: Value) -> Value {
    json!({ "digital": merged(json!({"channelId": "chat_0B7c", "text": {"path": "$.summary"}}), members) })
}

fn item() -> Value {
    json!({"workItem": {"pointOfContact": "Orders"}})
}

fn route(targets: Value) -> Value {
    json!({
        "name": "r", "match": {"type": "t"}, "targets": targets, "priority": {"default": 500},
        "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
        "callbackNumber": {"path": "$.phone"},
        "attributes": {"string:ref": {"path": "$.ref"}, "string:note": {"path": "$.note", "overflow": "truncate"}},
    })
}

fn file(route: Value) -> Result<Routes, Vec<(String, String)>> {
    let routes = Routes::from_json(json!({ "routes": [route] }).to_string(), nice::FACTS.routes);
    routes.map_err(|error| error.problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect())
}

fn pointers(route: Value) -> Vec<String> {
    file(route).unwrap_err().into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn a_callback_and_a_message_have_their_members_and_their_defaults() {
    let whole = callback(json!({
        "callerId": "+15550201234", "acceleration": 3, "maxPriority": 900, "phoneFormat": "national",
        "screenPopUrl": "https://x.example/{ref}", "maxQueueCount": 20, "minAgentsLoggedIn": 1, "onDoubt": "resend",
    }));
    let routes = file(route(json!([whole, digital(json!({"skillId": 4014, "onDoubt": "park"}))]))).unwrap();
    let targets = routes.iter().next().unwrap().targets().to_vec();
    let Address::Callback(callback) = targets[0].address() else { panic!("a callback") };
    assert_eq!((callback.skill.as_str(), callback.caller_id.as_deref()), ("4013", Some("+15550201234")));
    assert_eq!((callback.acceleration, callback.max_priority), (Some(3), Some(900)));
    assert_eq!((callback.phone_format, callback.on_doubt), (PhoneFormat::National, OnDoubt::Resend));
    assert_eq!((callback.limits.max_queue_count, callback.limits.min_agents_logged_in), (Some(20), 1));
    assert!(callback.screen_pop.is_some());
    assert_eq!(
        (targets[1].address().to_string().as_str(), targets[1].address().on_doubt()),
        ("digital:chat_0B7c", OnDoubt::Park)
    );
    let queues: Vec<_> = routes.queue_ids().iter().map(QueueId::as_str).collect();
    assert_eq!((queues.as_slice(), routes.has_digital()), (["4013", "4014"].as_slice(), true));
    let routes = file(route(json!([self::callback(json!({})), digital(json!({}))]))).unwrap();
    let targets = routes.iter().next().unwrap().targets().to_vec();
    let defaults: Vec<_> = targets.iter().map(|target| target.address().on_doubt()).collect();
    assert_eq!(defaults, [OnDoubt::Park, OnDoubt::LookUp]);
    assert_eq!(targets[1].address().queue(), None);
}

#[test]
fn each_member_of_a_callback_is_checked() {
    let at = |name: &str| format!("/routes/0/targets/0/callback/{name}");
    for (name, value) in [
        ("skillId", json!("4013")),
        ("skillId", json!(0)),
        ("callerId", json!("")),
        ("acceleration", json!(1001)),
        ("maxPriority", json!(1001)),
        ("maxPriority", json!(499)),
        ("phoneFormat", json!("E164")),
        ("screenPopUrl", json!("crm.example/{ref}")),
        ("screenPopUrl", json!("https://{ref}.example/")),
        ("screenPopUrl", json!("javascript://x/{ref}")),
        ("screenPopUrl", json!("https://x.example/{other}")),
        ("screenPopUrl", json!("https://x.example/{string:ref}")),
        ("attributes", json!("keep")),
        ("maxQueueCount", json!(0)),
        ("onDoubt", json!("lookUp")),
        ("text", json!({"value": "x"})),
    ] {
        assert_eq!(pointers(route(json!([callback(json!({ name: value }))]))), [at(name)], "{name}: {value}");
    }
    let mut shadowed = route(json!([callback(json!({"screenPopUrl": "https://x.example/{key}"}))]));
    assert!(file(shadowed.clone()).is_ok());
    shadowed["attributes"]["string:key"] = json!({"path": "$.key"});
    assert_eq!(pointers(shadowed), [at("screenPopUrl")]);
    let bare = json!({"callback": {"attributes": "drop"}});
    assert_eq!(pointers(route(json!([bare]))), [at("skillId")]);
    let twice = json!([callback(json!({})), callback(json!({"callerId": "+15550201234"}))]);
    assert_eq!(pointers(route(twice)), ["/routes/0/targets/1"]);
}

#[test]
fn a_callback_needs_a_number_and_says_that_it_drops_attributes() {
    let undropped = json!({"callback": {"skillId": 4013}});
    let told = file(route(json!([undropped]))).unwrap_err();
    assert_eq!(told[0].0, "/routes/0/targets/0/callback/attributes");
    assert!(told[0].1.contains("carries no attributes"), "{told:?}");
    let mut without = route(json!([item(), undropped]));
    without.as_object_mut().unwrap().remove("attributes");
    assert!(file(without.clone()).is_ok(), "there are none to be dropped");
    without["flatten"] = json!({"path": "$.order", "prefix": "order"});
    assert_eq!(pointers(without.clone()), ["/routes/0/targets/1/callback/attributes"]);
    without["targets"][1]["callback"]["attributes"] = json!("drop");
    without["targets"][1]["callback"]["screenPopUrl"] = json!("https://x.example/{orderRef}?k={key}");
    assert!(file(without.clone()).is_ok());
    without.as_object_mut().unwrap().remove("callbackNumber");
    assert_eq!(pointers(without), ["/routes/0/callbackNumber"]);
}

#[test]
fn each_member_of_a_message_is_checked() {
    let at = |name: &str| format!("/routes/0/targets/0/digital/{name}");
    for (name, value, pointer) in [
        ("channelId", json!(""), "channelId"),
        ("channelId", json!("a b"), "channelId"),
        ("channelId", json!(".."), "channelId"),
        ("channelId", json!("x".repeat(129)), "channelId"),
        ("text", json!({}), "text"),
        ("text", json!({"path": "$..["}), "text/path"),
        ("text", json!({"path": "$.a", "pii": "redact"}), "text/pii"),
        ("onDoubt", json!("resend"), "onDoubt"),
        ("callerId", json!("x"), "callerId"),
    ] {
        assert_eq!(pointers(route(json!([digital(json!({ name: value }))]))), [at(pointer)], "{name}: {value}");
    }
    let mut silent = digital(json!({}));
    silent["digital"].as_object_mut().unwrap().remove("text");
    assert_eq!(pointers(route(json!([silent]))), [at("text")]);
    let twice = json!([digital(json!({})), digital(json!({"skillId": 1}))]);
    assert_eq!(pointers(route(twice)), ["/routes/0/targets/1"]);
}

#[test]
fn the_guides_api_has_neither_and_a_target_is_one_of_them() {
    for (target, member) in [(callback(json!({})), "callback"), (digital(json!({})), "digital")] {
        let mut route = route(json!([target]));
        route["channel"] = json!("voice");
        let guides = contact_injection::dialects::guide::FACTS.routes;
        let problems = Routes::from_json(json!({"routes": [route]}).to_string(), guides).unwrap_err().problems;
        assert_eq!(problems[0].pointer, format!("/routes/0/targets/0/{member}"));
    }
    let both = merged(callback(json!({})), digital(json!({})));
    assert_eq!(pointers(route(json!([both]))), ["/routes/0/targets/0"]);
    let limited = json!([callback(json!({"maxQueueCount": 5})), merged(item(), json!({"priorityDelta": 1}))]);
    let mut routes = json!({ "routes": [route(limited), route(json!([digital(json!({"skillId": 4013}))]))] });
    routes["routes"][1]["name"] = json!("other");
    routes["routes"][1]["match"]["type"] = json!("u");
    let problems = Routes::from_json(routes.to_string(), nice::FACTS.routes).unwrap_err().problems;
    assert_eq!(problems[0].pointer, "/routes/1/targets/0/digital", "one skill has one queue");
}

#[test]
fn a_constant_is_as_long_as_every_target_takes() {
    let with = |targets: Value, length: usize| {
        let mut route = route(targets);
        route["attributes"]["string:long"] = json!({"value": "x".repeat(length)});
        file(route).is_ok()
    };
    let (all, mixed) = (json!([digital(json!({}))]), json!([digital(json!({})), item()]));
    let longest = [with(all.clone(), 1024), with(all, 1025), with(mixed.clone(), 255), with(mixed, 256)];
    assert_eq!(longest, [true, false, true, false]);
}

#[test]
fn where_digital_channels_are_is_a_url() {
    for (url, good) in [
        ("https://api-de-na1.niceincontact.com", true),
        ("https://api-de-na1.niceincontact.com/path/", true),
        ("http://127.0.0.1:9", true),
        ("http://api-de-na1.niceincontact.com", false),
        ("https://user@api-de-na1.niceincontact.com", false),
        ("https://api-de-na1.niceincontact.com/?x", false),
        ("api-de-na1", false),
        ("ftp://x.example", false),
    ] {
        let file = json!({"cxone": {"digitalBaseUrl": url}, "routes": [route(json!([digital(json!({}))]))]});
        let read = Routes::from_json(file.to_string(), nice::FACTS.routes);
        assert_eq!(read.is_ok(), good, "{url}");
        assert!(read.is_ok() || read.unwrap_err().problems[0].pointer == "/cxone/digitalBaseUrl");
    }
}

/// An event's contacts by these targets.
fn drafts(targets: Value, data: Value, schema: Option<&Schema>) -> (Result<Drafts, Undrafted>, Routes) {
    let routes = file(route(targets)).unwrap();
    let event = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data});
    let event = Event::parse(&event.to_string()).unwrap();
    let nice = Nice::new(nice::ISSUER, nice::VERSION, None, &routes).unwrap();
    let drafting = Drafting { dialect: &nice, schema, boundary: ComplianceBoundary::Outside };
    let drafts = drafting.of(routes.iter().next().unwrap(), &event, &Submitted::from(event.identity()));
    (drafts, routes)
}

fn problems(drafted: Result<Drafts, Undrafted>) -> Vec<Problem> {
    match drafted {
        Err(Undrafted::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

/// What is asked for at the target of this place.
fn asked(drafts: &Drafts, routes: &Routes, place: usize) -> Value {
    let route = routes.iter().next().unwrap();
    let event = Event::parse(r#"{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {}}"#).unwrap();
    let nice = Nice::new(nice::ISSUER, nice::VERSION, None, routes).unwrap();
    nice.contact_body(&Submission {
        contact: drafts.of(place).unwrap(),
        address: route.targets()[place].address(),
        priority: Priority::try_from(1).unwrap(),
        route: route.name(),
        event: event.identity().into(),
        at: Timestamp::default(),
    })
}

#[test]
fn what_one_kind_needs_is_a_problem_only_where_no_target_is_left() {
    let any = Schema::unrestricted();
    let all = || json!([callback(json!({})), digital(json!({})), item()]);
    let (drafted, _) = drafts(all(), json!({}), Some(&any));
    let drafted = drafted.unwrap();
    let fits: Vec<_> = (0..3).map(|place| drafted.of(place).is_ok()).collect();
    assert_eq!((fits, drafted.problems().count()), (vec![false, false, true], 2));
    let picky = json!([callback(json!({})), digital(json!({}))]);
    let told = problems(drafts(picky.clone(), json!({}), Some(&any)).0);
    let told: Vec<_> = told.iter().map(|problem| (problem.code.as_str(), problem.pointer.as_deref())).collect();
    assert_eq!(told, [("mapping-failed", Some("/data/phone")), ("mapping-failed", Some("/data/summary"))]);
    let told = problems(drafts(picky.clone(), json!({"phone": "call me", "summary": "  "}), Some(&any)).0);
    assert!(told[0].message.contains("is not an international phone number") && told[1].message.contains("is empty"));
    assert!(drafts(picky, json!({"summary": "x"}), Some(&any)).0.is_ok());
}

#[test]
fn a_number_and_a_text_are_as_their_targets_have_them() {
    let targets = json!([callback(json!({"phoneFormat": "national"})), digital(json!({})), item()]);
    let data = json!({"phone": "+1 (555) 010-9876", "summary": "card 4111 1111 1111 1111, pat@example.com"});
    let any = Schema::unrestricted();
    let (drafted, routes) = drafts(targets, data, Some(&any));
    let drafted = drafted.unwrap();
    assert_eq!(asked(&drafted, &routes, 0)["callback"]["phoneNumber"], "5550109876");
    let said = asked(&drafted, &routes, 1)["digital"]["message"]["messageContent"]["payload"]["text"].clone();
    let said = said.as_str().unwrap().to_owned();
    assert!(!said.contains("4111") && !said.contains("pat@"), "{said}");
    let payload = &asked(&drafted, &routes, 2)["workItem"]["workItemPayload"];
    assert_eq!(payload["callbackNumber"], "+1 (555) 010-9876", "as it was mapped");
}

#[test]
fn a_text_that_only_a_channel_takes_is_cut_for_the_others_or_passes_them_over() {
    let any = Schema::unrestricted();
    let targets = || json!([digital(json!({})), item()]);
    let long = "é".repeat(1024);
    let (drafted, routes) = drafts(targets(), json!({"summary": "x", "note": long, "ref": "r"}), Some(&any));
    let drafted = drafted.unwrap();
    let fields = asked(&drafted, &routes, 0)["digital"]["message"]["contact"]["customFields"].clone();
    assert_eq!(fields[0], json!({"ident": "note", "value": "é".repeat(1024)}));
    let payload = &asked(&drafted, &routes, 1)["workItem"]["workItemPayload"];
    assert_eq!(payload["attributes"]["note"], "é".repeat(255));
    // One that may not be cut.
    let (drafted, _) = drafts(targets(), json!({"summary": "x", "ref": "r".repeat(256)}), Some(&any));
    let drafted = drafted.unwrap();
    let Err(Unfit::Problem(problem)) = drafted.of(1) else { panic!("a problem") };
    assert_eq!((problem.code.as_str(), problem.attribute.as_deref()), ("invalid-attribute", Some("string:ref")));
    let told = problems(drafts(json!([item()]), json!({"ref": "r".repeat(256)}), Some(&any)).0);
    assert_eq!(told[0].code.as_str(), "invalid-attribute");
    let told = problems(drafts(targets(), json!({"summary": "x", "ref": "r".repeat(1025)}), Some(&any)).0);
    assert!(told[0].message.contains("longer than 1024 characters"), "{told:?}");
}

#[test]
fn nothing_goes_into_a_channel_unchecked_and_nothing_else_waits_for_that() {
    let data = || json!({"phone": "+15550109876", "summary": "x", "ref": "r"});
    let (drafted, _) = drafts(json!([digital(json!({})), item()]), data(), None);
    let drafted = drafted.unwrap();
    assert_eq!((drafted.of(0).err(), drafted.of(1).is_ok()), (Some(&Unfit::NoSchema), true));
    assert_eq!(drafted.problems().count(), 0, "it is no fault of the event's");
    let alone = json!([digital(json!({})), callback(json!({}))]);
    assert!(matches!(drafts(alone, json!({"summary": "x"}), None).0, Err(Undrafted::NoSchema)));
    assert!(drafts(json!([item()]), data(), None).0.is_ok());
    let none = Schema::new(Vec::new());
    let (drafted, _) = drafts(json!([digital(json!({})), item()]), data(), Some(&none));
    let drafted = drafted.unwrap();
    let Err(Unfit::Problem(problem)) = drafted.of(0) else { panic!("a problem") };
    assert_eq!(problem.code.as_str(), "unregistered-attribute");
    assert!(drafted.of(1).is_ok());
}
