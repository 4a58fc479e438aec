//! Two lanes: whose clients they send under, which queue a message comes back to, and what tells them apart
//! (docs/rules.md#lanes).

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use contact_injection::adapters::dynamodb::DynamoClients;
use contact_injection::domain::credentials::SecretTag;
use contact_injection::domain::lane::{Turn, Turns};
use contact_injection::domain::lease::Reservation;
use contact_injection::domain::time::Timestamp;
use contact_injection::ports::{Acquired, ClientTable as _, Environment as _, LeaseRequest};
use contact_injection_tests::local::{MessageQueue, UrgentQueue, sdk_config, secret_text, with_urgent_clients};
use cxone_simulator::{ClientConfig, Effect, Endpoint, Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Scene, Stage, emulator, event, key_of, number, record, text};

const STANDARD: &str = "worker-1";
const URGENT: &str = "worker-2";

/// Two clients, the second kept for urgent messages, and a registry that is filled.
async fn stage() -> Stage {
    filled(Scene::with_clients(2)).await
}

async fn filled(scene: Scene) -> Stage {
    let stage = scene.with_urgent_lane(1).start().await;
    stage.sync(json!({})).await.unwrap();
    stage
}

fn batch(prefix: &str, events: usize) -> Vec<Value> {
    (0..events).map(|number| record(event("single", &format!("{prefix}/{number}")).to_string())).collect()
}

fn urgent_batch(stage: &Stage, prefix: &str, events: usize) -> Vec<Value> {
    let urgently = |mut record: Value| {
        record["eventSourceARN"] = json!(stage.urgent().arn);
        record
    };
    batch(prefix, events).into_iter().map(urgently).collect()
}

/// Contacts of events with this prefix, by the client that each was asked for under.
fn sent(stage: &Stage, prefix: &str, events: usize) -> [usize; 2] {
    let keys: Vec<_> = (0..events).map(|number| key_of(&format!("{prefix}/{number}")).to_string()).collect();
    let requests = stage.simulator.requests();
    let by = |client: &str| {
        let own = requests.iter().filter(|request| request.client_id.as_deref() == Some(client));
        own.filter(|request| request.idempotency_key.as_ref().is_some_and(|key| keys.contains(key))).count()
    };
    [by(STANDARD), by(URGENT)]
}

#[tokio::test]
async fn each_lane_sends_under_its_own_client_and_its_lane_is_told() {
    let stage = stage().await;
    let worker = stage.worker();
    for (prefix, records) in [("bulk", batch("bulk", 10)), ("alarm", urgent_batch(&stage, "alarm", 10))] {
        assert!(worker.batch(&records).await.is_empty());
        assert_eq!(sent(&stage, prefix, 10), if prefix == "bulk" { [10, 0] } else { [0, 10] });
    }
    for (id, lane) in [("bulk/0", "standard"), ("alarm/9", "urgent")] {
        let line = stage.log.deliveries().into_iter().find(|line| line["event_id"] == id).unwrap();
        assert_eq!(line["lane"], lane);
        assert_eq!(stage.ledger_item(id).await.unwrap()["lane"], text(lane));
        let asked = json!({"status": {"events": [{"key": key_of(id)}]}});
        assert_eq!(worker.invoke(asked).await.unwrap()["results"][0]["lane"], lane);
    }
}

#[tokio::test]
async fn with_one_lane_nothing_tells_of_lanes_and_every_client_is_anybodys() {
    let stage = Scene::with_clients(1).start().await;
    let kept = format!(
        r#"{{"clients":[{{"client_id":"{STANDARD}","client_secret":"{}","lane":"urgent"}}]}}"#,
        stage.clients()[0].client_secret
    );
    stage.put_secret(&kept).await;
    let worker = stage.worker();
    assert!(worker.batch(&batch("any", 1)).await.is_empty(), "its lane says nothing");
    let line = stage.log.deliveries().remove(0);
    assert!(line.get("lane").is_none(), "{line}");
    assert!(!stage.ledger_item("any/0").await.unwrap().contains_key("lane"));
    let asked = json!({"status": {"events": [{"key": key_of("any/0")}]}});
    assert!(worker.invoke(asked).await.unwrap()["results"][0].get("lane").is_none());
}

