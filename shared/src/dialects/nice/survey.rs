//! What a tenant is asked besides its work (docs/runbook.md#doctor): discovery, its time, its business unit, its points
//! of contact and its digital channels.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{Nice, digital::CALLBACK_NUMBER, grant::Step, health, json, payload, work_item};
use crate::{
    dialects::{
        Content, HttpReply, HttpRequest, Submission, Submitted, TokenSearch, Unread, Verdict,
        survey::{
            DefaultSkill, IssuerDocument, NOWHERE, Payload, PointOfContact, Question, Skill, Stage, Survey,
            TenantDocument,
        },
    },
    domain::{
        contact::{Attributes, Contact},
        contact_result::ContactResult,
        credentials::Credentials,
        routes::{Address, Encoding, OnDoubt, Priority, QueueId, Route, SkillLimits, WorkItem},
        time::Timestamp,
        token::Token,
    },
};

impl Survey for Nice {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn allows(&self, url: &str) -> bool {
        self.hosts.allow(url)
    }

    fn stage(&self, credentials: &Credentials, search: &TokenSearch) -> Stage {
        match Step::of(credentials, search) {
            Step::OpenId => Stage::Issuer,
            Step::Grant(..) => Stage::Grant,
            Step::Tenant(_) => Stage::Tenant,
        }
    }

    fn read_issuer(&self, reply: &HttpReply) -> Result<IssuerDocument, Unread> {
        let body = json(reply).meaning?;
        let methods = body.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        Ok(IssuerDocument {
            token_endpoint: text(body, "token_endpoint"),
            takes_basic: methods.map(|methods| methods.iter().any(|method| method == "client_secret_basic")),
        })
    }

    fn tenant<'r>(&'r self, tenant: &'r str) -> HttpRequest<'r> {
        HttpRequest { query: vec![("tenantId", tenant.into())], ..self.discovery("cxone-configuration") }
    }

    fn read_tenant(&self, reply: &HttpReply) -> Result<TenantDocument, Unread> {
        let body = json(reply).meaning?;
        Ok(TenantDocument {
            api_endpoint: text(body, "api_endpoint"),
            auth_endpoint: text(body, "auth_endpoint"),
            area: text(body, "area"),
            cluster: text(body, "cluster"),
        })
    }

