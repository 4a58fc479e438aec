//! One run: storms and calms, until nothing is left to do.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    business_unit::{self, UnitPlan},
    defect::Defect,
    invariants,
    lambda::Lambda,
    plan::{ORIGIN, Plan, Sent},
    world::{NOTE_LENGTH, World},
};
use contact_injection::{
    batch::Configuration,
    domain::{
        lane::Lane,
        lease::Rate,
        mapping::ComplianceBoundary,
        routes::{DefaultSkills, Profile, QueueId, SkillLimits},
    },
};
use cxone_simulator::nice;

/// How long a calm may take: the longest backoff is a quarter of an hour, so by then everything was looked at often.
const LONGEST_CALM: i64 = 12 * 3_600_000;

/// After the last message, so long for writes that are still on their way.
const SETTLING: i64 = 30_000;

/// How old a queue's health may be, as the template has it.
pub(crate) const HEALTH_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(180);

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Every invariant that doesn't hold, in words; none where all do.
    pub breaches: Vec<String>,
    /// What happened, where it was asked for.
    pub timeline: Vec<String>,
    /// What the run went through.
    pub tally: Tally,
}

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent by the upstream.
    pub messages: usize,
    /// Invocations, the dead among them.
    pub invocations: u64,
    /// Invocations that crashed or were killed.
    pub deaths: usize,
    /// Requests to CXone.
    pub requests: usize,
    /// Contacts created, the lost among them.
    pub contacts: usize,
    /// Dead letters.
    pub letters: usize,
    /// Those of them that say that nobody knows.
    pub in_doubt: usize,
    /// What people decided about those.
    pub decided: usize,
    /// Callbacks among the contacts.
    pub callbacks: usize,
    /// Conversations in digital channels among the contacts.
    pub conversations: usize,
    /// Questions whether a message is there.
    pub look_ups: usize,
    /// Messages that were sent once more, once two looks had not found them.
    pub repeated: usize,
    /// Virtual milliseconds.
    pub virtual_millis: i64,
}

/// Runs one seed of a profile, with a deliberate defect or without, and `told` with a timeline.
pub fn run(profile: Profile, seed: u64, defect: Option<Defect>, told: bool) -> Report {
    let world = World::new(profile, seed, defect, told);
    let mut run = Run::new(Rc::clone(&world));
    run.go();
    let (requests, contacts) = world.counted();
    let tally = Tally {
        messages: world.plan.sent.len(),
        invocations: run.lambda.invocations(),
        deaths: world.seen.borrow().dead.len(),
        requests,
        contacts,
        letters: world.letters.borrow().len(),
        in_doubt: world.letters.borrow().iter().filter(|letter| letter.reason == "outcome-unknown").count(),
        decided: world.seen.borrow().resolved.len(),
        callbacks: world.created(nice::Kind::Callback),
        conversations: world.created(nice::Kind::Digital),
        look_ups: world.seen.borrow().look_ups.len(),
        repeated: world.repeated(),
        virtual_millis: world.now() - ORIGIN,
    };
    drop(run);
    world.scheduler.clear();
    invariants::check(&world);
    let breaches = std::mem::take(&mut world.seen.borrow_mut().breaches);
    let timeline = Rc::into_inner(world).map(|world| world.timeline.into_lines()).unwrap_or_default();
    Report { seed, breaches, timeline, tally }
}

pub(crate) struct Run {
    world: Rc<World>,
    lambda: Lambda,
    queues: Vec<(QueueId, SkillLimits)>,
    /// When the next messages of each lane are received, where any wait for that.
    receive_at: BTreeMap<Lane, i64>,
    look_at: BTreeMap<Lane, i64>,
    tick_at: i64,
    serve_at: i64,
}

/// What an operator decided for a run.
pub(crate) fn configuration(plan: &Plan) -> Configuration {
    Configuration {
        routes: plan.routes(),
        boundary: ComplianceBoundary::Outside,
        rate: Rate { limit: plan.limit, window: std::time::Duration::from_millis(plan.window.unsigned_abs()) },
        workers: plan.workers,
        urgent_workers: plan.urgent.as_ref().map(|urgent| urgent.workers),
        queue_health_max_age: HEALTH_MAX_AGE,
    }
}