#[tokio::test]
async fn the_doctor_says_where_urgent_clients_and_the_urgent_queue_do_not_go_together() {
    let secret = async |stage: &Stage| {
        let report = stage.worker().invoke(json!({"doctor": {}})).await.unwrap();
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "secret").unwrap().to_string()
    };
    let no_client = Scene::with_clients(2).with_urgent_lane(0).start().await;
    assert!(secret(&no_client).await.contains("no client is kept for it"));
    let both = Scene::with_clients(3).with_urgent_lane(1).start().await;
    assert!(!secret(&both).await.contains("urgent queue"));
    let no_queue = Scene::with_clients(2).start().await;
    let kept = with_urgent_clients(&secret_text(&no_queue.clients()), 1).unwrap();
    no_queue.put_secret(&kept).await;
    assert!(secret(&no_queue).await.contains("there is no urgent queue"));
}

#[tokio::test]
async fn an_urgent_batch_borrows_a_client_that_is_free_and_then_it_is_the_standard_lanes_turn() {
    let stage = stage().await;
    stage.hold(URGENT, Duration::from_secs(600)).await;
    let worker = stage.worker();
    assert!(worker.batch(&urgent_batch(&stage, "alarm", 3)).await.is_empty());
    assert_eq!(sent(&stage, "alarm", 3), [3, 0]);
    assert!(stage.client_item(STANDARD).await.contains_key("lentUntil"));
    // The standard lane has it at once, and the urgent lane only when nobody wanted it.
    let started = worker.clock.now();
    assert!(worker.batch(&batch("bulk", 1)).await.is_empty());
    assert!(!stage.client_item(STANDARD).await.contains_key("lentUntil"));
    for prefix in ["more", "again"] {
        assert!(worker.batch(&urgent_batch(&stage, prefix, 1)).await.is_empty());
    }
    let waited = worker.clock.now().since(started);
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    assert_eq!((sent(&stage, "more", 1), sent(&stage, "again", 1)), ([1, 0], [1, 0]));
}

#[tokio::test]
async fn a_standard_batch_waits_for_a_standard_client_though_an_urgent_one_is_free() {
    let stage = stage().await;
    stage.hold(STANDARD, Duration::from_secs(600)).await;
    let back = stage.worker().batch_within(Duration::from_secs(21), &batch("bulk", 2)).await;
    assert_eq!((back.len(), sent(&stage, "bulk", 2)), (2, [0, 0]));
    assert_eq!(stage.log.outcomes_of("bulk/0"), ["deferred no-client"]);
}

#[tokio::test]
async fn where_every_client_is_kept_for_urgent_messages_standard_ones_come_back_and_the_log_says_why() {
    let stage = filled(Scene::with_clients(1)).await;
    let worker = stage.worker();
    assert_eq!(worker.batch(&batch("bulk", 1)).await.len(), 1);
    assert!(stage.log.says("every OAuth client of the secret is kept for urgent messages"));
    assert_eq!(stage.log.outcomes_of("bulk/0"), ["deferred no-client"]);
    assert!(worker.batch(&urgent_batch(&stage, "alarm", 1)).await.is_empty());
    let dry = worker.invoke(json!({"dryRun": {"events": [event("single", "dry")]}})).await.unwrap();
    assert_eq!(dry["results"][0]["verdict"], "valid", "a dry run doesn't care");
}

