//! Any answer of CXone is read as something or as nothing. The input is a status, a `Retry-After` and a body, a line
//! each, the body on as many as it likes.
#![no_main]

use std::sync::LazyLock;

use contact_injection::{
    dialects::{
        Dialect as _, HealthOfAll as _, HttpReply, HttpResponse, RegisteredAttributes, Submission, TokenSearch,
        TokenStep,
        guide::{self, Guide},
        nice::{self, Nice},
        survey::{DefaultSkill, Survey as _, default_skills},
    },
    domain::{
        attributes::Schema,
        contact::Contact,
        contact_result::{ContactResult, ErrorDetail},
        credentials::{AccessKey, Credentials, KeyClient},
        event::Event,
        idempotency::IdempotencyKey,
        mapping::{ComplianceBoundary, map},
        routes::{Address, DefaultSkills, Priority, QueueId, Route, Routes, SkillLimits, Target},
        time::Timestamp,
        token::{Endpoints, GrantedToken, Token},
    },
};
use libfuzzer_sys::fuzz_target;

/// The routes of a NICE CXone tenant.
static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let routes = include_str!("../../../tests/fixtures/cxone/routes.json");
    Routes::from_json(routes, nice::FACTS.routes).expect("the routes are good")
});

/// A NICE CXone tenant, and an access key of it.
static TENANT: LazyLock<(Nice, Credentials)> = LazyLock::new(|| {
    let routes = &*ROUTES;
    let nice = Nice::new("https://cxone.niceincontact.com", "v34.0", None, routes).expect("the issuer is a URL");
    let through = KeyClient::Client("c".to_owned(), "hush".into());
    (nice, Credentials::access_key("KEY1", AccessKey { secret: "s".into(), through }))
});

/// The same answer to each request of a tenant's: nothing is created but by a 200, 201 or 202, nothing clears a doubt,
/// and nobody is sent to a stranger.
fn as_a_tenants(status: u16, queue: &QueueId, now: Timestamp, reply: &HttpReply) {
    let (nice, credentials) = &*TENANT;
    let asked = |token: Option<&str>, granted: bool| TokenSearch {
        found: Endpoints { token: token.map(str::to_owned), api: None },
        granted: granted.then(|| {
            let granted = GrantedToken { access_token: "t".into(), expires_in: None, endpoints: Endpoints::default() };
            (granted, "tenant".to_owned())
        }),
        ..TokenSearch::default()
    };
    for search in [asked(None, false), asked(Some("https://cxone.niceincontact.com/t"), false), asked(None, true)] {
        let endpoints = match nice.read_token(credentials, search, reply).meaning {
            Ok(TokenStep::Granted(granted)) => granted.endpoints,
            Ok(TokenStep::Further(search)) => search.found,
            Err(_) => continue,
        };
        assert!((200..300).contains(&status));
        assert!([endpoints.token, endpoints.api].iter().flatten().all(|url| nice.hosts().allow(url)));
    }
    let key = IdempotencyKey::of_event("/s", "1");
    for address in ROUTES.iter().flat_map(Route::targets).map(Target::address) {
        match nice.read_contact(&REQUEST.0, address, reply).meaning {
            ContactResult::Injected(_) => assert!((200..=202).contains(&status)),
            ContactResult::Refused { clears_doubt, .. } => assert!((400..500).contains(&status) && !clears_doubt),
            ContactResult::Lost(_) => panic!("a tenant tells of no loss"),
            ContactResult::InDoubt(_) => {}
        }
        let Some(afterwards) = nice.afterwards(address) else { continue };
        if afterwards.read_look_up(address, key, reply).meaning.is_ok() {
            assert!((200..300).contains(&status));
        }
    }
    if RegisteredAttributes::read_schema(nice, reply).meaning.is_ok() {
        assert!((200..300).contains(&status));
    }
    if let Ok(there) = nice.read_channel("chat_0B7c", reply).meaning {
        assert!(if there { (200..300).contains(&status) } else { status == 404 });
    }
    let limits = ROUTES.skill_limits(&DefaultSkills::default());
    let _ = nice.read_queue_health(queue, limits.get(queue).copied().unwrap_or_default(), now, reply);
    if let Ok(all) = nice.read_every_health(&limits, now, reply).meaning {
        assert!((200..300).contains(&status) && all.len() <= limits.len());
    }
    if let Ok(points) = nice.read_points(reply).meaning {
        let names = points.iter().map(|point| point.name.clone()).collect::<Vec<_>>();
        let known = default_skills(&names, &points);
        for skill in names.iter().filter_map(|name| known.skill_of(name)) {
            assert!(points.iter().any(|point| point.default_skill == DefaultSkill::Skill(skill.clone())));
        }
    }
}

