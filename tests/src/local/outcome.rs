//! What became of an event, by the evidence outside the functions: CXone's contacts and the dead-letter queue.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_sdk_sqs::types::Message;
use cxone_simulator::{Contact, Queue};

use super::samples::{Expectation, Sample};

/// An event on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) sample: Sample,
    pub(super) text: String,
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Injected,
    Duplicate,
    DeadLettered,
    Lost,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Injected, Self::Duplicate, Self::DeadLettered, Self::Lost];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Duplicate => "duplicate",
            Self::DeadLettered => "dead-lettered",
            Self::Lost => "lost",
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) sent: Sent,
    pub(super) kind: Kind,
    /// The contacts that it became; one, where all is well.
    pub(super) contacts: Vec<Contact>,
    /// Why it is a dead letter; empty where it is none.
    pub(super) reason: String,
    pub(super) evidence: String,
    expected: bool,
}

impl Outcome {
    pub(super) fn as_expected(&self) -> bool {
        self.expected
    }
}

/// A line of the table: of one event, or of a burst.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) expected: bool,
    pub(super) title: String,
    pub(super) name: &'static str,
    pub(super) evidence: String,
}

/// Finds out what became of an event once no message is on its way any more.
pub(super) fn of(sent: Sent, contacts: &[Contact], dead_letters: &[Message]) -> Outcome {
    if let Some(letter) = dead_letters.iter().find(|letter| letter.body() == Some(&sent.text)) {
        return dead_lettered(sent, letter);
    }
    let key = sent.sample.key();
    let is_mine = |contact: &&Contact| !contact.status.is_lost() && Some(&contact.idempotency_key) == key.as_ref();
    let mine: Vec<_> = contacts.iter().filter(is_mine).cloned().collect();
    let expect = &sent.sample.expect;
    let (kind, evidence, expected) = match mine.as_slice() {
        [] => (Kind::Lost, "no contact, no dead letter".to_owned(), false),
        [contact] if contact.created_at_ms < sent.at_ms => {
            let evidence = format!("contact {} was there", contact.id);
            (Kind::Duplicate, evidence, *expect == Expectation::Duplicate)
        }
        [contact] => {
            let (target, priority) = (target(contact), priority(contact));
            let mut evidence = format!("contact {} at {target}, priority {priority}", contact.id);
            if contact.replays > 0 {
                // Writing to a string can't fail.
                let _ = write!(evidence, ", asked for {} times", contact.replays + 1);
            }
            (Kind::Injected, evidence, expect.allows(&target, priority))
        }
        _ => (Kind::Injected, format!("{} contacts", mine.len()), false),
    };
    let contacts = if kind == Kind::Injected { mine } else { Vec::new() };
    Outcome { sent, kind, contacts, reason: String::new(), evidence, expected }
}

/// Counts how many events of the burst before it an urgent one has overtaken: whose contacts came after its own.
pub(super) fn overtakes(outcomes: &mut [Outcome]) {
    let created = |outcome: &Outcome| outcome.contacts.first().map(|contact| contact.created_at_ms);
    let burst: Vec<_> = outcomes.iter().filter(|outcome| outcome.sent.sample.in_burst).filter_map(created).collect();
    for outcome in outcomes {
        let (Some(wanted), Some(at)) = (outcome.sent.sample.overtakes, created(outcome)) else { continue };
        let overtaken = burst.iter().filter(|later| **later > at).count();
        // Writing to a string can't fail.
        let _ = write!(outcome.evidence, ", before {overtaken} of the {} sent before it", burst.len());
        outcome.expected &= overtaken >= wanted;
    }
}

fn dead_lettered(sent: Sent, letter: &Message) -> Outcome {
    let reason = attribute(letter, "failureReason").unwrap_or("no reason").to_owned();
    let evidence = [reason.as_str(), attribute(letter, "failureDetail").unwrap_or_default()].join(": ");
    let expected = sent.sample.expect == Expectation::DeadLettered { reason: reason.clone() };
    Outcome { sent, kind: Kind::DeadLettered, contacts: Vec::new(), reason, evidence, expected }
}

/// The outcomes as lines of the table, in the order of sending. A burst is one line, beside one for each of its events
/// that ended otherwise than expected. `queues` are CXone's, as they stand now.
pub(super) fn rows(outcomes: &[Outcome], queues: &[Queue]) -> Vec<Row> {
    outcomes
        .chunk_by(|one, next| one.sent.sample.in_burst && next.sent.sample.title == one.sent.sample.title)
        .flat_map(|group| {
            let in_burst = group.first().is_some_and(|outcome| outcome.sent.sample.in_burst);
            let told_apart = group.iter().filter(|outcome| !in_burst || !outcome.expected).map(row);
            in_burst.then(|| burst(group, queues)).into_iter().chain(told_apart).collect::<Vec<_>>()
        })
        .collect()
}

