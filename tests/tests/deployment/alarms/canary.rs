//! The alarms that judge a new version by itself: it has a tenth of the batches from [`BEGINS`] on, for ten minutes.

use std::cmp::Ordering;

use contact_injection::domain::lane::Lane;
use contact_injection_tests::cloudwatch::Minute;

use super::case::{BEGINS, Case, ENDS, Feed, Lot, NEW, OLD, Verdict, rings_by};

/// The last minute of the canary, in which an alarm still rolls it back.
const LAST: Minute = BEGINS + 10;

/// Which version has the invocation: of ten in a row the last one is the new version's, during the canary.
fn version(minute: Minute, number: Minute) -> &'static str {
    let canary = (BEGINS..LAST).contains(&minute);
    if canary && (3 * minute + number) % 10 == 9 { NEW } else { OLD }
}

/// Three invocations a minute, whose failure is told so many minutes after their start.
fn invocations(feed: &mut Feed, late: Minute, fails: fn(Minute, &str) -> bool) {
    for minute in 0..ENDS {
        for number in 0..3 {
            let version = version(minute, number);
            let failure = fails(minute, version);
            let took = if failure { late } else { 0 };
            feed.live(version, "Invocations", minute, took, 1.0);
            feed.live(version, "Errors", minute, took, f64::from(u8::from(failure)));
        }
    }
}

/// Fifty invocations a minute, five of them the new version's, one of which fails in these minutes of the canary.
fn failing(feed: &mut Feed, fails: fn(Minute) -> bool) {
    for minute in BEGINS..LAST {
        for number in 0..50 {
            let version = if number < 5 { NEW } else { OLD };
            feed.live(version, "Invocations", minute, 0, 1.0);
            feed.live(version, "Errors", minute, 0, f64::from(u8::from(number == 0 && fails(minute))));
        }
    }
}

/// Ten batches a minute of two messages, and what each version makes of them.
fn batches(feed: &mut Feed, make: fn(Minute, &str, Lot<'_>)) {
    for minute in BEGINS - 20..LAST + 20 {
        for number in 0..10 {
            let version = if (BEGINS..LAST).contains(&minute) && number == 9 { NEW } else { OLD };
            feed.batch(minute, version, Lane::Standard, |lot| make(minute, version, lot));
        }
    }
}

fn all_well(_: Minute, _: &str, lot: Lot<'_>) {
    lot.injected(2, 1.0);
}

pub(crate) const CASES: &[Case] = &[
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "the new version is killed at its timeout, three times in all",
        feed: |feed| invocations(feed, 2, |_, version| version == NEW),
        verdict: rings_by(LAST - 1, LAST, LAST + 30),
    },
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "the only version fails, and there is no canary",
        feed: |feed| {
            for minute in 0..ENDS {
                feed.live(NEW, "Invocations", minute, 0, 1.0);
                feed.live(NEW, "Errors", minute, 0, 1.0);
            }
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "both fail alike, from the canary's first minute on",
        feed: |feed| invocations(feed, 0, |minute, _| (BEGINS..BEGINS + 30).contains(&minute)),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "the version before fails",
        feed: |feed| invocations(feed, 2, |_, version| version == OLD),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "the new version is killed once, among many",
        feed: |feed| failing(feed, |minute| minute == BEGINS + 4),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryErrorsAlarm",
        what: "one in twenty-five of the new version's, again and again",
        feed: |feed| failing(feed, |minute| (minute - BEGINS) % 5 == 0),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "the new version's routes fit nothing",
        feed: |feed| {
            batches(feed, |_, version, lot| if version == NEW { lot.dead(2) } else { lot.injected(2, 1.0) });
        },
        verdict: rings_by(BEGINS + 6, LAST, LAST + 30),
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "the new version defers everything",
        feed: |feed| {
            batches(feed, |_, version, lot| if version == NEW { lot.put_off(2, 1.0) } else { lot.injected(2, 1.0) });
        },
        verdict: rings_by(BEGINS + 6, LAST, LAST + 30),
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "CXone is down from the canary's first minute on, and both defer everything",
        feed: |feed| {
            batches(feed, |minute, _, lot| if minute < BEGINS { lot.injected(2, 1.0) } else { lot.put_off(2, 1.0) });
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "CXone is down for two minutes, halfway",
        feed: |feed| {
            batches(feed, |minute, _, lot| {
                if [BEGINS + 4, BEGINS + 5].contains(&minute) { lot.put_off(2, 1.0) } else { lot.injected(2, 1.0) }
            });
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "CXone fails as the canary begins, at the end of a minute",
        feed: |feed| {
            for minute in BEGINS - 20..LAST {
                let (well, failing) = match minute.cmp(&BEGINS) {
                    Ordering::Less => (20, 0),
                    Ordering::Equal => (18, 2),
                    Ordering::Greater => (0, 20),
                };
                (0..well).for_each(|_| feed.handled(minute, |lot| lot.injected(2, 1.0)));
                (0..failing).for_each(|_| feed.handled(minute, |lot| lot.put_off(2, 1.0)));
                let new = if minute < BEGINS { 0 } else { 2 };
                (0..new).for_each(|_| feed.batch(minute, NEW, Lane::Standard, |lot| lot.put_off(2, 1.0)));
            }
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "an upstream system's mistakes fall to the new version, in two batches of ten",
        feed: |feed| {
            batches(feed, |minute, version, lot| {
                if version == NEW && [BEGINS + 2, BEGINS + 6].contains(&minute) {
                    lot.dead(10);
                } else {
                    lot.injected(1, 1.0);
                }
            });
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "four messages in all, of which nothing can be told",
        feed: |feed| {
            for minute in BEGINS..LAST {
                feed.batch(minute, OLD, Lane::Standard, |lot| lot.injected(2, 1.0));
            }
            (0..4).for_each(|number| feed.batch(BEGINS + 2 * number, NEW, Lane::Standard, |lot| lot.dead(1)));
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "the only version dead-letters everything, and there is no canary",
        feed: |feed| (0..ENDS).for_each(|minute| feed.batch(minute, NEW, Lane::Standard, |lot| lot.dead(2))),
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "CanaryOutcomesAlarm",
        what: "all is well",
        feed: |feed| batches(feed, all_well),
        verdict: Verdict::Silent,
    },
];
