//! From a routes file to routes: every rule is tried on every part, and whatever is wrong is told at once.
//!
//! Each function returns `None` only after it has noted why, so that a caller may go on with the rest.

mod targets;
mod tenant;
mod values;

use std::{collections::HashMap, fmt, time::Duration};

use serde_json::Value;

use self::tenant::Carried;
use super::{
    ByType, Degrade, Field, Glob, Priorities, Priority, Route, RouteRules, Routes, TenantRules,
    file::{DegradeSpec, MatchSpec, Member, PrioritySpec, RouteSpec, RoutesFile, RuleSpec, Unknown, ValueSpec},
    path::{Path, Root},
};
use crate::domain::json;

/// A routes file that can't be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the routes file has {} problem(s):{}", .problems.len(), list(.problems))]
pub struct RoutesError {
    /// At least one problem.
    pub problems: Vec<RoutesProblem>,
}

/// One thing that is wrong with a routes file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutesProblem {
    /// A JSON pointer into the file.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

/// Values of a routes file, some ten thousand routes: its operator wrote it, so it may be larger than an event.
const MAX_VALUES: usize = 1_000_000;
/// Characters of a route's name: it stands in every log line.
const MAX_NAME_LENGTH: usize = 64;

pub(super) fn routes(text: &str, rules: RouteRules) -> Result<Routes, RoutesError> {
    let mut findings = Findings { problems: Vec::new(), rules };
    let routes = findings.file(text);
    match routes {
        Some((routes, tenant)) if findings.problems.is_empty() => Ok(Routes { tenant, ..Routes::new(routes) }),
        _ => Err(RoutesError { problems: findings.problems }),
    }
}

impl fmt::Display for RoutesProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}; {}", self.pointer, self.message, self.hint)
    }
}

/// The problems found so far.
struct Findings {
    problems: Vec<RoutesProblem>,
    rules: RouteRules,
}

/// The readable routes so far, with their places in the file.
#[derive(Default)]
struct Earlier {
    routes: Vec<Route>,
    indexes: Vec<usize>,
    names: HashMap<String, usize>,
    by_type: ByType,
}

impl Earlier {
    fn add(&mut self, index: usize, route: Route) {
        self.names.entry(route.name.clone()).or_insert(index);
        self.by_type.add(&route.event_type, self.routes.len());
        self.indexes.push(index);
        self.routes.push(route);
    }
}

