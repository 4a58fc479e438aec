//! What keeps a deployment from injecting, or may, before an event meets it (docs/runbook.md#doctor): from the secret
//! to the last target, each check going on where the one before it allows. Nothing is written but a client's lease, and
//! where it is asked for, a work item is tried that no point of contact takes.
//!
//! ```text
//! secret ─► lease ─► way to a token ─► discovery, grant, claims, configuration
//!                        │ token
//!                        ├─► questions ─► clock, reads, a target each, custom-field
//!                        └─► probe ─────► probe-write
//! routes ─────────────────────────────► payload, doubt
//! ```
//!
//! What is told is this program's own words, numbers and names of the routes file, and of CXone's answers a few fields,
//! each held to its form by [`told`](self::told): the rest of them is anybody's data.

mod clock;
mod custom_fields;
mod guide;
mod probe;
mod reads;
mod report;
mod routes;
mod secret;
mod targets;
mod tenant;
mod token;
mod told;

use std::time::Duration;

use serde::Deserialize;

pub use self::report::{Check, Grade, Report};
use self::{
    report::{Findings, NAMES},
    token::{Answer, Walk},
};
use crate::{
    domain::{lane::Lanes, lease::Rate, routes::Routes, time::Timestamp},
    leases::{KnownClients, NoClient},
    metrics::Metrics,
    ports::{Environment, Ports},
    session::{Session, SessionTerms},
    worker::{REQUEST_TIMEOUT, Worker},
};

/// What is kept for giving the client back.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How long a client is waited for that another worker holds: as long as it may take that one to be done with a batch.
const PATIENCE: Duration = Duration::from_secs(15);

/// Requests under a token besides those for queues, skills and channels, each of which may be sent twice.
const QUESTIONS: usize = 6;

/// The input: `{"doctor": {}}` or `{"doctor": {"probeWrite": true}}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DoctorRequest {
    /// Whether a work item is asked for that can't be had, to learn whether one may be.
    #[serde(default)]
    pub probe_write: bool,
}

/// What the examined function does at CXone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It asks for contacts.
    Writes(Lanes),
    /// It only reads, and its keys need no right to write.
    Reads,
}

/// One examination.
#[derive(Debug)]
pub struct Doctor<'a, P: Ports> {
    /// The outside.
    pub ports: &'a P,
    /// How events become contacts.
    pub routes: &'a Routes,
    /// Each client's rate.
    pub rate: Rate,
    /// How many workers there are at most, each with a client of its own.
    pub workers: usize,
    /// What to count in.
    pub metrics: &'a Metrics,
    /// When the invocation ends.
    pub deadline: Timestamp,
    /// What is examined.
    pub role: Role,
    /// What is asked.
    pub request: DoctorRequest,
}

impl<P: Ports> Doctor<'_, P> {
    /// Examines the deployment.
    pub async fn run(&self) -> Report {
        let profile = self.ports.dialect().facts().routes.profile;
        let mut checks = vec![secret::check(self.ports.secrets(), self.workers, self.role).await];
        let until = self.deadline.minus(REQUEST_TIMEOUT + CLOSING_TIME);
        let terms = SessionTerms { lane: None, rate: self.rate, deadline: self.deadline, until };
        let work = async |session: &mut Session<'_, P>| self.under_a_lease(session, until).await;
        let mut known = KnownClients::default();
        let (asked, probed) = Session::run(self.ports, self.metrics, &mut known, terms, work).await;
        checks.extend(asked);
        checks.push(routes::payload(self.ports.dialect(), self.routes));
        checks.push(routes::doubt(self.ports.dialect(), self.routes));
        if self.request.probe_write {
            checks.push(probed);
        }
        Report::new(profile, checks)
    }

    /// The checks that take a client, that of the right to write by itself.
    async fn under_a_lease(&self, session: &mut Session<'_, P>, until: Timestamp) -> (Vec<Check>, Check) {
        let patient = self.now().plus(PATIENCE).min(until);
        let of_tenant = self.ports.dialect().survey().is_some();
        let worker = match session.lease_untested(self.permits(), patient).await {
            Ok(worker) => worker,
            Err(none) => return (without_a_client(&none, of_tenant), Check::skipped(probe::NAME, NO_CLIENT)),
        };
        let walk = self.walk(worker).await;
        let checks = match self.ports.dialect().survey() {
            Some(survey) => self.tenant(worker, survey, &walk).await,
            None => self.guide(worker, &walk).await,
        };
        (checks, self.probe(worker, &walk).await)
    }

    /// Requests that the examination may take, as far as a client's window has places for them.
    fn permits(&self) -> usize {
        // Each for a default skill or a channel at most.
        let targets: usize = self.routes.iter().map(|route| route.targets().len()).sum();
        let probes = usize::from(self.request.probe_write);
        (2 * (QUESTIONS + probes + self.routes.queue_ids().len() + targets)).clamp(1, self.rate.limit)
    }

    /// The whole way to a new token, each answer kept as it came.
    async fn walk(&self, worker: &Worker<'_, P>) -> Walk {
        let survey = self.ports.dialect().survey();
        let mut walk = Walk::new(worker.client_id().to_string());
        let ended = worker.fresh_token(|step| {
            let stage = survey.map(|survey| survey.stage(step.credentials, step.search));
            walk.keep(
                stage,
                step.credentials,
                Answer { reply: step.reply.clone(), began: step.began, ended: self.now() },
            );
        });
        walk.end = Some(ended.await);
        let tenant = walk.claims().and_then(|claims| claims.tenant);
        // With a base URL the way to a token ends before anybody says where it serves.
        if let (Some(survey), Some(tenant), None) = (survey, tenant, &walk.tenant) {
            let began = self.now();
            let reply = worker.discover(survey.tenant(&tenant)).await;
            walk.tenant = reply.ok().map(|reply| Answer { reply, began, ended: self.now() });
        }
        walk
    }

    fn now(&self) -> Timestamp {
        self.ports.environment().now()
    }
}

/// Why a check is left out where there is no client.
const NO_CLIENT: &str = "there is no client to ask with";

/// Where there is no client, nothing is asked.
fn without_a_client(none: &NoClient, of_tenant: bool) -> Vec<Check> {
    let mut grant = Findings::new("grant");
    match none {
        NoClient::NoneConfigured => grant.fail("there is no client to ask with: write at least one to the secret"),
        NoClient::AllUrgent => grant.fail("every client is kept for urgent messages"),
        NoClient::AllBusy => grant.warn("every client is at work for another worker: ask again in a minute"),
        NoClient::AllResting(rest) => {
            let wait = format!("every client is left alone until {} ({}): ask again then", rest.until, rest.reason);
            grant.fail(&wait);
        }
        NoClient::Store(error) => {
            grant.fail(&format!("no client could be leased: {error}; the function's log says more"));
        }
    }
    let grant = grant.into_check();
    let asked = NAMES.iter().filter(|name| !["secret", "payload", "doubt"].contains(name));
    let asked = asked.filter(|name| of_tenant || **name != custom_fields::NAME);
    let check = |name: &&'static str| {
        if *name == "grant" { grant.clone() } else { Check::skipped(name, NO_CLIENT) }
    };
    asked.map(check).collect()
}

#[cfg(test)]
mod tests;
