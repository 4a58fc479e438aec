//! What a dead letter carries beside the message (docs/rules.md#dead-letters).

use std::time::Duration;

use aws_sdk_sqs::types::MessageAttributeValue;
use contact_injection::domain::outcome::QUEUE_RETENTION;
use contact_injection::ports::Environment as _;
use cxone_simulator::{Effect, Endpoint, Fault};

use super::stage::{Moment, Stage, event, key_of, record};

fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().unwrap()
}

fn own(count: usize) -> Vec<(String, MessageAttributeValue)> {
    (0..count).map(|index| (format!("own{index}"), attribute("String", "kept"))).collect()
}

#[tokio::test]
async fn a_dead_letter_is_the_original_message_with_every_attribute_of_its_failure() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::status(400)));
    let body = event("single", "1").to_string();
    let mut attributes = own(1);
    attributes.push(("failureReason".to_owned(), attribute("String", "an earlier one")));
    let message_id = stage.send_with(&body, &attributes).await;
    assert!(stage.deliver(&stage.worker()).await.is_empty());
    assert_eq!(stage.depth().await, (0, 0));
    let letters = stage.dead_letters().await;
    let letter = &letters[0];
    assert_eq!((letters.len(), &letter.body), (1, &body));
    let types: Vec<_> = letter.attributes.iter().map(|(name, (kind, _))| (name.as_str(), kind.as_str())).collect();
    let expected = [
        ("attempts", "Number"),
        ("failedAt", "String"),
        ("failureDetail", "String"),
        ("failureReason", "String"),
        ("httpStatus", "Number"),
        ("idempotencyKey", "String"),
        ("own0", "String"),
        ("sourceMessageId", "String"),
    ];
    assert_eq!(types, expected);
    assert_eq!(letter.reason(), "payload-rejected");
    assert_eq!((letter.attribute("attempts"), letter.attribute("httpStatus")), ("1", "400"));
    assert_eq!(letter.attribute("idempotencyKey"), key_of("1").to_string());
    assert_eq!((letter.attribute("sourceMessageId"), letter.attribute("own0")), (message_id.as_str(), "kept"));
    assert!(contact_injection::domain::time::Timestamp::parse_rfc3339(letter.attribute("failedAt")).is_some());
}

#[tokio::test]
async fn the_upstreams_own_attributes_win_and_ours_give_way_from_the_last() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    for (own_attributes, ours) in [(8, vec!["failureDetail", "failureReason"]), (10, vec![])] {
        stage.send_with("not an event", &own(own_attributes)).await;
        assert!(stage.deliver(&worker).await.is_empty());
        let letters = stage.dead_letters().await;
        let names = letters[0].attributes.keys().map(String::as_str);
        let found: Vec<_> = names.filter(|name| !name.starts_with("own")).collect();
        assert_eq!((letters[0].attributes.len(), found), (10, ours));
    }
}

#[tokio::test]
async fn a_body_near_sqss_full_size_is_dead_lettered_unaltered_with_what_fits_beside_it() {
    const LARGEST: usize = 1_048_576;
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let all = ["attempts", "failedAt", "failureDetail", "failureReason", "sourceMessageId"];
    for (room, ours) in [(0, vec![]), (40, vec!["failureReason"]), (2_000, all.to_vec())] {
        let body = "é".repeat((LARGEST - room) / 2);
        stage.send_with(&body, &[]).await;
        assert!(stage.deliver(&worker).await.is_empty());
        let letters = stage.dead_letters().await;
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        assert!(letter.body == body, "{room}: the body is altered");
        assert_eq!(letter.attributes.keys().map(String::as_str).collect::<Vec<_>>(), ours, "{room}");
        let size = |(name, (kind, value)): (&String, &(String, String))| name.len() + kind.len() + value.len();
        let whole = body.len() + letter.attributes.iter().map(size).sum::<usize>();
        assert!(whole <= LARGEST, "{whole}");
    }
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_sent_is_a_deferral_and_nothing_is_acknowledged() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(3, "SendMessage", Moment::Before);
    assert_eq!(stage.ends(&worker, &[event("no.such.route", "1")]).await, ["deferred service-error"]);
    assert!(stage.dead_letters().await.is_empty());
    worker.wire.mend();
    assert_eq!(stage.ends(&worker, &[event("no.such.route", "1")]).await, ["dead-lettered no-route"]);
}

#[tokio::test]
async fn a_dead_letter_whose_sending_was_not_confirmed_is_sent_twice_rather_than_lost() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    worker.wire.break_next(1, "SendMessage", Moment::After);
    stage.send(&event("no.such.route", "1")).await;
    let records = stage.receive().await;
    let back = worker.batch(&records).await;
    let back = if back.is_empty() { back } else { worker.batch(&records).await };
    assert!(back.is_empty());
    assert!(!stage.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_message_that_the_queue_would_delete_before_its_next_delivery_is_dead_lettered() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    let kept_for = |id: &str, left: u64| {
        let mut record = record(event("held", id).to_string());
        let sent = worker.clock.now().minus(QUEUE_RETENTION).plus(Duration::from_secs(left));
        record["attributes"]["SentTimestamp"] = sent.as_millis().to_string().into();
        record
    };
    let batch = [kept_for("early", 7_200), kept_for("late", 1_800)];
    assert_eq!(worker.batch(&batch).await, [batch[0]["messageId"].as_str().unwrap()]);
    assert_eq!(stage.log.outcomes_of("early"), ["deferred held"]);
    assert_eq!(stage.log.outcomes_of("late"), ["dead-lettered expired"]);
    let letters = stage.dead_letters().await;
    assert!(letters[0].attribute("failureDetail").ends_with("at last as held"), "{letters:?}");
}
