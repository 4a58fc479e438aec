//! CXone as a NICE tenant has it: one business unit, how the program is configured for it, and how it misbehaves.

mod digital;
mod routes;
mod weather;

use std::ops::Range;

use contact_injection::{
    dialects::{
        Dialect,
        guide::{self, Guide},
        nice::{self as spoken, Nice},
    },
    domain::{
        credentials::{AccessKey, Credentials, KeyClient},
        routes::{Profile, QueueId, Routes},
    },
};
use cxone_simulator::{
    RateLimit,
    nice::{
        self, ActivityShape, Config, DuplicateMessages, ErrorText, PointOfContact, Skill, Tenant, TokenRules,
        TokenShape,
    },
};
use secrecy::SecretString;
use serde_json::{Value, json};

use self::routes::POINTS;
pub(crate) use self::{
    digital::{DigitalPlan, SETTLED, Unfiltered, enter, fields},
    routes::{Targets, Ticket, skill_of, skills},
    weather::{calm, unsettle},
};
use crate::{
    chance::Chance,
    plan::{Faults, Plan, ROUTES},
    world::World,
};

/// Who issues tokens.
const ISSUER: &str = "https://cxone.niceincontact.com";

/// Where discovery says that tokens are had and serve.
const ENDPOINT: &str = "https://api-na1.niceincontact.com";

/// The version of the API.
const VERSION: &str = "v34.0";

/// The OAuth client that every access key is presented through, and its secret.
const APPLICATION: (&str, &str) = ("application", "not+a/secret====");

/// Where the older grant is, as a secret says it. Discovery tells nothing of it.
const OLDER: &str = "https://api-na1.niceincontact.com/authentication/v1/token/access-key";

/// For so long a message that may have been taken is looked for, in milliseconds.
pub(crate) const LOOKED_FOR: i64 = 24 * 3_600_000;

/// What tells the stream of the kinds of contacts from a seed's others.
const KINDS: u64 = 0x6b69_6e64_735f_6f66;

/// What a seed decides of a business unit beforehand.
#[derive(Clone, Debug)]
pub(crate) struct UnitPlan {
    /// How work items are sent.
    encoding: &'static str,
    /// How many work items may wait in it, where there is a limit.
    port_limit: Option<usize>,
    /// Where the words of an error are.
    error_text: ErrorText,
    /// Of what shape its answers are.
    shapes: (ActivityShape, TokenShape),
    /// From when to when one of its skills isn't active.
    pub(crate) closed: Range<i64>,
    /// How often somebody decides about an event in doubt before it is redriven.
    pub(crate) resolved: f64,
    /// How tokens are had.
    pub(crate) grants: Grants,
    /// Where the routes lead.
    pub(crate) targets: Targets,
    /// What its digital channels are like.
    pub(crate) digital: DigitalPlan,
}

/// How tokens are had, and what they say of themselves. Drawn from a stream of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    /// Access keys that are presented by the older grant, without an application: a bit for each.
    older: u64,
    /// Whether no id token comes with a token, so that only the token itself names the tenant.
    bare: bool,
    /// Seconds that `iat` and `exp` are off by, where they are.
    pub(crate) skew: Option<i64>,
    /// Whether no `expires_in` comes with a token, so that only `exp` says how long it serves.
    pub(crate) untimed: bool,
}

impl Grants {
    /// Draws how the tokens of a run are had, from a stream of their own. Every other seed has them in the usual way.
    fn draw(seed: u64) -> Self {
        if seed.is_multiple_of(2) {
            return Self::default();
        }
        let chance = Chance::seeded(!seed);
        let older = match chance.index(4) {
            0 => 0,
            1 => u64::MAX,
            _ => chance.seed(),
        };
        let off = [-90_000, -7200, -3595, -3000, -60, 60, 7200, 200_000];
        Self {
            older,
            bare: chance.happens(0.3),
            skew: chance.happens(0.4).then(|| off[chance.index(off.len())]),
            untimed: chance.happens(0.3),
        }
    }

