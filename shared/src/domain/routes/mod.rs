//! Routes: which events become contacts, where those go, and with what priority.
//!
//! A routes file is configuration that is shipped, so it is judged whole when the function starts. What leaves this
//! module holds: every path and glob compiles, every constant is of its attribute's type, every priority in range.
//! After that an event can be wrong, a route can't. What is kept is the file itself and an index of it; a route is
//! compiled when an event first needs it.

mod address;
mod by_type;
mod default_skills;
mod destinations;
mod file;
mod footprint;
mod glob;
mod load;
mod path;
mod priority;
mod screen_pop;
mod tenant;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use self::{
    address::{Address, QueueId},
    default_skills::DefaultSkills,
    file::OnUnknownHealth,
    load::{RoutesError, RoutesProblem},
    priority::{Degrade, NotAPriority, Priority},
    screen_pop::ScreenPop,
    tenant::{Callback, Digital, Encoding, OnDoubt, PhoneFormat, SkillLimits, TenantRules, WorkItem},
};
use self::{
    by_type::ByType,
    destinations::Destinations,
    glob::Glob,
    written::{Match, Written},
};
pub(crate) use self::{
    file::{Overflow, Pii, Unregistered},
    path::{Path, Queries, Selection},
};
use super::{
    attributes::{AttributeKey, AttributeValue},
    event::Event,
    phone::E164,
};

/// The routes of a deployment, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The file, which every route is a part of.
    file: String,
    rules: RouteRules,
    /// What the paths of all of them share.
    queries: Arc<Queries>,
    written: Vec<Written>,
    by_type: ByType,
    destinations: Destinations,
    /// The queues that they name: asked for by every batch, so that it's gathered once.
    routed: Vec<QueueId>,
    /// Points of contact that name no skill.
    without_skill: Vec<String>,
    tenant: TenantRules,
}

/// How the events of one kind become contacts.
#[derive(Clone, Debug)]
pub struct Route {
    name: String,
    channel: Option<String>,
    targets: Vec<Target>,
    priorities: Priorities,
    max_age: Option<Duration>,
    on_unknown_health: OnUnknownHealth,
    /// Characters that a text attribute holds, whatever length is registered.
    pub(crate) longest_text: usize,
    pub(crate) from: Field,
    pub(crate) to: Field,
    pub(crate) callback_number: Option<Field>,
    pub(crate) wrap_up_code: Option<Field>,
    pub(crate) attributes: Vec<AttributeRule>,
    pub(crate) flatten: Option<Flatten>,
}

/// A route's priorities: the first rule that holds, or the default.
#[derive(Clone, Debug)]
struct Priorities {
    default: Priority,
    rules: Vec<(Path, Priority)>,
    degrade: Option<Degrade>,
}

/// Where a contact may go.
#[derive(Clone, Debug)]
pub struct Target {
    address: Address,
    priority_delta: i16,
    /// What a message to a digital channel says.
    pub(crate) text: Option<Field>,
}

/// What an API asks of a routes file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRules {
    /// Which API it is: each has targets of its own.
    pub profile: Profile,
    /// Characters that a text attribute holds, counted as Unicode scalar values.
    pub longest_text: usize,
    /// Whether its contacts have a channel and a wrap-up code of their own.
    pub channels: bool,
    /// Whether attributes go out under their names alone, so that two of one name would be one.
    pub drops_prefixes: bool,
}

/// Which of CXone's APIs a deployment speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The routing API of the guide.
    #[default]
    Guide,
    /// The APIs of a NICE CXone tenant.
    Cxone,
}

impl Profile {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Guide, Self::Cxone];

    /// Its name, as parameters have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Cxone => "cxone",
        }
    }

    /// Who is spoken to.
    pub const fn api(self) -> &'static str {
        match self {
            Self::Guide => "the guide's routing API",
            Self::Cxone => "a NICE CXone tenant",
        }
    }
}

/// Where a contact's own field comes from.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) source: Source<String>,
    pub(crate) coerce: bool,
    pub(crate) phone: Option<E164>,
}

/// Where an attribute comes from, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct AttributeRule {
    pub(crate) key: AttributeKey,
    pub(crate) source: Source<AttributeValue>,
    pub(crate) coerce: bool,
    pub(crate) phone: Option<E164>,
    pub(crate) overflow: Overflow,
    pub(crate) pii: Option<Pii>,
}

/// A constant, or a path into the event.
#[derive(Clone, Debug)]
pub(crate) enum Source<T> {
    Constant(T),
    Path { path: Path, required: bool, default: Option<T> },
}

