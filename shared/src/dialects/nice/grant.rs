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
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Nice, accepting_json, statuses::row};
use crate::{
    dialects::{
        Authorization, Content, HttpReply, HttpRequest, HttpResponse, TokenSearch, TokenStep, Verdict,
        answer::{self, Token},
    },
    domain::{
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
        HttpRequest { base: Some(Cow::from(&self.issuer)), ..accepting_json(path, Content::Get) }
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
            // Nobody's credentials were looked at.
            &HttpReply::Answered(HttpResponse { status, retry_after, .. }) => {
                Err(TokenError::Unavailable { status, retry_after })
            }
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
                let lesson = answer::of_token_error(&error);
                Verdict { meaning: Err(error), lesson }
            }
        }
    }

    fn read_grant(&self, search: TokenSearch, reply: &HttpReply) -> Verdict<Result<TokenStep, TokenError>> {
        let granted = match reply {
            HttpReply::Answered(response) if row(response.status).token == Token::Granted => {
                granted(response).ok_or(TokenError::Unreadable)
            }
            HttpReply::Answered(response) => Err(refused(response)),
            HttpReply::Silence | HttpReply::Unreachable => Err(TokenError::Unanswered),
        };
        let lesson = granted.as_ref().err().map_or(Lesson::Works, answer::of_token_error);
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
                base: Some(Cow::from(url)),
                authorization: Authorization::Basic(client, client_secret),
                ..accepting_json(Vec::new(), Content::PostForm(form))
            }
        }
        KeyClient::TokenEndpoint(_) => {
            let body = json!({ "accessKeyId": id, "accessKeySecret": secret });
            HttpRequest { base: Some(Cow::from(url)), ..accepting_json(Vec::new(), Content::PostJson(body)) }
        }
    }
}

/// A token, and the tenant that it, or the id token beside it, is of. The answer is an object, or an array of one.
fn granted(response: &HttpResponse) -> Option<(GrantedToken, Option<String>)> {
    let answer = match response.body.as_ref()? {
        Value::Array(list) => list.first()?,
        answer => answer,
    };
    let granted = answer::granted(answer)?;
    let id_token = answer.get("id_token").and_then(Value::as_str);
    let tenant = id_token.and_then(tenant).or_else(|| tenant(granted.access_token.expose_secret()));
    Some((granted, tenant))
}

/// The claim `tenantId` of a JWT. Its signature is CXone's to check: a wrong tenant has no such token.
fn tenant(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("tenantId")?.as_str().filter(|tenant| !tenant.is_empty()).map(str::to_owned)
}

