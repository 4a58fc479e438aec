//! One message of a batch, from what it says to whether it comes back.
//!
//! Everything that is logged on its way stands in its span, which names the invocation, the message, the event, the
//! route and the key.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures::FutureExt as _;
use tracing::{Instrument as _, Span, error, error_span, field};

use crate::{
    domain::{
        message::Message,
        outcome::{GivenUp, Outcome, Retry},
        reason::{DeadLetterReason, DeferralReason},
        routes::Routes,
        time::Timestamp,
    },
    pipeline::{Conclusion, DeliveryDetails, Identified, Pipeline, Prepared, prepare},
    ports::InjectPorts,
};

/// A message that was handed out so often, and ends in a panic before any claim, counts as one that kills workers.
/// Whether it did so before isn't on record, since nothing is before a claim.
const RECEIVES_TO_GIVE_UP: u32 = 3;

/// A message, and what is known of its delivery.
pub(super) struct Delivery<'a> {
    pub(super) message: Message,
    pub(super) prepared: Option<Prepared<'a>>,
    pub(super) details: DeliveryDetails,
    /// Since SQS took the message in: a redriven one is new to it.
    pub(super) waited: Option<Duration>,
    pub(super) conclusion: Option<Conclusion>,
    pub(super) outcome: Option<Outcome>,
    pub(super) span: Span,
}

impl<'a> Delivery<'a> {
    /// The first step, which needs nothing from outside.
    pub(super) fn prepare(message: Message, routes: &'a Routes, request_id: &str, now: Timestamp) -> Self {
        // As severe as the worst that is said in it, so that it is there at every level of the log.
        let span = error_span!(
            "delivery",
            request_id,
            message_id = message.message_id,
            event_id = field::Empty,
            route = field::Empty,
            idempotency_key = field::Empty,
        );
        let mut details = DeliveryDetails::default();
        // The unwound state is this message's alone.
        let prepared = catch_unwind(AssertUnwindSafe(|| prepare(&message, routes, now, &mut details)));
        let (prepared, conclusion) = match prepared {
            Ok(Ok(prepared)) => (Some(prepared), None),
            Ok(Err(given_up)) => (None, Some(Conclusion::GivenUp(given_up))),
            Err(_) => (None, Some(span.in_scope(|| panicked(&message, false)))),
        };
        if let Some(Identified { key, event, .. }) = &details.identified {
            span.record("event_id", event.id.as_str());
            span.record("idempotency_key", field::display(key));
            if !event.route.is_empty() {
                span.record("route", event.route.as_str());
            }
        }
        let waited = message.sent.map(|sent| now.since(sent));
        Self { message, prepared, details, waited, conclusion, outcome: None, span }
    }

    /// The rest of its story, up to the settlement.
    pub(super) async fn inject<P: InjectPorts>(&mut self, pipeline: &Pipeline<'_, P>, alone: bool) {
        let (Some(prepared), None) = (&self.prepared, &self.conclusion) else { return };
        let story = AssertUnwindSafe(pipeline.inject(prepared, alone, &mut self.details)).catch_unwind();
        self.conclusion = match story.instrument(self.span.clone()).await {
            Ok(conclusion) => conclusion,
            Err(_) => Some(self.span.in_scope(|| panicked(&self.message, self.details.claimed))),
        };
    }

    /// Whether it is still to be injected.
    pub(super) fn is_open(&self) -> bool {
        self.prepared.is_some() && self.conclusion.is_none()
    }

    /// Whether it was deferred for want of its client's token, for this reason or for a schema that takes one.
    pub(super) fn lacks_token(&self, no_token: DeferralReason) -> bool {
        self.deferral().is_some_and(|(reason, _)| [no_token, DeferralReason::UnverifiedSchema].contains(&reason))
    }

    /// Whether it was deferred because its client's window is full, or was closed to it, until a time to come.
    pub(super) fn is_crowded_out(&self, now: Timestamp) -> bool {
        self.is_put_off(&[DeferralReason::RateWindow, DeferralReason::RateLimited], now)
    }

    /// Whether it was deferred, and never sent, because its client's window is full until a time to come.
    pub(super) fn lacks_place(&self, now: Timestamp) -> bool {
        self.is_put_off(&[DeferralReason::RateWindow], now)
    }

    fn is_put_off(&self, by: &[DeferralReason], now: Timestamp) -> bool {
        let later = |retry| matches!(retry, Retry::At(opens) if opens > now);
        self.deferral().is_some_and(|(reason, retry)| by.contains(&reason) && later(retry))
    }

    fn deferral(&self) -> Option<(DeferralReason, Retry)> {
        match &self.conclusion {
            Some(Conclusion::Outcome(Outcome::Deferred { reason, retry })) => Some((*reason, *retry)),
            _ => None,
        }
    }

