//! The APIs of a NICE CXone tenant, as docs/real-tenant.md tells them: discovery and grants, work items, callbacks,
//! digital messages, and the activity of skills.
//!
//! None of its requests carries an idempotency key: what may have been created can't be asked for again. A digital
//! message can be looked for.

mod callback;
mod contact;
mod digital;
#[cfg(test)]
mod fixtures;
mod grant;
mod health;
mod hosts;
mod parameters;
mod payload;
mod secret;
mod statuses;
mod survey;
mod work_item;

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

pub use self::hosts::{Hosts, NotAnOrigin};
use super::{
    Afterwards, Authorization, ClientProblem, Content, Dialect, Facts, Fit, HealthOfAll, HttpReply, HttpRequest,
    RegisteredAttributes, Submission, TokenSearch, TokenStep, Unfit, Unread, Verdict, answer, survey::Survey,
};
use crate::domain::{
    contact::Contact,
    contact_result::ContactResult,
    credentials::Credentials,
    health::QueueHealth,
    routes::{Address, Profile, QueueId, RouteRules, Routes, SkillLimits, TenantRules},
    time::Timestamp,
    token::{Endpoints, Token, TokenError},
};

/// Who grants a tenant's tokens, but for those of governments.
pub const ISSUER: &str = "https://cxone.niceincontact.com";

/// The version of a tenant's API that its requests were written for.
pub const VERSION: &str = "v34.0";

/// What holds of the API as a whole: docs/real-tenant.md#exactly-once.
pub const FACTS: Facts = Facts {
    key_memory: None,
    every_attribute_registered: false,
    routes: RouteRules { profile: Profile::Cxone, longest_text: 255, channels: false, drops_prefixes: true },
};

/// A NICE CXone tenant's APIs, as a deployment is configured for them.
#[derive(Clone, Debug)]
pub struct Nice {
    /// The issuer's URL, without a slash at its end.
    issuer: String,
    /// The segment of the path that names the version of the API.
    version: String,
    /// Where the API is, where an operator says so and not discovery.
    base: Option<String>,
    /// Where credentials may go.
    hosts: Hosts,
    /// What the routes file says of it.
    rules: TenantRules,
    /// Whether any route leads into a digital channel.
    has_digital: bool,
}

impl Nice {
    /// The tenant of this issuer, spoken to in this version; at this base URL where there is one, else where discovery
    /// says.
    ///
    /// # Errors
    /// [`NotAnOrigin`] where a URL can't be read.
    pub fn new(issuer: &str, version: &str, base: Option<&str>, routes: &Routes) -> Result<Self, NotAnOrigin> {
        Ok(Self {
            hosts: Hosts::new(issuer, base)?,
            issuer: issuer.trim_end_matches('/').to_owned(),
            version: version.to_owned(),
            base: base.map(str::to_owned),
            rules: routes.tenant().clone(),
            has_digital: routes.has_digital(),
        })
    }

    /// Where credentials may go.
    pub const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether digital messages may go where the routes file says.
    pub fn allows_digital(&self) -> bool {
        self.rules.digital_base.as_ref().is_none_or(|base| self.hosts.allow(base))
    }

    /// Where the tenant's digital channels are; nothing for the API's own address, which the transport knows.
    fn digital_base<'r>(&self, token: &'r Token) -> Option<Cow<'r, str>> {
        self.rules.digital_base.clone().map(Cow::from).or_else(|| self.api(token).map(Cow::from))
    }

    /// Where the API is that discovery found. What an operator says holds at once, whatever discovery said when the
    /// token was had.
    fn api<'r>(&self, token: &'r Token) -> Option<&'r str> {
        token.endpoints().api.as_deref().filter(|_| self.base.is_none())
    }

    /// A request to the tenant's API, under a token.
    fn request<'r>(&self, token: &'r Token, resource: &[&'static str], content: Content<'r>) -> HttpRequest<'r> {
        let version = Cow::from(self.version.clone());
        let path = [Cow::from("inContactAPI"), Cow::from("services"), version];
        let path = path.into_iter().chain(resource.iter().copied().map(Cow::from)).collect();
        HttpRequest {
            base: self.api(token).map(Cow::from),
            authorization: Authorization::Bearer(token.access_token()),
            ..accepting_json(path, content)
        }
    }
}

