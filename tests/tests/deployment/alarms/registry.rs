//! The alarms on what the sync found.

use contact_injection::metrics::Metric;
use contact_injection_tests::cloudwatch::Minute;

use super::case::{BEGINS, Case, ENDS, Feed, Verdict, rings_by};

/// In seconds.
const DAY: f64 = 86_400.0;

/// A run in every minute tells this.
fn runs(feed: &mut Feed, metric: Metric, value: fn(Minute) -> f64) {
    for minute in 0..ENDS {
        feed.told(minute, None, |metrics| metrics.value(metric, value(minute)));
    }
}

/// For half an hour.
fn from_then_on(minute: Minute, value: f64) -> f64 {
    if (BEGINS..BEGINS + 30).contains(&minute) { value } else { 0.0 }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        alarm: "SchemaDriftAlarm",
        what: "routes were deployed that differ, and mended after half an hour",
        feed: |feed| runs(feed, Metric::SchemaDrift, |minute| from_then_on(minute, 2.0)),
        verdict: rings_by(BEGINS + 1, BEGINS + 30, BEGINS + 46),
    },
    Case {
        alarm: "SchemaDriftAlarm",
        what: "the daily run saw a length shrink",
        feed: |feed| runs(feed, Metric::SchemaDrift, |minute| if minute == BEGINS { 1.0 } else { 0.0 }),
        verdict: rings_by(BEGINS + 1, BEGINS + 15, BEGINS + 17),
    },
    Case {
        alarm: "SchemaDriftAlarm",
        what: "more attributes than before, and all that is mapped among them",
        feed: |feed| {
            runs(feed, Metric::SchemaDrift, |_| 0.0);
            runs(feed, Metric::RegisteredAttributes, |minute| if minute < BEGINS { 5.0 } else { 9.0 });
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "MissingQueuesAlarm",
        what: "a routed queue is missing, and mended after half an hour",
        feed: |feed| runs(feed, Metric::MissingQueues, |minute| from_then_on(minute, 1.0)),
        verdict: rings_by(BEGINS + 1, BEGINS + 30, BEGINS + 36),
    },
    Case {
        alarm: "MissingQueuesAlarm",
        what: "queues are full, and some not asked about",
        feed: |feed| {
            runs(feed, Metric::MissingQueues, |_| 0.0);
            runs(feed, Metric::SaturatedQueues, |minute| from_then_on(minute, 3.0));
            runs(feed, Metric::UnaskedQueues, |minute| from_then_on(minute, 3.0));
        },
        verdict: Verdict::Silent,
    },
    Case {
        alarm: "RegistryStaleAlarm",
        what: "two daily runs are missed",
        feed: |feed| {
            runs(feed, Metric::RegistryAgeSeconds, |minute| {
                let missed = from_then_on(minute, 2.0 * DAY + 60.0);
                if missed > 0.0 { missed } else { 3_600.0 }
            });
        },
        verdict: rings_by(BEGINS + 1, BEGINS + 30, BEGINS + 46),
    },
    Case {
        alarm: "RegistryStaleAlarm",
        what: "no run in two hours: within the first hour or two, since the last one is looked at for so long",
        feed: |feed| {
            for minute in (0..BEGINS).chain(BEGINS + 120..ENDS) {
                feed.told(minute, None, |metrics| metrics.value(Metric::RegistryAgeSeconds, 3_600.0));
            }
        },
        verdict: rings_by(BEGINS + 90, BEGINS + 120, BEGINS + 122),
    },
    Case {
        alarm: "RegistryStaleAlarm",
        what: "a daily run is an hour late, and no run for ten minutes",
        feed: |feed| {
            for minute in (0..BEGINS).chain(BEGINS + 10..ENDS) {
                feed.told(minute, None, |metrics| metrics.value(Metric::RegistryAgeSeconds, DAY + 3_600.0));
            }
        },
        verdict: Verdict::Silent,
    },
];
