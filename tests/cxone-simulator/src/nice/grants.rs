//! Tokens for access keys: the grant of OAuth with the resource owner's password, and the older one in JSON.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::config::{AccessKey, TokenShape};
use super::record::TokenRecord;
use super::request::{Request, decoded};
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal, Rule};
use crate::tenant::{HttpAnswer, jwt};

/// The tokens issued so far.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) issued: Vec<TokenRecord>,
    by_value: HashMap<String, usize>,
}

/// Without the tokens themselves, which are the keys of the index.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issued", &self.issued).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn revoke_all(&mut self) {
        self.issued.iter_mut().for_each(|token| token.revoked = true);
    }
}

impl Tenant {
    /// The access key of the bearer, and which token it is.
    pub(crate) fn authenticate(&self, request: &Request) -> Result<(String, usize), Refusal> {
        let refused = |rule, text| Refusal::of(rule, 401, "invalid_token", text);
        let bearer = request.authorization("bearer").ok_or_else(|| refused(Rule::NoToken, "no bearer token"))?;
        let Some(token) = self.tokens.by_value.get(bearer).copied() else {
            let foreign = claimed_tenant(bearer).is_some_and(|tenant| tenant != self.config.tenant_id.to_string());
            if foreign {
                return Err(refused(Rule::ForeignToken, "a token of another tenant"));
            }
            return Err(refused(Rule::UnknownToken, "unknown token"));
        };
        let record = &self.tokens.issued[token];
        let holds = |key: &AccessKey| key.active && key.access_key_id == record.access_key_id;
        if record.revoked || !self.config.access_keys.iter().any(holds) {
            return Err(refused(Rule::RevokedToken, "token revoked"));
        }
        if record.expires_at_ms <= self.now_ms {
            return Err(refused(Rule::ExpiredToken, "token expired"));
        }
        Ok((record.access_key_id.clone(), token))
    }

    /// `POST /auth/token`: the form, then the grant, then the application, then the access key.
    pub(crate) fn password_grant(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        if case.request.media_type().as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Refusal::bad(Rule::WrongContentType, "a token request is a form"));
        }
        let form = form(&case.request.body, Plus::Refused)?;
        let form = Parameters::read(form, &["grant_type", "username", "password"])?;
        if form.mandatory("grant_type")? != "password" {
            return Err(Refusal::of(Rule::WrongGrant, 400, "unsupported_grant_type", "grant_type must be password"));
        }
        let (username, password) = (form.mandatory("username")?, form.mandatory("password")?);
        let status = self.config.tokens.refused_status;
        let pair = basic(case.request);
        let Some((client_id, client_secret)) = pair else {
            return Err(Refusal::of(Rule::BadBasic, status, "invalid_client", "no client by HTTP Basic"));
        };
        let of_client = |key: &&AccessKey| {
            key.client_id.as_deref() == Some(&client_id) && key.client_secret.as_deref() == Some(&client_secret)
        };
        let mut own = self.config.access_keys.iter().filter(of_client).peekable();
        if own.peek().is_none() {
            return Err(Refusal::of(Rule::UnknownClient, status, "invalid_client", "client authentication failed"));
        }
        let granted = own.any(|key| key.is(username, password));
        self.granted(case, granted.then_some(username))
    }

    /// The older grant, which asks for no application.
    pub(crate) fn access_key_grant(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        if case.request.media_type().as_deref() != Some("application/json") {
            return Err(Refusal::bad(Rule::WrongContentType, "a token request of this grant is JSON"));
        }
        let known = ["accessKeyId", "accessKeySecret"];
        let form = Parameters::read(members(&case.request.body, &known, &[])?, &known)?;
        let (id, secret) = (form.mandatory("accessKeyId")?, form.mandatory("accessKeySecret")?);
        let granted = self.config.access_keys.iter().any(|key| key.is(id, secret));
        self.granted(case, granted.then_some(id))
    }

    /// Issues a token for this access key, or says that there is none.
    fn granted(&mut self, case: &mut Case<'_>, access_key_id: Option<&str>) -> Result<HttpAnswer, Refusal> {
        let rules = self.config.tokens.clone();
        let Some(access_key_id) = access_key_id else {
            let text = "the access key is unknown or inactive";
            return Err(Refusal::of(Rule::UnknownAccessKey, rules.refused_status, "invalid_grant", text));
        };
        let expires_at_ms = self.now_ms.saturating_add(rules.lifetime_seconds.saturating_mul(1000));
        let skewed = |ms: u64| (ms / 1000).saturating_add_signed(case.skew_seconds);
        let tenant = json!(self.config.tenant_id);
        let mut claims = json!({
            "iss": self.issuer(case.request), "icBUId": self.config.business_unit_id,
            "icClusterId": self.config.cluster, "role": "Administrator", "sub": format!("user:{access_key_id}"),
            "name": "injector@example.com", "iat": skewed(self.now_ms), "exp": skewed(expires_at_ms),
            "jti": format!("{:032x}", self.random.u128(..)),
        });
        if rules.claims_tenant {
            claims["tenantId"] = tenant.clone();
        }
        let access_token = jwt(&claims, self.random.u128(..));
        let mut body = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": rules.lifetime_seconds,
            "refresh_token": format!("{:032x}", self.random.u128(..)),
        });
        if rules.id_token {
            claims["tenantId"] = tenant;
            body["id_token"] = json!(jwt(&claims, self.random.u128(..)));
        }
        if rules.shape == TokenShape::Array {
            body = json!([body]);
        }
        self.tokens.by_value.insert(access_token.clone(), self.tokens.issued.len());
        self.tokens.issued.push(TokenRecord {
            access_key_id: access_key_id.to_owned(),
            issued_at_ms: self.now_ms,
            expires_at_ms,
            revoked: false,
            value: access_token,
        });
        case.record.access_key_id = Some(access_key_id.to_owned());
        let answer = HttpAnswer::json(200, &body).with_header("cache-control", "no-store".to_owned());
        Ok(answer.with_header("pragma", "no-cache".to_owned()))
    }
}

