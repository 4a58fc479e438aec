//! `redrive`: dead letters back to the queue that they came from.

mod by_letter;
mod task;

use clap::Args;
use contact_injection::adapters::environment::System;
use contact_injection::ports::Environment as _;
use serde_json::json;

use crate::answer::{Answer, End, count};
use crate::cli::Target;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::letters::filter::Filter;
use crate::letters::listing::{self, Ending};
use crate::letters::queue::Queue;
use crate::letters::routes::Routes;
use crate::letters::tally::Tally;
use crate::stack::Stack;

/// Sends dead letters back to the queue that they came from; what was injected before ends there as a duplicate.
///
/// Ctrl-C stops it after the letter in hand; run again, it goes on with the rest. Without a filter SQS moves the
/// letters itself (a move task), for 36 hours at most, and this follows it; Ctrl-C cancels it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Letters a second. The usual one is half of what one client at 120 requests a minute carries.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=500))]
    rate: u16,
    /// Only count what would be moved.
    #[arg(long)]
    plan: bool,
    /// Cancel the move task that is under way.
    #[arg(long, conflicts_with_all = ["plan", "reason", "route", "source", "since", "until"])]
    cancel: bool,
}

/// What was done.
#[derive(Debug, Default)]
struct Outcome {
    /// Letters that are in their queue again.
    moved: usize,
    /// Letters that were to be moved.
    planned: usize,
    /// Whether somebody ended it.
    interrupted: bool,
    /// What is to be known besides.
    notes: Vec<String>,
    /// Whether something went wrong, which a note then says.
    failed: bool,
}

/// Moves them, or plans or cancels that.
pub(super) async fn run(target: &Target, arguments: Arguments) -> Result<Answer, Error> {
    let Arguments { filter, rate, plan, cancel } = arguments;
    let stack = Stack::find(target).await?;
    if cancel {
        return task::cancel(&stack).await;
    }
    let (queue, interrupt) = (Queue::of(&stack)?, Interrupt::listen()?);
    if plan {
        return self::plan(&stack, &queue, &interrupt, &filter).await;
    }
    // SQS can't tell where a letter came from that the function sent: with two queues, only its own attribute can.
    if filter.is_empty() && stack.optional("UrgentQueueArn").is_none() {
        if let Some(moved) = task::run(&stack, &interrupt, rate).await? {
            return Ok(answer(moved));
        }
        let mut moved = by_letter::run(&stack, &queue, &interrupt, &filter, rate).await?;
        moved.notes.insert(0, "SQS offers no move task here: letters were moved one by one".to_owned());
        return Ok(answer(moved));
    }
    by_letter::run(&stack, &queue, &interrupt, &filter, rate).await.map(answer)
}

async fn plan(stack: &Stack, queue: &Queue, interrupt: &Interrupt, filter: &Filter) -> Result<Answer, Error> {
    let mut routes = Routes::of(stack, filter.needs_route())?;
    let mut tally = Tally::new(filter, None, System::new().now(), &mut routes);
    let listed = listing::list(queue, interrupt, &mut tally).await?;
    let interrupted = listed.ending == Ending::Interrupted;
    let text = format!("{} would be moved\n\n{}", count(tally.total, "letter"), tally.text());
    let json = json!({ "moved": 0, "planned": tally.total, "interrupted": interrupted });
    let notes = tally.note().into_iter().chain(listed.notes()).collect();
    Ok(Answer::done(text, json).ending(if interrupted { End::NotDone } else { End::Done }).with_notes(notes))
}

fn answer(outcome: Outcome) -> Answer {
    let Outcome { moved, planned, interrupted, notes, failed } = outcome;
    let rest = match planned.saturating_sub(moved) {
        0 => String::new(),
        rest => format!("; {rest} more are still there"),
    };
    let interruption = if interrupted { " (interrupted: run it again to go on)" } else { "" };
    let text = format!("{} moved{rest}{interruption}", count(moved, "letter"));
    let json = json!({ "moved": moved, "planned": planned, "interrupted": interrupted });
    let end = if interrupted || failed { End::NotDone } else { End::Done };
    Answer::done(text, json).ending(end).with_notes(notes)
}
