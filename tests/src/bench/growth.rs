//! Whether a worker's time per message grows with the routes or with the clients.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::single::accepted;
use super::subject::{Subjects, batch, order, unlimited};
use super::{Extent, Row, Target, median, millis, number};
use crate::host::{DeploymentConfig, Environment, FunctionConfig, message_event};
use crate::local::LocalError;
use crate::ordinary_routes;

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
    let (mut few_times, mut many_times) = (Vec::new(), Vec::new());
    let (mut few_inits, mut many_inits, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.rounds.div_ceil(3) {
        deployment.fill_registry(&subjects.sync).await?;
        for (path, routes, times, inits) in
            [(&few_path, few, &mut few_times, &mut few_inits), (&many_path, many, &mut many_times, &mut many_inits)]
        {
            let environment = Environment::start(&with_routes(&config, path)).await?;
            inits.push(millis(environment.init()));
            if routes == many {
                memory.push(number(environment.usage().peak_memory_kib) / 1024.0);
            }
            warm(&environment, extent.warm_batches, times, || {
                let kinds = (0..BATCH).map(|_| order(&format!("com.example.kind-{}", any_below(routes))));
                message_event(&kinds.collect::<Vec<_>>())
            })
            .await?;
        }
    }
    let ratio = median(many_times) / median(few_times);
    Ok(vec![
        Row::alone("time per message, 10,000 routes ÷ 10 routes", "", ratio, Target::AtMost(FLAT)),
        Row::alone("init with 10 routes of ten attributes", "ms", median(few_inits), Target::None),
        Row::alone("init with 10,000 routes of ten attributes", "ms", median(many_inits), Target::Below(200.0)),
        Row::alone("peak memory of that init", "MiB", median(memory), Target::Below(64.0)),
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

fn write_routes(folder: &Path, count: usize) -> Result<PathBuf, LocalError> {
    let path = folder.join(format!("routes-{count}.json"));
    let written = std::fs::write(&path, ordinary_routes(count).to_string());
    written.map(|()| path).map_err(LocalError::system("write routes"))
}

/// A number below `limit`, from a fresh UUID: good enough to spread events over routes.
fn any_below(limit: usize) -> usize {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    usize::try_from(low % u64::try_from(limit).unwrap_or(u64::MAX)).unwrap_or_default()
}
