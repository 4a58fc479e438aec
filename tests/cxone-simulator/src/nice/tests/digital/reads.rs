//! What of the digital channels can be read.

use super::*;

fn found(answer: &HttpAnswer) -> (u64, Vec<String>) {
    let body = answer.json_body();
    let id = |row: &Value| row["idOnExternalPlatform"].as_str().unwrap().to_owned();
    (body["hits"].as_u64().unwrap(), body["data"].as_array().unwrap().iter().map(id).collect())
}

/// A bench with three messages, the last one in the other channel.
fn bench(settings: Config) -> Bench {
    let mut bench = Bench::new(settings);
    bench.write(&message("a", "t"));
    bench.write(&message("b", "u"));
    let elsewhere = bench.sent_over("mail_1", &message("a", "t"));
    bench.send(&elsewhere);
    bench
}

#[test]
fn the_search_finds_messages_by_identifier_and_by_channel() {
    let mut bench = bench(digital());
    for (query, hits, ids) in [
        ("", 3, vec!["a", "b", "a"]),
        ("?idOnExternalPlatform[]=a", 2, vec!["a", "a"]),
        ("?idOnExternalPlatform%5B%5D=a&channel%5B%5D=chat_0B7c", 1, vec!["a"]),
        ("?IDONEXTERNALPLATFORM[]=a&idOnExternalPlatform[]=b&channel[]=chat_0B7c", 2, vec!["a", "b"]),
        ("?channel[]=mail_1&channel[]=chat_0B7c", 3, vec!["a", "b", "a"]),
        ("?channel[]=chat_0b7c", 0, vec![]),
        ("?idOnExternalPlatform[]=A", 0, vec![]),
    ] {
        let answer = bench.read_digital(&format!("/messages{query}"));
        assert_eq!(
            (answer.status, found(&answer)),
            (200, (hits, ids.into_iter().map(str::to_owned).collect())),
            "{query}"
        );
    }
    assert!(bench.broken().is_empty());
}

#[test]
fn the_search_shows_a_message_as_its_sender_was_answered() {
    let mut bench = Bench::new(digital());
    let told = bench.write(&message("a", "t")).json_body()["message"].clone();
    assert_eq!(bench.read_digital("/messages").json_body()["data"], json!([told]));
}

#[test]
fn a_filter_that_the_search_does_not_act_on_or_that_is_empty_is_refused() {
    let mut bench = bench(digital());
    for query in ["idOnExternalPlatform=a", "thread[]=t", "limit=1", "channel[0]=chat_0B7c"] {
        assert_eq!(bench.read_digital(&format!("/messages?{query}")).status, 400, "{query}");
    }
    assert_eq!(bench.broken(), [Rule::UnknownParameter; 4]);
    assert_eq!(bench.read_digital("/messages?channel[]=").status, 400);
    assert_eq!(bench.broken(), [Rule::MissingParameter]);
}

#[test]
fn the_search_lags_behind_by_so_many_seconds() {
    let mut bench = bench(Config { search_lag_seconds: 90, ..digital() });
    bench.now_ms += 60_000;
    bench.write(&message("c", "v"));
    bench.now_ms += 29_999;
    assert_eq!(found(&bench.read_digital("/messages")).0, 0);
    bench.now_ms += 1;
    assert_eq!(found(&bench.read_digital("/messages")).0, 3);
    bench.now_ms += 60_000;
    assert_eq!(found(&bench.read_digital("/messages")).0, 4);
}

#[test]
fn the_search_can_ignore_what_it_is_asked_for() {
    let mut bench = bench(Config { search_ignores_filters: true, ..digital() });
    let all = vec!["a".to_owned(), "b".to_owned(), "a".to_owned()];
    assert_eq!(found(&bench.read_digital("/messages?idOnExternalPlatform[]=z&channel[]=mail_1")), (3, all));
    assert_eq!(bench.read_digital("/messages?limit=1").status, 400);
}

#[test]
fn one_answer_of_the_search_holds_a_page_and_counts_all() {
    let mut bench = bench(Config { search_page: 2, ..digital() });
    assert_eq!(found(&bench.read_digital("/messages")), (3, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(Config::default().search_page, 25);
}

#[test]
fn channels_are_listed_in_pages_and_read_one_by_one() {
    let mut bench = Bench::new(digital());
    let chat = json!({ "id": CHANNEL, "name": "Chat", "realExternalPlatformId": "chat", "isPrivate": false });
    let mail = json!({ "id": "mail_1", "name": "Mail", "realExternalPlatformId": "mail", "isPrivate": false });
    assert_eq!(bench.read_digital("/channels").json_body(), json!([chat, mail]));
    assert_eq!(bench.read_digital("/channels?size=1&page=2").json_body(), json!([mail]));
    assert_eq!(bench.read_digital("/channels?size=2&page=2").json_body(), json!([]));
    assert_eq!(bench.read_digital("/channels?page=2").json_body(), json!([]));
    assert_eq!(bench.read_digital("/Channels/chat_0B7c").json_body(), chat);
    assert_eq!(error(&bench.read_digital("/channels/chat_0b7c")), (404, json!("not_found"), json!(null)));
    assert!(bench.broken().is_empty());
    for query in ["?size=0", "?page=0", "?page=one"] {
        assert_eq!(bench.read_digital(&format!("/channels{query}")).status, 400, "{query}");
    }
    assert_eq!(bench.broken(), [Rule::WrongParameter; 3]);
}

#[test]
fn custom_fields_show_their_type_and_a_list_its_values() {
    let mut bench = Bench::new(digital());
    let fields = bench.read_digital("/consumer-contact-custom-fields").json_body();
    let order = json!({ "ident": "order", "label": "order", "type": "text", "required": false, "isEditable": true });
    assert_eq!(fields[0], order);
    assert_eq!((&fields[1]["type"], &fields[2]["type"]), (&json!("date"), &json!("email")));
    let values = json!([{ "name": "gold", "value": "gold" }, { "name": "silver", "value": "silver" }]);
    assert_eq!((&fields[3]["label"], &fields[3]["required"]), (&json!("Tier"), &json!(true)));
    assert_eq!((&fields[3]["type"], &fields[3]["values"]), (&json!("list"), &values));
}

#[test]
fn settings_of_digital_channels_read_from_json() {
    let settings: Config = serde_json::from_value(json!({
        "channels": [{ "id": CHANNEL, "name": "Chat" }],
        "customFields": [{ "ident": "order" }, { "ident": "tier", "type": "list", "values": ["gold"] }],
        "duplicateMessages": "conflict-409", "searchLagSeconds": 60, "searchIgnoresFilters": true, "searchPage": 2,
        "callbackContactId": false,
        "faults": [{ "endpoint": "digital-contact", "effect": { "type": "answer", "status": 429 } }],
    }))
    .unwrap();
    assert_eq!(settings.custom_fields[0], CustomField::text("order"));
    assert_eq!(settings.duplicate_messages, DuplicateMessages::Conflict);
    assert_eq!((settings.search_lag_seconds, settings.search_page), (60, 2));
    for broken in [json!({ "duplicateMessages": "none" }), json!({ "channels": [{ "id": "x", "title": "y" }] })] {
        assert!(serde_json::from_value::<Config>(broken).is_err());
    }
}
