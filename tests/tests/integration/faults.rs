//! Nothing lost, nothing twice: what CXone's failures leave in the ledger, and that one contact is all there ever is.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use contact_injection::adapters::dynamodb::DynamoLedger;
use contact_injection::adapters::environment::System;
use contact_injection::domain::{claim::Resolution, idempotency::IdempotencyKey};
use contact_injection::ledger;
use contact_injection::ports::Environment as _;
use contact_injection_tests::local::sdk_config;
use cxone_simulator::{ContactStatus, Effect, Endpoint, Fault, MalformedBody, Tenant};

use serde_json::json;

use super::stage::{FALLBACK, Stage, emulator, event, key_of, number_of, record};

/// Requests to one target within one delivery.
const TRIES: u32 = 3;

fn processed(status: u16) -> Effect {
    Effect::Status { status, retry_after_seconds: None, processed: true }
}

#[tokio::test]
async fn every_fault_leaves_the_state_that_it_proves_and_never_a_second_contact() {
    let malformed = |body| Effect::Malformed { body };
    let redirect = |status| Effect::Redirect { status, location: "http://127.0.0.1:9/".to_owned() };
    let cases = [
        (Effect::status(500), "deferred service-error", "in-doubt"),
        (Effect::status(503), "deferred service-error", "in-doubt"),
        (processed(503), "deferred service-error", "in-doubt"),
        (processed(500), "deferred service-error", "in-doubt"),
        (redirect(302), "deferred service-error", "in-doubt"),
        (redirect(307), "deferred service-error", "in-doubt"),
        (Effect::ResetBefore, "deferred timeout", "in-doubt"),
        (Effect::ResetAfter, "deferred timeout", "in-doubt"),
        (malformed(MalformedBody::Html), "deferred service-error", "in-doubt"),
        (malformed(MalformedBody::WithoutId), "deferred service-error", "in-doubt"),
        (malformed(MalformedBody::TruncatedJson), "deferred service-error", "in-doubt"),
        (malformed(MalformedBody::Empty), "deferred service-error", "in-doubt"),
        (Effect::status(401), "deferred unauthorized", "released"),
        (Effect::status(403), "deferred forbidden", "released"),
        (Effect::rate_limited(1), "deferred rate-limited", "released"),
        (Effect::status(409), "deferred saturated", "released"),
        (Effect::status(404), "dead-lettered unknown-queue", "dead-lettered"),
        (Effect::status(400), "dead-lettered payload-rejected", "dead-lettered"),
        (Effect::Lost { status: ContactStatus::Failed }, "dead-lettered contact-failed", "dead-lettered"),
    ];
    for (effect, outcome, state) in cases {
        let stage = Stage::usual().await;
        let worker = stage.worker();
        let batch = [record(event("single", "1").to_string())];
        stage.simulator.add_fault(Fault::times(TRIES, Endpoint::Contacts, effect.clone()));
        worker.batch(&batch).await;
        assert_eq!(stage.log.outcomes_of("1"), [outcome], "{effect:?}");
        assert_eq!(stage.ledger_state("1").await, state, "{effect:?}");
        stage.simulator.clear_faults();
        // Past the mark that a 409 leaves.
        stage.advance(Duration::from_secs(90));
        let posts = stage.simulator.requests().len();
        if state == "dead-lettered" {
            worker.batch(&batch).await;
            assert_eq!(stage.log.outcomes_of("1")[1..], [outcome], "another delivery ends as the first: {effect:?}");
            assert_eq!(stage.simulator.requests().len(), posts, "{effect:?}");
            worker.batch(&[record(event("single", "1").to_string())]).await;
        } else {
            worker.batch(&batch).await;
        }
        assert_eq!(stage.log.outcomes_of("1").last().unwrap(), "injected", "{effect:?}");
        worker.batch(&batch).await;
        assert_eq!(stage.log.outcomes_of("1").last().unwrap(), "duplicate", "{effect:?}");
        assert_eq!(stage.living_contacts(), 1, "{effect:?}");
        assert_eq!(stage.ledger_state("1").await, "injected", "{effect:?}");
    }
}

