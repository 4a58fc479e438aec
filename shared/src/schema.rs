//! The registered attributes that an invocation checks against: the registry's, or CXone's own.
//!
//! Nothing is injected unchecked. A schema that the sync has missed to renew is renewed here. It is kept for the other
//! workers where the registry said that it lacks one, and remembered here in any case; where CXone doesn't answer, the
//! old one still checks better than none.

use std::time::Duration;

use tracing::{info, warn};

use crate::{
    domain::{
        attributes::Schema,
        drift::{Drift, Registers, drift},
        routes::{Route, Routes},
    },
    error::chain,
    metrics::{Metric, Metrics},
    ports::{Environment, Ports, Registry, SchemaSnapshot},
    snapshot::Snapshot,
    worker::Worker,
};

/// A schema older than this is renewed: the daily sync is two hours late.
const STALE_AFTER: Duration = Duration::from_secs(26 * 3600);

/// The schema to check against, or nothing where there is none to be had. It is renewed for the routes of what is
/// coming alone.
pub(crate) async fn current<'s, P: Ports>(
    ports: &P,
    worker: &Worker<'_, P>,
    snapshot: &'s mut Snapshot,
    (routes, coming): (&Routes, &[&Route]),
    metrics: &Metrics,
) -> Option<&'s Schema> {
    let now = ports.environment().now();
    let Some(registered) = ports.dialect().registered_attributes() else {
        let any = || SchemaSnapshot { schema: Schema::unrestricted(), fetched: now };
        return Some(&snapshot.schema.get_or_insert_with(any).schema);
    };
    let needed = coming.iter().any(|route| registered.concern(route));
    let fresh = |known: &SchemaSnapshot| now.since(known.fetched) < STALE_AFTER;
    if needed && !snapshot.schema.as_ref().is_some_and(fresh) {
        match worker.schema().await {
            Ok(fetched) => {
                let attributes = fetched.schema.definitions().len();
                info!(attributes, "the attribute schema was missing or stale and is renewed");
                // The next sync will compare with this one, and find nothing shrunk.
                report_drift(registered, routes, &fetched, snapshot.schema.as_ref(), metrics);
                if snapshot.answered
                    && let Err(cause) = ports.registry().keep_schema(&fetched).await
                {
                    warn!(error = chain(&cause), "the renewed attribute schema is not kept for other workers");
                }
                snapshot.schema = Some(fetched);
            }
            Err(cause) => {
                warn!(
                    error = chain(&cause),
                    stale = snapshot.schema.is_some(),
                    "the attribute schema can't be renewed"
                );
            }
        }
    }
    snapshot.schema.as_ref().map(|known| &known.schema)
}

/// Tells the log and its metric where the routes and a fresh schema part, and returns it.
pub fn report_drift(
    registered: &dyn Registers,
    routes: &Routes,
    fresh: &SchemaSnapshot,
    known: Option<&SchemaSnapshot>,
    metrics: &Metrics,
) -> Vec<Drift> {
    let drift = drift(routes, registered, &fresh.schema, known.map(|known| &known.schema));
    for part in &drift {
        warn!(route = part.route, attribute = part.attribute, kind = ?part.kind, "the routes and the registered attributes differ");
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of differences")]
    metrics.value(Metric::SchemaDrift, drift.len() as f64);
    drift
}
