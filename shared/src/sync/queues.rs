//! The health of every routed queue, the one asked longest ago first, with as many clients as it takes.
//!
//! A client's window may hold fewer requests than there are queues. Each client is asked for what its window has places
//! for, then the next one takes over; only the last ones left wait for a place. What nobody could ask about any more is
//! said to be unknown, and comes first in the next run. One that gives no answer that can be read has had its turn all
//! the same: it takes no place from the others each time.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt as _, stream};
use tracing::{info, warn};

use super::{QueueSummary, Sync};
use crate::{
    domain::{
        drift::{self, Drift},
        health::Status,
        queues::Queue,
        reason::DeferralReason,
        routes::{DefaultSkills, QueueId, SkillLimits},
        time::Timestamp,
    },
    error::chain,
    leases::NoClient,
    metrics::Metric,
    ports::{Ports, Registered, Registry, Reserved, Wanted},
    session::Session,
    worker::{Observed, SINGLE_QUESTIONS, Worker},
};

/// Queues asked at once: enough for a hundred queues in a minute at 200 ms each, few enough to leave the window room.
const CONCURRENCY: usize = 4;

/// How far the queues are asked.
struct Round<'k> {
    /// What was known of them before.
    known: &'k Registered,
    /// What limits those that are limited.
    limits: &'k BTreeMap<QueueId, SkillLimits>,
    /// Those still to be asked, the one asked longest ago first.
    left: Vec<QueueId>,
    /// How many points of contact lead to a queue that nobody knows.
    without: usize,
    /// What the others answered.
    statuses: HashMap<QueueId, &'static str>,
    /// The kinds of contacts that they are for, as far as that was told.
    media_types: BTreeMap<QueueId, u64>,
    /// Why the last one that wasn't asked was not.
    reason: Option<DeferralReason>,
}

impl<P: Ports> Sync<'_, P> {
    /// Asks about every routed queue, by the clients that are leased, and by others where those don't suffice; also
    /// which of them are for other contacts than their targets'.
    pub(super) async fn queues(
        &self,
        session: &mut Session<'_, P>,
        mut known: Registered,
    ) -> (Vec<QueueSummary>, Vec<Drift>) {
        let skills = match session.workers().last() {
            Some(worker) => self.default_skills(worker, &known).await,
            None => DefaultSkills::default(),
        };
        self.look_up(&mut known, &skills).await;
        let queues = self.routes.queues_with(&skills);
        let left = asked_longest_ago_first(&queues, &known);
        let limits = self.routes.skill_limits(&skills);
        let without = self.routes.points_without_skill().iter().filter(|point| !skills.knows(point)).count();
        let (statuses, media_types) = (HashMap::new(), BTreeMap::new());
        let mut round = Round { known: &known, limits: &limits, left, without, statuses, media_types, reason: None };
        if let Some(worker) = session.workers().last() {
            self.ask_for_all(worker, &mut round).await;
        }
        while let Some(worker) = session.workers().last() {
            self.ask(worker, worker.free_places(), &mut round).await;
            if round.left.is_empty() || !self.another(session, round.left.len()).await {
                break;
            }
        }
        // No other client is left: these wait for their windows while there is time.
        for worker in session.workers() {
            self.ask(worker, usize::MAX, &mut round).await;
        }
        self.report(&round);
        let drift = self.report_media_types(&skills, &round.media_types);
        let status = |queue: &QueueId| round.statuses.get(queue).copied().unwrap_or("unknown");
        let summary = |queue: &QueueId| QueueSummary { queue_id: queue.as_str().to_owned(), status: status(queue) };
        (queues.iter().map(summary).collect(), drift)
    }

    /// Asks about all at once, where there are so many that it pays. What isn't in the answer is asked about alone.
    async fn ask_for_all(&self, worker: &Worker<'_, P>, round: &mut Round<'_>) {
        if round.left.len() <= SINGLE_QUESTIONS {
            return;
        }
        let before = async || {
            let wanted = Wanted::queues(round.left.clone());
            let registered = self.ports.registry().load(&wanted).await;
            registered.map_or_else(|_| round.known.queues.clone(), |registered| registered.queues)
        };
        let Ok(observed) = worker.health_of_all(round.limits, before).await else { return };
        for (queue, observed) in observed {
            if let Some(place) = round.left.iter().position(|left| *left == queue) {
                round.left.remove(place);
                let status = self.keep(&queue, &observed).await;
                round.media_types.extend(observed.media_type.map(|media_type| (queue.clone(), media_type)));
                round.statuses.insert(queue, status);
            }
        }
    }

    /// Asks about at most so many of those that are left.
    async fn ask(&self, worker: &Worker<'_, P>, most: usize, round: &mut Round<'_>) {
        let (known, limits) = (round.known, round.limits);
        let asked: Vec<_> = round.left.drain(..most.min(round.left.len())).collect();
        let answers: Vec<_> = stream::iter(asked)
            .map(async |queue| {
                let limits = limits.get(&queue).copied().unwrap_or_default();
                let answer = self.queue(worker, (&queue, limits), known_of(known, &queue)).await;
                (queue, answer)
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut unasked = Vec::new();
        for (queue, answer) in answers {
            match answer {
                Ok((status, media_type)) => {
                    round.media_types.extend(media_type.map(|media_type| (queue.clone(), media_type)));
                    round.statuses.insert(queue, status);
                }
                Err(reason) => {
                    round.reason = Some(reason);
                    unasked.push(queue);
                }
            }
        }
        round.left.splice(..0, unasked);
    }

    /// One more client, where one is free now; false where none is.
    async fn another(&self, session: &mut Session<'_, P>, queues: usize) -> bool {
        let leased = session.lease(self.permits(queues), self.now()).await.inspect_err(|none| {
            if let NoClient::Store(cause) = none {
                warn!(error = chain(cause), "no further client could be leased");
            }
        });
        leased.is_ok()
    }

    /// The status of one queue, and the kind of contacts that it is for; or why it was not asked for.
    async fn queue(
        &self,
        worker: &Worker<'_, P>,
        (queue, limits): (&QueueId, SkillLimits),
        known: Option<&Queue>,
    ) -> Result<(&'static str, Option<u64>), DeferralReason> {
        // It has waited for its turn and for the window: places were reserved meanwhile.
        let before = async || {
            let wanted = Wanted::queues(vec![queue.clone()]);
            match self.ports.registry().load(&wanted).await {
                Ok(mut registered) => registered.queues.pop().map(|(_, queue)| queue),
                Err(_) => known.cloned(),
            }
        };
        let observed = worker.queue_health(queue, limits, before).await.map_err(|not_sent| not_sent.reason)?;
        let Some(observed) = observed else {
            if let Err(cause) = self.ports.registry().keep_unread(queue, self.now()).await {
                warn!(%queue, error = chain(&cause), "that the queue was asked about is not kept");
            }
            return Ok(("unknown", None));
        };
        Ok((self.keep(queue, &observed).await, observed.media_type))
    }

    /// Keeps what was learned of a queue; its status.
    async fn keep(&self, queue: &QueueId, observed: &Observed) -> &'static str {
        let Observed { health, before, .. } = observed;
        if !matches!(health.status, Status::Open) {
            info!(%queue, status = health.status.name(), thresholds = ?health.status, "the queue does not take every contact");
        }
        match self.ports.registry().keep_health(queue, health, *before).await {
            Ok(Reserved::UpTo(_)) => {}
            Ok(Reserved::Superseded(_)) => info!(%queue, "as new a health is known already"),
            Err(cause) => warn!(%queue, error = chain(&cause), "the queue's health is not kept"),
        }
        health.status.name()
    }

    /// Tells the log and the drift's metric which skills are for other contacts than a target of theirs. Where none is,
    /// nothing is counted: the metric is the attributes', too.
    fn report_media_types(&self, skills: &DefaultSkills, media_types: &BTreeMap<QueueId, u64>) -> Vec<Drift> {
        let drift = drift::of_media_types(self.routes, skills, media_types);
        for part in &drift {
            warn!(
                route = part.route,
                skill = part.attribute,
                "the skill is for another kind of contacts than its target"
            );
        }
        if !drift.is_empty() {
            #[expect(clippy::cast_precision_loss, reason = "a count of differences")]
            self.metrics.value(Metric::SchemaDrift, drift.len() as f64);
        }
        drift
    }

    fn report(&self, round: &Round<'_>) {
        if let Some(reason) = round.reason.filter(|_| !round.left.is_empty()) {
            let queues = round.left.iter().map(QueueId::as_str).collect::<Vec<_>>().join(" ");
            warn!(unasked = round.left.len(), %reason, queues, "these queues were not asked about; they come first next time");
        }
        let count = |status: &Status| round.statuses.values().filter(|found| **found == status.name()).count();
        #[expect(clippy::cast_precision_loss, reason = "counts of queues")]
        for (metric, queues) in [
            (Metric::SaturatedQueues, count(&Status::Saturated(Vec::new()))),
            (Metric::MissingQueues, count(&Status::Missing)),
            (Metric::UnaskedQueues, round.left.len() + round.without),
        ] {
            self.metrics.value(metric, queues as f64);
        }
    }
}

