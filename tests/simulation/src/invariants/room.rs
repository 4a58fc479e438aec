//! Queues get no more contacts than there was room for when they were last looked at.

use std::collections::BTreeMap;

use super::name_of;
use crate::{
    business_unit,
    plan::{ORIGIN, QUEUES},
    run::HEALTH_MAX_AGE,
    world::{Post, World},
};

/// So long after a reading was kept a worker may still send by the one before: it read the registry up to ten seconds
/// before, where that showed plenty of room, and up to a second else.
const STILL_BY_THE_OLD_ONE: i64 = 11_000;

/// Of each reading that was kept: the requests that created contacts, from when every worker goes by it to the next
/// one, are no more than the room that it showed.
///
/// Whatever has been asked once without an answer is asked again, where the contact may be already. A store that fails
/// can hide a reading, and nothing is promised of a queue whose health nobody believes any more.
pub(super) fn no_queue_gets_more_than_its_room(world: &World) {
    if world.plan.faults.store > 0.0 || world.plan.blind {
        return;
    }
    let overfilled = match world.unit {
        Some(_) => business_unit::skills().find_map(|skill| overfilled(world, &skill, &sent_to_skill(world, &skill))),
        None => QUEUES.into_iter().find_map(|queue| overfilled(world, queue, &sent_to(world, queue))),
    };
    if let Some(overfilled) = overfilled {
        world.breach(overfilled);
    }
}

fn overfilled(world: &World, queue: &str, sent: &[i64]) -> Option<String> {
    let seen = world.seen.borrow();
    let readings: Vec<_> = seen.readings.iter().filter(|(_, id, _)| id.as_str() == queue).collect();
    readings.iter().enumerate().find_map(|(index, (at, _, health))| {
        let room = health.max_capacity?.saturating_sub(health.capacity?);
        let next = readings.get(index + 1).map_or(i64::MAX, |(then, ..)| *then);
        let stale = at + i64::try_from(HEALTH_MAX_AGE.as_millis()).unwrap_or(i64::MAX) - 2 * world.plan.skew;
        let from = sent.partition_point(|begun| *begun < at + STILL_BY_THE_OLD_ONE);
        let came = sent[from..].iter().take_while(|begun| **begun < next.min(stale)).count() as u64;
        (came > room)
            .then(|| format!("{queue} got {came} contacts {} s on, and had room for {room}", (at - ORIGIN) / 1000))
    })
}

/// When each request was sent, in order, that created a contact in this queue and repeated none that had no answer.
fn sent_to(world: &World, queue: &str) -> Vec<i64> {
    let (seen, tenant) = (world.seen.borrow(), world.tenant.borrow());
    let mut first_unrefused: BTreeMap<(&str, u64), i64> = BTreeMap::new();
    for post in seen.posts.iter().filter(|post| !post.refused) {
        let first = first_unrefused.entry((&post.event, post.invocation)).or_insert(post.at);
        *first = post.at.min(*first);
    }
    let in_doubt =
        |event, invocation, at: i64| first_unrefused.get(&(event, invocation)).is_some_and(|first| *first < at);
    let contacts = tenant.contacts().iter().filter(|contact| contact.queue_id() == Some(queue));
    let mut sent: Vec<_> = contacts
        .filter_map(|contact| {
            let (invocation, begun) = seen.created.get(&contact.id)?;
            (!in_doubt(name_of(contact), *invocation, *begun)).then_some(*begun)
        })
        .collect();
    sent.sort_unstable();
    sent
}

/// The same of a skill: when each request was sent whose contact came to it, and was not one in doubt, which goes where
/// it may be already.
fn sent_to_skill(world: &World, skill: &str) -> Vec<i64> {
    let seen = world.seen.borrow();
    let came = |post: &&Post| {
        let here = business_unit::skill_of(&post.target).is_some_and(|behind| behind == skill);
        post.created && post.queue.is_some() && here
    };
    let mut sent: Vec<_> = seen.posts.iter().filter(came).map(|post| post.at).collect();
    sent.sort_unstable();
    sent
}
