//! Letter by letter: sent to the queue that it came from, and only then deleted.
//!
//! A run that ends in between leaves a letter in both queues, and the next run sends it again; the event's identity
//! makes one of them a duplicate. Letters that aren't meant stay out of sight while it goes on, so that receives bring
//! others, and are shown at the end; the letters of a run that takes longer come back meanwhile and are known by their
//! ids. A letter goes once in a run: one that fails again is another message, and is known by the message that it was
//! made of, or because it was sent after the start.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use contact_injection::adapters::environment::System;
use contact_injection::domain::lane::Lane;
use contact_injection::domain::time::Timestamp;
use contact_injection::ports::Environment as _;
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Outcome;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::letters::filter::Filter;
use crate::letters::letter::Letter;
use crate::letters::listing::{HIDDEN, HIDDEN_SECONDS};
use crate::letters::queue::Queue;
use crate::letters::routes::Routes;
use crate::progress::Progress;
use crate::stack::Stack;

/// Empty answers in a row after which nothing more is to be had, each after a wait.
const EMPTY_ANSWERS: usize = 2;

/// Moves every letter that is meant and was there when it began.
pub(super) async fn run(
    stack: &Stack,
    queue: &Queue,
    interrupt: &Interrupt,
    filter: &Filter,
    rate: u16,
) -> Result<Outcome, Error> {
    let mut pace = interval(Duration::from_secs(1) / u32::from(rate));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let run = Run {
        queue,
        interrupt,
        filter,
        contacts: stack.output("ContactQueueUrl")?,
        urgent: stack.optional("UrgentQueueUrl").zip(stack.optional("UrgentQueueArn")),
        pace: Mutex::new(pace),
        start: System::new().now(),
    };
    // Of a letter that doesn't say where it came from the ledger alone knows the lane.
    let mut routes = Routes::of(stack, filter.needs_route() || run.urgent.is_some())?;
    let mut known = Known::default();
    let about = queue.depth().await?.total();
    let mut moved = Outcome::default();
    if let Err(error) = run.all(&mut routes, &mut known, &mut moved, about).await {
        moved.failed = true;
        moved.notes.push(error.to_string());
    }
    moved.interrupted = interrupt.is_set();
    if filter.is_empty() && (moved.failed || moved.interrupted) {
        moved.planned = moved.planned.max(about);
    }
    let left = queue.show(known.held.into_values().collect()).await;
    if left > 0 {
        moved.notes.push(format!("{left} letters stay out of sight for up to {} s", HIDDEN.as_secs()));
    }
    if known.again > 0 {
        let words = "letters failed again, or came after the start: they are left for another run";
        moved.notes.push(format!("{} {words}", known.again));
    }
    Ok(moved)
}

/// What stays the same for a whole run.
struct Run<'a> {
    queue: &'a Queue,
    interrupt: &'a Interrupt,
    filter: &'a Filter,
    contacts: &'a str,
    /// The URL and the ARN of the urgent queue.
    urgent: Option<(&'a str, &'a str)>,
    pace: Mutex<Interval>,
    start: Timestamp,
}

/// Which letters a run knows already.
#[derive(Default)]
struct Known {
    /// Every letter that it received, by its message's id.
    seen: HashSet<String>,
    /// Receipt handles of those that are to be shown again at the end.
    held: HashMap<String, String>,
    /// The messages that it sent.
    sent: HashSet<String>,
    /// Letters that it leaves for another run.
    again: usize,
}

impl Run<'_> {
    async fn all(
        &self,
        routes: &mut Routes,
        known: &mut Known,
        moved: &mut Outcome,
        about: usize,
    ) -> Result<(), Error> {
        let (clock, progress) = (System::new(), Progress::on_terminal());
        let (mut empty, mut latest) = (0, clock.now());
        // Where nothing but known letters came for as long as they are hidden, there are no others to be had.
        while !self.interrupt.is_set() && empty < EMPTY_ANSWERS && clock.now().since(latest) < HIDDEN {
            let messages = self.queue.receive(HIDDEN_SECONDS).await?;
            empty = if messages.is_empty() { empty + 1 } else { 0 };
            let before = known.seen.len();
            let batch = self.meant(messages, routes, known).await?;
            moved.planned += batch.len();
            let results = join_all(batch.iter().map(|(letter, message)| self.move_one(letter, message))).await;
            let mut failed = None;
            for ((letter, _), result) in batch.iter().zip(results) {
                match result {
                    Ok(Some(id)) => {
                        moved.moved += 1;
                        known.sent.insert(id);
                        known.held.remove(&letter.message_id);
                    }
                    Ok(None) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if known.seen.len() > before {
                latest = clock.now();
            }
            progress.show(&format!("{} moved, {} of about {about} looked at", moved.moved, known.seen.len()));
        }
        Ok(())
    }

    /// Those of these messages that are meant and not known yet.
    async fn meant(
        &self,
        messages: Vec<Message>,
        routes: &mut Routes,
        known: &mut Known,
    ) -> Result<Vec<(Letter, Message)>, Error> {
        let (mut letters, mut meant) = (Vec::new(), Vec::new());
        for message in messages {
            let letter = Letter::read(&message);
            known.held.insert(letter.message_id.clone(), message.receipt_handle().unwrap_or_default().to_owned());
            if !known.seen.insert(letter.message_id.clone()) || !self.filter.admits(&letter, self.start) {
                continue;
            }
            let failed_again = letter.source_message.as_ref().is_some_and(|id| known.sent.contains(id));
            if failed_again || known.sent.contains(&letter.message_id) || letter.sent > Some(self.start) {
                known.again += 1;
                continue;
            }
            letters.push(letter);
            meant.push(message);
        }
        // One that says nothing of its queue had no room for it, or SQS itself moved it.
        let silent = self.urgent.is_some() && letters.iter().any(|letter| letter.source_queue.is_none());
        if self.filter.needs_route() || silent {
            routes.look_up(&mut letters).await?;
        }
        let pairs = letters.into_iter().zip(meant);
        Ok(pairs.filter(|(letter, _)| self.filter.admits_route(letter)).collect())
    }

    /// Moves one letter in its turn: the id of the message that it is now, or nothing where somebody ends the run
    /// first.
    async fn move_one(&self, letter: &Letter, message: &Message) -> Result<Option<String>, Error> {
        tokio::select! {
            biased;
            () = self.interrupt.set() => return Ok(None),
            () = async { self.pace.lock().await.tick().await; } => {}
        }
        let is_from = |arn: &str| match &letter.source_queue {
            Some(queue) => queue == arn,
            None => letter.lane == Some(Lane::Urgent),
        };
        let to = self.urgent.filter(|(_, arn)| is_from(arn)).map_or(self.contacts, |(url, _)| url);
        let system = |name| message.attributes().and_then(|system| system.get(&name)).cloned();
        let request = self.queue.sqs.send_message().queue_url(to).set_message_body(message.body.clone());
        let request = request.set_message_attributes(message.message_attributes.clone());
        let request = request.set_message_group_id(system(MessageSystemAttributeName::MessageGroupId));
        let sent = request.send().await.map_err(|error| Error::aws("sqs:SendMessage", to, &error))?;
        let request = self.queue.sqs.delete_message().queue_url(&self.queue.url);
        let deleted = request.set_receipt_handle(message.receipt_handle.clone()).send().await;
        deleted.map_err(|error| Error::aws("sqs:DeleteMessage", &self.queue.url, &error))?;
        Ok(Some(sent.message_id.unwrap_or_default()))
    }
}