#[tokio::test]
async fn an_answer_from_before_the_key_is_looked_up_proves_nothing_of_an_earlier_doubt() {
    let words = |status, body: &str| Effect::Words { status, body: body.to_owned() };
    for (effect, outcome, state) in [
        (words(404, "<html>no such page</html>"), "dead-lettered outcome-unknown", "parked"),
        (words(404, r#"{"message": "no Route matched"}"#), "dead-lettered outcome-unknown", "parked"),
        (words(404, r#"{"error": "Not Found"}"#), "dead-lettered outcome-unknown", "parked"),
        (words(404, r#"{"error": "queue_not_found"}"#), "dead-lettered unknown-queue", "dead-lettered"),
        (Effect::status(400), "dead-lettered outcome-unknown", "parked"),
        (Effect::status(409), "deferred saturated", "released"),
    ] {
        let stage = Stage::usual().await;
        let worker = stage.worker();
        let batch = [record(event("single", "1").to_string())];
        stage.simulator.add_fault(Fault::times(TRIES, Endpoint::Contacts, Effect::ResetBefore));
        worker.batch(&batch).await;
        assert_eq!(stage.ledger_state("1").await, "in-doubt");
        stage.advance(Duration::from_secs(90));
        stage.simulator.add_fault(Fault::once(Endpoint::Contacts, effect.clone()));
        worker.batch(&batch).await;
        assert_eq!(stage.log.outcomes_of("1")[1..], [outcome], "{effect:?}");
        assert_eq!(stage.ledger_state("1").await, state, "{effect:?}");
    }
}

#[tokio::test]
async fn a_404_of_any_shape_moves_on_to_the_next_target() {
    let stage = Stage::usual().await;
    let effect = Effect::Words { status: 404, body: "<html>no such page</html>".to_owned() };
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, effect));
    assert_eq!(stage.ends(&stage.worker(), &[event("pair", "1")]).await, ["injected"]);
    assert_eq!(stage.simulator.contacts()[0].queue_id(), Some(FALLBACK));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_asked_for_again_under_the_same_key() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::HangAfter { milliseconds: 30_000 }));
    assert!(stage.worker().batch(&[record(event("single", "1").to_string())]).await.is_empty());
    let contacts = stage.simulator.contacts();
    assert_eq!((contacts.len(), contacts[0].replays), (1, 1));
}

#[tokio::test]
async fn a_blip_is_over_within_the_invocation() {
    for effect in [Effect::ResetAfter, Effect::unavailable(), Effect::RevokeTokens] {
        let stage = Stage::usual().await;
        stage.simulator.add_fault(Fault::once(Endpoint::Contacts, effect));
        assert!(stage.worker().batch(&[record(event("single", "1").to_string())]).await.is_empty());
        assert_eq!(stage.simulator.contacts().len(), 1);
    }
}

#[tokio::test]
async fn a_doubt_that_cxone_no_longer_remembers_is_parked_through_any_redrive() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let batch = [record(event("pair", "1").to_string())];
    stage.simulator.add_fault(Fault::times(TRIES, Endpoint::Contacts, Effect::ResetAfter));
    worker.batch(&batch).await;
    stage.advance(Duration::from_secs(24 * 3600));
    let posts =
        |stage: &Stage| stage.simulator.requests().iter().filter(|one| one.endpoint == Endpoint::Contacts).count();
    let before = posts(&stage);
    for redrive in 1..=3 {
        assert!(worker.batch(&batch).await.is_empty());
        assert_eq!(stage.log.outcomes_of("1")[redrive], "dead-lettered outcome-unknown");
        assert_eq!(stage.ledger_state("1").await, "parked");
        assert!(!stage.ledger_item("1").await.unwrap().contains_key("expiresAt"), "it is never forgotten");
        stage.advance(Duration::from_secs(30 * 86_400));
    }
    assert_eq!((posts(&stage), stage.simulator.contacts().len()), (before, 1));
    assert_eq!(stage.dead_letters().await.len(), 3);
}

#[tokio::test]
async fn an_event_that_kills_three_workers_is_tried_alone_and_then_given_up() {
    let stage = Stage::usual().await;
    let (killer, bystander) =
        (record(event("single", "killer").to_string()), record(event("single", "beside").to_string()));
    for _ in 0..3 {
        stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::HangBefore { milliseconds: 60_000 }));
        let worker = stage.worker();
        let work = [killer.clone()];
        tokio::select! {
            back = worker.batch(&work) => panic!("{back:?}"),
            () = in_flight(&stage) => {}
        }
        drop(worker);
        stage.simulator.clear_faults();
        stage.advance(Duration::from_secs(300));
    }
    let before = stage.simulator.requests().len();
    let worker = stage.worker();
    assert!(worker.batch(&[killer.clone(), bystander]).await.is_empty());
    assert_eq!(stage.log.outcomes_of("killer"), ["dead-lettered crash-loop"]);
    assert_eq!(stage.log.outcomes_of("beside"), ["injected"]);
    assert_eq!(
        stage.simulator.requests().split_off(before).iter().filter(|one| one.endpoint == Endpoint::Contacts).count(),
        1
    );
    assert!(worker.batch(&[killer]).await.is_empty());
    assert_eq!(stage.log.outcomes_of("killer")[1..], ["dead-lettered crash-loop"], "a twin of the message");
    assert!(stage.dead_letters().await.iter().all(|letter| letter.attributes["attempts"].1 == "3"));
    // A person looked into it and redrives.
    assert!(worker.batch(&[record(event("single", "killer").to_string())]).await.is_empty());
    assert_eq!(stage.log.outcomes_of("killer")[2..], ["injected"]);
    assert_eq!(stage.simulator.contacts().len(), 2);
}

/// Waits until one more POST has arrived than were there.
async fn in_flight(stage: &Stage) {
    let posts = |tenant: &Tenant| tenant.requests().iter().filter(|one| one.endpoint == Endpoint::Contacts).count();
    let before = posts(&stage.simulator.tenant());
    stage.simulator.until(|tenant| posts(tenant) > before).await;
}

