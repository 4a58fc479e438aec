//! Lambda and its trigger: environments, invocations, and every way in which one ends.
//!
//! An invocation is one future. It can be dropped at any of its awaits, which is what a crash does, and it can be left
//! alone for minutes, which is what a freeze does. One that is frozen past its deadline is either killed there or goes
//! on for a moment when it wakes, with nobody left who waits for it.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
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

/// How many polls an invocation takes, more or less: crashes and freezes are spread over them.
const POLLS: i64 = 40;

/// Every environment and invocation.
pub(crate) struct Lambda {
    world: Rc<World>,
    configuration: Rc<Configuration>,
    idle: Vec<(Rc<Surroundings>, Memory)>,
    running: BTreeMap<u64, Invocation>,
    /// Invocations of each lane that Lambda counts.
    counted: BTreeMap<Lane, usize>,
    /// Those to be looked at: what does nothing costs nothing, however many there are.
    ready: Arc<Ready>,
    /// When some are to be looked at, whether or not anything wakes them.
    alarms: BinaryHeap<Reverse<(i64, u64)>>,
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
    begun: i64,
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

/// Whether an invocation was woken.
struct Woken {
    number: u64,
    awake: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if !self.awake.swap(true, Ordering::Relaxed) {
            self.ready.insert(self.number);
        }
    }
}

/// The numbers of invocations to be looked at, in order.
#[derive(Default)]
struct Ready(Mutex<BTreeSet<u64>>);

impl Ready {
    fn insert(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }

    /// Takes the first one from this number on.
    fn take_from(&self, least: u64) -> Option<u64> {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.range(least..).next().copied()?;
        numbers.remove(&number);
        Some(number)
    }
}

impl Lambda {
    /// A function that was never invoked.
    pub(crate) fn new(world: Rc<World>, configuration: Rc<Configuration>) -> Self {
        Self {
            world,
            configuration,
            idle: Vec::new(),
            running: BTreeMap::new(),
            counted: BTreeMap::new(),
            ready: Arc::default(),
            alarms: BinaryHeap::new(),
            environments: 0,
            invocations: 0,
        }
    }

    /// Whether nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty()
    }

    /// Invocations so far.
    pub(crate) fn invocations(&self) -> u64 {
        self.invocations
    }

    /// Invocations of a lane that Lambda counts now.
    pub(crate) fn at_work(&self, lane: Lane) -> usize {
        self.counted.get(&lane).copied().unwrap_or_default()
    }

    /// Whether one more may start for a lane: each trigger has a limit of its own.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        self.at_work(lane) < self.world.plan.workers(lane)
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
        let before = self.environments;
        let (surroundings, mut memory) = self.environment();
        let delay = self.world.services.as_ref().map_or(0, |services| services.start(self.environments > before));
        let begun = self.world.now() + delay;
        let deadline = begun + self.world.plan.pace.timeout;
        let ids: Vec<_> = messages.iter().map(|message| message.message_id.clone()).collect();
        let world = Rc::clone(&self.world);
        world.note(format_args!("i{number}"), || {
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
            if delay > 0 {
                ports.world.scheduler.sleep(delay).await;
            }
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
        let ready = Arc::clone(&self.ready);
        let invocation = Invocation {
            number,
            lane,
            surroundings,
            work: Box::pin(work),
            woken: Arc::new(Woken { number, awake: AtomicBool::new(true), ready }),
            messages: ids,
            begun,
            deadline,
            polls: 0,
            crash_at: world.strikes(|faults| faults.crash).then(|| chance.between(0, POLLS)),
            freeze_at: world
                .strikes(|faults| faults.freeze)
                .then(|| (chance.between(0, POLLS), chance.between(500, [20_000, 120_000, 600_000][chance.index(3)]))),
            frozen_until: 0,
            ghost_until: None,
        };
        self.running.insert(number, invocation);
        *self.counted.entry(lane).or_default() += 1;
        self.ready.insert(number);
        self.alarms.push(Reverse((deadline, number)));
        world.scheduler.after(deadline - world.now(), || {});
    }

    /// Lets everything that was woken go on, and ends what has no more time.
    pub(crate) fn advance(&mut self) {
        let now = self.world.now();
        while let Some(Reverse((_, number))) = self.alarms.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.alarms.pop();
            self.ready.insert(number);
        }
        let mut least = 0;
        while let Some(number) = self.ready.take_from(least) {
            least = number + 1;
            let Some(invocation) = self.running.get_mut(&number) else { continue };
            let was_counted = invocation.is_counted();
            let step = invocation.step(&self.world);
            let lane = invocation.lane;
            let over = !matches!(step, Step::Goes);
            if was_counted && (over || !invocation.is_counted()) {
                *self.counted.entry(lane).or_default() -= 1;
            }
            match step {
                Step::Goes => self.alarms.extend(invocation.alarms(now).map(|at| Reverse((at, number)))),
                Step::Dies => {
                    self.running.remove(&number);
                    self.world.seen.borrow_mut().dead.insert(number, now);
                }
                Step::Ends(ended) => {
                    if let Some(invocation) = self.running.remove(&number) {
                        self.finish(&invocation, *ended);
                    }
                }
            }
        }
    }

    fn finish(&mut self, invocation: &Invocation, ended: Ended) {
        let (world, number) = (&self.world, invocation.number);
        let Ended { back, memory, unauthorized } = ended;
        world.seen.borrow_mut().ended.insert(number);
        if let Some(services) = &world.services {
            services.ended(world.now() - invocation.begun, invocation.messages.len() > back.len());
        }
        if invocation.ghost_until.is_some() {
            world.note(format_args!("i{number}"), || "ends, and nobody listens".to_owned());
            return;
        }
        world.note(format_args!("i{number}"), || format!("ends; back come {}", back.join(" ")));
        if unauthorized > 0 && invocation.deadline - world.now() > world.plan.pace.timeout / 2 {
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
    /// Whether Lambda counts it as one at work.
    fn is_counted(&self) -> bool {
        self.ghost_until.is_none()
    }

    /// When it is to be looked at again, if nothing wakes it before.
    fn alarms(&self, now: i64) -> impl Iterator<Item = i64> + use<> {
        [Some(self.frozen_until), self.ghost_until].into_iter().flatten().filter(move |at| *at > now)
    }

    fn step(&mut self, world: &World) -> Step {
        let now = world.now();
        let name = format_args!("i{}", self.number);
        if let Some(until) = self.ghost_until {
            if now >= until {
                world.note(name, || "is gone at last".to_owned());
                return Step::Dies;
            }
        } else if now >= self.deadline {
            if self.frozen_until > now && world.chance.coin() {
                world.note(name, || "is past its deadline, frozen, and will wake for a moment".to_owned());
                self.ghost_until = Some(self.frozen_until + world.chance.between(1, 5000));
                world.scheduler.after(self.frozen_until - now + 5000, || {});
                world.seen.borrow_mut().dead.insert(self.number, now);
            } else {
                world.note(name, || "is killed at its deadline".to_owned());
                return Step::Dies;
            }
        }
        while now >= self.frozen_until && self.woken.awake.swap(false, Ordering::Relaxed) {
            if self.crash_at == Some(self.polls) {
                world.note(name, || "crashes".to_owned());
                return Step::Dies;
            }
            if let Some((_, wait)) = self.freeze_at.filter(|(at, _)| *at == self.polls) {
                world.note(name, || format!("freezes for {wait} ms"));
                (self.freeze_at, self.frozen_until) = (None, now + wait);
                self.woken.awake.store(true, Ordering::Relaxed);
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
