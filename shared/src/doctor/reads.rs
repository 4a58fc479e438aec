//! Which of the reads under a token worked. A deployment rests on skills' activity, on points of contact where a target
//! names no skill, and on the custom fields where a route leads into a digital channel; the others serve this
//! examination.

use std::collections::BTreeMap;

use super::{
    clock::Reading,
    report::{Check, Findings, Grade},
    told,
};
use crate::{
    dialects::{
        Unread,
        survey::{PointOfContact, Question, Skill, Survey},
    },
    domain::{
        attributes::Schema,
        routes::{DefaultSkills, OnUnknownHealth, QueueId, Route, Routes, Target},
        time::Timestamp,
    },
    worker::{NoSchema, NotSent},
};

/// The custom fields, as their path names them.
const CUSTOM_FIELDS: &str = "consumer-contact-custom-fields";

/// A question's answer, or why it was not asked or can't be read.
#[derive(Clone, Debug)]
pub(super) enum Told<T> {
    Read(T),
    Unread(Unread),
    NotAsked(NotSent),
}

impl<T> Told<T> {
    pub(super) fn of(asked: Result<Result<T, Unread>, NotSent>) -> Self {
        match asked {
            Ok(Ok(value)) => Self::Read(value),
            Ok(Err(unread)) => Self::Unread(unread),
            Err(not_sent) => Self::NotAsked(not_sent),
        }
    }

    pub(super) const fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unread(_) | Self::NotAsked(_) => None,
        }
    }

    /// The status, in words.
    fn status(&self) -> String {
        match self {
            Self::Read(_) => "200".to_owned(),
            Self::Unread(unread) => told::unread(unread),
            Self::NotAsked(not_sent) => format!("not asked, {}", not_sent.reason),
        }
    }

    /// The status by which nothing was told.
    const fn refusal(&self) -> Option<u16> {
        match self {
            Self::Unread(Unread::Status(status)) => Some(*status),
            Self::Read(_) | Self::Unread(_) | Self::NotAsked(_) => None,
        }
    }
}

impl From<Result<Schema, NoSchema>> for Told<Schema> {
    fn from(asked: Result<Schema, NoSchema>) -> Self {
        match asked {
            Ok(schema) => Self::Read(schema),
            Err(NoSchema::Unread(unread)) => Self::Unread(unread),
            Err(NoSchema::NotAsked(not_sent)) => Self::NotAsked(not_sent),
        }
    }
}

/// All that was asked under the token.
pub(super) struct Readings {
    pub(super) times: Vec<Reading>,
    pub(super) server_time: Told<Timestamp>,
    pub(super) business_unit: Told<()>,
    /// Nothing where no target is one.
    pub(super) points: Option<Told<Vec<PointOfContact>>>,
    pub(super) defaults: DefaultSkills,
    /// All skills at once, where there are so many that the sync asks so too.
    pub(super) all_skills: Option<Told<BTreeMap<QueueId, Skill>>>,
    pub(super) skills: BTreeMap<QueueId, Told<Option<Skill>>>,
    /// Whether each digital channel of the routes is there.
    pub(super) channels: BTreeMap<String, Told<bool>>,
    /// Nothing where no route leads into a digital channel.
    pub(super) fields: Option<Told<Schema>>,
}

impl Readings {
    /// The reads of the API itself, by their names: their statuses, and as numbers where they were refused.
    fn of_api(&self) -> Vec<(&'static str, String, Option<u16>)> {
        fn row<T>(question: Question, told: &Told<T>) -> (&'static str, String, Option<u16>) {
            (question.name(), told.status(), told.refusal())
        }
        let points = self.points.as_ref().map(|points| row(Question::PointsOfContact, points));
        let others = [row(Question::ServerTime, &self.server_time), row(Question::BusinessUnit, &self.business_unit)];
        others.into_iter().chain(points).collect()
    }
}

pub(super) fn check(readings: &Readings, routes: &Routes, survey: &dyn Survey) -> Check {
    let mut findings = Findings::new("reads");
    let of_api = readings.of_api();
    let listed: Vec<_> = of_api.iter().map(|(name, status, _)| format!("{name} {status}")).collect();
    findings.ok(&format!("{}: {}", told::code(survey.version()), listed.join(", ")));
    skills(readings, routes, &mut findings);
    digital(readings, routes, &mut findings);
    if readings.points.as_ref().is_some_and(|points| points.value().is_none()) {
        findings.warn("without the points of contact no target of work items can be looked at");
    }
    let of_api: Vec<_> = of_api.iter().map(|(.., refusal)| *refusal).collect();
    refusals(&of_api, readings, &mut findings);
    findings.into_check()
}

