//! What would become of events, without injecting any (docs/rules.md#dry-run): mapped, and checked against the schema
//! as CXone has it now, so that drift shows before a customer's event meets it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    batch::{Configuration, Memory},
    dialects::{Dialect, Submission, Submitted},
    domain::{
        attributes::Schema,
        event::{Event, Identity, MalformedEvent},
        expiry::Expiry,
        idempotency::IdempotencyKey,
        mapping::ComplianceBoundary,
        problem::Problem,
        reason::DeadLetterReason,
        routes::{Priority, Route, Routes},
        time::Timestamp,
    },
    drafts::{Drafting, Undrafted},
    leases::NoClient,
    metrics::Metrics,
    ports::{Environment, Ports, SchemaSnapshot},
    session::{Session, SessionTerms},
    worker::{NoSchema, REQUEST_TIMEOUT},
};

/// Requests that a dry run may send: the schema, and what a refused token costs.
const PERMITS: usize = 4;

/// The input: `{"dryRun": {"events": […]}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// Each a CloudEvent or an EventBridge event.
    pub events: Vec<Value>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct DryRunAnswer {
    /// One for each event, in order.
    pub results: Vec<DryRunResult>,
}

/// What would become of one event. Its request holds the event's data: its `Debug` shows none of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunResult {
    /// The event's id, where it could be read.
    pub id: Option<String>,
    /// Its source, where it could be read.
    pub source: Option<String>,
    /// Its route, where it has one.
    pub route: Option<String>,
    /// Its key, where its identity could be read.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whether it would be injected.
    pub verdict: Validity,
    /// What stands in the way.
    pub problems: Vec<Problem>,
    /// The request for the first of its route's targets that takes it, where there is one.
    pub request: Option<Value>,
}

impl fmt::Debug for DryRunResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DryRunResult")
            .field("route", &self.route)
            .field("verdict", &self.verdict)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// Whether an event would be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// It would.
    Valid,
    /// It would be dead-lettered.
    Invalid,
}

/// Why a dry run can't be made: the invocation fails with it.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// There is no client to ask with.
    #[error("no OAuth client to ask CXone with")]
    NoClient(#[from] NoClient),
    /// CXone's schema can't be had.
    #[error("the attribute schema can't be fetched")]
    NoSchema(#[from] NoSchema),
}

/// Makes a dry run.
///
/// # Errors
/// [`DryRunError`] where there is nothing to check against.
pub async fn dry_run<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    metrics: &Metrics,
    memory: &mut Memory,
    deadline: Timestamp,
    input: DryRun,
) -> Result<DryRunAnswer, DryRunError> {
    let schema = live_schema(ports, configuration, metrics, memory, deadline).await?.schema;
    let now = ports.environment().now();
    let Configuration { routes, boundary, .. } = configuration;
    let check = Check { routes, boundary: *boundary, schema: &schema, dialect: ports.dialect(), now };
    Ok(DryRunAnswer {
        results: input.events.iter().map(|event| check.event(Event::from_json(event).as_ref())).collect(),
    })
}

/// The registered attributes as CXone has them now, asked for under a client as a worker would.
///
/// # Errors
/// [`DryRunError`] where they can't be had.
pub(crate) async fn live_schema<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    metrics: &Metrics,
    memory: &mut Memory,
    deadline: Timestamp,
) -> Result<SchemaSnapshot, DryRunError> {
    let until = deadline.minus(REQUEST_TIMEOUT);
    let terms = SessionTerms { lane: None, rate: configuration.rate, deadline, until };
    let fetch = async |session: &mut Session<'_, P>| Ok(session.lease(PERMITS, until).await?.schema().await?);
    Session::run(ports, metrics, &mut memory.clients, terms, fetch).await
}

/// What events are checked by: the deployed functions' own code, and nothing from outside.
#[derive(Clone, Copy, Debug)]
pub struct Check<'c> {
    /// How events become contacts.
    pub routes: &'c Routes,
    /// Inside or outside a HIPAA or PCI-DSS boundary.
    pub boundary: ComplianceBoundary,
    /// The registered attributes.
    pub schema: &'c Schema,
    /// The API that the requests are for.
    pub dialect: &'c dyn Dialect,
    /// When the events are looked at.
    pub now: Timestamp,
}

impl Check<'_> {
    /// What would become of one event, however it was read.
    pub fn event(&self, read: Result<&Event, &MalformedEvent>) -> DryRunResult {
        let event = match read {
            Ok(event) => event,
            Err(MalformedEvent { identity, problems, .. }) => {
                return result(identity.as_ref(), None, problems.clone(), None);
            }
        };
        let route = self.routes.select(event);
        let (request, problems) = route.map_or_else(
            || {
                let no_route = "no route matches the event's type and source";
                (None, vec![problem(DeadLetterReason::NoRoute, no_route, Some("/type"))])
            },
            |route| self.by_route(route, event),
        );
        result(Some(event.identity()), route, problems, request)
    }

    /// The request to the route's first target, and what stands in its way.
    fn by_route(&self, route: &Route, event: &Event) -> (Option<Value>, Vec<Problem>) {
        let expiry = Expiry::new(event.time().unwrap_or(self.now), route.max_age(), event.expiry());
        let expired = expiry.passed(self.now).map(|given_up| problem(given_up.reason, &given_up.detail, None));
        let mut problems: Vec<_> = expired.into_iter().collect();
        let identity = event.identity();
        let key = IdempotencyKey::of_event(identity.source(), identity.id());
        let submitted = Submitted { key, expires: expiry.worthless() };
        let drafting = Drafting { dialect: self.dialect, schema: Some(self.schema), boundary: self.boundary };
        let drafts = match drafting.of(route, event, &submitted) {
            Ok(drafts) => drafts,
            // There is a schema.
            Err(Undrafted::NoSchema) => return (None, problems),
            Err(Undrafted::Problems(found)) => {
                problems.extend(found);
                return (None, problems);
            }
        };
        // The first that takes the event.
        let first =
            route.targets().iter().enumerate().find_map(|(index, target)| Some((target, drafts.of(index).ok()?)));
        let request = first.map(|(target, contact)| {
            let priority = Priority::effective(route.base_priority(event), target.priority_delta(), route.degrade(), 0);
            let (address, route, at) = (target.address(), route.name(), self.now);
            self.dialect.contact_body(&Submission { contact, address, priority, route, event: submitted, at })
        });
        (request, problems)
    }
}

fn result(
    identity: Option<&Identity>,
    route: Option<&Route>,
    problems: Vec<Problem>,
    request: Option<Value>,
) -> DryRunResult {
    DryRunResult {
        id: identity.map(|identity| identity.id().to_owned()),
        source: identity.map(|identity| identity.source().to_owned()),
        route: route.map(|route| route.name().to_owned()),
        idempotency_key: identity.map(|identity| IdempotencyKey::of_event(identity.source(), identity.id())),
        verdict: if problems.is_empty() { Validity::Valid } else { Validity::Invalid },
        problems,
        request,
    }
}

fn problem(code: DeadLetterReason, message: &str, pointer: Option<&str>) -> Problem {
    Problem { code, message: message.to_owned(), pointer: pointer.map(str::to_owned), attribute: None }
}
