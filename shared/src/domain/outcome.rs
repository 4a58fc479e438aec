//! What became of a message: exactly one of four things ends each delivery (docs/rules.md#one-outcome-per-delivery).

use std::time::Duration;

use super::{
    backoff::ACROSS_DELIVERIES,
    reason::{DeadLetterReason, DeferralReason},
    time::Timestamp,
};

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// CXone has the contact in a queue.
    Injected {
        /// CXone's id of it.
        contact_id: String,
    },
    /// The identity was injected before.
    Duplicate {
        /// CXone's id of the contact that it became.
        contact_id: String,
    },
    /// Not now: the message comes back.
    Deferred {
        /// Why.
        reason: DeferralReason,
        /// When to look at it again.
        retry: Retry,
    },
    /// It can never succeed.
    DeadLettered {
        /// Why.
        reason: DeadLetterReason,
        /// In words, without a value of the event.
        detail: String,
    },
}

/// An event that can never succeed, before the ledger has said what else is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Why.
    pub reason: DeadLetterReason,
    /// In words, without a value of the event.
    pub detail: String,
}

impl GivenUp {
    /// The same, for a route by whose rules it was given up.
    #[must_use]
    pub fn by_route(self, route: &str) -> Self {
        Self { detail: format!("route '{route}': {}", self.detail), ..self }
    }
}

impl From<GivenUp> for Outcome {
    fn from(GivenUp { reason, detail }: GivenUp) -> Self {
        Self::DeadLettered { reason, detail }
    }
}

impl Outcome {
    /// A deferral with backoff.
    pub const fn deferred(reason: DeferralReason) -> Self {
        Self::Deferred { reason, retry: Retry::Backoff }
    }

    /// A deferral to a known time.
    pub const fn deferred_until(reason: DeferralReason, at: Timestamp) -> Self {
        Self::Deferred { reason, retry: Retry::At(at) }
    }

    /// Why a message that was sent then is given up instead of deferred. The queue deletes what it has kept for long
    /// enough, and says nothing: what may not live to its next delivery is a dead letter, which lives two weeks more.
    pub fn out_of_retention(&self, sent: Option<Timestamp>, now: Timestamp) -> Option<GivenUp> {
        let Self::Deferred { reason, .. } = self else { return None };
        let last_look = sent?.plus(QUEUE_RETENTION).minus(LAST_LOOK);
        (now >= last_look).then(|| GivenUp {
            reason: DeadLetterReason::Expired,
            detail: format!("it was deferred for as long as the contact queue keeps a message, at last as {reason}"),
        })
    }

    /// The outcome's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Injected { .. } => "injected",
            Self::Duplicate { .. } => "duplicate",
            Self::Deferred { .. } => "deferred",
            Self::DeadLettered { .. } => "dead-lettered",
        }
    }

    /// Why the message comes back, where it does.
    pub const fn deferral(&self) -> Option<DeferralReason> {
        match self {
            Self::Deferred { reason, .. } => Some(*reason),
            Self::Injected { .. } | Self::Duplicate { .. } | Self::DeadLettered { .. } => None,
        }
    }

    /// The reason's name, where the outcome has one.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Injected { .. } | Self::Duplicate { .. } => None,
            Self::Deferred { reason, .. } => Some(reason.as_str()),
            Self::DeadLettered { reason, .. } => Some(reason.as_str()),
        }
    }
}

/// When a deferred message is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After an exponential backoff with full jitter, by how often it was received.
    Backoff,
    /// The same, by how many requests of it came to nothing: its other receives were of no fault of its own.
    BackoffAfter(u32),
    /// When something is known to open or to end.
    At(Timestamp),
}

/// So many requests of one event that came to nothing say that it may be the event that CXone fails at.
const SUSPECT_AFTER: u32 = 10;

