//! Where a route's contacts may go, in the terms of the deployment's API.

use std::collections::BTreeMap;

use super::{Earlier, Findings};
use crate::domain::routes::{
    Address, Priorities, Priority, Profile, QueueId, SkillLimits, Target, WorkItem,
    file::{Member, TargetSpec, WorkItemSpec},
};

impl Findings {
    pub(super) fn targets(&mut self, member: Member<Vec<Member<TargetSpec>>>, at: &str) -> Option<Vec<Target>> {
        let members = self.required(member, at)?;
        if members.is_empty() {
            return self.refuse(at, "is empty", "give at least the primary target");
        }
        let count = members.len();
        let mut targets: Vec<Target> = Vec::with_capacity(count);
        for (index, member) in members.into_iter().enumerate() {
            let at = format!("{at}/{index}");
            let Some(target) = self.required(member, &at).and_then(|spec| self.target(spec, &at)) else { continue };
            if let Some(same) = targets.iter().position(|earlier| earlier.address.is_same(&target.address)) {
                self.add(&at, format!("is the same address as target {same}"), "a fallback must lead elsewhere");
            }
            targets.push(target);
        }
        (targets.len() == count).then_some(targets)
    }

    fn target(&mut self, spec: TargetSpec, at: &str) -> Option<Target> {
        self.unknown(&spec.unknown, at);
        let queue = self.optional(spec.queue_id, &format!("{at}/queueId"));
        let skills = self.optional(spec.skill_ids, &format!("{at}/skillIds"));
        let work_item = self.optional(spec.work_item, &format!("{at}/workItem"));
        let priority_delta = self.or_default(spec.priority_delta, &format!("{at}/priorityDelta"));
        let address = match (queue.ok()?, skills.ok()?, work_item.ok()?) {
            (Some(queue), None, None) => self.of_profile(Profile::Guide, "queueId", at)?.queue(queue, at)?,
            (None, Some(skills), None) => self.of_profile(Profile::Guide, "skillIds", at)?.skills(skills, at)?,
            (None, None, Some(item)) => self.of_profile(Profile::Cxone, "workItem", at)?.work_item(item, at)?,
            (Some(_), Some(_), None) => {
                return self.refuse(
                    at,
                    "has both queueId and skillIds",
                    "CXone takes one of them: make it two targets",
                );
            }
            (None, None, None) => {
                let (what, which) = match self.rules.profile {
                    Profile::Guide => ("has neither queueId nor skillIds", "give one of them"),
                    Profile::Cxone => ("has no workItem", "give it one"),
                };
                return self.refuse(at, what, which);
            }
            _ => return self.refuse(at, "has addresses of two kinds", "make it two targets"),
        };
        Some(Target { address, priority_delta })
    }

    /// Goes on where the deployment's API has this kind of target.
    fn of_profile(&mut self, profile: Profile, member: &str, at: &str) -> Option<&mut Self> {
        if self.rules.profile == profile {
            return Some(self);
        }
        let what = format!("is for {}", profile.api());
        let hint = format!("this deployment speaks to {}", self.rules.profile.api());
        self.refuse(&format!("{at}/{member}"), what, hint)
    }

    fn queue(&mut self, queue: String, at: &str) -> Option<Address> {
        let Some(queue) = QueueId::new(queue) else {
            let rule = "is not 1 to 64 letters, digits, - and _";
            return self.refuse(&format!("{at}/queueId"), rule, "take the id from CXone");
        };
        Some(Address::Queue(queue))
    }

    fn skills(&mut self, skills: Vec<String>, at: &str) -> Option<Address> {
        if skills.is_empty() || skills.iter().any(|skill| skill.trim().is_empty()) {
            let at = format!("{at}/skillIds");
            return self.refuse(&at, "has no skill, or an empty one", "name each skill by its id");
        }
        Some(Address::Skills(skills))
    }

    fn work_item(&mut self, spec: WorkItemSpec, at: &str) -> Option<Address> {
        let at = format!("{at}/workItem");
        let member = |name: &str| format!("{at}/{name}");
        self.unknown(&spec.unknown, &at);
        let point_of_contact = self.point_of_contact(spec.point_of_contact, &member("pointOfContact"));
        let item_type = match spec.r#type {
            Member::Absent => None,
            stated => Some(self.text(stated, &member("type"))?),
        };
        let skill = self.optional(spec.skill_id, &member("skillId"));
        let max_queue_count = self.optional(spec.max_queue_count, &member("maxQueueCount"));
        let limits = SkillLimits {
            max_queue_count: max_queue_count.ok().flatten(),
            min_agents_logged_in: self.or_default(spec.min_agents_logged_in, &member("minAgentsLoggedIn")),
        };
        let on_doubt = self.or_default(spec.on_doubt, &member("onDoubt"));
        if limits.max_queue_count == Some(0) {
            self.add(member("maxQueueCount"), "is 0, so that it always counts as full", "leave it out for no limit");
        }
        let skill = skill.ok()?.map(|id| id.to_string());
        Some(Address::WorkItem(WorkItem {
            point_of_contact: point_of_contact?,
            item_type,
            skill: skill.and_then(QueueId::new),
            limits,
            on_doubt,
        }))
    }

    fn point_of_contact(&mut self, member: Member<String>, at: &str) -> Option<String> {
        let text = self.text(member, at)?;
        if uuid::Uuid::try_parse(text.trim()).is_ok() {
            return self.refuse(at, "is a GUID, which CXone refuses", "write it as `123456 - Name`, or its name alone");
        }
        Some(text)
    }

    /// A skill has one queue, so it can't be full by one route and have room by another.
    pub(super) fn skill_limits(&mut self, earlier: &Earlier) {
        let mut known: BTreeMap<&QueueId, (SkillLimits, String)> = BTreeMap::new();
        for (route, index) in earlier.routes.iter().zip(&earlier.indexes) {
            for (place, target) in route.targets.iter().enumerate() {
                let Address::WorkItem(WorkItem { skill: Some(skill), limits, .. }) = &target.address else { continue };
                let at = format!("/routes/{index}/targets/{place}/workItem");
                match known.get(skill) {
                    Some((others, first)) if others != limits => self.add(
                        at,
                        format!("has other limits for skill {skill} than {first}"),
                        "give maxQueueCount and minAgentsLoggedIn alike wherever the skill is named",
                    ),
                    Some(_) => {}
                    None => {
                        known.insert(skill, (*limits, at));
                    }
                }
            }
        }
    }

    pub(super) fn deltas(&mut self, targets: &[Target], priorities: &Priorities, at: &str) {
        for (index, target) in targets.iter().enumerate() {
            let beyond = |base: &Priority| {
                let moved = i32::from(base.get()) + i32::from(target.priority_delta);
                !(0..=i32::from(Priority::MAX)).contains(&moved)
            };
            if let Some(base) = priorities.all().find(beyond) {
                self.add(
                    format!("{at}/{index}/priorityDelta"),
                    format!("takes the priority {} out of 0 to 999", base.get()),
                    "choose a delta that fits every priority of the route",
                );
            }
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
            _ => false,
        }
    }
}
