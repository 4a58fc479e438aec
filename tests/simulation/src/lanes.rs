//! Two lanes: an urgent queue beside the contact queue, with workers of its own and some of the clients
//! (docs/rules.md#lanes).

use std::collections::BTreeSet;

use contact_injection::domain::{lane::Lane, message::Origin};

use crate::{
    chance::Chance,
    plan::{Kind, Plan, Sent},
};

/// What tells the stream of the lanes from a seed's others: one by which the seeds that once failed, and those by which
/// the rarer defects are found, have one lane as they had then.
const LANES: u64 = 0x7477_6f5f_0000_30d0;

/// How the ARNs of both queues begin.
const QUEUES: &str = "arn:aws:sqs:eu-central-1:000000000000:";

/// What a run with two lanes has besides.
#[derive(Clone, Debug)]
pub(crate) struct UrgentPlan {
    /// Invocations of the urgent lane at once.
    pub(crate) workers: usize,
    /// The clients that are kept for it, by number.
    pub(crate) clients: BTreeSet<usize>,
}

impl Plan {
    /// The same, in some seeds with two lanes: from a stream of its own, so that the others stay what they were.
    pub(crate) fn with_lanes(mut self, seed: u64) -> Self {
        let chance = Chance::seeded(seed ^ LANES);
        if chance.index(3) > 0 {
            return self;
        }
        self.clients += chance.index(3);
        let kept = [0, 1, chance.index(self.clients)][chance.index(3)].min(self.clients - 1);
        let first = chance.index(self.clients);
        let clients = (first..first + kept).map(|number| number % self.clients).collect();
        self.urgent = Some(UrgentPlan { workers: 1 + chance.index(3), clients });
        let (share, both) = (chance.sample(), [0.0, 0.1, 0.4][chance.index(3)]);
        let mut twins = Vec::new();
        for message in &mut self.sent {
            if chance.happens(share) {
                message.lane = Lane::Urgent;
            }
            if message.kind == Kind::Sound && chance.happens(both) {
                let (lane, later) = (other(message.lane), [1000, 300_000][chance.index(2)]);
                twins.push(Sent { at: message.at + chance.between(0, later), lane, ..message.clone() });
            }
        }
        self.sent.append(&mut twins);
        self.sent.sort_by_key(|message| message.at);
        self
    }

    /// The lanes that there are.
    pub(crate) fn lanes(&self) -> &'static [Lane] {
        if self.urgent.is_some() { &Lane::ALL } else { &Lane::ALL[..1] }
    }

    /// Invocations of a lane at once.
    pub(crate) fn workers(&self, lane: Lane) -> usize {
        match (lane, &self.urgent) {
            (Lane::Standard, _) => self.workers,
            (Lane::Urgent, urgent) => urgent.as_ref().map_or(0, |urgent| urgent.workers),
        }
    }

    /// Which messages a client is kept for, by its id.
    pub(crate) fn lane_of(&self, client: &str) -> Lane {
        let number = client.strip_prefix("c-").and_then(|number| number.parse().ok());
        let kept = |urgent: &UrgentPlan| number.is_some_and(|number| urgent.clients.contains(&number));
        if self.urgent.as_ref().is_some_and(kept) { Lane::Urgent } else { Lane::Standard }
    }

    /// Where a message of this lane comes from, where there are two.
    pub(crate) fn origin(&self, lane: Lane) -> Option<Origin> {
        self.urgent.as_ref().map(|_| Origin { lane, queue: format!("{QUEUES}{lane}") })
    }
}

fn other(lane: Lane) -> Lane {
    match lane {
        Lane::Standard => Lane::Urgent,
        Lane::Urgent => Lane::Standard,
    }
}

/// The lane of a queue by its ARN.
pub(crate) fn lane_named(queue: &str) -> Option<Lane> {
    queue.strip_prefix(QUEUES).and_then(Lane::named)
}
