//! What became of an event, by the evidence outside the functions: CXone's contacts and the dead-letter queue.

use std::fmt::Write as _;

use aws_sdk_sqs::types::Message;
use cxone_simulator::Contact;

use super::samples::{Expectation, Sample};

/// An event on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) sample: Sample,
    pub(super) text: String,
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Outcome {
    title: String,
    name: &'static str,
    evidence: String,
    expected: bool,
}

impl Outcome {
    pub(super) fn as_expected(&self) -> bool {
        self.expected
    }
}

/// Finds out what became of an event once no message is on its way any more.
pub(super) fn of(sent: &Sent, contacts: &[Contact], dead_letters: &[Message]) -> Outcome {
    let expect = &sent.sample.expect;
    let title = sent.sample.title.clone();
    if let Some(letter) = dead_letters.iter().find(|letter| letter.body() == Some(&sent.text)) {
        let reason = attribute(letter, "failureReason").unwrap_or("no reason").to_owned();
        let evidence = [reason.as_str(), attribute(letter, "failureDetail").unwrap_or_default()].join(": ");
        let expected = *expect == Expectation::DeadLettered { reason };
        return Outcome { title, name: "dead-lettered", evidence, expected };
    }
    let key = sent.sample.key();
    let mine: Vec<_> = contacts
        .iter()
        .filter(|contact| !contact.status.is_lost() && Some(&contact.idempotency_key) == key.as_ref())
        .collect();
    match mine.as_slice() {
        [] => Outcome { title, name: "lost", evidence: "no contact, no dead letter".to_owned(), expected: false },
        [contact] if contact.created_at_ms < sent.at_ms => {
            let expected = *expect == Expectation::Duplicate;
            Outcome { title, name: "duplicate", evidence: format!("contact {} was there", contact.id), expected }
        }
        [contact] => {
            let target = target(contact);
            let priority = contact.request["priority"].as_u64().and_then(|priority| u16::try_from(priority).ok());
            let priority = priority.unwrap_or_default();
            let mut evidence = format!("contact {} at {target}, priority {priority}", contact.id);
            if contact.replays > 0 {
                // Writing to a string can't fail.
                let _ = write!(evidence, ", asked for {} times", contact.replays + 1);
            }
            Outcome {
                title,
                name: "injected",
                evidence,
                expected: *expect == Expectation::Injected { target, priority },
            }
        }
        several => {
            Outcome { title, name: "injected", evidence: format!("{} contacts", several.len()), expected: false }
        }
    }
}

/// The outcomes as a table, each with whether it is the expected one.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let widest = outcomes.iter().map(|outcome| outcome.title.chars().count()).max().unwrap_or_default();
    outcomes.iter().fold(String::new(), |mut table, outcome| {
        let mark = if outcome.expected { "ok " } else { "NOT" };
        let Outcome { title, name, evidence, .. } = outcome;
        // Writing to a string can't fail.
        let _ = writeln!(table, "  {mark}  {title:widest$}  {name:13}  {evidence}");
        table
    })
}

/// The queue or the skills that a contact was sent to.
fn target(contact: &Contact) -> String {
    let skills = || contact.request["skillIds"].as_array().into_iter().flatten().filter_map(|skill| skill.as_str());
    contact.queue_id().map_or_else(|| skills().collect::<Vec<_>>().join(","), str::to_owned)
}

fn attribute<'a>(letter: &'a Message, name: &str) -> Option<&'a str> {
    letter.message_attributes()?.get(name)?.string_value()
}
