//! The way to a token: discovery, the grant, what the token claims, and where it serves.

use super::{
    report::{Check, Findings},
    told,
};
use crate::{
    dialects::{
        HttpReply,
        survey::{Claims, Stage, Survey},
    },
    domain::{
        contact_result::ErrorCode,
        credentials::{AccessKey, Credentials, GrantType, KeyClient},
        time::Timestamp,
        token::TokenError,
    },
    worker::NotSent,
};

/// The grant that takes an access key alone.
const OLDER: &str = "access-key";

/// An answer, and when it was asked for and had. It may hold a token, so it has no `Debug`.
pub(super) struct Answer {
    pub(super) reply: HttpReply,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
}

/// The way to a token, as far as it went.
pub(super) struct Walk {
    /// The client, as far as it may be shown.
    client: String,
    /// By which grant.
    way: &'static str,
    pub(super) issuer: Option<Answer>,
    pub(super) grant: Option<Answer>,
    pub(super) tenant: Option<Answer>,
    /// How it ended.
    pub(super) end: Option<Result<Result<(), TokenError>, NotSent>>,
}

impl Walk {
    pub(super) const fn new(client: String) -> Self {
        Self { client, way: "no", issuer: None, grant: None, tenant: None, end: None }
    }

    /// Keeps an answer; of an API without parts of the way, it is the grant's.
    pub(super) fn keep(&mut self, stage: Option<Stage>, credentials: &Credentials, answer: Answer) {
        self.way = match &credentials.grant {
            GrantType::ClientCredentials => "client_credentials",
            GrantType::AccessKey(AccessKey { through: KeyClient::Client(..), .. }) => "password",
            GrantType::AccessKey(AccessKey { through: KeyClient::TokenEndpoint(_), .. }) => OLDER,
        };
        match stage {
            Some(Stage::Issuer) => self.issuer = Some(answer),
            Some(Stage::Grant) | None => self.grant = Some(answer),
            Some(Stage::Tenant) => self.tenant = Some(answer),
        }
    }

    /// Whether there is a token.
    pub(super) const fn arrived(&self) -> bool {
        matches!(self.end, Some(Ok(Ok(()))))
    }

    /// What the token claims, where it says.
    pub(super) fn claims(&self) -> Option<Claims> {
        Claims::of(&self.grant.as_ref()?.reply)
    }

    const fn error(&self) -> Option<&TokenError> {
        match &self.end {
            Some(Ok(Err(error))) => Some(error),
            _ => None,
        }
    }
}

pub(super) fn discovery(walk: &Walk, survey: &dyn Survey) -> Check {
    let mut findings = Findings::new("discovery");
    let Some(answer) = &walk.issuer else {
        return Check::skipped(
            "discovery",
            if walk.way == OLDER {
                "the secret's token_endpoint says where tokens are had"
            } else {
                "the issuer was not asked"
            },
        );
    };
    let what = format!("openid-configuration at {}: {}", told::origin(survey.issuer()), told::status(&answer.reply));
    let document = match survey.read_issuer(&answer.reply) {
        Ok(document) => document,
        Err(_) if walk.grant.is_some() => {
            findings.warn(&format!("{what}; what it said before serves on"));
            return findings.into_check();
        }
        Err(_) => {
            findings.fail(&format!("{what}: is CxoneIssuer the tenant's issuer, and can it be reached?"));
            return findings.into_check();
        }
    };
    findings.ok(&what);
    match &document.token_endpoint {
        None => findings.fail("it names no token endpoint"),
        Some(url) if survey.allows(url) => findings.ok(&format!("token endpoint at {}", told::origin(url))),
        Some(url) => findings.fail(&format!(
            "its token endpoint at {} is none of CXone's hosts: nothing secret goes there",
            told::origin(url)
        )),
    }
    if document.takes_basic == Some(false) {
        findings.warn("it doesn't say that clients authenticate by HTTP Basic, which is how this one does");
    }
    findings.into_check()
}

pub(super) fn grant(walk: &Walk) -> Check {
    let mut findings = Findings::new("grant");
    let Some(answer) = &walk.grant else {
        match &walk.end {
            Some(Err(not_sent)) => findings.fail(&format!("it was not asked for: {}", not_sent.reason)),
            _ => return Check::skipped("grant", "there is no token endpoint to ask"),
        }
        return findings.into_check();
    };
    let took = told::millis(answer.began, answer.ended);
    let status = told::status(&answer.reply);
    let what = format!("{} grant under {}: {status} in {took}", walk.way, told::text(&walk.client));
    match walk.error() {
        // Where a token was granted, what follows is another check's.
        Some(error) if walk.tenant.is_none() && !matches!(error, TokenError::ForeignHost(_) | TokenError::NoTenant) => {
            findings.fail(&format!("{what}{}: {}", error_code(&answer.reply), advice(error)));
        }
        Some(_) | None => findings.ok(&what),
    }
    findings.into_check()
}

