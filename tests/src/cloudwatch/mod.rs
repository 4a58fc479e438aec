//! A small model of CloudWatch: metrics by the minute, and when an alarm of the template rings.
//!
//! It is modelled after the user guide's pages on alarm evaluation, missing data and metric math, and Lambda's on its
//! metrics:
//! - An alarm is evaluated every minute over a window that slides: its datapoints are of the last `Period`, of the
//!   one before it, and so on, whatever the clock says. What comes late counts from then on, as of its stamp.
//! - More datapoints are looked at than `EvaluationPeriods`: the evaluation range. Where so many are there as are asked
//!   for, the latest of them decide, and nothing is missing; where fewer are, `TreatMissingData` stands in for those
//!   that lack. So an alarm on a metric that is seldom told goes on ringing until its last datapoint has left the
//!   range. How far that goes is not promised (the guide's example has two more), so that [`Alarm::rings`] is told.
//! - An expression has a value where all of its metrics have one. `FILL` gives them one.
//! - Lambda stamps what it tells of an invocation with its start, and tells it at the end: a killed one's error is late
//!   by the function's timeout.
//! - Metrics in a log line come from its `_aws` part, one for each set of dimensions.
//!
//! Left out: alarms on anything else than one time series by the minute, `INSUFFICIENT_DATA`, and the error of
//! percentiles. What a template has that isn't modelled is refused.

mod alarm;
mod math;

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

pub use self::alarm::Alarm;

/// A minute, of whatever clock.
pub type Minute = i64;

/// What a metric is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricId {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, String>,
}

impl MetricId {
    /// The metric of this namespace, name and dimensions.
    pub fn new<'d>(namespace: &str, name: &str, dimensions: impl IntoIterator<Item = (&'d str, &'d str)>) -> Self {
        let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// What the model doesn't know, or can't read.
#[derive(Debug, thiserror::Error)]
pub enum CloudWatchError {
    /// The alarm has a property, or a value of one, that isn't modelled.
    #[error("an alarm that is not modelled")]
    Alarm(#[source] serde_json::Error),
    /// The alarm asks for what CloudWatch refuses, or what isn't modelled.
    #[error("{0}")]
    NotModelled(String),
    /// A log line with metrics is no JSON.
    #[error("a line with metrics is no JSON")]
    Line(#[from] serde_json::Error),
}

/// How the values of a period become one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Sum,
    Maximum,
    Minimum,
    SampleCount,
    /// The least value that so many hundredths of all don't exceed.
    Percentile(f64),
}

impl Statistic {
    fn read(name: &str) -> Result<Self, CloudWatchError> {
        match name {
            "Sum" => Ok(Self::Sum),
            "Maximum" => Ok(Self::Maximum),
            "Minimum" => Ok(Self::Minimum),
            "SampleCount" => Ok(Self::SampleCount),
            _ => {
                let percent = name.strip_prefix('p').and_then(|percent| percent.parse().ok());
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                percent.map(Self::Percentile).ok_or_else(|| CloudWatchError::NotModelled(format!("statistic {name}")))
            }
        }
    }

    /// Of these values; nothing of none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of values in a test"
    )]
    fn of(self, mut values: Vec<f64>) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        Some(match self {
            Self::Sum => values.iter().sum(),
            Self::Maximum => greatest,
            Self::Minimum => least,
            Self::SampleCount => values.len() as f64,
            Self::Percentile(percent) => {
                let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
                values.get(rank.saturating_sub(1)).copied().unwrap_or(greatest)
            }
        })
    }
}

/// One value that was told.
#[derive(Debug)]
struct Datum {
    /// From when on it is known.
    known: Minute,
    value: f64,
}

/// What was told of every metric.
#[derive(Debug, Default)]
pub struct Store {
    data: BTreeMap<MetricId, BTreeMap<Minute, Vec<Datum>>>,
}

impl Store {
    /// Tells a value of a minute once that is over.
    pub fn put(&mut self, metric: &MetricId, minute: Minute, value: f64) {
        self.put_late(metric, minute, 0, value);
    }

