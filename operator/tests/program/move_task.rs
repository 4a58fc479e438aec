//! SQS's own move task, as the API documents it, and refusals that the emulator never makes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::sqs::{Answer, start};
use super::stage::{Ran, Stage, ran};

/// A task that moves some letters between any two looks at it.
#[derive(Default)]
struct Tasks {
    status: Option<&'static str>,
    moved: i64,
    rate: Value,
    calls: Vec<String>,
}

const TO_MOVE: i64 = 100;
const STEP: i64 = 40;

impl Tasks {
    fn answer(&mut self, action: &str, request: &Value) -> Answer {
        self.calls.push(action.to_owned());
        match action {
            "ListMessageMoveTasks" => {
                let listed = self.status.map(|status| {
                    json!({
                        "TaskHandle": (status == "RUNNING").then_some("handle"), "Status": status,
                        "SourceArn": request["SourceArn"], "ApproximateNumberOfMessagesMoved": self.moved,
                        "ApproximateNumberOfMessagesToMove": TO_MOVE, "MaxNumberOfMessagesPerSecond": self.rate,
                        "StartedTimestamp": 1_772_366_400_000_i64,
                    })
                });
                if self.status == Some("RUNNING") {
                    self.moved = TO_MOVE.min(self.moved + STEP);
                    self.status = Some(if self.moved == TO_MOVE { "COMPLETED" } else { "RUNNING" });
                }
                Ok(json!({ "Results": listed.into_iter().collect::<Vec<_>>() }))
            }
            "StartMessageMoveTask" => {
                (self.status, self.rate) = (Some("RUNNING"), request["MaxNumberOfMessagesPerSecond"].clone());
                Ok(json!({ "TaskHandle": "handle" }))
            }
            "CancelMessageMoveTask" => {
                self.status = Some("CANCELLED");
                Ok(json!({ "ApproximateNumberOfMessagesMoved": self.moved }))
            }
            _ => Err("InvalidAction"),
        }
    }
}

/// The tasks of a queue, and the endpoint at which they are asked for.
async fn tasks(tasks: Tasks) -> (Arc<Mutex<Tasks>>, String) {
    let tasks = Arc::new(Mutex::new(tasks));
    let script = Arc::clone(&tasks);
    (tasks, start(move |action, request| script.lock().unwrap().answer(action, request)).await)
}

async fn run(stage: &Stage, sqs: &str, words: &[&str]) -> Ran {
    ran(stage.command(words).env("AWS_ENDPOINT_URL_SQS", sqs).output().await.unwrap())
}

#[tokio::test]
async fn without_filters_sqs_moves_the_letters_and_is_followed_to_the_end() {
    let stage = Stage::new("task").await;
    let (tasks, sqs) = tasks(Tasks::default()).await;
    let redriven = run(&stage, &sqs, &["redrive", "--json", "--rate", "7"]).await;
    assert_eq!((redriven.code, redriven.err.as_str()), (Some(0), ""));
    assert_eq!(redriven.json(), json!({ "moved": 100, "planned": 100, "interrupted": false }));
    assert_eq!(tasks.lock().unwrap().rate, 7);
}

#[tokio::test]
async fn a_task_that_is_under_way_is_followed_and_none_is_started_beside_it() {
    let stage = Stage::new("task-followed").await;
    let (tasks, sqs) = tasks(Tasks { status: Some("RUNNING"), moved: 40, ..Tasks::default() }).await;
    let redriven = run(&stage, &sqs, &["redrive"]).await;
    assert_eq!((redriven.code, redriven.out.as_str()), (Some(0), "100 letters moved\n"));
    assert!(redriven.err.contains("a move task was under way already, with 40 letters moved"), "{redriven:?}");
    assert!(!tasks.lock().unwrap().calls.contains(&"StartMessageMoveTask".to_owned()));
}

#[tokio::test]
async fn an_interruption_cancels_the_task() {
    let stage = Stage::new("task-interrupted").await;
    let (tasks, sqs) = tasks(Tasks::default()).await;
    let program = stage.command(&["redrive", "--json"]).env("AWS_ENDPOINT_URL_SQS", sqs).spawn().unwrap();
    while tasks.lock().unwrap().status.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    kill_process(Pid::from_raw(program.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    let redriven = ran(program.wait_with_output().await.unwrap());
    assert_eq!((redriven.code, &redriven.json()["interrupted"]), (Some(3), &json!(true)), "{redriven:?}");
    assert_eq!(tasks.lock().unwrap().status, Some("CANCELLED"));
}

#[tokio::test]
async fn a_task_under_way_can_be_cancelled_and_none_is_no_error() {
    let stage = Stage::new("task-cancelled").await;
    let (_, sqs) = tasks(Tasks { status: Some("RUNNING"), moved: 40, ..Tasks::default() }).await;
    let cancelled = run(&stage, &sqs, &["redrive", "--cancel"]).await;
    assert_eq!((cancelled.code, cancelled.out.as_str()), (Some(0), "cancelled, with about 40 letters moved\n"));
    let (_, sqs) = tasks(Tasks { status: Some("COMPLETED"), ..Tasks::default() }).await;
    let none = run(&stage, &sqs, &["redrive", "--cancel"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), "no move task is under way\n"));
}

#[tokio::test]
async fn a_missing_right_is_named_and_throttling_is_waited_for() {
    let stage = Stage::new("refused").await;
    let denied = |action: &'static str| {
        start(move |asked, _: &Value| match asked {
            _ if asked == action => Err("AccessDenied"),
            "GetQueueAttributes" => Ok(json!({ "Attributes": {} })),
            _ => Ok(json!({})),
        })
    };
    for (action, words) in [
        ("ReceiveMessage", ["dead-letters", "--json"]),
        ("GetQueueAttributes", ["dead-letters", "--json"]),
        ("ListMessageMoveTasks", ["redrive", "--json"]),
        ("StartMessageMoveTask", ["redrive", "--json"]),
    ] {
        let refused = run(&stage, &denied(action).await, &words).await;
        assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""), "{action}: {refused:?}");
        assert!(refused.err.contains(&format!("missing permission: sqs:{action} on ")), "{refused:?}");
    }
    let mut throttled = 0;
    let patient = start(move |action, _: &Value| {
        throttled += 1;
        match action {
            _ if throttled <= 2 => Err("ThrottlingException"),
            "GetQueueAttributes" => Ok(json!({ "Attributes": {} })),
            _ => Ok(json!({})),
        }
    });
    let listed = run(&stage, &patient.await, &["dead-letters", "--json"]).await;
    assert_eq!((listed.code, &listed.json()["total"]), (Some(0), &json!(0)), "{listed:?}");
}
