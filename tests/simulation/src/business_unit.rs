//! CXone as a NICE tenant has it: one business unit, how the program is configured for it, and how it misbehaves.

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
        self, ActivityShape, Config, Effect, Endpoint, ErrorText, Fault, PointOfContact, Skill, Tenant, TextForm,
        TokenRules, TokenShape,
    },
};
use secrecy::SecretString;
use serde_json::{Value, json};

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

/// The tenant's points of contact, each with the skill that its script queues at.
const POINTS: [(u64, &str, u64); 3] = [(101, "Orders", 4001), (102, "Billing & more", 4002), (103, "Desk", 4003)];

/// Where the older grant is, as a secret says it. Discovery tells nothing of it.
const OLDER: &str = "https://api-na1.niceincontact.com/authentication/v1/token/access-key";

/// Routes of which what was maybe sent may be sent again.
pub(crate) const RESENT: &str = "ticket";

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
        }
    }
}

impl Plan {
    /// Draws a run against a NICE tenant.
    pub(crate) fn draw_cxone(seed: u64, chance: &Chance) -> Self {
        let plan = Self::draw(chance);
        let pick = |often: f64| chance.happens(often);
        let from = chance.between(0, 600_000);
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
            Some(unit) => Routes::from_json(&routes(unit, self.room).to_string(), spoken::FACTS.routes),
        }
        .expect("readable routes")
    }
}

/// The same three routes as for the guide's API. The last one's script ends an item that it has seen.
fn routes(unit: &UnitPlan, room: u64) -> Value {
    let target = |place: usize, on_doubt: &str| {
        let (id, name, skill) = POINTS[place];
        json!({"workItem": {
            "pointOfContact": format!("{id} - {name}"), "type": "event", "skillId": skill, "maxQueueCount": room,
            "onDoubt": on_doubt,
        }})
    };
    let lowered = |mut target: Value| {
        target["priorityDelta"] = json!(-50);
        target
    };
    let route = |name: &str, targets: [Value; 2], priority: u16| {
        json!({
            "name": name, "match": {"type": name, "source": "/simulation/*"}, "targets": targets,
            "priority": {"default": priority, "degrade": {"by": 50, "floor": 50}},
            "from": {"path": "$.from"}, "to": {"value": "+15550201234"},
            "attributes": {
                "string:event": {"path": "$.event", "required": true},
                "number:version": {"path": "$.version", "required": true},
                "string:note": {"path": "$.note"},
            },
        })
    };
    let order = route("order", [target(0, "park"), lowered(target(1, "park"))], 500);
    let mut payment = route("payment", [target(1, "park"), target(2, "park")], 600);
    payment["maxAgeSeconds"] = json!(7200);
    let ticket = route(RESENT, [target(2, "resend"), lowered(target(0, "resend"))], 400);
    json!({"cxone": {"workItemEncoding": unit.encoding}, "routes": [order, payment, ticket]})
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
    Some(Tenant::new(Config {
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
    }))
}

/// Lets it misbehave from now on.
pub(crate) fn unsettle(unit: &mut Tenant, own: &UnitPlan, faults: &Faults) {
    unsettle_work_items(unit, faults);
    unsettle_grants(unit, faults);
    if let Some(seconds) = own.grants.skew {
        for endpoint in [Endpoint::Token, Endpoint::AccessKeyToken] {
            add(unit, endpoint, &[Effect::SkewedClaims { seconds }], 0.7);
        }
    }
    let unreadable = [
        Effect::bare(500),
        Effect::html(200),
        Effect::ResetAfter,
        Effect::bare(403),
        Effect::member("/skillActivity", None),
    ];
    add(unit, Endpoint::Skill, &unreadable, faults.cxone / 9.0);
}

fn add(unit: &mut Tenant, endpoint: Endpoint, effects: &[Effect], chance: f64) {
    for effect in effects {
        unit.add_fault(Fault::always(endpoint, effect.clone()).with_probability(chance));
    }
}

