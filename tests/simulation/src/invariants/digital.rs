//! What must hold of messages in digital channels: CXone can be asked for them, and answers late, in part, or not at
//! all.

use contact_injection::domain::claim::FinalOutcome;

use super::unit_events::{key_of, targets};
use crate::{
    api::LATEST_ARRIVAL,
    business_unit::LOOKED_FOR,
    plan::{ORIGIN, Sent},
    world::{LookUp, Post, Seen, World},
};

/// Milliseconds that pass between two looks of which both count, and between the latest arrival of a message and the
/// first of them.
const SETTLE: i64 = 60_000;

/// The last one is no sooner than this after the latest arrival.
const SECOND_LOOK: i64 = 2 * SETTLE;

/// Checks what can be seen at the end, beside what each request and each dead letter is asked.
pub(super) fn check(world: &World) {
    let broken = no_look_is_taken_for_nothing(world).or_else(|| what_ended_stays_ended(world));
    if let Some(broken) = broken {
        world.breach(broken);
    }
}

impl World {
    /// Messages that were sent once more, once two looks had not found them.
    pub(crate) fn repeated(&self) -> usize {
        let seen = self.seen.borrow();
        let again = |(place, later): &(usize, &Post)| {
            let same = |post: &&Post| post.event == later.event && post.target == later.target;
            let mut earlier = seen.posts[..*place].iter().filter(same);
            is_message(&later.target) && earlier.any(|post| !post.refused && is_absent(self, &seen, post, later.at))
        };
        seen.posts.iter().enumerate().filter(again).count()
    }
}

/// Whether a target, as the ledger names it, is a digital channel.
pub(super) fn is_message(target: &str) -> bool {
    target.starts_with("digital:")
}

/// Whether it was known by then that a message had not been taken: it was looked for twice, late enough after it can
/// last have arrived, and each time CXone showed everything that it had.
pub(super) fn is_absent(world: &World, seen: &Seen, post: &Post, by: i64) -> bool {
    let arrived = post.at + LATEST_ARRIVAL;
    let of_it = |look: &&LookUp| look.absent && look.target == post.target && look.key == key_of(&post.event);
    let looks: Vec<_> = seen.look_ups.iter().filter(of_it).filter(|look| look.told <= by).collect();
    let apart = SETTLE - 2 * world.plan.skew;
    looks.iter().any(|second| {
        let first = looks.iter().any(|first| first.asked >= arrived + SETTLE && second.asked - first.asked >= apart);
        first && second.asked >= arrived + SECOND_LOOK
    })
}

/// Whether an event whose message is in doubt may be a person's to decide about: where its route says so, where it
/// could not be looked for within a day, or where it can't be sent any more.
pub(super) fn may_be_parked(world: &World, seen: &Seen, message: &Sent, at: i64) -> bool {
    let key = key_of(&message.event);
    let Some(sent) = seen.intents.iter().rfind(|intent| intent.key == key && intent.at <= at) else { return false };
    if !is_message(&sent.target) || targets(world).is_some_and(|targets| targets.parks(&[message])) {
        return true;
    }
    let expired = message.expires.is_some_and(|expires| ORIGIN + expires <= at + world.plan.skew);
    expired || at - sent.at >= LOOKED_FOR - 2 * world.plan.skew
}

/// A message is only looked for once the ledger was told that it would leave.
fn no_look_is_taken_for_nothing(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    seen.look_ups.iter().find_map(|look| {
        let sent = |post: &Post| post.at <= look.asked && post.target == look.target;
        let intended = seen
            .intents
            .iter()
            .any(|intent| intent.key == look.key && intent.target == look.target && intent.at <= look.asked);
        let posted = seen.posts.iter().any(|post| sent(post) && key_of(&post.event) == look.key);
        (!intended && !posted).then(|| format!("{} was looked for and never sent", look.key))
    })
}

/// What a person is to decide about is nobody else's to end, and what was injected is no person's.
fn what_ended_stays_ended(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    let told = |key, outcome| seen.told.keys().any(|(of, how, _)| *of == key && *how == outcome);
    let both = |key| told(key, FinalOutcome::Injected) && told(key, FinalOutcome::OutcomeUnknown);
    let mut keys = seen.told.keys().map(|(key, ..)| *key);
    let twice = keys.find(|key| both(*key) && !seen.resolved.iter().any(|(of, ..)| of == key))?;
    Some(format!("{twice} was injected and parked, and nobody decided"))
}
