//! What a request did wrong, and how that is refused.

use std::collections::HashSet;

use serde::Serialize;

use super::request::Endpoint;

/// A rule that a request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// No endpoint of this face.
    UnknownEndpoint,
    /// A version in the path that isn't served.
    WrongVersion,
    /// `Accept` doesn't name `application/json`.
    NotAcceptable,
    /// A POST without `Content-Type`, or one of a type that its endpoint never takes.
    WrongContentType,
    /// A parameter that the endpoint doesn't act on.
    UnknownParameter,
    /// A parameter twice, or in the query and in the body.
    RepeatedParameter,
    /// A mandatory parameter is missing or empty.
    MissingParameter,
    /// A parameter of the wrong type.
    WrongParameter,
    /// A body that is not of its own media type.
    MalformedBody,
    /// A form whose values hold a plain `=` or space, or key material with a plain `+`.
    NotFormEncoded,
    /// A grant that isn't `password`.
    WrongGrant,
    /// No pair of identifier and secret by HTTP Basic.
    BadBasic,
    /// No bearer token.
    NoToken,
    /// A token that nobody issued.
    UnknownToken,
    /// A token that claims another tenant.
    ForeignToken,
    /// A point of contact by its GUID.
    PointOfContactByGuid,
    /// A payload that is no string.
    PayloadNotAString,
    /// A payload over the limit of the business unit.
    PayloadTooLarge,
    /// A token after its time.
    ExpiredToken,
    /// A token that was revoked, or whose access key is gone or inactive.
    RevokedToken,
    /// A registered application that isn't.
    UnknownClient,
    /// An access key that isn't, is inactive, or is not this application's.
    UnknownAccessKey,
    /// A point of contact that doesn't exist, is inactive or takes no work items.
    UnknownPointOfContact,
}

impl Rule {
    /// Whether no correct client breaks it. The others befall a correct one too, as when its token was revoked.
    pub fn is_misuse(self) -> bool {
        !matches!(
            self,
            Self::ExpiredToken
                | Self::RevokedToken
                | Self::UnknownClient
                | Self::UnknownAccessKey
                | Self::UnknownPointOfContact
        )
    }
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Where.
    pub endpoint: Endpoint,
    /// Which rule.
    pub rule: Rule,
    /// The access key of the caller, where it is known.
    pub access_key_id: Option<String>,
    /// What was answered; names parameters, never their values.
    pub detail: String,
}

/// A request that is turned away.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The rule that it broke; `None` where it did nothing wrong.
    pub(crate) rule: Option<Rule>,
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) text: String,
    /// The wait that `Retry-After` names, where the rate limit is configured to.
    pub(crate) wait_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: &'static str, text: impl Into<String>) -> Self {
        Self { rule: None, status, error, text: text.into(), wait_ms: None }
    }

    /// A refusal that is a violation of this rule.
    pub(crate) fn of(rule: Rule, status: u16, error: &'static str, text: impl Into<String>) -> Self {
        Self { rule: Some(rule), ..Self::new(status, error, text) }
    }

    /// A request that can't be understood: 400.
    pub(crate) fn bad(rule: Rule, text: impl Into<String>) -> Self {
        Self::of(rule, 400, "invalid_request", text)
    }
}

/// The parameters of one request, all of them known to its endpoint.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads pairs whose names are compared without case.
    ///
    /// # Errors
    /// A name that isn't known, or that comes twice.
    pub(crate) fn read(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, Refusal> {
        let mut seen = HashSet::new();
        for (name, _) in &pairs {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return Err(Refusal::bad(Rule::UnknownParameter, format!("unknown parameter {name}")));
            }
            if !seen.insert(name.to_ascii_lowercase()) {
                return Err(Refusal::bad(Rule::RepeatedParameter, format!("{name} is given twice")));
            }
        }
        Ok(Self(pairs))
    }

    /// A value that isn't empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn mandatory(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::bad(Rule::MissingParameter, format!("{name} is required")))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let wrong = |_| Refusal::bad(Rule::WrongParameter, format!("{name} must be a number"));
        self.get(name).map(str::parse).transpose().map_err(wrong)
    }
}
