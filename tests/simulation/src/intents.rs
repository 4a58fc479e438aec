//! What the ledger is told before a request leaves that CXone knows no key of, and what defects make of it.

use contact_injection::domain::{
    claim::{Record, State},
    idempotency::IdempotencyKey,
    time::Timestamp,
};

use crate::{
    defect::Defect,
    plan::SOURCE,
    world::{Intent, World},
};

/// Longer than this after it was said that it would, no request leaves or arrives.
const ON_ITS_WAY: i64 = 18_000;

/// Whether a write says that a request is about to leave.
pub(crate) fn is_intent(seen: Option<&Record>, record: &Record) -> bool {
    let extends = |seen: &Record| seen.attempt == record.attempt && seen.sending != record.sending;
    record.state == State::Claimed && record.sending.is_some() && seen.is_some_and(extends)
}

/// Whether a write takes back that a request is about to leave.
pub(crate) fn is_withdrawal(seen: &Record, record: &Record) -> bool {
    let same = record.state == State::Claimed && seen.attempt == record.attempt;
    same && seen.sending.is_some() && record.sending.is_none()
}

/// A claim as it looks to whoever would judge it before its time.
pub(crate) fn judged_early(mut found: Record, now: Timestamp) -> Record {
    found.until = found.until.min(now);
    if let Some(sending) = &mut found.sending {
        sending.at = Timestamp::from_millis(now.as_millis() - ON_ITS_WAY);
    }
    found
}

/// A record in doubt that says that what was sent was looked for when it left.
pub(crate) fn looked_for_once(record: &Record) -> Record {
    let mut record = record.clone();
    if let Some(sending) = &mut record.sending {
        sending.absent = sending.absent.or(Some(sending.at));
    }
    record
}

/// A record that is in doubt, and doesn't say so.
pub(crate) fn without_doubt(record: &Record) -> Record {
    let dead_letters = Vec::new();
    Record { state: State::Released, hash: None, first_sent: None, sending: None, dead_letters, ..record.clone() }
}

impl World {
    /// Takes down that a request is about to leave, and who judges one before it can have arrived.
    pub(crate) fn see_intent(&self, key: IdempotencyKey, found: Option<&Record>, record: &Record, invocation: u64) {
        if is_intent(found, record) {
            let target = record.sending.as_ref().map(|sending| sending.target.clone()).unwrap_or_default();
            self.note("ledger", || format!("i{invocation} says that it will ask {target} for {}", record.event.id));
            let intents = &mut self.seen.borrow_mut().intents;
            let before = intents.iter().rfind(|intent| intent.key == key && intent.attempt == record.attempt);
            let in_doubt =
                before.map_or_else(|| found.is_some_and(|found| found.sending.is_some()), |before| before.in_doubt);
            intents.push(Intent { key, invocation, target, attempt: record.attempt, at: self.now(), in_doubt });
        }
        let Some((found, sending)) = found.and_then(|found| Some((found, found.sending.as_ref()?))) else { return };
        // To park what its own worker left in doubt needs no wait: that worker might have done it at once.
        let parks = found.state == State::InDoubt && record.state == State::Parked;
        if found.attempt == record.attempt || !found.is_in_doubt() || found.state == State::Parked || parks {
            return;
        }
        let since = self.now() + self.plan.skew - sending.at.as_millis();
        // While its worker may live, nothing is judged; what was settled in doubt may be by whoever's clock says so.
        let travels = found.state == State::Claimed && {
            let seen = self.seen.borrow();
            let own = seen.posts.iter().filter(|post| IdempotencyKey::of_event(SOURCE, &post.event) == key);
            own.into_iter().any(|post| post.arrives.is_some_and(|arrives| arrives > self.now()))
        };
        if since < ON_ITS_WAY || travels {
            self.breach(format!("{key} was judged by i{invocation} while a request for it may be on its way"));
        }
    }

    /// Whether a defect has this worker forget a doubt that it would park.
    pub(crate) fn forgets_doubt(&self, record: &Record, invocation: u64) -> bool {
        match self.defect {
            Some(Defect::DoubtSentAgain) => true,
            Some(Defect::DoubtCleared) => {
                let seen = self.seen.borrow();
                let own = |event: &str| record.event.id == event;
                let last = seen.posts.iter().rfind(|post| post.invocation == invocation && own(&post.event));
                last.is_some_and(|post| post.refused)
            }
            _ => false,
        }
    }
}