fn row(outcome: &Outcome) -> Row {
    Row {
        expected: outcome.expected,
        title: outcome.sent.sample.title.clone(),
        name: outcome.kind.name(),
        evidence: outcome.evidence.clone(),
    }
}

fn burst(group: &[Outcome], queues: &[Queue]) -> Row {
    let expected = group.iter().filter(|outcome| outcome.expected).count();
    let contacts = || group.iter().flat_map(|outcome| &outcome.contacts);
    let priorities = || contacts().map(priority);
    let mut evidence = format!("{expected} of {} as expected with one contact each", group.len());
    let mut over = false;
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    contacts().for_each(|contact| *at.entry(target(contact)).or_default() += 1);
    for place in places(group) {
        let queue = queues.iter().find(|queue| queue.id == place);
        let name = queue.and_then(|queue| queue.name.as_deref()).unwrap_or(place);
        let _ = write!(evidence, ", {} at {name}", at.get(place).copied().unwrap_or_default());
        if let Some((held, most)) = queue.and_then(|queue| queue.capacity.zip(queue.thresholds.max_capacity)) {
            over |= held > most;
            let _ = write!(evidence, " (now {held} of {most})");
        }
    }
    if let (Some(highest), Some(lowest)) = (priorities().max(), priorities().min()) {
        let _ = write!(evidence, ", priorities {highest} to {lowest}");
    }
    let kinds = || group.iter().map(|outcome| outcome.kind);
    let name = kinds().max().map_or("lost", Kind::name);
    let title = group.first().map(|outcome| outcome.sent.sample.title.clone()).unwrap_or_default();
    Row { expected: expected == group.len() && !over, title, name, evidence }
}

/// The targets that the events of a burst may go to, the primary first.
fn places(group: &[Outcome]) -> impl Iterator<Item = &str> {
    let over = group.first().and_then(|outcome| match &outcome.sent.sample.expect {
        Expectation::Spread { over } => Some(over),
        _ => None,
    });
    over.into_iter().flatten().map(|place| place.target.as_str())
}

/// The table for a terminal, each line with whether it is as expected.
pub(super) fn table(rows: &[Row]) -> String {
    let widest = rows.iter().map(|row| row.title.chars().count()).max().unwrap_or_default();
    rows.iter().fold(String::new(), |mut table, Row { expected, title, name, evidence }| {
        let mark = if *expected { "ok " } else { "NOT" };
        // Writing to a string can't fail.
        let _ = writeln!(table, "  {mark}  {title:widest$}  {name:13}  {evidence}");
        table
    })
}

/// The queue or the skills that a contact was sent to, or the point of contact of a work item.
pub(super) fn target(contact: &Contact) -> String {
    if let Some(point) = contact.request["pointOfContact"].as_str() {
        return point.to_owned();
    }
    let skills = || contact.request["skillIds"].as_array().into_iter().flatten().filter_map(|skill| skill.as_str());
    contact.queue_id().map_or_else(|| skills().collect::<Vec<_>>().join(","), str::to_owned)
}

/// The priority that a contact was created with.
pub(super) fn priority(contact: &Contact) -> u16 {
    let priority = contact.request["priority"].as_u64().and_then(|priority| u16::try_from(priority).ok());
    priority.unwrap_or_default()
}

pub(super) fn attribute<'a>(letter: &'a Message, name: &str) -> Option<&'a str> {
    letter.message_attributes()?.get(name)?.string_value()
}

#[cfg(test)]
mod tests {
    use cxone_simulator::ContactStatus;
    use serde_json::json;

    use super::super::samples;
    use super::*;

    /// The events of the demo's burst, and the queues that they are for.
    fn burst_events() -> (Vec<Sent>, Vec<Queue>) {
        let steps = samples::steps().unwrap().into_iter();
        let samples = steps.flat_map(|step| step.into_events().unwrap().burst);
        let sent = samples.map(|sample| Sent { text: sample.text("now"), sample, at_ms: 1_000 }).collect();
        (sent, samples::tenant().unwrap().queues)
    }

