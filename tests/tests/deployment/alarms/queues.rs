//! The alarms on what SQS tells.

use contact_injection_tests::cloudwatch::Minute;

use super::case::{BEGINS, Case, ENDS, Feed, Verdict, rings_by};

const VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const HIDDEN: &str = "ApproximateNumberOfMessagesNotVisible";
const OLDEST: &str = "ApproximateAgeOfOldestMessage";
const RECEIVED: &str = "NumberOfMessagesReceived";

/// In seconds.
const DAY: f64 = 86_400.0;

fn minutes_since(since: Minute, minute: Minute) -> f64 {
    f64::from(i32::try_from(minute - since).unwrap())
}

/// For an hour.
fn from_then_on(minute: Minute, value: f64) -> f64 {
    if (BEGINS..BEGINS + 60).contains(&minute) { value } else { 0.0 }
}

/// Nobody receives for an hour, while messages come.
fn unreceived(feed: &mut Feed, queue: &str, zeros: bool) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |minute| from_then_on(minute, 7.0));
    feed.sqs(queue, OLDEST, 0..ENDS, |minute| from_then_on(minute, 60.0 * minutes_since(BEGINS, minute)));
    feed.sqs(queue, RECEIVED, 0..BEGINS, |_| 20.0);
    if zeros {
        feed.sqs(queue, RECEIVED, BEGINS..BEGINS + 60, |_| 0.0);
    }
    feed.sqs(queue, RECEIVED, BEGINS + 60..ENDS, |_| 20.0);
}

/// Ten thousand messages are worked off at the permitted rate, some of them two hours old.
fn backlog(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |_| 10_000.0);
    feed.sqs(queue, OLDEST, 0..ENDS, |_| 7_200.0);
    feed.sqs(queue, RECEIVED, 0..ENDS, |_| 120.0);
}

/// The only message was deferred, and CXone asked to wait.
fn deferred(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |_| 0.0);
    feed.sqs(queue, HIDDEN, 0..ENDS, |_| 1.0);
    feed.sqs(queue, OLDEST, 0..ENDS, |_| 1_200.0);
    feed.sqs(queue, RECEIVED, 0..ENDS, |_| 0.0);
}

/// More is hidden than SQS likes, for an hour.
fn in_flight(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, HIDDEN, 0..ENDS, |minute| from_then_on(minute, 100_500.0));
}

/// A large backlog, most of it ready, and much of it in hand.
fn much_in_hand(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |_| 1_000_000.0);
    feed.sqs(queue, HIDDEN, 0..ENDS, |_| 99_000.0);
}

/// The oldest message has waited for two days, for an hour.
fn half_of_four_days(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, OLDEST, 0..ENDS, |minute| from_then_on(minute, 2.0 * DAY + 60.0));
}

/// A weekend's backlog, a day and a half of it.
fn under_half(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, OLDEST, 0..ENDS, |_| 1.5 * DAY);
}

/// A message lies there for an hour.
fn lies_there(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |minute| from_then_on(minute, 1.0));
}

/// An active queue with nothing in it.
fn empty(feed: &mut Feed, queue: &str) {
    feed.sqs(queue, VISIBLE, 0..ENDS, |_| 0.0);
}

/// A case of an alarm about a queue.
macro_rules! case {
    ($alarm:literal, $what:literal, $verdict:expr, $feed:expr) => {
        Case { alarm: $alarm, what: $what, feed: $feed, verdict: $verdict }
    };
}

