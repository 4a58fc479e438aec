//! What would become of events, without injecting any (docs/rules.md#dry-run): mapped, and checked against the schema
//! as CXone has it now, so that drift shows before a customer's event meets it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    batch::{Configuration, Memory},
    domain::{
        attributes::Schema,
        contact::ContactRequest,
        event::{Event, MalformedEvent},
        expiry::Expiry,
        idempotency::IdempotencyKey,
        mapping,
        problem::Problem,
        reason::DeadLetterReason,
        routes::{Priority, Route},
        time::Timestamp,
    },
    leases::{LeaseTerms, NoClient},
    metrics::Metrics,
    ports::{Environment, Ports},
    schema,
    worker::{REQUEST_TIMEOUT, Worker},
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

/// What would become of one event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunResult {
    id: Option<String>,
    source: Option<String>,
    route: Option<String>,
    idempotency_key: Option<IdempotencyKey>,
    verdict: Verdict,
    problems: Vec<Problem>,
    request: Option<ContactRequest>,
}

/// Whether an event would be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
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
    #[error("the attribute schema can't be fetched: {0}")]
    NoSchema(String),
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
    let until = deadline.minus(REQUEST_TIMEOUT);
    let terms = LeaseTerms { rate: configuration.rate, permits: PERMITS, deadline, until, wait_until: until };
    let worker = Worker::lease(ports, metrics, &mut memory.clients, terms).await?;
    let fetched = schema::fetch(ports, &worker).await;
    worker.release().await;
    let schema = fetched.map_err(DryRunError::NoSchema)?.schema;
    let results =
        input.events.iter().map(|event| check(event, configuration, &schema, ports.environment().now())).collect();
    Ok(DryRunAnswer { results })
}

fn check(event: &Value, configuration: &Configuration, schema: &Schema, now: Timestamp) -> DryRunResult {
    let event = match Event::from_json(event) {
        Ok(event) => event,
        Err(MalformedEvent { identity, problems, .. }) => {
            return DryRunResult {
                id: identity.as_ref().map(|identity| identity.id().to_owned()),
                source: identity.as_ref().map(|identity| identity.source().to_owned()),
                route: None,
                idempotency_key: identity
                    .as_ref()
                    .map(|identity| IdempotencyKey::of_event(identity.source(), identity.id())),
                verdict: Verdict::Invalid,
                problems,
                request: None,
            };
        }
    };
    let identity = event.identity();
    let route = configuration.routes.select(&event);
    let (request, problems) = route.map_or_else(
        || {
            let no_route = "no route matches the event's type and source";
            (None, vec![problem(DeadLetterReason::NoRoute, no_route, Some("/type"))])
        },
        |route| check_by(route, &event, configuration, schema, now),
    );
    DryRunResult {
        id: Some(identity.id().to_owned()),
        source: Some(identity.source().to_owned()),
        route: route.map(|route| route.name().to_owned()),
        idempotency_key: Some(IdempotencyKey::of_event(identity.source(), identity.id())),
        verdict: if problems.is_empty() { Verdict::Valid } else { Verdict::Invalid },
        problems,
        request,
    }
}

/// The request to the route's first target, and what stands in its way.
fn check_by(
    route: &Route,
    event: &Event,
    configuration: &Configuration,
    schema: &Schema,
    now: Timestamp,
) -> (Option<ContactRequest>, Vec<Problem>) {
    let expiry = Expiry::new(event.time().unwrap_or(now), route.max_age(), event.expiry());
    let expired = expiry.passed(now).map(|given_up| problem(given_up.reason, &given_up.detail, None));
    let mut problems: Vec<_> = expired.into_iter().collect();
    let contact = mapping::map(route, event, schema, configuration.boundary).map_err(|found| problems.extend(found));
    let request = route.targets().first().zip(contact.ok()).map(|(target, contact)| {
        let priority = Priority::effective(route.base_priority(event), target.priority_delta(), route.degrade(), 0);
        contact.request(target.address(), priority)
    });
    (request, problems)
}

fn problem(code: DeadLetterReason, message: &str, pointer: Option<&str>) -> Problem {
    Problem { code, message: message.to_owned(), pointer: pointer.map(str::to_owned), attribute: None }
}
