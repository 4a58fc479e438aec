//! The line that each delivery leaves in the log, and what is counted of it (docs/rules.md#log-line).

use std::time::Duration;

use tracing::info;

use super::delivery::Delivery;
use crate::{
    domain::{lane::Lane, outcome::Outcome, traceparent::Traceparent},
    metrics::{Metric, Metrics},
};

impl Delivery<'_> {
    /// The canonical line and the counts of this delivery.
    pub(super) fn report(&self, outcome: &Outcome, request_id: &str, metrics: &Metrics) {
        let details = &self.details;
        let event = details.identified.as_ref().map(|identified| &identified.event);
        let contact_id = match outcome {
            Outcome::Injected { contact_id } | Outcome::Duplicate { contact_id } => known(contact_id),
            _ => None,
        };
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        info!(
            outcome = outcome.name(),
            reason = outcome.reason(),
            event_id = event.map(|event| event.id.as_str()),
            event_source = event.map(|event| event.source.as_str()),
            event_type = event.and_then(|event| known(&event.event_type)),
            route = event.and_then(|event| known(&event.route)),
            traceparent = event.and_then(|event| event.traceparent.as_ref()).map(Traceparent::as_str),
            idempotency_key = details.identified.as_ref().map(|identified| identified.key.to_string()),
            message_id = self.message.message_id,
            lane = self.message.lane().map(Lane::as_str),
            target = details.target,
            priority = details.priority,
            contact_id,
            attempts = details.attempts,
            http_status = details.http_status,
            age_ms = details.age.map(millis),
            latency_ms = details.latency.map(millis),
            request_id,
        );
        let metrics = metrics.of(self.message.lane());
        match outcome {
            Outcome::Injected { .. } => metrics.count(Metric::ContactsInjected),
            Outcome::Duplicate { .. } => metrics.count(Metric::ContactsDuplicate),
            Outcome::Deferred { reason, .. } => metrics.count_by(Metric::ContactsDeferred, reason.as_str()),
            Outcome::DeadLettered { reason, .. } => metrics.count_by(Metric::ContactsDeadLettered, reason.as_str()),
        }
        let value = |metric, duration: Option<Duration>| {
            if let Some(duration) = duration {
                metrics.value(metric, duration.as_secs_f64() * 1000.0);
            }
        };
        value(Metric::EventAgeMilliseconds, details.age);
        value(Metric::MessageAgeMilliseconds, self.waited);
        value(Metric::PutOffMilliseconds, put_off(outcome, self.waited));
        if matches!(outcome, Outcome::Injected { .. }) {
            value(Metric::InjectionLatencyMilliseconds, details.latency);
        }
    }
}

/// How long a message has been put off for a cause: nothing is said of one that waits for its turn alone, and one that
/// has come to its end is put off no more.
fn put_off(outcome: &Outcome, waited: Option<Duration>) -> Option<Duration> {
    match outcome {
        Outcome::Deferred { reason, .. } if reason.is_for_pace() => None,
        // More than nothing, by which the others are told from it.
        Outcome::Deferred { .. } => waited.map(|waited| waited.max(Duration::from_millis(1))),
        Outcome::Injected { .. } | Outcome::Duplicate { .. } | Outcome::DeadLettered { .. } => Some(Duration::ZERO),
    }
}

/// Nothing, where it is empty.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::{DeadLetterReason, DeferralReason};

    #[test]
    fn a_message_is_put_off_by_what_is_wrong_and_not_by_waiting_for_its_turn() {
        let (waited, contact_id) = (Some(Duration::from_secs(60)), String::new());
        let deferred = |reason| put_off(&Outcome::deferred(reason), waited);
        for cause in [DeferralReason::CircuitOpen, DeferralReason::Saturated, DeferralReason::RateLimited] {
            assert_eq!(deferred(cause), waited, "{cause}");
        }
        for pace in
            [DeferralReason::RateWindow, DeferralReason::NoClient, DeferralReason::InProgress, DeferralReason::Deadline]
        {
            assert_eq!(deferred(pace), None, "{pace}");
        }
        let dead = Outcome::DeadLettered { reason: DeadLetterReason::NoRoute, detail: String::new() };
        for end in [Outcome::Injected { contact_id: contact_id.clone() }, Outcome::Duplicate { contact_id }, dead] {
            assert_eq!(put_off(&end, waited), Some(Duration::ZERO), "{}", end.name());
        }
        let at_once = put_off(&Outcome::deferred(DeferralReason::Timeout), Some(Duration::ZERO));
        assert!(at_once > Some(Duration::ZERO), "it is no end");
    }
}