impl Findings {
    fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(RoutesProblem { pointer: pointer.into(), message: message.into(), hint: hint.into() });
    }

    fn refuse<T>(&mut self, pointer: &str, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.add(pointer, message, hint);
        None
    }

    /// A member that may be absent: `Err` where it stands there unreadable.
    fn optional<T>(&mut self, member: Member<T>, pointer: &str) -> Result<Option<T>, Noted> {
        match member {
            Member::Absent => Ok(None),
            Member::Read(value) => Ok(Some(value)),
            Member::Unreadable(error) => {
                self.add(pointer, error, "see routes.schema.json for what belongs here");
                Err(Noted)
            }
        }
    }

    /// An optional member, or its default. What is unreadable is noted, so the default that stands in for it is never
    /// used.
    fn or_default<T: Default>(&mut self, member: Member<T>, pointer: &str) -> T {
        self.optional(member, pointer).ok().flatten().unwrap_or_default()
    }

    fn required<T>(&mut self, member: Member<T>, pointer: &str) -> Option<T> {
        match self.optional(member, pointer) {
            Ok(None) => self.refuse(pointer, "is missing", "it is mandatory"),
            Ok(value) => value,
            Err(Noted) => None,
        }
    }

    fn unknown(&mut self, unknown: &Unknown, parent: &str) {
        for name in unknown.keys() {
            self.add(
                json::child(parent, name),
                "is not a member that is known here",
                "remove it or check its spelling",
            );
        }
    }

    fn text(&mut self, member: Member<String>, pointer: &str) -> Option<String> {
        let text = self.required(member, pointer)?;
        if text.trim().is_empty() {
            return self.refuse(pointer, "is empty", "give it at least one character");
        }
        Some(text)
    }

    fn file(&mut self, text: &str) -> Option<(Vec<Route>, TenantRules)> {
        let value = match json::read_up_to(MAX_VALUES, text) {
            Ok(document) => document.root().to_value(),
            Err(fault) => {
                return self.refuse(&fault.pointer, fault.message, "the file must be JSON without repeated members");
            }
        };
        self.nulls(&value, "");
        let file: RoutesFile = match serde_json::from_value(value) {
            Ok(file) => file,
            Err(error) => {
                return self.refuse("", error.to_string(), "the file must be one object with a list of routes");
            }
        };
        self.unknown(&file.unknown, "");
        let _ = self.optional(file.schema, "/$schema");
        let tenant = self.cxone(file.cxone);
        let members = self.required(file.routes, "/routes")?;
        if members.is_empty() {
            return self.refuse("/routes", "is empty", "an event without a route is dead-lettered: give at least one");
        }
        let mut earlier = Earlier::default();
        for (index, member) in members.into_iter().enumerate() {
            let at = format!("/routes/{index}");
            let Some(route) = self.required(member, &at).and_then(|spec| self.route(spec, &at)) else { continue };
            self.compare(&route, &earlier, &at);
            earlier.add(index, route);
        }
        self.skill_limits(&earlier);
        Some((earlier.routes, tenant))
    }

    /// A null would read as absent, but whoever wrote it may have meant something by it.
    fn nulls(&mut self, value: &Value, at: &str) {
        match value {
            Value::Null => self.add(at, "is null", "leave out what is not meant"),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.nulls(element, &json::child(at, index));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.nulls(member, &json::child(at, name));
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, route: &Route, earlier: &Earlier, at: &str) {
        if let Some(index) = earlier.names.get(&route.name) {
            self.add(
                format!("{at}/name"),
                format!("is also the name of /routes/{index}"),
                "give each route a name of its own",
            );
        }
        let covering = |place: usize| earlier.routes[place].covers(route);
        if let Some(place) = earlier.by_type.first(route.event_type.text(), covering) {
            let (name, index) = (&earlier.routes[place].name, earlier.indexes[place]);
            self.add(
                format!("{at}/match"),
                format!("is never reached: the route {name} at /routes/{index} takes every event of it"),
                "put the narrower route first, or remove it",
            );
        }
    }

    fn route(&mut self, spec: RouteSpec, at: &str) -> Option<Route> {
        let member = |name: &str| format!("{at}/{name}");
        self.unknown(&spec.unknown, at);
        let carried = Carried::by(&spec);
        let name = self.name(spec.name, &member("name"));
        let globs = self.required(spec.r#match, &member("match")).and_then(|spec| self.globs(spec, &member("match")));
        let channel = self.channel(spec.channel, &member("channel"));
        let targets = self.targets(spec.targets, &carried, &member("targets"));
        let priorities = self.required(spec.priority, &member("priority"));
        let priorities = priorities.and_then(|spec| self.priorities(spec, &member("priority")));
        if let (Some(targets), Some(priorities)) = (&targets, &priorities) {
            self.deltas(targets, priorities, &member("targets"));
        }
        let targets = targets.inspect(|targets| self.asked_of_route(targets, &carried, at));
        let from = self.required(spec.from, &member("from")).and_then(|spec| self.field(spec, true, &member("from")));
        let to = self.required(spec.to, &member("to")).and_then(|spec| self.field(spec, true, &member("to")));
        let callback_number = self.optional_field(spec.callback_number, &member("callbackNumber"));
        let wrap_up_code = self.wrap_up_code(spec.wrap_up_code, &member("wrapUpCode"));
        let max_age = self.optional(spec.max_age_seconds, &member("maxAgeSeconds")).ok().flatten();
        if max_age == Some(0) {
            self.add(member("maxAgeSeconds"), "is 0, which no event is young enough for", "leave it out for no limit");
        }
        let on_unknown_health = self.or_default(spec.on_unknown_health, &member("onUnknownHealth"));
        let longest = self.longest_texts(targets.as_deref().unwrap_or_default());
        let attributes = self.attributes(spec.attributes, longest.of_constants, &member("attributes"));
        let flatten = self.optional(spec.flatten, &member("flatten")).ok().flatten();
        let flatten = flatten.map(|spec| self.flatten(spec, &member("flatten")));

        let (event_type, source) = globs?;
        Some(Route {
            name: name?,
            event_type,
            source,
            channel,
            targets: targets?,
            priorities: priorities?,
            max_age: max_age.map(|seconds| Duration::from_secs(seconds.into())),
            on_unknown_health,
            longest_text: longest.of_any_target,
            from: from?,
            to: to?,
            callback_number,
            wrap_up_code,
            attributes,
            flatten: match flatten {
                Some(flatten) => Some(flatten?),
                None => None,
            },
        })
    }

    fn name(&mut self, member: Member<String>, at: &str) -> Option<String> {
        let name = self.text(member, at)?;
        if name.chars().count() > MAX_NAME_LENGTH {
            return self.refuse(
                at,
                format!("is longer than {MAX_NAME_LENGTH} characters"),
                "logs carry it: shorten it",
            );
        }
        Some(name)
    }

    /// Not every API's contacts have a channel of their own.
    fn channel(&mut self, member: Member<String>, at: &str) -> Option<String> {
        if self.rules.channels {
            return self.text(member, at);
        }
        if !member.is_absent() {
            self.add(at, "is nothing that a contact has here", "remove it: the target decides");
        }
        None
    }

    fn wrap_up_code(&mut self, member: Member<ValueSpec>, at: &str) -> Option<Field> {
        if !self.rules.channels && !member.is_absent() {
            return self.refuse(at, "is nothing that a contact has here", "make it an attribute");
        }
        self.optional_field(member, at)
    }

    fn globs(&mut self, spec: MatchSpec, at: &str) -> Option<(Glob, Option<Glob>)> {
        self.unknown(&spec.unknown, at);
        let event_type = self.text(spec.r#type, &format!("{at}/type"));
        let source = match spec.source {
            Member::Absent => None,
            source => Some(self.text(source, &format!("{at}/source"))),
        };
        let source = match source {
            Some(source) => Some(Glob::new(source?)),
            None => None,
        };
        Some((Glob::new(event_type?), source))
    }

    fn priorities(&mut self, spec: PrioritySpec, at: &str) -> Option<Priorities> {
        self.unknown(&spec.unknown, at);
        let default = self.required(spec.default, &format!("{at}/default"));
        let mut rules = Vec::new();
        for (index, member) in self.or_default(spec.rules, &format!("{at}/rules")).into_iter().enumerate() {
            let at = format!("{at}/rules/{index}");
            rules.push(self.required(member, &at).and_then(|spec| self.rule(spec, &at)));
        }
        let degrade = self.optional(spec.degrade, &format!("{at}/degrade")).ok().flatten();
        let degrade = match degrade {
            Some(spec) => Some(self.degrade(spec, &format!("{at}/degrade"))?),
            None => None,
        };
        Some(Priorities { default: default?, rules: rules.into_iter().collect::<Option<_>>()?, degrade })
    }

    fn rule(&mut self, spec: RuleSpec, at: &str) -> Option<(Path, Priority)> {
        self.unknown(&spec.unknown, at);
        let when = self.path(spec.when, Root::Data, &format!("{at}/when"));
        let value = self.required(spec.value, &format!("{at}/value"));
        when.zip(value)
    }

    fn degrade(&mut self, spec: DegradeSpec, at: &str) -> Option<Degrade> {
        self.unknown(&spec.unknown, at);
        let by = self.required(spec.by, &format!("{at}/by"));
        let floor = self.required(spec.floor, &format!("{at}/floor"));
        if by.is_some_and(|by| by > Priority::MAX) {
            return self.refuse(
                &format!("{at}/by"),
                "is more than 999",
                "one step takes part of a priority, at most all of it",
            );
        }
        by.zip(floor).map(|(by, floor)| Degrade { by, floor })
    }
}

/// A problem was noted: there is nothing to go on with.
struct Noted;

fn list(problems: &[RoutesProblem]) -> String {
    problems.iter().fold(String::new(), |list, problem| format!("{list}\n  {problem}"))
}
