//! A digital message that is in doubt at a NICE CXone tenant is settled by looking for it, so that one event is one
//! conversation without a person.

use std::time::Duration;

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{DuplicateMessages, Effect, Endpoint, Kind, Simulator};
use serde_json::{Value, json};

use super::{
    stage::{Stage, Worker, key_of},
    tenant_digital::{chat, config, count, kinds, once, routes, stage},
};

/// Hands the event over again and again, a settle time apart, until it no longer comes back; what it ended as each
/// time.
async fn until_settled(stage: &Stage<Simulator>, worker: &Worker, event: &Value) -> Vec<String> {
    let mut ends = Vec::new();
    for _ in 0..6 {
        ends.extend(stage.ends(worker, std::slice::from_ref(event)).await);
        if !ends.last().unwrap().starts_with("deferred") {
            break;
        }
        stage.advance(Duration::from_secs(90));
    }
    ends
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_found_at_once_and_no_person_is_asked() {
    for effect in [
        Effect::accepted_then(500),
        Effect::accepted_then(503),
        Effect::ResetAfter,
        Effect::member("/consumerContact", None),
        Effect::accepted_then(409),
    ] {
        let stage = stage().await;
        stage.simulator.add_fault(once(effect.clone()));
        if effect == Effect::member("/consumerContact", None) {
            stage.simulator.add_fault(once(Effect::member("/message", None)));
        }
        assert_eq!(stage.ends(&stage.worker(), &[chat("1")]).await, ["injected"], "{effect:?}");
        let creations = stage.simulator.creations();
        assert_eq!((creations.len(), creations[0].priority, creations[0].messages), (1, Some(500), 1), "{effect:?}");
        let line = stage.log.deliveries().pop().unwrap();
        assert_eq!(line["contact_id"], creations[0].contact_id.to_string(), "{effect:?}: {line}");
    }
}

#[tokio::test]
async fn a_message_that_shows_late_is_found_by_a_later_look() {
    for (lag, ends) in [(50, 2), (110, 3)] {
        let mut config = config();
        config.search_lag_seconds = lag;
        config.duplicate_messages = DuplicateMessages::SecondContact;
        let stage = Stage::with_routes(config, &routes(&json!({}))).await;
        let worker = stage.worker();
        stage.simulator.add_fault(once(Effect::accepted_then(500)));
        let ended = until_settled(&stage, &worker, &chat("1")).await;
        assert_eq!((ended.len() <= ends, ended.last().unwrap().as_str()), (true, "injected"), "{lag}: {ended:?}");
        assert_eq!((stage.simulator.creations().len(), count(&stage, Endpoint::Messages)), (1, 1), "{lag}");
    }
}

#[tokio::test]
async fn what_is_absent_twice_is_sent_again_under_the_same_ids_and_no_sooner() {
    for duplicates in [DuplicateMessages::SecondMessage, DuplicateMessages::Conflict, DuplicateMessages::SecondContact]
    {
        let mut config = config();
        config.duplicate_messages = duplicates;
        let stage = Stage::with_routes(config, &routes(&json!({}))).await;
        let worker = stage.worker();
        stage.simulator.add_fault(once(Effect::bare(500)));
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
        assert_eq!(stage.ledger_state("1").await, "in-doubt");
        // Before a look counts nobody looks.
        stage.advance(Duration::from_secs(70));
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred in-progress"]);
        assert_eq!(count(&stage, Endpoint::MessageSearch), 1);
        stage.advance(Duration::from_secs(20));
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
        let seen = stage.ledger_item("1").await.unwrap();
        assert!(seen["sending"].as_m().unwrap().contains_key("absentAt"), "{seen:?}");
        // Another worker takes the second look.
        let other = stage.worker();
        stage.advance(Duration::from_secs(30));
        assert_eq!(stage.ends(&other, &[chat("1")]).await, ["deferred in-progress"]);
        stage.advance(Duration::from_secs(35));
        assert_eq!(stage.ends(&other, &[chat("1")]).await, ["injected"], "{duplicates:?}");
        assert_eq!((count(&stage, Endpoint::MessageSearch), count(&stage, Endpoint::Messages)), (3, 2));
        let creations = stage.simulator.creations();
        assert_eq!((creations.len(), creations[0].key.as_str()), (1, key_of("1").to_string().as_str()));
        let thread = creations[0].thread.clone();
        assert_eq!(thread, Some(key_of("1").to_string()));
    }
}

#[tokio::test]
async fn a_repetition_that_is_in_doubt_too_is_looked_for_anew() {
    let stage = stage().await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::bare(500)));
    stage.simulator.add_fault(once(Effect::bare(503)));
    let ends = until_settled(&stage, &worker, &chat("1")).await;
    assert_eq!(ends.last().unwrap(), "injected", "{ends:?}");
    assert_eq!((stage.simulator.creations().len(), count(&stage, Endpoint::Messages)), (1, 3), "{ends:?}");
}

