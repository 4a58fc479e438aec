//! Logs as JSON lines, and metrics in CloudWatch's embedded metric format, both on standard output.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    domain::time::Timestamp,
    error::chain,
    metrics::{Metric, Metrics},
};

/// The crates that [`start`]'s level is for.
const OURS: [&str; 3] = ["contact_injection", "inject_contacts", "sync_registry"];

/// Starts the log: one JSON object a line, nothing under `level`.
///
/// Of the crates below this program only warnings are shown: in more detail they log requests with their tokens and
/// events with their data, which no level may bring into a log.
pub fn start(level: Level) {
    let targets = Targets::new().with_default(level.min(Level::WARN)).with_targets(OURS.map(|ours| (ours, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(true)
        .with_filter(targets);
    tracing_subscriber::registry().with(lines).init();
}

/// Says why a function can't start, on a line that stands before any log level is known.
pub fn cannot_start(error: &(dyn std::error::Error + 'static)) {
    let line = json!({"level": "ERROR", "message": "the function can't start", "error": chain(error)});
    // Standard error can only be written to; where that fails there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The namespace of everything but tokens.
const NAMESPACE: &str = "ContactInjection";

/// Token events have a namespace of their own (docs/rules.md#token-events-apart).
const AUTH_NAMESPACE: &str = "ContactInjection/Auth";

/// CloudWatch takes so many values of one metric in one document.
const MOST_VALUES: usize = 100;

/// The dimension that keeps two stacks of one account apart. Each metric is published with it and without.
const STACK: &str = "Stack";

/// The dimension that tells the lanes apart, where there are two.
const LANE: &str = "Lane";

/// Everything counted since the last time as embedded-metric lines; empty where nothing was.
pub fn embedded_metrics(metrics: &Metrics, stack: &str, now: Timestamp) -> String {
    type Document<'a> = (&'a str, Vec<(&'a str, &'a str)>);
    type Published<'a> = BTreeMap<&'a str, (&'a str, Vec<f64>)>;
    // One document holds one value of each dimension, so each combination of values has its own.
    let mut documents: BTreeMap<Document<'_>, Published<'_>> = BTreeMap::new();
    for ((metric, labels), mut values) in metrics.take() {
        let (name, unit, dimension_name) = published(metric);
        if unit == "Count" && values.len() > 1 {
            values = vec![values.iter().sum()];
        }
        values.truncate(MOST_VALUES);
        let namespace = if is_auth(metric) { AUTH_NAMESPACE } else { NAMESPACE };
        let lane = labels.lane.map(|lane| (LANE, lane.as_str()));
        let dimensions = dimension_name.zip(labels.own).into_iter().chain(lane).collect();
        documents.entry((namespace, dimensions)).or_default().insert(name, (unit, values));
    }
    documents.into_iter().fold(String::new(), |mut lines, ((namespace, dimensions), metrics)| {
        let _ = writeln!(lines, "{}", document(namespace, stack, &dimensions, &metrics, now));
        lines
    })
}

fn document(
    namespace: &str,
    stack: &str,
    dimensions: &[(&str, &str)],
    metrics: &BTreeMap<&str, (&str, Vec<f64>)>,
    now: Timestamp,
) -> Value {
    // The sets that lack a dimension publish the same metric without it too.
    let names: Vec<_> = [STACK].into_iter().chain(dimensions.iter().map(|(name, _)| *name)).collect();
    let sets = subsets(&names);
    let definitions: Vec<_> = metrics.iter().map(|(name, (unit, _))| json!({"Name": name, "Unit": unit})).collect();
    let mut document = json!({
        "_aws": {
            "Timestamp": now.as_millis(),
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": sets, "Metrics": definitions}],
        },
    });
    document[STACK] = json!(stack);
    for (name, value) in dimensions {
        document[*name] = json!(value);
    }
    for (name, (_, values)) in metrics {
        document[*name] = if let [value] = values[..] { json!(value) } else { json!(values) };
    }
    document
}

/// Every choice of these names, all of them first.
fn subsets<'n>(names: &[&'n str]) -> Vec<Vec<&'n str>> {
    names.iter().rev().fold(vec![Vec::new()], |sets, name| {
        let with = sets.iter().map(|set| [&[*name], &set[..]].concat());
        with.chain(sets.iter().cloned()).collect()
    })
}

/// A metric's name, unit and dimension.
const fn published(metric: Metric) -> (&'static str, &'static str, Option<&'static str>) {
    match metric {
        Metric::ContactsInjected => ("ContactsInjected", "Count", None),
        Metric::ContactsDuplicate => ("ContactsDuplicate", "Count", None),
        Metric::ContactsDeferred => ("ContactsDeferred", "Count", Some("Reason")),
        Metric::ContactsDeadLettered => ("ContactsDeadLettered", "Count", Some("Reason")),
        Metric::EventAgeMilliseconds => ("EventAgeMilliseconds", "Milliseconds", None),
        Metric::InjectionLatencyMilliseconds => ("InjectionLatencyMilliseconds", "Milliseconds", None),
        Metric::FallbackUsed => ("FallbackUsed", "Count", None),
        Metric::PriorityDegraded => ("PriorityDegraded", "Count", None),
        Metric::RateLimitResponses => ("RateLimitResponses", "Count", None),
        Metric::RateLimitCurrent => ("RateLimitCurrent", "Count", None),
        Metric::CircuitOpened => ("CircuitOpened", "Count", Some("Circuit")),
        Metric::ContactsInDoubt => ("ContactsInDoubt", "Count", Some("Kind")),
        Metric::LookUps => ("LookUps", "Count", Some("Result")),
        Metric::PriorityNotSet => ("PriorityNotSet", "Count", None),
        Metric::TokenRefreshed => ("TokenRefreshed", "Count", None),
        Metric::TokenRefreshFailed => ("TokenRefreshFailed", "Count", None),
        Metric::UnauthorizedResponses => ("UnauthorizedResponses", "Count", None),
        Metric::AuthRefusedClients => ("AuthRefusedClients", "Count", None),
        Metric::RegisteredAttributes => ("RegisteredAttributes", "Count", None),
        Metric::SchemaDrift => ("SchemaDrift", "Count", None),
        Metric::SaturatedQueues => ("SaturatedQueues", "Count", None),
        Metric::MissingQueues => ("MissingQueues", "Count", None),
        Metric::UnaskedQueues => ("UnaskedQueues", "Count", None),
        Metric::RegistryAgeSeconds => ("RegistryAgeSeconds", "Seconds", None),
    }
}

const fn is_auth(metric: Metric) -> bool {
    matches!(metric, Metric::TokenRefreshed | Metric::TokenRefreshFailed | Metric::UnauthorizedResponses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lane::Lane;

    fn lines(metrics: &Metrics) -> Vec<Value> {
        embedded_metrics(metrics, "orders", Timestamp::from_millis(7))
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn nothing_counted_is_nothing_published() {
        assert_eq!(embedded_metrics(&Metrics::default(), "orders", Timestamp::default()), "");
    }

    #[test]
    fn counts_are_summed_and_times_kept_apart() {
        let metrics = Metrics::default();
        metrics.count(Metric::ContactsInjected);
        metrics.count(Metric::ContactsInjected);
        metrics.value(Metric::EventAgeMilliseconds, 5.0);
        metrics.value(Metric::EventAgeMilliseconds, 9.0);
        let lines = lines(&metrics);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["ContactsInjected"], 2.0);
        assert_eq!(lines[0]["EventAgeMilliseconds"], json!([5.0, 9.0]));
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"], []]));
        assert_eq!(lines[0]["Stack"], "orders");
        assert!(embedded_metrics(&metrics, "orders", Timestamp::default()).is_empty(), "each is published once");
    }

    #[test]
    fn a_metric_with_a_dimension_is_published_without_it_too() {
        let metrics = Metrics::default();
        metrics.count_by(Metric::ContactsDeferred, "timeout");
        metrics.count_by(Metric::ContactsDeferred, "rate-window");
        let lines = lines(&metrics);
        assert_eq!(lines.len(), 2);
        for line in &lines {
            let sets = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
            assert_eq!(sets, &json!([["Stack", "Reason"], ["Stack"], ["Reason"], []]));
            assert_eq!(line["ContactsDeferred"], 1.0);
        }
    }

    #[test]
    fn what_is_told_by_lane_is_told_without_it_too() {
        let metrics = Metrics::default();
        metrics.of(Some(Lane::Urgent)).count_by(Metric::ContactsDeferred, "timeout");
        metrics.of(Some(Lane::Urgent)).value(Metric::EventAgeMilliseconds, 5.0);
        metrics.of(Some(Lane::Standard)).value(Metric::EventAgeMilliseconds, 7.0);
        let sets = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
        let lines = lines(&metrics);
        assert_eq!(lines.len(), 3);
        for line in lines {
            if line["Reason"].is_null() {
                assert_eq!(sets(&line), json!([["Stack", "Lane"], ["Stack"], ["Lane"], []]));
                let ages = [("urgent", 5.0), ("standard", 7.0)];
                assert!(ages.iter().any(|(lane, age)| line["Lane"] == *lane && line["EventAgeMilliseconds"] == *age));
            } else {
                let stack = json!([["Stack", "Reason", "Lane"], ["Stack", "Reason"], ["Stack", "Lane"], ["Stack"]]);
                let others = json!([["Reason", "Lane"], ["Reason"], ["Lane"], []]);
                let all = [stack, others].map(|sets| sets.as_array().unwrap().clone()).concat();
                assert_eq!(sets(&line), json!(all));
            }
        }
    }

    #[test]
    fn token_events_have_a_namespace_of_their_own() {
        let metrics = Metrics::default();
        metrics.count(Metric::TokenRefreshed);
        metrics.count(Metric::ContactsInjected);
        let namespaces: Vec<_> =
            lines(&metrics).into_iter().map(|line| line["_aws"]["CloudWatchMetrics"][0]["Namespace"].clone()).collect();
        assert_eq!(namespaces, ["ContactInjection", "ContactInjection/Auth"]);
    }
}
