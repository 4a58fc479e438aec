//! What a batch reserves before it places anything: so that it takes one write for each queue, and not one for each
//! contact.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::Queues;
use crate::domain::{
    routes::{Address, QueueId, Route, Target},
    targets::{Choice, choose},
    time::Timestamp,
};

impl Queues {
    /// Places to reserve now, by queue, for events of these routes in this order: each goes to its first target that
    /// takes it, as far as is known.
    ///
    /// What is granted may be less. So a queue to which events would then fall back waits until the ones before it are
    /// settled, and is asked once for both; where queues are each other's fallbacks, the first is asked. Plan again
    /// after it, until nothing is to be reserved.
    pub fn to_reserve<'r>(
        &self,
        routes: impl IntoIterator<Item = &'r Route>,
        now: Timestamp,
    ) -> BTreeMap<QueueId, u64> {
        let mut ahead: BTreeMap<Cow<'r, QueueId>, u64> = BTreeMap::new();
        let mut lacking: BTreeMap<Cow<'r, QueueId>, u64> = BTreeMap::new();
        let mut fallbacks = BTreeSet::new();
        for route in routes {
            let availability = |address: &Address| {
                let ahead = self.queue_of(address).and_then(|queue| ahead.get(&queue)).copied().unwrap_or(0);
                self.availability_at(address, ahead, now)
            };
            let Choice::Target { index, .. } = choose(route.targets(), &[], route.on_unknown_health(), availability)
            else {
                continue;
            };
            let Some(queue) = self.queue_of(route.targets()[index].address()) else { continue };
            let before = ahead.entry(queue.clone()).or_default();
            if self.lacks(&queue, *before, now) {
                *lacking.entry(queue).or_default() += 1;
                let others = route.targets()[index + 1..].iter().map(Target::address);
                fallbacks.extend(others.filter_map(|address| self.queue_of(address)));
            }
            *before += 1;
        }
        let mut first: BTreeMap<_, _> = lacking.iter().filter(|(queue, _)| !fallbacks.contains(*queue)).collect();
        if first.is_empty() {
            first = lacking.iter().take(1).collect();
        }
        first.into_iter().map(|(queue, places)| (queue.as_ref().clone(), *places)).collect()
    }

    /// Whether a contact after `ahead` others of this worker would have to have a place that isn't reserved yet.
    fn lacks(&self, id: &QueueId, ahead: u64, now: Timestamp) -> bool {
        self.known
            .get(id)
            .is_some_and(|known| known.scarce(now, self.bounds).is_some() && known.tickets.held(ahead).is_err())
    }
}
