//! The ledger's record of one event, and who may do what with it.
//!
//! ```text
//!            claim                settle
//! (absent) ────────► claimed ───┬──────► injected   a contact is in the queue, for good
//!     ▲                 ▲       ├──────► released   proven that nothing was created: free, and free to be corrected
//!     └── expires ──────┤       ├──────► in-doubt   a contact may exist: only the same data, only the same key
//!                       │       └──────► parked     CXone has forgotten the key: a person decides
//!                       └── from released, in-doubt, or claimed by a worker that never came back
//! ```
//!
//! A record is never deleted on doubt, and every write after a claim is conditional on that claim's attempt id, so a
//! worker whose time ran out can change nothing. All of it is decided here; the table only compares and swaps.

mod record;

use std::time::Duration;

use uuid::Uuid;

pub use self::record::{PlacedContact, RECORD_VERSION, Record, State};
use super::{idempotency::DataHash, time::Timestamp, window::LATE_ARRIVAL};

/// CXone remembers a key for 24 hours (guide, section 3). Less a quarter of an hour for clocks and a request's way.
pub const KEY_MEMORY: Duration = Duration::from_secs(24 * 3600 - 15 * 60);

/// How long a record is kept: longer than a message can live in the queue, the dead-letter queue and, redriven, the
/// queue again (4 + 14 + 4 days), and then as long once more.
pub const RECORD_LIFETIME: Duration = Duration::from_secs(45 * 86_400);

/// A claim can be taken over so long after its holder's deadline: the clocks' skew, and a request's last segments.
pub const CLAIM_MARGIN: Duration = Duration::from_secs(15);

/// Claims that were never settled, with no service fault between them, before an event counts as a worker's killer.
pub const CRASHES_TO_GIVE_UP: u32 = 3;

/// What a worker asks for when it claims an event.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// An id for this claim, new each time.
    pub attempt: Uuid,
    /// The event's data.
    pub hash: DataHash,
    /// The worker's clock.
    pub now: Timestamp,
    /// The worker's deadline.
    pub deadline: Timestamp,
    /// Whether the worker has nothing else under way that a crash would take along.
    pub alone: bool,
}

/// Why an event can't be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotClaimed {
    /// Its contact exists.
    Duplicate(PlacedContact),
    /// It may have been sent with other data.
    Conflict,
    /// Another worker has it until then.
    InProgress(Timestamp),
    /// It crashed a worker, or was there when one crashed: try it alone.
    Suspect,
    /// It crashed three workers. The record to write says that it is in doubt and clears the count.
    CrashLoop(Box<Record>),
    /// CXone has forgotten its key. The record to write parks it, unless it is parked already.
    Forgotten(Option<Box<Record>>),
    /// A newer version of this program wrote the record.
    NewerVersion(u32),
}

/// Decides on a claim, given what the ledger holds: the record to write in its place.
///
/// # Errors
/// [`NotClaimed`] says why the event can't be claimed now.
pub fn claim(existing: Option<&Record>, request: &ClaimRequest) -> Result<Record, NotClaimed> {
    let now = request.now;
    let Some(record) = existing.filter(|record| record.expires.is_none_or(|at| at > now)) else {
        return Ok(Record::claimed(request, None));
    };
    if record.version > RECORD_VERSION {
        return Err(NotClaimed::NewerVersion(record.version));
    }
    if record.state == State::Released {
        return Ok(Record::claimed(request, Some(record)));
    }
    if record.state == State::Claimed && record.until > now {
        return Err(NotClaimed::InProgress(record.until));
    }
    if record.hash.as_ref() != Some(&request.hash) {
        return Err(NotClaimed::Conflict);
    }
    if let Some(contact) = record.contact.clone().filter(|_| record.state == State::Injected) {
        return Err(NotClaimed::Duplicate(contact));
    }
    if record.state == State::Parked {
        return Err(NotClaimed::Forgotten(None));
    }
    if record.first_sent.is_none_or(|sent| now.since(sent) >= KEY_MEMORY) {
        let parked =
            Record { state: State::Parked, attempt: request.attempt, at: now, expires: None, ..record.clone() };
        return Err(NotClaimed::Forgotten(Some(Box::new(parked))));
    }
    if record.crashes >= CRASHES_TO_GIVE_UP {
        let doubt = Record { state: State::InDoubt, attempt: request.attempt, at: now, crashes: 0, ..record.clone() };
        return Err(NotClaimed::CrashLoop(Box::new(doubt)));
    }
    if record.crashes > 0 && !request.alone {
        return Err(NotClaimed::Suspect);
    }
    Ok(Record::claimed(request, Some(record)))
}

