//! The main job, end to end: what ends each delivery, and how.

use std::time::Duration;

use cxone_simulator::{Effect, Endpoint, Fault, Queue};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::stage::{FALLBACK, PRIMARY, Scene, Stage, event, key_of, record};

#[tokio::test]
async fn an_injected_contact_carries_exactly_the_guides_payload() {
    let stage = Stage::usual().await;
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    let contacts = stage.simulator.contacts();
    let expected = json!({
        "type": "contact", "channel": "voice", "queueId": PRIMARY, "priority": 750,
        "from": "+15550109876", "to": "+15550201234", "callbackNumber": "+15550109876",
        "wrapUpCode": "INJECTED_CONTACT",
        "attributes": {
            "string:externalSource": "CRM_ORDER_UPDATE", "number:orderValue": 1250.0,
            "boolean:isPriorityCustomer": true, "string:tenantRefId": "ORD-2024-8842"
        }
    });
    assert_eq!((contacts.len(), &contacts[0].request), (1, &expected));
    assert_eq!(contacts[0].idempotency_key, key_of("1").to_string());
    assert_eq!(stage.depth().await, (0, 0), "what was injected is acknowledged");
}

#[tokio::test]
async fn the_same_identity_is_a_duplicate_whoever_delivers_it_and_however_it_is_wrapped() {
    let stage = Stage::usual().await;
    let bare = event("order", "1");
    assert_eq!(stage.ends(&stage.worker(), std::slice::from_ref(&bare)).await, ["injected"]);
    let wrapped = json!({"Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": bare.to_string()});
    stage.send(&wrapped).await;
    stage.send(&bare).await;
    assert!(stage.deliver(&stage.worker()).await.is_empty());
    assert_eq!(stage.log.outcomes_of("1"), ["injected", "duplicate", "duplicate"]);
    assert_eq!(stage.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn other_data_under_an_injected_identity_is_a_conflict_and_another_envelope_is_not() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let first = event("order", "1");
    assert_eq!(stage.ends(&worker, std::slice::from_ref(&first)).await, ["injected"]);
    let mut envelope = first.clone();
    envelope["subject"] = json!("told again");
    assert_eq!(stage.ends(&worker, &[envelope]).await, ["duplicate"]);
    let mut changed = first;
    changed["data"]["total"] = json!("99.00");
    assert_eq!(stage.ends(&worker, &[changed]).await, ["dead-lettered conflict"]);
    assert_eq!(stage.simulator.contacts().len(), 1);
    assert_eq!(stage.dead_letters().await[0].attribute("idempotencyKey"), key_of("1").to_string());
}

#[tokio::test]
async fn every_kind_of_bad_body_is_dead_lettered_alone_while_the_others_are_injected() {
    let stage = Stage::usual().await;
    let good = |id: &str| record(event("order", id).to_string());
    let nested = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let utf16 = r#"{"specversion":"1.0","id":"u","source":"/crm","type":"order","data":{"ref":"\ud800"}}"#;
    let twice = r#"{"specversion":"1.0","id":"a","id":"b","source":"/crm","type":"order","data":{}}"#;
    let bad = [
        record("{\"specversion\": "),
        record("[1, 2, 3]"),
        record("\"an order\""),
        record(json!({"specversion": "1.0", "id": "x"}).to_string()),
        record(json!({"specversion": "1.0", "id": "told", "source": "/crm", "type": "order"}).to_string()),
        record(utf16),
        record(twice),
        record(" "),
    ];
    let mut batch = vec![good("first")];
    batch.extend(bad.iter().cloned());
    batch.push(good("last"));
    assert_eq!(stage.worker().batch(&batch).await, Vec::<String>::new());
    assert_eq!(stage.simulator.contacts().len(), 2);
    let letters = stage.dead_letters().await;
    assert!(letters.iter().all(|letter| letter.reason() == "malformed-event"), "{letters:?}");
    assert_eq!(stage.log.outcomes_of("told"), ["dead-lettered malformed-event"], "by its id, since that could be read");
    let mut buried: Vec<_> = letters.into_iter().map(|letter| letter.body).collect();
    let mut sent: Vec<_> = bad.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect();
    buried.sort_unstable();
    sent.sort_unstable();
    assert_eq!(buried, sent, "no body is altered");
    // As large as SQS takes them.
    let large = [record(nested), record("x".repeat(1_048_576)), good("beside them")];
    assert_eq!(stage.worker().batch(&large).await, Vec::<String>::new());
    assert_eq!((stage.dead_letters().await.len(), stage.simulator.contacts().len()), (2, 3));
}

#[tokio::test]
async fn a_record_without_a_body_is_dead_lettered_as_malformed() {
    let stage = Stage::usual().await;
    let mut absent = record("");
    absent.as_object_mut().unwrap().remove("body");
    let batch = [absent, record(""), record(Value::Null), record(event("order", "1").to_string())];
    assert_eq!(stage.worker().batch(&batch).await, Vec::<String>::new());
    let letters = stage.dead_letters().await;
    assert_eq!((letters.len(), stage.simulator.contacts().len()), (3, 1));
    assert!(letters.iter().all(|letter| letter.reason() == "malformed-event"), "{letters:?}");
}

#[tokio::test]
async fn a_record_without_a_message_id_fails_the_invocation_before_anything_is_sent() {
    let stage = Stage::usual().await;
    for id in [Value::Null, json!("")] {
        let mut anonymous = record(event("order", "2").to_string());
        anonymous["messageId"] = id;
        let batch = json!({"Records": [record(event("order", "1").to_string()), anonymous]});
        let failure = stage.worker().invoke(batch).await.unwrap_err().to_string();
        assert!(failure.contains("record 1"), "{failure}");
    }
    assert!(stage.simulator.requests().is_empty());
}

#[tokio::test]
async fn what_can_never_succeed_is_dead_lettered_with_its_reason() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let with = |id: &str, kind: &str, member: &str, value: Value| {
        let mut event = event(kind, id);
        event["data"][member] = value;
        event
    };
    let mut old = event("single", "old");
    old["time"] = json!("2024-05-15T14:30:00Z");
    let mut late = event("order", "late");
    late["expirytime"] = json!("2024-05-15T14:30:00Z");
    let cases = [
        (event("no.such.type", "route"), "no-route"),
        (with("absent", "order", "ref", Value::Null), "mapping-failed"),
        (with("coercion", "order", "total", json!("a lot")), "mapping-failed"),
        (with("phone", "order", "phone", json!("call me")), "mapping-failed"),
        (with("long", "order", "ref", json!("123456789012345678901")), "invalid-attribute"),
        (event("unregistered", "unregistered"), "unregistered-attribute"),
        (event("nowhere", "nowhere"), "unknown-queue"),
        (event("unskilled", "unskilled"), "contact-failed"),
        (old, "expired"),
        (late, "expired"),
    ];
    let events: Vec<_> = cases.iter().map(|(event, _)| event.clone()).collect();
    let expected: Vec<_> = cases.iter().map(|(_, reason)| format!("dead-lettered {reason}")).collect();
    assert_eq!(stage.ends(&worker, &events).await, expected);
    assert_eq!(stage.living_contacts(), 0);
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), cases.len());
    let status =
        |reason: &str| letters.iter().find(|letter| letter.reason() == reason).unwrap().attribute("httpStatus");
    assert_eq!((status("unknown-queue"), status("contact-failed"), status("expired")), ("404", "201", ""));
}

