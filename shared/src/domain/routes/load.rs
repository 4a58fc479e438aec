//! From a routes file to routes: every rule is tried on every part, and whatever is wrong is told at once.
//!
//! Each function returns `None` only after it has noted why, so that a caller may go on with the rest.

mod at;
mod found;
mod targets;
mod tenant;
mod values;

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use serde_json::value::RawValue;

use self::{at::At, found::Found, tenant::Carried};
use super::{
    Degrade, Field, Glob, Match, Priorities, Priority, Route, RouteRules, Routes,
    file::{DegradeSpec, MatchSpec, Member, PrioritySpec, RouteSpec, RoutesFile, RuleSpec, ValueSpec},
    path::{Path, Queries, Root},
};
use crate::domain::json::{self, Document, Node};

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

/// Bytes of a file that is read a second time to name the member where it is no JSON.
const SMALL: usize = 4 << 20;
/// Problems that are told one by one: whoever has more looks for what they have in common.
const MOST_PROBLEMS: usize = 1_000;
/// Characters of a route's name: it stands in every log line.
const MAX_NAME_LENGTH: usize = 64;

pub(super) fn routes(text: String, rules: RouteRules) -> Result<Routes, RoutesError> {
    let mut findings = Findings::none(rules, Arc::default());
    match findings.file(&text) {
        Some(found) if findings.problems.is_empty() => Ok(found.routes(text, rules, findings.queries)),
        _ => Err(findings.error()),
    }
}

/// The route that is this part of a file. One that was judged there is what it was then.
pub(super) fn route(text: &str, part: Range<usize>, rules: RouteRules, queries: &Arc<Queries>) -> Option<Route> {
    let mut findings = Findings::none(rules, Arc::clone(queries));
    let (_, route) = findings.route(text, part, &At::File)?;
    findings.problems.is_empty().then_some(route)
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
    /// Problems beyond those.
    untold: usize,
    queries: Arc<Queries>,
}

impl Findings {
    fn none(rules: RouteRules, queries: Arc<Queries>) -> Self {
        Self { problems: Vec::new(), rules, untold: 0, queries }
    }

    /// What is wrong with the file.
    fn error(mut self) -> RoutesError {
        if self.untold > 0 {
            let message = format!("has {} more problems, which are not told", self.untold);
            let hint = "mend these first".to_owned();
            self.problems.push(RoutesProblem { pointer: String::new(), message, hint });
        }
        RoutesError { problems: self.problems }
    }

    fn add(&mut self, at: &At<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.tell(|| RoutesProblem { pointer: at.pointer(), message: message.into(), hint: hint.into() });
    }

