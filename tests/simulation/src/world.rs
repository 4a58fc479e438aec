//! Everything around the program: one world for one run, and what the invariants want to know of it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
};

use contact_injection::{
    dialects::{Dialect, HttpReply, HttpResponse, RegisteredAttributes as _, guide::Guide},
    domain::{
        lane::Lane,
        queues::Queue,
        routes::{Profile, QueueId},
        time::Timestamp,
    },
    ports::SchemaSnapshot,
};
use cxone_simulator::{ClientConfig, OnSaturation, RateLimit, SimulatorConfig, Tenant, nice};

pub(crate) use crate::seen::{Intent, LookUp, Post, Refusal, Seen, Sighting};
use crate::{
    business_unit,
    chance::Chance,
    contact_queue::{ContactQueue, Letter},
    defect::Defect,
    fleet::Services,
    plan::{Faults, ORIGIN, Plan, QUEUES},
    scheduler::Scheduler,
    tables::{ClientItem, Ledger},
    timeline::Timeline,
};

/// The registered length of the note, in characters.
pub(crate) const NOTE_LENGTH: u32 = 64;

/// One run's world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) defect: Option<Defect>,
    pub(crate) scheduler: Scheduler,
    pub(crate) chance: Chance,
    pub(crate) timeline: Timeline,
    /// Whether things go wrong now.
    pub(crate) stormy: Cell<bool>,
    /// Until when nothing is received.
    pub(crate) trigger_off_until: Cell<i64>,
    /// The queue of each lane.
    pub(crate) queues: BTreeMap<Lane, RefCell<ContactQueue>>,
    pub(crate) letters: RefCell<Vec<Letter>>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) clients: RefCell<BTreeMap<String, ClientItem>>,
    pub(crate) schema: RefCell<Option<SchemaSnapshot>>,
    pub(crate) health: RefCell<BTreeMap<QueueId, Queue>>,
    pub(crate) secrets: RefCell<Vec<(String, String)>>,
    /// What the program speaks.
    pub(crate) dialect: Box<dyn Dialect>,
    /// CXone, where the guide's API is spoken.
    pub(crate) tenant: RefCell<Tenant>,
    /// CXone, where a tenant's APIs are.
    pub(crate) unit: Option<RefCell<nice::Tenant>>,
    pub(crate) seen: RefCell<Seen>,
    /// The limits of the services, where there are any.
    pub(crate) services: Option<Services>,
}

impl World {
    /// The world that this seed begins with.
    pub(crate) fn new(profile: Profile, seed: u64, defect: Option<Defect>, told: bool) -> Rc<Self> {
        let chance = Chance::seeded(seed);
        let plan = match profile {
            Profile::Guide => Plan::draw(&chance),
            Profile::Cxone => Plan::draw_cxone(seed, &chance),
        }
        .with_lanes(seed);
        Self::with(plan, chance, defect, None, told)
    }

    /// The world of a plan that no seed has drawn.
    pub(crate) fn planned(seed: u64, plan: Plan, defect: Option<Defect>, told: bool) -> Rc<Self> {
        Self::with(plan, Chance::seeded(seed), defect, None, told)
    }

    /// The same, where the services have limits.
    pub(crate) fn limited(seed: u64, plan: Plan, services: Services) -> Rc<Self> {
        Self::with(plan, Chance::seeded(seed), None, Some(services), false)
    }

    fn with(plan: Plan, chance: Chance, defect: Option<Defect>, services: Option<Services>, told: bool) -> Rc<Self> {
        let secrets: Vec<_> = (0..plan.clients).map(|number| (format!("c-{number}"), format!("s-{number}"))).collect();
        let seed = chance.seed();
        let (tenant, unit) = (tenant(&plan, &secrets, seed), business_unit::unit(&plan, &secrets, seed));
        let dialect = business_unit::dialect(&plan);
        let registered = || match plan.unit {
            Some(_) => business_unit::fields(&*dialect),
            None => Some(snapshot(&tenant, ORIGIN)),
        };
        let schema = plan.schema_known.then(registered).flatten();
        let world = Self {
            defect,
            dialect,
            scheduler: Scheduler::starting_at(ORIGIN),
            timeline: Timeline::new(ORIGIN, told),
            stormy: Cell::new(false),
            trigger_off_until: Cell::new(0),
            queues: Lane::ALL.map(|lane| (lane, RefCell::new(ContactQueue::of(lane)))).into(),
            letters: RefCell::default(),
            ledger: RefCell::default(),
            clients: RefCell::default(),
            schema: RefCell::new(schema),
            health: RefCell::default(),
            secrets: RefCell::new(secrets),
            tenant: RefCell::new(tenant),
            unit: unit.map(RefCell::new),
            seen: RefCell::default(),
            services,
            chance,
            plan,
        };
        Rc::new(world)
    }

    /// The true time.
    pub(crate) fn now(&self) -> i64 {
        self.scheduler.now()
    }

    /// Whether the queues' health can be read now.
    pub(crate) fn reads_health(&self) -> bool {
        !self.plan.blind && !self.plan.unread.contains(&((self.now() - ORIGIN) / 60_000))
    }

    /// Whether a fault of this kind strikes now.
    pub(crate) fn strikes(&self, fault: impl Fn(&Faults) -> f64) -> bool {
        self.stormy.get() && self.chance.happens(fault(&self.plan.faults))
    }