/// The contact that is answered, and the members and keys of its request: a route of constants makes it.
static REQUEST: LazyLock<(Contact, Vec<String>)> = LazyLock::new(|| {
    let routes = Routes::from_json(
        r#"{"routes": [{
            "name": "r", "match": {"type": "*"}, "channel": "voice", "targets": [{"skillIds": ["s"]}],
            "priority": {"default": 500}, "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "attributes": {"string:notes": {"value": "Jane Doe"}}
        }]}"#,
        guide::FACTS.routes,
    );
    let event = Event::parse(r#"{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {}}"#);
    let schema = serde_json::from_str(r#"[{"key": "notes", "type": "string"}]"#).map(Schema::new);
    let (routes, event) = (routes.expect("the route is good"), event.expect("the event is good"));
    let route = routes.select(&event).expect("the route takes any event");
    let contact = map(route, &event, &schema.expect("the schema is good"), ComplianceBoundary::Inside);
    let contact = contact.expect("the event maps");
    let priority = Priority::effective(route.base_priority(&event), 0, None, 0);
    let submission = Submission {
        contact: &contact,
        address: route.targets()[0].address(),
        priority,
        route: route.name(),
        event: event.identity().into(),
        at: Timestamp::default(),
    };
    let body = Guide.contact_body(&submission);
    let members = body.as_object().expect("an object").keys();
    let attributes = body["attributes"].as_object().expect("an object").keys();
    let optional = ["queueId", "callbackNumber", "wrapUpCode"].map(str::to_owned);
    let names = members.chain(attributes).cloned().chain(optional).collect();
    (contact, names)
});

/// Where it went.
static ADDRESS: LazyLock<Address> = LazyLock::new(|| Address::Skills(vec!["s".to_owned()]));

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(200);
    let now = Timestamp::from_millis(1_790_000_000_000);
    let retry_after = lines.next();
    let response = HttpResponse::new(status, retry_after, lines.next().unwrap_or_default().as_bytes(), now);
    let reply = HttpReply::Answered(response);
    let credentials = Credentials::client("c", "s".into());
    if let Ok(TokenStep::Granted(answer)) = Guide.read_token(&credentials, TokenSearch::default(), &reply).meaning {
        assert!((200..300).contains(&status));
        assert_ne!(answer.expires_in, Some(0));
        assert!(Token::obtained(answer, now).expires() >= now);
    }
    let (contact, names) = &*REQUEST;
    match Guide.read_contact(contact, &ADDRESS, &reply).meaning {
        ContactResult::Injected(created) | ContactResult::Lost(created) => {
            assert!((200..300).contains(&status) && !created.id.is_empty());
        }
        ContactResult::Refused { detail, .. } => {
            assert!((400..500).contains(&status));
            check(&detail.unwrap_or_default(), names);
        }
        ContactResult::InDoubt(_) => {}
    }
    let queue = QueueId::new("q-1".to_owned()).expect("an id");
    let _ = (Guide.read_queue_health(&queue, SkillLimits::default(), now, &reply), Guide.read_schema(&reply));
    as_a_tenants(status, &queue, now, &reply);
});

/// Nothing is kept of an answer but a code and names that are ours.
fn check(detail: &ErrorDetail, names: &[String]) {
    assert!(detail.fields.iter().all(|name| names.contains(name)), "{detail}");
    let code = detail.code.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic()), "{code}");
}
