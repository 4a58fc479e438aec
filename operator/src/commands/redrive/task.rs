//! SQS's own move task: started, or found under way, and followed to its end.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry as Task;
use contact_injection::adapters::environment::System;
use contact_injection::ports::Environment as _;
use serde_json::json;

use super::Outcome;
use crate::answer::{Answer, count};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::stack::Stack;

/// SQS ends a task after so long.
const LONGEST_HOURS: usize = 36;
/// SQS's tasks take minutes.
const POLL: Duration = Duration::from_secs(2);
/// By which an endpoint says that it knows no such call.
const NO_SUCH_CALL: [&str; 3] = ["InvalidAction", "UnknownOperationException", "UnknownOperation"];

/// Moves everything; nothing where SQS offers no such tasks.
pub(super) async fn run(stack: &Stack, interrupt: &Interrupt, rate: u16) -> Result<Option<Outcome>, Error> {
    let tasks = Tasks::of(stack)?;
    let Some(found) = tasks.latest().await? else { return Ok(None) };
    let mut notes = Vec::new();
    if let Some(running) = found.as_ref().filter(|task| is_active(task)) {
        let moved = running.approximate_number_of_messages_moved();
        notes.push(format!(
            "a move task was under way already, with {moved} letters moved: this followed it, at its own rate"
        ));
    } else {
        tasks.start(rate).await?;
    }
    let ended_before = found.filter(|task| !is_active(task)).map(|task| task.started_timestamp());
    let mut moved = tasks.follow(interrupt, rate, ended_before).await?;
    moved.notes.splice(0..0, notes);
    Ok(Some(moved))
}

/// Cancels the task that is under way.
pub(super) async fn cancel(stack: &Stack) -> Result<Answer, Error> {
    let tasks = Tasks::of(stack)?;
    let task = tasks.latest().await?.flatten().filter(is_active);
    let Some(task) = task else {
        let json = json!({ "moved": 0, "planned": 0, "interrupted": false });
        return Ok(Answer::done("no move task is under way", json));
    };
    tasks.cancel(&task).await?;
    let (moved, planned) = (moved_by(&task), to_move(&task));
    let json = json!({ "moved": moved, "planned": planned, "interrupted": true });
    Ok(Answer::done(format!("cancelled, with about {} moved", count(moved, "letter")), json))
}

/// The move tasks of the dead-letter queue.
struct Tasks<'a> {
    sqs: Client,
    from: &'a str,
    to: &'a str,
}

impl<'a> Tasks<'a> {
    fn of(stack: &'a Stack) -> Result<Self, Error> {
        let (from, to) = (stack.output("DeadLetterQueueArn")?, stack.output("ContactQueueArn")?);
        Ok(Self { sqs: stack.sqs(), from, to })
    }

    /// The latest task, or none; nothing at all where there are no such tasks.
    async fn latest(&self) -> Result<Option<Option<Task>>, Error> {
        match self.sqs.list_message_move_tasks().source_arn(self.from).max_results(1).send().await {
            Ok(answer) => Ok(Some(answer.results.unwrap_or_default().into_iter().next())),
            Err(error) if error.code().is_some_and(|code| NO_SUCH_CALL.contains(&code)) => Ok(None),
            Err(error) => Err(Error::aws("sqs:ListMessageMoveTasks", self.from, &error)),
        }
    }

    async fn start(&self, rate: u16) -> Result<(), Error> {
        // The destination has to be named: most dead letters were sent by the function, and SQS knows no origin of
        // those.
        let request = self.sqs.start_message_move_task().source_arn(self.from).destination_arn(self.to);
        let started = request.max_number_of_messages_per_second(rate.into()).send().await;
        started.map(drop).map_err(|error| Error::aws("sqs:StartMessageMoveTask", self.from, &error))
    }

    async fn cancel(&self, task: &Task) -> Result<(), Error> {
        // It has a handle while it runs: what has none is ending already.
        let Some(handle) = task.task_handle() else { return Ok(()) };
        let cancelled = self.sqs.cancel_message_move_task().task_handle(handle).send().await;
        cancelled.map(drop).map_err(|error| Error::aws("sqs:CancelMessageMoveTask", self.from, &error))
    }

