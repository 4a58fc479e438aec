//! A NICE CXone tenant: what it says under a token.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    Doctor,
    clock::{self, Reading},
    report::{Check, Findings, Grade},
    targets::{self, SkillReading, Tenant},
    token,
    token::{Answer, Walk},
    told,
};
use crate::{
    dialects::{
        HttpReply, Unread, Verdict,
        survey::{PointOfContact, Question, Skill, Survey, default_skills},
    },
    domain::{
        routes::{DefaultSkills, OnUnknownHealth, QueueId, Route, Routes, Target},
        time::Timestamp,
    },
    ports::Ports,
    worker::{NotSent, SINGLE_QUESTIONS, Worker},
};

/// A question's answer, or why it was not asked or can't be read.
#[derive(Clone, Debug)]
enum Told<T> {
    Read(T),
    Unread(Unread),
    NotAsked(NotSent),
}

impl<T> Told<T> {
    const fn value(&self) -> Option<&T> {
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

    fn is(&self, status: u16) -> bool {
        matches!(self, Self::Unread(Unread::Status(answered)) if *answered == status)
    }
}

/// All that was asked under the token.
struct Readings {
    times: Vec<Reading>,
    server_time: Told<Timestamp>,
    business_unit: Told<()>,
    points: Told<Vec<PointOfContact>>,
    defaults: DefaultSkills,
    /// All skills at once, where there are so many that the sync asks so too.
    all_skills: Option<Told<BTreeMap<QueueId, Skill>>>,
    skills: BTreeMap<QueueId, Told<Option<Skill>>>,
}

impl<P: Ports> Doctor<'_, P> {
    /// The checks of a tenant, from discovery to the last target.
    pub(super) async fn tenant(&self, worker: &Worker<'_, P>, survey: &dyn Survey, walk: &Walk) -> Vec<Check> {
        let mut checks = vec![
            token::discovery(walk, survey),
            token::grant(walk),
            token::claims(walk, Some(survey.issuer()), self.now()),
            token::configuration(walk, survey),
        ];
        let mut times = clock::of_walk(walk);
        if !walk.arrived() {
            checks.extend([clock::check(&times), Check::skipped("reads", "there is no token")]);
            checks.extend(self.each_target(|_, _| Check::skipped("target", "there is no token")));
            return checks;
        }
        let mut readings = self.readings(worker, survey).await;
        times.append(&mut readings.times);
        checks.extend([clock::check(&times), reads(&readings, self.routes, survey)]);
        let skills = readings.skills.iter().map(|(id, told)| (id.clone(), skill_reading(told))).collect();
        let tenant = Tenant { points: readings.points.value().map(Vec::as_slice), skills };
        checks.extend(self.each_target(|route, target| targets::check(route, target.address(), &tenant)));
        checks
    }

    /// A check of each target, with its place in the routes file.
    pub(super) fn each_target(&self, check: impl Fn(&Route, &Target) -> Check) -> Vec<Check> {
        let mut checks = Vec::new();
        for (place, route) in self.routes.iter().enumerate() {
            let of_route = route.targets().iter().enumerate();
            checks.extend(
                of_route.map(|(index, target)| check(route, target).at(format!("/routes/{place}/targets/{index}"))),
            );
        }
        checks
    }

    async fn readings(&self, worker: &Worker<'_, P>, survey: &dyn Survey) -> Readings {
        let seen = RefCell::new(None);
        let server_time = told(
            worker
                .question(
                    |token| survey.question(token, Question::ServerTime),
                    |reply, began| {
                        *seen.borrow_mut() = Some(Answer { reply: reply.clone(), began, ended: self.now() });
                        survey.read_time(reply)
                    },
                )
                .await,
        );
        let times = seen.into_inner().map(|answer| times(&answer, server_time.value())).unwrap_or_default();
        let unit = |reply: &HttpReply, _| survey.read_business_unit(reply);
        let business_unit = told(worker.question(|token| survey.question(token, Question::BusinessUnit), unit).await);
        let list = |reply: &HttpReply, _| survey.read_points(reply);
        let points = told(worker.question(|token| survey.question(token, Question::PointsOfContact), list).await);
        let defaults = default_skills(self.routes.points_without_skill(), points.value().map_or(&[], Vec::as_slice));
        let wanted = self.routes.queues_with(&defaults);
        let all_skills = self.all_skills(worker, survey, wanted.len()).await;
        let mut skills = BTreeMap::new();
        for skill in wanted {
            let listed = all_skills.as_ref().and_then(|all| all.value()?.get(&skill).cloned());
            let told = match listed {
                Some(listed) => Told::Read(Some(listed)),
                None => self.skill(worker, survey, &skill).await,
            };
            skills.insert(skill, told);
        }
        Readings { times, server_time, business_unit, points, defaults, all_skills, skills }
    }

