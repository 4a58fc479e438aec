//! What an environment remembers of the registry, so that not every invocation reads it.
//!
//! The schema changes once a day and is read again after half a minute, a queue with plenty of room after some seconds.
//! Any other queue is read by each invocation, since what others reserved or found full decides there. A registry that
//! can't be read leaves what is remembered; it never counts as one that knows nothing.

use std::{borrow::Cow, cell::RefCell, collections::BTreeSet, time::Duration};

use tracing::warn;

use crate::{
    domain::{
        queues::{Queue, Queues},
        routes::{Address, QueueId},
        time::Timestamp,
    },
    error::chain,
    ports::{Environment, Ports, Registered, Registry, SchemaSnapshot, Wanted},
};

/// A schema that was read so long ago is read again: a renewed one is everywhere before the minute is over.
const SCHEMA_REREAD_AFTER: Duration = Duration::from_secs(30);

/// What was read so long before a client was had is read once more with it: a reading that contacts set out by may be
/// as old.
const READ_ANEW_AFTER: Duration = Duration::from_secs(1);

/// What one environment remembers of the registry, besides what it knows of the queues.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The registered attributes: the registry's, or newer ones that were fetched from CXone.
    pub(crate) schema: Option<SchemaSnapshot>,
    /// Whether the registry answered when it was last asked. What it lacks may then be written to it.
    pub(crate) answered: bool,
    schema_read: Option<Timestamp>,
    /// When it was last looked whether anything is due.
    looked: Option<Timestamp>,
}

impl Snapshot {
    /// Reads what is due of the schema and of the queues of these targets, in one request or none. Where `defaults`
    /// are, there is a second request for queues of which it only then is known that the targets lead there.
    pub(crate) async fn refresh<P: Ports>(
        &mut self,
        ports: &P,
        queues: &mut Queues,
        targets: &[&Address],
        defaults: bool,
    ) {
        let now = ports.environment().now();
        self.looked = Some(now);
        let mut wanted = self.due(queues, targets, now);
        wanted.default_skills = wanted.schema && defaults;
        if !wanted.schema && wanted.queues.is_empty() {
            return;
        }
        self.read(ports, queues, &wanted, now).await;
        if self.answered && wanted.default_skills {
            let mut found = Wanted::queues(self.due(queues, targets, now).queues);
            found.queues.retain(|queue| !wanted.queues.contains(queue));
            if !found.queues.is_empty() {
                self.read(ports, queues, &found, now).await;
            }
        }
    }

    /// Whether so much time has passed since the last look that contacts shouldn't set out by it.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        self.looked.is_none_or(|at| at > now || now.since(at) >= READ_ANEW_AFTER)
    }

    async fn read<P: Ports>(&mut self, ports: &P, queues: &mut Queues, wanted: &Wanted, now: Timestamp) {
        let registered = load(ports, wanted).await;
        self.answered = registered.is_some();
        let Some(registered) = registered else { return };
        if wanted.schema {
            self.schema_read = Some(now);
            self.learn_schema(registered.schema);
        }
        if let Some(skills) = registered.default_skills {
            queues.learn_default_skills(skills);
        }
        learn_queues(queues, wanted.queues.clone(), registered.queues, now);
    }

    fn due(&self, queues: &Queues, targets: &[&Address], now: Timestamp) -> Wanted {
        let routed: BTreeSet<_> = targets.iter().flat_map(|address| queues.queues_of(address)).collect();
        let routed = routed.into_iter().filter(|id| queues.is_to_be_read(id, now)).map(Cow::into_owned);
        // A time that is yet to come was read off a clock that has been set back since.
        let recent = self.schema_read.is_some_and(|at| at <= now && now.since(at) < SCHEMA_REREAD_AFTER);
        Wanted { schema: !recent, default_skills: false, queues: routed.collect() }
    }

    /// The newer one serves: a schema that the registry could not take is remembered here alone.
    fn learn_schema(&mut self, read: Option<SchemaSnapshot>) {
        let fetched = |schema: &Option<SchemaSnapshot>| schema.as_ref().map(|schema| schema.fetched);
        if fetched(&read) > fetched(&self.schema) {
            self.schema = read;
        }
    }
}

