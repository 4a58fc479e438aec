//! `pause` and `resume`: the event source mappings off and on.

use std::time::Duration;

use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use contact_injection::adapters::environment::System;
use contact_injection::ports::Environment as _;
use serde_json::json;

use crate::answer::{Answer, End, table};
use crate::cli::Target;
use crate::error::Error;
use crate::progress::Progress;
use crate::stack::Stack;

/// A mapping takes some ten seconds; Lambda says a minute or so.
const WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_secs(1);

/// How a mapping should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    On,
    Off,
}

impl Wanted {
    const fn state(self) -> &'static str {
        match self {
            Self::On => "Enabled",
            Self::Off => "Disabled",
        }
    }
}

/// Turns every mapping of the contact queues off or on, and waits until Lambda says that it is.
pub(super) async fn run(target: &Target, wanted: Wanted) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let (lambda, clock, progress) = (stack.lambda(), System::new(), Progress::on_terminal());
    let deadline = clock.now().plus(WITHIN);
    let mappings = mappings(&stack, &lambda).await?;
    if mappings.is_empty() {
        return Err(Error::NotDone("no event source mapping receives from the stack's queues".to_owned()));
    }
    for mapping in mappings.iter().filter(|mapping| mapping.state() != Some(wanted.state())) {
        set(&lambda, mapping, wanted).await?;
    }
    loop {
        let mappings = self::mappings(&stack, &lambda).await?;
        let is_done = mappings.iter().all(|mapping| mapping.state() == Some(wanted.state()));
        if is_done || clock.now() >= deadline {
            return Ok(answer(&mappings, wanted, is_done));
        }
        progress.show(&format!("waiting until Lambda says {}", wanted.state()));
        clock.sleep(POLL).await;
    }
}

/// The mappings of the stack's contact queues, whichever alias of the function they invoke.
async fn mappings(
    stack: &Stack,
    lambda: &aws_sdk_lambda::Client,
) -> Result<Vec<EventSourceMappingConfiguration>, Error> {
    let queues = [Some(stack.output("ContactQueueArn")?), stack.optional("UrgentQueueArn")];
    let mut mappings = Vec::new();
    for queue in queues.into_iter().flatten() {
        let mut pages = lambda.list_event_source_mappings().event_source_arn(queue).into_paginator().items().send();
        while let Some(mapping) = pages.next().await {
            let failed = |error| Error::aws("lambda:ListEventSourceMappings", &format!("the queue {queue}"), &error);
            mappings.push(mapping.map_err(failed)?);
        }
    }
    Ok(mappings)
}

async fn set(
    lambda: &aws_sdk_lambda::Client,
    mapping: &EventSourceMappingConfiguration,
    wanted: Wanted,
) -> Result<(), Error> {
    let id = mapping.uuid().unwrap_or_default();
    let request = lambda.update_event_source_mapping().uuid(id).enabled(wanted == Wanted::On);
    let failed =
        |error| Error::aws("lambda:UpdateEventSourceMapping", &format!("the event source mapping {id}"), &error);
    request.send().await.map(drop).map_err(failed)
}

fn answer(mappings: &[EventSourceMappingConfiguration], wanted: Wanted, is_done: bool) -> Answer {
    let queue = |mapping: &EventSourceMappingConfiguration| {
        mapping.event_source_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or("-").to_owned()
    };
    let state = |mapping: &EventSourceMappingConfiguration| mapping.state().unwrap_or("-").to_owned();
    let heading = [["QUEUE".to_owned(), "STATE".to_owned()]];
    let rows: Vec<_> =
        heading.into_iter().chain(mappings.iter().map(|mapping| [queue(mapping), state(mapping)])).collect();
    let words = match wanted {
        Wanted::Off => "paused: messages wait in their queues, for four days at most; `resume` goes on",
        Wanted::On => "resumed",
    };
    let json: Vec<_> =
        mappings.iter().map(|mapping| json!({ "queue": queue(mapping), "state": state(mapping) })).collect();
    let json = json!({ "mappings": json });
    if is_done {
        return Answer::done(format!("{}\n{words}", table(&rows)), json);
    }
    let late = format!("not {} after {} s: Lambda goes on with it, look again", wanted.state(), WITHIN.as_secs());
    Answer::done(table(&rows), json).ending(End::NotDone).with_notes(vec![late])
}
