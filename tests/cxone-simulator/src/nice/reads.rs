//! What else can be read: points of contact, contacts, the business unit, the time.

use serde_json::{Value, json};

use super::record::{Creation, Kind};
use super::request::Request;
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal};
use crate::tenant::{HttpAnswer, iso_8601};

const FILTERS: [&str; 8] = ["skillId", "mediaTypeId", "fromAddress", "toAddress", "contactId", "fields", "skip", "top"];

impl Tenant {
    pub(crate) fn points_of_contact(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), &["mediaTypeId", "skip", "top"])?;
        let media_type = parameters.number("mediaTypeId")?;
        let points = self.config.points_of_contact.iter();
        let rows = points.filter(|point| media_type.is_none_or(|wanted| u64::from(point.media_type_id) == wanted));
        let rows = rows.map(|point| {
            json!({
                "businessUnitId": self.config.business_unit_id,
                "contactAddress": point.address.map_or_else(|| point.id.to_string(), |address| address.to_string()),
                "contactCode": point.id,
                "contactDescription": point.name,
                "defaultSkillId": point.default_skill_id,
                "isActive": point.active,
                "mediaTypeId": point.media_type_id,
                "mediaTypeName": media_type_name(point.media_type_id),
                "outboundSkill": false,
                "scriptName": point.script_name,
            })
        });
        let rows = page(rows.collect(), &parameters)?;
        Ok(self.list("pointsOfContact", &rows, None))
    }

    pub(crate) fn active_contacts(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let waiting = |creation: &Creation| creation.completed_at_ms.is_none();
        self.contacts(request, "activeContacts", &FILTERS, waiting)
    }

    pub(crate) fn completed_contacts(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let known: Vec<&str> = FILTERS.into_iter().filter(|name| *name != "contactId").collect();
        self.contacts(request, "completedContacts", &known, |creation| creation.completed_at_ms.is_some())
    }

    fn contacts(
        &self,
        request: &Request,
        name: &str,
        known: &[&str],
        of_state: impl Fn(&Creation) -> bool,
    ) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), known)?;
        let numbers = ["skillId", "mediaTypeId", "contactId"].map(|name| parameters.number(name).map(|n| (name, n)));
        let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let rows = self.creations.iter().filter(|creation| of_state(creation)).map(|creation| self.row(creation));
        let rows: Vec<Value> = rows
            .filter(|row| numbers.iter().all(|(name, wanted)| wanted.is_none_or(|wanted| row[*name] == json!(wanted))))
            .filter(|row| {
                let agrees = |name| parameters.get(name).is_none_or(|wanted| row[name] == json!(wanted));
                agrees("fromAddress") && agrees("toAddress")
            })
            .collect();
        let total = rows.len();
        Ok(self.list(name, &page(rows, &parameters)?, Some(total)))
    }

    pub(crate) fn contact(&self, case: &Case<'_>) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(case.request.query.clone(), &["fields"])?;
        let id = case.route.id.as_deref().unwrap_or_default();
        let creation = self.creations.iter().find(|creation| creation.contact_id.to_string() == id);
        let creation = creation.ok_or_else(|| Refusal::new(404, "not_found", "no such contact"))?;
        let row = projected(vec![self.row(creation)], &parameters).pop();
        // The member that holds the contact has this name in version 34.
        let body = json!({
            "businessUnitId": self.config.business_unit_id,
            "lastPollTime": iso_8601(self.now_ms),
            "contactId": row,
        });
        Ok(HttpAnswer::json(200, &body))
    }

    pub(crate) fn server_time(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        Parameters::read(request.query.clone(), &[])?;
        Ok(HttpAnswer::json(200, &json!({ "ServerTime": iso_8601(self.now_ms) })))
    }

    pub(crate) fn business_unit(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), &["fields"])?;
        let unit = json!({
            "businessUnitId": self.config.business_unit_id,
            "businessUnitName": "Simulated business unit",
            "isActive": true,
            "concurrentPortLimit": self.config.port_limit,
            "defaultTimeZone": "UTC",
        });
        Ok(HttpAnswer::json(200, &json!({ "businessUnits": projected(vec![unit], &parameters) })))
    }

    fn list(&self, name: &str, rows: &[Value], total: Option<usize>) -> HttpAnswer {
        let mut body = json!({ "businessUnitId": self.config.business_unit_id, "lastPollTime": iso_8601(self.now_ms) });
        if let Some(total) = total {
            body["totalRecords"] = json!(total);
        }
        body[name] = json!(rows);
        HttpAnswer::json(200, &body)
    }

    fn row(&self, creation: &Creation) -> Value {
        let point = self.config.points_of_contact.iter().find(|point| point.id == creation.point_of_contact_id);
        let skill = self.config.skills.iter().find(|skill| Some(skill.id) == creation.skill_id);
        let (from, to) = addresses(creation);
        let until_ms = creation.completed_at_ms.unwrap_or(self.now_ms);
        let mut row = json!({
            "contactId": creation.contact_id,
            "masterContactId": creation.contact_id,
            "contactStartDate": iso_8601(creation.at_ms),
            "lastUpdateTime": iso_8601(until_ms),
            "isOutbound": false,
            "mediaTypeId": creation.kind.media_type_id(),
            "mediaTypeName": media_type_name(creation.kind.media_type_id()),
            "pointOfContactId": (creation.kind == Kind::WorkItem).then_some(creation.point_of_contact_id),
            "pointOfContactName": point.map(|point| &point.name),
            "skillId": creation.skill_id,
            "skillName": skill.map(|skill| &skill.name),
            "fromAddress": from,
            "toAddress": to,
            "stateName": "In Queue",
        });
        if creation.completed_at_ms.is_some() {
            row["stateName"] = json!("Released");
            row["abandoned"] = json!(false);
            row["endReason"] = json!("Contact Ended");
            row["inQueueSeconds"] = json!((until_ms - creation.at_ms) / 1000);
        }
        row
    }
}