/// A nested object that becomes attributes.
#[derive(Clone, Debug)]
pub(crate) struct Flatten {
    pub(crate) path: Path,
    pub(crate) prefix: String,
    pub(crate) unregistered: Unregistered,
}

impl Routes {
    /// Bytes that a routes file may have. What its routes take in memory is bounded by a rule of its own.
    pub const MAX_BYTES: usize = 32 << 20;

    /// Reads a routes file for an API with these rules. It is refused as a whole, with every problem that it has.
    pub fn from_json(text: impl Into<String>, rules: RouteRules) -> Result<Self, RoutesError> {
        load::routes(text.into(), rules)
    }

    /// How a tenant is spoken to.
    pub const fn tenant(&self) -> &TenantRules {
        &self.tenant
    }

    /// Whether any route leads into a digital channel.
    pub fn has_digital(&self) -> bool {
        self.destinations.digital
    }

    /// What the routes say of each skill's room: the tightest of it, where targets come to one skill that didn't name
    /// it.
    pub fn skill_limits(&self, defaults: &DefaultSkills) -> BTreeMap<QueueId, SkillLimits> {
        self.destinations.skill_limits(defaults)
    }

    /// What the routes say of one queue's room.
    pub fn limits_of(&self, queue: &QueueId, defaults: &DefaultSkills) -> SkillLimits {
        self.skill_limits(defaults).get(queue).copied().unwrap_or_default()
    }

    /// The first route whose match fits the event.
    pub fn select(&self, event: &Event) -> Option<&Route> {
        let place = self.by_type.first(event.event_type(), |place| self.written[place].matched.takes(event))?;
        self.written[place].route(&self.file, self.rules, &self.queries)
    }

    /// Every route, in order, compiled.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.written.iter().filter_map(|written| written.route(&self.file, self.rules, &self.queries))
    }

    /// How many routes there are.
    pub fn count(&self) -> usize {
        self.written.len()
    }

    /// Every queue that a route names, once each.
    pub fn queue_ids(&self) -> &[QueueId] {
        &self.routed
    }

    /// Every point of contact that names no skill, once each: its default skill is asked for.
    pub fn points_without_skill(&self) -> &[String] {
        &self.without_skill
    }

    /// Every queue that the routes lead to: those that they name, and the default skills of points of contact.
    pub fn queues_with(&self, defaults: &DefaultSkills) -> Vec<QueueId> {
        let of_points = self.without_skill.iter().filter_map(|point| defaults.skill_of(point));
        let queues: BTreeSet<_> = self.routed.iter().chain(of_points).collect();
        queues.into_iter().cloned().collect()
    }

    /// The JSON Schema of a routes file, for editors.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(file::RoutesFile).to_value()
    }
}

impl<T> Source<T> {
    /// The values that the routes file gives, by the names of their members.
    pub(crate) fn constants(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let constant = match self {
            Self::Constant(value) => Some(("value", value)),
            Self::Path { default, .. } => default.as_ref().map(|value| ("default", value)),
        };
        constant.into_iter()
    }
}

impl Route {
    /// The name that logs and problems use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The contact's channel, where its API asks for one.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// Where the contact goes: the primary, then its fallbacks. Never empty.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether it may lead into a digital channel.
    pub fn has_digital(&self) -> bool {
        self.targets.iter().any(|target| target.address.is_digital())
    }

    /// The priority of the first rule that holds for the event, or the route's default.
    pub fn base_priority(&self, event: &Event) -> Priority {
        let Priorities { default, rules, .. } = &self.priorities;
        rules.iter().find(|(when, _)| when.holds(event)).map_or(*default, |(_, priority)| *priority)
    }

    /// How the priority gives way as queues saturate.
    pub fn degrade(&self) -> Option<Degrade> {
        self.priorities.degrade
    }

    /// The age beyond which an event is no longer worth a contact.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// What becomes of an event while its queues' health is unknown.
    pub fn on_unknown_health(&self) -> OnUnknownHealth {
        self.on_unknown_health
    }
}

impl Priorities {
    /// Every priority that an event of the route may get.
    fn all(&self) -> impl Iterator<Item = Priority> {
        self.rules.iter().map(|(_, priority)| *priority).chain([self.default])
    }
}

impl Target {
    /// Where that is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the target adds to the priority.
    pub fn priority_delta(&self) -> i16 {
        self.priority_delta
    }
}
