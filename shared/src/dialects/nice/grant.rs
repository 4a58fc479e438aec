//! How a tenant's token is had (docs/real-tenant.md#grants).
//!
//! ```text
//! GET  {issuer}/.well-known/openid-configuration              where tokens are had      unless the secret says
//! POST {token_endpoint}     access key, by Basic or alone     the token, and its tenant
//! GET  {issuer}/.well-known/cxone-configuration?tenantId=     where the token serves    unless an operator says
//! ```
//!
//! What discovery said the last time serves where it doesn't answer. What it says is taken only where
//! [`super::Hosts`] allow.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{
    Nice, accepting_json,
    statuses::{self, row},
};
use crate::{
    dialects::{Authorization, Content, HttpReply, HttpRequest, HttpResponse, TokenSearch, TokenStep, Verdict},
    domain::{
        contact_result::ErrorCode,
        credentials::{AccessKey, Credentials, GrantType, KeyClient},
        lease::Lesson,
        token::{Endpoints, GrantedToken, TokenError},
    },
};

/// Who is asked next.
pub(super) enum Step<'s> {
    /// The issuer: where tokens are had.
    OpenId,
    /// That endpoint: a token for this key.
    Grant(&'s str, &'s AccessKey),
    /// The issuer: where this tenant's tokens serve.
    Tenant(&'s str),
}

impl<'s> Step<'s> {
    pub(super) fn of(credentials: &'s Credentials, search: &'s TokenSearch) -> Self {
        let GrantType::AccessKey(key) = &credentials.grant else { return Self::OpenId };
        match (&search.granted, &key.through, &search.found.token) {
            (Some((_, tenant)), _, _) => Self::Tenant(tenant),
            (None, KeyClient::TokenEndpoint(url), _) | (None, KeyClient::Client(..), Some(url)) => {
                Self::Grant(url, key)
            }
            (None, KeyClient::Client(..), None) => Self::OpenId,
        }
    }
}

impl Nice {
    /// The next request on the way to a token.
    pub(super) fn next_request<'r>(&'r self, credentials: &'r Credentials, search: &'r TokenSearch) -> HttpRequest<'r> {
        match Step::of(credentials, search) {
            Step::OpenId => self.discovery("openid-configuration"),
            Step::Tenant(tenant) => {
                HttpRequest { query: vec![("tenantId", Cow::from(tenant))], ..self.discovery("cxone-configuration") }
            }
            Step::Grant(url, key) => grant(url, credentials, key),
        }
    }

    pub(super) fn discovery(&self, document: &'static str) -> HttpRequest<'_> {
        let path = [".well-known", document].map(Cow::from).into();
        HttpRequest { base: Some(&self.issuer), ..accepting_json(path, Content::Get) }
    }

    /// What that request came to.
    pub(super) fn read_step(
        &self,
        credentials: &Credentials,
        search: TokenSearch,
        reply: &HttpReply,
    ) -> Verdict<Result<TokenStep, TokenError>> {
        match Step::of(credentials, &search) {
            Step::OpenId => {
                let told = self.told(reply, "token_endpoint", "the token endpoint", search.known.token.as_ref());
                let further = |url| {
                    let found = Endpoints { token: Some(url), ..search.found };
                    TokenStep::Further(Box::new(TokenSearch { found, ..search }))
                };
                Verdict { meaning: told.meaning.map(further), lesson: told.lesson }
            }
            Step::Grant(..) => self.read_grant(search, reply),
            Step::Tenant(_) => {
                let told = self.told(reply, "api_endpoint", "the API's endpoint", search.known.api.as_ref());
                let granted = |api| {
                    let (granted, _) = search.granted.ok_or(TokenError::Unreadable)?;
                    let endpoints = Endpoints { api: Some(api), ..search.found };
                    Ok(TokenStep::Granted(GrantedToken { endpoints, ..granted }))
                };
                Verdict { meaning: told.meaning.and_then(granted), lesson: told.lesson }
            }
        }
    }

    /// The URL that a document of discovery tells, or the one that it told before.
    fn told(
        &self,
        reply: &HttpReply,
        member: &str,
        what: &'static str,
        before: Option<&String>,
    ) -> Verdict<Result<String, TokenError>> {
        let url = match reply {
            HttpReply::Answered(response) if response.status == 200 => match response.member(member) {
                Some(Value::String(url)) if self.hosts.allow(url) => Ok(url.clone()),
                Some(Value::String(_)) => Err(TokenError::ForeignHost(what)),
                _ => Err(TokenError::Unreadable),
            },
            HttpReply::Answered(response) => Err(refused(response)),
            HttpReply::Silence | HttpReply::Unreachable => Err(TokenError::Unanswered),
        };
        match (url, before) {
            (Ok(url), _) => Verdict { meaning: Ok(url), lesson: Lesson::Works },
            // Whoever is told of a foreign host must not go on as if nothing were wrong.
            (Err(foreign @ TokenError::ForeignHost(_)), _) => Verdict { meaning: Err(foreign), lesson: Lesson::Works },
            (Err(_), Some(before)) if self.hosts.allow(before) => {
                Verdict { meaning: Ok(before.clone()), lesson: Lesson::Works }
            }
            (Err(error), _) => {
                let lesson = lesson(&error);
                Verdict { meaning: Err(error), lesson }
            }
        }
    }

    fn read_grant(&self, search: TokenSearch, reply: &HttpReply) -> Verdict<Result<TokenStep, TokenError>> {
        let granted = match reply {
            HttpReply::Answered(response) if row(response.status).token == statuses::Token::Granted => {
                granted(response).ok_or(TokenError::Unreadable)
            }
            HttpReply::Answered(response) => Err(refused(response)),
            HttpReply::Silence | HttpReply::Unreachable => Err(TokenError::Unanswered),
        };
        let lesson = granted.as_ref().err().map_or(Lesson::Works, lesson);
        let step = granted.and_then(|(granted, tenant)| match (&self.base, tenant) {
            (Some(_), _) => Ok(TokenStep::Granted(GrantedToken { endpoints: search.found, ..granted })),
            (None, Some(tenant)) => {
                Ok(TokenStep::Further(Box::new(TokenSearch { granted: Some((granted, tenant)), ..search })))
            }
            (None, None) => Err(TokenError::NoTenant),
        });
        Verdict { meaning: step, lesson }
    }
}

