//! Where all routes of a file lead, gathered once: every batch asks for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{DefaultSkills, QueueId, Route, SkillLimits};

#[derive(Clone, Debug, Default)]
pub(super) struct Destinations {
    queues: BTreeSet<QueueId>,
    /// Points of contact that name no skill, with what the routes say of its room.
    without_skill: BTreeMap<String, SkillLimits>,
    /// What the routes say of each named skill's room.
    limits: BTreeMap<QueueId, SkillLimits>,
    pub(super) digital: bool,
}

impl Destinations {
    pub(super) fn add(&mut self, route: &Route) {
        for address in route.targets.iter().map(|target| &target.address) {
            self.digital |= address.is_digital();
            let limits = address.limits();
            if let Some(queue) = address.queue() {
                if !self.queues.contains(queue) {
                    self.queues.insert(queue.clone());
                }
                if let Some(limits) = limits {
                    tighten(&mut self.limits, queue.clone(), limits);
                }
            }
            if let (Some(point), Some(limits)) = (address.without_skill(), limits) {
                tighten(&mut self.without_skill, point.to_owned(), limits);
            }
        }
    }

    /// Every queue that a route names, once each.
    pub(super) fn queues(&self) -> Vec<QueueId> {
        self.queues.iter().cloned().collect()
    }

    /// Every point of contact that names no skill, once each.
    pub(super) fn without_skill(&self) -> Vec<String> {
        self.without_skill.keys().cloned().collect()
    }

    /// The tightest of what is said of each skill's room: several targets may come to one skill that didn't name it.
    pub(super) fn skill_limits(&self, defaults: &DefaultSkills) -> BTreeMap<QueueId, SkillLimits> {
        let mut limits = self.limits.clone();
        for (point, own) in &self.without_skill {
            if let Some(skill) = defaults.skill_of(point) {
                tighten(&mut limits, skill.clone(), *own);
            }
        }
        limits
    }
}

fn tighten<K: Ord>(limits: &mut BTreeMap<K, SkillLimits>, key: K, own: SkillLimits) {
    limits.entry(key).and_modify(|other| *other = own.tightest(*other)).or_insert(own);
}