fn skills(readings: &Readings, routes: &Routes, findings: &mut Findings) {
    let Readings { defaults, all_skills, skills, .. } = readings;
    let bad: Vec<_> = skills.iter().filter(|(_, told)| told.value().is_none()).collect();
    if !skills.is_empty() {
        findings.ok(&format!("skills/{{id}}/activity read for {} of {}", skills.len() - bad.len(), skills.len()));
    }
    for (skill, told) in bad {
        let (grade, words) = match told.refusal() {
            Some(403) => forbidden_health(&holding(routes, defaults, skill)),
            Some(401) => (Grade::Fail, String::new()),
            _ => (Grade::Warn, String::new()),
        };
        findings.add(grade, &format!("skills/{}/activity: {}{words}", told::number(skill.as_str()), told.status()));
    }
    match all_skills {
        Some(all) if all.value().is_none() => {
            findings.ok(&format!("skills/activity {}, so that each skill is asked about alone", all.status()));
        }
        Some(all) => findings.ok(&format!("skills/activity {}", all.status())),
        None => {}
    }
}

/// The names of the routes that hold their events as long as this skill's health isn't known.
fn holding<'r>(routes: &'r Routes, defaults: &DefaultSkills, skill: &QueueId) -> Vec<&'r str> {
    let goes_by_it = |target: &Target| defaults.queue_of(target.address()).as_deref() == Some(skill);
    let holds =
        |route: &&Route| route.on_unknown_health() == OnUnknownHealth::Hold && route.targets().iter().any(goes_by_it);
    routes.iter().filter(holds).map(Route::name).collect()
}

/// How bad it is that a skill's health may not be read, by the routes that hold events without it.
fn forbidden_health(holding: &[&str]) -> (Grade, String) {
    if holding.is_empty() {
        let words =
            ", and its targets get contacts all the same, but never count as full: no maxQueueCount, no fallback";
        return (Grade::Warn, words.to_owned());
    }
    let words = "which hold events as long as its health isn't known (onUnknownHealth), can't inject there";
    (Grade::Fail, format!(", and the routes {}, {words}", holding.join(", ")))
}

/// The reads of the digital channels, where a route leads into one.
fn digital(readings: &Readings, routes: &Routes, findings: &mut Findings) {
    let Readings { channels, fields, .. } = readings;
    let bad: Vec<_> = channels.iter().filter(|(_, told)| told.value().is_none()).collect();
    if !channels.is_empty() {
        findings.ok(&format!("channels/{{id}} read for {} of {}", channels.len() - bad.len(), channels.len()));
    }
    for (channel, told) in bad {
        let words = "whether it is there isn't known";
        findings.warn(&format!("channels/{}: {}, and {words}", told::text(channel), told.status()));
    }
    let Some(told) = fields else { return };
    let status = format!("{CUSTOM_FIELDS} {}", told.status());
    let grade = match told {
        Told::Read(_) => return findings.ok(&status),
        // These may pass.
        Told::NotAsked(_) | Told::Unread(Unread::Unanswered | Unread::Status(429 | 500..)) => Grade::Warn,
        Told::Unread(_) => Grade::Fail,
    };
    let names: Vec<_> = routes.iter().filter(|route| route.has_digital()).map(Route::name).collect();
    let events = format!(
        "the digital targets of the routes {} are passed over, and an event that has no other is deferred as \
         unverified-schema",
        names.join(", ")
    );
    let place = match told.refusal() {
        Some(404) => ": where the digital channels are is digitalBaseUrl's to say, in the routes file",
        _ => "",
    };
    findings.add(grade, &format!("{status}: as long as they were never read, {events}{place}"));
}

/// What the refusals of the reads have in common.
fn refusals(of_api: &[Option<u16>], readings: &Readings, findings: &mut Findings) {
    let of_skills = readings.skills.values().map(Told::refusal);
    let of_channels = readings.channels.values().map(Told::refusal);
    let all: Vec<_> = of_api
        .iter()
        .copied()
        .chain(of_skills)
        .chain(of_channels)
        .chain(readings.fields.as_ref().map(Told::refusal))
        .collect();
    if all.iter().all(|refusal| *refusal == Some(403)) {
        findings
            .fail("every read is forbidden: the token is a client's and no user's, or the role has no right at all");
    } else if all.contains(&Some(403)) {
        findings.warn("a 403 is for want of a right: give it to the role of the access key's user");
    }
    if of_api.iter().all(|refusal| *refusal == Some(404)) {
        findings.fail("nothing is found at this address: does CXone serve this CxoneApiVersion, and is it the API?");
    }
    if of_api.contains(&Some(401)) {
        findings.fail("a new token is refused: is the API of the same tenant as the issuer?");
    }
}
