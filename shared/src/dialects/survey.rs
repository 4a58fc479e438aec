//! What a tenant can be asked besides contacts and health, so that whoever sets a deployment up learns what is wrong
//! with it before an event does. Nothing that is asked here changes anything; the one request that would write asks for
//! what can't be had.
//!
//! Answers become small structs of what is looked at and no more: the rest of them is anybody's data.

mod points;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

pub use self::points::{DefaultSkill, PointOfContact, Spelling, default_skill, default_skills, named};
use super::{HttpReply, HttpRequest, Submitted, TokenSearch, Unread, Verdict};
use crate::domain::{
    contact_result::ContactResult,
    credentials::Credentials,
    routes::{Encoding, QueueId, Route},
    time::Timestamp,
    token::Token,
};

/// How a tenant is surveyed.
pub trait Survey {
    /// The issuer that discovery is asked at.
    fn issuer(&self) -> &str;

    /// Where the API is, where an operator says so.
    fn base(&self) -> Option<&str>;

    /// The version of the API.
    fn version(&self) -> &str;

    /// Whether what is secret may go to this URL.
    fn allows(&self, url: &str) -> bool;

    /// Which part of the way to a token comes next.
    fn stage(&self, credentials: &Credentials, search: &TokenSearch) -> Stage;

    /// What the issuer says of itself.
    fn read_issuer(&self, reply: &HttpReply) -> Result<IssuerDocument, Unread>;

    /// Asks the issuer about a tenant, under no right.
    fn tenant<'r>(&'r self, tenant: &'r str) -> HttpRequest<'r>;

    /// What it says of the tenant.
    fn read_tenant(&self, reply: &HttpReply) -> Result<TenantDocument, Unread>;

    /// Asks a question under a token.
    fn question<'r>(&self, token: &'r Token, question: Question) -> HttpRequest<'r>;

    /// The tenant's time.
    fn read_time(&self, reply: &HttpReply) -> Verdict<Result<Timestamp, Unread>>;

    /// Whether the business unit can be read.
    fn read_business_unit(&self, reply: &HttpReply) -> Verdict<Result<(), Unread>>;

    /// The tenant's points of contact.
    fn read_points(&self, reply: &HttpReply) -> Verdict<Result<Vec<PointOfContact>, Unread>>;

    /// A skill, by the answer that tells its health; nothing where there is none.
    fn read_skill(&self, skill: &QueueId, reply: &HttpReply) -> Verdict<Result<Option<Skill>, Unread>>;

    /// Every skill, by the answer that tells the health of all.
    fn read_skills(&self, reply: &HttpReply) -> Verdict<Result<BTreeMap<QueueId, Skill>, Unread>>;

    /// Asks for a digital channel.
    fn channel<'r>(&self, token: &'r Token, channel: &str) -> HttpRequest<'r>;

    /// Whether it is there.
    fn read_channel(&self, channel: &str, reply: &HttpReply) -> Verdict<Result<bool, Unread>>;

    /// The custom field that the number to call back goes to in a digital channel.
    fn number_field(&self) -> &'static str;

    /// What a route's contacts may come to.
    fn payload(&self, route: &Route) -> Payload;

    /// The form that contacts are asked for in.
    fn encoding(&self) -> Encoding;

    /// Asks for a contact at [`NOWHERE`], just as one is asked for that an event is worth.
    fn probe<'r>(&self, token: &'r Token, event: Submitted) -> HttpRequest<'r>;

    /// What came of it.
    fn read_probe(&self, reply: &HttpReply) -> Verdict<ContactResult>;
}

/// A point of contact that no tenant has.
pub const NOWHERE: &str = "contact-injection doctor: no such point of contact";

/// A part of the way to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Where tokens are had.
    Issuer,
    /// The token.
    Grant,
    /// Where the token serves.
    Tenant,
}

/// A question under a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What time it is.
    ServerTime,
    /// What the business unit is.
    BusinessUnit,
    /// Which points of contact there are.
    PointsOfContact,
}

impl Question {
    /// The last part of its path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerTime => "server-time",
            Self::BusinessUnit => "business-unit",
            Self::PointsOfContact => "points-of-contact",
        }
    }
}

