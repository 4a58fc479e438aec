//! The business unit: its state, and the gates that a request passes.

use std::collections::HashMap;

use super::config::{Config, ErrorText};
use super::digital::Conversations;
use super::faults::{Effect, TextForm, edited, said};
use super::grants::Tokens;
use super::record::{Creation, Kind, RequestRecord};
use super::request::{Connection, Endpoint, Part, Request, Route};
use super::violations::{Refusal, Rule, Violation};
use crate::fault::Faults;
use crate::tenant::{Delivery, HttpAnswer, Outcome, Window, http_date};

/// A simulated business unit. Time is whatever its callers say, in milliseconds since the Unix epoch; it never runs
/// back.
#[derive(Debug)]
pub struct Tenant {
    pub(crate) config: Config,
    pub(crate) now_ms: u64,
    pub(crate) random: fastrand::Rng,
    pub(crate) tokens: Tokens,
    pub(crate) windows: HashMap<String, Window>,
    pub(crate) creations: Vec<Creation>,
    pub(crate) conversations: Conversations,
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) faults: Faults<Endpoint, Effect>,
}

/// A request on its way through the gates.
pub(crate) struct Case<'a> {
    pub(crate) request: &'a Request,
    pub(crate) route: Route,
    pub(crate) record: RequestRecord,
    /// How much later a token claims its times than they are, in seconds.
    pub(crate) skew_seconds: i64,
}

impl Case<'_> {
    pub(crate) fn access_key_id(&self) -> &str {
        self.record.access_key_id.as_deref().unwrap_or_default()
    }
}

impl Tenant {
    /// A business unit at its start.
    pub fn new(mut config: Config) -> Self {
        let faults = Faults::new(std::mem::take(&mut config.faults));
        let random = fastrand::Rng::with_seed(config.seed);
        Self {
            config,
            now_ms: 0,
            random,
            tokens: Tokens::default(),
            windows: HashMap::new(),
            creations: Vec::new(),
            conversations: Conversations::default(),
            requests: Vec::new(),
            violations: Vec::new(),
            faults,
        }
    }

    /// Takes one request at `now_ms`, the first of its connection, through every gate and remembers it.
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Outcome {
        self.handle_over(Connection::New, now_ms, request)
    }

    /// Likewise over a connection that may have carried another request before.
    pub fn handle_over(&mut self, connection: Connection, now_ms: u64, request: &Request) -> Outcome {
        self.now_ms = self.now_ms.max(now_ms);
        let route = request.route();
        let can_close = connection == Connection::Reused && request.method == "POST";
        let draw = self.faults.draw_among(
            route.endpoint,
            |effect| can_close || *effect != Effect::CloseReused,
            || self.random.f64(),
        );
        if draw.revoke_tokens {
            self.tokens.revoke_all();
        }
        let mut case = self.arrival(request, route);
        let delivery = match draw.effect {
            Some(Effect::ResetBefore) => Delivery::Reset,
            Some(Effect::CloseReused) => {
                case.record.closed = true;
                Delivery::Reset
            }
            Some(Effect::HangBefore { milliseconds }) => Delivery::Hang { milliseconds },
            effect => {
                let answer = self.process(&mut case, effect.as_ref());
                case.record.status = Some(answer.status);
                match effect {
                    Some(Effect::ResetAfter) => Delivery::Reset,
                    Some(Effect::HangAfter { milliseconds }) => Delivery::Hang { milliseconds },
                    _ => Delivery::Answer(self.headed(answer, request)),
                }
            }
        };
        case.record.answered = matches!(delivery, Delivery::Answer(_));
        let created = case.record.contact_id.map(|id| id.to_string());
        let delay_ms = draw.delay_ms.saturating_add(self.config.latency_milliseconds);
        self.requests.push(case.record);
        Outcome { request: self.requests.len() - 1, delay_ms, delivery, created }
    }

    /// Remembers when the answer to a request went out, by the request's place in the order of arrival. One that is
    /// left without an answer has no such time.
    pub fn delivered(&mut self, request: usize, now_ms: u64) {
        if let Some(record) = self.requests.get_mut(request).filter(|record| record.answered) {
            record.answered_at_ms = Some(now_ms);
        }
    }