/// Asks for a token. A refresh token isn't used: a new grant costs the same request, and can fail in one way less.
fn grant<'r>(url: &'r str, credentials: &'r Credentials, key: &'r AccessKey) -> HttpRequest<'r> {
    let (id, secret) = (credentials.client_id.as_str(), key.secret.expose_secret());
    match &key.through {
        KeyClient::Client(client, client_secret) => {
            let form = [("grant_type", "password"), ("username", id), ("password", secret)];
            let form = form.map(|(name, value)| (name, Cow::from(value))).into();
            HttpRequest {
                base: Some(url),
                authorization: Authorization::Basic(client, client_secret),
                ..accepting_json(Vec::new(), Content::PostForm(form))
            }
        }
        KeyClient::TokenEndpoint(_) => {
            let body = json!({ "accessKeyId": id, "accessKeySecret": secret });
            HttpRequest { base: Some(url), ..accepting_json(Vec::new(), Content::PostJson(body)) }
        }
    }
}

/// A token, and the tenant that it, or the id token beside it, is of. The answer is an object, or an array of one.
fn granted(response: &HttpResponse) -> Option<(GrantedToken, Option<String>)> {
    let answer = match response.body.as_ref()? {
        Value::Array(list) => list.first()?,
        answer => answer,
    };
    let token = answer.get("access_token")?.as_str().filter(|token| is_header_value(token))?;
    let expires_in = answer.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let id_token = answer.get("id_token").and_then(Value::as_str);
    let tenant = id_token.and_then(tenant).or_else(|| tenant(token));
    let expires_in = expires_in.filter(|seconds| *seconds > 0);
    let endpoints = Endpoints::default();
    Some((GrantedToken { access_token: SecretString::from(token), expires_in, endpoints }, tenant))
}

fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The claim `tenantId` of a JWT. Its signature is CXone's to check: a wrong tenant has no such token.
fn tenant(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("tenantId")?.as_str().filter(|tenant| !tenant.is_empty()).map(str::to_owned)
}

fn refused(response: &HttpResponse) -> TokenError {
    let &HttpResponse { status, retry_after, .. } = response;
    match (row(status).token, response.member("error").and_then(Value::as_str)) {
        (statuses::Token::Refused | statuses::Token::CredentialsRefused, Some("invalid_grant")) => {
            TokenError::InvalidGrant
        }
        (statuses::Token::Refused | statuses::Token::CredentialsRefused, Some("invalid_client"))
        | (statuses::Token::CredentialsRefused, None) => TokenError::InvalidClient,
        (statuses::Token::Refused | statuses::Token::CredentialsRefused, Some(error)) => {
            TokenError::Refused { status, error: ErrorCode::read(error) }
        }
        (statuses::Token::Granted, _) => TokenError::Unreadable,
        (statuses::Token::Refused, None) | (statuses::Token::Unavailable, _) => {
            TokenError::Unavailable { status, retry_after }
        }
    }
}

/// A refusal is our fault; the service works.
const fn lesson(error: &TokenError) -> Lesson {
    match error {
        TokenError::InvalidClient
        | TokenError::InvalidGrant
        | TokenError::ForeignHost(_)
        | TokenError::NoTenant
        | TokenError::Refused { .. } => Lesson::Works,
        TokenError::Unavailable { .. } | TokenError::Unreadable => Lesson::Fails,
        TokenError::Unanswered => Lesson::Unanswered,
    }
}