    /// Tells a value of a minute so many minutes after it is over.
    pub fn put_late(&mut self, metric: &MetricId, minute: Minute, late: Minute, value: f64) {
        let values = self.data.entry(metric.clone()).or_default().entry(minute).or_default();
        values.push(Datum { known: minute + 1 + late, value });
    }

    /// Tells what a function's log lines tell in the embedded metric format.
    ///
    /// # Errors
    /// [`CloudWatchError::Line`] where one is no JSON.
    pub fn publish(&mut self, lines: &str) -> Result<(), CloudWatchError> {
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line)?;
            let minute = line["_aws"]["Timestamp"].as_i64().unwrap_or_default() / 60_000;
            for directive in items(&line["_aws"]["CloudWatchMetrics"]) {
                for dimensions in items(&directive["Dimensions"]) {
                    let names = items(dimensions).filter_map(Value::as_str);
                    let dimensions: Vec<_> = names.filter_map(|name| Some((name, line[name].as_str()?))).collect();
                    for name in items(&directive["Metrics"]).filter_map(|metric| metric["Name"].as_str()) {
                        let namespace = directive["Namespace"].as_str().unwrap_or_default();
                        let id = MetricId::new(namespace, name, dimensions.iter().copied());
                        let several = line[name].as_array().cloned().unwrap_or_else(|| vec![line[name].clone()]);
                        for value in several.iter().filter_map(Value::as_f64) {
                            self.put(&id, minute, value);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A statistic of what is known by now of these minutes.
    fn statistic(&self, metric: &MetricId, by: Statistic, minutes: Range<Minute>, now: Minute) -> Option<f64> {
        let told = self.data.get(metric)?.range(minutes).flat_map(|(_, data)| data);
        by.of(told.filter(|datum| datum.known <= now).map(|datum| datum.value).collect())
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_is_of_what_is_known_by_then_of_its_minutes() {
        let metric = MetricId::new("N", "M", [("D", "d")]);
        let mut store = Store::default();
        for (minute, late, value) in [(1, 0, 5.0), (2, 0, 1.0), (2, 3, 9.0), (4, 0, 2.0)] {
            store.put_late(&metric, minute, late, value);
        }
        let of = |name: &str, minutes, now| store.statistic(&metric, Statistic::read(name).unwrap(), minutes, now);
        assert_eq!((of("Sum", 1..4, 4), of("Sum", 1..4, 6)), (Some(6.0), Some(15.0)), "one is late");
        assert_eq!(
            (of("Maximum", 1..4, 4), of("Minimum", 1..4, 4), of("SampleCount", 1..4, 6)),
            (Some(5.0), Some(1.0), Some(3.0))
        );
        assert_eq!((of("p50", 1..5, 6), of("p99", 1..5, 6), of("p25", 1..5, 6)), (Some(2.0), Some(9.0), Some(1.0)));
        assert_eq!(of("Sum", 3..4, 9), None);
        assert_eq!(store.statistic(&MetricId::new("N", "M", []), Statistic::Sum, 1..5, 9), None, "another metric");
        assert!(Statistic::read("tm90").is_err() && Statistic::read("p101").is_err());
    }

    #[test]
    fn a_log_line_tells_its_metrics_by_each_set_of_dimensions() {
        let line = serde_json::json!({
            "_aws": {"Timestamp": 3 * 60_000 + 17, "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["S", "R"], ["S"]], "Metrics": [{"Name": "Count"}, {"Name": "Age"}]},
                {"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "Count"}]},
            ]},
            "S": "s", "R": "r", "Count": 2.0, "Age": [7.0, 9.0],
        });
        let mut store = Store::default();
        store.publish(&format!("{line}\n{line}\n")).unwrap();
        let sum = |name, dimensions: &[(&str, &str)]| {
            store.statistic(&MetricId::new("N", name, dimensions.iter().copied()), Statistic::Sum, 3..4, 4)
        };
        assert_eq!(sum("Count", &[("S", "s"), ("R", "r")]), Some(4.0));
        assert_eq!((sum("Count", &[("S", "s")]), sum("Count", &[])), (Some(4.0), Some(4.0)));
        assert_eq!((sum("Age", &[("S", "s")]), sum("Age", &[])), (Some(32.0), None));
        assert!(store.publish("no JSON").is_err());
    }
}
