//! What must never be seen: secrets, tokens, phone numbers and addresses, in anything that leaves a function.

use cxone_simulator::{Effect, Endpoint, Fault, nice};
use serde_json::{Value, json};

use super::stage::{Function, Scene, Stage, event, record, tenant};

/// Values of the events, in the forms in which they came and in which they are sent.
const PERSONAL: [&str; 7] = [
    "+15550109876",
    "15550109876",
    "pat.doe@example.com",
    "4111 1111 1111 1111",
    "4111111111111111",
    "078-05-1120",
    "Pat Doe",
];

#[tokio::test]
async fn no_secret_token_phone_number_or_address_is_in_any_log_metric_dead_letter_or_table() {
    let stage = Scene::with_clients(2).start().await;
    let with = |id: &str, member: &str, value: Value| {
        let mut event = event("single", id);
        event["data"]["notes"] = json!("pat.doe@example.com, card 4111 1111 1111 1111, SSN 078-05-1120, +15550109876");
        event["data"][member] = value;
        record(event.to_string())
    };
    let personal = json!("pat.doe@example.com");
    let once = |effect| vec![Fault::once(Endpoint::Contacts, effect)];
    let apostrophe =
        json!({"error": "invalid_attribute", "message": "string:notes doesn't accept 'Pat Doe', +15550109876"});
    let lost = vec![Fault::times(3, Endpoint::Contacts, Effect::ResetAfter)];
    let batches = [
        (vec![], vec![with("good", "vip", json!(true)), with("bad-phone", "phone", personal.clone())]),
        (
            vec![],
            vec![with("bad-number", "total", personal.clone()), with("long", "ref", json!("pat.doe@example.com ++"))],
        ),
        (vec![], vec![record("{\"+15550109876\": pat.doe@example.com"), record("[\"pat.doe@example.com\"]")]),
        (vec![], vec![with("good", "total", json!("2.00")), with("good", "vip", json!(true))]),
        (once(Effect::status(400)), vec![with("refused", "vip", json!(true))]),
        (once(Effect::Words { status: 400, body: apostrophe.to_string() }), vec![with("quoted", "vip", json!(true))]),
        (once(Effect::RevokeTokens), vec![with("revoked", "vip", json!(true))]),
        (lost, vec![with("doubt", "vip", json!(true))]),
    ];
    let sync = stage.process(Function::Sync, &[("LOG_LEVEL", "TRACE")]).await;
    sync.invoke(json!({})).await.unwrap();
    let inject = stage.process(Function::Inject, &[("LOG_LEVEL", "TRACE")]).await;
    inject.invoke(json!({"dryRun": {"events": [event("single", "dry")]}})).await.unwrap();
    for (faults, batch) in batches {
        for fault in faults {
            stage.simulator.add_fault(fault);
        }
        inject.invoke(json!({ "Records": batch })).await.unwrap();
    }
    let mut seen = vec![("the inject function's log", inject.output()), ("the sync function's log", sync.output())];
    let letters = stage.dead_letters().await;
    assert!(letters.len() >= 7, "{}", letters.len());
    let details = letters.iter().filter_map(|letter| letter.attributes.get("failureDetail"));
    let said = "CXone answered 400: invalid_attribute: string:notes";
    assert!(details.into_iter().any(|(_, detail)| detail == said), "the code and our own names are kept");
    seen.push((
        "a dead letter's attributes",
        letters
            .iter()
            .flat_map(|letter| &letter.attributes)
            .map(|(name, (_, value))| [name, " ", value, "\n"].concat())
            .collect(),
    ));
    for table in [&stage.tables.ledger, &stage.tables.clients, &stage.tables.registry] {
        seen.push(("a table", format!("{:?}", stage.scan(table).await)));
    }
    let outcomes = ["injected", "duplicate", "dead-lettered", "deferred"];
    assert!(outcomes.iter().all(|outcome| seen[0].1.contains(&format!("\"outcome\":\"{outcome}\""))), "{}", seen[0].1);
    assert!(seen[0].1.contains("ContactsInjected"), "metrics are in it");
    let tokens = stage.simulator.tokens();
    assert!(tokens.len() >= 2);
    let clients = stage.clients();
    let secrets = clients.iter().map(|client| client.client_secret.as_str());
    let forbidden = tokens.iter().map(cxone_simulator::TokenRecord::access_token).chain(secrets).chain(PERSONAL);
    for value in forbidden {
        for (place, text) in &seen {
            let line = text.lines().find(|line| line.contains(value)).unwrap_or_default();
            assert!(!text.contains(value), "{value} is in {place}: {line}");
        }
    }
}

