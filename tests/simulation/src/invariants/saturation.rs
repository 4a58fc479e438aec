//! A queue that refused a contact for being full is left alone for a while, by every worker.

use contact_injection::domain::queues::SATURATED_FOR;

use crate::world::World;

/// A worker that remembers plenty of room looks at the registry again after so many milliseconds.
const LOOKS_AGAIN_AFTER: i64 = 10_000;

/// Checks both halves of it. A store that fails can keep a worker from telling, or from being told.
pub(super) fn check(world: &World) {
    if world.plan.faults.store > 0.0 || world.plan.blind {
        return;
    }
    if let Some(broken) = whoever_is_refused_tells(world).or_else(|| whoever_is_told_heeds_it(world)) {
        world.breach(broken);
    }
}

fn whoever_is_refused_tells(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    let told = |by: u64, queue: &str, at: i64| {
        seen.dead.contains_key(&by)
            || seen.marks.iter().any(|(teller, full, kept, _)| *teller == by && full == queue && *kept >= at)
    };
    let silent = seen.full.iter().find(|(invocation, queue, at)| !told(*invocation, queue, *at));
    silent.map(|(invocation, queue, _)| format!("i{invocation} was refused by {queue}, which is full, and told nobody"))
}

/// While what was told holds by every clock, no invocation that began after it asks the queue again, unless a reading
/// since says that the queue has room.
fn whoever_is_told_heeds_it(world: &World) -> Option<String> {
    let seen = world.seen.borrow();
    let lasts = i64::try_from(SATURATED_FOR.as_millis()).unwrap_or(i64::MAX);
    seen.marks.iter().find_map(|(_, queue, kept, until)| {
        let outdated = |at: i64| {
            let of_it = seen.readings.iter().filter(|(read, id, _)| *read <= at && id.as_str() == queue);
            of_it.into_iter().any(|(.., health)| health.observed.as_millis() > until - lasts)
        };
        let began = |invocation: &u64| seen.begun.get(invocation).copied().unwrap_or(i64::MIN);
        let heedless = seen.posts.iter().find(|post| {
            post.queue.as_ref() == Some(queue)
                && began(&post.invocation) > kept + LOOKS_AGAIN_AFTER
                && post.at < until - world.plan.skew
                && !outdated(post.at)
        })?;
        let (invocation, late) = (heedless.invocation, heedless.at - kept);
        Some(format!("i{invocation} asked {queue} for a contact {late} ms after it was known to be full"))
    })
}
