//! A trial: what a new version has to show before it gets its first batch (docs/rules.md#trial). It has started, or it
//! couldn't answer; it gets a client and a token as a worker does, reads the schema as CXone has it now, and maps the
//! cases that its package holds for its routes. Nothing is injected.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    batch::{Configuration, Memory},
    cases::Case,
    domain::time::Timestamp,
    dry_run::{Check, DryRunError, live_schema},
    metrics::Metrics,
    ports::{Environment, Ports},
};

/// The input: `{"trial": {}}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRequest {}

/// What a trial showed.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// Whether every case became what is expected of it.
    pub passed: bool,
    /// How many cases there are. A package without any is tried without.
    pub cases: usize,
    /// Those that did not.
    pub differing: Vec<Differing>,
}

/// A case that became something else.
#[derive(Debug, Serialize)]
pub struct Differing {
    /// Its file, and its place there where that holds a list.
    pub case: String,
    /// Where it differs, and no value of its event.
    pub differences: Vec<Value>,
}

/// Tries the version that runs this.
///
/// # Errors
/// [`DryRunError`] where there is nothing to check against.
pub async fn trial<P: Ports>(
    ports: &P,
    configuration: &Configuration,
    metrics: &Metrics,
    memory: &mut Memory,
    deadline: Timestamp,
    cases: &[Case],
) -> Result<Trial, DryRunError> {
    let schema = live_schema(ports, configuration, metrics, memory, deadline).await?.schema;
    let now = ports.environment().now();
    let Configuration { routes, boundary, .. } = configuration;
    let check = Check { routes, boundary: *boundary, schema: &schema, dialect: ports.dialect(), now };
    let checked = cases.iter().map(|case| case.check(check)).filter(|checked| !checked.differences.is_empty());
    let differing: Vec<_> = checked
        .map(|checked| Differing {
            case: checked.case.name.clone(),
            differences: checked.differences.iter().map(|difference| difference.json(false)).collect(),
        })
        .collect();
    Ok(Trial { passed: differing.is_empty(), cases: cases.len(), differing })
}
