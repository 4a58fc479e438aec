//! What must hold while nobody knows whether a request created a contact, and CXone can't be asked.

use contact_injection::domain::{claim::Resolution, idempotency::IdempotencyKey};

use super::{
    digital,
    unit_events::{is_resent, key_of},
};
use crate::world::{Post, Seen, World};

/// A function's timeout, as the simulation has it, less what is kept for the last request and for closing.
const LAST_REQUEST: i64 = 60_000 - 18_000;

/// Checks everything that can be seen at the end.
pub(super) fn check(world: &World) {
    let broken = nothing_in_doubt_is_sent(world)
        .or_else(|| what_a_person_found_is_not_sent(world))
        .or_else(|| nothing_is_sent_unsaid(world))
        .or_else(|| nobody_sends_late(world));
    if let Some(broken) = broken {
        world.breach(broken);
    }
}

/// While a request may have created a contact, none leaves for another target; and none at all, unless the route says
/// that a twin does no harm, a person that nothing was created, or two looks that a message is absent.
fn nothing_in_doubt_is_sent(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    let resent = |event: &str| {
        let messages: Vec<_> = world.plan.sent.iter().filter(|message| message.event == event).collect();
        is_resent(world, &messages)
    };
    let forgiven = |earlier: &Post, later: &Post| {
        let decided = seen.resolved.iter().filter(|(key, ..)| *key == key_of(&later.event));
        decided.into_iter().any(|(_, how, at)| *how == Resolution::Retry && (earlier.at..=later.at).contains(at))
    };
    seen.posts.iter().enumerate().find_map(|(index, later)| {
        let earlier = seen.posts[..index].iter().filter(|post| post.event == later.event);
        let cleared = |post: &Post| {
            post.refused_by(later.at) || forgiven(post, later) || digital::is_absent(world, &seen, post, later.at)
        };
        let doubtful = earlier.into_iter().filter(|post| !cleared(post));
        let (event, by) = (&later.event, later.invocation);
        doubtful.into_iter().find_map(|first| {
            if first.target != later.target {
                let (here, there) = (&later.target, &first.target);
                return Some(format!("{event} was sent to {here} by i{by} while it was in doubt at {there}"));
            }
            let again = if digital::is_message(&first.target) { "without proof that it was absent" } else { "" };
            (!resent(event)).then(|| format!("{event} was sent again while it was in doubt, by i{by} {again}"))
        })
    })
}

/// Once a person has found the contact, nothing is sent for it any more.
fn what_a_person_found_is_not_sent(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    seen.resolved.iter().filter(|(_, how, _)| *how == Resolution::Injected).find_map(|(key, _, at)| {
        let post = seen.posts.iter().find(|post| key_of(&post.event) == *key && post.at > *at)?;
        Some(format!("{} was sent after a person had found its contact", post.event))
    })
}

/// Before each request its worker has told the ledger.
fn nothing_is_sent_unsaid(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    seen.posts.iter().find_map(|post| {
        let own = seen.intents.iter().filter(|intent| intent.invocation == post.invocation && intent.at <= post.at);
        let said = own.into_iter().any(|intent| intent.key == key_of(&post.event));
        (!said).then(|| format!("{} was sent by i{} before the ledger knew", post.event, post.invocation))
    })
}

/// No request is begun when there is no time left for it, and none by a worker that wakes after its end.
fn nobody_sends_late(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    seen.requests.iter().find_map(|request| {
        let late = request.begun - seen.begun.get(&request.invocation)? - LAST_REQUEST - world.plan.skew;
        (late > 0).then(|| format!("i{} sent a request {late} ms after its last moment to", request.invocation))
    })
}

/// Whether somebody has reason not to know what became of an event: the ledger was told that a request would leave,
/// and its worker died, was not told what became of it, or couldn't tell the ledger.
pub(super) fn has_cause(world: &World, seen: &Seen, key: IdempotencyKey, by: i64) -> bool {
    let decided = seen.resolved.iter().filter(|(of, _, at)| *of == key && *at <= by).map(|(_, _, at)| *at).max();
    let own = seen.intents.iter().filter(|intent| intent.key == key && intent.at <= by);
    own.into_iter().filter(|intent| Some(intent.at) > decided).any(|intent| {
        let unanswered = seen.posts.iter().any(|post| {
            let of_it = post.invocation == intent.invocation && post.at >= intent.at && key_of(&post.event) == key;
            of_it && post.told.is_none()
        });
        world.plan.faults.store > 0.0 || seen.dead.contains_key(&intent.invocation) || unanswered
    })
}
