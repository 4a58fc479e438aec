//! Letters back to the queue that they came from: each once, whatever happens meanwhile.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::MessageSystemAttributeName;
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::domain::lane::Lane;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Letter, Ran, Stage, ran};

const CONTACTS: &str = "ContactQueueUrl";
const LETTERS: &str = "DeadLetterQueueUrl";

fn letters(count: usize) -> Vec<Letter> {
    (0..count).map(|number| Letter::of("no-route", "/crm", &number.to_string())).collect()
}

/// Ids of the events of a queue, which is empty after that.
async fn ids(stage: &Stage, output: &str) -> Vec<String> {
    let messages = stage.take(output).await;
    let id = |body: &str| serde_json::from_str::<Value>(body).unwrap()["id"].as_str().unwrap().to_owned();
    messages.iter().map(|message| id(message.body().unwrap())).collect()
}

/// Starts the program and interrupts it once it has moved so many letters.
async fn interrupted_after(stage: &Stage, letters: usize) -> Ran {
    let before = stage.depth(CONTACTS).await.0;
    let mut program = stage.command(&["redrive", "--json", "--rate", "500"]).spawn().unwrap();
    let pid = Pid::from_raw(program.id().unwrap().cast_signed()).unwrap();
    while stage.depth(CONTACTS).await.0 < before + letters && program.try_wait().unwrap().is_none() {}
    if program.try_wait().unwrap().is_none() {
        kill_process(pid, Signal::INT).unwrap();
    }
    ran(program.wait_with_output().await.unwrap())
}

/// A number below this one.
fn below(most: u128) -> usize {
    usize::try_from(Uuid::new_v4().as_u128() % most).unwrap()
}

#[tokio::test]
async fn a_redrive_interrupted_at_random_moments_and_run_again_moves_each_of_2000_letters_once() {
    const LETTERS_SENT: usize = 2_000;
    let stage = Stage::new("redrive-2000").await;
    stage.send(&letters(LETTERS_SENT)).await;
    let (mut moved, mut interruptions) = (0, 0);
    for _ in 0..12 {
        let ran = interrupted_after(&stage, below(200)).await;
        // One that is interrupted before it takes signals over has done nothing.
        if ran.code.is_none() {
            continue;
        }
        let done = ran.json();
        moved += done["moved"].as_u64().unwrap();
        interruptions += usize::from(done["interrupted"] == true);
        assert_eq!(ran.code, Some(if done["interrupted"] == true { 3 } else { 0 }), "{ran:?}");
        let (there, gone) = (stage.depth(LETTERS).await, stage.depth(CONTACTS).await);
        assert_eq!((there.0 + gone.0, there.1), (LETTERS_SENT, 0), "nothing lost, nothing out of sight");
    }
    assert!(interruptions > 0, "it was never interrupted");
    let last = stage.run(&["redrive", "--json", "--rate", "500"]).await;
    assert_eq!(last.code, Some(0), "{last:?}");
    moved += last.json()["moved"].as_u64().unwrap();
    assert_eq!(moved, LETTERS_SENT as u64);
    let ids = ids(&stage, CONTACTS).await;
    assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (LETTERS_SENT, LETTERS_SENT));
    assert_eq!(stage.depth(LETTERS).await, (0, 0));
}

#[tokio::test]
async fn a_letter_keeps_its_body_its_attributes_and_its_group() {
    let stage = Stage::new("kept").await;
    let letter = Letter::of("expired", "/crm", "1").with("own", "kept").in_group("tenant-7");
    stage.send(std::slice::from_ref(&letter)).await;
    let redriven = stage.run(&["redrive", "--rate", "500"]).await;
    assert_eq!((redriven.code, redriven.out.as_str()), (Some(0), "1 letter moved\n"));
    assert!(redriven.err.contains("SQS offers no move task here: letters were moved one by one"), "{redriven:?}");
    let messages = stage.take(CONTACTS).await;
    let attributes = messages[0].message_attributes().unwrap();
    assert_eq!(messages[0].body(), Some(letter.body.as_str()));
    assert_eq!(attributes["own"].string_value(), Some("kept"));
    assert_eq!(attributes["failureReason"].string_value(), Some("expired"));
    assert_eq!((attributes["attempts"].data_type(), attributes.len()), ("Number", 6));
    let group = &messages[0].attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!(group, "tenant-7");
}

#[tokio::test]
async fn only_what_the_filters_mean_is_moved_and_the_rest_is_shown_again() {
    let stage = Stage::new("redrive-filters").await;
    stage.send(&letters(30)).await;
    stage.send(&[Letter::of("expired", "/crm", "old"), Letter::bare("/payments", "bare")]).await;
    let routed = IdempotencyKey::of_event("/crm", "7");
    stage.record(routed, "orders", |_| {}).await;
    for (filter, moved) in [(["--reason", "expired"], "old"), (["--route", "orders"], "7"), (["--reason", "-"], "bare")]
    {
        let redriven = stage.run(&[&["redrive", "--json", "--rate", "500"], &filter[..]].concat()).await;
        assert_eq!(redriven.json(), json!({ "moved": 1, "planned": 1, "interrupted": false }), "{redriven:?}");
        assert_eq!(ids(&stage, CONTACTS).await, [moved]);
    }
    assert_eq!(stage.depth(LETTERS).await, (29, 0));
    let none = stage.run(&["redrive", "--source", "/nobody"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), "0 letters moved\n"));
}