    fn question<'r>(&self, token: &'r Token, question: Question) -> HttpRequest<'r> {
        self.request(token, &[question.name()], Content::Get)
    }

    fn read_time(&self, reply: &HttpReply) -> Verdict<Result<Timestamp, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let time = |body: &Value| {
            let members = body.as_object()?;
            let (_, time) = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("ServerTime"))?;
            Timestamp::parse_rfc3339(time.as_str()?)
        };
        Verdict { meaning: meaning.and_then(|body| time(body).ok_or(Unread::NotJson)), lesson }
    }

    fn read_business_unit(&self, reply: &HttpReply) -> Verdict<Result<(), Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        Verdict { meaning: meaning.map(drop), lesson }
    }

    fn read_points(&self, reply: &HttpReply) -> Verdict<Result<Vec<PointOfContact>, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let points = |body: &Value| {
            let lists = ["/pointsOfContact", "/resultSet/pointsOfContact"];
            let list = lists.iter().find_map(|at| body.pointer(at)?.as_array())?;
            let points: Vec<_> = list.iter().filter_map(point).collect();
            // Rows of which none can be read are no list of points of contact.
            (list.is_empty() || !points.is_empty()).then_some(points)
        };
        Verdict { meaning: meaning.and_then(|body| points(body).ok_or(Unread::NotJson)), lesson }
    }

    fn read_skill(&self, skill: &QueueId, reply: &HttpReply) -> Verdict<Result<Option<Skill>, Unread>> {
        let Verdict { meaning, lesson } = health::activity(reply);
        let read = |entries: &Vec<Value>| {
            entries.iter().filter_map(self::skill).find(|(id, _)| id == skill).map(|(_, skill)| skill)
        };
        let meaning = match meaning {
            Ok(entries) => read(entries).map(Some).ok_or(Unread::AnotherQueue),
            Err(Unread::Status(404)) => Ok(None),
            Err(unread) => Err(unread),
        };
        Verdict { meaning, lesson }
    }

    fn read_skills(&self, reply: &HttpReply) -> Verdict<Result<BTreeMap<QueueId, Skill>, Unread>> {
        let Verdict { meaning, lesson } = health::activity(reply);
        Verdict { meaning: meaning.map(|entries| entries.iter().filter_map(skill).collect()), lesson }
    }

    fn channel<'r>(&self, token: &'r Token, channel: &str) -> HttpRequest<'r> {
        self.digital(token, [Cow::from("channels"), Cow::from(channel.to_owned())], Content::Get)
    }

    fn read_channel(&self, channel: &str, reply: &HttpReply) -> Verdict<Result<bool, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let meaning = match meaning {
            Ok(body) if body.get("id").and_then(Value::as_str) == Some(channel) => Ok(true),
            Ok(_) => Err(Unread::NotJson),
            Err(Unread::Status(404)) => Ok(false),
            Err(unread) => Err(unread),
        };
        Verdict { meaning, lesson }
    }

    fn number_field(&self) -> &'static str {
        CALLBACK_NUMBER
    }

    fn payload(&self, route: &Route) -> Payload {
        payload::largest(route, self.rules.payload_bytes)
    }

    fn encoding(&self) -> Encoding {
        self.rules.encoding
    }

    fn probe<'r>(&self, token: &'r Token, event: Submitted) -> HttpRequest<'r> {
        let contact = Contact {
            channel: None,
            from: NOBODY.to_owned(),
            to: NOBODY.to_owned(),
            callback_number: None,
            wrap_up_code: None,
            text: None,
            attributes: Attributes::default(),
        };
        let address = Address::WorkItem(WorkItem {
            point_of_contact: NOWHERE.to_owned(),
            item_type: None,
            skill: None,
            limits: SkillLimits::default(),
            on_doubt: OnDoubt::default(),
        });
        let (contact, address) = (&contact, &address);
        let at = event.expires.unwrap_or_default();
        self.work_item(token, &Submission { contact, address, priority: Priority::LOWEST, route: PROBE, event, at })
    }

    fn read_probe(&self, reply: &HttpReply) -> Verdict<ContactResult> {
        work_item::read(reply)
    }
}

/// The route that a probe names.
const PROBE: &str = "contact-injection doctor";

/// A number that is nobody's: there is no area code 555.
const NOBODY: &str = "+15550100000";

/// A skill as its activity has it.
fn skill(entry: &Value) -> Option<(QueueId, Skill)> {
    let active = entry.get("isActive").and_then(Value::as_bool);
    Some((health::skill_of(entry)?, Skill { active, media_type: entry.get("mediaTypeId").and_then(Value::as_u64) }))
}

/// A point of contact as the list has it; nothing where it has no number.
fn point(row: &Value) -> Option<PointOfContact> {
    let flag = |name: &str| row.get(name).and_then(Value::as_bool);
    Some(PointOfContact {
        code: number(row, "contactCode")?,
        name: text(row, "contactDescription").unwrap_or_default(),
        active: flag("isActive"),
        media_type: row.get("mediaTypeId").and_then(Value::as_u64),
        default_skill: default_skill(row),
        script: text(row, "scriptName"),
    })
}

/// A point of contact is for no skill where it says so; one that says nothing may be for any.
fn default_skill(row: &Value) -> DefaultSkill {
    const MEMBER: &str = "defaultSkillId";
    if row.get(MEMBER).is_some_and(Value::is_null) {
        return DefaultSkill::None;
    }
    match number(row, MEMBER).and_then(QueueId::new) {
        Some(none) if none.as_str() == "0" => DefaultSkill::None,
        Some(skill) => DefaultSkill::Skill(skill),
        None => DefaultSkill::Unknown,
    }
}

