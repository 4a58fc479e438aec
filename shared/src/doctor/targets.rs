//! A work item's target: its point of contact by its spelling, and its skill.

use std::collections::BTreeMap;

use super::{
    report::{Check, Findings},
    told,
};
use crate::{
    dialects::survey::{DefaultSkill, PointOfContact, Skill, Spelling, default_skill, named},
    domain::routes::{Address, OnUnknownHealth, QueueId, Route, SkillLimits, WorkItem},
};

/// The media type of work items.
const WORK_ITEMS: u64 = 6;

/// What is known of a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SkillReading {
    There(Skill),
    Missing,
    Unknown,
}

/// What is known of a tenant.
#[derive(Debug)]
pub(super) struct Tenant<'t> {
    /// Its points of contact; nothing where they can't be read.
    pub(super) points: Option<&'t [PointOfContact]>,
    pub(super) skills: BTreeMap<QueueId, SkillReading>,
}

pub(super) fn check(route: &Route, address: &Address, tenant: &Tenant<'_>) -> Check {
    let Address::WorkItem(item) = address else { return Check::skipped("target", "it is no target of a tenant") };
    let mut findings = Findings::new("target");
    let points = tenant.points.unwrap_or_default();
    match (tenant.points, named(&item.point_of_contact, points)) {
        (None, _) => findings.warn("its point of contact is not looked at: the list can't be read"),
        (Some(_), None) => {
            let words = "no point of contact of the tenant is spelled so, and CXone refuses what it doesn't know";
            findings.fail(&format!("{words}: write it as CXone shows it, `number - name`"));
        }
        (Some(_), Some((point, spelling))) => {
            spelled(spelling, &mut findings);
            point_of_contact(point, &mut findings);
        }
    }
    let holds = route.on_unknown_health() == OnUnknownHealth::Hold;
    skill(item, (default_skill(&item.point_of_contact, points), holds), tenant, &mut findings);
    findings.into_check()
}

fn spelled(spelling: Spelling, findings: &mut Findings) {
    match spelling {
        Spelling::Whole => findings.ok("the point of contact is there, by number and name"),
        Spelling::Name => findings.ok("the point of contact is there, by its name, which no other has"),
        Spelling::Several => {
            findings.warn("several points of contact are called so: write `number - name`, just as CXone shows it");
        }
        Spelling::Number => {
            findings.warn("only the number is a point of contact's: write `number - name`, which NICE documents");
        }
        Spelling::Similar => {
            findings.warn("it is there but for case or white space: write it just as CXone shows it");
        }
    }
}

fn point_of_contact(point: &PointOfContact, findings: &mut Findings) {
    if point.active == Some(false) {
        findings.fail("the point of contact is not active: switch it on");
    }
    if point.media_type.is_some_and(|media| media != WORK_ITEMS) {
        findings.fail("the point of contact is of another media type than work items (6): CXone refuses them there");
    }
    match &point.script {
        Some(script) => findings.ok(&format!("script {}", told::text(script))),
        None => findings.warn("it has no script, and nothing queues a contact without one"),
    }
}

/// The skill whose activity is the target's health, beside the one that its point of contact is for.
fn skill(item: &WorkItem, (default, holds): (&DefaultSkill, bool), tenant: &Tenant<'_>, findings: &mut Findings) {
    let number = |id: &QueueId| told::number(id.as_str());
    let named = match (&item.skill, default) {
        (None, DefaultSkill::Unknown) => return unknown(holds, findings),
        (None, DefaultSkill::None) => return without(item, findings),
        (None, DefaultSkill::Skill(default)) => default,
        (Some(skill), DefaultSkill::Skill(default)) if skill != default => {
            let words = "while its point of contact is for skill";
            let which = "name the one that the script queues at";
            findings.warn(&format!(
                "its health is read of skill {}, {words} {}: {which}",
                number(skill),
                number(default)
            ));
            skill
        }
        (Some(skill), _) => skill,
    };
    let whose = if item.skill.is_some() { "" } else { "its point of contact's " };
    let which = format!("{whose}skill {}", number(named));
    match tenant.skills.get(named) {
        Some(SkillReading::Missing) => {
            findings.fail(&format!("{which} isn't there, and the target is passed over: name one of this tenant"));
        }
        Some(SkillReading::Unknown) | None => findings.warn(&format!("{which} could not be looked at")),
        Some(SkillReading::There(skill)) => {
            if skill.active == Some(false) {
                findings.warn(&format!("{which} is not active, and counts as full as long as it isn't"));
            }
            if skill.media_type.is_some_and(|media| media != WORK_ITEMS) {
                findings.warn(&format!("{which} is of another media type than work items (6)"));
            }
            if skill.active != Some(false) && skill.media_type.is_none_or(|media| media == WORK_ITEMS) {
                findings.ok(&format!("{which} is there"));
            }
        }
    }
}

/// A target that names no skill, and nobody knows which one its point of contact is for.
fn unknown(holds: bool, findings: &mut Findings) {
    let words = "no skillId is named, and which skill its point of contact is for isn't known";
    if holds {
        let held = "so that its route holds every event as long as the sync has not read it (onUnknownHealth)";
        findings.fail(&format!("{words}, {held}: name the skill"));
    } else {
        findings.warn(&format!("{words}, so that it never counts as full: name the skill"));
    }
}