    /// Whether this mistake is made.
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Takes down what happened.
    pub(crate) fn note(&self, who: impl fmt::Display, what: impl FnOnce() -> String) {
        self.timeline.note(self.now(), who, what);
    }

    /// Takes down that an invariant doesn't hold.
    pub(crate) fn breach(&self, what: String) {
        self.note("BREACH", || what.clone());
        self.seen.borrow_mut().breaches.push(what);
    }

    /// CXone refuses a client from now on, or takes it again.
    pub(crate) fn grant(&self, index: usize, granted: bool) {
        let (id, secret) = self.secrets.borrow()[index % self.plan.clients].clone();
        self.note("operator", || format!("{} {id}", if granted { "grants" } else { "revokes" }));
        if let Some(unit) = &self.unit {
            return business_unit::grant(&mut unit.borrow_mut(), &id, granted);
        }
        let mut tenant = self.tenant.borrow_mut();
        tenant.put_client(ClientConfig::new(&id, if granted { &secret } else { "revoked" }));
        if !granted {
            tenant.revoke_tokens();
        }
    }

    /// Somebody changes the registered length of an attribute, and the sync reads it.
    pub(crate) fn register_note(&self, length: u32) {
        self.note("operator", || format!("registers the note with {length} characters"));
        let mut tenant = self.tenant.borrow_mut();
        for attribute in tenant.config_mut().attributes.iter_mut().filter(|attribute| attribute.key.ends_with("note")) {
            *attribute = attribute.clone().with_max_length(length);
        }
        *self.schema.borrow_mut() = Some(snapshot(&tenant, self.now()));
    }

    /// The secret of a client is another from now on, with CXone and where the workers read it.
    pub(crate) fn rotate(&self) {
        self.note("operator", || "rotates the secret of c-0".to_owned());
        match &self.unit {
            Some(unit) => business_unit::rotate(&mut unit.borrow_mut(), "c-0", "rotated"),
            None => self.tenant.borrow_mut().put_client(ClientConfig::new("c-0", "rotated")),
        }
        if let Some(client) = self.secrets.borrow_mut().first_mut() {
            "rotated".clone_into(&mut client.1);
        }
    }

    /// Takes down a request for a contact; with its place among them.
    pub(crate) fn see_post(&self, post: Post) -> usize {
        let posts = &mut self.seen.borrow_mut().posts;
        posts.push(post);
        posts.len() - 1
    }

    /// Takes down a request to whatever is outside, where they are counted.
    pub(crate) fn see_round_trip(&self, what: impl FnOnce() -> String) {
        if let Some(trips) = &mut self.seen.borrow_mut().round_trips {
            trips.push((self.now(), what()));
        }
    }

    /// Requests that CXone got, and contacts that it created.
    pub(crate) fn counted(&self) -> (usize, usize) {
        match &self.unit {
            Some(unit) => (unit.borrow().requests().len(), unit.borrow().creations().len()),
            None => (self.tenant.borrow().requests().len(), self.tenant.borrow().contacts().len()),
        }
    }

    /// Contacts of a kind that a business unit created.
    pub(crate) fn created(&self, kind: nice::Kind) -> usize {
        let of_kind = |unit: &RefCell<nice::Tenant>| {
            let unit = unit.borrow();
            unit.creations().iter().filter(|creation| creation.kind == kind).count()
        };
        self.unit.as_ref().map_or(0, of_kind)
    }

    /// The size of the registered attributes as they are served, in bytes.
    pub(crate) fn schema_bytes(&self) -> usize {
        let tenant = self.tenant.borrow();
        let config = tenant.config();
        config.schema_shape.render(&config.attributes).to_string().len()
    }

    /// A tenant's time.
    pub(crate) fn tenant_now(&self) -> u64 {
        self.now().unsigned_abs()
    }
}

fn tenant(plan: &Plan, secrets: &[(String, String)], seed: u64) -> Tenant {
    use cxone_simulator::{AttributeDefinition, AttributeType, Queue as CxoneQueue};
    let mut config = SimulatorConfig {
        seed,
        rate_limit: RateLimit {
            limit: plan.limit,
            window_milliseconds: plan.window.unsigned_abs(),
            ..RateLimit::default()
        },
        clients: secrets.iter().map(|(id, secret)| ClientConfig::new(id, secret)).collect(),
        ..SimulatorConfig::default()
    }
    .with_skill("s-1")
    .with_attribute(AttributeDefinition::new(AttributeType::String, "event").with_max_length(64).required())
    .with_attribute(AttributeDefinition::new(AttributeType::Number, "version"))
    .with_attribute(AttributeDefinition::new(AttributeType::String, "note").with_max_length(NOTE_LENGTH));
    for id in QUEUES {
        let saturated = if (plan.lossy)(id) { OnSaturation::Failed } else { OnSaturation::Conflict };
        config = config.with_queue(CxoneQueue::open(id).with_max_capacity(plan.room).with_on_saturation(saturated));
    }
    Tenant::new(config)
}

fn snapshot(tenant: &Tenant, at: i64) -> SchemaSnapshot {
    let config = tenant.config();
    let fetched = Timestamp::from_millis(at);
    let body = config.schema_shape.render(&config.attributes).to_string();
    let reply = HttpReply::Answered(HttpResponse::new(200, None, body.as_bytes(), fetched));
    #[expect(clippy::expect_used, reason = "the simulated tenant's schema can be read, or every run is void")]
    SchemaSnapshot { schema: Guide.read_schema(&reply).meaning.expect("a readable schema"), fetched }
}