impl Retry {
    /// When to try again an event of which so many requests were sent, the last of them in vain for the service's
    /// fault; its client's circuit is probed then, where it isn't closed. It is the circuit that spares CXone in that
    /// case, and what a probe was spent on is no worse than what waited. Where it is closed others succeed, and the
    /// event backs off.
    pub fn after_failure(requests: u32, probe: Option<Timestamp>) -> Self {
        probe.filter(|_| requests <= SUSPECT_AFTER).map_or(Self::BackoffAfter(requests), Self::At)
    }
}

/// SQS takes no message out of sight for longer than this after it was received.
const LONGEST_INVISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// A message that waits for a known time isn't looked at later than this all the same: what was known may change.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// Messages that wait for the same moment come back spread over so much more of their wait, at least
/// [`SMALLEST_SPREAD`]: a herd at the door is what the wait was for.
const SPREAD: f64 = 0.25;

/// See [`SPREAD`].
const SMALLEST_SPREAD: Duration = Duration::from_secs(2);

/// How long the contact queue keeps a message: `MessageRetentionPeriod` in the template.
pub const QUEUE_RETENTION: Duration = Duration::from_secs(4 * 86_400);

/// A message this close to the end of [`QUEUE_RETENTION`] may not live to its next delivery: the longest wait with its
/// spread, a visibility timeout or two after crashes, and a delivery.
const LAST_LOOK: Duration = Duration::from_secs(3_600);

/// Receives after which a message no longer comes back for each probe of a circuit, but for an hour's outage at least:
/// the queue's `maxReceiveCount`, 1,000, has to outlast [`QUEUE_RETENTION`].
const PATIENT_AFTER: u32 = 200;

