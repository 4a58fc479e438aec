//! How much of the permitted rate is used under a backlog, and how fast a backlog is drained.

use std::time::Duration;

use cxone_simulator::RequestRecord;
use tokio::time::timeout;

use super::subject::{Subjects, order};
use super::{Extent, Row, Target, median, number};
use crate::host::{DeploymentConfig, EventSource, Function};
use crate::local::LocalError;

/// CXone's default for one client (docs/rules.md#rate-window).
const LIMIT: usize = 120;
/// Windows that the utilisation is taken over.
const WINDOWS: usize = 5;
/// Workers for the utilisation; each has its own client.
const WORKERS: usize = 2;

pub(super) async fn utilisation(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let window_seconds = extent.utilisation_window;
    let config =
        DeploymentConfig { clients: WORKERS, rate_limit: LIMIT, window_seconds, ..DeploymentConfig::default() };
    let deployment = subjects.deploy(config).await?;
    // A window more than is looked at, so that the backlog never ends first.
    deployment.send(&events((WINDOWS + 2) * LIMIT * WORKERS)).await?;
    let function = Function::new(deployment.inject(&subjects.inject, true)?);
    let source = EventSource::new(deployment.endpoint(), &deployment.queues.contacts, &function)
        .with_maximum_concurrency(WORKERS);
    deployment.aws_requests.take();
    let patience = Duration::from_secs(window_seconds * number_of_windows(WINDOWS + 4));
    let simulator = &deployment.simulator;
    let enough = simulator.until(|tenant| sends(tenant.requests()).iter().all(|sends| sends.len() > WINDOWS * LIMIT));
    // A run that is too slow is measured as far as it came.
    let seen = async { drop(timeout(patience, enough).await) };
    let ((), drained) = source.serve_until(seen).await?;
    let used = sends(&simulator.requests()).into_iter().map(|sends| share(&sends, window_seconds * 1000)).collect();
    let refused = deployment.simulator.tenant().count_of_status(429);
    let writes: u64 = deployment.aws_requests.take().iter().filter(|(name, _)| is_write(name)).map(|(_, n)| n).sum();
    let windows = format!("{WINDOWS} windows of {window_seconds} s");
    Ok(vec![
        Row::alone(format!("permitted rate used, {windows}"), "%", median(used) * 100.0, Target::AtLeast(98.0)),
        Row::alone("answers 429 meanwhile", "", number(refused), Target::AtMost(0.0)),
        Row::alone(
            "DynamoDB writes per contact under that backlog",
            "",
            number(writes) / number(deployment.simulator.contacts().len()),
            Target::None,
        ),
        Row::alone(
            "messages handed out per contact under that backlog",
            "",
            number(drained.acknowledged + drained.returned) / number(drained.acknowledged.max(1)),
            Target::None,
        ),
    ])
}

pub(super) async fn drains(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let mut rows = Vec::new();
    for clients in [2, 4, 8] {
        rows.push(drain(subjects, extent, clients).await?);
    }
    Ok(rows)
}

async fn drain(subjects: &Subjects, extent: Extent, clients: usize) -> Result<Row, LocalError> {
    let window_seconds = extent.drain_window;
    let config = DeploymentConfig { clients, rate_limit: LIMIT, window_seconds, ..DeploymentConfig::default() };
    let deployment = subjects.deploy(config).await?;
    deployment.send(&events(extent.drained_events)).await?;
    let function = Function::new(deployment.inject(&subjects.inject, false)?);
    let source = EventSource::new(deployment.endpoint(), &deployment.queues.contacts, &function)
        .with_maximum_concurrency(clients);
    // The first window's worth goes at once; every other has to wait for one.
    let windows = extent.drained_events.div_ceil(clients * LIMIT) - 1;
    let bound = number(windows) * number(window_seconds);
    let drained = source.drain(Duration::from_secs_f64(bound * 4.0 + 60.0)).await?;
    let contacts = deployment.simulator.contacts().len();
    if !drained.empty || contacts != extent.drained_events {
        let outcome = format!("{contacts} contacts for {} events, and the queue is not empty", extent.drained_events);
        return Err(LocalError::Failed { function: "draining".to_owned(), outcome });
    }
    let figure = format!(
        "draining {} events by {clients} clients, {window_seconds} s windows, ÷ bound of {bound:.0} s",
        extent.drained_events
    );
    Ok(Row::alone(figure, "", drained.duration.as_secs_f64() / bound, Target::None))
}

fn events(count: usize) -> Vec<String> {
    (0..count).map(|_| order("com.example.order.updated")).collect()
}

/// When each inject client's counted requests arrived, in milliseconds.
fn sends(requests: &[RequestRecord]) -> Vec<Vec<u64>> {
    (1..=WORKERS)
        .map(|worker| {
            let client = format!("inject-worker-{worker}");
            let counted = requests.iter().filter(|request| request.counted);
            counted.filter(|request| request.client_id.as_ref() == Some(&client)).map(|request| request.at_ms).collect()
        })
        .collect()
}

/// The share of the permitted requests that were sent, from the first one to the first one after five windows' worth.
fn share(sends: &[u64], window_ms: u64) -> f64 {
    let (Some(first), Some(last)) = (sends.first(), sends.get(WINDOWS * LIMIT)) else { return f64::NAN };
    number(WINDOWS) * number(window_ms) / number(last - first)
}

fn is_write(name: &str) -> bool {
    matches!(name, "DynamoDB.PutItem" | "DynamoDB.UpdateItem" | "DynamoDB.PartiQLInsert")
}

fn number_of_windows(windows: usize) -> u64 {
    u64::try_from(windows).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_full_windows_in_five_windows_time_are_the_whole_rate() {
        let burst = |at: u64| std::iter::repeat_n(at, LIMIT);
        let exact: Vec<_> = (0..=WINDOWS as u64).flat_map(|window| burst(window * 60_000)).collect();
        assert!((share(&exact, 60_000) - 1.0).abs() < 1e-9);
        let late: Vec<_> = (0..=WINDOWS as u64).flat_map(|window| burst(window * 61_200)).collect();
        assert!((share(&late, 60_000) - 0.98).abs() < 0.001);
        assert!(share(&exact[..WINDOWS * LIMIT], 60_000).is_nan());
    }
}