#[tokio::test]
async fn nothing_that_a_callback_or_a_message_carries_is_seen_anywhere_but_at_cxone() {
    let route = |name: &str, target: Value| {
        json!({
            "name": name, "match": { "type": name }, "targets": [target], "priority": { "default": 500 },
            "from": { "path": "$.phone", "format": "e164" }, "to": { "value": "+15550201234" },
            "callbackNumber": { "path": "$.phone", "format": "e164" },
            "attributes": { "string:ref": { "path": "$.ref" } }
        })
    };
    let url = "https://crm.example.com/cases/{ref}?key={key}";
    let routes = json!({ "routes": [
        route("call", json!({ "callback": { "skillId": 4015, "attributes": "drop", "screenPopUrl": url } })),
        route("chat", json!({ "digital": { "channelId": "chat_1", "text": { "path": "$.summary" } } })),
    ]});
    let config = tenant(2)
        .with_skill(nice::Skill { media_type_id: 4, ..nice::Skill::open(4015) })
        .with_channel(nice::Channel::new("chat_1", "Chat"))
        .with_custom_field(nice::CustomField::text("ref"));
    let stage = Stage::with_routes(config, &routes).await;
    let with = |kind: &str, id: &str| {
        let mut event = event(kind, id);
        event["data"]["summary"] = json!("Pat Doe is waiting.");
        event["data"]["ref"] = json!("Pat Doe");
        record(event.to_string())
    };
    let inject = stage.process(Function::Inject, &[("LOG_LEVEL", "TRACE")]).await;
    let words = |endpoint, status| {
        let answer = json!({
            "type": "answer", "status": status, "error": "invalid", "text": "Pat Doe, +15550109876 can't be called",
        });
        Fault::once(endpoint, serde_json::from_value::<nice::Effect>(answer).unwrap())
    };
    for (faults, batch) in [
        (vec![], vec![with("call", "1"), with("chat", "2")]),
        (
            vec![words(nice::Endpoint::Callbacks, 400), words(nice::Endpoint::Messages, 400)],
            vec![with("call", "3"), with("chat", "4")],
        ),
        (vec![words(nice::Endpoint::Callbacks, 500)], vec![with("call", "5")]),
        (vec![Fault::once(nice::Endpoint::Messages, nice::Effect::ResetAfter)], vec![with("chat", "6")]),
        (vec![words(nice::Endpoint::DigitalContact, 400)], vec![with("chat", "7")]),
    ] {
        for fault in faults {
            stage.simulator.add_fault(fault);
        }
        inject.invoke(json!({ "Records": batch })).await.unwrap();
    }
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 3);
    let told: String = letters
        .iter()
        .flat_map(|letter| &letter.attributes)
        .map(|(name, (_, value))| [name, " ", value, "\n"].concat())
        .collect();
    let mut seen = vec![("the log", inject.output()), ("a dead letter's attributes", told)];
    for table in [&stage.tables.ledger, &stage.tables.clients, &stage.tables.registry] {
        seen.push(("a table", format!("{:?}", stage.scan(table).await)));
    }
    assert!(seen[0].1.contains("callback:4015") && seen[0].1.contains("LookUps"), "{}", seen[0].1);
    for value in ["15550109876", "5550109876", "Pat Doe", "Pat%20Doe", "is waiting"] {
        for (place, text) in &seen {
            let line = text.lines().find(|line| line.contains(value)).unwrap_or_default();
            assert!(!text.contains(value), "{value} is in {place}: {line}");
        }
    }
}