#[tokio::test]
async fn a_panic_is_one_records_own_fate() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let batch: Vec<_> = (0..5).map(|number| record(event("single", &number.to_string()).to_string())).collect();
    // The lease takes the first id, and each claim one more.
    worker.clock.panic_after(2);
    let back = worker.batch(&batch).await;
    assert_eq!(back, [batch[1]["messageId"].as_str().unwrap()]);
    assert_eq!(stage.log.outcomes_of("1"), ["deferred in-progress"]);
    assert_eq!(stage.log.line("a panic while")["span"]["event_id"], "1");
    assert_eq!(stage.simulator.contacts().len(), 4);
    assert!(worker.batch(&batch).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 5);
}

#[tokio::test]
async fn a_person_resolves_what_is_parked_and_nothing_else() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let table =
        DynamoLedger::new(Client::new(&sdk_config(emulator().endpoint())), stage.tables.ledger.clone(), System::new());
    let resolve = async |id: &str, resolution| {
        let key = IdempotencyKey::parse(&key_of(id).to_string()).unwrap();
        ledger::resolve(&table, key, resolution, System::new().now()).await.unwrap()
    };
    // One is dated ten days ahead, and its record has to live as much longer.
    let mut ahead = event("pair", "lost");
    ahead["time"] = json!(System::new().now().plus(Duration::from_secs(10 * 86_400)).to_string());
    let batch = [event("pair", "there"), ahead].map(|event| record(event.to_string()));
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::ResetAfter));
    worker.batch(&batch).await;
    let expires = number_of(&stage.ledger_item("lost").await.unwrap(), "expiresAt");
    assert!(!resolve("there", Resolution::Retry).await, "it isn't parked yet");
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(24 * 3600));
    worker.batch(&batch).await;
    let parked = stage.ledger_item("lost").await.unwrap();
    assert!(!parked.contains_key("expiresAt"), "DynamoDB leaves it until a person has decided");
    assert!(resolve("there", Resolution::Injected).await);
    assert!(resolve("lost", Resolution::Retry).await);
    assert_eq!(number_of(&stage.ledger_item("lost").await.unwrap(), "expiresAt"), expires, "no decision shortens it");
    assert!(!resolve("lost", Resolution::Injected).await, "it was resolved before");
    assert!(worker.batch(&batch).await.is_empty());
    assert_eq!(stage.log.outcomes_of("there").last().unwrap(), "duplicate");
    assert_eq!(stage.log.outcomes_of("lost").last().unwrap(), "injected");
}

#[tokio::test]
async fn while_a_circuit_is_open_nothing_is_written_on_the_ledger_and_what_has_ended_is_told() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    let records = |ids: &[&str]| ids.iter().map(|id| record(event("single", id).to_string())).collect::<Vec<_>>();
    assert!(worker.batch(&records(&["before"])).await.is_empty());
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::status(503)));
    worker.batch(&records(&["a", "b", "c", "d", "e"])).await;
    assert!(stage.log.says("the circuit opened"));
    let (writes, reads) = (worker.wire.count("PutItem"), worker.wire.count("GetItem"));
    // New, in doubt, injected, and no event.
    let mut batch = records(&["new", "a", "before"]);
    batch.push(record("no event"));
    assert_eq!(worker.batch(&batch).await.len(), 2);
    assert_eq!((worker.wire.count("PutItem"), worker.wire.count("GetItem")), (writes, reads + 3));
    assert_eq!(stage.log.outcomes_of("new"), ["deferred circuit-open"]);
    assert_eq!(stage.log.outcomes_of("a").last().unwrap(), "deferred circuit-open");
    assert_eq!(stage.log.outcomes_of("before").last().unwrap(), "duplicate");
    assert_eq!((stage.ledger_state("new").await, stage.ledger_state("a").await), ("absent".into(), "in-doubt".into()));
    // When the probe is due one goes ahead; it fails, and no other is claimed.
    stage.advance(Duration::from_secs(6));
    let posts = stage.simulator.tenant().count_of_status(503);
    assert_eq!(worker.batch(&records(&["one", "two", "three"])).await.len(), 3);
    assert_eq!(stage.simulator.tenant().count_of_status(503), posts + 1);
    assert_eq!(worker.wire.count("PutItem"), writes + 2, "claimed and settled once");
    stage.simulator.clear_faults();
    stage.advance(Duration::from_secs(11));
    assert!(worker.batch(&records(&["new", "a", "one", "two", "three"])).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 6);
}

#[tokio::test]
async fn an_event_that_ends_for_good_ends_so_while_a_circuit_is_open() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    let worker = stage.worker();
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::status(503)));
    let batch: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|id| record(event("single", id).to_string())).collect();
    worker.batch(&batch).await;
    // CXone has forgotten their keys by then. The circuit opens anew under other events.
    stage.advance(Duration::from_secs(24 * 3600));
    let others: Vec<_> = (0..10).map(|id| record(event("single", &format!("o{id}")).to_string())).collect();
    worker.batch(&others).await;
    assert!(worker.batch(&batch[..1]).await.is_empty());
    assert_eq!(stage.log.outcomes_of("a").last().unwrap(), "dead-lettered outcome-unknown");
    assert_eq!(stage.ledger_state("a").await, "parked");
}