impl AccessKey {
    fn is(&self, access_key_id: &str, access_key_secret: &str) -> bool {
        self.active && self.access_key_id == access_key_id && self.access_key_secret == access_key_secret
    }
}

/// What a plain plus sign in a form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// A space, as forms have it.
    Space,
    /// A sign that should have been encoded, as key material has no spaces.
    Refused,
}

/// The members of a form, read strictly: a value with a plain `=` or space was not encoded.
pub(crate) fn form(body: &[u8], plus: Plus) -> Result<Vec<(String, String)>, Refusal> {
    let malformed = || Refusal::bad(Rule::MalformedBody, "the body is no form");
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let member = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(malformed)?;
        if value.contains(['=', ' ']) || (plus == Plus::Refused && value.contains('+')) {
            return Err(Refusal::bad(Rule::NotFormEncoded, "a value is not form-encoded"));
        }
        Ok((decoded(name, true).ok_or_else(malformed)?, decoded(value, true).ok_or_else(malformed)?))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(member).collect()
}

/// The members of a JSON object with these names: strings, and numbers where they are numeric.
pub(crate) fn members(body: &[u8], known: &[&str], numeric: &[&str]) -> Result<Vec<(String, String)>, Refusal> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return Err(Refusal::bad(Rule::MalformedBody, "the body is no JSON object"));
    };
    let among = |names: &[&str], name: &str| names.iter().any(|listed| listed.eq_ignore_ascii_case(name));
    let text = |(name, value): (String, Value)| match value {
        _ if !among(known, &name) => Err(Refusal::bad(Rule::UnknownParameter, format!("unknown parameter {name}"))),
        Value::String(text) => Ok((name, text)),
        Value::Number(number) if among(numeric, &name) => Ok((name, number.to_string())),
        _ if name.eq_ignore_ascii_case("workItemPayload") => {
            Err(Refusal::bad(Rule::PayloadNotAString, "workItemPayload must be a string"))
        }
        _ => Err(Refusal::bad(Rule::WrongParameter, format!("{name} must be a string"))),
    };
    members.into_iter().map(text).collect()
}

/// The pair of an application by HTTP Basic, taken raw.
fn basic(request: &Request) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(request.authorization("basic")?).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    (!id.is_empty() && !secret.is_empty()).then(|| (id.to_owned(), secret.to_owned()))
}

fn claimed_tenant(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("tenantId")?.as_str().map(str::to_owned)
}