/// The queues that the routes lead to.
pub(crate) fn queues(configuration: &Configuration) -> Vec<(QueueId, SkillLimits)> {
    let limits = configuration.routes.skill_limits(&DefaultSkills::default());
    let limited = |queue: &QueueId| (queue.clone(), limits.get(queue).copied().unwrap_or_default());
    configuration.routes.queue_ids().iter().map(limited).collect()
}

impl Run {
    /// A run that hasn't begun.
    pub(crate) fn new(world: Rc<World>) -> Self {
        let configuration = configuration(&world.plan);
        let queues = queues(&configuration);
        let lambda = Lambda::new(Rc::clone(&world), Rc::new(configuration));
        Self { world, lambda, queues, receive_at: BTreeMap::new(), look_at: BTreeMap::new(), tick_at: 0, serve_at: 0 }
    }

    /// Lets it all happen.
    pub(crate) fn go(&mut self) {
        self.send_all();
        self.rotate_a_secret();
        self.revoke_a_client();
        self.shrink_an_attribute();
        self.close_a_skill();
        let rounds = self.world.plan.rounds.clone();
        for (number, round) in rounds.iter().enumerate() {
            if number > 0 {
                self.pass(round.gap);
                self.world.resolve_parked();
                self.world.note("operator", || "redrives every dead letter".to_owned());
                self.world.redrive();
            }
            self.world.note("weather", || "things begin to go wrong".to_owned());
            self.world.stormy.set(true);
            self.world.unsettle_cxone();
            self.pass(round.stormy);
            self.world.note("weather", || "nothing goes wrong any more".to_owned());
            self.world.stormy.set(false);
            match (&self.world.unit, &self.world.plan.unit) {
                (Some(unit), Some(own)) => business_unit::calm(&mut unit.borrow_mut(), own),
                _ => self.world.tenant.borrow_mut().clear_faults(),
            }
            if round.pause > 0 {
                self.world.note("operator", || "the trigger is off for a while".to_owned());
                self.world.trigger_off_until.set(self.world.now() + round.pause);
            }
            if !self.settle() {
                return;
            }
        }
    }

    /// Lets messages come and go, and nothing else happen, until this holds.
    pub(crate) fn go_until(&mut self, over: impl Fn(&World) -> bool) {
        self.send_all();
        while !over(&self.world) {
            self.next();
        }
    }

    fn send_all(&self) {
        for message in &self.world.plan.sent {
            let (world, message) = (Rc::clone(&self.world), message.clone());
            self.world.scheduler.after(message.at, move || {
                world.note("upstream", || {
                    let lane = if world.plan.urgent.is_some() { message.lane.as_str() } else { "only" };
                    let Sent { event, version, kind, .. } = &message;
                    format!("sends {event} in version {version} ({kind:?}) by the {lane} lane")
                });
                world.queues[&message.lane].borrow_mut().send(message.body, world.now());
            });
        }
    }

    fn rotate_a_secret(&self) {
        let Some(at) = self.world.plan.rotation else { return };
        let world = Rc::clone(&self.world);
        self.world.scheduler.after(at, move || world.rotate());
    }

    fn revoke_a_client(&self) {
        let Some((index, times)) = self.world.plan.revoked.clone() else { return };
        for (at, granted) in [(times.start, false), (times.end, true)] {
            let world = Rc::clone(&self.world);
            self.world.scheduler.after(at, move || world.grant(index, granted));
        }
    }

    fn shrink_an_attribute(&self) {
        let shrunk = &self.world.plan.shrunk;
        if shrunk.is_empty() {
            return;
        }
        for (at, length) in [(shrunk.start, NOTE_LENGTH / 4), (shrunk.end, NOTE_LENGTH)] {
            let world = Rc::clone(&self.world);
            self.world.scheduler.after(at, move || world.register_note(length));
        }
    }