    async fn all_skills(
        &self,
        worker: &Worker<'_, P>,
        survey: &dyn Survey,
        wanted: usize,
    ) -> Option<Told<BTreeMap<QueueId, Skill>>> {
        let all = self.ports.dialect().health_of_all().filter(|_| wanted > SINGLE_QUESTIONS)?;
        let read = |reply: &HttpReply, _| survey.read_skills(reply);
        Some(told(worker.question(|token| all.every_health(token), read).await))
    }

    async fn skill(&self, worker: &Worker<'_, P>, survey: &dyn Survey, skill: &QueueId) -> Told<Option<Skill>> {
        let dialect = self.ports.dialect();
        let read = |reply: &HttpReply, _| -> Verdict<_> { survey.read_skill(skill, reply) };
        told(worker.question(|token| dialect.queue_health(token, skill), read).await)
    }
}

fn told<T>(asked: Result<Result<T, Unread>, NotSent>) -> Told<T> {
    match asked {
        Ok(Ok(value)) => Told::Read(value),
        Ok(Err(unread)) => Told::Unread(unread),
        Err(not_sent) => Told::NotAsked(not_sent),
    }
}

/// The times that the answer about the time tells.
fn times(answer: &Answer, theirs: Option<&Timestamp>) -> Vec<Reading> {
    let server_time =
        theirs.map(|theirs| Reading { by: "server-time", theirs: *theirs, began: answer.began, ended: answer.ended });
    clock::dated(answer).into_iter().chain(server_time).collect()
}

fn skill_reading(told: &Told<Option<Skill>>) -> SkillReading {
    match told {
        Told::Read(Some(skill)) => SkillReading::There(skill.clone()),
        Told::Read(None) => SkillReading::Missing,
        Told::Unread(_) | Told::NotAsked(_) => SkillReading::Unknown,
    }
}

/// Which of the reads worked. The deployment rests on skills' activity, and on points of contact where a target names
/// no skill; the others serve this examination.
fn reads(readings: &Readings, routes: &Routes, survey: &dyn Survey) -> Check {
    let mut findings = Findings::new("reads");
    let Readings { server_time, business_unit, points, defaults, all_skills, skills, .. } = readings;
    let version = told::code(survey.version());
    let others = [
        (Question::ServerTime, server_time.status()),
        (Question::BusinessUnit, business_unit.status()),
        (Question::PointsOfContact, points.status()),
    ];
    let listed = others.map(|(question, status)| format!("{} {status}", question.name())).join(", ");
    findings.ok(&format!("{version}: {listed}"));
    let bad: Vec<_> = skills.iter().filter(|(_, told)| told.value().is_none()).collect();
    if !skills.is_empty() {
        findings.ok(&format!("skills/{{id}}/activity read for {} of {}", skills.len() - bad.len(), skills.len()));
    }
    for (skill, told) in bad {
        let (grade, words) = match told {
            told if told.is(403) => forbidden_health(&holding(routes, defaults, skill)),
            told if told.is(401) => (Grade::Fail, String::new()),
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
    if points.value().is_none() {
        findings.warn("without the points of contact no target can be looked at");
    }
    let forbidden = [server_time.is(403), business_unit.is(403), points.is(403)];
    let all = forbidden == [true; 3] && skills.values().all(|told| told.is(403));
    if all {
        findings
            .fail("every read is forbidden: the token is a client's and no user's, or the role has no right at all");
    } else if forbidden.contains(&true) || skills.values().any(|told| told.is(403)) {
        findings.warn("a 403 is for want of a right: give it to the role of the access key's user");
    }
    let lost = [server_time.is(404), business_unit.is(404), points.is(404)];
    if lost == [true; 3] {
        findings.fail("nothing is found at this address: does CXone serve this CxoneApiVersion, and is it the API?");
    }
    if [server_time.is(401), business_unit.is(401), points.is(401)].contains(&true) {
        findings.fail("a new token is refused: is the API of the same tenant as the issuer?");
    }
    findings.into_check()
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
        let words = ", and its targets get items all the same, but never count as full: no maxQueueCount, no fallback";
        return (Grade::Warn, words.to_owned());
    }
    let words = "which hold events as long as its health isn't known (onUnknownHealth), can't inject there";
    (Grade::Fail, format!(", and the routes {}, {words}", holding.join(", ")))
}