#[tokio::test]
async fn an_answer_that_is_unfiltered_or_cannot_be_read_proves_nothing() {
    let mut config = config();
    config.search_page = 2;
    config.duplicate_messages = DuplicateMessages::SecondContact;
    let stage = Stage::with_routes(config, &routes(&json!({}))).await;
    let worker = stage.worker();
    // Others' messages, more than a page of them.
    let others: Vec<_> = ["a", "b", "c"].map(chat).into();
    assert!(stage.ends(&worker, &others).await.iter().all(|end| end == "injected"));
    stage.simulator.tenant().config_mut().search_ignores_filters = true;
    stage.simulator.add_fault(once(Effect::accepted_then(500)));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
    for effect in [None, Some(Effect::html(200)), Some(Effect::bare(500)), Some(Effect::member("/hits", None))] {
        stage.advance(Duration::from_secs(300));
        if let Some(effect) = effect.clone() {
            stage.simulator.add_fault(AnyFault::once(Endpoint::MessageSearch, effect));
        }
        assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"], "{effect:?}");
        assert_eq!(stage.ledger_state("1").await, "in-doubt");
    }
    // All of it on one page, the filters ignored still: a row is ours by itself.
    stage.simulator.tenant().config_mut().search_page = 25;
    stage.advance(Duration::from_secs(300));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["injected"]);
    assert_eq!((stage.simulator.creations().len(), count(&stage, Endpoint::Messages)), (4, 4));
}

#[tokio::test]
async fn what_nobody_could_look_up_for_a_day_is_parked() {
    let stage = stage().await;
    let worker = stage.worker();
    stage.simulator.add_fault(AnyFault::always(Endpoint::MessageSearch, Effect::bare(500)));
    stage.simulator.add_fault(once(Effect::ResetAfter));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred timeout"]);
    stage.advance(Duration::from_secs(23 * 3600));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
    stage.advance(Duration::from_secs(2 * 3600));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["dead-lettered outcome-unknown"]);
    let letters = stage.dead_letters().await;
    let detail = letters[0].attribute("failureDetail");
    assert!(
        detail.contains("nothing has told whether it was: look for a message that was sent to digital:chat_0B7c"),
        "{detail}"
    );
    assert_eq!(count(&stage, Endpoint::Messages), 1);
}

#[tokio::test]
async fn nobody_is_asked_to_look_where_the_route_says_park() {
    let stage = Stage::with_routes(config(), &routes(&json!({ "onDoubt": "park" }))).await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::accepted_then(500)));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["dead-lettered outcome-unknown"]);
    assert_eq!((count(&stage, Endpoint::MessageSearch), kinds(&stage)), (0, vec![Kind::Digital]));
}

#[tokio::test]
async fn while_a_message_is_in_doubt_no_other_target_gets_anything() {
    let stage = stage().await;
    let worker = stage.worker();
    stage.simulator.add_fault(once(Effect::bare(500)));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
    // Its channel is gone by now, and its skill is full: neither sends it elsewhere before it is sure to be absent.
    stage.simulator.tenant().config_mut().channels.clear();
    stage.advance(Duration::from_secs(90));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["deferred service-error"]);
    assert!(stage.simulator.creations().is_empty());
    stage.advance(Duration::from_secs(90));
    assert_eq!(stage.ends(&worker, &[chat("1")]).await, ["injected"]);
    assert_eq!(kinds(&stage), [Kind::WorkItem], "the second look proved that there is none");
}