#[tokio::test]
async fn a_letter_that_fails_again_meanwhile_is_left_for_another_run() {
    let stage = Stage::new("again").await;
    stage.send(&letters(40)).await;
    let mut program = stage.command(&["redrive", "--json", "--rate", "20"]).spawn().unwrap();
    // The function's part: whatever comes fails again at once, as another message.
    while program.try_wait().unwrap().is_none() {
        let request = stage.sqs.receive_message().queue_url(stage.output(CONTACTS)).max_number_of_messages(10);
        let request = request.wait_time_seconds(1);
        for message in request.visibility_timeout(3600).send().await.unwrap().messages() {
            let letter = Letter::of("no-route", "/crm", "again").with_body(message.body().unwrap());
            stage.send(&[letter.with("sourceMessageId", message.message_id().unwrap())]).await;
        }
    }
    let redriven = ran(program.wait_with_output().await.unwrap());
    assert_eq!((redriven.code, &redriven.json()["moved"]), (Some(0), &json!(40)), "{redriven:?}");
    assert!(redriven.err.contains("40 letters failed again"), "{redriven:?}");
    assert_eq!(stage.depth(LETTERS).await, (40, 0));
}

/// A stack of this name with an urgent queue.
async fn with_urgent_queue(stack: &str) -> Stage {
    let queue = json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": format!("{stack}-urgent") } });
    let outputs = json!({
        "UrgentQueueUrl": { "Value": { "Ref": "UrgentQueue" } },
        "UrgentQueueArn": { "Value": { "Fn::GetAtt": ["UrgentQueue", "Arn"] } },
    });
    Stage::with(stack, &json!({ "UrgentQueue": queue }), &outputs).await
}

#[tokio::test]
async fn with_an_urgent_queue_each_letter_goes_back_to_the_lane_that_it_came_from() {
    let stage = with_urgent_queue("lanes").await;
    let urgent = Letter::of("expired", "/crm", "urgent").with("sourceQueue", stage.output("UrgentQueueArn"));
    let standard = Letter::of("expired", "/crm", "standard").with("sourceQueue", stage.output("ContactQueueArn"));
    // One that had no room for the attribute, or that SQS itself moved: the ledger may know it.
    let full = IdempotencyKey::of_event("/crm", "full");
    stage.record(full, "orders", |record| record.event.lane = Some(Lane::Urgent)).await;
    stage.send(&[urgent, standard, Letter::bare("/crm", "bare"), Letter::bare("/crm", "full")]).await;
    assert_eq!(stage.run(&["redrive", "--rate", "500"]).await.out, "4 letters moved\n");
    let [mut others, mut urgent] = [ids(&stage, CONTACTS).await, ids(&stage, "UrgentQueueUrl").await];
    others.sort_unstable();
    urgent.sort_unstable();
    assert_eq!(
        (others, urgent),
        (["bare", "standard"].map(str::to_owned).to_vec(), ["full", "urgent"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn a_lane_that_the_ledger_cannot_tell_is_not_guessed() {
    let stage = with_urgent_queue("guessed").await;
    stage.send(&[Letter::bare("/crm", "bare")]).await;
    stage.dynamodb.delete_table().table_name(stage.output("LedgerTableName")).send().await.unwrap();
    let redriven = stage.run(&["redrive", "--rate", "500"]).await;
    assert_eq!((redriven.code, stage.depth(LETTERS).await.0), (Some(3), 1), "{redriven:?}");
    assert!(redriven.err.contains("dynamodb:BatchGetItem"), "{redriven:?}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the pace is one of real time")]
async fn so_many_letters_a_second_are_moved_as_were_asked_for() {
    let stage = Stage::new("paced").await;
    stage.send(&letters(15)).await;
    let start = Instant::now();
    let mut program = stage.command(&["redrive", "--json", "--rate", "5"]).spawn().unwrap();
    while stage.depth(CONTACTS).await.0 < 7 {
        assert!(program.try_wait().unwrap().is_none(), "it moves fifteen");
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "faster than five a second");
    let pid = Pid::from_raw(program.id().unwrap().cast_signed()).unwrap();
    assert!(program.try_wait().unwrap().is_none());
    kill_process(pid, Signal::TERM).unwrap();
    let done = ran(program.wait_with_output().await.unwrap());
    assert_eq!((done.code, &done.json()["interrupted"], &done.json()["planned"]), (Some(3), &json!(true), &json!(15)));
}
