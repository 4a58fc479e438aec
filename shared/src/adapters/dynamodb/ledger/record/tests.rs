use super::*;

const EVERY_STATE: [State; 6] =
    [State::Claimed, State::Released, State::InDoubt, State::Injected, State::DeadLettered, State::Parked];

fn record(state: State) -> Record {
    let placed = |id: &str| PlacedContact { contact_id: id.to_owned(), target: "queue:q".to_owned() };
    Record {
        version: RECORD_VERSION,
        state,
        attempt: Uuid::from_u128(7),
        at: Timestamp::from_millis(1),
        until: Timestamp::from_millis(2),
        hash: Some(DataHash::from_stored("abc")),
        first_sent: Some(Timestamp::from_millis(3)),
        sending: Some(Sending {
            kind: "workItem".to_owned(),
            target: "workItem:123456 - Orders".to_owned(),
            at: Timestamp::from_millis(3),
            absent: Some(Timestamp::from_millis(4)),
        }),
        after_crash: true,
        crashes: 1,
        attempts: 4,
        lost: vec![placed("lost")],
        forgiven: 1,
        contact: Some(placed("c")),
        dead_letters: vec![DeadLettered { reason: DeadLetterReason::NoRoute, message_id: "m-1".to_owned() }],
        expires: Some(Timestamp::from_millis(5000)),
        event: Description {
            source: "/crm/emea".to_owned(),
            id: "8842-1".to_owned(),
            event_type: "com.example.order.updated".to_owned(),
            route: "crm-order-update".to_owned(),
            traceparent: Traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            lane: Some(Lane::Urgent),
        },
        first_seen: Some(Timestamp::from_millis(4)),
        reason: Some(DeadLetterReason::NoRoute.into()),
        target: Some("queue:q".to_owned()),
    }
}

fn key() -> IdempotencyKey {
    IdempotencyKey::of_event("s", "i")
}

#[test]
fn every_state_reads_back_as_it_was_written() {
    for state in EVERY_STATE {
        let item = write(key(), &record(state));
        assert_eq!(read(&item).unwrap(), record(state));
        assert_eq!(item.contains_key("expiresAt"), state != State::Parked, "DynamoDB deletes nothing that is parked");
    }
}

/// An item's size as DynamoDB bills it: the bytes of each name and of its value.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // A byte for two digits, and one more.
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::Bool(_) => 1,
        AttributeValue::L(entries) => 3 + entries.iter().map(|entry| 1 + size_of_value(entry)).sum::<usize>(),
        AttributeValue::M(members) => 3 + members.len() + size(members),
        other => panic!("no record has {other:?}"),
    }
}

/// Everything that an ordinary event's record may say, at ordinary lengths.
fn ordinary(state: State) -> Record {
    let uuid = Uuid::from_u128(u128::MAX).to_string();
    let placed = PlacedContact { contact_id: uuid.clone(), target: format!("queue:{uuid}") };
    let now = Timestamp::from_millis(1_790_000_000_000);
    let event = Description {
        source: "s".repeat(40),
        id: "i".repeat(36),
        event_type: "t".repeat(60),
        route: "r".repeat(30),
        traceparent: Traceparent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        lane: Some(Lane::Urgent),
    };
    let reason = DeadLetterReason::UnregisteredAttribute;
    let record = Record {
        hash: Some(DataHash::from_stored("a".repeat(64))),
        attempts: 12,
        target: Some(placed.target.clone()),
        expires: Some(now),
        first_seen: Some(now),
        at: now,
        until: now,
        first_sent: Some(now),
        lost: Vec::new(),
        contact: None,
        dead_letters: Vec::new(),
        reason: None,
        event,
        ..record(state)
    };
    match state {
        State::Injected => Record { contact: Some(placed.clone()), lost: vec![placed], ..record },
        _ => Record {
            dead_letters: vec![DeadLettered { reason, message_id: uuid }],
            reason: Some(reason.into()),
            ..record
        },
    }
}

#[test]
fn an_ordinary_record_is_one_write_unit() {
    for state in EVERY_STATE {
        let bytes = size(&write(key(), &ordinary(state)));
        assert!(bytes <= 1024, "{state:?}: {bytes}");
    }
}

#[test]
fn what_an_outcome_event_is_made_of_is_there_on_every_record_of_an_ended_event_and_only_there() {
    let known = ["eventSource", "eventId", "eventType", "route", "reason", "target", "traceparent"];
    let of_an_end = ["outcomeId", "detailType", "contactId", "outcomeAt"];
    let blank = |state| Record {
        event: Description::default(),
        contact: None,
        target: None,
        reason: None,
        dead_letters: Vec::new(),
        ..record(state)
    };
    for record in EVERY_STATE.map(record).into_iter().chain(EVERY_STATE.map(blank)) {
        let item = write(key(), &record);
        assert!(known.iter().all(|name| item[*name].is_s()), "{:?}: {item:?}", record.state);
        assert!(item["attempts"].is_n());
        let ended = record.final_outcome().is_some();
        if ended || record.contact.is_none() {
            assert!(of_an_end.iter().all(|name| item.contains_key(*name) == ended), "{:?}", record.state);
        }
        assert_eq!(read(&item).unwrap(), record);
    }
}

#[test]
fn an_outcome_is_told_by_its_time_its_type_and_its_id() {
    let item = write(key(), &record(State::DeadLettered));
    let id = key().of_outcome("dead-lettered", "no-route", "c");
    for (name, value) in [
        ("outcomeId", id.to_string().as_str()),
        ("detailType", "Contact Dead-Lettered"),
        ("outcomeAt", "1970-01-01T00:00:00.001Z"),
    ] {
        assert_eq!(item[name].as_s().unwrap(), value);
    }
}

#[test]
fn a_record_of_a_version_that_described_nothing_is_read_all_the_same() {
    let mut item = write(key(), &record(State::Injected));
    for name in
        ["eventSource", "eventId", "eventType", "route", "traceparent", "lane", "reason", "firstSeenAt", "outcomeId"]
    {
        item.remove(name);
    }
    let read = read(&item).unwrap();
    let expected = Record { event: Description::default(), reason: None, first_seen: None, ..record(State::Injected) };
    assert_eq!(read, expected);
    item.insert("reason".to_owned(), text("a-reason-of-a-later-version"));
    assert!(super::read(&item).is_ok(), "nothing is decided by it");
}

#[test]
fn a_newer_version_is_recognised_whatever_else_it_holds() {
    let item = Item::from([("version".to_owned(), number(RECORD_VERSION + 1)), ("state".to_owned(), number(9))]);
    assert_eq!(read(&item).unwrap().version, RECORD_VERSION + 1);
}

#[test]
fn every_member_that_is_missing_or_of_another_type_is_named() {
    for name in ["version", "state", "attempt", "at", "until", "crashes", "attempts"] {
        let mut item = write(key(), &record(State::Injected));
        item.insert(name.to_owned(), AttributeValue::Bool(true));
        assert_eq!(read(&item).unwrap_err().0, name);
        item.remove(name);
        assert_eq!(read(&item).unwrap_err().0, name);
    }
}