    /// The origin that it has for whoever asks so.
    pub(crate) fn base_url(&self, request: &Request) -> String {
        let host = || format!("http://{}", request.header("host").unwrap_or("localhost"));
        self.config.base_url.clone().unwrap_or_else(host)
    }

    pub(crate) fn issuer(&self, request: &Request) -> String {
        self.config.issuer.clone().unwrap_or_else(|| self.base_url(request))
    }

    /// A contact of this request that is still without what its kind has.
    pub(crate) fn blank(&self, kind: Kind, case: &Case<'_>) -> Creation {
        let counted = u64::try_from(self.creations.len()).unwrap_or(u64::MAX);
        Creation {
            kind,
            key: String::new(),
            contact_id: self.config.first_contact_id.saturating_add(counted),
            at_ms: self.now_ms,
            point_of_contact: String::new(),
            point_of_contact_id: 0,
            skill_id: None,
            access_key_id: case.access_key_id().to_owned(),
            work_item_type: None,
            from: None,
            payload: None,
            number: None,
            channel_id: None,
            thread: None,
            priority: None,
            parameters: None,
            messages: 0,
            completed_at_ms: None,
        }
    }

    /// Remembers a contact that this request made, and returns its identifier.
    pub(crate) fn created(&mut self, case: &mut Case<'_>, creation: Creation) -> u64 {
        let contact_id = creation.contact_id;
        self.creations.push(creation);
        case.record.contact_id = Some(contact_id);
        contact_id
    }

