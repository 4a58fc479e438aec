//! The activity of skills.

use serde_json::{Value, json};

use super::config::{ActivityShape, Skill};
use super::reads::{media_type_name, page, projected};
use super::request::Request;
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal};
use crate::tenant::{HttpAnswer, iso_8601};

impl Tenant {
    pub(crate) fn skills_activity(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), &["mediaTypeId", "fields", "skip", "top"])?;
        let media_type = parameters.number("mediaTypeId")?;
        let of_media = |skill: &&Skill| media_type.is_none_or(|wanted| u64::from(skill.media_type_id) == wanted);
        let rows: Vec<Value> = self.config.skills.iter().filter(of_media).map(|skill| self.activity(skill)).collect();
        let total = rows.len();
        let mut body = self.activities(&page(rows, &parameters)?);
        body["totalRecords"] = json!(total);
        Ok(self.shaped(&body))
    }

    pub(crate) fn skill_activity(&self, case: &Case<'_>) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(case.request.query.clone(), &["fields"])?;
        let id = case.route.id.as_deref().unwrap_or_default();
        let skill = self.config.skills.iter().find(|skill| skill.id.to_string() == id);
        let skill = skill.ok_or_else(|| Refusal::new(404, "not_found", "no such skill"))?;
        Ok(self.shaped(&self.activities(&projected(vec![self.activity(skill)], &parameters))))
    }

    fn activities(&self, rows: &[Value]) -> Value {
        json!({ "lastPollTime": iso_8601(self.now_ms), "skillActivity": rows })
    }

    fn shaped(&self, body: &Value) -> HttpAnswer {
        match self.config.activity_shape {
            ActivityShape::Flat => HttpAnswer::json(200, body),
            ActivityShape::ResultSet => HttpAnswer::json(200, &json!({ "resultSet": body })),
        }
    }

    fn activity(&self, skill: &Skill) -> Value {
        json!({
            "businessUnitId": self.config.business_unit_id,
            "serverTime": iso_8601(self.now_ms),
            "skillId": skill.id,
            "skillName": skill.name,
            "isActive": skill.is_active,
            "isOutbound": false,
            "mediaTypeId": skill.media_type_id,
            "mediaTypeName": media_type_name(skill.media_type_id),
            "queueCount": skill.queue_count,
            "skillQueueCount": skill.queue_count,
            "personalQueueCount": 0,
            "parkedCount": 0,
            "agentsLoggedIn": skill.agents_logged_in,
            "agentsAvailable": skill.agents_available,
            "agentsWorking": skill.agents_logged_in.saturating_sub(skill.agents_available),
            "agentsUnavailable": 0,
            "agentsIdle": skill.agents_available,
            "serviceLevel": skill.service_level,
            "serviceLevelGoal": skill.service_level_goal,
        })
    }
}