fn unsettle_work_items(unit: &mut Tenant, faults: &Faults) {
    let doubtful = [
        Effect::accepted_then(500),
        Effect::accepted_then(503),
        Effect::bare(500),
        Effect::html(502),
        Effect::bare(409),
        Effect::Redirect { status: 307, location: "https://elsewhere.example".to_owned() },
        Effect::ResetBefore,
        Effect::ResetAfter,
        Effect::HangBefore { milliseconds: 60_000 },
        Effect::HangAfter { milliseconds: 60_000 },
    ];
    let definite = [
        Effect::member("/contactId", None),
        Effect::rate_limited(7),
        Effect::bare(429),
        Effect::port_limit(TextForm::Json),
        Effect::port_limit(TextForm::StatusDescription),
        Effect::point_of_contact(TextForm::Json),
        Effect::point_of_contact(TextForm::StatusDescription),
        Effect::html(404),
        Effect::bare(401),
        Effect::bare(403),
        Effect::bare(400),
    ];
    // A unit that is full would answer 202 here, and hold nothing.
    if unit.config().port_limit.is_none() {
        add(unit, Endpoint::WorkItems, &[Effect::accepted_then(202)], faults.cxone / 16.0);
    }
    add(unit, Endpoint::WorkItems, &doubtful, faults.cxone / 20.0);
    add(unit, Endpoint::WorkItems, &definite, faults.cxone / 16.0);
    add(unit, Endpoint::WorkItems, &[Effect::RevokeTokens], faults.tokens / 8.0);
}

fn unsettle_grants(unit: &mut Tenant, faults: &Faults) {
    let foreign = |url: &str| Some(json!(url));
    let unavailable = [
        Effect::bare(503),
        Effect::rate_limited(40),
        Effect::html(200),
        Effect::ResetAfter,
        Effect::HangBefore { milliseconds: 60_000 },
    ];
    let refused = [Effect::oauth(400, "invalid_grant"), Effect::oauth(401, "invalid_client"), Effect::bare(400)];
    for endpoint in [Endpoint::Token, Endpoint::AccessKeyToken] {
        add(unit, endpoint, &unavailable, faults.tokens / 8.0);
        add(unit, endpoint, &refused, faults.tokens / 24.0);
    }
    add(unit, Endpoint::OpenidConfiguration, &unavailable, faults.tokens / 8.0);
    add(unit, Endpoint::CxoneConfiguration, &unavailable, faults.tokens / 8.0);
    add(
        unit,
        Endpoint::OpenidConfiguration,
        &[Effect::member("/token_endpoint", foreign("https://elsewhere.example/auth/token"))],
        faults.tokens / 24.0,
    );
    add(
        unit,
        Endpoint::CxoneConfiguration,
        &[Effect::member("/api_endpoint", foreign("http://api-na1.niceincontact.com")), Effect::bare(404)],
        faults.tokens / 24.0,
    );
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

/// The skill behind a point of contact, as the program names its queue.
pub(crate) fn skill_of(point_of_contact: &str) -> Option<String> {
    let meant = |(id, name, _): &&(u64, &str, u64)| format!("{id} - {name}") == point_of_contact;
    POINTS.iter().find(meant).map(|(.., skill)| skill.to_string())
}

/// The skills, as the program names their queues.
pub(crate) fn skills() -> impl Iterator<Item = String> {
    POINTS.iter().map(|(.., skill)| skill.to_string())
}

fn number(skill: &QueueId) -> u64 {
    skill.as_str().parse().unwrap_or_default()
}

/// Agents take so many contacts of a skill.
pub(crate) fn complete(unit: &mut Tenant, skill: &QueueId, contacts: u64) {
    unit.complete(number(skill), contacts);
}

/// What the business unit says of a skill.
pub(crate) fn activity(unit: &Tenant, skill: &QueueId) -> Option<Value> {
    let Skill { id, is_active, queue_count, agents_logged_in, .. } =
        unit.config().skills.iter().find(|known| known.id == number(skill))?;
    Some(json!({"skillActivity": [{
        "skillId": id, "isActive": is_active, "queueCount": queue_count, "agentsLoggedIn": agents_logged_in,
    }]}))
}