#[tokio::test]
async fn urgent_events_that_find_no_place_in_their_own_window_go_under_another_client() {
    let stage = filled(Scene::with_clients(2).rate(7, Duration::from_secs(60))).await;
    let worker = stage.worker();
    let started = worker.clock.now();
    assert!(worker.batch(&urgent_batch(&stage, "alarm", 10)).await.is_empty());
    assert_eq!(sent(&stage, "alarm", 10), [3, 7]);
    assert!(worker.clock.now().since(started) < Duration::from_secs(30), "nobody waited for a window");
    assert_eq!(stage.simulator.contacts().len(), 10);
}

#[tokio::test]
async fn what_an_urgent_client_is_refused_for_goes_under_another_with_what_found_no_place() {
    let stage = filled(Scene::with_clients(2).rate(30, Duration::from_secs(60))).await;
    let worker = stage.worker();
    // Of thirty places five are left; the other client has enough of them for ten events that are refused once.
    for (prefix, events) in [("one", 10), ("two", 10), ("three", 5)] {
        assert!(worker.batch(&urgent_batch(&stage, prefix, events)).await.is_empty());
    }
    stage.simulator.tenant().put_client(ClientConfig::new(URGENT, "another secret by now"));
    stage.simulator.tenant().revoke_tokens();
    assert!(worker.batch(&urgent_batch(&stage, "alarm", 10)).await.is_empty(), "{}", stage.log.text());
    let contacts = stage.simulator.contacts();
    assert_eq!(contacts[25..].iter().filter(|contact| contact.client_id == STANDARD).count(), 10);
}

#[tokio::test]
async fn an_urgent_event_that_comes_too_often_for_one_client_goes_under_another_at_once() {
    let stage = stage().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::rate_limited(30)));
    let worker = stage.worker();
    let started = worker.clock.now();
    assert!(worker.batch(&urgent_batch(&stage, "alarm", 1)).await.is_empty());
    assert_eq!(sent(&stage, "alarm", 1), [1, 1]);
    assert!(worker.clock.now().since(started) < Duration::from_secs(20));
}

#[tokio::test]
async fn the_same_event_in_both_lanes_becomes_one_contact() {
    let stage = stage().await;
    let worker = stage.worker();
    assert!(worker.batch(&batch("twice", 1)).await.is_empty());
    assert!(worker.batch(&urgent_batch(&stage, "twice", 1)).await.is_empty());
    assert_eq!(stage.log.outcomes_of("twice/0"), ["injected", "duplicate"]);
    assert_eq!(stage.simulator.contacts().len(), 1);
}

#[tokio::test]
async fn what_is_deferred_stays_out_of_sight_in_the_queue_that_it_came_from() {
    let stage = stage().await;
    stage.simulator.add_fault(Fault::always(Endpoint::Contacts, Effect::rate_limited(120)));
    let urgent = MessageQueue::new(&stage.sqs, &stage.urgent().url);
    urgent.send(&[event("single", "alarm").to_string()]).await.unwrap();
    let records = stage.receive_urgent().await;
    urgent.show(records.iter().map(|record| record["receiptHandle"].as_str().unwrap())).await.unwrap();
    let records = stage.receive_urgent().await;
    assert_eq!(stage.worker().batch(&records).await.len(), 1);
    assert!(!stage.log.says("come back after the queue's visibility timeout"), "SQS knew the receipt");
    let depth = urgent.depth().await.unwrap();
    assert_eq!((depth.visible, depth.hidden), (0, 1));
}

#[tokio::test]
async fn a_dead_letter_says_which_queue_its_message_came_from_and_stays_in_its_group() {
    let stage = stage().await;
    let UrgentQueue { url, arn, .. } = stage.urgent();
    let request = stage.sqs.send_message().queue_url(url).message_body("no event").message_group_id("crm");
    request.send().await.unwrap();
    let records = stage.receive_urgent().await;
    assert_eq!(records[0]["attributes"][MessageSystemAttributeName::MessageGroupId.as_str()], "crm");
    assert!(stage.worker().batch(&records).await.is_empty());
    let letter = stage.dead_letters().await.remove(0);
    assert_eq!((letter.attribute("sourceQueue"), letter.group.as_deref()), (arn.as_str(), Some("crm")));
    stage.worker().batch(&[record("no event either")]).await;
    let letter = stage.dead_letters().await.remove(0);
    assert_eq!(
        (letter.attribute("sourceQueue"), letter.group.clone()),
        ("arn:aws:sqs:us-east-1:000000000000:contacts", None)
    );
}

