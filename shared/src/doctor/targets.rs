//! A tenant's targets: a work item's point of contact by its spelling, a message's channel, and the skill of each.

use std::collections::BTreeMap;

use super::{
    report::{Check, Findings},
    told,
};
use crate::{
    dialects::survey::{DefaultSkill, PointOfContact, Skill, Spelling, default_skill, named},
    domain::routes::{
        Address, Callback, Digital, OnUnknownHealth, PhoneFormat, QueueId, Route, SkillLimits, Target, WorkItem,
    },
};

/// What is known of a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SkillReading {
    There(Skill),
    Missing,
    Unknown,
}

/// What is known of a tenant.
#[derive(Debug, Default)]
pub(super) struct Tenant<'t> {
    /// Its points of contact; nothing where they can't be read.
    pub(super) points: Option<&'t [PointOfContact]>,
    pub(super) skills: BTreeMap<QueueId, SkillReading>,
    /// Whether a digital channel is there, of those of which it is known.
    pub(super) channels: BTreeMap<String, bool>,
}

/// The kinds of contacts that skills are for.
#[derive(Clone, Copy)]
struct Media {
    id: Option<u64>,
    name: &'static str,
}

impl Media {
    fn of(address: &Address) -> Self {
        let name = match address {
            Address::WorkItem(_) => "work items (6)",
            Address::Callback(_) => "callbacks (4)",
            Address::Digital(_) => "digital contacts (9)",
            Address::Queue(_) | Address::Skills(_) => "its contacts",
        };
        Self { id: address.media_type(), name }
    }

    /// Whether something is for another kind, as far as it says.
    fn differs(self, media_type: Option<u64>) -> bool {
        media_type.zip(self.id).is_some_and(|(media_type, due)| media_type != due)
    }
}

/// Whether a contact of the route may become a work item.
pub(super) fn has_work_item(route: &Route) -> bool {
    route.targets().iter().map(Target::address).any(|address| matches!(address, Address::WorkItem(_)))
}

pub(super) fn check(route: &Route, address: &Address, tenant: &Tenant<'_>) -> Check {
    let mut findings = Findings::new("target");
    let media = Media::of(address);
    match address {
        Address::Queue(_) | Address::Skills(_) => return Check::skipped("target", "it is no target of a tenant"),
        Address::WorkItem(item) => {
            let holds = route.on_unknown_health() == OnUnknownHealth::Hold;
            work_item(item, holds, (media, tenant), &mut findings);
        }
        Address::Callback(callback) => {
            skill("", &callback.skill, (media, tenant), &mut findings);
            number(callback, &mut findings);
        }
        Address::Digital(digital) => {
            channel(digital, tenant, &mut findings);
            match &digital.skill {
                Some(named) => skill("", named, (media, tenant), &mut findings),
                None => unnamed("", digital.limits, &mut findings),
            }
        }
    }
    findings.into_check()
}

