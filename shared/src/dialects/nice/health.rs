//! `GET /skills/{id}/activity` (docs/real-tenant.md#skill-health): a skill is saturated where it isn't active, where
//! its queue has reached the most that its routes allow, or where too few agents are logged in. A value that a rule
//! needs and that isn't there is unknown and never healthy.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json;
use crate::{
    dialects::{HttpReply, Unread, Verdict},
    domain::{
        health::{QueueHealth, Status, Threshold},
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
    let Verdict { meaning, lesson } = activity(reply);
    let meaning = match meaning {
        Ok(entries) => {
            let entry = entries.iter().find(|entry| skill_of(entry).as_ref() == Some(skill));
            entry.map(|entry| Some(judge(entry, limits, asked))).ok_or(Unread::AnotherQueue)
        }
        Err(Unread::Status(404)) => Ok(None),
        Err(unread) => Err(unread),
    };
    Verdict { meaning, lesson }
}

/// The health of every skill that has limits here and is in the answer.
pub(super) fn read_all(
    limits: &BTreeMap<QueueId, SkillLimits>,
    asked: Timestamp,
    reply: &HttpReply,
) -> Verdict<Result<BTreeMap<QueueId, QueueHealth>, Unread>> {
    let Verdict { meaning, lesson } = activity(reply);
    let judged = |entry: &Value| {
        let skill = skill_of(entry)?;
        let limits = *limits.get(&skill)?;
        Some((skill, judge(entry, limits, asked)))
    };
    Verdict { meaning: meaning.map(|entries| entries.iter().filter_map(judged).collect()), lesson }
}

/// The skills of an answer: at the top, or inside `resultSet` as up to version 23.
pub(super) fn activity(reply: &HttpReply) -> Verdict<Result<&Vec<Value>, Unread>> {
    let Verdict { meaning, lesson } = json(reply);
    let meaning = meaning.and_then(|body| {
        let list = ["/skillActivity", "/resultSet/skillActivity"].iter().find_map(|at| body.pointer(at)?.as_array());
        list.ok_or(Unread::AnotherQueue)
    });
    Verdict { meaning, lesson }
}

pub(super) fn skill_of(entry: &Value) -> Option<QueueId> {
    match entry.get("skillId")? {
        Value::Number(id) => QueueId::new(id.to_string()),
        Value::String(id) => QueueId::new(id.clone()),
        _ => None,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{dialects::HttpResponse, domain::lease::Lesson};

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const LIMITS: SkillLimits = SkillLimits { max_queue_count: Some(50), min_agents_logged_in: 2 };

    fn skill() -> QueueId {
        QueueId::new("4012".to_owned()).unwrap()
    }

    fn reply(status: u16, body: &Value) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, None, body.to_string().as_bytes(), NOW))
    }

    fn status(entry: &Value, limits: SkillLimits) -> Status {
        let mut entry = entry.clone();
        entry["skillId"] = json!(4012);
        let reply = reply(200, &json!({ "skillActivity": [entry] }));
        read(&skill(), limits, NOW, &reply).meaning.unwrap().unwrap().status
    }

    #[test]
    fn each_rule_saturates_the_skill_by_itself_and_only_where_it_is_one() {
        let open = json!({"isActive": true, "queueCount": 49, "agentsLoggedIn": 2});
        assert_eq!(status(&open, LIMITS), Status::Open);
        let with = |name: &str, value: Value| {
            let mut entry = open.clone();
            entry[name] = value;
            entry
        };
        let (full, alone, off) =
            (with("queueCount", json!(50)), with("agentsLoggedIn", json!(1)), with("isActive", json!(false)));
        assert_eq!(status(&full, LIMITS), Status::Saturated(vec![Threshold::MaxCapacity]));
        assert_eq!(status(&alone, LIMITS), Status::Saturated(vec![Threshold::ActiveAgents]));
        for limits in [LIMITS, SkillLimits::default()] {
            assert_eq!(status(&off, limits), Status::Saturated(vec![Threshold::Inactive]));
        }
        assert_eq!(
            [status(&full, SkillLimits::default()), status(&alone, SkillLimits::default())],
            [Status::Open, Status::Open]
        );
    }

    #[test]
    fn a_value_that_a_rule_needs_is_unknown_where_it_is_missing_or_senseless() {
        for senseless in [json!(null), json!(-1), json!("3"), json!(1.5)] {
            let entry = json!({"isActive": true, "queueCount": senseless, "agentsLoggedIn": 2});
            assert_eq!(status(&entry, LIMITS), Status::Unknown(vec![Threshold::MaxCapacity]), "{senseless}");
            let entry = json!({"isActive": true, "queueCount": 1, "agentsLoggedIn": senseless});
            assert_eq!(status(&entry, LIMITS), Status::Unknown(vec![Threshold::ActiveAgents]), "{senseless}");
        }
        let entry = json!({"isActive": "yes", "queueCount": 1, "agentsLoggedIn": 2});
        assert_eq!(status(&entry, LIMITS), Status::Unknown(vec![Threshold::Inactive]));
        assert_eq!(status(&json!({}), SkillLimits::default()), Status::Open, "nothing is asked of it");
    }

    #[test]
    fn an_answer_about_other_skills_is_none_and_a_404_says_that_there_is_none() {
        let of = |reply: &HttpReply| read(&skill(), LIMITS, NOW, reply);
        for body in [json!({}), json!({"skillActivity": []}), json!({"skillActivity": [{"skillId": 1}]}), json!([])] {
            assert_eq!(of(&reply(200, &body)).meaning, Err(Unread::AnotherQueue), "{body}");
        }
        assert_eq!(of(&reply(404, &json!({}))), Verdict { meaning: Ok(None), lesson: Lesson::Works });
        assert_eq!(of(&reply(401, &json!({}))).lesson, Lesson::TokenRefused);
        assert_eq!(of(&reply(503, &json!({}))).lesson, Lesson::Fails);
        assert_eq!(of(&HttpReply::Silence).lesson, Lesson::Unanswered);
        assert_eq!(of(&HttpReply::Unreachable).lesson, Lesson::Unreachable);
    }

    #[test]
    fn of_all_skills_those_are_told_that_the_routes_name() {
        let limits = BTreeMap::from([(skill(), LIMITS)]);
        let entry = |id: Value| json!({"skillId": id, "isActive": true, "queueCount": 7, "agentsLoggedIn": 2});
        let body = json!({"resultSet": {"skillActivity": [entry(json!("4012")), entry(json!(1)), json!(7)]}});
        let all = read_all(&limits, NOW, &reply(200, &body)).meaning.unwrap();
        assert_eq!((all.len(), all[&skill()].capacity), (1, Some(7)));
    }
}
