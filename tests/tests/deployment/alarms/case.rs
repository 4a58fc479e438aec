//! What an alarm is fed, and what it has to make of it.

use std::{collections::BTreeMap, ops::Range};

use contact_injection::{
    adapters::telemetry::{Deployed, embedded_metrics},
    domain::{lane::Lane, time::Timestamp},
    metrics::{Metric, Metrics, OfLane},
};
use contact_injection_tests::{
    cloudwatch::{Alarm, MetricId, Minute, Store},
    template::Template,
};

/// The minute in which what a case is about begins. All is well before.
pub(crate) const BEGINS: Minute = 60;

/// The minute until which a case is judged.
pub(crate) const ENDS: Minute = 300;

/// How many more datapoints than are asked for CloudWatch may look at. It doesn't promise how many, so that a case has
/// to end in the same way with each.
const EXTRA: [usize; 3] = [0, 2, 5];

/// The stack's name, as the template has it.
const STACK: &str = "${AWS::StackName}";

/// The inject function's name, as the template has it.
pub(crate) const INJECT: &str = "${InjectFunction}";

/// The sync function's.
pub(crate) const SYNC: &str = "${SyncFunction}";

/// The version that the template deploys, and the one before it.
pub(crate) const NEW: &str = "${InjectFunction.Version.Version}";
pub(crate) const OLD: &str = "41";

/// One thing that may happen, and whether an alarm is for it.
pub(crate) struct Case {
    pub(crate) alarm: &'static str,
    pub(crate) what: &'static str,
    pub(crate) feed: fn(&mut Feed),
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It rings, not before [`BEGINS`].
    Rings {
        /// From this minute on, or sooner.
        by: Minute,
        /// Without a break up to this one.
        until: Minute,
        /// From this one on not any more.
        over: Minute,
    },
    /// It doesn't.
    Silent,
}

/// It rings by this minute at the latest, goes on for as long, and is over by then.
pub(crate) const fn rings_by(by: Minute, until: Minute, over: Minute) -> Verdict {
    Verdict::Rings { by, until, over }
}

/// Every alarm of both templates, with all that there can be.
pub(crate) fn alarms() -> BTreeMap<String, Alarm> {
    let given = [("UrgentConcurrency", "2"), ("AlarmTopicArn", "arn:aws:sns:eu-west-1:000000000000:on-call")];
    let main = Template::read().unwrap().deployed_with(&given).unwrap();
    let outcomes = Template::read_outcomes().unwrap().deployed_with(&given[1..]).unwrap();
    let alarms = [&main, &outcomes].into_iter().flat_map(|template| template.resources_of("AWS::CloudWatch::Alarm"));
    alarms.map(|(name, alarm)| (name.to_owned(), Alarm::read(alarm).unwrap())).collect()
}

/// The minutes in which the alarm rings in this case, for each number of datapoints that may be looked at.
pub(crate) fn rings(alarm: &Alarm, case: &Case) -> Vec<(usize, Vec<Minute>)> {
    let mut feed = Feed::default();
    (case.feed)(&mut feed);
    let ringing = |extra| (1..=ENDS).filter(|now| alarm.rings(&feed.store, *now, extra).unwrap()).collect();
    EXTRA.into_iter().map(|extra| (extra, ringing(extra))).collect()
}

/// What is told to CloudWatch.
#[derive(Default)]
pub(crate) struct Feed {
    store: Store,
}

impl Feed {
    /// A queue's metric in these minutes.
    pub(crate) fn sqs(&mut self, queue: &str, metric: &str, minutes: Range<Minute>, value: fn(Minute) -> f64) {
        let name = format!("${{{queue}.QueueName}}");
        let metric = MetricId::new("AWS/SQS", metric, [("QueueName", name.as_str())]);
        for minute in minutes {
            self.store.put(&metric, minute, value(minute));
        }
    }

    /// A function's metric of an invocation that began in this minute and took so many more.
    pub(crate) fn lambda(&mut self, function: &str, metric: &str, minute: Minute, took: Minute, value: f64) {
        self.put_lambda(metric, [("FunctionName", function)], minute, took, value);
    }

    /// The inject function's, of an invocation by way of its alias, with this version.
    pub(crate) fn live(&mut self, version: &str, metric: &str, minute: Minute, took: Minute, value: f64) {
        let alias = format!("{INJECT}:live");
        let name = ("FunctionName", INJECT);
        self.lambda(INJECT, metric, minute, took, value);
        self.put_lambda(metric, [name, ("Resource", &alias)], minute, took, value);
        self.put_lambda(metric, [name, ("Resource", &alias), ("ExecutedVersion", version)], minute, took, value);
    }

    fn put_lambda<const N: usize>(
        &mut self,
        metric: &str,
        of: [(&str, &str); N],
        minute: Minute,
        took: Minute,
        value: f64,
    ) {
        self.store.put_late(&MetricId::new("AWS/Lambda", metric, of), minute, took, value);
    }

    /// What an invocation of one of the functions counts in this minute, told by its own code.
    pub(crate) fn told(&mut self, minute: Minute, version: Option<&str>, count: impl FnOnce(&Metrics)) {
        let metrics = Metrics::default();
        count(&metrics);
        let now = Timestamp::from_millis(minute * 60_000);
        self.store.publish(&embedded_metrics(&metrics, Deployed { stack: STACK, version }, now)).unwrap();
    }

    /// A batch of the standard lane, handled by the old version.
    pub(crate) fn handled(&mut self, minute: Minute, count: impl FnOnce(Lot<'_>)) {
        self.batch(minute, OLD, Lane::Standard, count);
    }

    /// A batch of a lane, handled by a version.
    pub(crate) fn batch(&mut self, minute: Minute, version: &str, lane: Lane, count: impl FnOnce(Lot<'_>)) {
        self.told(minute, Some(version), |metrics| count(Lot(metrics.of(Some(lane)))));
    }
}

/// What became of the messages of a batch, counted as `batch::canonical_line` counts it.
#[derive(Clone, Copy)]
pub(crate) struct Lot<'m>(OfLane<'m>);

impl Lot<'_> {
    /// Contacts of messages of this age, in milliseconds.
    pub(crate) fn injected(self, messages: usize, age: f64) {
        self.each(messages, age, Some(0.0), |metrics| metrics.count(Metric::ContactsInjected));
    }

    /// Dead letters of new messages.
    pub(crate) fn dead(self, messages: usize) {
        self.each(messages, 0.0, Some(0.0), |metrics| metrics.count_by(Metric::ContactsDeadLettered, "no-route"));
    }

    /// Messages of this age that are put off for a cause.
    pub(crate) fn put_off(self, messages: usize, age: f64) {
        self.each(messages, age, Some(age.max(1.0)), |metrics| {
            metrics.count_by(Metric::ContactsDeferred, "circuit-open");
        });
    }

    /// Messages of this age that wait for their turn.
    pub(crate) fn waiting(self, messages: usize, age: f64) {
        self.each(messages, age, None, |metrics| metrics.count_by(Metric::ContactsDeferred, "rate-window"));
    }

    /// The age of an event that its sender, or a redrive, made an old one.
    pub(crate) fn event_age(self, age: f64) {
        self.0.value(Metric::EventAgeMilliseconds, age);
    }

    fn each(self, messages: usize, age: f64, put_off: Option<f64>, count: impl Fn(OfLane<'_>)) {
        for _ in 0..messages {
            count(self.0);
            self.0.value(Metric::MessageAgeMilliseconds, age);
            if let Some(put_off) = put_off {
                self.0.value(Metric::PutOffMilliseconds, put_off);
            }
        }
    }
}
