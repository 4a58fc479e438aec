//! A NICE CXone tenant: what it says under a token.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    Doctor,
    clock::{self, Reading},
    custom_fields::{self, Fields},
    reads::{self, Readings, Told},
    report::Check,
    targets::{self, SkillReading, Tenant},
    token,
    token::{Answer, Walk},
};
use crate::{
    dialects::{
        HttpReply, Verdict,
        survey::{PointOfContact, Question, Skill, Survey, default_skills},
    },
    domain::{
        routes::{Address, Digital, QueueId, Route, Target},
        time::Timestamp,
    },
    ports::Ports,
    worker::{SINGLE_QUESTIONS, Worker},
};

impl<P: Ports> Doctor<'_, P> {
    /// The checks of a tenant, from discovery to the custom fields.
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
            checks.push(Check::skipped(custom_fields::NAME, "there is no token"));
            return checks;
        }
        let mut readings = self.readings(worker, survey).await;
        times.append(&mut readings.times);
        checks.extend([clock::check(&times), reads::check(&readings, self.routes, survey)]);
        let skills = readings.skills.iter().map(|(id, told)| (id.clone(), skill_reading(told))).collect();
        let points = readings.points.as_ref().and_then(Told::value).map(Vec::as_slice);
        let channel = |(id, told): (&String, &Told<bool>)| Some((id.clone(), *told.value()?));
        let channels = readings.channels.iter().filter_map(channel).collect();
        let tenant = Tenant { points, skills, channels };
        checks.extend(self.each_target(|route, target| targets::check(route, target.address(), &tenant)));
        let registers = self.ports.dialect().registered_attributes();
        let fields = registers.zip(readings.fields.as_ref().and_then(Told::value));
        let fields =
            fields.map(|(registers, schema)| Fields { registers, schema, number_field: survey.number_field() });
        checks.extend(custom_fields::checks(self.routes, fields));
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
        let (server_time, times) = self.server_time(worker, survey).await;
        let unit = |reply: &HttpReply, _| survey.read_business_unit(reply);
        let business_unit =
            Told::of(worker.question(|token| survey.question(token, Question::BusinessUnit), unit).await);
        let points = self.points(worker, survey).await;
        let known = points.as_ref().and_then(Told::value).map_or(&[][..], Vec::as_slice);
        let defaults = default_skills(self.routes.points_without_skill(), known);
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
        let channels = self.channels(worker, survey).await;
        let fields = if self.routes.has_digital() {
            Some(worker.schema().await.map(|fetched| fetched.schema).into())
        } else {
            None
        };
        Readings { times, server_time, business_unit, points, defaults, all_skills, skills, channels, fields }
    }

    /// The tenant's time, and the times that its answer tells.
    async fn server_time(&self, worker: &Worker<'_, P>, survey: &dyn Survey) -> (Told<Timestamp>, Vec<Reading>) {
        let seen = RefCell::new(None);
        let read = |reply: &HttpReply, began| {
            *seen.borrow_mut() = Some(Answer { reply: reply.clone(), began, ended: self.now() });
            survey.read_time(reply)
        };
        let told = Told::of(worker.question(|token| survey.question(token, Question::ServerTime), read).await);
        let times = seen.into_inner().map(|answer| times(&answer, told.value())).unwrap_or_default();
        (told, times)
    }

    /// The points of contact, where a target is one.
    async fn points(&self, worker: &Worker<'_, P>, survey: &dyn Survey) -> Option<Told<Vec<PointOfContact>>> {
        if !self.routes.iter().any(targets::has_work_item) {
            return None;
        }
        let read = |reply: &HttpReply, _| survey.read_points(reply);
        Some(Told::of(worker.question(|token| survey.question(token, Question::PointsOfContact), read).await))
    }

    /// Whether each digital channel of the routes is there.
    async fn channels(&self, worker: &Worker<'_, P>, survey: &dyn Survey) -> BTreeMap<String, Told<bool>> {
        let mut channels = BTreeMap::new();
        for target in self.routes.iter().flat_map(Route::targets) {
            let Address::Digital(Digital { channel, .. }) = target.address() else { continue };
            if channels.contains_key(channel) {
                continue;
            }
            let read = |reply: &HttpReply, _| survey.read_channel(channel, reply);
            let told = Told::of(worker.question(|token| survey.channel(token, channel), read).await);
            channels.insert(channel.clone(), told);
        }
        channels
    }

    async fn all_skills(
        &self,
        worker: &Worker<'_, P>,
        survey: &dyn Survey,
        wanted: usize,
    ) -> Option<Told<BTreeMap<QueueId, Skill>>> {
        let all = self.ports.dialect().health_of_all().filter(|_| wanted > SINGLE_QUESTIONS)?;
        let read = |reply: &HttpReply, _| survey.read_skills(reply);
        Some(Told::of(worker.question(|token| all.every_health(token), read).await))
    }

    async fn skill(&self, worker: &Worker<'_, P>, survey: &dyn Survey, skill: &QueueId) -> Told<Option<Skill>> {
        let dialect = self.ports.dialect();
        let read = |reply: &HttpReply, _| -> Verdict<_> { survey.read_skill(skill, reply) };
        Told::of(worker.question(|token| dialect.queue_health(token, skill), read).await)
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
