//! Logs as JSON lines, and metrics in CloudWatch's embedded metric format, both on standard output.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    domain::time::Timestamp,
    error::chain,
    metrics::{Metric, Metrics, Values},
};

/// The crates that [`start`]'s level is for.
const OURS: [&str; 3] = ["contact_injection", "inject_contacts", "sync_registry"];

/// Starts the log: one JSON object a line, nothing under `level`.
pub fn start(level: Level) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(true)
        .with_filter(targets(level));
    tracing_subscriber::registry().with(lines).init();
}

/// Who is heard at a level.
///
/// Of the crates below this program only warnings are shown: in more detail they log requests with their tokens and
/// events with their data, which no level may bring into a log.
pub fn targets(level: Level) -> Targets {
    Targets::new().with_default(level.min(Level::WARN)).with_targets(OURS.map(|ours| (ours, level)))
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

/// The dimension that tells the published versions of the inject function apart.
const VERSION: &str = "Version";

/// How a delivery may end: what the versions are told apart by.
const OUTCOMES: [Metric; 4] =
    [Metric::ContactsInjected, Metric::ContactsDuplicate, Metric::ContactsDeferred, Metric::ContactsDeadLettered];

/// Whose metrics they are.
#[derive(Clone, Copy, Debug)]
pub struct Deployed<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The function's version, where it is a published one and its outcomes are told by it.
    pub version: Option<&'a str>,
}

/// Everything counted since the last time as embedded-metric lines; empty where nothing was.
pub fn embedded_metrics(metrics: &Metrics, deployed: Deployed<'_>, now: Timestamp) -> String {
    type Document<'a> = (&'a str, Vec<(&'a str, &'a str)>);
    type Published<'a> = BTreeMap<&'a str, (&'a str, Vec<f64>)>;
    let Deployed { stack, version } = deployed;
    // One document holds one value of each dimension, so each combination of values has its own.
    let mut documents: BTreeMap<Document<'_>, Published<'_>> = BTreeMap::new();
    let values = metrics.take();
    let of_version = version.and_then(|version| outcomes_of_version(&values, stack, version, now));
    for ((metric, labels), mut values) in values {
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
    let documents = documents
        .into_iter()
        .map(|((namespace, dimensions), metrics)| document(namespace, stack, &dimensions, &metrics, now));
    documents.chain(of_version).fold(String::new(), |mut lines, document| {
        let _ = writeln!(lines, "{document}");
        lines
    })
}

/// The outcomes once more, by version and by nothing else, since each metric costs money: all four, where a message was
/// handled at all. Those that did not occur are told for the stack as well, so that whoever compares a version with
/// all of them finds both or neither: what becomes of a missing value in a sum is not CloudWatch's promise.
fn outcomes_of_version(values: &Values, stack: &str, version: &str, now: Timestamp) -> Option<Value> {
    let count = |outcome: Metric| {
        let of_outcome = values.iter().filter(|((metric, _), _)| *metric == outcome);
        of_outcome.flat_map(|(_, values)| values).sum::<f64>()
    };
    let counts = OUTCOMES.map(|outcome| (published(outcome).0, count(outcome)));
    if counts.iter().all(|(_, count)| *count == 0.0) {
        return None;
    }
    let definition = |(name, _): &(&str, f64)| json!({"Name": name, "Unit": "Count"});
    let told: Vec<_> = counts.iter().map(definition).collect();
    let lacking: Vec<_> = counts.iter().filter(|(_, count)| *count == 0.0).map(definition).collect();
    let mut directives = vec![json!({"Namespace": NAMESPACE, "Dimensions": [[STACK, VERSION]], "Metrics": told})];
    if !lacking.is_empty() {
        directives.push(json!({"Namespace": NAMESPACE, "Dimensions": [[STACK]], "Metrics": lacking}));
    }
    let mut document = json!({"_aws": {"Timestamp": now.as_millis(), "CloudWatchMetrics": directives}});
    (document[STACK], document[VERSION]) = (json!(stack), json!(version));
    for (name, count) in counts {
        document[name] = json!(count);
    }
    Some(document)
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
        Metric::MessageAgeMilliseconds => ("MessageAgeMilliseconds", "Milliseconds", None),
        Metric::PutOffMilliseconds => ("PutOffMilliseconds", "Milliseconds", None),
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

    const UNPUBLISHED: Deployed<'_> = Deployed { stack: "orders", version: None };

    fn lines(metrics: &Metrics) -> Vec<Value> {
        lines_of(metrics, UNPUBLISHED)
    }

    fn lines_of(metrics: &Metrics, deployed: Deployed<'_>) -> Vec<Value> {
        let lines = embedded_metrics(metrics, deployed, Timestamp::from_millis(7));
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn nothing_counted_is_nothing_published() {
        for version in [None, Some("7")] {
            let deployed = Deployed { version, ..UNPUBLISHED };
            assert_eq!(embedded_metrics(&Metrics::default(), deployed, Timestamp::default()), "");
        }
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
        assert!(embedded_metrics(&metrics, UNPUBLISHED, Timestamp::default()).is_empty(), "each is published once");
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
    fn a_versions_outcomes_are_told_once_more_by_it_alone_and_what_did_not_occur_as_none() {
        let metrics = Metrics::default();
        metrics.of(Some(Lane::Urgent)).count_by(Metric::ContactsDeferred, "timeout");
        metrics.of(Some(Lane::Standard)).count_by(Metric::ContactsDeferred, "rate-window");
        metrics.of(Some(Lane::Standard)).count(Metric::ContactsInjected);
        metrics.count(Metric::FallbackUsed);
        let lines = lines_of(&metrics, Deployed { version: Some("7"), ..UNPUBLISHED });
        let [.., line] = &lines[..] else { panic!("{lines:?}") };
        assert!(lines.iter().rev().skip(1).all(|line| line["Version"].is_null()), "{lines:?}");
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        let names = |at: usize| {
            let metrics = directives[at]["Metrics"].as_array().unwrap().iter();
            metrics.map(|metric| metric["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((line["Stack"].as_str(), line["Version"].as_str()), (Some("orders"), Some("7")));
        assert_eq!(directives[0]["Dimensions"], json!([["Stack", "Version"]]));
        assert_eq!(names(0), ["ContactsInjected", "ContactsDuplicate", "ContactsDeferred", "ContactsDeadLettered"]);
        assert_eq!(names(0).iter().map(|name| line[name].as_f64().unwrap()).collect::<Vec<_>>(), [1.0, 0.0, 2.0, 0.0]);
        assert_eq!((directives.len(), &directives[1]["Dimensions"]), (2, &json!([["Stack"]])));
        assert_eq!(names(1), ["ContactsDuplicate", "ContactsDeadLettered"], "the others count there already");
    }

    #[test]
    fn a_version_that_handled_nothing_has_no_outcomes() {
        let metrics = Metrics::default();
        metrics.count(Metric::TokenRefreshed);
        let lines = lines_of(&metrics, Deployed { version: Some("7"), ..UNPUBLISHED });
        assert_eq!(lines.len(), 1);
        assert!(lines[0]["Version"].is_null());
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