    /// How the delivery ended. What would come back, and must not any more, is given up instead.
    pub(super) fn last_word(&mut self, now: Timestamp) -> Conclusion {
        let conclusion =
            self.conclusion.take().unwrap_or(Conclusion::Outcome(Outcome::deferred(DeferralReason::Deadline)));
        let Conclusion::Outcome(outcome @ Outcome::Deferred { .. }) = &conclusion else { return conclusion };
        let expired = self.prepared.as_ref().and_then(|prepared| prepared.expired(now));
        expired.or_else(|| outcome.out_of_retention(self.message.sent, now)).map_or(conclusion, Conclusion::GivenUp)
    }

    /// The message's id, where it comes back.
    pub(super) fn comes_back(&self) -> Option<String> {
        matches!(self.outcome, Some(Outcome::Deferred { .. }) | None).then(|| self.message.message_id.clone())
    }
}

/// A panic before any claim is the event's own and would repeat for ever; one after it leaves its claim to be counted.
fn panicked(message: &Message, claimed: bool) -> Conclusion {
    error!("a panic while this message was worked on; the others are not affected");
    if !claimed && message.receive_count >= RECEIVES_TO_GIVE_UP {
        let detail = format!(
            "working on it ended in a panic before it was claimed, at delivery {} of this message",
            message.receive_count
        );
        return Conclusion::GivenUp(GivenUp { reason: DeadLetterReason::CrashLoop, detail });
    }
    Outcome::deferred(DeferralReason::InProgress).into()
}

/// Ends what is still open for want of a client, or of a place under it.
pub(super) fn defer_open(deliveries: &mut [Delivery<'_>], (reason, retry): (DeferralReason, Retry)) {
    for delivery in deliveries.iter_mut().filter(|delivery| delivery.is_open()) {
        delivery.conclusion = Some(Outcome::Deferred { reason, retry }.into());
    }
}

/// Opens those again that were deferred for what is their client's and not their own; whether there are any.
pub(super) fn reopen(deliveries: &mut [Delivery<'_>], for_the_client: impl Fn(&Delivery<'_>) -> bool) -> bool {
    let mut any = false;
    for delivery in deliveries.iter_mut().filter(|delivery| for_the_client(delivery)) {
        (delivery.conclusion, any) = (None, true);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = r#"{"routes": [{
        "name": "any", "match": {"type": "*"}, "channel": "voice", "targets": [{"queueId": "q"}],
        "priority": {"default": 500}, "from": {"path": "$.from"}, "to": {"value": "+15550201234"}
    }]}"#;

    fn message(receive_count: u32) -> Message {
        Message {
            message_id: "m".to_owned(),
            receipt_handle: "r".to_owned(),
            body: String::new(),
            attributes: Vec::new(),
            receive_count,
            sent: None,
            group: None,
            origin: None,
        }
    }

    fn given_up(receive_count: u32, claimed: bool) -> Option<GivenUp> {
        match panicked(&message(receive_count), claimed) {
            Conclusion::GivenUp(given_up) => Some(given_up),
            Conclusion::Outcome(outcome) => {
                assert_eq!(outcome, Outcome::deferred(DeferralReason::InProgress));
                None
            }
        }
    }

    #[test]
    fn a_delivery_is_crowded_out_by_a_window_that_opens_later_and_by_nothing_else() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let later = Retry::At(now.plus(Duration::from_secs(1)));
        let ended = |reason, retry| {
            let routes = Routes::from_json(ROUTES, crate::dialects::guide::FACTS.routes).unwrap();
            let mut delivery = Delivery::prepare(message(1), &routes, "", now);
            delivery.conclusion = Some(Outcome::Deferred { reason, retry }.into());
            let crowded_out = (delivery.is_crowded_out(now), delivery.lacks_place(now));
            (crowded_out, delivery.lacks_token(DeferralReason::Unauthorized))
        };
        let neither = (false, false);
        for (reason, full) in [(DeferralReason::RateWindow, true), (DeferralReason::RateLimited, false)] {
            assert_eq!(ended(reason, later), ((true, full), false));
            assert_eq!(
                ended(reason, Retry::At(now)),
                (neither, false),
                "its lease has no more permits, and no time to wait for"
            );
            assert_eq!(ended(reason, Retry::Backoff), (neither, false));
        }
        assert_eq!(ended(DeferralReason::CircuitOpen, later), (neither, false));
        for reason in [DeferralReason::Unauthorized, DeferralReason::UnverifiedSchema] {
            assert_eq!(ended(reason, later), (neither, true));
        }
    }

    #[test]
    fn a_panic_before_any_claim_ends_a_message_from_its_third_delivery_on_and_says_which_it_was() {
        assert_eq!((given_up(1, false), given_up(2, false)), (None, None));
        for receives in [3, 17] {
            let GivenUp { reason, detail } = given_up(receives, false).unwrap();
            assert_eq!(reason, DeadLetterReason::CrashLoop);
            assert!(detail.contains(&format!("a panic before it was claimed, at delivery {receives} of")), "{detail}");
        }
        assert_eq!(given_up(17, true), None, "its claim counts");
    }
}