impl Record {
    fn claimed(request: &ClaimRequest, before: Option<&Record>) -> Self {
        let doubtful = before.filter(|record| record.state != State::Released);
        Self {
            version: RECORD_VERSION,
            state: State::Claimed,
            attempt: request.attempt,
            at: request.now,
            until: request.deadline.plus(CLAIM_MARGIN),
            hash: Some(request.hash.clone()),
            first_sent: doubtful.map_or(Some(request.now), |record| record.first_sent),
            // The count rises with the claim, so that a worker needn't live to write it, and a settlement clears it.
            crashes: before.map_or(0, |record| record.crashes) + 1,
            attempts: before.map_or(0, |record| record.attempts),
            lost: before.map_or_else(Vec::new, |record| record.lost.clone()),
            forgiven: before.map_or(0, |record| record.forgiven),
            contact: None,
            expires: Some(request.now.plus(RECORD_LIFETIME)),
        }
    }
}

/// A claim that a worker holds.
#[derive(Clone, Debug)]
pub struct Claim {
    record: Record,
    /// Since when an attempt, of this claim or before it, may have created a contact under the present key.
    doubtful: Option<Timestamp>,
}

impl Claim {
    /// The claim that `claimed` stands for, once it is in the ledger in place of `existing`.
    pub fn new(claimed: Record, existing: Option<&Record>) -> Self {
        let open = existing
            .filter(|before| before.state != State::Released && before.expires.is_none_or(|at| at > claimed.at));
        let doubtful = open.map(|before| before.at);
        Self { record: claimed, doubtful }
    }

    /// The record as this claim last wrote it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Contacts created and lost for this event so far: which key is next.
    pub fn lost(&self) -> usize {
        self.record.lost.len()
    }

    /// Whether a target lost a contact of this event since it was last dead-lettered.
    pub fn lost_at(&self, target: &str) -> bool {
        self.record.lost.iter().skip(self.record.forgiven).any(|lost| lost.target == target)
    }

    /// Requests sent for this event, over all claims.
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// A request was sent.
    pub fn sent(&mut self) {
        self.record.attempts = self.record.attempts.saturating_add(1);
    }

    /// The request sent last may have created a contact.
    pub fn doubt(&mut self, now: Timestamp) {
        self.doubtful = Some(now);
    }

