//! What must hold of every run, whatever went wrong in it.

mod clients;
mod digital;
mod doubt;
mod lanes;
mod room;
mod saturation;
mod unit_events;

use std::collections::{BTreeMap, BTreeSet};

use contact_injection::domain::{claim::State, idempotency::IdempotencyKey, reason::Reason};
use cxone_simulator::Contact;

use crate::{
    api::LATEST_ARRIVAL,
    contact_queue::Letter,
    plan::{Kind, ORIGIN, SOURCE, Sent},
    world::World,
};

pub(crate) use self::lanes::Turned;

/// Less than CXone's day by the program's own margin, and by what clocks may differ.
const NEARLY_A_DAY: i64 = 24 * 3_600_000 - 15 * 60_000 - 10_000;

/// Checks everything that can be seen at the end.
pub(crate) fn check(world: &World) {
    if let Some(unit) = &world.unit {
        unit_events::check(world, &unit.borrow());
        doubt::check(world);
        digital::check(world);
        no_event_is_posted_after_its_expiry(world);
        clients::check(world);
        lanes::check(world);
        no_claim_is_left_open(world);
        room::no_queue_gets_more_than_its_room(world);
        saturation::check(world);
        what_was_injected_stays_so(world);
        return one_fact_is_told_under_one_id(world);
    }
    let (tenant, letters) = (world.tenant.borrow(), world.letters.borrow());
    let events = by(&world.plan.sent, |message| message.event.as_str());
    let contacts = by(tenant.contacts(), name_of);
    let letters_of = by(&letters, |letter| letter.body.as_str());
    for (event, messages) in &events {
        each_event_ends_once(world, event, messages, of(&contacts, event), &letters_of);
    }
    for letter in letters.iter() {
        each_dead_letter_has_its_reason(world, letter);
    }
    drop((tenant, letters));
    no_event_is_posted_after_its_expiry(world);
    clients::check(world);
    lanes::check(world);
    no_claim_is_left_open(world);
    room::no_queue_gets_more_than_its_room(world);
    saturation::check(world);
    what_was_injected_stays_so(world);
    one_fact_is_told_under_one_id(world);
}

/// Things by a name that several may have, in the order in which they came.
type ByName<'w, T> = BTreeMap<&'w str, Vec<&'w T>>;

fn by<T>(things: &[T], name: impl Fn(&T) -> &str) -> ByName<'_, T> {
    let mut named: ByName<'_, T> = BTreeMap::new();
    for thing in things {
        named.entry(name(thing)).or_default().push(thing);
    }
    named
}

fn of<'a, 'w, T>(named: &'a ByName<'w, T>, name: &str) -> &'a [&'w T] {
    named.get(name).map(Vec::as_slice).unwrap_or_default()
}

