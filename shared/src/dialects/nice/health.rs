//! `GET /skills/{id}/activity` (docs/real-tenant.md#skill-health): a skill is saturated where it isn't active, where
//! its queue has reached the most that its routes allow, or where too few agents are logged in. A value that a rule
//! needs and that isn't there is unknown and never healthy.

use serde_json::Value;

use super::statuses::row;
use crate::{
    dialects::{HttpReply, HttpResponse, Unread, Verdict},
    domain::{
        health::{QueueHealth, Status, Threshold},
        lease::Lesson,
        routes::{QueueId, SkillLimits},
        time::Timestamp,
    },
};

/// A skill's health, as old as the question; nothing where there is no such skill.
pub(super) fn read(
    skill: &QueueId,
    limits: SkillLimits,
    asked: Timestamp,
    reply: &HttpReply,
) -> Verdict<Result<Option<QueueHealth>, Unread>> {
    let response = match reply {
        HttpReply::Answered(response) => response,
        HttpReply::Silence => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unanswered },
        HttpReply::Unreachable => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unreachable },
    };
    let HttpResponse { status, retry_after, body, .. } = response;
    match (status, body) {
        (200..=299, Some(body)) => {
            let health = entries(body).into_iter().flatten().find(|entry| is_of(entry, skill));
            let meaning = health.map(|entry| Some(judge(entry, limits, asked))).ok_or(Unread::AnotherQueue);
            Verdict { meaning, lesson: Lesson::Works }
        }
        (200..=299, None) => Verdict { meaning: Err(Unread::NotJson), lesson: Lesson::Fails },
        (404, _) => Verdict { meaning: Ok(None), lesson: Lesson::Works },
        _ => Verdict { meaning: Err(Unread::Status(*status)), lesson: row(*status).lesson(*retry_after) },
    }
}

/// The list of skills: at the top, or inside `resultSet` as up to version 23.
pub(super) fn entries(body: &Value) -> Option<&Vec<Value>> {
    ["/skillActivity", "/resultSet/skillActivity"].iter().find_map(|at| body.pointer(at)?.as_array())
}

pub(super) fn is_of(entry: &Value, skill: &QueueId) -> bool {
    match entry.get("skillId") {
        Some(Value::Number(id)) => id.to_string() == skill.as_str(),
        Some(Value::String(id)) => id == skill.as_str(),
        _ => false,
    }
}

fn judge(entry: &Value, limits: SkillLimits, observed: Timestamp) -> QueueHealth {
    let count = |name| entry.get(name).and_then(Value::as_u64);
    let queued = count("queueCount");
    let full = limits.max_queue_count.map(|most| queued.map(|queued| queued >= most));
    let agents = (limits.min_agents_logged_in > 0)
        .then(|| count("agentsLoggedIn").map(|agents| agents < limits.min_agents_logged_in));
    let active = entry.get("isActive").map_or(Some(true), Value::as_bool);
    let rules = [
        (Threshold::MaxCapacity, full),
        (Threshold::ActiveAgents, agents),
        (Threshold::Inactive, Some(active.map(|active| !active))),
    ];
    let which = |sought: Option<bool>| {
        let found = rules.iter().filter(move |(_, judged)| *judged == Some(sought));
        found.map(|(rule, _)| *rule).collect::<Vec<_>>()
    };
    let (breached, unknown) = (which(Some(true)), which(None));
    let status = match (breached.is_empty(), unknown.is_empty()) {
        (false, _) => Status::Saturated(breached),
        (true, false) => Status::Unknown(unknown),
        (true, true) => Status::Open,
    };
    QueueHealth { status, capacity: queued, max_capacity: limits.max_queue_count, observed }
}