    /// Follows the task to its end, and cancels it where somebody wants that. One that started at `ended_before` is
    /// another.
    async fn follow(&self, interrupt: &Interrupt, rate: u16, ended_before: Option<i64>) -> Result<Outcome, Error> {
        let (clock, progress) = (System::new(), Progress::on_terminal());
        let mut cancelled = false;
        loop {
            if let Some(Some(task)) = self.latest().await? {
                let is_new = is_active(&task) || Some(task.started_timestamp()) != ended_before;
                if is_new && !is_active(&task) {
                    return Ok(ended(&task, interrupt.is_set()));
                }
                progress.show(&words(&task, rate));
                if is_new && interrupt.is_set() && !cancelled {
                    self.cancel(&task).await?;
                    cancelled = true;
                }
            }
            tokio::select! {
                () = clock.sleep(POLL) => {}
                () = interrupt.set(), if !cancelled && !interrupt.is_set() => {}
            }
        }
    }
}

fn is_active(task: &Task) -> bool {
    matches!(task.status(), Some("RUNNING" | "CANCELLING"))
}

fn moved_by(task: &Task) -> usize {
    usize::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0)
}

fn to_move(task: &Task) -> usize {
    task.approximate_number_of_messages_to_move().and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// Where the task is, and whether its time will do.
fn words(task: &Task, rate: u16) -> String {
    let rate =
        task.max_number_of_messages_per_second().and_then(|rate| usize::try_from(rate).ok()).unwrap_or(rate.into());
    let hours = to_move(task) / rate.max(1) / 3600;
    let warning = if hours < LONGEST_HOURS {
        String::new()
    } else {
        format!(
            "; at this rate it takes {hours} h, and SQS ends it after {LONGEST_HOURS} h: run it again then, or use --rate"
        )
    };
    format!("SQS has moved {} of about {} at {rate}/s{warning}", moved_by(task), to_move(task))
}

fn ended(task: &Task, interrupted: bool) -> Outcome {
    let status = task.status().unwrap_or("no status");
    let (moved, planned) = (moved_by(task), to_move(task));
    let mut notes = Vec::new();
    if status == "FAILED" {
        let reason = task.failure_reason().unwrap_or("SQS gives no reason");
        notes.push(format!("SQS's move task failed: {reason}"));
    }
    if status == "COMPLETED" && moved < planned {
        notes.push(format!("SQS ends a move task after {LONGEST_HOURS} h: run it again for the rest"));
    }
    // Cancelled by somebody else is as good as interrupted.
    let interrupted = interrupted || status == "CANCELLED";
    Outcome { moved, planned: planned.max(moved), interrupted, notes, failed: status == "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(status: &str, moved: i64, to_move: i64) -> Task {
        let task = Task::builder().status(status).approximate_number_of_messages_moved(moved);
        task.approximate_number_of_messages_to_move(to_move).max_number_of_messages_per_second(1).build()
    }

    #[test]
    fn a_task_that_takes_longer_than_sqs_lets_it_is_told_so_while_it_runs_and_at_its_end() {
        assert!(!words(&task("RUNNING", 1, 100), 1).contains("36 h"));
        assert!(words(&task("RUNNING", 1, 200_000), 1).contains("it takes 55 h, and SQS ends it after 36 h"));
        let moved = ended(&task("COMPLETED", 129_600, 200_000), false);
        assert_eq!((moved.moved, moved.planned, moved.interrupted, moved.failed), (129_600, 200_000, false, false));
        assert!(moved.notes[0].ends_with("run it again for the rest"));
    }

    #[test]
    fn a_task_that_failed_or_was_cancelled_is_not_done() {
        assert!(ended(&task("FAILED", 3, 9), false).failed);
        assert!(ended(&task("CANCELLED", 3, 9), false).interrupted);
        assert!(ended(&task("COMPLETED", 9, 9), false).notes.is_empty());
    }
}