fn text(body: &Value, name: &str) -> Option<String> {
    body.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A whole number, or its text.
fn number(row: &Value, name: &str) -> Option<String> {
    match row.get(name)? {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        Value::String(text) => Some(text.clone()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        dialects::{HttpResponse, nice::fixtures},
        domain::{idempotency::IdempotencyKey, lease::Lesson, routes::Routes},
    };

    fn nice() -> Nice {
        let routes = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cxone/routes.json"));
        let routes = Routes::from_json(routes, super::super::FACTS.routes).unwrap();
        Nice::new("https://cxone.niceincontact.com/", "v34.0", None, &routes).unwrap()
    }

    fn reply(status: u16, body: &Value) -> HttpReply {
        let bytes = body.to_string();
        HttpReply::Answered(HttpResponse::new(status, None, bytes.as_bytes(), Timestamp::from_millis(0)))
    }

    #[test]
    fn points_of_contact_are_read_in_both_shapes_and_rows_without_a_number_are_none() {
        let list = json!([
            { "contactCode": 123_456, "contactDescription": "Orders", "isActive": true, "mediaTypeId": 6,
              "defaultSkillId": 4012, "scriptName": "Scripts\\Orders", "contactAddress": "+15550109876" },
            { "contactCode": "7", "defaultSkillId": 0 },
            { "contactDescription": "nobody" },
            { "contactCode": "seven" },
        ]);
        for body in [json!({ "pointsOfContact": list }), json!({ "resultSet": { "pointsOfContact": list } })] {
            let points = nice().read_points(&reply(200, &body)).meaning.unwrap();
            assert_eq!(points.len(), 2, "{points:?}");
            let orders = (points[0].code.as_str(), points[0].name.as_str(), &points[0].default_skill);
            let skill = DefaultSkill::Skill(QueueId::new("4012".to_owned()).unwrap());
            assert_eq!(orders, ("123456", "Orders", &skill));
            assert_eq!(
                (points[1].code.as_str(), points[1].active, &points[1].default_skill),
                ("7", None, &DefaultSkill::None)
            );
        }
        assert_eq!(nice().read_points(&reply(200, &json!({ "pointsOfContact": [] }))).meaning, Ok(Vec::new()));
        for none in [json!({}), json!({ "pointsOfContact": [{ "code": 7 }, 8] })] {
            assert_eq!(nice().read_points(&reply(200, &none)).meaning, Err(Unread::NotJson), "{none}");
        }
        let denied = nice().read_points(&reply(403, &json!({})));
        assert_eq!(denied, Verdict { meaning: Err(Unread::Status(403)), lesson: Lesson::Works });
    }

    #[test]
    fn a_point_of_contact_is_for_no_skill_only_where_it_says_so() {
        for none in [json!(null), json!(0), json!("0")] {
            assert_eq!(default_skill(&json!({ "defaultSkillId": none })), DefaultSkill::None, "{none}");
        }
        for unread in [json!(4012.5), json!(-1), json!("4012 "), json!(""), json!({ "id": 4012 }), json!([])] {
            assert_eq!(default_skill(&json!({ "defaultSkillId": unread })), DefaultSkill::Unknown, "{unread}");
        }
        assert_eq!(default_skill(&json!({})), DefaultSkill::Unknown);
    }

    #[test]
    fn a_skill_that_is_not_there_is_told_from_one_that_cannot_be_read() {
        let skill = QueueId::new("4012".to_owned()).unwrap();
        let read = |status, body: &Value| nice().read_skill(&skill, &reply(status, body)).meaning;
        let entry = json!({ "skillActivity": [{ "skillId": 4012, "isActive": false, "mediaTypeId": 4 }] });
        assert_eq!(read(200, &entry), Ok(Some(Skill { active: Some(false), media_type: Some(4) })));
        assert_eq!(read(404, &json!({})), Ok(None));
        assert_eq!(read(500, &json!({})), Err(Unread::Status(500)));
        assert_eq!(read(200, &json!({ "skillActivity": [] })), Err(Unread::AnotherQueue));
        let all = nice().read_skills(&reply(200, &entry)).meaning.unwrap();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [(skill, Skill { active: Some(false), media_type: Some(4) })]);
    }

    #[test]
    fn a_channel_is_there_where_its_answer_names_it_and_gone_where_it_is_not_found() {
        let read = |status, body: &Value| nice().read_channel("chat_0B7c", &reply(status, body)).meaning;
        assert_eq!(read(200, &json!({ "id": "chat_0B7c", "name": "Pat Doe" })), Ok(true));
        assert_eq!(read(404, &json!({ "errors": [] })), Ok(false));
        for other in [json!({}), json!({ "id": "chat_0b7c" }), json!([{ "id": "chat_0B7c" }])] {
            assert_eq!(read(200, &other), Err(Unread::NotJson), "{other}");
        }
        assert_eq!(read(403, &json!({})), Err(Unread::Status(403)));
    }

    #[test]
    fn the_tenants_time_is_read_whatever_the_case_of_its_name() {
        for name in ["ServerTime", "serverTime"] {
            let read = nice().read_time(&reply(200, &json!({ name: "2026-03-01T12:00:00.000Z" }))).meaning;
            assert_eq!(read, Ok(Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap()));
        }
        assert_eq!(nice().read_time(&reply(200, &json!({ "ServerTime": 7 }))).meaning, Err(Unread::NotJson));
    }

    #[test]
    fn where_a_tenants_tokens_serve_is_asked_of_the_issuer_by_the_tenants_id() {
        let nice = nice();
        let request = nice.tenant("t-1");
        let asked = (request.base.as_deref(), request.path.join("/"), request.query);
        let (issuer, path) = ("https://cxone.niceincontact.com", ".well-known/cxone-configuration");
        assert_eq!(asked, (Some(issuer), path.to_owned(), vec![("tenantId", "t-1".into())]));
    }

    #[test]
    fn a_probe_is_a_work_item_like_any_other_but_for_its_point_of_contact() {
        let token = fixtures::token();
        let key = IdempotencyKey::of_event("doctor", "1");
        let event = Submitted { key, expires: Some(Timestamp::from_millis(0)) };
        let nice = nice();
        let request = nice.probe(&token, event);
        assert_eq!(request.path.join("/"), "inContactAPI/services/v34.0/interactions/work-items");
        let Content::PostJson(body) = &request.content else { panic!("JSON") };
        let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!([&body["pointOfContact"], &body["workItemID"]], [&json!(NOWHERE), &json!(key.to_string())]);
        let payload: Value = serde_json::from_str(body["workItemPayload"].as_str().unwrap()).unwrap();
        let expected = json!({
            "v": 1, "key": key.to_string(), "route": "contact-injection doctor", "priority": 0, "to": NOBODY,
            "attributes": {}, "expiresAt": Timestamp::from_millis(0).to_string(),
        });
        assert_eq!((payload, &body["from"]), (expected, &json!(NOBODY)));
        assert_eq!(nice.encoding(), Encoding::Json);
    }

    #[test]
    fn what_discovery_does_not_say_is_not_made_up() {
        let read = |body: &Value| nice().read_issuer(&reply(200, body)).unwrap();
        assert_eq!(read(&json!({})), IssuerDocument { token_endpoint: None, takes_basic: None });
        let post = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
        assert_eq!(read(&post).takes_basic, Some(false));
        let tenant = nice().read_tenant(&reply(200, &json!({ "area": "na1", "api_endpoint": 7 }))).unwrap();
        assert_eq!(tenant, TenantDocument { area: Some("na1".to_owned()), ..TenantDocument::default() });
    }
}
