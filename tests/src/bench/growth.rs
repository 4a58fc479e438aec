//! Whether a worker's time per message grows with the routes or with the clients.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::single::accepted;
use super::subject::{Subjects, batch, order, unlimited};
use super::{Extent, Row, Target, median, millis};
use crate::host::{DeploymentConfig, Environment, FunctionConfig, message_event};
use crate::local::LocalError;

/// Messages in a batch.
const BATCH: usize = 10;
/// A growth of no more than this is none.
const FLAT: f64 = 1.2;

pub(super) async fn measure(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let mut rows = routes(subjects, extent).await?;
    rows.push(clients(subjects, extent).await?);
    // Whoever measures next expects the usual routes.
    subjects.inject.lay_routes(&DeploymentConfig::default().routes)?;
    Ok(rows)
}

/// Ten routes and ten thousand, each batch of ten for ten routes.
async fn routes(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let folder = TempDir::new().map_err(LocalError::system("make a temporary folder"))?;
    let deployment = subjects.deploy(unlimited()).await?;
    let config = deployment.inject(&subjects.inject, false)?;
    let (few, many) = (10, 10_000);
    let few_path = write_routes(folder.path(), few)?;
    let many_path = write_routes(folder.path(), many)?;
    let (mut few_times, mut many_times, mut inits) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.rounds.div_ceil(3) {
        deployment.fill_registry(&subjects.sync).await?;
        for (path, routes, times) in [(&few_path, few, &mut few_times), (&many_path, many, &mut many_times)] {
            let environment = Environment::start(&with_routes(&config, path)).await?;
            if routes == many {
                inits.push(millis(environment.init()));
            }
            warm(&environment, extent.warm_batches, times, || {
                let kinds = (0..BATCH).map(|_| order(&format!("com.example.kind-{}", any_below(routes))));
                message_event(&kinds.collect::<Vec<_>>())
            })
            .await?;
        }
    }
    Ok(vec![
        Row::alone(
            "time per message, 10,000 routes ÷ 10 routes",
            "",
            median(many_times) / median(few_times),
            Target::AtMost(FLAT),
        ),
        Row::alone("init with 10,000 routes", "ms", median(inits), Target::None),
    ])
}

/// One client and a thousand, in the secret and in the table.
async fn clients(subjects: &Subjects, extent: Extent) -> Result<Row, LocalError> {
    let few = subjects.deploy(DeploymentConfig { clients: 1, ..unlimited() }).await?;
    let many = subjects.deploy(DeploymentConfig { clients: 1000, ..unlimited() }).await?;
    let (mut few_times, mut many_times) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds.div_ceil(3) {
        for (deployment, times) in [(&few, &mut few_times), (&many, &mut many_times)] {
            deployment.fill_registry(&subjects.sync).await?;
            let environment = Environment::start(&deployment.inject(&subjects.inject, false)?).await?;
            warm(&environment, extent.warm_batches, times, || batch(BATCH)).await?;
        }
    }
    let ratio = median(many_times) / median(few_times);
    Ok(Row::alone("time per message, 1,000 clients ÷ 1 client", "", ratio, Target::AtMost(FLAT)))
}

async fn warm(
    environment: &Environment,
    batches: usize,
    times: &mut Vec<f64>,
    mut event: impl FnMut() -> Value,
) -> Result<(), LocalError> {
    accepted(environment, &event()).await?;
    for _ in 0..batches {
        times.push(millis(accepted(environment, &event()).await?.duration));
    }
    Ok(())
}

fn with_routes(config: &FunctionConfig, routes: &Path) -> FunctionConfig {
    let mut config = config.clone();
    config.variables.insert("ROUTES_PATH".to_owned(), routes.display().to_string());
    config
}

/// The demo's first route so many times, each for a type of event of its own.
fn write_routes(folder: &Path, count: usize) -> Result<std::path::PathBuf, LocalError> {
    let what = || DeploymentConfig::default().routes.display().to_string();
    let text = std::fs::read_to_string(DeploymentConfig::default().routes)
        .map_err(LocalError::system("read the demo's routes"))?;
    let demo: Value = serde_json::from_str(&text).map_err(|source| LocalError::Unreadable { what: what(), source })?;
    let routes: Vec<_> = (0..count)
        .map(|number| {
            let mut route = demo["routes"][0].clone();
            route["name"] = json!(format!("kind-{number}"));
            route["match"]["type"] = json!(format!("com.example.kind-{number}"));
            route
        })
        .collect();
    let path = folder.join(format!("routes-{count}.json"));
    let written = std::fs::write(&path, json!({ "routes": routes }).to_string());
    written.map(|()| path).map_err(LocalError::system("write routes"))
}

/// A number below `limit`, from a fresh UUID: good enough to spread events over routes.
fn any_below(limit: usize) -> usize {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    usize::try_from(low % u64::try_from(limit).unwrap_or(u64::MAX)).unwrap_or_default()
}
