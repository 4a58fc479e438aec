//! What an invocation counts, until it is published once at its end (docs/rules.md#metrics).

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// A metric, by its published name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of docs/rules.md#metrics")]
pub enum Metric {
    ContactsInjected,
    ContactsDuplicate,
    ContactsDeferred,
    ContactsDeadLettered,
    EventAgeMilliseconds,
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

/// Values by metric and dimension value, in a stable order.
pub type Values = BTreeMap<(Metric, Option<&'static str>), Vec<f64>>;

/// The values of an invocation's metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    values: Mutex<Values>,
}

impl Metrics {
    /// One more.
    pub fn count(&self, metric: Metric) {
        self.record(metric, None, 1.0);
    }

    /// One more, by a dimension.
    pub fn count_by(&self, metric: Metric, dimension: &'static str) {
        self.record(metric, Some(dimension), 1.0);
    }

    /// A value.
    pub fn value(&self, metric: Metric, value: f64) {
        self.record(metric, None, value);
    }

    /// Everything recorded since the last time.
    pub fn take(&self) -> Values {
        std::mem::take(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record(&self, metric: Metric, dimension: Option<&'static str>, value: f64) {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).entry((metric, dimension)).or_default().push(value);
    }
}
