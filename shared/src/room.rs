//! Room in the queues: looking before a burst, and reserving places in queues that are nearly full, so that all workers
//! together never place more than there is room for.
//!
//! One conditional write takes places of a queue's latest reading. A worker that knows an older one is told the newer
//! one by the refusal, and asks once more. A write that is repeated because its answer was lost takes its places twice:
//! then some stay empty until the next reading, and none is given to two.

use std::{borrow::Cow, cell::RefCell, collections::BTreeMap, time::Duration};

use futures::future::join_all;
use tracing::warn;

use crate::{
    domain::{
        health::QueueHealth,
        queues::{Queue, Queues, Reading},
        routes::{QueueId, Route, Routes},
    },
    error::chain,
    ports::{Environment, Ports, Registry, Reserved},
    snapshot::look_again,
    worker::{Observed, Worker},
};

/// So many contacts of one batch for one queue are a burst (docs/rules.md#bursts): its health is asked for first.
const BURST: usize = 5;

/// Before a burst, health older than this is asked for again.
const BURST_HEALTH_AGE: Duration = Duration::from_secs(30);

/// Rounds of planning and reserving before a batch: one for each target of its events, and as many for queues that are
/// each other's fallbacks. What is not settled by then is reserved when it is its turn.
const ROUNDS: usize = 8;

/// Tries of a write that goes by a queue's latest reading: one by the reading that is known here, one by the one that
/// the registry holds.
const TRIES: usize = 2;

/// Asks each queue that a large part of a batch is for, where its health is old (docs/rules.md#bursts). The answer is
/// kept for the other workers where the registry has `answered`; where another worker was first, its answer serves.
pub(crate) async fn look_before_bursts<P: Ports>(
    ports: &P,
    worker: &Worker<'_, P>,
    (routes, coming): (&Routes, &[&Route]),
    queues: &RefCell<Queues>,
    answered: bool,
) {
    let mut bursts: BTreeMap<Cow<'_, QueueId>, usize> = BTreeMap::new();
    for target in coming.iter().filter_map(|route| route.targets().first()) {
        if let Some(queue) = queues.borrow().queue_of(target.address()) {
            *bursts.entry(queue).or_default() += 1;
        }
    }
    for (queue, _) in bursts.iter().filter(|(_, contacts)| **contacts >= BURST) {
        let now = ports.environment().now();
        let reading = queues.borrow().reading(queue);
        if reading.is_some_and(|reading| now.since(reading.observed) < BURST_HEALTH_AGE) {
            continue;
        }
        let before = async || {
            look_again(ports, queues, [queue.as_ref()]).await;
            queues.borrow().known(queue)
        };
        // What stands in the way of this request stands in the way of the contacts too, and they say so.
        let limits = routes.limits_of(queue, queues.borrow().default_skills());
        let Ok(Some(Observed { health, before, .. })) = worker.queue_health(queue, limits, before).await else {
            continue;
        };
        let kept = if answered { keep(ports, queue, &health, before).await } else { None };
        let mut queues = queues.borrow_mut();
        queues.learn(queue.as_ref().clone(), kept.unwrap_or_else(|| Queue::new(Some(health), None)));
    }
}

/// Keeps a reading for the other workers; another worker's, where that is the latest by now.
///
/// A worker may go by a reading that it could not keep when it made it. The registry then holds an older one, and this
/// is kept in place of that.
async fn keep<P: Ports>(ports: &P, queue: &QueueId, health: &QueueHealth, before: Option<Reading>) -> Option<Queue> {
    let mut base = before;
    for _ in 0..TRIES {
        match ports.registry().keep_health(queue, health, base).await {
            Ok(Reserved::UpTo(reserved)) => return Some(Queue { reserved, ..Queue::new(Some(health.clone()), None) }),
            Ok(Reserved::Superseded(latest)) => {
                let reading = latest.as_ref().and_then(Queue::reading);
                if reading.map(|reading| reading.observed) > before.map(|before| before.observed) {
                    return latest;
                }
                base = reading.map(|reading| Reading { reserved: 0, ..reading });
            }
            Err(cause) => {
                warn!(%queue, error = chain(&cause), "the other workers don't learn of the queue's health");
                break;
            }
        }
    }
    None
}

/// Reserves places for a batch: one write for each queue that is nearly full, none where there is plenty of room. Where
/// nothing can be sent yet, places are reserved when something can.
pub(crate) async fn reserve_ahead<P: Ports>(
    ports: &P,
    worker: &Worker<'_, P>,
    queues: &RefCell<Queues>,
    routes: &[&Route],
) {
    if worker.free_places() == 0 {
        return;
    }
    for _ in 0..ROUNDS {
        let now = ports.environment().now();
        let places = queues.borrow().to_reserve(routes.iter().copied(), now);
        if places.is_empty() {
            return;
        }
        join_all(places.iter().map(|(queue, contacts)| reserve(ports, queues, queue, *contacts))).await;
    }
}

/// Reserves places in one queue for so many contacts, or as many as there are left. Where nothing can be reserved, the
/// queue counts as full: a registry that doesn't answer floods no queue.
pub(crate) async fn reserve<P: Ports>(ports: &P, queues: &RefCell<Queues>, queue: &QueueId, contacts: u64) {
    for _ in 0..TRIES {
        let now = ports.environment().now();
        let Some(ask) = queues.borrow_mut().ask(queue, contacts, now) else { return };
        match ports.registry().reserve(queue, ask.reading, ask.places).await {
            Ok(Reserved::UpTo(number)) => return queues.borrow_mut().grant(queue, ask, number),
            Ok(Reserved::Superseded(kept)) => {
                queues.borrow_mut().refuse(queue, ask);
                queues.borrow_mut().learn(queue.clone(), kept.unwrap_or_default());
                // What this worker saw for itself, and could not tell the others, is nobody's to hand out.
                if queues.borrow().reading(queue).is_some_and(|latest| latest.observed == ask.reading) {
                    break;
                }
            }
            Err(cause) => {
                queues.borrow_mut().refuse(queue, ask);
                warn!(%queue, error = chain(&cause), "no room can be reserved, so the queue counts as full");
                break;
            }
        }
    }
    queues.borrow_mut().shut(queue);
}