    fn tell(&mut self, problem: impl FnOnce() -> RoutesProblem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem());
        } else {
            self.untold += 1;
        }
    }

    fn refuse<T>(&mut self, at: &At<'_>, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.add(at, message, hint);
        None
    }

    /// A member that may be absent: `Err` where it stands there unreadable.
    fn optional<T>(&mut self, member: Member<T>, at: &At<'_>) -> Result<Option<T>, Noted> {
        match member {
            Member::Absent => Ok(None),
            Member::Read(value) => Ok(Some(value)),
            Member::Unreadable(error) => {
                self.add(at, error, "see routes.schema.json for what belongs here");
                Err(Noted)
            }
        }
    }

    /// An optional member, or its default. What is unreadable is noted, so the default that stands in for it is never
    /// used.
    fn or_default<T: Default>(&mut self, member: Member<T>, at: &At<'_>) -> T {
        self.optional(member, at).ok().flatten().unwrap_or_default()
    }

    fn required<T>(&mut self, member: Member<T>, at: &At<'_>) -> Option<T> {
        match self.optional(member, at) {
            Ok(None) => self.refuse(at, "is missing", "it is mandatory"),
            Ok(value) => value,
            Err(Noted) => None,
        }
    }

    fn unknown<'n>(&mut self, unknown: impl IntoIterator<Item = &'n String>, parent: &At<'_>) {
        for name in unknown {
            self.add(&parent.member(name), "is not a member that is known here", "remove it or check its spelling");
        }
    }

    fn text(&mut self, member: Member<String>, at: &At<'_>) -> Option<String> {
        let text = self.required(member, at)?;
        if text.trim().is_empty() {
            return self.refuse(at, "is empty", "give it at least one character");
        }
        Some(text)
    }

    fn file(&mut self, text: &str) -> Option<Found> {
        if text.len() > Routes::MAX_BYTES {
            return self.refuse(
                &At::File,
                format!("is larger than {} MiB", Routes::MAX_BYTES >> 20),
                "deploy a second stack",
            );
        }
        let file: RoutesFile<'_> = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => return self.no_file(text, &error),
        };
        self.unknown(&file.unknown, &At::File);
        if let Some(schema) = file.schema.0 {
            let at = At::File.member("$schema");
            let document = self.document(text, part_of(text, schema), &at);
            let _ = document.map(|document| self.optional(Member::<String>::of(&document), &at));
        }
        let mut found = Found::default();
        if let Some(cxone) = file.cxone.0 {
            let at = At::File.member("cxone");
            let document = self.document(text, part_of(text, cxone), &at);
            found.tenant = document.map(|document| self.cxone(Member::of(&document), &at)).unwrap_or_default();
        }
        let at = At::File.member("routes");
        let Some(routes) = file.routes.0 else { return self.refuse(&at, "is missing", "it is mandatory") };
        if routes.is_empty() {
            return self.refuse(&at, "is empty", "an event without a route is dead-lettered: give at least one");
        }
        for (index, route) in routes.into_iter().enumerate() {
            let (at, part) = (at.element(index), part_of(text, route));
            let told = self.problems.len();
            if let Some((matched, route)) = self.route(text, part.clone(), &at) {
                self.compare(&route.name, &matched, &found, &at);
                self.skill_limits(&route, &mut found, &at);
                found.add(index, matched, &route, part);
            }
            // What a refused route has compiled is there too.
            if !self.fit(text, &found) {
                // Its paths that found no memory are no problem of their own.
                self.problems.truncate(told);
                return self.too_much_memory(&at);
            }
        }
        Some(found)
    }

    /// Says why a text is no file of routes: by the strict reader's rule, if it breaks one.
    fn no_file<T>(&mut self, text: &str, error: &serde_json::Error) -> Option<T> {
        let read = (text.len() <= SMALL).then(|| json::read_up_to(usize::MAX, text));
        match read {
            Some(Err(fault)) => self.fault(|| fault, &At::File),
            Some(Ok(document)) if document.root().get("routes").is_some() => {
                self.add(&At::File.member("routes"), "is no list", "see routes.schema.json for what belongs here");
            }
            _ => self.add(&At::File, error.to_string(), "the file must be one object with a list of routes"),
        }
        None
    }

    fn fault(&mut self, fault: impl FnOnce() -> json::Fault, at: &At<'_>) {
        self.tell(|| {
            let json::Fault { pointer, message } = fault();
            let hint = "the file must be JSON without repeated members".to_owned();
            RoutesProblem { pointer: at.pointer() + &pointer, message, hint }
        });
    }

    /// A part of the file that is judged on its own.
    fn document(&mut self, text: &str, part: Range<usize>, at: &At<'_>) -> Option<Document> {
        match json::read(&text[part.clone()]) {
            Ok(document) => {
                if document.holds_null() {
                    self.nulls(document.root(), at);
                }
                Some(document)
            }
            Err(fault) => {
                self.fault(|| fault.behind(&text[..part.start]), at);
                None
            }
        }
    }

    /// A null would read as absent, but whoever wrote it may have meant something by it.
    fn nulls(&mut self, value: Node<'_>, at: &At<'_>) {
        if value.is_null() {
            self.add(at, "is null", "leave out what is not meant");
        }
        for (index, element) in value.elements().enumerate() {
            self.nulls(element, &at.element(index));
        }
        for (name, member) in value.members() {
            self.nulls(member, &at.member(name));
        }
    }

    /// What the route takes, and what it does with it.
    fn route(&mut self, text: &str, part: Range<usize>, at: &At<'_>) -> Option<(Match, Route)> {
        let document = self.document(text, part, at)?;
        let spec: RouteSpec = self.required(Member::of(&document), at)?;
        self.unknown(spec.unknown.keys(), at);
        let carried = Carried::by(&spec);
        let name = self.name(spec.name, &at.member("name"));
        let matched =
            self.required(spec.r#match, &at.member("match")).and_then(|spec| self.matched(spec, &at.member("match")));
        let channel = self.channel(spec.channel, &at.member("channel"));
        let targets = self.targets(spec.targets, &carried, &at.member("targets"));
        let priorities = self.required(spec.priority, &at.member("priority"));
        let priorities = priorities.and_then(|spec| self.priorities(spec, &at.member("priority")));
        if let (Some(targets), Some(priorities)) = (&targets, &priorities) {
            self.deltas(targets, priorities, &at.member("targets"));
        }
        let targets = targets.inspect(|targets| self.asked_of_route(targets, &carried, at));
        let from =
            self.required(spec.from, &at.member("from")).and_then(|spec| self.field(spec, true, &at.member("from")));
        let to = self.required(spec.to, &at.member("to")).and_then(|spec| self.field(spec, true, &at.member("to")));
        let callback_number = self.optional_field(spec.callback_number, &at.member("callbackNumber"));
        let wrap_up_code = self.wrap_up_code(spec.wrap_up_code, &at.member("wrapUpCode"));
        let max_age = self.optional(spec.max_age_seconds, &at.member("maxAgeSeconds")).ok().flatten();
        if max_age == Some(0) {
            self.add(
                &at.member("maxAgeSeconds"),
                "is 0, which no event is young enough for",
                "leave it out for no limit",
            );
        }
        let on_unknown_health = self.or_default(spec.on_unknown_health, &at.member("onUnknownHealth"));
        let longest = self.longest_texts(targets.as_deref().unwrap_or_default());
        let attributes = self.attributes(spec.attributes, longest.of_constants, &at.member("attributes"));
        let flatten = self.optional(spec.flatten, &at.member("flatten")).ok().flatten();
        let flatten = flatten.map(|spec| self.flatten(spec, &at.member("flatten")));

        let matched = matched?;
        let route = Route {
            name: name?,
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
        };
        Some((matched, route))
    }

    fn name(&mut self, member: Member<String>, at: &At<'_>) -> Option<String> {
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
    fn channel(&mut self, member: Member<String>, at: &At<'_>) -> Option<String> {
        if self.rules.channels {
            return self.text(member, at);
        }
        if !member.is_absent() {
            self.add(at, "is nothing that a contact has here", "remove it: the target decides");
        }
        None
    }

    fn wrap_up_code(&mut self, member: Member<ValueSpec>, at: &At<'_>) -> Option<Field> {
        if !self.rules.channels && !member.is_absent() {
            return self.refuse(at, "is nothing that a contact has here", "make it an attribute");
        }
        self.optional_field(member, at)
    }

    fn matched(&mut self, spec: MatchSpec, at: &At<'_>) -> Option<Match> {
        self.unknown(spec.unknown.keys(), at);
        let event_type = self.text(spec.r#type, &at.member("type"));
        let source = match spec.source {
            Member::Absent => None,
            source => Some(self.text(source, &at.member("source"))),
        };
        let source = match source {
            Some(source) => Some(Glob::new(source?)),
            None => None,
        };
        Some(Match { event_type: Glob::new(event_type?), source })
    }

    fn priorities(&mut self, spec: PrioritySpec, at: &At<'_>) -> Option<Priorities> {
        self.unknown(spec.unknown.keys(), at);
        let default = self.required(spec.default, &at.member("default"));
        let mut rules = Vec::new();
        let rules_at = at.member("rules");
        for (index, member) in self.or_default(spec.rules, &rules_at).into_iter().enumerate() {
            let at = rules_at.element(index);
            rules.push(self.required(member, &at).and_then(|spec| self.rule(spec, &at)));
        }
        let degrade = self.optional(spec.degrade, &at.member("degrade")).ok().flatten();
        let degrade = match degrade {
            Some(spec) => Some(self.degrade(spec, &at.member("degrade"))?),
            None => None,
        };
        Some(Priorities { default: default?, rules: rules.into_iter().collect::<Option<_>>()?, degrade })
    }

    fn rule(&mut self, spec: RuleSpec, at: &At<'_>) -> Option<(Path, Priority)> {
        self.unknown(spec.unknown.keys(), at);
        let when = self.path(spec.when, Root::Data, &at.member("when"));
        let value = self.required(spec.value, &at.member("value"));
        when.zip(value)
    }

    fn degrade(&mut self, spec: DegradeSpec, at: &At<'_>) -> Option<Degrade> {
        self.unknown(spec.unknown.keys(), at);
        let by = self.required(spec.by, &at.member("by"));
        let floor = self.required(spec.floor, &at.member("floor"));
        if by.is_some_and(|by| by > Priority::MAX) {
            return self.refuse(
                &at.member("by"),
                "is more than 999",
                "one step takes part of a priority, at most all of it",
            );
        }
        by.zip(floor).map(|(by, floor)| Degrade { by, floor })
    }
}

/// Where in the file a part of it stands.
fn part_of(text: &str, part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + part.get().len()
}

/// A problem was noted: there is nothing to go on with.
struct Noted;

fn list(problems: &[RoutesProblem]) -> String {
    problems.iter().fold(String::new(), |list, problem| format!("{list}\n  {problem}"))
}
