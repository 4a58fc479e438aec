//! What the functions cost and how fast they are, beside the same job in Python with Powertools for AWS Lambda.
//!
//! Both are run by the same host, on the same emulator and the same simulated CXone, in turns, so that whatever else
//! the machine does falls on both. Times are medians; what can be counted is counted. Read ratios before times: the
//! host, the emulator and the simulator share the machine with what they measure.

mod growth;
mod lanes;
mod machine;
mod profile;
mod rate;
mod report;
mod requests;
mod single;
mod size;
mod subject;
mod throughput;

use std::fmt;
use std::io::Write as _;

pub use report::{Report, Row, Target};

use crate::local::LocalError;

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Fresh environments of each subject.
    pub rounds: usize,
    /// Batches in each environment after its first.
    pub warm_batches: usize,
    /// The rate window of the utilisation, in seconds; CXone's is 60.
    pub utilisation_window: u64,
    /// Events to be drained.
    pub drained_events: usize,
    /// The rate window of the draining, in seconds.
    pub drain_window: u64,
    /// Events that urgent ones find before them.
    pub backlog: usize,
}

impl Extent {
    /// Some minutes: windows are shortened, and the table says so.
    pub const SHORT: Self = Self {
        rounds: 11,
        warm_batches: 15,
        utilisation_window: 10,
        drained_events: 3_000,
        drain_window: 5,
        backlog: 2_000,
    };
    /// CXone's own window for the utilisation, and 10,000 events: half an hour.
    pub const FULL: Self = Self {
        rounds: 25,
        warm_batches: 30,
        utilisation_window: 60,
        drained_events: 10_000,
        drain_window: 5,
        backlog: 10_000,
    };
}

/// A group of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Start, batches, CPU time, memory.
    Single,
    /// Where a contact's instructions go.
    Profile,
    /// Requests for each contact.
    Requests,
    /// Sizes of what is deployed.
    Size,
    /// Parse, map and check alone.
    Throughput,
    /// How much of the permitted rate is used.
    Utilisation,
    /// How fast a backlog is drained.
    Drain,
    /// How long urgent events take under a backlog.
    Lanes,
    /// Growth with routes and clients.
    Growth,
}

impl Part {
    /// Every part, in the table's order.
    pub const ALL: [Self; 9] = [
        Self::Single,
        Self::Profile,
        Self::Requests,
        Self::Size,
        Self::Throughput,
        Self::Utilisation,
        Self::Drain,
        Self::Lanes,
        Self::Growth,
    ];

    /// The part of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.to_string() == name)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Profile => "profile",
            Self::Requests => "requests",
            Self::Size => "size",
            Self::Throughput => "throughput",
            Self::Utilisation => "utilisation",
            Self::Drain => "drain",
            Self::Lanes => "lanes",
            Self::Growth => "growth",
        })
    }
}

/// Measures these parts.
pub async fn run(extent: Extent, parts: &[Part]) -> Result<Report, LocalError> {
    say("building both functions as they are deployed (minutes the first time)");
    let subjects = subject::Subjects::build().await?;
    let mut rows = Vec::new();
    for part in parts {
        say(&format!("measuring: {part}"));
        rows.extend(match part {
            Part::Single => single::measure(&subjects, extent).await?,
            Part::Profile => profile::measure(&subjects).await?,
            Part::Requests => requests::measure(&subjects).await?,
            Part::Size => size::measure(&subjects).await?,
            Part::Throughput => throughput::measure().await?,
            Part::Utilisation => rate::utilisation(&subjects, extent).await?,
            Part::Drain => Box::pin(rate::drains(&subjects, extent)).await?,
            Part::Lanes => Box::pin(lanes::measure(&subjects, extent)).await?,
            Part::Growth => growth::measure(&subjects, extent).await?,
        });
    }
    Ok(Report { rows, machine: machine::describe() })
}

fn say(line: &str) {
    // Nobody is left to read it if standard error is gone.
    let _ = writeln!(std::io::stderr(), "-- {line}");
}

/// The median; nothing of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_stands_in_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![1.0, 4.0, 2.0, 100.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