    /// Whether a request before this answer may have created a contact under the present key, at whichever target.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful.is_some()
    }

    /// The answer proves that no request under the present key has created anything yet; one that was given up may still
    /// be on its way for a while.
    pub fn clear_doubt(&mut self, now: Timestamp) {
        self.doubtful = self.doubtful.filter(|since| now.since(*since) < LATE_ARRIVAL);
    }

    /// The record after a contact was lost: the claim goes on under another key.
    pub fn lose(&mut self, contact: PlacedContact, now: Timestamp) -> &Record {
        if !self.record.lost.contains(&contact) {
            self.record.lost.push(contact);
        }
        (self.record.first_sent, self.record.at, self.doubtful) = (Some(now), now, None);
        &self.record
    }

    /// The record of an event whose contact is in the queue.
    #[must_use]
    pub fn injected(&self, contact: PlacedContact, now: Timestamp) -> Record {
        Record { contact: Some(contact), crashes: 0, ..self.settled(State::Injected, now) }
    }

    /// The record of an event that is given up for now: free again where nothing can have been created, else in doubt.
    #[must_use]
    pub fn unplaced(&self, now: Timestamp) -> Record {
        if self.is_doubtful() {
            return Record { crashes: 0, ..self.settled(State::InDoubt, now) };
        }
        Record { crashes: 0, hash: None, first_sent: None, ..self.settled(State::Released, now) }
    }

    /// The record of an event that is dead-lettered: as unplaced, and a redrive may try every target again.
    #[must_use]
    pub fn given_up(&self, now: Timestamp) -> Record {
        Record { forgiven: self.record.lost.len(), ..self.unplaced(now) }
    }

    fn settled(&self, state: State, now: Timestamp) -> Record {
        Record { state, at: now, until: now, expires: Some(now.plus(RECORD_LIFETIME)), ..self.record.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(seconds))
    }

    fn data(text: &str) -> DataHash {
        DataHash::from_stored(text)
    }

    fn request(attempt: u128, seconds: u64) -> ClaimRequest {
        let now = at(seconds);
        let attempt = Uuid::from_u128(attempt);
        ClaimRequest { attempt, hash: data("same"), now, deadline: now.plus(Duration::from_secs(60)), alone: false }
    }

    fn alone(attempt: u128, seconds: u64) -> ClaimRequest {
        ClaimRequest { alone: true, ..request(attempt, seconds) }
    }

    fn placed(id: &str) -> PlacedContact {
        PlacedContact { contact_id: id.to_owned(), target: format!("queue:{id}") }
    }

    fn first() -> Claim {
        Claim::new(claim(None, &request(1, 0)).unwrap(), None)
    }

    #[test]
    fn an_injected_event_is_a_duplicate_for_as_long_as_it_is_remembered() {
        let record = first().injected(placed("c"), at(1));
        assert_eq!(claim(Some(&record), &request(2, 40 * 86_400)), Err(NotClaimed::Duplicate(placed("c"))));
        assert!(
            claim(Some(&record), &request(2, 46 * 86_400)).is_ok(),
            "expiry doesn't wait for the table to delete it"
        );
    }

    #[test]
    fn a_live_claim_is_in_progress_and_an_old_one_is_suspect() {
        let record = first().record().clone();
        assert_eq!(claim(Some(&record), &request(2, 74)), Err(NotClaimed::InProgress(record.until)));
        assert_eq!(claim(Some(&record), &request(2, 75)), Err(NotClaimed::Suspect));
        assert_eq!(claim(Some(&record), &alone(2, 75)).unwrap().crashes, 2);
    }

    #[test]
    fn three_claims_that_never_settled_are_a_crash_loop_that_a_redrive_starts_anew() {
        let mut record = first().record().clone();
        for attempt in 2..=3 {
            record = claim(Some(&record), &alone(attempt, 100 * u64::try_from(attempt).unwrap())).unwrap();
        }
        let Err(NotClaimed::CrashLoop(cleared)) = claim(Some(&record), &alone(4, 900)) else {
            panic!("a fourth claim")
        };
        assert_eq!((cleared.state, cleared.crashes), (State::InDoubt, 0));
        assert!(claim(Some(&cleared), &request(5, 1000)).is_ok());
    }

    #[test]
    fn a_settled_deferral_clears_the_count_of_crashes() {
        let mut claimed = first();
        claimed.doubt(at(1));
        let record = claimed.unplaced(at(5));
        assert_eq!(claim(Some(&record), &request(2, 6)).unwrap().crashes, 1);
    }

    #[test]
    fn what_was_only_refused_is_free_to_be_corrected() {
        let record = first().unplaced(at(5));
        assert_eq!(record.state, State::Released);
        let corrected = ClaimRequest { hash: data("corrected"), ..request(2, 6) };
        let claimed = claim(Some(&record), &corrected).unwrap();
        assert_eq!((claimed.hash, claimed.first_sent), (Some(data("corrected")), Some(at(6))));
    }

    #[test]
    fn what_may_have_been_sent_conflicts_with_other_data() {
        let mut claimed = first();
        claimed.doubt(at(1));
        let other = ClaimRequest { hash: data("other"), ..request(2, 100) };
        for record in [claimed.record().clone(), claimed.unplaced(at(5)), claimed.injected(placed("c"), at(5))] {
            assert_eq!(claim(Some(&record), &other), Err(NotClaimed::Conflict), "{:?}", record.state);
        }
    }

    #[test]
    fn doubt_outlives_claims_and_keeps_the_time_of_the_first_request() {
        let mut claimed = first();
        claimed.doubt(at(1));
        let record = claimed.unplaced(at(5));
        let again = Claim::new(claim(Some(&record), &request(2, 50)).unwrap(), Some(&record));
        assert_eq!(again.record().first_sent, Some(at(0)));
        assert_eq!(again.unplaced(at(51)).state, State::InDoubt, "being turned away at the door proves nothing");
        let mut cleared = again.clone();
        cleared.clear_doubt(at(51));
        assert_eq!(cleared.unplaced(at(51)).state, State::Released);
    }

    #[test]
    fn a_request_that_was_given_up_a_moment_ago_is_still_on_its_way() {
        let mut claimed = first();
        claimed.doubt(at(10));
        claimed.clear_doubt(at(11));
        assert!(claimed.is_doubtful());
        claimed.clear_doubt(at(15));
        assert!(!claimed.is_doubtful());
    }

    #[test]
    fn doubt_is_parked_before_cxone_forgets_the_key_and_never_claimed_again() {
        let mut claimed = first();
        claimed.doubt(at(1));
        let record = claimed.unplaced(at(5));
        let late = request(2, 24 * 3600 - 900);
        let Err(NotClaimed::Forgotten(Some(parked))) = claim(Some(&record), &late) else { panic!("it must be parked") };
        assert_eq!((parked.state, parked.expires), (State::Parked, None));
        let weeks = ClaimRequest { now: late.now.plus(HOUR * 24 * 365), ..late };
        assert_eq!(claim(Some(&parked), &weeks), Err(NotClaimed::Forgotten(None)));
    }

    #[test]
    fn a_lost_contact_starts_a_new_key_and_its_target_is_out_until_a_redrive() {
        let mut claimed = first();
        claimed.doubt(at(1));
        let record = claimed.lose(placed("lost"), at(3)).clone();
        assert_eq!((record.first_sent, claimed.lost()), (Some(at(3)), 1));
        assert!(claimed.lost_at("queue:lost") && !claimed.lost_at("queue:other"));
        let released = claimed.given_up(at(4));
        assert_eq!(released.state, State::Released);
        let redriven = Claim::new(claim(Some(&released), &request(2, 500)).unwrap(), Some(&released));
        assert_eq!((redriven.lost(), redriven.lost_at("queue:lost")), (1, false));
    }

    #[test]
    fn a_loss_told_under_a_key_in_doubt_is_nobodys_and_the_next_one_is_its_targets() {
        let mut claimed = first();
        assert!(!claimed.is_doubtful());
        claimed.doubt(at(1));
        let record = claimed.unplaced(at(5));
        let mut again = Claim::new(claim(Some(&record), &request(2, 50)).unwrap(), Some(&record));
        assert!(again.is_doubtful(), "the loss may be the earlier request's, at another target");
        again.lose(PlacedContact { target: "unknown".to_owned(), ..placed("lost") }, at(51));
        assert!(!again.is_doubtful() && !again.lost_at("queue:lost"));
    }

    #[test]
    fn the_same_lost_contact_told_twice_counts_once() {
        let mut claimed = first();
        claimed.lose(placed("lost"), at(3));
        claimed.lose(placed("lost"), at(4));
        assert_eq!(claimed.lost(), 1);
    }

    #[test]
    fn a_record_of_a_newer_version_is_left_alone() {
        let record = Record { version: RECORD_VERSION + 1, ..first().record().clone() };
        assert_eq!(claim(Some(&record), &request(2, 500)), Err(NotClaimed::NewerVersion(2)));
    }
}
