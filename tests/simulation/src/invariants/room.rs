//! Queues get no more contacts than there was room for when they were last looked at.

use crate::{
    plan::{ORIGIN, QUEUES},
    run::HEALTH_MAX_AGE,
    world::World,
};

/// Of each reading that was kept: the contacts that came before the next one, by invocations that began after it, are no
/// more than the room that it showed.
///
/// What an invocation sends that began before, it sends under an older reading. A store that fails can hide a reading, and
/// nothing is promised of a queue whose health nobody believes any more.
pub(super) fn no_queue_gets_more_than_its_room(world: &World) {
    if world.plan.faults.store > 0.0 || world.plan.blind {
        return;
    }
    let overfilled = QUEUES.into_iter().find_map(|queue| overfilled(world, queue));
    if let Some(overfilled) = overfilled {
        world.breach(overfilled);
    }
}

fn overfilled(world: &World, queue: &str) -> Option<String> {
    let (seen, tenant) = (world.seen.borrow(), world.tenant.borrow());
    // In order, as they were created: when, and when the invocation began that asked for it.
    let contacts: Vec<_> = tenant
        .contacts()
        .iter()
        .filter(|contact| contact.queue_id() == Some(queue))
        .map(|contact| {
            let begun = seen.created.get(&contact.id).and_then(|by| seen.begun.get(by));
            (i64::try_from(contact.created_at_ms).unwrap_or(i64::MAX), begun.copied().unwrap_or(i64::MIN))
        })
        .collect();
    let readings: Vec<_> = seen.readings.iter().filter(|(_, id, _)| id.as_str() == queue).collect();
    readings.iter().enumerate().find_map(|(index, (at, _, health))| {
        let room = health.max_capacity?.saturating_sub(health.capacity?);
        let next = readings.get(index + 1).map_or(i64::MAX, |(then, ..)| *then);
        let stale = at + i64::try_from(HEALTH_MAX_AGE.as_millis()).unwrap_or(i64::MAX) - 2 * world.plan.skew;
        let from = contacts.partition_point(|(created, _)| created < at);
        let came = contacts[from..]
            .iter()
            .take_while(|(created, _)| *created < next.min(stale))
            .filter(|(_, begun)| begun > at)
            .count() as u64;
        (came > room)
            .then(|| format!("{queue} got {came} contacts {} s on, and had room for {room}", (at - ORIGIN) / 1000))
    })
}