    fn close_a_skill(&self) {
        let Some(closed) = self.world.plan.unit.as_ref().map(|unit| unit.closed.clone()) else { return };
        for (at, open) in [(closed.start, false), (closed.end, true)] {
            let world = Rc::clone(&self.world);
            self.world.scheduler.after(at, move || {
                world.note("operator", || format!("{} a skill", if open { "opens" } else { "closes" }));
                business_unit::open(&world, open);
            });
        }
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: i64) {
        let until = self.world.now() + time;
        self.world.scheduler.after(time, || {});
        while self.world.now() < until {
            self.next();
        }
    }

    /// Lets time pass until nothing is left to do; false where that never comes.
    fn settle(&mut self) -> bool {
        let world = Rc::clone(&self.world);
        let last_sent = world.plan.sent.last().map_or(0, |message| message.at + ORIGIN);
        let longest = world.plan.unit.as_ref().map_or(0, UnitPlan::looked_for) + LONGEST_CALM;
        let latest = last_sent.max(world.now()).max(world.trigger_off_until.get()) + longest;
        while world.now() <= last_sent || !world.has_empty_queues() || !self.lambda.is_quiet() {
            if world.now() > latest {
                let hours = longest / 3_600_000;
                world.breach(format!("some message is still in the queue after {hours} hours without a fault"));
                return false;
            }
            self.next();
        }
        self.pass(SETTLING);
        true
    }

    /// Whatever comes next.
    fn next(&mut self) {
        self.serve();
        self.tick();
        for lane in self.world.plan.lanes() {
            self.receive(*lane);
        }
        self.lambda.advance();
        self.world.scheduler.go_on();
        self.lambda.advance();
    }

    /// Agents take contacts out of the queues: by the second while things go wrong, so that a full queue has room again
    /// between two requests, and by the minute else.
    fn serve(&mut self) {
        let (world, now) = (&self.world, self.world.now());
        if now < self.serve_at {
            return;
        }
        let hectic = world.stormy.get() && world.plan.agents.is_none();
        let pause = if hectic { world.chance.between(500, 8000) } else { 60_000 };
        self.serve_at = now + pause;
        world.scheduler.after(pause, || {});
        for (queue, _) in &self.queues {
            let served = match world.plan.agents {
                Some(agents) => agents(queue.as_str(), (now - ORIGIN) / 60_000),
                None => world.chance.index(if hectic { 2 } else { 6 }) as u64,
            };
            match &world.unit {
                Some(unit) => business_unit::complete(&mut unit.borrow_mut(), queue, served),
                None => drop(world.tenant.borrow_mut().complete(queue.as_str(), served)),
            }
        }
    }

    /// Once a minute the registry learns how full the queues are.
    fn tick(&mut self) {
        let (world, now) = (&self.world, self.world.now());
        if now < self.tick_at {
            return;
        }
        self.tick_at = now + 60_000;
        world.scheduler.after(60_000, || {});
        for (queue, limits) in &self.queues {
            let missed = || world.plan.agents.is_none() && world.stormy.get() && world.chance.happens(0.2);
            if !missed() && world.reads_health() {
                world.sync_health(queue, *limits);
            }
        }
    }

    /// Starts an invocation where there are messages of a lane, and room for it.
    fn receive(&mut self, lane: Lane) {
        let (world, now) = (&self.world, self.world.now());
        if !self.lambda.has_room(lane) {
            return;
        }
        let Some(visible) = world.queues[&lane].borrow().next_visible() else { return };
        let from = visible.max(world.trigger_off_until.get());
        if from > now {
            let look_at = self.look_at.entry(lane).or_default();
            if *look_at <= now || from < *look_at {
                *look_at = from;
                world.scheduler.after(from - now, || {});
            }
            return;
        }
        match self.receive_at.get(&lane).copied() {
            None => {
                let delivery = &world.plan.pace.delivery;
                let wait = world.chance.between(*delivery.start(), *delivery.end());
                self.receive_at.insert(lane, now + wait);
                world.scheduler.after(wait, || {});
            }
            Some(at) if at <= now => {
                self.receive_at.remove(&lane);
                let messages = world.receive(lane);
                if !messages.is_empty() {
                    self.lambda.invoke(lane, messages);
                }
            }
            Some(_) => {}
        }
    }
}
