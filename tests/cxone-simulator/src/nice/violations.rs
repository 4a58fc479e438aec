//! What a request did wrong, and how that is refused.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Value, json};

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
    /// A POST or PUT without `Content-Type`, or one of a type that its endpoint never takes.
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
    /// A skill that doesn't exist or takes no callbacks.
    UnknownSkill,
    /// A custom field that isn't defined.
    UnknownCustomField,
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
                | Self::UnknownSkill
                | Self::UnknownCustomField
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
    /// The member of a body that is at fault, as digital errors name it.
    pub(crate) field: Option<String>,
    /// The wait that `Retry-After` names, where the rate limit is configured to.
    pub(crate) wait_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: &'static str, text: impl Into<String>) -> Self {
        Self { rule: None, status, error, text: text.into(), field: None, wait_ms: None }
    }

    /// A refusal that is a violation of this rule.
    pub(crate) fn of(rule: Rule, status: u16, error: &'static str, text: impl Into<String>) -> Self {
        Self { rule: Some(rule), ..Self::new(status, error, text) }
    }

    /// A request that can't be understood: 400.
    pub(crate) fn bad(rule: Rule, text: impl Into<String>) -> Self {
        Self::of(rule, 400, "invalid_request", text)
    }

    /// Names the member of the body that is at fault.
    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
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

    /// A number within these bounds.
    pub(crate) fn number_within(&self, name: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
        let number = self.number(name)?;
        if number.is_some_and(|number| !bounds.contains(&number)) {
            let text = format!("{name} must be from {} to {}", bounds.start(), bounds.end());
            return Err(Refusal::bad(Rule::WrongParameter, text));
        }
        Ok(number)
    }

    /// One of these words.
    pub(crate) fn word(&self, name: &str, words: &[&str]) -> Result<Option<&str>, Refusal> {
        let word = self.get(name);
        if word.is_some_and(|word| !words.contains(&word)) {
            let text = format!("{name} must be one of {}", words.join(", "));
            return Err(Refusal::bad(Rule::WrongParameter, text));
        }
        Ok(word)
    }

    /// Those of these names that aren't empty, as an object of strings.
    pub(crate) fn to_json(&self, names: &[&str]) -> Value {
        names.iter().filter_map(|name| Some(((*name).to_owned(), json!(self.get(name)?)))).collect()
    }
}
