//! The program at size, in virtual time: a thousand clients and workers, a million events, and the limits of the
//! services around them.
//!
//! The pipeline, the leases, CXone's windows and the invariants are those of every other run. What is added is what
//! only shows at size: DynamoDB refuses what is too much for an item or a partition (`limits`), Lambda works on more
//! batches only minute by minute (`pollers`), SQS hands out no more than so many messages at once, environments start
//! cold, and CXone and the stores take as long as a distribution says (`services`). `scenario` is what comes, `figures`
//! what became of it; `report`, `pictures` and `tenfold` tell it.

mod cost;
mod figures;
mod limits;
mod pictures;
mod pollers;
mod report;
mod scenario;
mod services;
mod tenfold;

use std::{
    iter,
    panic::resume_unwind,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use contact_injection::domain::{
    lane::Lane,
    routes::{QueueId, SkillLimits},
};

pub(crate) use self::services::Services;
pub use self::{figures::Lived, limits::Limits, report::Document, scenario::Scenario};
use self::{
    pollers::Pollers,
    scenario::{MINUTE, SECOND},
};
use crate::{
    contact_queue::BATCH,
    invariants,
    lambda::Lambda,
    plan::ORIGIN,
    run::{configuration, queues},
    world::World,
};

/// Longer than a day no scenario takes: what is left then is left for good.
const LONGEST: i64 = 24 * 60 * MINUTE;

/// What there was at the end of one second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Contacts so far.
    contacts: usize,
    /// Messages in the queue, those in flight among them.
    waiting: usize,
    in_flight: usize,
    /// Invocations.
    at_work: usize,
    pollers: usize,
    /// Whether the queue hands out no more, for want of what may be in flight.
    shut: bool,
}

/// One scenario as it is lived.
pub struct Fleet {
    scenario: Scenario,
    world: Rc<World>,
    lambda: Lambda,
    pollers: Pollers,
    queues: Vec<(QueueId, SkillLimits)>,
    /// Messages that were sent already.
    sent: usize,
    samples: Vec<Sample>,
}

impl Fleet {
    /// Lives it from its first event until nothing is left to do.
    pub fn live(scenario: Scenario) -> Lived {
        let mut fleet = Self::new(scenario);
        fleet.go();
        let Self { scenario, world, lambda, samples, .. } = fleet;
        drop(lambda);
        world.scheduler.clear();
        invariants::check(&world);
        Lived::of(scenario, &world, &samples)
    }

    /// Lives these, on every core. They share nothing, so how they are spread changes none of them.
    pub fn live_all(scenarios: &[Scenario]) -> Vec<Lived> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mine = iter::from_fn(|| {
                let place = next.fetch_add(1, Ordering::Relaxed);
                scenarios.get(place).map(|scenario| (place, Self::live(scenario.clone())))
            });
            mine.collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(scenarios.len());
        let mut all: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let part =
                |worker: thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            workers.into_iter().flat_map(part).collect()
        });
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, lived)| lived).collect()
    }

    fn new(scenario: Scenario) -> Self {
        let world = World::limited(1, scenario.plan(), Services::new(scenario.limits));
        let configuration = configuration(&world.plan);
        let queues = queues(&configuration);
        let lambda = Lambda::new(Rc::clone(&world), Rc::new(configuration));
        let pollers = Pollers::new(scenario.limits, world.plan.workers, world.now());
        Self { scenario, world, lambda, pollers, queues, sent: 0, samples: Vec::new() }
    }

    fn go(&mut self) {
        self.break_and_mend_cxone();
        self.wait_for_the_next_message();
        while !self.is_over() {
            if self.world.now() - ORIGIN > LONGEST {
                return self.world.breach("some message is still in the queue after a day".to_owned());
            }
            self.send();
            self.poll();
            self.look();
            self.lambda.advance();
            self.world.scheduler.go_on();
            self.lambda.advance();
        }
    }

    fn is_over(&self) -> bool {
        self.sent == self.world.plan.sent.len() && self.world.has_empty_queues() && self.lambda.is_quiet()
    }

    fn break_and_mend_cxone(&self) {
        let Some(outage) = &self.scenario.outage else { return };
        for (at, failing) in [(outage.start, true), (outage.end, false)] {
            let world = Rc::clone(&self.world);
            let act = move || Scenario::fail(&mut world.tenant.borrow_mut(), failing);
            self.world.scheduler.after(at * SECOND, act);
        }
    }

    /// Puts into the queue what is due, and waits for what comes next.
    fn send(&mut self) {
        let (world, before) = (&self.world, self.sent);
        let due = |sent: &usize| world.plan.sent.get(*sent).filter(|next| ORIGIN + next.at <= world.now());
        while let Some(message) = due(&self.sent) {
            world.queues[&message.lane].borrow_mut().send(message.body.clone(), world.now());
            self.sent += 1;
        }
        if self.sent > before {
            self.wait_for_the_next_message();
        }
    }

    fn wait_for_the_next_message(&self) {
        if let Some(next) = self.world.plan.sent.get(self.sent) {
            self.world.scheduler.after(ORIGIN + next.at - self.world.now(), || {});
        }
    }

    /// Once a second somebody looks at it all, and once a minute the sync at the queues.
    fn look(&mut self) {
        let (world, now) = (&self.world, self.world.now());
        if now < self.pollers.next() && !self.samples.is_empty() {
            return;
        }
        let mut queue = world.queues[&Lane::Standard].borrow_mut();
        let (waiting, in_flight, at_work) = (queue.len(), queue.in_flight(now), self.lambda.at_work(Lane::Standard));
        drop(queue);
        let shut = in_flight + BATCH > self.scenario.limits.in_flight;
        if !self.samples.is_empty() {
            let empty = self.pollers.pass_second(at_work, waiting > in_flight && !shut);
            let services = world.services.iter();
            services.for_each(|services| services.usage.borrow_mut().empty_receives += empty as u64);
        }
        if self.samples.len().is_multiple_of(60) {
            for (queue, limits) in &self.queues {
                world
                    .tenant
                    .borrow_mut()
                    .queue_mut(queue.as_str())
                    .into_iter()
                    .for_each(|queue| queue.capacity = Some(0));
                let failing = !world.tenant.borrow().pending_faults().is_empty();
                if !failing {
                    world.sync_health(queue, *limits);
                }
            }
        }
        let (contacts, pollers) = (world.tenant.borrow().contacts().len(), self.pollers.count());
        self.samples.push(Sample { contacts, waiting, in_flight, at_work, pollers, shut });
        world.scheduler.after(self.pollers.next() - now, || {});
    }

    /// Hands batches to whichever pollers are free.
    fn poll(&mut self) {
        let (world, now) = (&self.world, self.world.now());
        while self.lambda.at_work(Lane::Standard) < self.pollers.count() {
            let mut queue = world.queues[&Lane::Standard].borrow_mut();
            if queue.next_visible().is_none_or(|visible| visible > now)
                || queue.in_flight(now) + BATCH > self.scenario.limits.in_flight
            {
                break;
            }
            drop(queue);
            let messages = world.receive(Lane::Standard);
            if let Some(services) = &world.services {
                let mut usage = services.usage.borrow_mut();
                usage.receives += 1;
                usage.deliveries += messages.len() as u64;
            }
            self.lambda.invoke(Lane::Standard, messages);
        }
    }
}