#[tokio::test]
async fn what_cxone_refuses_as_a_payload_is_dead_lettered_and_may_be_sent_again_corrected() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::status(400)));
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("single", "1")]).await, ["dead-lettered payload-rejected"]);
    let letters = stage.dead_letters().await;
    assert_eq!((letters[0].reason(), letters[0].attribute("httpStatus")), ("payload-rejected", "400"));
    let mut corrected = event("single", "1");
    corrected["data"]["total"] = json!("1.00");
    assert_eq!(stage.ends(&worker, &[corrected]).await, ["injected"]);
    assert_eq!(stage.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn a_saturated_primary_passes_the_contact_on_with_the_fallbacks_priority_and_is_left_alone_after() {
    let mut scene = Scene::default();
    scene.tenant.queues[0] = Queue::full(PRIMARY);
    let stage = scene.start().await;
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    let contacts = stage.simulator.contacts();
    // 750 of its rule, less 150 of the target, less 100 of one step.
    assert_eq!((contacts[0].queue_id(), &contacts[0].request["priority"]), (Some(FALLBACK), &json!(500)));
    assert_eq!(contacts[0].idempotency_key, key_of("1").to_string(), "a 409 proves that the key is unused");
    let asked = stage.simulator.tenant().count_of_status(409);
    assert_eq!((asked, stage.ends(&stage.worker(), &[event("order", "2")]).await), (1, vec!["injected".to_owned()]));
    assert_eq!(stage.simulator.tenant().count_of_status(409), 1, "other workers see the mark");
}

#[tokio::test]
async fn a_contact_lost_at_one_target_goes_to_the_next_under_the_key_after_its_loss() {
    let stage = Stage::usual().await;
    let status = cxone_simulator::ContactStatus::Abandoned;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::Lost { status }));
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    let contacts = stage.simulator.contacts();
    let second = uuid::Uuid::new_v5(&key_of("1"), b"after-lost:1").to_string();
    assert_eq!((contacts.len(), stage.living_contacts()), (2, 1));
    assert_eq!((contacts[1].queue_id(), &contacts[1].idempotency_key), (Some(FALLBACK), &second));
}

#[tokio::test]
async fn every_target_saturated_is_a_deferral() {
    let mut scene = Scene::default();
    scene.tenant.queues = vec![Queue::full(PRIMARY), Queue::full(FALLBACK)];
    let stage = scene.start().await;
    assert_eq!(stage.ends(&stage.worker(), &[event("pair", "1")]).await, ["deferred saturated"]);
    assert_eq!(stage.simulator.tenant().count_of_status(409), 2, "each target was asked");
}

#[tokio::test]
async fn a_deferred_message_is_hidden_until_the_time_that_cxone_named_and_then_comes_again() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::rate_limited(3)));
    stage.send(&event("single", "1")).await;
    let records = stage.receive().await;
    // Too little time to wait for the window in the invocation.
    assert_eq!(worker.batch_within(Duration::from_secs(20), &records).await.len(), 1);
    assert!(stage.log.outcomes_of("1")[0].starts_with("deferred rate-"));
    assert_eq!(worker.wire.count("ChangeMessageVisibilityBatch"), 1);
    assert_eq!(stage.depth().await, (0, 1), "out of sight, and not gone");
    let mut polls = 0;
    let again = loop {
        let records = stage.receive().await;
        if !records.is_empty() {
            break records;
        }
        polls += 1;
        // The queue's own visibility timeout is minutes.
        assert!(polls < 80, "it stays hidden");
        sleep(Duration::from_millis(100)).await;
    };
    assert!(polls > 10, "it came back before the window opened");
    assert_eq!(again[0]["attributes"]["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn a_held_route_defers_while_its_queues_health_is_unknown() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("held", "1")]).await, ["deferred held"]);
    stage.sync(json!({"task": "queue-health"})).await.unwrap();
    assert_eq!(stage.ends(&worker, &[event("held", "2")]).await, ["injected"]);
}