pub(crate) const CASES: &[Case] = &[
    case!(
        "DeadLettersAlarm",
        "letters lie there for an hour, and are hidden for five minutes by who lists them",
        rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 71),
        |feed| {
            feed.sqs("DeadLetterQueue", VISIBLE, 0..ENDS, |minute| {
                if (BEGINS + 20..BEGINS + 25).contains(&minute) { 0.0 } else { from_then_on(minute, 3.0) }
            });
        }
    ),
    case!("DeadLettersAlarm", "there are none", Verdict::Silent, |feed| {
        empty(feed, "DeadLetterQueue");
    }),
    case!(
        "DeadLetterRetentionAlarm",
        "a letter has waited for a week",
        rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66),
        |feed| feed.sqs("DeadLetterQueue", OLDEST, 0..ENDS, |minute| from_then_on(minute, 7.0 * DAY + 60.0))
    ),
    case!("DeadLetterRetentionAlarm", "a letter has waited for six days", Verdict::Silent, |feed| {
        feed.sqs("DeadLetterQueue", OLDEST, 0..ENDS, |_| 6.0 * DAY);
    }),
    case!("UnreceivedAlarm", "nobody receives for an hour", rings_by(BEGINS + 17, BEGINS + 60, BEGINS + 66), |feed| {
        unreceived(feed, "ContactQueue", true);
    }),
    case!(
        "UnreceivedAlarm",
        "nobody receives for an hour, and SQS tells nothing of it",
        rings_by(BEGINS + 17, BEGINS + 60, BEGINS + 66),
        |feed| {
            unreceived(feed, "ContactQueue", false);
        }
    ),
    case!("UnreceivedAlarm", "a long backlog", Verdict::Silent, |feed| {
        backlog(feed, "ContactQueue");
    }),
    case!("UnreceivedAlarm", "all is deferred", Verdict::Silent, |feed| {
        deferred(feed, "ContactQueue");
    }),
    case!(
        "UrgentUnreceivedAlarm",
        "nobody receives for an hour",
        rings_by(BEGINS + 5, BEGINS + 60, BEGINS + 66),
        |feed| {
            unreceived(feed, "UrgentQueue", true);
        }
    ),
    case!(
        "UrgentUnreceivedAlarm",
        "nobody receives for an hour, and SQS tells nothing of it",
        rings_by(BEGINS + 5, BEGINS + 60, BEGINS + 66),
        |feed| {
            unreceived(feed, "UrgentQueue", false);
        }
    ),
    case!("UrgentUnreceivedAlarm", "a long backlog", Verdict::Silent, |feed| {
        backlog(feed, "UrgentQueue");
    }),
    case!("UrgentUnreceivedAlarm", "all is deferred", Verdict::Silent, |feed| {
        deferred(feed, "UrgentQueue");
    }),
    case!(
        "UrgentUnreceivedAlarm",
        "what SQS tells of receiving is late for a minute or two",
        Verdict::Silent,
        |feed| {
            feed.sqs("UrgentQueue", VISIBLE, 0..ENDS, |_| 50.0);
            feed.sqs("UrgentQueue", OLDEST, 0..ENDS, |_| 90.0);
            feed.sqs("UrgentQueue", RECEIVED, 0..BEGINS, |_| 20.0);
            feed.sqs("UrgentQueue", RECEIVED, BEGINS + 2..ENDS, |_| 20.0);
        }
    ),
    case!("InFlightAlarm", "an outage defers all", rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66), |feed| {
        in_flight(feed, "ContactQueue");
    }),
    case!("InFlightAlarm", "a large backlog", Verdict::Silent, |feed| {
        much_in_hand(feed, "ContactQueue");
    }),
    case!("UrgentInFlightAlarm", "an outage defers all", rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66), |feed| {
        in_flight(feed, "UrgentQueue");
    }),
    case!("UrgentInFlightAlarm", "all is hidden in the other queue", Verdict::Silent, |feed| {
        in_flight(feed, "ContactQueue");
        much_in_hand(feed, "UrgentQueue");
    }),
    case!("MessageRetentionAlarm", "two days unreceived", rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66), |feed| {
        half_of_four_days(feed, "ContactQueue");
    }),
    case!("MessageRetentionAlarm", "a weekend's backlog", Verdict::Silent, |feed| {
        under_half(feed, "ContactQueue");
    }),
    case!(
        "UrgentMessageRetentionAlarm",
        "two days unreceived",
        rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66),
        |feed| {
            half_of_four_days(feed, "UrgentQueue");
        }
    ),
    case!("UrgentMessageRetentionAlarm", "a weekend's backlog", Verdict::Silent, |feed| {
        under_half(feed, "UrgentQueue");
    }),
    case!("SyncDeadLettersAlarm", "a run was given up", rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66), |feed| {
        lies_there(feed, "SyncDeadLetterQueue");
    }),
    case!("SyncDeadLettersAlarm", "letters lie in the other queue", Verdict::Silent, |feed| {
        empty(feed, "SyncDeadLetterQueue");
        lies_there(feed, "DeadLetterQueue");
    }),
    case!("OutcomeDeadLettersAlarm", "an untold outcome", rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66), |feed| {
        lies_there(feed, "OutcomeDeadLetterQueue");
    }),
    case!("OutcomeDeadLettersAlarm", "letters lie in the other queue", Verdict::Silent, |feed| {
        empty(feed, "OutcomeDeadLetterQueue");
        lies_there(feed, "DeadLetterQueue");
    }),
];
