//! A panic in the midst of a session, which no plan draws: the program has none that could be struck.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use contact_injection::{
    domain::{lease::Rate, time::Timestamp, window::ClockId},
    leases::KnownClients,
    metrics::Metrics,
    session::{Session, SessionTerms},
};

use crate::{
    scheduler::What,
    worker_ports::{Surroundings, WorkerPorts},
    world::World,
};

/// How a session ended in which its work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterPanic {
    /// Whether the panic went on to whoever ran the session.
    pub passed_on: bool,
    /// Clients that were leased.
    pub leased: usize,
    /// Those of them that were given back.
    pub free: usize,
}

/// Leases two clients and panics.
pub fn panic_in_a_session(seed: u64) -> AfterPanic {
    let world = World::new(seed, None, false);
    let surroundings =
        Rc::new(Surroundings { number: 0, skew: 0, clock: ClockId::new(1), secrets: RefCell::default() });
    let ports = WorkerPorts { world: Rc::clone(&world), surroundings, invocation: 0, first_read: RefCell::default() };
    let (metrics, mut known) = (Metrics::default(), KnownClients::default());
    let deadline = Timestamp::from_millis(world.now()).plus(Duration::from_secs(60));
    let rate = Rate { limit: 10, window: Duration::from_secs(60) };
    let terms = SessionTerms { rate, deadline, until: deadline };
    let work = async |session: &mut Session<'_, WorkerPorts>| {
        for _ in 0..2 {
            let _ = session.lease(1, deadline).await;
        }
        resume_unwind(Box::new("in the midst of a session"));
    };
    let mut session = pin!(Session::run(&ports, &metrics, &mut known, terms, work));
    let mut context = Context::from_waker(Waker::noop());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        while session.as_mut().poll(&mut context).is_pending() {
            match world.scheduler.next() {
                Some(What::Wake(waker)) => waker.wake(),
                Some(What::Act(act)) => act(),
                None => return,
            }
        }
    }));
    let items = world.clients.borrow();
    AfterPanic {
        passed_on: panicked.is_err(),
        leased: items.len(),
        free: items.values().filter(|item| !item.is_leased()).count(),
    }
}
