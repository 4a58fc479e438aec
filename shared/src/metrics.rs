//! What an invocation counts, until it is published once at its end (docs/rules.md#metrics).

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::lane::Lane;

/// A metric, by its published name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of docs/rules.md#metrics")]
pub enum Metric {
    ContactsInjected,
    ContactsDuplicate,
    ContactsDeferred,
    ContactsDeadLettered,
    EventAgeMilliseconds,
    MessageAgeMilliseconds,
    PutOffMilliseconds,
    InjectionLatencyMilliseconds,
    FallbackUsed,
    PriorityDegraded,
    RateLimitResponses,
    RateLimitCurrent,
    CircuitOpened,
    ContactsInDoubt,
    LookUps,
    PriorityNotSet,
    TokenRefreshed,
    TokenRefreshFailed,
    UnauthorizedResponses,
    AuthRefusedClients,
    RegisteredAttributes,
    SchemaDrift,
    SaturatedQueues,
    MissingQueues,
    UnaskedQueues,
    RegistryAgeSeconds,
}

/// Which of a metric's values are meant, by its dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels {
    /// The value of the metric's own dimension, where it has one.
    pub own: Option<&'static str>,
    /// The lane, where there are two and the metric is told by lane.
    pub lane: Option<Lane>,
}

/// Values by metric and dimensions, in a stable order.
pub type Values = BTreeMap<(Metric, Labels), Vec<f64>>;

/// The values of an invocation's metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    values: Mutex<Values>,
}

impl Metrics {
    /// One more.
    pub fn count(&self, metric: Metric) {
        self.of(None).count(metric);
    }

    /// One more, by a dimension.
    pub fn count_by(&self, metric: Metric, dimension: &'static str) {
        self.of(None).count_by(metric, dimension);
    }

    /// A value.
    pub fn value(&self, metric: Metric, value: f64) {
        self.of(None).value(metric, value);
    }

    /// Those of a lane.
    pub fn of(&self, lane: Option<Lane>) -> OfLane<'_> {
        OfLane { metrics: self, lane }
    }

    /// Everything recorded since the last time.
    pub fn take(&self) -> Values {
        std::mem::take(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The metrics of what came by one lane.
#[derive(Clone, Copy, Debug)]
pub struct OfLane<'m> {
    metrics: &'m Metrics,
    lane: Option<Lane>,
}

impl OfLane<'_> {
    /// One more.
    pub fn count(self, metric: Metric) {
        self.record(metric, None, 1.0);
    }

    /// One more, by a dimension.
    pub fn count_by(self, metric: Metric, dimension: &'static str) {
        self.record(metric, Some(dimension), 1.0);
    }

    /// A value.
    pub fn value(self, metric: Metric, value: f64) {
        self.record(metric, None, value);
    }

    fn record(self, metric: Metric, own: Option<&'static str>, value: f64) {
        let labels = Labels { own, lane: self.lane };
        let mut values = self.metrics.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.entry((metric, labels)).or_default().push(value);
    }
}
