//! The alarms on what became of the messages, and on what CXone answered.

use contact_injection::{domain::lane::Lane, metrics::Metric};
use contact_injection_tests::cloudwatch::Minute;

use super::case::{BEGINS, Case, ENDS, Feed, OLD, Verdict, rings_by};

/// In milliseconds.
const SECOND: f64 = 1_000.0;
const MINUTE: f64 = 60.0 * SECOND;
const DAY: f64 = 24.0 * 60.0 * MINUTE;

/// All goes well in these minutes.
fn well(feed: &mut Feed, minutes: std::ops::Range<Minute>) {
    for minute in minutes {
        feed.handled(minute, |lot| lot.injected(4, 2.0 * SECOND));
    }
}

/// What was dead-lettered, or is weeks old, comes again, and is handled at once.
fn redrive(feed: &mut Feed, lane: Lane) {
    for minute in 0..ENDS {
        feed.batch(minute, OLD, lane, |lot| {
            lot.injected(10, SECOND / 5.0);
            lot.event_age(7.0 * DAY);
        });
    }
}

/// One of these is counted in each of these minutes, beside what goes well.
fn counted(feed: &mut Feed, minutes: impl IntoIterator<Item = Minute>, metric: Metric, times: usize) {
    well(feed, 0..ENDS);
    for minute in minutes {
        feed.told(minute, Some(OLD), |metrics| (0..times).for_each(|_| metrics.count(metric)));
    }
}

