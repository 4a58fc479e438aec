//! The alarms on what Lambda tells of the functions.

use contact_injection_tests::cloudwatch::Minute;

use super::case::{BEGINS, Case, ENDS, Feed, INJECT, OLD, SYNC, Verdict, rings_by};

/// In milliseconds.
const SECOND: f64 = 1_000.0;

/// Invocations for messages, three in each of these minutes, one of them killed at its timeout where it began then.
fn killed(feed: &mut Feed, minutes: impl IntoIterator<Item = Minute>, at: &[Minute]) {
    for minute in minutes {
        for number in 0..3 {
            let killed = number == 0 && at.contains(&minute);
            let (took, duration) = if killed { (2, 90.0 * SECOND) } else { (0, 0.5 * SECOND) };
            feed.live(OLD, "Invocations", minute, took, 1.0);
            feed.live(OLD, "Errors", minute, took, f64::from(u8::from(killed)));
            feed.live(OLD, "Duration", minute, took, duration);
        }
    }
}

/// A run of the sync in each minute, as long as this, in seconds, and failing so often.
fn runs(feed: &mut Feed, seconds: fn(Minute) -> f64, failures: fn(Minute) -> f64) {
    for minute in 0..ENDS {
        feed.lambda(SYNC, "Duration", minute, 1, seconds(minute) * SECOND);
        feed.lambda(SYNC, "Errors", minute, 1, failures(minute));
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        alarm: "InjectErrorsAlarm",
        what: "the function can't start, and the only message comes back after nine minutes",
        feed: |feed| {
            for minute in (BEGINS..BEGINS + 60).step_by(9) {
                feed.live(OLD, "Errors", minute, 0, 1.0);
            }
            killed(feed, (0..BEGINS).chain(BEGINS + 60..ENDS), &[]);
        },
        verdict: rings_by(BEGINS + 10, BEGINS + 60, BEGINS + 81),
    },
    Case {
        alarm: "InjectErrorsAlarm",
        what: "one invocation is killed at its timeout",
        feed: |feed| killed(feed, 0..ENDS, &[BEGINS]),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "InjectErrorsAlarm",
        what: "questions by hand that the function refuses",
        feed: |feed| {
            killed(feed, 0..ENDS, &[]);
            (BEGINS..BEGINS + 20).for_each(|minute| feed.lambda(INJECT, "Errors", minute, 0, 1.0));
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "InjectDurationAlarm",
        what: "an invocation is killed at its timeout",
        feed: |feed| killed(feed, 0..ENDS, &[BEGINS]),
        verdict: rings_by(BEGINS + 3, BEGINS + 5, BEGINS + 7),
    },
    Case {
        alarm: "InjectDurationAlarm",
        what: "a backlog, each invocation of which ends by itself, and an examination by hand",
        feed: |feed| {
            for minute in 0..ENDS {
                feed.live(OLD, "Duration", minute, 1, 82.5 * SECOND);
            }
            feed.lambda(INJECT, "Duration", BEGINS, 1, 88.0 * SECOND);
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "InjectThrottlesAlarm",
        what: "the account's concurrency is spent for half an hour",
        feed: |feed| (BEGINS..BEGINS + 30).for_each(|minute| feed.lambda(INJECT, "Throttles", minute, 0, 4.0)),
        verdict: rings_by(BEGINS + 13, BEGINS + 30, BEGINS + 70),
    },
    Case {
        alarm: "InjectThrottlesAlarm",
        what: "a burst elsewhere in the account, for three minutes",
        feed: |feed| (BEGINS..BEGINS + 3).for_each(|minute| feed.lambda(INJECT, "Throttles", minute, 0, 40.0)),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "SyncErrorsAlarm",
        what: "run after run fails, in both its tries",
        feed: |feed| {
            let failing = |minute| if (BEGINS..BEGINS + 30).contains(&minute) { 2.0 } else { 0.0 };
            runs(feed, |_| 3.0, failing);
        },
        verdict: rings_by(BEGINS + 4, BEGINS + 30, BEGINS + 46),
    },
    Case {
        alarm: "SyncErrorsAlarm",
        what: "one run fails, in both its tries",
        feed: |feed| runs(feed, |_| 3.0, |minute| if minute == BEGINS { 2.0 } else { 0.0 }),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "SyncDurationAlarm",
        what: "every run takes longer than a minute",
        feed: |feed| runs(feed, |minute| if (BEGINS..BEGINS + 40).contains(&minute) { 70.0 } else { 3.0 }, |_| 0.0),
        verdict: rings_by(BEGINS + 13, BEGINS + 40, BEGINS + 48),
    },
    Case {
        alarm: "SyncDurationAlarm",
        what: "one examination by hand does",
        feed: |feed| runs(feed, |minute| if minute == BEGINS { 80.0 } else { 3.0 }, |_| 0.0),
        verdict: Verdict::Silent,
    },
];
