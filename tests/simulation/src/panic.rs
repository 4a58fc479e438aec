//! A panic in the midst of a session, which no plan draws: the program has none that could be struck.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use contact_injection::{
    dialects::{Dialect, HttpReply, HttpRequest, guide::Guide},
    domain::{
        lease::{Permit, Rate},
        routes::Profile,
        time::Timestamp,
        window::ClockId,
    },
    leases::KnownClients,
    metrics::Metrics,
    ports::{Ports, Transport},
    session::{Session, SessionTerms},
};

use crate::{
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

/// What panics in a session of two clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    /// The work that the clients were leased for.
    Work,
    /// A request for a token: of the first client, or the one after so many others.
    Token(u32),
}

/// The ports of a worker whose requests may panic.
struct Striking {
    ports: WorkerPorts,
    /// Requests before the one that panics.
    left: Cell<Option<u32>>,
}

impl Transport for Striking {
    async fn send(&self, permit: &Permit<'_>, request: HttpRequest<'_>) -> HttpReply {
        match self.left.get() {
            Some(0) => resume_unwind(Box::new("in the midst of a request")),
            left => self.left.set(left.map(|left| left - 1)),
        }
        Transport::send(&self.ports, permit, request).await
    }
}

impl Ports for Striking {
    type Clients = WorkerPorts;
    type Secrets = WorkerPorts;
    type Registry = WorkerPorts;
    type Transport = Self;
    type Environment = WorkerPorts;

    fn clients(&self) -> &WorkerPorts {
        &self.ports
    }

    fn secrets(&self) -> &WorkerPorts {
        &self.ports
    }

    fn registry(&self) -> &WorkerPorts {
        &self.ports
    }

    fn transport(&self) -> &Self {
        self
    }

    fn environment(&self) -> &WorkerPorts {
        &self.ports
    }

    fn dialect(&self) -> &dyn Dialect {
        &Guide
    }
}

/// Leases two clients and panics, on the way or at the end.
pub fn panic_in_a_session(seed: u64, struck: Struck) -> AfterPanic {
    let world = World::new(Profile::Guide, seed, None, false);
    let surroundings =
        Rc::new(Surroundings { number: 0, skew: 0, clock: ClockId::new(1), secrets: RefCell::default() });
    let ports = WorkerPorts { world: Rc::clone(&world), surroundings, invocation: 0, first_read: RefCell::default() };
    let left = match struck {
        Struck::Work => None,
        Struck::Token(after) => Some(after),
    };
    let ports = Striking { ports, left: Cell::new(left) };
    let (metrics, mut known) = (Metrics::default(), KnownClients::default());
    let deadline = Timestamp::from_millis(world.now()).plus(Duration::from_secs(60));
    let rate = Rate { limit: 10, window: Duration::from_secs(60) };
    let terms = SessionTerms { lane: None, rate, deadline, until: deadline };
    let work = async |session: &mut Session<'_, Striking>| {
        for _ in 0..2 {
            let _ = session.lease(1, deadline).await;
        }
        resume_unwind(Box::new("in the midst of a session"));
    };
    let mut session = pin!(Session::run(&ports, &metrics, &mut known, terms, work));
    let mut context = Context::from_waker(Waker::noop());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        while session.as_mut().poll(&mut context).is_pending() && world.scheduler.go_on() {}
    }));
    let items = world.clients.borrow();
    AfterPanic {
        passed_on: panicked.is_err(),
        leased: items.len(),
        free: items.values().filter(|item| !item.is_leased()).count(),
    }
}