/// Ten thousand events are worked off, two hours old by now, now and then one of them on the second try.
fn backlog(feed: &mut Feed) {
    for minute in 0..ENDS {
        feed.handled(minute, |lot| {
            lot.injected(12, 120.0 * MINUTE);
            lot.waiting(20, 120.0 * MINUTE);
            lot.put_off(1, 120.0 * MINUTE);
        });
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        alarm: "NewDeadLettersAlarm",
        what: "a message is dead-lettered",
        feed: |feed| {
            well(feed, 0..ENDS);
            feed.handled(BEGINS, |lot| lot.dead(1));
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 1, BEGINS + 3),
    },
    Case {
        alarm: "NewDeadLettersAlarm",
        what: "old letters lie there",
        feed: |feed| {
            well(feed, 0..ENDS);
            feed.sqs("DeadLetterQueue", "ApproximateNumberOfMessagesVisible", 0..ENDS, |_| 12.0);
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "DeadLetteringAlarm",
        what: "a deployment went wrong",
        feed: |feed| {
            well(feed, 0..ENDS);
            (BEGINS..BEGINS + 20).for_each(|minute| feed.handled(minute, |lot| lot.dead(12)));
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 20, BEGINS + 22),
    },
    Case {
        alarm: "DeadLetteringAlarm",
        what: "an upstream system sends a bad event now and then",
        feed: |feed| {
            well(feed, 0..ENDS);
            (BEGINS..ENDS).for_each(|minute| feed.handled(minute, |lot| lot.dead(3)));
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "EventAgeAlarm",
        what: "CXone is down for an hour",
        feed: |feed| {
            well(feed, 0..BEGINS);
            for minute in BEGINS..BEGINS + 60 {
                let oldest = f64::from(i32::try_from(minute - BEGINS).unwrap()) * MINUTE;
                feed.handled(minute, |lot| {
                    lot.put_off(8, SECOND);
                    lot.put_off(2, oldest);
                });
            }
            well(feed, BEGINS + 60..ENDS);
        },
        verdict: rings_by(BEGINS + 17, BEGINS + 60, BEGINS + 66),
    },
    Case {
        alarm: "EventAgeAlarm",
        what: "a third of the events have a full target for an hour, and all others come to their ends",
        feed: |feed| {
            well(feed, 0..BEGINS);
            for minute in BEGINS..BEGINS + 60 {
                let oldest = f64::from(i32::try_from(minute - BEGINS).unwrap()) * MINUTE;
                feed.handled(minute, |lot| {
                    lot.injected(12, SECOND);
                    lot.put_off(2, SECOND);
                    lot.put_off(1, oldest);
                });
            }
            well(feed, BEGINS + 60..ENDS);
        },
        verdict: rings_by(BEGINS + 17, BEGINS + 60, BEGINS + 66),
    },
    Case { alarm: "EventAgeAlarm", what: "a long backlog", feed: backlog, verdict: Verdict::Silent },
    Case {
        alarm: "EventAgeAlarm",
        what: "a redrive of last week's letters, while CXone is down for five minutes",
        feed: |feed| {
            redrive(feed, Lane::Standard);
            for minute in BEGINS..BEGINS + 5 {
                feed.handled(minute, |lot| lot.put_off(20, 3.0 * MINUTE));
            }
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "EventRetentionAlarm",
        what: "messages have been deferred for two days",
        feed: |feed| {
            well(feed, 0..ENDS);
            (BEGINS..BEGINS + 60).for_each(|minute| feed.handled(minute, |lot| lot.put_off(1, 2.0 * DAY + MINUTE)));
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 60, BEGINS + 66),
    },
    Case {
        alarm: "EventRetentionAlarm",
        what: "a redrive, or an upstream system with events of long ago",
        feed: |feed| redrive(feed, Lane::Standard),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "UrgentEventAgeAlarm",
        what: "urgent events wait for longer than five seconds",
        feed: |feed| {
            for minute in 0..ENDS {
                let late = (BEGINS..BEGINS + 60).contains(&minute);
                let age = if late { 7.0 * SECOND } else { SECOND };
                feed.batch(minute, OLD, Lane::Urgent, |lot| lot.injected(5, age));
            }
        },
        verdict: rings_by(BEGINS + 3, BEGINS + 60, BEGINS + 66),
    },
    Case {
        alarm: "UrgentEventAgeAlarm",
        what: "a redrive of last week's urgent letters",
        feed: |feed| redrive(feed, Lane::Urgent),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "UrgentEventAgeAlarm",
        what: "a backlog of the other lane, and one urgent event in ten minutes that is late",
        feed: |feed| {
            backlog(feed);
            for minute in 0..ENDS {
                let age = if minute % 10 == 0 { 9.0 * SECOND } else { SECOND };
                feed.batch(minute, OLD, Lane::Urgent, |lot| lot.injected(1, age));
            }
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "UnauthorizedAlarm",
        what: "a client's tokens are refused again and again",
        feed: |feed| counted(feed, BEGINS..BEGINS + 30, Metric::UnauthorizedResponses, 2),
        verdict: rings_by(BEGINS + 3, BEGINS + 30, BEGINS + 62),
    },
    Case {
        alarm: "UnauthorizedAlarm",
        what: "four clients are rotated at once",
        feed: |feed| counted(feed, [BEGINS], Metric::UnauthorizedResponses, 4),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "TokenRefreshAlarm",
        what: "no new token is to be had",
        feed: |feed| counted(feed, BEGINS..BEGINS + 30, Metric::TokenRefreshFailed, 1),
        verdict: rings_by(BEGINS + 3, BEGINS + 30, BEGINS + 62),
    },
    Case {
        alarm: "TokenRefreshAlarm",
        what: "a try fails, and the next one doesn't",
        feed: |feed| counted(feed, (BEGINS..ENDS).step_by(10), Metric::TokenRefreshFailed, 2),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "RefusedClientsAlarm",
        what: "a client is left alone",
        feed: |feed| {
            for minute in 0..ENDS {
                let refused = f64::from(u8::from((BEGINS..BEGINS + 30).contains(&minute)));
                feed.told(minute, Some(OLD), |metrics| metrics.value(Metric::AuthRefusedClients, refused));
            }
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 30, BEGINS + 36),
    },
    Case {
        alarm: "RefusedClientsAlarm",
        what: "no new token is to be had, and no client is to blame",
        feed: |feed| {
            counted(feed, BEGINS..BEGINS + 30, Metric::TokenRefreshFailed, 3);
            (0..ENDS).for_each(|minute| {
                feed.told(minute, Some(OLD), |metrics| metrics.value(Metric::AuthRefusedClients, 0.0));
            });
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CircuitAlarm",
        what: "a circuit opens",
        feed: |feed| {
            well(feed, 0..ENDS);
            feed.told(BEGINS, Some(OLD), |metrics| metrics.count_by(Metric::CircuitOpened, "routing"));
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 5, BEGINS + 32),
    },
    Case {
        alarm: "CircuitAlarm",
        what: "some requests fail",
        feed: |feed| {
            well(feed, 0..ENDS);
            (BEGINS..ENDS).for_each(|minute| feed.handled(minute, |lot| lot.put_off(2, SECOND)));
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "RateLimitAlarm",
        what: "somebody else uses a client",
        feed: |feed| counted(feed, (BEGINS..BEGINS + 40).step_by(4), Metric::RateLimitResponses, 1),
        verdict: rings_by(BEGINS + 13, BEGINS + 38, BEGINS + 78),
    },
    Case {
        alarm: "RateLimitAlarm",
        what: "a burst of refusals, once",
        feed: |feed| counted(feed, BEGINS..BEGINS + 2, Metric::RateLimitResponses, 50),
        verdict: Verdict::Silent,
    },
];
