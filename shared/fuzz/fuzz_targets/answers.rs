//! Any answer of CXone is read as something or as nothing. The input is a status, a `Retry-After` and a body, a line
//! each, the body on as many as it likes.
#![no_main]

use std::sync::LazyLock;

use contact_injection::{
    dialects::{HttpResponse, guide},
    domain::{
        attributes::Schema,
        classify::{Answer, ErrorDetail},
        contact::ContactRequest,
        event::Event,
        mapping::{ComplianceBoundary, map},
        routes::{Priority, Routes},
        time::Timestamp,
        token::Token,
    },
};
use libfuzzer_sys::fuzz_target;

/// The request that is answered: a contact of a route of constants.
static REQUEST: LazyLock<ContactRequest> = LazyLock::new(|| {
    let routes = Routes::from_json(
        r#"{"routes": [{
            "name": "r", "match": {"type": "*"}, "channel": "voice", "targets": [{"skillIds": ["s"]}],
            "priority": {"default": 500}, "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "attributes": {"string:notes": {"value": "Jane Doe"}}
        }]}"#,
    );
    let event = Event::parse(r#"{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {}}"#);
    let schema = serde_json::from_str(r#"[{"key": "notes", "type": "string"}]"#).map(Schema::new);
    let (routes, event) = (routes.expect("the route is good"), event.expect("the event is good"));
    let route = routes.select(&event).expect("the route takes any event");
    let contact = map(route, &event, &schema.expect("the schema is good"), ComplianceBoundary::Inside);
    let priority = Priority::effective(route.base_priority(&event), 0, None, 0);
    contact.expect("the event maps").request(route.targets()[0].address(), priority)
});

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(200);
    let now = Timestamp::from_millis(1_790_000_000_000);
    let retry_after = lines.next();
    let response = HttpResponse::new(status, retry_after, lines.next().unwrap_or_default().as_bytes(), now);
    if let Ok(answer) = guide::read_token(&response) {
        assert!((200..300).contains(&status));
        assert_ne!(answer.expires_in, Some(0));
        assert!(Token::obtained(answer, now).expires() >= now);
    }
    match guide::read_contact(&response, &REQUEST) {
        Answer::Created(contact) => assert!((200..300).contains(&status) && !contact.id.is_empty()),
        Answer::Status { detail, .. } => check(&detail.unwrap_or_default()),
        Answer::Silence | Answer::Unreachable => panic!("there is an answer"),
    }
    let _ = guide::read_value(response);
});

/// Nothing is kept of an answer but a code and names that are ours.
fn check(detail: &ErrorDetail) {
    let own: Vec<_> = REQUEST.field_names().collect();
    assert!(detail.fields.iter().all(|name| own.contains(name)), "{detail}");
    let code = detail.code.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic()), "{code}");
}