    /// Whether this access key, by its place in the secret, is presented by the older grant.
    fn is_older(&self, id: &str) -> bool {
        let place: Option<u32> = id.strip_prefix("c-").and_then(|place| place.parse().ok());
        place.is_some_and(|place| self.older & 1_u64.wrapping_shl(place) != 0)
    }
}

impl UnitPlan {
    /// A business unit in which nothing is out of the ordinary.
    pub(crate) fn plain() -> Self {
        Self {
            encoding: "json",
            port_limit: None,
            error_text: ErrorText::Body,
            shapes: (ActivityShape::Flat, TokenShape::Object),
            closed: 0..0,
            resolved: 0.0,
            grants: Grants::default(),
            targets: Targets::WorkItems,
            digital: DigitalPlan::plain(),
        }
    }

    /// One whose routes lead to every kind of target, and in which a message shows late and a second one of its id
    /// makes a second contact.
    pub(crate) fn showing_late(seconds: u64) -> Self {
        let digital =
            DigitalPlan { lag: seconds, duplicates: DuplicateMessages::SecondContact, ..DigitalPlan::plain() };
        Self { targets: Targets::Mixed { order: 0, ticket: Ticket::MessageParked }, digital, ..Self::plain() }
    }

    /// How long a message may be looked for though nothing goes wrong: where no answer of the search ever proves
    /// anything, until a person has to decide.
    pub(crate) fn looked_for(&self) -> i64 {
        if self.digital.unfiltered == Unfiltered::Always { LOOKED_FOR } else { 0 }
    }
}

impl Plan {
    /// Draws a run against a NICE tenant.
    pub(crate) fn draw_cxone(seed: u64, chance: &Chance) -> Self {
        let plan = Self::draw(chance);
        let pick = |often: f64| chance.happens(often);
        let from = chance.between(0, 600_000);
        // From a stream of its own, so that what else a seed decides stays what it was.
        let kinds = Chance::seeded(seed ^ KINDS);
        let unit = UnitPlan {
            encoding: ["json", "query", "form"][chance.index(3)],
            port_limit: pick(0.3).then(|| 2 + chance.index(6)),
            error_text: if pick(0.5) { ErrorText::Body } else { ErrorText::StatusDescription },
            shapes: (
                if pick(0.5) { ActivityShape::Flat } else { ActivityShape::ResultSet },
                if pick(0.5) { TokenShape::Object } else { TokenShape::Array },
            ),
            closed: if pick(0.2) { from..from + chance.between(60_000, 3 * 3_600_000) } else { 0..0 },
            resolved: [0.0, 0.5, 1.0][chance.index(3)],
            grants: Grants::draw(seed),
            targets: Targets::draw(&kinds),
            digital: DigitalPlan::draw(&kinds),
        };
        // What the guide's API alone knows: lost contacts, and registered attributes.
        let faults = Faults { lost: 0.0, ..plan.faults };
        Self { unit: Some(unit), faults, lossy: |_| false, shrunk: 0..0, ..plan }
    }

    /// The routes of the run.
    #[expect(clippy::expect_used, reason = "the simulation's own routes can be read, or every run is void")]
    pub(crate) fn routes(&self) -> Routes {
        match &self.unit {
            None => Routes::from_json(ROUTES, guide::FACTS.routes),
            Some(unit) => {
                let written = unit.targets.written(unit.encoding, self.room);
                Routes::from_json(written.to_string(), spoken::FACTS.routes)
            }
        }
        .expect("readable routes")
    }
}

/// What the program speaks in this run.
#[expect(clippy::expect_used, reason = "the simulated issuer's URL can be read, or every run is void")]
pub(crate) fn dialect(plan: &Plan) -> Box<dyn Dialect> {
    match profile(plan) {
        Profile::Guide => Box::new(Guide),
        Profile::Cxone => Box::new(Nice::new(ISSUER, VERSION, None, &plan.routes()).expect("a readable issuer")),
    }
}

