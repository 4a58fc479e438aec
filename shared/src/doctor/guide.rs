//! The guide's routing API: the registered attributes against the routes, and every routed queue.

use std::collections::BTreeMap;

use super::{
    Doctor, clock,
    report::{Check, Findings, Grade},
    token,
    token::Walk,
    told,
};
use crate::{
    dialects::{HttpReply, Unread},
    domain::{
        drift::{DriftKind, drift},
        health::{QueueHealth, Status},
        routes::{Address, QueueId, SkillLimits},
    },
    ports::Ports,
    worker::{NoSchema, NotSent, Worker},
};

const ONE_ADDRESS: &str = "this API has no discovery: CxoneBaseUrl says where it is";

/// A queue's health, or why it is not known.
type Asked = Result<Result<Option<QueueHealth>, Unread>, NotSent>;

impl<P: Ports> Doctor<'_, P> {
    /// The checks of the guide's API, from discovery to the last target.
    pub(super) async fn guide(&self, worker: &Worker<'_, P>, walk: &Walk) -> Vec<Check> {
        let mut checks = vec![
            Check::skipped("discovery", ONE_ADDRESS),
            token::grant(walk),
            token::claims(walk, None, self.now()),
            Check::skipped("configuration", ONE_ADDRESS),
            clock::check(&clock::of_walk(walk)),
        ];
        if !walk.arrived() {
            checks.push(Check::skipped("reads", "there is no token"));
            checks.extend(self.each_target(|_, _| Check::skipped("target", "there is no token")));
            return checks;
        }
        let mut reads = Findings::new("reads");
        self.attributes(worker, &mut reads).await;
        let dialect = self.ports.dialect();
        let mut queues = BTreeMap::new();
        for queue in self.routes.queue_ids() {
            let read =
                |reply: &HttpReply, asked| dialect.read_queue_health(queue, SkillLimits::default(), asked, reply);
            queues.insert(queue, worker.question(|token| dialect.queue_health(token, queue), read).await);
        }
        let read = queues.values().filter(|asked| matches!(asked, Ok(Ok(_)))).count();
        if !queues.is_empty() {
            let grade = if read == queues.len() { Grade::Ok } else { Grade::Warn };
            reads.add(grade, &format!("health read of {read} of {} queues", queues.len()));
        }
        checks.push(reads.into_check());
        checks.extend(self.each_target(|_, target| target_check(target.address(), &queues)));
        checks
    }

    /// The registered attributes, and where the routes part from them.
    async fn attributes(&self, worker: &Worker<'_, P>, findings: &mut Findings) {
        let Some(registered) = self.ports.dialect().registered_attributes() else {
            return findings.ok("this API takes attributes of any name");
        };
        let schema = match worker.schema().await {
            Ok(snapshot) => snapshot.schema,
            Err(NoSchema::NotAsked(not_sent)) => {
                return findings.fail(&format!("the attributes were not asked for: {}", not_sent.reason));
            }
            Err(NoSchema::Unread(unread)) => {
                let words = "without them nothing is injected: has the client the scope contacts:attributes:read?";
                return findings.fail(&format!("the attributes: {}; {words}", told::unread(&unread)));
            }
        };
        findings.ok(&format!("{} attributes are registered", schema.definitions().len()));
        for part in drift(self.routes, registered, &schema, None) {
            let what = match part.kind {
                DriftKind::Unregistered => "isn't registered",
                DriftKind::TypeChanged => "is registered with another type",
                DriftKind::LengthShrunk => "holds less than a constant of the route has",
                DriftKind::CaseDiffers => "is registered in another spelling",
                DriftKind::MediaType => "is for other contacts",
            };
            findings.warn(&format!(
                "{} of route {} {what}: register it so, or change the route",
                part.attribute, part.route
            ));
        }
    }
}

fn target_check(address: &Address, queues: &BTreeMap<&QueueId, Asked>) -> Check {
    let Some(asked) = address.queue().and_then(|queue| queues.get(queue)) else {
        return Check::skipped("target", "no question tells whether it is there");
    };
    let mut findings = Findings::new("target");
    match asked {
        Ok(Ok(None)) => findings.fail("the queue isn't there: take its id from CXone"),
        Ok(Ok(Some(health))) => match &health.status {
            Status::Open => findings.ok("the queue is there and takes contacts"),
            Status::Saturated(rules) => {
                findings.warn(&format!("the queue is there and takes no contact now, by {}", rule_names(rules)));
            }
            Status::Unknown(values) => {
                findings.warn(&format!("the queue is there, and doesn't tell {}", rule_names(values)));
            }
            Status::Missing | Status::MissingOnce => findings.fail("the queue isn't there: take its id from CXone"),
        },
        Ok(Err(unread)) => {
            findings
                .warn(&format!("its health: {}; has the client the scope routing:queues:read?", told::unread(unread)));
        }
        Err(not_sent) => findings.warn(&format!("its health was not asked for: {}", not_sent.reason)),
    }
    findings.into_check()
}

fn rule_names(rules: &[crate::domain::health::Threshold]) -> String {
    use crate::domain::health::Threshold::{AbandonRate, ActiveAgents, Inactive, MaxCapacity, ServiceLevel};
    let name = |rule| match rule {
        MaxCapacity => "its capacity",
        AbandonRate => "its abandon rate",
        ServiceLevel => "its service level",
        ActiveAgents => "its agents",
        Inactive => "being switched off",
    };
    rules.iter().copied().map(name).collect::<Vec<_>>().join(" and ")
}