/// Reads those queues again of which what is known is old by now: so that a contact that has waited for its permit
/// takes its place under the reading that the others know.
pub(crate) async fn look_again<P: Ports>(ports: &P, queues: &RefCell<Queues>, ids: impl IntoIterator<Item = &QueueId>) {
    let now = ports.environment().now();
    let old = |id: &&QueueId| queues.borrow().is_to_be_read_again(id, now);
    let wanted = Wanted::queues(ids.into_iter().filter(old).cloned().collect());
    if wanted.queues.is_empty() {
        return;
    }
    // A registry that doesn't answer isn't asked again for each contact.
    let known = load(ports, &wanted).await.map_or_else(Vec::new, |registered| registered.queues);
    learn_queues(&mut queues.borrow_mut(), wanted.queues, known, now);
}

async fn load<P: Ports>(ports: &P, wanted: &Wanted) -> Option<Registered> {
    let registered = ports.registry().load(wanted).await.inspect_err(|cause| {
        warn!(error = chain(cause), "the registry can't be read; what is remembered serves on");
    });
    registered.ok()
}

/// Takes in what the registry knows of queues that it was asked for at this time.
fn learn_queues(queues: &mut Queues, asked: Vec<QueueId>, known: Vec<(QueueId, Queue)>, now: Timestamp) {
    for id in asked {
        queues.registry_asked(id, now);
    }
    for (id, queue) in known {
        queues.learn(id, queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        attributes::Schema,
        health::{QueueHealth, Status},
        lease::Rate,
        queues::Bounds,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn queue(number: u8) -> QueueId {
        QueueId::new(format!("q-{number}")).unwrap()
    }

    /// Queues with plenty of room (1), little (2), none (3), and one that nobody knows (4).
    fn queues() -> Queues {
        let mut queues = Queues::default();
        queues.begin(Bounds::new(SECOND * 180, Rate { limit: 120, window: SECOND * 60 }, 2), NOW);
        for (number, capacity, status) in
            [(1, 0, Status::Open), (2, 1999, Status::Open), (3, 2000, Status::Saturated(vec![]))]
        {
            let health =
                QueueHealth { status, capacity: Some(capacity), max_capacity: Some(2000), observed: NOW.minus(SECOND) };
            queues.learn(queue(number), Queue::new(Some(health), None));
        }
        queues
    }

    fn due(snapshot: &Snapshot, queues: &Queues, now: Timestamp) -> (bool, Vec<QueueId>) {
        let targets: Vec<_> = (1..=4).map(|number| Address::Queue(queue(number))).collect();
        let wanted = snapshot.due(queues, &targets.iter().collect::<Vec<_>>(), now);
        (wanted.schema, wanted.queues)
    }

    #[test]
    fn the_schema_is_read_again_after_half_a_minute_plenty_of_room_after_seconds_all_else_each_time() {
        let (mut snapshot, mut queues) = (Snapshot::default(), queues());
        assert_eq!(due(&snapshot, &queues, NOW), (true, (1..=4).map(queue).collect()), "nothing is remembered");
        snapshot.schema_read = Some(NOW);
        learn_queues(&mut queues, (1..=4).map(queue).collect(), Vec::new(), NOW);
        let due = |seconds| due(&snapshot, &queues, NOW.plus(SECOND * seconds));
        assert_eq!(due(9), (false, (2..=4).map(queue).collect()));
        assert_eq!(due(10), (false, (1..=4).map(queue).collect()));
        assert_eq!(due(30), (true, (1..=4).map(queue).collect()));
        let earlier = super::tests::due(&snapshot, &queues, NOW.minus(SECOND));
        assert_eq!(earlier, (true, (1..=4).map(queue).collect()), "the clock was set back");
    }

    #[test]
    fn a_look_is_old_after_a_second_or_where_the_clock_was_set_back() {
        let snapshot = Snapshot { looked: Some(NOW), ..Snapshot::default() };
        let after = |milliseconds| snapshot.is_old(NOW.plus(Duration::from_millis(milliseconds)));
        assert_eq!([0, 999, 1000].map(after), [false, false, true]);
        assert!(snapshot.is_old(NOW.minus(SECOND)) && Snapshot::default().is_old(NOW));
    }

    #[test]
    fn a_schema_that_the_registry_lacks_or_has_older_is_not_forgotten() {
        let schema = |fetched| SchemaSnapshot { schema: Schema::new(Vec::new()), fetched };
        let mut snapshot = Snapshot::default();
        for (read, kept) in [(None, None), (Some(5), Some(5)), (None, Some(5)), (Some(4), Some(5)), (Some(6), Some(6))]
        {
            snapshot.learn_schema(read.map(|seconds| schema(NOW.plus(SECOND * seconds))));
            let fetched = snapshot.schema.as_ref().map(|schema| schema.fetched);
            assert_eq!(fetched, kept.map(|seconds| NOW.plus(SECOND * seconds)));
        }
    }
}
