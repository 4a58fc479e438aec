//! Reserving places in queues that are nearly full, so that all workers together never place more than there is room for.
//!
//! One conditional write takes places of a queue's latest reading. A worker that knows an older one is told the newer one
//! by the refusal, and asks once more. A write that is repeated because its answer was lost takes its places twice: then
//! some stay empty until the next reading, and none is given to two.

use std::cell::RefCell;

use futures::future::join_all;
use tracing::warn;

use crate::{
    domain::{
        queues::Queues,
        routes::{QueueId, Route},
    },
    error::chain,
    ports::{Environment, Ports, Registry, Reserved},
};

/// Rounds of planning and reserving before a batch: one for each target of its events, and as many for queues that are
/// each other's fallbacks. What is not settled by then is reserved when it is its turn.
const ROUNDS: usize = 8;

/// Tries to reserve: one under the reading that is known here, one under the one that came since.
const TRIES: usize = 2;

/// Reserves places for a batch: one write for each queue that is nearly full, none where there is plenty of room.
pub(crate) async fn reserve_ahead<P: Ports>(ports: &P, queues: &RefCell<Queues>, routes: &[&Route]) {
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
        let Some(ask) = queues.borrow().ask(queue, contacts, now) else { return };
        match ports.registry().reserve(queue, ask.reading, ask.places).await {
            Ok(Reserved::UpTo(number)) => return queues.borrow_mut().grant(queue, ask, number),
            Ok(Reserved::Superseded(Some(kept))) => queues.borrow_mut().learn(queue.clone(), kept),
            Ok(Reserved::Superseded(None)) => break,
            Err(cause) => {
                warn!(%queue, error = chain(&cause), "no room can be reserved, so the queue counts as full");
                break;
            }
        }
    }
    queues.borrow_mut().shut(queue);
}
