//! Where a route's contacts may go, in the terms of the deployment's API.

use super::{At, Findings, tenant::Carried};
use crate::domain::routes::{
    Address, Callback, Field, Priorities, Priority, Profile, QueueId, Target,
    file::{Member, TargetSpec},
};

impl Findings {
    pub(super) fn targets(
        &mut self,
        member: Member<Vec<Member<TargetSpec>>>,
        carried: &Carried,
        at: &At<'_>,
    ) -> Option<Vec<Target>> {
        let members = self.required(member, at)?;
        if members.is_empty() {
            return self.refuse(at, "is empty", "give at least the primary target");
        }
        let count = members.len();
        let mut targets: Vec<Target> = Vec::with_capacity(count);
        for (index, member) in members.into_iter().enumerate() {
            let at = at.element(index);
            let Some(target) = self.required(member, &at).and_then(|spec| self.target(spec, carried, &at)) else {
                continue;
            };
            if let Some(same) = targets.iter().position(|earlier| earlier.address.is_same(&target.address)) {
                self.add(&at, format!("is the same address as target {same}"), "a fallback must lead elsewhere");
            }
            targets.push(target);
        }
        (targets.len() == count).then_some(targets)
    }

    fn target(&mut self, spec: TargetSpec, carried: &Carried, at: &At<'_>) -> Option<Target> {
        self.unknown(spec.unknown.keys(), at);
        let kinds: Vec<_> = spec.kinds().collect();
        let queue = self.optional(spec.queue_id, &at.member("queueId"));
        let skills = self.optional(spec.skill_ids, &at.member("skillIds"));
        let item = self.optional(spec.work_item, &at.member("workItem"));
        let callback = self.optional(spec.callback, &at.member("callback"));
        let digital = self.optional(spec.digital, &at.member("digital"));
        let priority_delta = self.or_default(spec.priority_delta, &at.member("priorityDelta"));
        let kind = self.one_kind(&kinds, at)?;
        let (address, text): (Address, Option<Field>) = match kind {
            "queueId" => (self.queue(queue.ok()??, at)?, None),
            "skillIds" => (self.skills(skills.ok()??, at)?, None),
            "workItem" => (self.work_item(item.ok()??, at)?, None),
            "callback" => (self.callback(callback.ok()??, carried, at)?, None),
            _ => self.digital(digital.ok()??, at)?,
        };
        Some(Target { address, priority_delta, text })
    }

    /// The one kind of target that is there, where the deployment's API has it.
    fn one_kind(&mut self, kinds: &[(&'static str, Profile)], at: &At<'_>) -> Option<&'static str> {
        match kinds {
            [(kind, profile)] => self.of_profile(*profile, kind, at).map(|_| *kind),
            [("queueId", _), ("skillIds", _)] => {
                self.refuse(at, "has both queueId and skillIds", "CXone takes one of them: make it two targets")
            }
            [] => {
                let (what, which) = match self.rules.profile {
                    Profile::Guide => ("has neither queueId nor skillIds", "give one of them"),
                    Profile::Cxone => ("has no workItem, callback or digital", "give it one of them"),
                };
                self.refuse(at, what, which)
            }
            _ => self.refuse(at, "has addresses of two kinds", "make it two targets"),
        }
    }

    /// Goes on where the deployment's API has this kind of target.
    fn of_profile(&mut self, profile: Profile, member: &str, at: &At<'_>) -> Option<&mut Self> {
        if self.rules.profile == profile {
            return Some(self);
        }
        let what = format!("is for {}", profile.api());
        let hint = format!("this deployment speaks to {}", self.rules.profile.api());
        self.refuse(&at.member(member), what, hint)
    }

    fn queue(&mut self, queue: String, at: &At<'_>) -> Option<Address> {
        let Some(queue) = QueueId::new(queue) else {
            let rule = "is not 1 to 64 letters, digits, - and _";
            return self.refuse(&at.member("queueId"), rule, "take the id from CXone");
        };
        Some(Address::Queue(queue))
    }

    fn skills(&mut self, skills: Vec<String>, at: &At<'_>) -> Option<Address> {
        if skills.is_empty() || skills.iter().any(|skill| skill.trim().is_empty()) {
            let at = at.member("skillIds");
            return self.refuse(&at, "has no skill, or an empty one", "name each skill by its id");
        }
        Some(Address::Skills(skills))
    }

    pub(super) fn deltas(&mut self, targets: &[Target], priorities: &Priorities, at: &At<'_>) {
        for (index, target) in targets.iter().enumerate() {
            let beyond = |base: &Priority| {
                let moved = i32::from(base.get()) + i32::from(target.priority_delta);
                !(0..=i32::from(Priority::MAX)).contains(&moved)
            };
            if let Some(base) = priorities.all().find(beyond) {
                self.add(
                    &at.element(index).member("priorityDelta"),
                    format!("takes the priority {} out of 0 to 999", base.get()),
                    "choose a delta that fits every priority of the route",
                );
            }
            if let Address::Callback(callback) = &target.address {
                self.highest(callback, target.priority_delta, priorities, &at.element(index));
            }
        }
    }

    /// A callback that begins above its highest priority would begin there.
    fn highest(&mut self, callback: &Callback, delta: i16, priorities: &Priorities, at: &At<'_>) {
        let Some(highest) = callback.max_priority else { return };
        let above = |base: &Priority| i32::from(base.get()) + i32::from(delta) > i32::from(highest);
        if let Some(base) = priorities.all().find(above) {
            let what = format!("is below where the priority {} begins", base.get());
            self.add(&at.member("callback").member("maxPriority"), what, "waiting can only raise a priority");
        }
    }
}

impl Address {
    /// Whether contacts would end up at the same place: the order of skills doesn't matter.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Queue(queue), Self::Queue(other)) => queue == other,
            (Self::Skills(skills), Self::Skills(others)) => {
                skills.iter().all(|skill| others.contains(skill)) && others.iter().all(|skill| skills.contains(skill))
            }
            (Self::WorkItem(item), Self::WorkItem(other)) => item.point_of_contact == other.point_of_contact,
            (Self::Callback(callback), Self::Callback(other)) => callback.skill == other.skill,
            (Self::Digital(digital), Self::Digital(other)) => digital.channel == other.channel,
            _ => false,
        }
    }
}
