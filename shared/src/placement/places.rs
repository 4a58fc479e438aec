//! Which target is next, and its place in that target's queue.

use std::borrow::Cow;

use tracing::warn;

use super::Stop;
use crate::{
    domain::{
        outcome::{GivenUp, Outcome},
        queues::Queues,
        reason::{DeadLetterReason, DeferralReason},
        routes::{Address, QueueId, Route},
        targets::{self, Choice, Passed},
        time::Timestamp,
    },
    drafts::Drafts,
    error::chain,
    pipeline::{self, Ending, Pipeline},
    ports::{InjectPorts, Registry},
    room,
    snapshot::look_again,
    worker::{Admission, NotSent},
};

impl<P: InjectPorts> Pipeline<'_, P> {
    /// The target that is likely to be next, by what is known already. That there is none is believed of what is not
    /// old.
    pub(super) async fn likely(&self, route: &Route, passed: &[Option<Passed>]) -> Choice {
        let choice = self.choose(&self.queues.borrow(), route, passed);
        if matches!(choice, Choice::Target { .. }) {
            return choice;
        }
        self.look_again(route, passed).await;
        self.choose(&self.queues.borrow(), route, passed)
    }

    /// Reads again in the registry what is old by now of the queues that an event may go to; false where that took so
    /// long that it is old already.
    async fn look_again(&self, route: &Route, passed: &[Option<Passed>]) -> bool {
        let open = route.targets().iter().zip(passed).filter(|(_, passed)| passed.is_none());
        let queues: Vec<_> = open.flat_map(|(target, _)| self.queues.borrow().queues_of(target.address())).collect();
        look_again(self.ports, self.queues, queues.iter().map(Cow::as_ref)).await;
        let (known, now) = (self.queues.borrow(), self.now());
        !queues.iter().any(|queue| known.is_outdated(queue, now))
    }

    /// Chooses a target by what the registry says now, and takes its place there. One that the batch didn't foresee is
    /// reserved first, and whether there is any decides again. Nothing where the admission ends meanwhile.
    pub(super) async fn take_place(
        &self,
        route: &Route,
        passed: &[Option<Passed>],
        admission: &Admission<'_>,
    ) -> Option<Choice> {
        loop {
            let fresh = self.look_again(route, passed).await;
            if !self.worker.still_admits(admission) {
                return None;
            }
            if !fresh {
                continue;
            }
            let (choice, unreserved) = self.place_at_once(route, passed);
            let Some(queue) = unreserved else { return Some(choice) };
            let contacts = self.queues.borrow().lacking(&queue);
            room::reserve(self.ports, self.queues, &queue, contacts).await;
        }
    }

    /// The choice, and the queue where a place has to be reserved for it first.
    fn place_at_once<'r>(&self, route: &'r Route, passed: &[Option<Passed>]) -> (Choice, Option<Cow<'r, QueueId>>) {
        let mut queues = self.queues.borrow_mut();
        let choice = self.choose(&queues, route, passed);
        let Choice::Target { index, .. } = choice else { return (choice, None) };
        let Some(queue) = queues.queue_of(route.targets()[index].address()) else { return (choice, None) };
        let placed = queues.place(&queue, self.now());
        (choice, (!placed).then_some(queue))
    }

    fn choose(&self, queues: &Queues, route: &Route, passed: &[Option<Passed>]) -> Choice {
        let now = self.now();
        let availability = |address: &Address| queues.availability_at(address, 0, now);
        targets::choose(route.targets(), passed, route.on_unknown_health(), availability)
    }

    /// Waits for leave to send, while its place at the target that is likely to be next is asked for with the others'.
    pub(super) async fn admit(&self, likely: &Address, expires: Timestamp) -> Result<Admission<'_>, NotSent> {
        let Some(queue) = self.queue_of(likely) else { return self.worker.admit(expires).await };
        self.queues.borrow_mut().expect(&queue);
        let admitted = self.worker.admit(expires).await;
        self.queues.borrow_mut().expect_no_more(&queue);
        admitted
    }

    /// A contact is on its way into a queue, whatever room there is: it may be there already.
    pub(super) fn put(&self, address: &Address) {
        if let Some(queue) = self.queue_of(address) {
            self.queues.borrow_mut().place(&queue, self.now());
        }
    }

    /// A contact is in the queue that it was on its way to, may be, or was until CXone lost it: its place is used.
    pub(super) fn arrive(&self, address: &Address) {
        if let Some(queue) = self.queue_of(address) {
            self.queues.borrow_mut().arrived(&queue, self.now());
        }
    }

    /// A contact did not get into the queue that it was on its way to: its place serves another.
    pub(super) fn vacate(&self, address: &Address) {
        if let Some(queue) = self.queue_of(address) {
            self.queues.borrow_mut().unplace(&queue);
        }
    }

    /// A queue refused: this worker and, from their next look at the registry on, the others leave it alone for a
    /// while.
    pub(super) async fn saturate(&self, address: &Address) {
        let Some(queue) = self.queue_of(address) else { return };
        self.mark_saturated(&queue).await;
    }

    /// The same of every target of its kind.
    pub(super) async fn saturate_kind(&self, address: &Address) {
        if let Some(kind) = address.kind_queue() {
            self.mark_saturated(kind).await;
        }
    }

    fn queue_of<'r>(&self, address: &'r Address) -> Option<Cow<'r, QueueId>> {
        self.queues.borrow().queue_of(address)
    }

    async fn mark_saturated(&self, queue: &QueueId) {
        let until = self.queues.borrow_mut().saturate(queue, self.now());
        if let Err(cause) = self.ports.registry().mark_saturated(queue, until).await {
            warn!(%queue, error = chain(&cause), "other workers could not be told that the queue is full");
        }
    }
}

/// The target that was chosen, or how an event ends that has none.
pub(super) fn target_of(choice: Choice, route: &Route, drafts: &Drafts) -> Result<Stop, Ending> {
    let given_up =
        |reason, what: &str| Ending::GivenUp(GivenUp { reason, detail: what.to_owned() }.by_route(route.name()));
    Err(match choice {
        Choice::Target { index, steps } => return Ok(Stop { index, steps }),
        Choice::Held => Ending::Deferred(Outcome::deferred(DeferralReason::Held)),
        Choice::Saturated => Ending::Deferred(Outcome::deferred(DeferralReason::Saturated)),
        Choice::Lost => given_up(
            DeadLetterReason::ContactFailed,
            "CXone created the contact and lost it at every target that would take it",
        ),
        Choice::Unverified => Ending::Deferred(Outcome::deferred(DeferralReason::UnverifiedSchema)),
        Choice::Unfit => {
            let problems: Vec<_> = drafts.problems().cloned().collect();
            Ending::GivenUp(pipeline::given_up(&problems))
        }
        Choice::Missing => given_up(DeadLetterReason::UnknownQueue, "no target's queue exists in CXone"),
    })
}