impl Dialect for Nice {
    fn facts(&self) -> Facts {
        FACTS
    }

    fn credentials(&self, client: &Map<String, Value>) -> Result<Credentials, ClientProblem> {
        secret::read(client, &self.hosts)
    }

    fn token<'r>(&'r self, credentials: &'r Credentials, search: &'r TokenSearch) -> HttpRequest<'r> {
        self.next_request(credentials, search)
    }

    fn read_token(
        &self,
        credentials: &Credentials,
        search: TokenSearch,
        reply: &HttpReply,
    ) -> Verdict<Result<TokenStep, TokenError>> {
        self.read_step(credentials, search, reply)
    }

    fn serves(&self, endpoints: &Endpoints) -> bool {
        self.base.is_some() || endpoints.api.as_ref().is_some_and(|api| self.hosts.allow(api))
    }

    fn fitted(&self, contact: &Contact, address: &Address, fit: Fit<'_>) -> Result<Option<Contact>, Unfit> {
        let Fit { route, event, schema } = fit;
        match address {
            Address::Digital(_) => {
                let fields = schema.ok_or(Unfit::NoSchema)?;
                Ok(Some(digital::fitted(contact, route, fields)?))
            }
            Address::WorkItem(_) => Ok(payload::fitted(contact, route, event, self.rules.payload_bytes)?),
            Address::Callback(_) | Address::Queue(_) | Address::Skills(_) => Ok(None),
        }
    }

    fn contact<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
        match submission.address {
            Address::Callback(_) => self.callback(token, submission),
            Address::Digital(digital) => self.message(token, digital, submission),
            Address::WorkItem(_) | Address::Queue(_) | Address::Skills(_) => self.work_item(token, submission),
        }
    }

    fn contact_body(&self, submission: &Submission<'_>) -> Value {
        match submission.address {
            Address::Callback(_) => callback::shown(submission),
            Address::Digital(_) => digital::shown(submission),
            Address::WorkItem(_) | Address::Queue(_) | Address::Skills(_) => work_item::shown(submission),
        }
    }

    fn read_contact(&self, contact: &Contact, address: &Address, reply: &HttpReply) -> Verdict<ContactResult> {
        match address {
            Address::Callback(_) => callback::read(reply),
            Address::Digital(_) => digital::read(contact, reply),
            Address::WorkItem(_) | Address::Queue(_) | Address::Skills(_) => work_item::read(reply),
        }
    }

    fn afterwards(&self, address: &Address) -> Option<&dyn Afterwards> {
        address.is_digital().then_some(self)
    }

    fn queue_health<'r>(&self, token: &'r Token, queue: &QueueId) -> HttpRequest<'r> {
        let mut request = self.request(token, &["skills"], Content::Get);
        request.path.extend([Cow::from(queue.as_str().to_owned()), Cow::from("activity")]);
        request
    }

    fn read_queue_health(
        &self,
        skill: &QueueId,
        limits: SkillLimits,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<Option<QueueHealth>, Unread>> {
        health::read(skill, limits, asked, reply)
    }

    fn health_of_all(&self) -> Option<&dyn HealthOfAll> {
        Some(self)
    }

    fn registered_attributes(&self) -> Option<&dyn RegisteredAttributes> {
        self.has_digital.then_some(self)
    }

    fn survey(&self) -> Option<&dyn Survey> {
        Some(self)
    }
}

impl HealthOfAll for Nice {
    fn every_health<'r>(&self, token: &'r Token) -> HttpRequest<'r> {
        self.request(token, &["skills", "activity"], Content::Get)
    }

    fn read_every_health(
        &self,
        limits: &BTreeMap<QueueId, SkillLimits>,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<BTreeMap<QueueId, QueueHealth>, Unread>> {
        health::read_all(limits, asked, reply)
    }
}

/// The JSON that answers a question to the tenant's API.
fn json(reply: &HttpReply) -> Verdict<Result<&Value, Unread>> {
    answer::json(reply, |status| statuses::row(status).client)
}

/// A request that says that it reads JSON: without that, an error comes as "no known way to render data".
fn accepting_json<'r>(path: Vec<Cow<'static, str>>, content: Content<'r>) -> HttpRequest<'r> {
    HttpRequest { headers: vec![("Accept", "application/json".to_owned())], ..HttpRequest::new(path, content) }
}