/// A target that names no skill, and whose point of contact is for none.
fn without(item: &WorkItem, findings: &mut Findings) {
    if item.limits == SkillLimits::default() {
        findings.ok("no skillId is named, and its point of contact is for no skill, so that it never counts as full");
    } else {
        findings.warn("its limits are about no skill: its point of contact is for none, and no skillId is named");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialects::nice,
        doctor::Grade,
        domain::routes::{OnDoubt, Routes, SkillLimits},
    };

    fn id(text: &str) -> QueueId {
        QueueId::new(text.to_owned()).unwrap()
    }

    fn point(code: &str, name: &str) -> PointOfContact {
        PointOfContact {
            code: code.to_owned(),
            name: name.to_owned(),
            active: Some(true),
            media_type: Some(6),
            default_skill: DefaultSkill::Skill(id("4012")),
            script: Some("Scripts\\Orders".to_owned()),
        }
    }

    fn address(text: &str, skill: Option<&str>) -> Address {
        Address::WorkItem(WorkItem {
            point_of_contact: text.to_owned(),
            item_type: None,
            skill: skill.map(id),
            limits: SkillLimits::default(),
            on_doubt: OnDoubt::Park,
        })
    }

    fn there(active: bool, media_type: u64) -> SkillReading {
        SkillReading::There(Skill { active: Some(active), media_type: Some(media_type) })
    }

    fn judged(address: &Address, points: &[PointOfContact], skill: SkillReading) -> (Grade, String) {
        let skills = BTreeMap::from([(id("4012"), skill.clone()), (id("4013"), skill)]);
        of_route("inject", address, &Tenant { points: Some(points), skills })
    }

    fn of_route(on_unknown_health: &str, address: &Address, tenant: &Tenant<'_>) -> (Grade, String) {
        let routes = serde_json::json!({ "routes": [{
            "name": "r", "match": {"type": "t"}, "targets": [{"workItem": {"pointOfContact": "Orders"}}],
            "priority": {"default": 1}, "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "onUnknownHealth": on_unknown_health,
        }]});
        let routes = Routes::from_json(&routes.to_string(), nice::FACTS.routes).unwrap();
        let check = check(routes.iter().next().unwrap(), address, tenant);
        (check.verdict, check.detail)
    }

    #[test]
    fn a_skill_that_nobody_knows_stops_a_route_that_holds_without_it() {
        let unnamed = address("Orders", None);
        let silent = PointOfContact { default_skill: DefaultSkill::Unknown, ..point("123456", "Orders") };
        let twins = [point("7", "Orders"), point("8", "Orders")];
        for points in [None, Some(&[silent][..]), Some(&twins[..])] {
            let of = |word, address| of_route(word, address, &Tenant { points, skills: BTreeMap::new() });
            let (grade, detail) = of("hold", &unnamed);
            assert!(grade == Grade::Fail && detail.contains("holds every event"), "{points:?}: {detail}");
            let (grade, detail) = of("inject", &unnamed);
            assert!(
                grade == Grade::Warn && detail.contains("isn't known, so that it never counts as full"),
                "{detail}"
            );
            assert_ne!(of("hold", &address("Orders", Some("4012"))).0, Grade::Fail, "its skill is named");
        }
    }

    #[test]
    fn a_target_is_as_good_as_its_point_of_contact() {
        let whole = address("123456 - Orders", Some("4012"));
        let judged = |change: fn(&mut PointOfContact)| {
            let mut point = point("123456", "Orders");
            change(&mut point);
            judged(&whole, &[point], there(true, 6))
        };
        let (grade, detail) = judged(|_| ());
        assert!(grade == Grade::Ok && detail.contains("script Scripts\\Orders; skill 4012 is there"), "{detail}");
        assert_eq!(judged(|point| point.active = Some(false)).0, Grade::Fail);
        assert_eq!(judged(|point| point.media_type = Some(4)).0, Grade::Fail);
        assert_eq!(judged(|point| point.name = "Sales".to_owned()).0, Grade::Warn);
        assert_eq!(judged(|point| point.code = "7".to_owned()).0, Grade::Fail);
        assert_eq!(judged(|point| point.script = None).0, Grade::Warn);
        let other = judged(|point| point.default_skill = DefaultSkill::Skill(id("4013")));
        assert!(other.0 == Grade::Warn && other.1.contains("of skill 4012, while"), "{other:?}");
    }

    #[test]
    fn a_target_is_as_good_as_its_skill() {
        let points = [point("123456", "Orders")];
        let of = |skill| judged(&address("Orders", Some("4012")), &points, skill).0;
        assert_eq!(of(there(true, 6)), Grade::Ok);
        assert_eq!([of(there(false, 6)), of(there(true, 4)), of(SkillReading::Unknown)], [Grade::Warn; 3]);
        assert_eq!(of(SkillReading::Missing), Grade::Fail);
        let unnamed = judged(&address("Orders", None), &points, SkillReading::Missing);
        assert!(unnamed.0 == Grade::Fail && unnamed.1.contains("its point of contact's skill 4012"), "{unnamed:?}");
    }

    #[test]
    fn what_cxone_says_in_free_text_is_masked() {
        let mut point = point("123456", "Orders");
        point.script = Some("Scripts\\pat@example.com +1 555 010 9876".to_owned());
        let (_, detail) = judged(&address("Orders", Some("4012")), &[point], there(true, 6));
        assert!(!detail.contains("pat@") && !detail.contains("555"), "{detail}");
    }
}