/// The code of a refusal, where it has one.
fn error_code(reply: &HttpReply) -> String {
    let HttpReply::Answered(response) = reply else { return String::new() };
    let code = response.member("error").and_then(|error| ErrorCode::read(error.as_str()?));
    code.map(|code| format!(" {}", told::text(&code.to_string()))).unwrap_or_default()
}

const fn advice(error: &TokenError) -> &'static str {
    match error {
        TokenError::InvalidClient => {
            "CXone doesn't know the pair of client_id and client_secret: it is the one that NICE gave for the \
             registered application"
        }
        TokenError::InvalidGrant => {
            "CXone doesn't take the access key: is it whole, is its user active, and is it this tenant's?"
        }
        TokenError::Refused { .. } => "CXone refuses the form of the request: is the application a back-end one?",
        TokenError::ForeignHost(_) => "it would go to a host that is none of CXone's",
        TokenError::NoTenant => "the token names no tenant: set CxoneBaseUrl",
        TokenError::Unavailable { .. } => "CXone doesn't serve it now: ask again in some minutes",
        TokenError::Unreadable => "the answer holds no token: is that the token endpoint?",
        TokenError::Unanswered => "is the endpoint reachable from the function's network?",
    }
}

pub(super) fn claims(walk: &Walk, issuer: Option<&str>, now: Timestamp) -> Check {
    if !walk.grant.as_ref().is_some_and(|answer| matches!(answer.reply.status(), Some(200..=299))) {
        return Check::skipped("claims", "there is no token");
    }
    let Some(claims) = walk.claims() else {
        return Check::skipped("claims", "the token is opaque: what it claims can't be read, and nothing rests on it");
    };
    let mut findings = Findings::new("claims");
    let of = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let told = [
        of("iss", claims.issuer.as_deref().map(told::origin)),
        of("tenantId", claims.tenant.as_deref().map(told::tenant)),
        of("icBUId", claims.business_unit.map(|number| told::number(&number.to_string()))),
        of("icClusterId", claims.cluster.as_deref().map(told::code)),
        of("role", claims.role.as_deref().map(told::text)),
        of("life left", claims.expires.map(|expires| told::duration(expires.since(now)))),
    ];
    findings.ok(&told.into_iter().flatten().collect::<Vec<_>>().join(", "));
    if let (Some(claimed), Some(issuer)) = (&claims.issuer, issuer)
        && claimed.trim_end_matches('/') != issuer.trim_end_matches('/')
    {
        findings.warn(&format!("the issuer is another than CxoneIssuer, {}: is that one meant?", told::origin(issuer)));
    }
    if claims.expires.is_some_and(|expires| expires <= now) {
        findings.warn("by its own claim the token is over already: one of the two clocks is wrong");
    }
    if issuer.is_some() && claims.tenant.is_none() {
        findings.warn("it names no tenant, so that only CxoneBaseUrl says where the API is");
    }
    findings.into_check()
}

pub(super) fn configuration(walk: &Walk, survey: &dyn Survey) -> Check {
    let mut findings = Findings::new("configuration");
    let based = survey.base().is_some();
    // Where an operator says where the API is, nothing rests on this.
    let bad = |findings: &mut Findings, what: &str| if based { findings.warn(what) } else { findings.fail(what) };
    if matches!(walk.error(), Some(TokenError::NoTenant)) {
        findings.fail("the token names no tenant to ask about: set CxoneBaseUrl");
        return findings.into_check();
    }
    let Some(answer) = &walk.tenant else { return Check::skipped("configuration", "there is no tenant to ask about") };
    let what = format!("cxone-configuration: {}", told::status(&answer.reply));
    let document = match survey.read_tenant(&answer.reply) {
        Ok(document) => document,
        Err(_) if walk.arrived() && !based => {
            findings.warn(&format!("{what}; what it said before serves on"));
            return findings.into_check();
        }
        Err(_) => {
            bad(&mut findings, &format!("{what}: a 404 means that the issuer doesn't know the token's tenant"));
            return findings.into_check();
        }
    };
    let of = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let told = [
        Some(what),
        of("area", document.area.as_deref().map(told::code)),
        of("cluster", document.cluster.as_deref().map(told::code)),
        of("auth_endpoint", document.auth_endpoint.as_deref().map(told::origin)),
        of("api_endpoint", document.api_endpoint.as_deref().map(told::origin)),
    ];
    findings.ok(&told.into_iter().flatten().collect::<Vec<_>>().join(", "));
    match &document.api_endpoint {
        None => bad(&mut findings, "it names no api_endpoint: set CxoneBaseUrl"),
        Some(url) if !survey.allows(url) => {
            bad(&mut findings, "its api_endpoint is at a host that is none of CXone's: nothing is sent there");
        }
        Some(url) => match survey.base() {
            Some(base) if !told::same_origin(base, url) => findings.warn(&format!(
                "CxoneBaseUrl, {}, is another address and comes first: is it still meant?",
                told::origin(base)
            )),
            _ => {}
        },
    }
    findings.into_check()
}