/// What an issuer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerDocument {
    /// Where tokens are had.
    pub token_endpoint: Option<String>,
    /// Whether clients may authenticate there by HTTP Basic; nothing where it doesn't say.
    pub takes_basic: Option<bool>,
}

/// What an issuer says of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantDocument {
    /// Where its API is.
    pub api_endpoint: Option<String>,
    /// Where its tokens are had.
    pub auth_endpoint: Option<String>,
    /// Its area.
    pub area: Option<String>,
    /// Its cluster.
    pub cluster: Option<String>,
}

/// A skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// Whether it is active; nothing where it doesn't say.
    pub active: Option<bool>,
    /// The kind of contacts that it is for.
    pub media_type: Option<u64>,
}

/// What a route's contacts may come to, in bytes of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The largest.
    pub largest: usize,
    /// The largest once every text that may be cut is cut away.
    pub cut: usize,
    /// What one text of a flattened object adds at most, where the route flattens one.
    pub flattened: Option<usize>,
    /// What the API takes.
    pub limit: usize,
}

/// What a token claims, as far as it is looked at. No signature is checked: only CXone can, and nothing rests on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it.
    pub issuer: Option<String>,
    /// Whose it is.
    pub tenant: Option<String>,
    /// The business unit's number.
    pub business_unit: Option<u64>,
    /// The cluster.
    pub cluster: Option<String>,
    /// The name of the user's role.
    pub role: Option<String>,
    /// When it was issued.
    pub issued: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl Claims {
    /// The claims of the answer to a grant: those of the id token, and the access token's where it has no such. Nothing
    /// where neither is a JWT.
    pub fn of(reply: &HttpReply) -> Option<Self> {
        let HttpReply::Answered(response) = reply else { return None };
        let answer = match response.body.as_ref()? {
            Value::Array(list) => list.first()?,
            answer => answer,
        };
        let tokens = ["id_token", "access_token"].map(|name| answer.get(name).and_then(Value::as_str));
        let claims: Vec<_> = tokens.into_iter().flatten().filter_map(payload).collect();
        if claims.is_empty() {
            return None;
        }
        let member = |name: &str| claims.iter().find_map(|claims| claims.get(name).filter(|value| !value.is_null()));
        let text = |name| member(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |name| member(name).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let time = |name| {
            let seconds = member(name)?.as_i64()?;
            seconds.checked_mul(1000).map(Timestamp::from_millis)
        };
        Some(Self {
            issuer: text("iss"),
            tenant: text("tenantId"),
            business_unit: number("icBUId"),
            cluster: text("icClusterId"),
            role: text("role"),
            issued: time("iat"),
            expires: time("exp"),
        })
    }
}

/// The claims of a JWT.
fn payload(token: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialects::HttpResponse;

    fn reply(body: &Value) -> HttpReply {
        let bytes = body.to_string();
        HttpReply::Answered(HttpResponse::new(200, None, bytes.as_bytes(), Timestamp::from_millis(0)))
    }

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn the_id_tokens_claims_come_first_and_the_access_tokens_fill_in() {
        let id = jwt(&json!({ "tenantId": "t", "icBUId": "4400001", "iat": 7 }));
        let access = jwt(&json!({ "tenantId": "other", "role": "Administrator", "exp": 9 }));
        let answer = json!({ "access_token": access, "id_token": id });
        for body in [answer.clone(), json!([answer])] {
            let claims = Claims::of(&reply(&body)).unwrap();
            let texts = (claims.tenant.as_deref(), claims.role.as_deref(), claims.issuer.as_deref());
            assert_eq!(texts, (Some("t"), Some("Administrator"), None));
            let times = [claims.issued, claims.expires].map(|at| at.map(Timestamp::as_seconds));
            assert_eq!((claims.business_unit, times), (Some(4_400_001), [Some(7), Some(9)]));
        }
    }

    #[test]
    fn what_is_no_jwt_claims_nothing() {
        for body in [json!({ "access_token": "opaque" }), json!({ "access_token": "e30.e30!.s" }), json!([]), json!(7)]
        {
            assert_eq!(Claims::of(&reply(&body)), None, "{body}");
        }
        assert_eq!(Claims::of(&HttpReply::Silence), None);
    }
}