/// Where a contact came from, and where to.
fn addresses(creation: &Creation) -> (Option<&str>, String) {
    let parameter = |pointer| creation.parameters.as_ref()?.pointer(pointer)?.as_str();
    match creation.kind {
        Kind::WorkItem => (creation.from.as_deref(), creation.point_of_contact_id.to_string()),
        Kind::Callback => (parameter("/callerId"), creation.number.clone().unwrap_or_default()),
        Kind::Digital => {
            let author = parameter("/authorEndUserIdentity/idOnExternalPlatform");
            (author, creation.channel_id.clone().unwrap_or_default())
        }
    }
}

/// The rows from `skip` on, at most `top`, with the members that `fields` names.
pub(crate) fn page(rows: Vec<Value>, parameters: &Parameters) -> Result<Vec<Value>, Refusal> {
    let count = |name| Ok(parameters.number(name)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX)));
    let (skip, top) = (count("skip")?.unwrap_or(0), count("top")?.unwrap_or(usize::MAX));
    Ok(projected(rows.into_iter().skip(skip).take(top).collect(), parameters))
}

/// Leaves only the members that `fields` names, separated by commas; all of them where it names none.
pub(crate) fn projected(mut rows: Vec<Value>, parameters: &Parameters) -> Vec<Value> {
    if let Some(fields) = parameters.get("fields") {
        let named = |name: &str| fields.split(',').any(|field| field.trim().eq_ignore_ascii_case(name));
        rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| row.retain(|name, _| named(name)));
    }
    rows
}

pub(crate) fn media_type_name(media_type_id: u16) -> &'static str {
    match media_type_id {
        1 => "E-Mail",
        3 => "Chat",
        4 => "Phone Call",
        5 => "Voice Mail",
        6 => "Work Item",
        9 => "Digital",
        _ => "Other",
    }
}