fn name_of(contact: &Contact) -> &str {
    contact.attribute("string:event").and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn each_event_ends_once(
    world: &World,
    event: &str,
    messages: &[&Sent],
    contacts: &[&Contact],
    letters: &ByName<'_, Letter>,
) {
    let live: Vec<_> = contacts.iter().filter(|contact| !contact.status.is_lost()).collect();
    if live.len() > 1 {
        world.breach(format!("{event} became {} contacts", live.len()));
    }
    all_are_of_one_version(world, event, contacts.iter().map(|contact| version_of(contact)));
    let injected = |message: &Sent| live.iter().any(|contact| version_of(contact) == Some(f64::from(message.version)));
    each_message_ends(world, event, messages, letters, injected, |message, injected, letters| {
        let last: Vec<_> = letters.iter().filter(|letter| letter.final_word).collect();
        let sources: BTreeSet<_> = last.iter().map(|letter| &letter.source).collect();
        if last.len() > sources.len() && world.plan.faults.twice == 0.0 {
            world.breach(format!("{event} was dead-lettered more often than it was there"));
        }
        the_ledger_tells_how_it_ended(world, message, injected, letters.last().copied());
    });
}

fn all_are_of_one_version(world: &World, event: &str, versions: impl Iterator<Item = Option<f64>>) {
    let versions: BTreeSet<_> = versions.map(|version| version.map(f64::to_bits)).collect();
    if versions.len() > 1 {
        world.breach(format!("CXone created contacts of {event} with different data"));
    }
}

/// Each message became a contact or a dead letter; `then` looks at one that was sent once, whether it became a contact,
/// and its letters.
fn each_message_ends(
    world: &World,
    event: &str,
    messages: &[&Sent],
    letters: &ByName<'_, Letter>,
    injected: impl Fn(&Sent) -> bool,
    then: impl Fn(&Sent, bool, &[&Letter]),
) {
    for message in messages {
        let injected = injected(message);
        let all = || of(letters, &message.body).iter().copied();
        let mine: Vec<_> = all().filter(|letter| letter.redriven.is_none()).collect();
        if !injected && mine.is_empty() {
            world.breach(format!("{event} in version {} became neither a contact nor a dead letter", message.version));
        }
        // Where an event was sent more than once, by its upstream or by a redrive of two letters of one message, one of
        // its messages may have ended before another could go on.
        let redrives: Vec<_> = all().filter_map(|letter| letter.redriven).collect();
        let redriven_twice = redrives.windows(2).any(|pair| pair[0] == pair[1]);
        if messages.len() > 1 || redriven_twice {
            continue;
        }
        let in_doubt = ["outcome-unknown", "crash-loop"];
        let mut last = mine.iter().filter(|letter| letter.final_word);
        if injected && let Some(letter) = last.find(|letter| !in_doubt.contains(&letter.reason.as_str())) {
            world.breach(format!("{event} became a contact and a dead letter ({})", letter.reason));
        }
        then(message, injected, &mine);
    }
}

/// Of an event that was sent once: what its record says is what became of it.
fn the_ledger_tells_how_it_ended(world: &World, message: &Sent, injected: bool, letter: Option<&Letter>) {
    let ledger = world.ledger.borrow();
    let record = ledger.get(&IdempotencyKey::of_event(SOURCE, &message.event));
    let told = record.map(|record| (record.state, record.dead_letters.last().map(|letter| letter.reason.as_str())));
    let ended = match (told, letter.map(|letter| letter.reason.as_str())) {
        (Some((State::Injected, _)), _) => injected,
        (Some((State::DeadLettered, Some(told))), Some(reason)) => told == reason,
        // Or the claim of a dead worker, whose message ended by another delivery.
        (Some((State::Parked, _)), Some("outcome-unknown")) | (Some((State::Claimed, _)), _) => true,
        _ => false,
    };
    drop(ledger);
    if !ended {
        world.breach(format!("the ledger doesn't tell how {} ended: {told:?}", message.event));
    }
}

fn version_of(contact: &Contact) -> Option<f64> {
    contact.attribute("number:version").and_then(serde_json::Value::as_f64)
}

/// The least that each message of an event allows: where it was sent with two expiries, the later one counts.
fn no_event_is_posted_after_its_expiry(world: &World) {
    let mut expiries: BTreeMap<&str, i64> = BTreeMap::new();
    for message in &world.plan.sent {
        let latest = expiries.entry(&message.event).or_insert(i64::MIN);
        *latest = message.expires.map_or(i64::MAX, |at| ORIGIN + at + world.plan.skew).max(*latest);
    }
    let over = |event: &str, at: i64| expiries.get(event).is_some_and(|expiry| at > *expiry);
    let seen = world.seen.borrow();
    let late = seen.posts.iter().find(|post| over(&post.event, post.at)).map(|post| post.event.clone());
    drop(seen);
    let tenant = world.tenant.borrow();
    let created = |contact: &&Contact| i64::try_from(contact.created_at_ms).unwrap_or(i64::MAX) - LATEST_ARRIVAL;
    let too_late = tenant.contacts().iter().find(|contact| over(name_of(contact), created(contact)));
    let late = late.or_else(|| too_late.map(|contact| name_of(contact).to_owned()));
    let late = late.or_else(|| unit_events::created_late(world, over));
    drop(tenant);
    if let Some(event) = late {
        world.breach(format!("{event} was posted after it had expired"));
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
    let expired = message.expires.is_some_and(|at| ORIGIN + at <= letter.at + world.plan.skew);
    let shrunk = !world.plan.shrunk.is_empty() && ORIGIN + world.plan.shrunk.start <= letter.at;
    let lost_at = || {
        let tenant = world.tenant.borrow();
        let lost = |contact: &&Contact| contact.status.is_lost() && name_of(contact) == message.event;
        let targets = tenant.contacts().iter().filter(lost).map(|contact| contact.queue_id().map(str::to_owned));
        targets.collect::<BTreeSet<_>>()
    };
    let lost_everywhere = || lost_at().len() >= message.targets;
    // A gateway refuses some requests in this run, at whatever target.
    let strays = world.plan.faults.cxone > 0.0;
    let justified = match letter.reason.as_str() {
        "malformed-event" => message.kind == Kind::Malformed,
        "no-route" => message.kind == Kind::Unrouted,
        "mapping-failed" => message.kind == Kind::Unmappable,
        "invalid-attribute" => message.kind == Kind::Oversized || shrunk,
        "expired" => expired,
        "conflict" => {
            let others = |other: &Sent| other.event == message.event && other.version != message.version;
            world.plan.sent.iter().any(|other| others(other) && ORIGIN + other.at <= letter.at)
        }
        // CXone has forgotten the key, or the event can't be sent again; either way a claim came before.
        "outcome-unknown" => before.first().is_some_and(|(_, _, at)| {
            letter.at - at >= NEARLY_A_DAY
                || expired
                || shrunk
                || strays
                || message.kind != Kind::Sound
                || lost_everywhere()
        }),
        // Another message of the event may claim while this letter is on its way.
        // A claim whose worker was never told that it was written is nobody's to settle, as one of a worker that died.
        "crash-loop" => before.windows(3).any(|three| {
            let untold = |attempt| world.plan.faults.store > 0.0 && !seen.settled.contains(attempt);
            three.iter().all(|(attempt, by, _)| seen.dead.contains_key(by) || untold(attempt))
        }),
        "contact-failed" => lost_everywhere() || (!lost_at().is_empty() && strays),
        "payload-rejected" | "unknown-queue" => strays,
        _ => false,
    };
    drop(seen);
    let asked = ["outcome-unknown", "crash-loop", "conflict", "contact-failed"];
    if letter.attempts == 0 && asked.contains(&letter.reason.as_str()) {
        world.breach(format!("{} was dead-lettered as {} without an attempt", message.event, letter.reason));
    }
    if !justified {
        world.breach(format!("{} was dead-lettered without cause: {}", message.event, letter.reason));
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

/// An injection told with two contacts, say, would be two facts to whoever hears of it.
fn one_fact_is_told_under_one_id(world: &World) {
    let told = world.seen.borrow().told.clone();
    for ((key, outcome, reason), ids) in told.iter().filter(|(_, ids)| ids.len() > 1) {
        let reason = reason.map_or("", Reason::as_str);
        world.breach(format!("{key} was told as {} {reason} under {} ids", outcome.name(), ids.len()));
    }
}