fn refused(response: &HttpResponse) -> TokenError {
    let says = row(response.status).token;
    let error = response.member("error").and_then(Value::as_str);
    match (says, error) {
        (Token::Refused | Token::ClientRefused, Some("invalid_grant")) => TokenError::InvalidGrant,
        _ => answer::no_token(response, says),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::{
        dialects::Dialect as _,
        domain::{contact_result::ErrorCode, routes::Routes, time::Timestamp},
    };

    const ISSUER: &str = "https://cxone.niceincontact.com";
    const TOKEN: &str = "https://cxone.niceincontact.com/auth/token";
    const API: &str = "https://api-na1.niceincontact.com";

    fn nice(base: Option<&str>) -> Nice {
        let routes = include_str!("../../../../tests/fixtures/cxone/routes.json");
        let routes = Routes::from_json(routes, super::super::FACTS.routes).unwrap();
        Nice::new(ISSUER, "v34.0", base, &routes).unwrap()
    }

    fn credentials(through: KeyClient) -> Credentials {
        Credentials::access_key("KEY+1", AccessKey { secret: SecretString::from("s+c=="), through })
    }

    fn by_client() -> Credentials {
        credentials(KeyClient::Client("client".to_owned(), SecretString::from("hush")))
    }

    fn reply(status: u16, body: &Value) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, None, body.to_string().as_bytes(), Timestamp::from_millis(0)))
    }

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn further(step: Result<TokenStep, TokenError>) -> TokenSearch {
        match step.unwrap() {
            TokenStep::Further(search) => *search,
            TokenStep::Granted(_) => panic!("granted already"),
        }
    }

    fn granted(step: Result<TokenStep, TokenError>) -> GrantedToken {
        match step.unwrap() {
            TokenStep::Granted(granted) => granted,
            TokenStep::Further(search) => panic!("{search:?}"),
        }
    }

    fn url(request: &HttpRequest<'_>) -> String {
        let base = request.base.as_deref().unwrap_or("the API");
        request.path.iter().fold(base.to_owned(), |url, segment| url + "/" + segment)
    }

    #[test]
    fn a_token_is_had_by_way_of_two_documents() {
        let (nice, credentials) = (nice(None), by_client());
        let search = TokenSearch::default();
        assert_eq!(url(&nice.token(&credentials, &search)), format!("{ISSUER}/.well-known/openid-configuration"));
        let told = nice.read_token(&credentials, search, &reply(200, &json!({"token_endpoint": TOKEN})));
        let search = further(told.meaning);
        let request = nice.token(&credentials, &search);
        assert_eq!((url(&request).as_str(), request.headers[0].1.as_str()), (TOKEN, "application/json"));
        let Authorization::Basic("client", secret) = request.authorization else { panic!("Basic") };
        assert_eq!(secret.expose_secret(), "hush");
        let Content::PostForm(form) = &request.content else { panic!("a form") };
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(form, [("grant_type", "password"), ("username", "KEY+1"), ("password", "s+c==")]);
        let answer = json!({"access_token": "t", "expires_in": 3600, "id_token": jwt(&json!({"tenantId": "tenant"}))});
        let search = further(nice.read_token(&credentials, search, &reply(200, &json!([answer]))).meaning);
        let request = nice.token(&credentials, &search);
        assert_eq!(url(&request), format!("{ISSUER}/.well-known/cxone-configuration"));
        assert_eq!(request.query, [("tenantId", Cow::from("tenant"))]);
        let token = granted(nice.read_token(&credentials, search, &reply(200, &json!({"api_endpoint": API}))).meaning);
        let endpoints = Endpoints { token: Some(TOKEN.to_owned()), api: Some(API.to_owned()) };
        assert_eq!((token.endpoints, token.expires_in), (endpoints, Some(3600)));
    }

    #[test]
    fn with_a_base_url_nobody_is_asked_where_the_token_serves() {
        let (nice, credentials) = (nice(Some("https://gateway.example.com")), by_client());
        let found = Endpoints { token: Some(TOKEN.to_owned()), api: None };
        let search = TokenSearch { found: found.clone(), ..TokenSearch::default() };
        let token = granted(nice.read_token(&credentials, search, &reply(200, &json!({"access_token": "t"}))).meaning);
        assert_eq!((token.endpoints, token.expires_in), (found, None));
    }

    #[test]
    fn the_older_grant_has_its_own_address_and_no_client() {
        let (nice, credentials) = (nice(None), credentials(KeyClient::TokenEndpoint(TOKEN.to_owned())));
        let search = TokenSearch::default();
        let request = nice.token(&credentials, &search);
        assert_eq!(url(&request), TOKEN);
        assert!(matches!(request.authorization, Authorization::None));
        let Content::PostJson(body) = &request.content else { panic!("JSON") };
        assert_eq!(*body, json!({"accessKeyId": "KEY+1", "accessKeySecret": "s+c=="}));
        let answer = json!({"access_token": jwt(&json!({"tenantId": "tenant"}))});
        let search = further(nice.read_token(&credentials, search, &reply(200, &answer)).meaning);
        assert_eq!(search.granted.unwrap().1, "tenant", "the access token says so where there is no id token");
        let nobodys = json!({"access_token": "t"});
        let read = nice.read_token(&credentials, TokenSearch::default(), &reply(200, &nobodys));
        assert_eq!((read.meaning.unwrap_err(), read.lesson), (TokenError::NoTenant, Lesson::Works));
    }

    #[test]
    fn what_discovery_said_before_serves_where_it_does_not_answer_and_never_where_it_names_a_stranger() {
        let (nice, credentials) = (nice(None), by_client());
        let search = |token: Option<&str>| {
            let known = Endpoints { token: token.map(str::to_owned), api: None };
            TokenSearch { known, ..TokenSearch::default() }
        };
        let foreign = json!({"token_endpoint": "https://cxone.example.com/token"});
        let no_document = reply(404, &json!({"token_endpoint": ISSUER}));
        for broken in [reply(500, &json!({})), no_document, reply(200, &json!({})), HttpReply::Silence] {
            let read = nice.read_token(&credentials, search(Some(TOKEN)), &broken);
            assert_eq!(read.lesson, Lesson::Works);
            assert_eq!(further(read.meaning).found.token.as_deref(), Some(TOKEN));
            assert!(nice.read_token(&credentials, search(None), &broken).meaning.is_err());
            let stranger = search(Some("https://cxone.example.com"));
            assert!(nice.read_token(&credentials, stranger, &broken).meaning.is_err(), "a rule that came since");
        }
        for known in [None, Some(TOKEN)] {
            let read = nice.read_token(&credentials, search(known), &reply(200, &foreign));
            assert_eq!(read.meaning.unwrap_err(), TokenError::ForeignHost("the token endpoint"));
        }
    }

    #[test]
    fn refusals_of_the_credentials_are_told_from_failures_of_the_service() {
        let (nice, credentials) = (nice(None), by_client());
        let read = |status, body: Value| {
            let found = Endpoints { token: Some(TOKEN.to_owned()), api: None };
            let search = TokenSearch { found, ..TokenSearch::default() };
            let Verdict { meaning, lesson } = nice.read_token(&credentials, search, &reply(status, &body));
            (meaning.unwrap_err(), lesson)
        };
        for status in [400, 401] {
            assert_eq!(read(status, json!({"error": "invalid_grant"})), (TokenError::InvalidGrant, Lesson::Works));
            assert_eq!(read(status, json!({"error": "invalid_client"})), (TokenError::InvalidClient, Lesson::Works));
            let other = TokenError::Refused { status, error: ErrorCode::read("invalid_request") };
            assert_eq!(read(status, json!({"error": "invalid_request"})), (other, Lesson::Works));
        }
        assert_eq!(read(401, json!({})), (TokenError::InvalidClient, Lesson::Works));
        for status in [400, 403, 429, 500, 503] {
            let unavailable = TokenError::Unavailable { status, retry_after: None };
            assert_eq!(read(status, json!({})), (unavailable, Lesson::Fails));
        }
        for senseless in [json!({}), json!({"access_token": "a b"}), json!({"access_token": ""}), json!([]), json!("t")]
        {
            assert_eq!(read(200, senseless.clone()), (TokenError::Unreadable, Lesson::Fails), "{senseless}");
        }
    }
}
