//! Queues get no more contacts than there was room for when they were last looked at.

use cxone_simulator::Contact;

use crate::{plan::ORIGIN, run::HEALTH_MAX_AGE, world::World};

/// Of each reading that was kept: the contacts that came before the next one, by invocations that began after it, are no
/// more than the room that it showed.
///
/// What an invocation sends that began before, it sends under an older reading. A store that fails can hide a reading, and
/// nothing is promised of a queue whose health nobody believes any more.
pub(super) fn no_queue_gets_more_than_its_room(world: &World) {
    if world.plan.faults.store > 0.0 || world.plan.blind {
        return;
    }
    let seen = world.seen.borrow();
    let tenant = world.tenant.borrow();
    let mut overfilled = None;
    for (at, queue, health) in &seen.readings {
        let (Some(capacity), Some(max)) = (health.capacity, health.max_capacity) else { continue };
        let stale = at + i64::try_from(HEALTH_MAX_AGE.as_millis()).unwrap_or(i64::MAX) - 2 * world.plan.skew;
        let later = seen.readings.iter().filter(|(then, other, _)| then > at && other == queue).map(|(then, ..)| *then);
        let until = later.min().unwrap_or(i64::MAX).min(stale);
        let counts = |contact: &&Contact| {
            let created = i64::try_from(contact.created_at_ms).unwrap_or(i64::MAX);
            let begun = seen.created.get(&contact.id).and_then(|by| seen.begun.get(by));
            contact.queue_id() == Some(queue.as_str())
                && (*at..until).contains(&created)
                && begun.is_some_and(|begun| begun > at)
        };
        let came = tenant.contacts().iter().filter(counts).count() as u64;
        let room = max.saturating_sub(capacity);
        if came > room && overfilled.is_none() {
            overfilled =
                Some(format!("{queue} got {came} contacts {} s on, and had room for {room}", (at - ORIGIN) / 1000));
        }
    }
    drop((seen, tenant));
    if let Some(overfilled) = overfilled {
        world.breach(overfilled);
    }
}