    #[test]
    fn an_urgent_event_has_overtaken_those_whose_contacts_came_later() {
        let urgent = || {
            let last = samples::steps().unwrap().pop().unwrap().into_events().unwrap().urgent.unwrap();
            Sent { text: last.text("now"), sample: last, at_ms: 1_000 }
        };
        let ended = |created_at_ms| {
            let (events, _) = burst_events();
            let mut contacts: Vec<_> =
                events.iter().map(|sent| Contact { created_at_ms, ..contact(sent, "q", 500) }).collect();
            let (target, priority) = ("7f1c6f0e-0000-4000-8000-000000000001", 750);
            contacts.push(Contact { created_at_ms: 3_000, ..contact(&urgent(), target, priority) });
            let all = events.into_iter().chain([urgent()]);
            let mut outcomes: Vec<_> = all.map(|sent| of(sent, &contacts, &[])).collect();
            overtakes(&mut outcomes);
            let last = outcomes.pop().unwrap();
            (last.expected, last.evidence)
        };
        let (expected, evidence) = ended(3_001);
        assert!(expected && evidence.ends_with(", before 80 of the 80 sent before it"), "{evidence}");
        let (expected, evidence) = ended(3_000);
        assert!(!expected && evidence.ends_with(", before 0 of the 80 sent before it"), "{evidence}");
    }

    fn contact(sent: &Sent, target: &str, priority: u16) -> Contact {
        Contact {
            id: "c-1".to_owned(),
            idempotency_key: sent.sample.key().unwrap(),
            client_id: "worker-1".to_owned(),
            request: json!({"queueId": target, "priority": priority}),
            status: ContactStatus::Queued,
            created_at_ms: 2_000,
            replays: 0,
            conflicting_replays: 0,
        }
    }

    fn primary(sent: &Sent) -> String {
        let Expectation::Spread { over } = &sent.sample.expect else { panic!("a burst spreads") };
        over[0].target.clone()
    }

    #[test]
    fn a_burst_that_ended_well_is_one_line() {
        let (sent, queues) = burst_events();
        let count = sent.len();
        let contacts: Vec<_> = sent.iter().map(|sent| contact(sent, &primary(sent), 500)).collect();
        let outcomes: Vec<_> = sent.into_iter().map(|sent| of(sent, &contacts, &[])).collect();
        let rows = rows(&outcomes, &queues);
        assert_eq!((rows.len(), rows[0].expected, rows[0].name), (1, true, "injected"));
        assert!(
            rows[0].evidence.starts_with(&format!("{count} of {count} as expected with one contact each")),
            "{rows:?}"
        );
    }

    #[test]
    fn an_event_of_a_burst_that_went_wrong_has_a_line_of_its_own() {
        let (sent, queues) = burst_events();
        let mut contacts: Vec<_> = sent.iter().map(|sent| contact(sent, &primary(sent), 500)).collect();
        // The first is lost, the second is there twice, the third has a priority that it can't have.
        let twice = contacts[1].clone();
        contacts.push(twice);
        contacts[2].request["priority"] = json!(999);
        contacts.remove(0);
        let outcomes: Vec<_> = sent.into_iter().map(|sent| of(sent, &contacts, &[])).collect();
        let rows = rows(&outcomes, &queues);
        assert_eq!(rows.iter().map(|row| row.expected).collect::<Vec<_>>(), [false; 4]);
        assert_eq!((rows[0].name, rows[1].name, rows[2].evidence.as_str()), ("lost", "lost", "2 contacts"));
    }

    #[test]
    fn a_primary_queue_over_its_capacity_spoils_the_burst() {
        let (sent, mut queues) = burst_events();
        let target = primary(&sent[0]);
        let contacts: Vec<_> = sent.iter().map(|sent| contact(sent, &primary(sent), 500)).collect();
        let outcomes: Vec<_> = sent.into_iter().map(|sent| of(sent, &contacts, &[])).collect();
        let queue = queues.iter_mut().find(|queue| queue.id == target).unwrap();
        queue.capacity = queue.thresholds.max_capacity.map(|most| most + 1);
        let rows = rows(&outcomes, &queues);
        assert_eq!((rows.len(), rows[0].expected), (1, false));
    }

    #[test]
    fn a_line_that_is_not_as_expected_is_marked() {
        let row = |expected| Row { expected, title: "t".to_owned(), name: "lost", evidence: "e".to_owned() };
        assert_eq!(table(&[row(true), row(false)]), "  ok   t  lost           e\n  NOT  t  lost           e\n");
    }
}