fn work_item(item: &WorkItem, holds: bool, (media, tenant): (Media, &Tenant<'_>), findings: &mut Findings) {
    let points = tenant.points.unwrap_or_default();
    match (tenant.points, named(&item.point_of_contact, points)) {
        (None, _) => findings.warn("its point of contact is not looked at: the list can't be read"),
        (Some(_), None) => {
            let words = "no point of contact of the tenant is spelled so, and CXone refuses what it doesn't know";
            findings.fail(&format!("{words}: write it as CXone shows it, `number - name`"));
        }
        (Some(_), Some((point, spelling))) => {
            spelled(spelling, findings);
            point_of_contact(point, media, findings);
        }
    }
    let default = default_skill(&item.point_of_contact, points);
    match (&item.skill, default) {
        (None, DefaultSkill::Unknown) => unknown(holds, findings),
        (None, DefaultSkill::None) => {
            unnamed("its point of contact is for no skill", item.limits, findings);
        }
        (None, DefaultSkill::Skill(default)) => {
            skill("its point of contact's ", default, (media, tenant), findings);
        }
        (Some(named), default) => {
            if let DefaultSkill::Skill(default) = default
                && named != default
            {
                let [named, default] = [named, default].map(|id| told::number(id.as_str()));
                let words = "while its point of contact is for skill";
                let which = "name the one that the script queues at";
                findings.warn(&format!("its health is read of skill {named}, {words} {default}: {which}"));
            }
            skill("", named, (media, tenant), findings);
        }
    }
}

/// How the customer is called.
fn number(callback: &Callback, findings: &mut Findings) {
    findings.ok(match callback.phone_format {
        PhoneFormat::E164 => "the customer's number is sent with + and the country's code (phoneFormat e164)",
        PhoneFormat::National => {
            "the customer's number is sent without its country's code and trunk prefix (phoneFormat national)"
        }
    });
    findings.ok(match callback.caller_id {
        Some(_) => "the customer sees callerId",
        None => "no callerId is named, so that CXone says which number the customer sees",
    });
}

fn channel(digital: &Digital, tenant: &Tenant<'_>, findings: &mut Findings) {
    match tenant.channels.get(&digital.channel) {
        Some(true) => findings.ok("the channel is there"),
        Some(false) => findings
            .fail("there is no such channel, and events pass the target over: take its id from its settings in CXone"),
        None => findings.warn("its channel could not be looked at"),
    }
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

fn point_of_contact(point: &PointOfContact, media: Media, findings: &mut Findings) {
    if point.active == Some(false) {
        findings.fail("the point of contact is not active: switch it on");
    }
    if media.differs(point.media_type) {
        let words = "the point of contact is of another media type than";
        findings.fail(&format!("{words} {}: CXone refuses them there", media.name));
    }
    match &point.script {
        Some(script) => findings.ok(&format!("script {}", told::text(script))),
        None => findings.warn("it has no script, and nothing queues a contact without one"),
    }
}

/// The skill whose activity is the target's health.
fn skill(whose: &str, named: &QueueId, (media, tenant): (Media, &Tenant<'_>), findings: &mut Findings) {
    let which = format!("{whose}skill {}", told::number(named.as_str()));
    match tenant.skills.get(named) {
        Some(SkillReading::Missing) => {
            findings.fail(&format!("{which} isn't there, and the target is passed over: name one of this tenant"));
        }
        Some(SkillReading::Unknown) | None => findings.warn(&format!("{which} could not be looked at")),
        Some(SkillReading::There(skill)) => {
            let (off, other) = (skill.active == Some(false), media.differs(skill.media_type));
            if off {
                findings.warn(&format!("{which} is not active, and counts as full as long as it isn't"));
            }
            if other {
                findings.warn(&format!("{which} is of another media type than {}", media.name));
            }
            if !off && !other {
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

/// A target that names no skill, and that no other leads to.
fn unnamed(nor: &str, limits: SkillLimits, findings: &mut Findings) {
    let also = if nor.is_empty() { String::new() } else { format!(", and {nor}") };
    if limits == SkillLimits::default() {
        findings.ok(&format!("no skillId is named{also}, so that it never counts as full"));
    } else {
        findings.warn(&format!("its limits are about no skill: no skillId is named{also}"));
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
        of_route("inject", address, &Tenant { points: Some(points), skills, ..Tenant::default() })
    }

    fn of_route(on_unknown_health: &str, address: &Address, tenant: &Tenant<'_>) -> (Grade, String) {
        let routes = serde_json::json!({ "routes": [{
            "name": "r", "match": {"type": "t"}, "targets": [{"workItem": {"pointOfContact": "Orders"}}],
            "priority": {"default": 1}, "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "onUnknownHealth": on_unknown_health,
        }]});
        let routes = Routes::from_json(routes.to_string(), nice::FACTS.routes).unwrap();
        let check = check(routes.iter().next().unwrap(), address, tenant);
        (check.verdict, check.detail)
    }

    #[test]
    fn a_skill_that_nobody_knows_stops_a_route_that_holds_without_it() {
        let unnamed = address("Orders", None);
        let silent = PointOfContact { default_skill: DefaultSkill::Unknown, ..point("123456", "Orders") };
        let twins = [point("7", "Orders"), point("8", "Orders")];
        for points in [None, Some(&[silent][..]), Some(&twins[..])] {
            let of = |word, address| of_route(word, address, &Tenant { points, ..Tenant::default() });
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
    fn a_callback_is_as_good_as_its_skill_and_says_how_the_customer_is_called() {
        let judged = |skill: SkillReading, phone_format, caller_id: Option<&str>| {
            let address = Address::Callback(Box::new(Callback {
                skill: id("4015"),
                caller_id: caller_id.map(str::to_owned),
                acceleration: None,
                max_priority: None,
                phone_format,
                screen_pop: None,
                limits: SkillLimits::default(),
                on_doubt: OnDoubt::Park,
            }));
            let skills = BTreeMap::from([(id("4015"), skill)]);
            of_route("inject", &address, &Tenant { skills, ..Tenant::default() })
        };
        let (grade, detail) = judged(there(true, 4), PhoneFormat::E164, Some("+15550201234"));
        assert!(grade == Grade::Ok && detail.contains("with + and the country's code"), "{detail}");
        assert!(detail.contains("sees callerId") && !detail.contains("5550201234"), "{detail}");
        let (grade, detail) = judged(there(true, 4), PhoneFormat::National, None);
        assert!(grade == Grade::Ok && detail.contains("without its country's code"), "{detail}");
        let (grade, detail) = judged(there(true, 6), PhoneFormat::E164, None);
        assert!(grade == Grade::Warn && detail.contains("another media type than callbacks (4)"), "{detail}");
        assert_eq!(judged(there(false, 4), PhoneFormat::E164, None).0, Grade::Warn);
        assert_eq!(judged(SkillReading::Missing, PhoneFormat::E164, None).0, Grade::Fail);
    }

    #[test]
    fn a_message_is_as_good_as_its_channel_and_its_skill() {
        let judged = |skill: Option<&str>, there: Option<bool>, max_queue_count| {
            let address = Address::Digital(Digital {
                channel: "chat_0B7c".to_owned(),
                skill: skill.map(id),
                limits: SkillLimits { max_queue_count, min_agents_logged_in: 0 },
                on_doubt: OnDoubt::LookUp,
            });
            let skill = |media_type| SkillReading::There(Skill { active: Some(true), media_type: Some(media_type) });
            let skills = BTreeMap::from([(id("4016"), skill(9)), (id("4012"), skill(6))]);
            let channels = there.map(|there| ("chat_0B7c".to_owned(), there)).into_iter().collect();
            of_route("inject", &address, &Tenant { skills, channels, ..Tenant::default() })
        };
        assert_eq!(
            judged(Some("4016"), Some(true), None),
            (Grade::Ok, "the channel is there; skill 4016 is there".into())
        );
        let (grade, detail) = judged(Some("4016"), Some(false), None);
        assert!(
            grade == Grade::Fail && detail.contains("no such channel, and events pass the target over"),
            "{detail}"
        );
        let (grade, detail) = judged(Some("4016"), None, None);
        assert!(grade == Grade::Warn && detail.contains("its channel could not be looked at"), "{detail}");
        let (grade, detail) = judged(Some("4012"), Some(true), None);
        assert!(grade == Grade::Warn && detail.contains("another media type than digital contacts (9)"), "{detail}");
        let (grade, detail) = judged(None, Some(true), None);
        assert!(
            grade == Grade::Ok && detail.ends_with("no skillId is named, so that it never counts as full"),
            "{detail}"
        );
        let (grade, detail) = judged(None, Some(true), Some(5));
        assert!(grade == Grade::Warn && detail.contains("its limits are about no skill"), "{detail}");
    }

    #[test]
    fn what_cxone_says_in_free_text_is_masked() {
        let mut point = point("123456", "Orders");
        point.script = Some("Scripts\\pat@example.com +1 555 010 9876".to_owned());
        let (_, detail) = judged(&address("Orders", Some("4012")), &[point], there(true, 6));
        assert!(!detail.contains("pat@") && !detail.contains("555"), "{detail}");
    }
}