    fn arrival<'a>(&self, request: &'a Request, route: Route) -> Case<'a> {
        let record = RequestRecord {
            at_ms: self.now_ms,
            endpoint: route.endpoint,
            target: format!("{} {}", request.method, request.path),
            access_key_id: None,
            token: None,
            counted: false,
            status: None,
            answered: false,
            closed: false,
            answered_at_ms: None,
            contact_id: None,
        };
        Case { request, route, record, skew_seconds: 0 }
    }

    /// The headers of every answer: its date by this clock, and the caller's correlation.
    fn headed(&self, answer: HttpAnswer, request: &Request) -> HttpAnswer {
        let dated = match http_date(self.now_ms / 1000) {
            Some(date) => answer.with_header("date", date),
            None => answer,
        };
        match request.header("correlationid") {
            Some(id) => dated.with_header("correlationid", id.to_owned()),
            None => dated,
        }
    }

    /// The answer of the endpoint, or of a fault in its stead.
    fn process(&mut self, case: &mut Case<'_>, effect: Option<&Effect>) -> HttpAnswer {
        if !case.route.endpoint.is_open()
            && let Err(refusal) = self.admit(case)
        {
            return self.refuse(case, refusal);
        }
        match effect {
            Some(Effect::Answer(instead)) => {
                if instead.processed {
                    self.answer(case);
                }
                instead.render(self.now_ms, self.config.rate_limit.retry_after)
            }
            Some(Effect::Redirect { status, location }) => {
                said(*status, Some("moved"), None, TextForm::Json).with_header("location", location.clone())
            }
            Some(Effect::Member { pointer, value }) => edited(self.answer(case), pointer, value.as_ref()),
            Some(Effect::SkewedClaims { seconds }) => {
                case.skew_seconds = *seconds;
                self.answer(case)
            }
            _ => self.answer(case),
        }
    }

    /// Authenticates the request and counts it in its access key's window.
    fn admit(&mut self, case: &mut Case<'_>) -> Result<(), Refusal> {
        let (access_key_id, token) = self.authenticate(case.request)?;
        case.record.access_key_id = Some(access_key_id.clone());
        case.record.token = Some(token);
        case.record.counted = true;
        let limit = &self.config.rate_limit;
        self.windows.entry(access_key_id).or_default().admit(self.now_ms, limit).map_err(|wait_ms| {
            let text = format!("rate limit of {} requests in {} ms exceeded", limit.limit, limit.window_milliseconds);
            Refusal { wait_ms: Some(wait_ms), ..Refusal::new(429, "rate_limited", text) }
        })
    }

    fn answer(&mut self, case: &mut Case<'_>) -> HttpAnswer {
        let served = match case.route.endpoint {
            Endpoint::OpenidConfiguration => self.openid_configuration(case.request),
            Endpoint::CxoneConfiguration => self.cxone_configuration(case.request),
            Endpoint::Token => self.password_grant(case),
            Endpoint::AccessKeyToken => self.access_key_grant(case),
            _ => self.serve(case),
        };
        served.unwrap_or_else(|refusal| self.refuse(case, refusal))
    }

    /// What takes a token.
    fn serve(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        let endpoint = case.route.endpoint;
        if endpoint == Endpoint::Unknown {
            let text = format!("no endpoint {}", case.record.target);
            return Err(Refusal::of(Rule::UnknownEndpoint, 404, "not_found", text));
        }
        let version = self.config.api_version.to_ascii_lowercase();
        if case.route.part == Part::Services && case.route.version.as_ref() != Some(&version) {
            let text = format!("the version served is {}", self.config.api_version);
            return Err(Refusal::of(Rule::WrongVersion, 404, "not_found", text));
        }
        if !case.request.accepts_json() {
            return Err(Refusal::of(Rule::NotAcceptable, 400, "", "No known way to render data"));
        }
        let mut keys = self.config.access_keys.iter();
        let key = keys.find(|key| key.access_key_id == case.access_key_id());
        if key.is_some_and(|key| key.denied.contains(&endpoint)) {
            return Err(Refusal::new(403, "access_denied", "the role of this user lacks the permission"));
        }
        match endpoint {
            Endpoint::WorkItems => self.work_item(case),
            Endpoint::Callbacks => self.callback(case),
            Endpoint::Skills => self.skills_activity(case.request),
            Endpoint::Skill => self.skill_activity(case),
            Endpoint::PointsOfContact => self.points_of_contact(case.request),
            Endpoint::ActiveContacts => self.active_contacts(case.request),
            Endpoint::CompletedContacts => self.completed_contacts(case.request),
            Endpoint::Contact => self.contact(case),
            Endpoint::ServerTime => self.server_time(case.request),
            Endpoint::BusinessUnit => self.business_unit(case.request),
            Endpoint::Messages => self.message(case),
            Endpoint::MessageSearch => self.messages(case.request),
            Endpoint::DigitalContact => self.digital_contact(case),
            Endpoint::Channels => self.channels(case.request),
            Endpoint::Channel => self.channel(case),
            _ => self.custom_fields(case.request),
        }
    }

    /// Notes what a refusal is a violation of, and writes it as its part of the API does.
    fn refuse(&mut self, case: &Case<'_>, refusal: Refusal) -> HttpAnswer {
        let Refusal { rule, status, error, text, field, wait_ms } = refusal;
        let form = match (rule, self.config.error_text) {
            (Some(Rule::NotAcceptable), _) => TextForm::Plain,
            (_, ErrorText::StatusDescription) if !case.route.endpoint.is_open() => TextForm::StatusDescription,
            _ => TextForm::Json,
        };
        let mut answer = if case.route.part == Part::Digital && form != TextForm::Plain {
            self.digital_error(status, error, &text, field.as_deref())
        } else {
            said(status, Some(error), Some(&text), form)
        };
        if let Some(wait_ms) = wait_ms {
            answer = answer.with_retry_after(self.config.rate_limit.retry_after, self.now_ms, wait_ms);
        }
        if status == 401 {
            let scheme = if case.route.endpoint.is_open() { "Basic" } else { "Bearer error=\"invalid_token\"" };
            answer = answer.with_header("www-authenticate", scheme.to_owned());
        }
        if let Some(rule) = rule {
            let (at_ms, endpoint) = (self.now_ms, case.route.endpoint);
            let access_key_id = case.record.access_key_id.clone();
            self.violations.push(Violation { at_ms, endpoint, rule, access_key_id, detail: text });
        }
        answer
    }
}