fn known_of<'k>(known: &'k Registered, queue: &QueueId) -> Option<&'k Queue> {
    known.queues.iter().find(|(id, _)| id == queue).map(|(_, queue)| queue)
}

/// The queues in the order in which CXone was last asked about them, whatever it answered; those never asked about
/// first.
fn asked_longest_ago_first(queues: &[QueueId], known: &Registered) -> Vec<QueueId> {
    let read = known.queues.iter().filter_map(|(id, queue)| Some((id, queue.health.as_ref()?.observed)));
    let mut asked: HashMap<&QueueId, Timestamp> = read.collect();
    for (id, at) in &known.unread {
        let last = asked.entry(id).or_insert(*at);
        *last = (*last).max(*at);
    }
    let mut queues = queues.to_vec();
    queues.sort_by_key(|queue| asked.get(queue).copied());
    queues
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::QueueHealth;

    #[test]
    fn the_queue_asked_longest_ago_comes_first_whatever_it_answered_and_the_never_asked_before_it() {
        let id = |name: &str| QueueId::new(name.to_owned()).unwrap();
        let at = Timestamp::from_millis;
        let seen = |name, observed| (id(name), Queue::new(Some(QueueHealth::missing(None, at(observed))), None));
        let known = Registered {
            queues: vec![
                seen("late", 7),
                seen("early", 3),
                seen("garbled-since", 1),
                seen("mended", 6),
                (id("marked"), Queue::new(None, Some(at(9)))),
                (id("garbled"), Queue::default()),
            ],
            unread: vec![(id("garbled"), at(4)), (id("garbled-since"), at(5)), (id("mended"), at(2))],
            ..Registered::default()
        };
        let queues = ["garbled", "late", "never", "mended", "garbled-since", "early", "marked"].map(id);
        let order = ["never", "marked", "early", "garbled", "garbled-since", "mended", "late"].map(id);
        assert_eq!(asked_longest_ago_first(&queues, &known), order);
    }
}
