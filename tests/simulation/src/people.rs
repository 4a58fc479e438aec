//! People who look for what may have been created, and decide (docs/rules.md#resolve).

use contact_injection::domain::{
    claim::{Record, Resolution, State, resolve},
    time::Timestamp,
};

use crate::world::World;

impl World {
    /// Somebody decides about some of the events in doubt, once nothing is on its way any more: by what CXone has.
    pub(crate) fn resolve_parked(&self) {
        let (Some(own), Some(unit)) = (&self.plan.unit, &self.unit) else { return };
        let in_doubt = |record: &Record| record.state == State::Parked;
        let parked: Vec<_> = {
            let ledger = self.ledger.borrow();
            let found = ledger.iter().filter(|(_, record)| in_doubt(record));
            found.map(|(key, record)| (*key, record.clone())).collect()
        };
        for (key, record) in parked {
            if !self.chance.happens(own.resolved) {
                continue;
            }
            let exists = !unit.borrow().creations_by_key(&key.to_string()).is_empty();
            let how = if exists { Resolution::Injected } else { Resolution::Retry };
            let now = self.now();
            let Some(resolved) = resolve(&record, how, Timestamp::from_millis(now)) else { continue };
            self.note("operator", || format!("resolves {} as {how:?}", record.event.id));
            self.seen.borrow_mut().resolved.push((key, how, now));
            self.swap(key, Some(&record), &resolved, 0);
        }
    }
}
