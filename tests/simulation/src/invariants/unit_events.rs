//! How events end at a tenant that knows no key of them.

use std::collections::{BTreeMap, BTreeSet};

use contact_injection::domain::{
    claim::{Resolution, State},
    idempotency::IdempotencyKey,
};
use cxone_simulator::nice::{Creation, Kind as Contact, Tenant};
use serde_json::Value;
use url::Url;

use super::{all_are_of_one_version, by, digital, doubt, each_message_ends};
use crate::{
    api::LATEST_ARRIVAL,
    business_unit::Targets,
    contact_queue::Letter,
    plan::{Kind, ORIGIN, SOURCE, Sent},
    world::{Post, World},
};

/// Checks everything about events that can be seen at the end.
pub(super) fn check(world: &World, unit: &Tenant) {
    let letters = world.letters.borrow();
    let events = by(&world.plan.sent, |message| message.event.as_str());
    let letters_of = by(&letters, |letter| letter.body.as_str());
    for (event, messages) in &events {
        let created = unit.creations_by_key(&key_of(event).to_string());
        no_event_becomes_two(world, event, created.len(), is_resent(world, messages));
        all_are_of_one_version(world, event, created.iter().map(|creation| version_of(creation)));
        let made = |message: &Sent| created.iter().any(|one| version_of(one) == Some(f64::from(message.version)));
        each_message_ends(world, event, messages, &letters_of, made, |message, injected, letters| {
            the_ledger_tells_how_it_ended(world, message, injected, letters.last().copied());
        });
    }
    let known: BTreeSet<_> = events.keys().map(|event| key_of(event).to_string()).collect();
    if let Some(strange) = unit.creations().iter().find(|creation| !known.contains(&creation.key)) {
        world.breach(format!("a contact was created for no event: {}", strange.contact_id));
    }
    for letter in letters.iter() {
        each_dead_letter_has_its_reason(world, letter);
    }
    for misuse in unit.misuses() {
        world.breach(format!("the API was misused at {:?}: {:?}, {}", misuse.endpoint, misuse.rule, misuse.detail));
    }
}

/// The event's key.
pub(super) fn key_of(event: &str) -> IdempotencyKey {
    IdempotencyKey::of_event(SOURCE, event)
}

/// Whether its route says that a twin does no harm.
pub(super) fn is_resent(world: &World, messages: &[&Sent]) -> bool {
    targets(world).is_some_and(|targets| targets.resends(messages))
}

/// Where the routes of the run lead.
pub(super) fn targets(world: &World) -> Option<Targets> {
    world.plan.unit.as_ref().map(|own| own.targets)
}

/// The version of the event's data that a contact was made with: in a work item's payload, a callback's screen pop, a
/// message's custom fields.
fn version_of(creation: &Creation) -> Option<f64> {
    let parameters = creation.parameters.as_ref();
    match creation.kind {
        Contact::WorkItem => {
            let payload: Value = serde_json::from_str(creation.payload.as_deref()?).ok()?;
            payload.pointer("/attributes/version")?.as_f64()
        }
        Contact::Callback => {
            let url = Url::parse(parameters?.get("screenPopUrl")?.as_str()?).ok()?;
            let (_, version) = url.query_pairs().find(|(name, _)| name == "v")?;
            version.parse().ok()
        }
        Contact::Digital => {
            let fields = parameters?.pointer("/contact/customFields")?.as_array()?;
            let version = fields.iter().find(|field| field["ident"] == "version")?;
            version["value"].as_str()?.parse().ok()
        }
    }
}

/// An event whose route allows a twin has one only where a request was in doubt.
fn no_event_becomes_two(world: &World, event: &str, created: usize, resent: bool) {
    if created < 2 {
        return;
    }
    let seen = world.seen.borrow();
    let unsettled =
        |post: &&Post| post.told.is_none() || seen.dead.contains_key(&post.invocation) || world.plan.faults.store > 0.0;
    let made: Vec<_> = seen.posts.iter().filter(|post| post.event == event && post.created).collect();
    let known = made.iter().filter(|post| !unsettled(post)).count();
    drop(seen);
    if !resent || known > 1 {
        world.breach(format!("{event} became {created} contacts"));
    }
}

/// Of an event that was sent once: its record is of one end, which is the one that came.
fn the_ledger_tells_how_it_ended(world: &World, message: &Sent, injected: bool, letter: Option<&Letter>) {
    let ledger = world.ledger.borrow();
    let record = ledger.get(&key_of(&message.event));
    let told = record.map(|record| (record.state, record.dead_letters.last().map(|letter| letter.reason.as_str())));
    let ended = match (told, letter.map(|letter| letter.reason.as_str())) {
        // A letter that its own deletion, or a twin of its message, left behind says nothing of the record.
        (Some((State::Injected, _)), reason) => injected && reason.is_none_or(|reason| reason != "payload-rejected"),
        (Some((State::DeadLettered, Some(told))), Some(reason)) => told == reason,
        (Some((State::Parked, _)), Some("outcome-unknown")) | (Some((State::Claimed, _)), _) => true,
        _ => false,
    };
    drop(ledger);
    if !ended {
        world.breach(format!("the ledger doesn't tell how {} ended: {told:?}", message.event));
    }
}

fn each_dead_letter_has_its_reason(world: &World, letter: &Letter) {
    let Some(message) = world.plan.sent.iter().find(|message| message.body == letter.body) else {
        return world.breach(format!("a dead letter of {} has a body that nobody sent", letter.source));
    };
    let key = key_of(&message.event);
    let seen = world.seen.borrow();
    let claims = seen.claims.get(&key).map(Vec::as_slice).unwrap_or_default();
    let before: Vec<_> = claims.iter().filter(|(_, _, at)| *at <= letter.at).collect();
    let strays = world.plan.faults.cxone > 0.0;
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
        "outcome-unknown" => {
            doubt::has_cause(world, &seen, key, letter.at) && digital::may_be_parked(world, &seen, message, letter.at)
        }
        "crash-loop" => before.windows(3).any(|three| {
            let untold = |attempt| world.plan.faults.store > 0.0 && !seen.settled.contains(attempt);
            three.iter().all(|(attempt, by, _)| seen.dead.contains_key(by) || untold(attempt))
        }),
        "payload-rejected" | "unknown-queue" => strays,
        _ => false,
    };
    let decided = seen.resolved.iter().find(|(of, how, at)| {
        *of == key && *how == Resolution::Injected && letter.at > *at && letter.reason == "outcome-unknown"
    });
    let decided = decided.is_some();
    drop(seen);
    if !justified {
        world.breach(format!("{} was dead-lettered without cause: {}", message.event, letter.reason));
    }
    if decided {
        world.breach(format!("{} was parked again after a person had found its contact", message.event));
    }
}

/// An event of which a contact was created when no request that left in time can have done it.
pub(super) fn created_late(world: &World, over: impl Fn(&str, i64) -> bool) -> Option<String> {
    let unit = world.unit.as_ref()?.borrow();
    let events: BTreeMap<_, _> =
        world.plan.sent.iter().map(|message| (key_of(&message.event).to_string(), message.event.as_str())).collect();
    unit.creations().iter().find_map(|creation| {
        let event = *events.get(&creation.key)?;
        let at = i64::try_from(creation.at_ms).unwrap_or(i64::MAX) - LATEST_ARRIVAL;
        over(event, at).then(|| event.to_owned())
    })
}