/// How long to keep a deferred message out of sight: whole seconds, from 0 to 12 hours less `held`, the time that this
/// delivery has had it already (SQS counts from the receipt).
pub fn visibility_delay(retry: Retry, now: Timestamp, receive_count: u32, held: Duration, sample: f64) -> Duration {
    let patient = ACROSS_DELIVERIES.wait(receive_count, sample);
    let wait = match retry {
        Retry::Backoff => patient,
        Retry::BackoffAfter(failures) => ACROSS_DELIVERIES.wait(failures, sample),
        Retry::At(at) => {
            let wait = at.since(now).min(LONGEST_WAIT);
            wait + wait.mul_f64(SPREAD).max(SMALLEST_SPREAD).mul_f64(sample.clamp(0.0, 1.0))
        }
    };
    let wait = if receive_count > PATIENT_AFTER { wait.max(patient) } else { wait };
    // Rounded up, so that a message never comes back a moment before the door opens.
    Duration::from_secs(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
        .min(LONGEST_INVISIBILITY.saturating_sub(held))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_known_time_is_waited_for_with_a_spread_behind_it() {
        let at = Retry::At(NOW.plus(Duration::from_millis(40_500)));
        assert_eq!(visibility_delay(at, NOW, 1, Duration::ZERO, 0.0), Duration::from_secs(41));
        assert_eq!(visibility_delay(at, NOW, 1, Duration::ZERO, 1.0), Duration::from_secs(51));
    }

    #[test]
    fn an_outcome_is_told_by_its_name_and_the_reason_that_it_has() {
        let injected = Outcome::Injected { contact_id: "c".to_owned() };
        let duplicate = Outcome::Duplicate { contact_id: "c".to_owned() };
        let deferred = Outcome::deferred(DeferralReason::Held);
        let dead = Outcome::from(GivenUp { reason: DeadLetterReason::NoRoute, detail: String::new() }.by_route("r"));
        let told = [&injected, &duplicate, &deferred, &dead].map(|outcome| (outcome.name(), outcome.reason()));
        assert_eq!(
            told,
            [("injected", None), ("duplicate", None), ("deferred", Some("held")), ("dead-lettered", Some("no-route"))]
        );
        assert!(matches!(dead, Outcome::DeadLettered { detail, .. } if detail.starts_with("route 'r': ")));
    }

    #[test]
    fn the_limits_of_the_queue_are_the_templates_and_sqss_own() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!((LONGEST_INVISIBILITY, QUEUE_RETENTION, LAST_LOOK), (hours(12), hours(4 * 24), hours(1)));
    }

    #[test]
    fn a_message_is_patient_from_its_two_hundred_and_first_receive_on() {
        for soon in [Retry::At(NOW.plus(Duration::from_secs(2))), Retry::BackoffAfter(1)] {
            let delay = |receives| visibility_delay(soon, NOW, receives, Duration::ZERO, 1.0);
            assert_eq!((delay(200), delay(201)), (Duration::from_secs(4), ACROSS_DELIVERIES.wait(201, 1.0)));
        }
    }

    #[test]
    fn what_failed_waits_for_a_probe_unless_its_circuit_is_closed_or_it_is_suspect_itself() {
        let of = |requests| Retry::after_failure(requests, Some(NOW));
        assert_eq!([0, 1, 10].map(of), [Retry::At(NOW); 3]);
        assert_eq!(of(11), Retry::BackoffAfter(11));
        assert_eq!(Retry::after_failure(1, None), Retry::BackoffAfter(1));
    }

    #[test]
    fn what_failed_itself_backs_off_by_that_and_not_by_what_it_waited_for() {
        let delay = |retry, receives| visibility_delay(retry, NOW, receives, Duration::ZERO, 1.0).as_secs();
        assert_eq!([1, 3, 9, 99].map(|requests| delay(Retry::BackoffAfter(requests), 50)), [4, 16, 900, 900]);
        assert_eq!(delay(Retry::BackoffAfter(0), 50), 4, "its client had no token");
        assert_eq!(delay(Retry::Backoff, 50), 900);
    }

    #[test]
    fn a_time_in_the_past_is_at_once_but_spread() {
        assert_eq!(
            visibility_delay(Retry::At(NOW.minus(SMALLEST_SPREAD)), NOW, 1, Duration::ZERO, 0.5),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn only_a_deferral_near_the_end_of_the_retention_becomes_a_dead_letter() {
        let sent = NOW.minus(QUEUE_RETENTION).plus(LAST_LOOK);
        let deferred = Outcome::deferred(DeferralReason::Saturated);
        let given_up = deferred.out_of_retention(Some(sent), NOW).unwrap();
        assert_eq!(given_up.reason, DeadLetterReason::Expired);
        assert!(given_up.detail.contains("saturated"), "{}", given_up.detail);
        assert_eq!(deferred.out_of_retention(Some(sent.plus(Duration::from_millis(1))), NOW), None);
        assert_eq!(deferred.out_of_retention(None, NOW), None);
        let injected = Outcome::Injected { contact_id: "c".to_owned() };
        assert_eq!(injected.out_of_retention(Some(sent), NOW), None);
    }

    #[test]
    fn a_thousand_receives_outlast_the_queues_retention_whatever_the_message_waits_for() {
        for wait in [None, Some(2), Some(60), Some(900)] {
            let delays = (1..1_000).map(|receives| {
                let retry = wait.map_or(Retry::Backoff, |seconds| Retry::At(NOW.plus(Duration::from_secs(seconds))));
                // Spread evenly over their range, as a uniform draw is on average.
                let sample = (f64::from(receives) * 0.618_034).fract();
                visibility_delay(retry, NOW, receives, Duration::ZERO, sample)
            });
            let lived: Duration = delays.sum();
            assert!(lived > QUEUE_RETENTION, "{wait:?}: {lived:?}");
        }
    }

    proptest! {
        #[test]
        fn sqs_is_never_asked_for_more_than_its_twelve_hours(
            wait in 0..10_000_000_000_u64, receives in any::<u32>(), held in 0..100_000_u64, sample in 0.0..=1.0_f64, backoff: bool,
        ) {
            let retry = if backoff { Retry::Backoff } else { Retry::At(NOW.plus(Duration::from_millis(wait))) };
            let held = Duration::from_secs(held);
            let delay = visibility_delay(retry, NOW, receives, held, sample);
            prop_assert!(delay + held <= LONGEST_INVISIBILITY.max(held));
        }
    }
}