#[tokio::test]
async fn the_table_admits_whom_the_turns_admit() {
    let stage = Scene::default().start().await;
    let table = DynamoClients::new(
        aws_sdk_dynamodb::Client::new(&sdk_config(emulator().endpoint())),
        stage.tables.clients.clone(),
    );
    let now = Timestamp::from_millis(1_790_000_000_000);
    let later = now.plus(Duration::from_secs(1));
    let times = [None, Some(now), Some(later)];
    let request = |turn| LeaseRequest {
        holder: Uuid::new_v4(),
        now,
        until: now.plus(Duration::from_secs(100)),
        reservation: Reservation { permits: 1, until: now },
        secret: SecretTag::new("c", &"s".into()),
        turn,
        since: now,
    };
    for (asked, lent) in times.iter().flat_map(|asked| times.map(|lent| (*asked, lent))) {
        for turn in [Turn::Any, Turn::Standard, Turn::Loan] {
            let client = Uuid::new_v4().to_string();
            let times = [("askedUntil", asked), ("lentUntil", lent)];
            let times = times.into_iter().filter_map(|(name, at)| Some((name, number(at?.as_millis()))));
            let item = times.chain([("clientId", text(client.as_str()))]);
            stage.put(&stage.tables.clients, item.map(|(name, value)| (name.to_owned(), value)).collect()).await;
            let before = Turns { asked_until: asked, lent_until: lent };
            let request = request(turn);
            let seen = table.look_at(&[&client], now).await.unwrap()[&client];
            let leased = matches!(table.acquire(&client, &request).await.unwrap(), Acquired::Held { .. });
            assert_eq!(leased, before.admit(turn, now), "{turn:?} of {before:?}");
            assert_eq!(leased, seen.admits(&request.seeker()), "{turn:?} of {before:?} as it was seen");
            let after = if leased { before.leased(turn, request.until) } else { before };
            let item = stage.client_item(&client).await;
            let read = |name: &str| Some(item.get(name)?.as_n().unwrap().parse().map(Timestamp::from_millis).unwrap());
            assert_eq!(Turns { asked_until: read("askedUntil"), lent_until: read("lentUntil") }, after, "{turn:?}");
        }
    }
    // A time that makes no sense keeps nobody out.
    let ahead = number(now.plus(Duration::from_secs(100_000)).as_millis());
    for (client, name, turn) in [("a", "askedUntil", Turn::Standard), ("b", "lentUntil", Turn::Loan)] {
        for nonsense in [ahead.clone(), text("soon")] {
            let item = [("clientId", text(client)), (name, nonsense)];
            stage.put(&stage.tables.clients, item.map(|(name, value)| (name.to_owned(), value)).into()).await;
            let (request, seen) = (request(turn), table.look_at(&[client], now).await.unwrap()[client]);
            assert!(seen.admits(&request.seeker()));
            assert!(matches!(table.acquire(client, &request).await.unwrap(), Acquired::Held { .. }));
        }
    }
}

#[tokio::test]
async fn who_asks_for_a_client_that_is_not_there_makes_none() {
    let stage = Scene::default().start().await;
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(emulator().endpoint()));
    let table = DynamoClients::new(client, stage.tables.clients.clone());
    table.ask_for("forgotten", Timestamp::from_millis(1)).await.unwrap();
    assert!(stage.scan(&stage.tables.clients).await.is_empty());
    stage.hold("held", Duration::from_secs(60)).await;
    table.ask_for("held", Timestamp::from_millis(1)).await.unwrap();
    assert_eq!(stage.client_item("held").await["askedUntil"], number(1));
}
