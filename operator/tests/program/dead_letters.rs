//! What a listing sees, and what it leaves as it was.

use std::time::Duration;

use contact_injection::domain::claim::{Record, State};
use contact_injection::domain::idempotency::IdempotencyKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::stage::{Letter, Stage, ran};

/// Letters of the reasons below in turns.
fn letters(count: usize) -> Vec<Letter> {
    let letter = |number: usize| {
        let id = number.to_string();
        match number % 4 {
            0 => Letter::of("no-route", "/crm/emea", &id),
            1 => Letter::of("expired", "/crm/apac", &id),
            2 => Letter::bare("/payments", &id),
            _ => Letter::of("no-route", "/payments", &id),
        }
    };
    (0..count).map(letter).collect()
}

async fn counts_are_right_and_nothing_is_taken_out(stack: &str, count: usize) {
    let stage = Stage::new(stack).await;
    stage.send(&letters(count)).await;
    let listed = stage.run(&["dead-letters", "--json"]).await;
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""));
    let seen = listed.json();
    assert_eq!(seen["total"], count);
    assert_eq!(seen["reasons"], json!({ "no-route": count / 2, "expired": count / 4, "-": count / 4 }));
    assert_eq!(seen["routes"], json!({ "-": count }));
    assert_eq!(seen["queue"], json!({ "visible": count, "hidden": 0 }));
    assert_eq!(stage.depth("DeadLetterQueueUrl").await, (count, 0));
}

#[tokio::test]
async fn two_thousand_letters_are_counted_once_each_and_are_all_there_afterwards() {
    counts_are_right_and_nothing_is_taken_out("list-2000", 2_000).await;
}

/// `cargo test -p operator --test program -- --ignored`
#[tokio::test]
#[ignore = "the emulator looks at every message for each receive: a minute or more"]
async fn twenty_thousand_letters_are_counted_once_each_and_are_all_there_afterwards() {
    counts_are_right_and_nothing_is_taken_out("list-20000", 20_000).await;
}

#[tokio::test]
async fn filters_say_which_letters_are_meant_and_one_that_matches_nothing_is_no_error() {
    let stage = Stage::new("filters").await;
    stage.send(&letters(40)).await;
    stage.send(&[Letter::of("no-route", "/crm/emea", "late").with("failedAt", "2026-03-02T00:00:00Z")]).await;
    let routed = IdempotencyKey::of_event("/crm/emea", "late");
    stage.record(routed, "orders", |_| {}).await;
    let cases: [(&[&str], usize); 9] = [
        (&["--reason", "no-route"], 21),
        (&["--reason", "-"], 10),
        (&["--source", "/payments"], 20),
        (&["--source", "/payments", "--reason", "expired"], 0),
        (&["--since", "2026-03-02T00:00:00Z", "--until", "2026-03-03T00:00:00Z"], 1),
        (&["--until", "2026-03-02T00:00:00Z"], 30),
        (&["--route", "orders"], 1),
        (&["--route", "-"], 40),
        (&["--route", "nowhere"], 0),
    ];
    for (filter, count) in cases {
        let listed = stage.run(&[&["dead-letters", "--json"], filter].concat()).await;
        assert_eq!((listed.code, &listed.json()["total"]), (Some(0), &json!(count)), "{filter:?}");
    }
    let planned = stage.run(&["redrive", "--plan", "--json", "--source", "/payments"]).await;
    assert_eq!(planned.json(), json!({ "moved": 0, "planned": 20, "interrupted": false }), "{planned:?}");
    assert_eq!(stage.depth("DeadLetterQueueUrl").await, (41, 0));
}

#[tokio::test]
async fn letters_that_somebody_else_is_reading_are_told_beside_those_that_were_seen() {
    let stage = Stage::new("shared").await;
    stage.send(&letters(12)).await;
    let request = stage.sqs.receive_message().queue_url(stage.output("DeadLetterQueueUrl"));
    let held = request.max_number_of_messages(5).visibility_timeout(600).send().await.unwrap();
    let listed = stage.run(&["dead-letters"]).await;
    let heading =
        "7 dead letters; the queue itself counts about 12, 5 of them out of sight: somebody else is reading\n";
    assert!(listed.out.starts_with(heading), "{}", listed.out);
    assert_eq!((held.messages().len(), listed.code), (5, Some(0)));
    assert_eq!(stage.depth("DeadLetterQueueUrl").await, (7, 5));
}

#[tokio::test]
async fn an_interrupted_listing_shows_every_letter_again() {
    let stage = Stage::new("interrupted-listing").await;
    stage.send(&letters(600)).await;
    let mut program = stage.command(&["dead-letters", "--json"]).spawn().unwrap();
    while stage.depth("DeadLetterQueueUrl").await.1 == 0 {
        assert!(program.try_wait().unwrap().is_none(), "it ended before it hid anything");
    }
    let pid = Pid::from_raw(program.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let listed = ran(program.wait_with_output().await.unwrap());
    assert_eq!(listed.code, Some(3), "{listed:?}");
    assert!(listed.err.contains("not all of them: interrupted"), "{listed:?}");
    assert_eq!(stage.depth("DeadLetterQueueUrl").await, (600, 0));
}

#[tokio::test]
async fn one_letter_is_explained_with_what_to_do_and_what_the_ledger_knows() {
    let stage = Stage::new("explained").await;
    let key = IdempotencyKey::of_event("/crm/emea", "42");
    stage.send(&[letters(8), vec![Letter::of("outcome-unknown", "/crm/emea", "42")]].concat()).await;
    let parked = |record: &mut Record| (record.state, record.attempts) = (State::Parked, 2);
    stage.record(key, "orders", parked).await;
    let shown = stage.run(&["dead-letters", "--show", &key.to_string()]).await;
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(shown.out);
    let json = stage.run(&["dead-letters", "--json", "--show", &key.to_string()]).await.json();
    assert_eq!((&json["total"], &json["ledger"]["state"]), (&json!(1), &json!("outcome-unknown")));
    let unseen = IdempotencyKey::of_event("/crm/emea", "never").to_string();
    let shown = stage.run(&["dead-letters", "--show", &unseen]).await;
    assert_eq!(shown.out, "No letter of this event was seen in the queue.\nOn the ledger: nothing\n");
}

#[tokio::test]
async fn the_table_shows_reasons_and_routes_most_frequent_first_and_three_samples_of_each() {
    let stage = Stage::new("table").await;
    stage.send(&letters(16)).await;
    let unlike = letters(1)[0].clone().with_body("no event").with("failureReason", "Pat Doe");
    stage.send(&[unlike, Letter::bare("/payments", "\u{1b}[2J")]).await;
    for id in ["0", "4", "8"] {
        let key = IdempotencyKey::of_event("/crm/emea", id);
        stage.record(key, "orders", |_| {}).await;
    }
    let listed = stage.run(&["dead-letters"]).await;
    assert_eq!(listed.code, Some(0));
    // When the bare ones were sent, and which samples came first, differ from run to run.
    let head = listed.out.split("\n\n").take(3).collect::<Vec<_>>().join("\n\n");
    insta::assert_snapshot!(head);
    assert_eq!(listed.out.lines().filter(|line| line.starts_with("  ")).count(), 3 * 3 + 1);
}

#[tokio::test]
async fn an_empty_queue_takes_a_moment_and_says_so() {
    let stage = Stage::new("empty").await;
    let listed = tokio::time::timeout(Duration::from_secs(20), stage.run(&["dead-letters"])).await.unwrap();
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "0 dead letters; the queue itself counts about 0\n"));
}