fn profile(plan: &Plan) -> Profile {
    if plan.unit.is_some() { Profile::Cxone } else { Profile::Guide }
}

/// An access key as a worker reads it out of the secret.
pub(crate) fn credentials(own: &UnitPlan, id: String, secret: String) -> Credentials {
    let through = if own.grants.is_older(&id) {
        KeyClient::TokenEndpoint(OLDER.to_owned())
    } else {
        KeyClient::Client(APPLICATION.0.to_owned(), SecretString::from(APPLICATION.1))
    };
    Credentials::access_key(id, AccessKey { secret: SecretString::from(secret), through })
}

/// The business unit of a run, where the program speaks to one.
pub(crate) fn unit(plan: &Plan, secrets: &[(String, String)], seed: u64) -> Option<Tenant> {
    let own = plan.unit.as_ref()?;
    let key = |(id, secret): &(String, String)| {
        let key = nice::AccessKey::new(id, secret);
        if own.grants.is_older(id) { key } else { key.with_client(APPLICATION.0, APPLICATION.1) }
    };
    let (activity_shape, shape) = own.shapes;
    Some(Tenant::new(own.digital.added_to(Config {
        base_url: Some(ENDPOINT.to_owned()),
        issuer: Some(ISSUER.to_owned()),
        api_version: VERSION.to_owned(),
        access_keys: secrets.iter().map(key).collect(),
        points_of_contact: POINTS.map(|(id, name, skill)| PointOfContact::new(id, name, skill)).into(),
        skills: POINTS.map(|(.., skill)| Skill::open(skill)).into(),
        port_limit: own.port_limit,
        rate_limit: RateLimit {
            limit: plan.limit,
            window_milliseconds: plan.window.unsigned_abs(),
            ..RateLimit::default()
        },
        tokens: TokenRules { shape, id_token: !own.grants.bare, ..TokenRules::default() },
        activity_shape,
        error_text: own.error_text,
        first_contact_id: 40_000_001,
        seed,
        ..Config::default()
    })))
}

/// The user of an access key is deactivated, or active again.
pub(crate) fn grant(unit: &mut Tenant, id: &str, granted: bool) {
    for key in unit.config_mut().access_keys.iter_mut().filter(|key| key.access_key_id == id) {
        key.active = granted;
    }
}

/// An access key's secret is another from now on.
pub(crate) fn rotate(unit: &mut Tenant, id: &str, secret: &str) {
    for key in unit.config_mut().access_keys.iter_mut().filter(|key| key.access_key_id == id) {
        secret.clone_into(&mut key.access_key_secret);
    }
}

/// The first skill is active from now on, or isn't.
pub(crate) fn open(world: &World, open: bool) {
    let Some(unit) = &world.unit else { return };
    if let Some(skill) = unit.borrow_mut().skill_mut(POINTS[0].2) {
        skill.is_active = open;
    }
}

fn number(skill: &QueueId) -> u64 {
    skill.as_str().parse().unwrap_or_default()
}

/// Agents take so many contacts of a skill.
pub(crate) fn complete(unit: &mut Tenant, skill: &QueueId, contacts: u64) {
    let served = unit.complete(number(skill), contacts);
    digital::complete(unit, skill, served);
}

/// What the business unit says of a skill.
pub(crate) fn activity(unit: &Tenant, skill: &QueueId) -> Option<Value> {
    let Skill { id, is_active, queue_count, agents_logged_in, .. } =
        unit.config().skills.iter().find(|known| known.id == number(skill))?;
    Some(json!({"skillActivity": [{
        "skillId": id, "isActive": is_active, "queueCount": queue_count, "agentsLoggedIn": agents_logged_in,
    }]}))
}
