//! Lambda and its trigger: environments, invocations, and every way in which one ends.
//!
//! An invocation is one future. It can be dropped at any of its awaits, which is what a crash does, and it can be left
//! alone for minutes, which is what a freeze does. One that is frozen past its deadline is either killed there or goes
//! on for a moment when it wakes, with nobody left who waits for it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use contact_injection::{
    batch::{Batch, Configuration, Memory},
    domain::{lane::Lane, message::Message, reason::DeferralReason, time::Timestamp, window::ClockId},
    metrics::{Labels, Metric, Metrics},
};

use crate::{
    defect::Defect,
    worker_ports::{Surroundings, WorkerPorts},
    world::World,
};

/// The function's timeout: shorter than the template's, so that deadlines come nearer.
const TIMEOUT: i64 = 60_000;

/// How many polls an invocation takes, more or less: crashes and freezes are spread over them.
const POLLS: i64 = 40;

/// Every environment and invocation.
pub(crate) struct Lambda {
    world: Rc<World>,
    configuration: Rc<Configuration>,
    idle: Vec<(Rc<Surroundings>, Memory)>,
    running: Vec<Invocation>,
    environments: u64,
    invocations: u64,
}

struct Invocation {
    number: u64,
    lane: Lane,
    surroundings: Rc<Surroundings>,
    work: Pin<Box<dyn Future<Output = Ended>>>,
    woken: Arc<Woken>,
    messages: Vec<String>,
    deadline: i64,
    polls: i64,
    crash_at: Option<i64>,
    freeze_at: Option<(i64, i64)>,
    frozen_until: i64,
    /// Set where Lambda has counted it as failed and it goes on until then all the same.
    ghost_until: Option<i64>,
}

/// What an invocation comes to.
struct Ended {
    /// The messages that come back.
    back: Vec<String>,
    memory: Memory,
    /// How many of them were deferred because CXone refuses the client.
    unauthorized: usize,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Lambda {
    /// A function that was never invoked.
    pub(crate) fn new(world: Rc<World>, configuration: Rc<Configuration>) -> Self {
        Self { world, configuration, idle: Vec::new(), running: Vec::new(), environments: 0, invocations: 0 }
    }

    /// Whether nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty()
    }

    /// Invocations so far.
    pub(crate) fn invocations(&self) -> u64 {
        self.invocations
    }

