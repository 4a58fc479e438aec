//! What must hold of every run, whatever went wrong in it.

mod room;

use std::collections::{BTreeMap, BTreeSet};

use contact_injection::domain::{claim::State, idempotency::IdempotencyKey};
use cxone_simulator::Contact;

use crate::{
    contact_queue::Letter,
    plan::{Kind, ORIGIN, SOURCE, Sent},
    world::World,
};

/// Less than CXone's day by the program's own margin, and by what clocks may differ.
const NEARLY_A_DAY: i64 = 24 * 3_600_000 - 15 * 60_000 - 10_000;

/// Checks everything that can be seen at the end.
pub(crate) fn check(world: &World) {
    let mut events: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for message in &world.plan.sent {
        events.entry(&message.event).or_default().push(message);
    }
    for (event, messages) in &events {
        each_event_ends_once(world, event, messages);
    }
    for letter in world.letters.borrow().iter() {
        each_dead_letter_has_its_reason(world, letter);
    }
    no_client_is_used_by_two(world);
    no_limit_is_exceeded(world);
    every_wait_is_kept(world);
    no_claim_is_left_open(world);
    room::no_queue_gets_more_than_its_room(world);
    what_was_injected_stays_so(world);
}

fn name_of(contact: &Contact) -> &str {
    contact.attribute("string:event").and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn each_event_ends_once(world: &World, event: &str, messages: &[&Sent]) {
    let tenant = world.tenant.borrow();
    let live: Vec<_> =
        tenant.contacts().iter().filter(|contact| !contact.status.is_lost() && name_of(contact) == event).collect();
    if live.len() > 1 {
        world.breach(format!("{event} became {} contacts", live.len()));
    }
    let letters = world.letters.borrow();
    for message in messages {
        let version = |contact: &Contact| {
            contact.attribute("number:version").and_then(serde_json::Value::as_f64) == Some(f64::from(message.version))
        };
        let injected = live.iter().any(|contact| version(contact));
        let mine: Vec<_> = letters.iter().filter(|letter| !letter.redriven && letter.body == message.body).collect();
        if !injected && mine.is_empty() {
            world.breach(format!("{event} in version {} became neither a contact nor a dead letter", message.version));
        }
        // Where an event was sent more than once, one of its messages may have ended before another could go on.
        let [_] = messages else { continue };
        let last: Vec<_> = mine.iter().filter(|letter| letter.final_word).collect();
        let in_doubt = ["expired", "outcome-unknown", "crash-loop"];
        if injected && let Some(letter) = last.iter().find(|letter| !in_doubt.contains(&letter.reason.as_str())) {
            world.breach(format!("{event} became a contact and a dead letter ({})", letter.reason));
        }
        let sources: BTreeSet<_> = last.iter().map(|letter| &letter.source).collect();
        if last.len() > sources.len() && world.plan.faults.twice == 0.0 {
            world.breach(format!("{event} was dead-lettered more often than it was there"));
        }
    }
}

fn each_dead_letter_has_its_reason(world: &World, letter: &Letter) {
    let Some(message) = world.plan.sent.iter().find(|message| message.body == letter.body) else {
        return world.breach(format!("a dead letter of {} has a body that nobody sent", letter.source));
    };
    let key = IdempotencyKey::of_event(SOURCE, &message.event);
    let seen = world.seen.borrow();
    let claims = seen.claims.get(&key).map(Vec::as_slice).unwrap_or_default();
    let before: Vec<_> = claims.iter().filter(|(_, _, at)| *at <= letter.at).collect();
    let justified = match letter.reason.as_str() {
        "malformed-event" => message.kind == Kind::Malformed,
        "no-route" => message.kind == Kind::Unrouted,
        "mapping-failed" => message.kind == Kind::Unmappable,
        "invalid-attribute" => message.kind == Kind::Oversized,
        "expired" => message.expires.is_some_and(|at| ORIGIN + at <= letter.at + world.plan.skew),
        "conflict" => {
            let others = |other: &Sent| other.event == message.event && other.version != message.version;
            world.plan.sent.iter().any(|other| others(other) && ORIGIN + other.at <= letter.at)
        }
        "outcome-unknown" => before.first().is_some_and(|(_, _, at)| letter.at - at >= NEARLY_A_DAY),
        "crash-loop" => before.len() >= 3 && before.iter().rev().take(3).all(|(_, by, _)| seen.dead.contains_key(by)),
        "contact-failed" => {
            let tenant = world.tenant.borrow();
            let lost = tenant
                .contacts()
                .iter()
                .filter(|contact| contact.status.is_lost() && name_of(contact) == message.event);
            lost.map(Contact::queue_id).collect::<BTreeSet<_>>().len() >= message.targets
        }
        _ => false,
    };
    drop(seen);
    if !justified {
        world.breach(format!("{} was dead-lettered without cause: {}", message.event, letter.reason));
    }
}

fn no_client_is_used_by_two(world: &World) {
    let seen = world.seen.borrow();
    let mut requests: Vec<_> = seen.requests.iter().collect();
    requests.sort_by_key(|request| (&request.client, request.begun));
    let mut latest: Option<(&str, u64, i64)> = None;
    let mut overlap = None;
    for request in requests {
        // What a worker gave up may arrive later, and the window knows; what a dead one had sent is still its use.
        let died = seen.dead.get(&request.invocation).is_some_and(|at| *at < request.over);
        let ends = if died { request.over.max(request.arrived) } else { request.over };
        if let Some((client, invocation, over)) = latest
            && client == request.client
        {
            if invocation != request.invocation && request.begun < over {
                overlap = Some(format!("{client} was used by i{invocation} and i{} at once", request.invocation));
                break;
            }
            if over > ends {
                continue;
            }
        }
        latest = Some((&request.client, request.invocation, ends));
    }
    drop(seen);
    if let Some(overlap) = overlap {
        world.breach(overlap);
    }
}

fn no_limit_is_exceeded(world: &World) {
    for number in 0..world.plan.clients {
        let client = format!("c-{number}");
        let busiest = world.tenant.borrow().busiest_window(&client);
        if busiest > world.plan.limit {
            world.breach(format!("{client} sent {busiest} requests in a window of {}", world.plan.limit));
        }
    }
}

fn every_wait_is_kept(world: &World) {
    let seen = world.seen.borrow();
    let broken = seen.asked_to_wait.iter().find_map(|(invocation, client, from, until)| {
        let hasty = seen.requests.iter().find(|request| {
            request.routing
                && request.invocation == *invocation
                && request.client == *client
                && request.begun > *from
                && request.begun < *until
        })?;
        Some(format!("i{invocation} was asked to wait and sent another request {} ms later", hasty.begun - from))
    });
    drop(seen);
    if let Some(broken) = broken {
        world.breach(broken);
    }
}

/// A message that was handed out twice can end by one worker while the other dies over it: its claim is then left to
/// whoever redrives the dead letter.
fn no_claim_is_left_open(world: &World) {
    let (ledger, letters) = (world.ledger.borrow(), world.letters.borrow());
    for (key, record) in ledger.iter().filter(|(_, record)| record.state == State::Claimed) {
        let seen = world.seen.borrow();
        let claims = seen.claims.get(key).into_iter().flatten();
        let dead = claims
            .filter(|(attempt, by, _)| *attempt == record.attempt && seen.dead.contains_key(by))
            .map(|(_, by, _)| *by)
            .next();
        let event = |body: &str| {
            let message = world.plan.sent.iter().find(|message| message.body == body);
            message.is_some_and(|message| IdempotencyKey::of_event(SOURCE, &message.event) == *key)
        };
        let ended_elsewhere =
            dead.is_some_and(|dead| letters.iter().any(|letter| letter.invocation != dead && event(&letter.body)));
        drop(seen);
        if !ended_elsewhere {
            world.breach(format!("the claim {} on {key} is left open", record.attempt));
        }
    }
}

fn what_was_injected_stays_so(world: &World) {
    let ledger = world.ledger.borrow();
    let injected = |key: &IdempotencyKey| ledger.get(key).is_some_and(|record| record.state == State::Injected);
    let forgotten: Vec<_> = world.seen.borrow().injected.iter().filter(|key| !injected(key)).copied().collect();
    for key in forgotten {
        world.breach(format!("the ledger held {key} as injected and does no longer"));
    }
}
