//! What of the digital channels is refused, and how.

use super::*;

/// A sound message with one member another, or gone where that is null.
fn changed(pointer: &str, value: Value) -> Value {
    let mut body = message("m", "t");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => drop(parent.remove(name)),
        value => drop(parent.insert(name.to_owned(), value)),
    }
    body
}

#[test]
fn an_error_names_its_field_and_has_an_identifier() {
    let mut bench = Bench::new(digital());
    let body = bench.write(&changed("/direction", json!("outbound"))).json_body();
    let error = json!({ "field": "direction", "message": "direction must be inbound", "errorCode": "invalid_request" });
    assert_eq!(body["errors"], json!([error]));
    assert!(uuid::Uuid::try_parse(body["uid"].as_str().unwrap()).is_ok());
    assert_eq!(bench.broken(), [Rule::WrongParameter]);
}

#[test]
fn a_message_that_lacks_something_is_refused_by_its_place() {
    let mut bench = Bench::new(digital());
    for field in [
        "idOnExternalPlatform",
        "direction",
        "thread",
        "thread.idOnExternalPlatform",
        "messageContent",
        "messageContent.type",
        "messageContent.payload",
        "messageContent.payload.text",
        "createdAtWithMilliseconds",
        "authorEndUserIdentity",
        "authorEndUserIdentity.idOnExternalPlatform",
    ] {
        let pointer = format!("/{}", field.replace('.', "/"));
        let refused = bench.write(&changed(&pointer, Value::Null));
        assert_eq!(error(&refused), (400, json!("invalid_request"), json!(field)));
        assert_eq!(bench.broken(), [Rule::MissingParameter], "{field}");
    }
    for pointer in ["/idOnExternalPlatform", "/thread/idOnExternalPlatform", "/messageContent/payload/text"] {
        assert_eq!(bench.write(&changed(pointer, json!(""))).status, 400, "{pointer}");
        assert_eq!(bench.broken(), [Rule::MissingParameter], "{pointer}");
    }
    assert_eq!(bench.write(&changed("/recipients", json!([{ "name": "Shop" }]))).status, 400);
    assert_eq!(bench.broken(), [Rule::MissingParameter]);
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_member_that_is_not_known_is_refused_at_every_level() {
    let mut bench = Bench::new(digital());
    for (pointer, value, field) in [
        ("/priority", json!(1), "priority"),
        ("/idonexternalplatform", json!("m"), "idonexternalplatform"),
        ("/thread/id", json!("t"), "thread.id"),
        ("/messageContent/text", json!("t"), "messageContent.text"),
        ("/messageContent/payload/html", json!("t"), "messageContent.payload.html"),
        ("/authorEndUserIdentity/email", json!("t"), "authorEndUserIdentity.email"),
        ("/contact", json!({ "priority": 1 }), "contact.priority"),
        ("/contact", json!({ "customFields": [{ "id": 1 }] }), "contact.customFields"),
        ("/recipients", json!([{ "email": "a@b.example" }]), "recipients.email"),
    ] {
        let refused = bench.write(&changed(pointer, value));
        assert_eq!(error(&refused), (400, json!("invalid_request"), json!(field)));
        assert_eq!(bench.broken(), [Rule::UnknownParameter], "{field}");
    }
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_member_of_another_type_or_form_is_refused() {
    let mut bench = Bench::new(digital());
    for (pointer, value) in [
        ("/idOnExternalPlatform", json!(1)),
        ("/direction", json!("Inbound")),
        ("/thread", json!("t")),
        ("/thread/threadName", json!(1)),
        ("/messageContent/type", json!("text")),
        ("/messageContent/payload/text", json!(["t"])),
        ("/createdAtWithMilliseconds", json!("2024-05-15T14:30:00Z")),
        ("/createdAtWithMilliseconds", json!(START_MS)),
        ("/contact", json!([])),
        ("/contact", json!({ "customFields": {} })),
        ("/contact", json!({ "customFields": ["order"] })),
        ("/recipients", json!({})),
        ("/recipients", json!([{ "idOnExternalPlatform": "shop", "isPrimary": "yes" }])),
        ("/tagIds", json!("1")),
        ("/isReplyToSpecificMessage", json!("no")),
        ("/authorEndUserIdentity/customFields", json!([{ "ident": "x", "value": 1 }])),
    ] {
        assert_eq!(bench.write(&changed(pointer, value.clone())).status, 400, "{pointer}: {value}");
        assert_eq!(bench.broken(), [Rule::WrongParameter], "{pointer}: {value}");
    }
    assert!(bench.tenant.creations().is_empty());
}

#[test]
fn a_custom_field_takes_only_what_its_definition_says() {
    let mut bench = Bench::new(digital());
    for (ident, value) in [
        ("order", "é".repeat(1024)),
        ("order", String::new()),
        ("due", "2024-05-15".to_owned()),
        ("due", "2024-05-15T14:30:00".to_owned()),
        ("due", "2024-05-15T14:30:00.000Z".to_owned()),
        ("mail", "a@b.example".to_owned()),
        ("tier", "gold".to_owned()),
    ] {
        assert_eq!(bench.write(&with_fields(&json!([{ "ident": ident, "value": value }]))).status, 201, "{ident}");
    }
    let long = "i".repeat(256);
    for (field, rule) in [
        (json!({ "ident": "order", "value": "é".repeat(1025) }), Rule::WrongParameter),
        (json!({ "ident": "order", "value": 1 }), Rule::WrongParameter),
        (json!({ "ident": long, "value": "1" }), Rule::WrongParameter),
        (json!({ "ident": "due", "value": "tomorrow" }), Rule::WrongParameter),
        (json!({ "ident": "mail", "value": "a" }), Rule::WrongParameter),
        (json!({ "ident": "tier", "value": "Gold" }), Rule::WrongParameter),
        (json!({ "ident": "", "value": "1" }), Rule::MissingParameter),
        (json!({ "ident": "order" }), Rule::MissingParameter),
        (json!({ "ident": "Order", "value": "1" }), Rule::UnknownCustomField),
        (json!({ "ident": &long[1..], "value": "1" }), Rule::UnknownCustomField),
    ] {
        let refused = bench.write(&with_fields(&json!([field])));
        assert_eq!(error(&refused), (400, json!("invalid_request"), json!("contact.customFields")), "{field}");
        assert_eq!(bench.broken(), [rule], "{field}");
    }
    let twice = json!([{ "ident": "order", "value": "1" }, { "ident": "order", "value": "2" }]);
    assert_eq!(bench.write(&with_fields(&twice)).status, 400);
    assert_eq!(bench.broken(), [Rule::RepeatedParameter]);
}

#[test]
fn a_custom_field_that_went_away_is_no_misuse() {
    let mut bench = Bench::new(digital());
    bench.tenant.config_mut().custom_fields.clear();
    assert_eq!(bench.write(&with_fields(&json!([{ "ident": "order", "value": "1" }]))).status, 400);
    assert!(bench.tenant.misuses().is_empty());
    assert_eq!(bench.broken(), [Rule::UnknownCustomField]);
}

#[test]
fn a_channel_that_is_none_is_404() {
    let mut bench = Bench::new(digital());
    let request = bench.sent_over("chat_0b7c", &message("m", "t"));
    assert_eq!(error(&bench.send(&request)), (404, json!("not_found"), json!(null)));
    assert!(bench.tenant.creations().is_empty() && bench.broken().is_empty());
}

#[test]
fn a_message_is_taken_as_json_alone() {
    let mut bench = Bench::new(digital());
    let bare = bench.at_digital("POST", "/channels/chat_0B7c/messages");
    let asking = bench.at_digital("POST", "/channels/chat_0B7c/messages?version=1");
    let body = message("m", "t").to_string();
    for (request, status, rule) in [
        (bare.clone(), 400, Rule::WrongContentType),
        (bare.clone().with_body(FORM, "direction=inbound"), 415, Rule::WrongContentType),
        (bare.clone().with_body("application/json", ""), 400, Rule::MalformedBody),
        (bare.with_body("application/json", "[]"), 400, Rule::MalformedBody),
        (asking.with_body("application/json", body), 400, Rule::UnknownParameter),
    ] {
        assert_eq!(bench.send(&request).status, status, "{rule:?}");
        assert_eq!(bench.broken(), [rule]);
    }
}

#[test]
fn a_priority_is_a_number_up_to_1000_and_stands_alone() {
    let mut bench = Bench::new(digital());
    bench.write(&message("m", "t"));
    for (body, rule) in [
        (json!({}), Rule::MissingParameter),
        (json!({ "routingQueuePriority": 1001 }), Rule::WrongParameter),
        (json!({ "routingQueuePriority": -1 }), Rule::WrongParameter),
        (json!({ "routingQueuePriority": 1.5 }), Rule::WrongParameter),
        (json!({ "routingQueuePriority": "1" }), Rule::WrongParameter),
        (json!({ "routingQueuePriority": 1, "status": "open" }), Rule::UnknownParameter),
    ] {
        assert_eq!(bench.set_priority("400000000001", &body).status, 400, "{body}");
        assert_eq!(bench.broken(), [rule], "{body}");
    }
    assert_eq!(bench.tenant.creations()[0].priority, None);
}

#[test]
fn the_gates_of_the_services_stand_before_the_digital_channels_too() {
    let rate_limit = RateLimit { limit: 3, ..RateLimit::default() };
    let mut settings = Config { rate_limit, error_text: ErrorText::StatusDescription, ..digital() };
    settings.access_keys[0].denied = vec![Endpoint::CustomFields];
    let mut bench = Bench::new(settings);
    let no_token = Request::new("GET", "/dfo/3.0/channels").with_header("accept", "application/json");
    assert_eq!(error(&bench.send(&no_token)), (401, json!("invalid_token"), json!(null)));
    let unrendered = Request { headers: Vec::new(), ..bench.at_digital("GET", "/channels") }
        .with_header("authorization", &format!("Bearer {}", bench.token));
    let unrendered = bench.send(&unrendered);
    assert_eq!((unrendered.status, unrendered.body.as_str()), (400, "No known way to render data"));
    assert_eq!(error(&bench.read_digital("/agents")), (404, json!("not_found"), json!(null)));
    let denied = bench.read_digital("/consumer-contact-custom-fields");
    assert_eq!(error(&denied), (403, json!("access_denied"), json!(null)));
    let limited = bench.read_digital("/channels");
    assert_eq!(error(&limited), (429, json!("rate_limited"), json!(null)));
    assert_eq!(limited.header("retry-after"), Some("60"));
    assert_eq!(bench.broken(), [Rule::NoToken, Rule::NotAcceptable, Rule::UnknownEndpoint]);
}