    /// Whether one more may start for a lane: each trigger has a limit of its own.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        let counted = |invocation: &&Invocation| invocation.lane == lane && invocation.ghost_until.is_none();
        self.running.iter().filter(counted).count() < self.world.plan.workers(lane)
    }

    /// Starts an invocation with these messages of one lane.
    pub(crate) fn invoke(&mut self, lane: Lane, messages: Vec<Message>) {
        self.invocations += 1;
        let number = self.invocations;
        {
            let mut seen = self.world.seen.borrow_mut();
            seen.begun.insert(number, self.world.now());
            seen.lanes.insert(number, lane);
        }
        let (surroundings, mut memory) = self.environment();
        let deadline = self.world.now() + TIMEOUT;
        let ids: Vec<_> = messages.iter().map(|message| message.message_id.clone()).collect();
        let world = Rc::clone(&self.world);
        world.note(&format!("i{number}"), || {
            format!("starts in environment {} ({:+} ms) with {}", surroundings.number, surroundings.skew, ids.join(" "))
        });
        if world.has(Defect::AcknowledgedOnReceipt) {
            for id in &ids {
                world.acknowledge(id, number);
            }
        }
        let ports = WorkerPorts {
            world: Rc::clone(&world),
            surroundings: Rc::clone(&surroundings),
            invocation: number,
            first_read: RefCell::default(),
        };
        let configuration = Rc::clone(&self.configuration);
        let work = async move {
            let (metrics, request_id) = (Metrics::default(), number.to_string());
            let batch = Batch {
                ports: &ports,
                configuration: &configuration,
                metrics: &metrics,
                request_id: &request_id,
                deadline: Timestamp::from_millis(deadline),
            };
            let back = batch.run(messages, &mut memory).await;
            let counted = metrics.take();
            let unauthorized = |(metric, labels): &(Metric, Labels)| {
                *metric == Metric::ContactsDeferred && labels.own == Some(DeferralReason::Unauthorized.as_str())
            };
            let unauthorized = counted.iter().filter(|(counted, _)| unauthorized(counted));
            Ended { back, memory, unauthorized: unauthorized.map(|(_, values)| values.len()).sum() }
        };
        let chance = &world.chance;
        self.running.push(Invocation {
            number,
            lane,
            surroundings,
            work: Box::pin(work),
            woken: Arc::new(Woken(AtomicBool::new(true))),
            messages: ids,
            deadline,
            polls: 0,
            crash_at: world.strikes(|faults| faults.crash).then(|| chance.between(0, POLLS)),
            freeze_at: world
                .strikes(|faults| faults.freeze)
                .then(|| (chance.between(0, POLLS), chance.between(500, [20_000, 120_000, 600_000][chance.index(3)]))),
            frozen_until: 0,
            ghost_until: None,
        });
        world.scheduler.after(TIMEOUT, || {});
    }

    /// Lets everything that was woken go on, and ends what has no more time.
    pub(crate) fn advance(&mut self) {
        let mut index = 0;
        while index < self.running.len() {
            match self.running[index].step(&self.world) {
                Step::Goes => index += 1,
                Step::Dies => {
                    let dead = self.running.remove(index);
                    self.world.seen.borrow_mut().dead.insert(dead.number, self.world.now());
                }
                Step::Ends(ended) => {
                    let invocation = self.running.remove(index);
                    self.finish(&invocation, *ended);
                }
            }
        }
    }

    fn finish(&mut self, invocation: &Invocation, ended: Ended) {
        let (world, number) = (&self.world, invocation.number);
        let Ended { back, memory, unauthorized } = ended;
        world.seen.borrow_mut().ended.insert(number);
        if invocation.ghost_until.is_some() {
            world.note(&format!("i{number}"), || "ends, and nobody listens".to_owned());
            return;
        }
        world.note(&format!("i{number}"), || format!("ends; back come {}", back.join(" ")));
        if unauthorized > 0 && invocation.deadline - world.now() > TIMEOUT / 2 {
            world.nobody_waits_for_a_refused_client(number);
        }
        for id in &invocation.messages {
            if !back.contains(id) || world.has(Defect::FailuresIgnored) {
                world.acknowledge(id, number);
            }
        }
        if !world.strikes(|faults| faults.recycled) {
            self.idle.push((Rc::clone(&invocation.surroundings), memory));
        }
    }

    fn environment(&mut self) -> (Rc<Surroundings>, Memory) {
        let chance = &self.world.chance;
        if !self.idle.is_empty() {
            return self.idle.swap_remove(chance.index(self.idle.len()));
        }
        self.environments += 1;
        let skew = chance.between(-self.world.plan.skew, self.world.plan.skew);
        let clock = ClockId::new(chance.number() >> 1);
        let number = self.environments;
        (Rc::new(Surroundings { number, skew, clock, secrets: RefCell::default() }), Memory::default())
    }
}

enum Step {
    Goes,
    Ends(Box<Ended>),
    Dies,
}

impl Invocation {
    fn step(&mut self, world: &World) -> Step {
        let (now, name) = (world.now(), format!("i{}", self.number));
        if let Some(until) = self.ghost_until {
            if now >= until {
                world.note(&name, || "is gone at last".to_owned());
                return Step::Dies;
            }
        } else if now >= self.deadline {
            if self.frozen_until > now && world.chance.coin() {
                world.note(&name, || "is past its deadline, frozen, and will wake for a moment".to_owned());
                self.ghost_until = Some(self.frozen_until + world.chance.between(1, 5000));
                world.scheduler.after(self.frozen_until - now + 5000, || {});
                world.seen.borrow_mut().dead.insert(self.number, now);
            } else {
                world.note(&name, || "is killed at its deadline".to_owned());
                return Step::Dies;
            }
        }
        while now >= self.frozen_until && self.woken.0.swap(false, Ordering::Relaxed) {
            if self.crash_at == Some(self.polls) {
                world.note(&name, || "crashes".to_owned());
                return Step::Dies;
            }
            if let Some((_, wait)) = self.freeze_at.filter(|(at, _)| *at == self.polls) {
                world.note(&name, || format!("freezes for {wait} ms"));
                (self.freeze_at, self.frozen_until) = (None, now + wait);
                self.woken.0.store(true, Ordering::Relaxed);
                world.scheduler.after(wait, || {});
                return Step::Goes;
            }
            self.polls += 1;
            let waker = Waker::from(Arc::clone(&self.woken));
            if let Poll::Ready(ended) = self.work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Step::Ends(Box::new(ended));
            }
        }
        Step::Goes
    }
}
