//! Routes: which events become contacts, where those go, and with what priority.
//!
//! A routes file is configuration that is shipped, so it is judged whole when the function starts. What leaves this
//! module holds: every path and glob compiled, every constant of its attribute's type, every priority in range. After
//! that an event can be wrong, a route can't.

mod address;
mod default_skills;
mod file;
mod glob;
mod load;
mod path;
mod priority;
mod screen_pop;
mod tenant;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use self::glob::Glob;
pub use self::{
    address::{Address, QueueId},
    default_skills::DefaultSkills,
    file::OnUnknownHealth,
    load::{RoutesError, RoutesProblem},
    priority::{Degrade, NotAPriority, Priority},
    screen_pop::ScreenPop,
    tenant::{Callback, Digital, Encoding, OnDoubt, PhoneFormat, SkillLimits, TenantRules, WorkItem},
};
pub(crate) use self::{
    file::{Overflow, Pii, Unregistered},
    path::{Path, Selection},
};
use super::{
    attributes::{AttributeKey, AttributeValue},
    event::Event,
    phone::E164,
};

/// The routes of a deployment, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Routes {
    list: Vec<Route>,
    by_type: ByType,
    /// Asked for by every batch, so that it's gathered once.
    queues: Vec<QueueId>,
    /// Points of contact that name no skill.
    without_skill: Vec<String>,
    tenant: TenantRules,
}

/// Which routes may be for an event of a type: among ten thousand, two or three are asked.
#[derive(Clone, Debug, Default)]
struct ByType {
    /// Places of the routes for one type alone, first ones first.
    literal: HashMap<String, Vec<usize>>,
    /// Places of the routes for a pattern of types, first ones first.
    patterns: Vec<usize>,
}

impl ByType {
    fn add(&mut self, event_type: &Glob, place: usize) {
        if event_type.is_literal() {
            self.literal.entry(event_type.text().to_owned()).or_default().push(place);
        } else {
            self.patterns.push(place);
        }
    }

    /// The place of the first route that fits, of those that may.
    fn first(&self, event_type: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let first = |places: &[usize]| places.iter().copied().find(|place| fits(*place));
        let literal = self.literal.get(event_type).and_then(|places| first(places));
        literal.into_iter().chain(first(&self.patterns)).min()
    }
}

/// How the events of one kind become contacts.
#[derive(Clone, Debug)]
pub struct Route {
    name: String,
    event_type: Glob,
    source: Option<Glob>,
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
    /// These routes, in this order.
    fn new(list: Vec<Route>) -> Self {
        let mut by_type = ByType::default();
        list.iter().enumerate().for_each(|(place, route)| by_type.add(&route.event_type, place));
        let addresses = list.iter().flat_map(Route::targets).map(Target::address);
        let queues: BTreeSet<_> = addresses.clone().filter_map(Address::queue).cloned().collect();
        let without_skill: BTreeSet<_> = addresses.filter_map(Address::without_skill).map(str::to_owned).collect();
        let (queues, without_skill) = (queues.into_iter().collect(), without_skill.into_iter().collect());
        Self { queues, without_skill, list, by_type, tenant: TenantRules::default() }
    }

    /// Reads a routes file for an API with these rules. It is refused as a whole, with every problem that it has.
    pub fn from_json(text: &str, rules: RouteRules) -> Result<Self, RoutesError> {
        load::routes(text, rules)
    }

    /// How a tenant is spoken to.
    pub const fn tenant(&self) -> &TenantRules {
        &self.tenant
    }

    /// Whether any route leads into a digital channel.
    pub fn has_digital(&self) -> bool {
        self.list.iter().any(Route::has_digital)
    }

    /// What the routes say of each skill's room: the tightest of it, where targets come to one skill that didn't name
    /// it.
    pub fn skill_limits(&self, defaults: &DefaultSkills) -> BTreeMap<QueueId, SkillLimits> {
        let mut limits: BTreeMap<QueueId, SkillLimits> = BTreeMap::new();
        for address in self.list.iter().flat_map(Route::targets).map(Target::address) {
            let (Some(own), Some(skill)) = (address.limits(), defaults.queue_of(address)) else { continue };
            let tightest = limits.get(&*skill).map_or(own, |other| own.tightest(*other));
            limits.insert(skill.into_owned(), tightest);
        }
        limits
    }

    /// What the routes say of one queue's room.
    pub fn limits_of(&self, queue: &QueueId, defaults: &DefaultSkills) -> SkillLimits {
        self.skill_limits(defaults).get(queue).copied().unwrap_or_default()
    }

    /// The first route whose match fits the event.
    pub fn select(&self, event: &Event) -> Option<&Route> {
        let place = self.by_type.first(event.event_type(), |place| self.list[place].takes(event))?;
        self.list.get(place)
    }

    /// Every route, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.list.iter()
    }

    /// Every queue that a route names, once each.
    pub fn queue_ids(&self) -> &[QueueId] {
        &self.queues
    }

    /// Every point of contact that names no skill, once each: its default skill is asked for.
    pub fn points_without_skill(&self) -> &[String] {
        &self.without_skill
    }

    /// Every queue that the routes lead to: those that they name, and the default skills of points of contact.
    pub fn queues_with(&self, defaults: &DefaultSkills) -> Vec<QueueId> {
        let of_points = self.without_skill.iter().filter_map(|point| defaults.skill_of(point));
        let queues: BTreeSet<_> = self.queues.iter().chain(of_points).collect();
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

    fn takes(&self, event: &Event) -> bool {
        self.event_type.matches(event.event_type())
            && self.source.as_ref().is_none_or(|source| source.matches(event.identity().source()))
    }

    /// Whether every event that `other` takes is taken here too.
    fn covers(&self, other: &Self) -> bool {
        let any = Glob::new("*".to_owned());
        let sources = [self, other].map(|route| route.source.as_ref().unwrap_or(&any));
        self.event_type.covers(&other.event_type) && sources[0].covers(sources[1])
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_route_for_another_type_is_not_even_asked() {
        let mut by_type = ByType::default();
        ["a", "b", "*", "a"]
            .into_iter()
            .enumerate()
            .for_each(|(place, text)| by_type.add(&Glob::new(text.to_owned()), place));
        let asked = RefCell::new(Vec::new());
        assert_eq!(
            by_type.first("a", |place| {
                asked.borrow_mut().push(place);
                false
            }),
            None
        );
        assert_eq!(asked.into_inner(), [0, 3, 2]);
    }

    proptest! {
        #[test]
        fn the_first_route_that_fits_is_found_whatever_the_order_of_names_and_patterns(
            types in prop::collection::vec("[ab*]{1,3}", 0..12),
            asked in "[ab]{1,3}",
        ) {
            let globs: Vec<_> = types.into_iter().map(Glob::new).collect();
            let mut by_type = ByType::default();
            globs.iter().enumerate().for_each(|(place, glob)| by_type.add(glob, place));
            let found = by_type.first(&asked, |place| globs[place].matches(&asked));
            prop_assert_eq!(found, globs.iter().position(|glob| glob.matches(&asked)));
        }
    }
}
