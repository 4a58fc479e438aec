//! The readable routes of a file so far: what the next one may not share with them.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use super::{At, Findings};
use crate::domain::routes::{
    ByType, Destinations, Match, Queries, QueueId, Route, RouteRules, Routes, SkillLimits, TenantRules, Written,
    footprint::MOST_MEMORY,
};

#[derive(Default)]
pub(super) struct Found {
    pub(super) tenant: TenantRules,
    written: Vec<Written>,
    /// The name of each, and its place in the file.
    names: Vec<(String, usize)>,
    places: HashMap<String, usize>,
    by_type: ByType,
    destinations: Destinations,
    /// What is said of each skill's room, and where that was said first.
    limits: BTreeMap<QueueId, (SkillLimits, String)>,
    /// Bytes that they take when each of them is in use.
    compiled: usize,
}

impl Found {
    pub(super) fn add(&mut self, index: usize, matched: Match, route: &Route, part: Range<usize>) {
        self.places.entry(route.name.clone()).or_insert(index);
        self.names.push((route.name.clone(), index));
        self.by_type.add(&matched.event_type, self.written.len());
        self.destinations.add(route);
        self.compiled += route.footprint(part.len());
        self.written.push(Written::new(matched, part));
    }

    /// These routes, as they are used.
    pub(super) fn routes(self, file: String, rules: RouteRules, queries: Arc<Queries>) -> Routes {
        let Self { tenant, written, by_type, destinations, .. } = self;
        let (routed, without_skill) = (destinations.queues(), destinations.without_skill());
        Routes { file, rules, queries, written, by_type, destinations, routed, without_skill, tenant }
    }
}

impl Findings {
    /// What a route may not share with an earlier one, or be hidden by.
    pub(super) fn compare(&mut self, name: &str, matched: &Match, found: &Found, at: &At<'_>) {
        if let Some(index) = found.places.get(name) {
            let what = format!("is also the name of /routes/{index}");
            self.add(&at.member("name"), what, "give each route a name of its own");
        }
        let covering = |place: usize| found.written[place].matched.covers(matched);
        if let Some(place) = found.by_type.first(matched.event_type.text(), covering) {
            let (name, index) = &found.names[place];
            let what = format!("is never reached: the route {name} at /routes/{index} takes every event of it");
            self.add(&at.member("match"), what, "put the narrower route first, or remove it");
        }
    }

    /// A skill has one queue, so it can't be full by one route and have room by another.
    pub(super) fn skill_limits(&mut self, route: &Route, found: &mut Found, at: &At<'_>) {
        let targets = at.member("targets");
        for (place, target) in route.targets.iter().enumerate() {
            let address = &target.address;
            let (Some(limits), Some(skill)) = (address.limits(), address.queue()) else { continue };
            let of_target = targets.element(place);
            let at = of_target.member(address.kind());
            match found.limits.get(skill) {
                Some((others, first)) if *others != limits => self.add(
                    &at,
                    format!("has other limits for skill {skill} than {first}"),
                    "give maxQueueCount and minAgentsLoggedIn alike wherever the skill is named",
                ),
                Some(_) => {}
                None => {
                    found.limits.insert(skill.clone(), (limits, at.pointer()));
                }
            }
        }
    }

    /// Whether a file with these routes leaves a function the memory that it needs.
    pub(super) fn fit(&self, text: &str, found: &Found) -> bool {
        text.len() + found.compiled + self.queries.footprint() <= MOST_MEMORY
    }

    /// A function that runs out of memory is ended without a word, so it is told before, and no further route is read.
    pub(super) fn too_much_memory<T>(&mut self, at: &At<'_>) -> Option<T> {
        let most = MOST_MEMORY >> 20;
        let what = format!("takes the routes beyond {most} MiB of memory, when every one of them is in use");
        self.refuse(
            at,
            what,
            "give routes that differ in little one route with a wider match, or deploy a second stack",
        )
    }
}
