//! How long an urgent event takes from sending to contact while a backlog of others is there, with the urgent queue and
//! without: the real binaries, by the same clients, in turns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contact_injection::domain::idempotency::IdempotencyKey;
use cxone_simulator::Contact;
use futures::FutureExt as _;
use futures::future::try_join_all;
use serde_json::Value;
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::subject::{Subjects, order};
use super::{Extent, Row, Target, number};
use crate::host::{Deployment, DeploymentConfig, EventSource, Function, since_epoch};
use crate::local::LocalError;

/// CXone's default for one client (docs/rules.md#rate-window).
const LIMIT: usize = 120;
/// Clients: without the urgent queue for all events, with it one for either lane.
const CLIENTS: usize = 2;
/// Urgent events.
const URGENT: usize = 100;
/// Between two of them: half of what their client's rate allows, in windows of five seconds.
const GAP: Duration = Duration::from_millis(85);
/// What CXone takes for a contact.
const LATENCY: Duration = Duration::from_millis(100);

/// What the lane is for (docs/rules.md#lanes), in milliseconds.
const PROMISED: f64 = 5_000.0;

pub(super) async fn measure(subjects: &Subjects, extent: Extent) -> Result<Vec<Row>, LocalError> {
    let without = times(subjects, extent, false).await?;
    let with = times(subjects, extent, true).await?;
    let (backlog, window) = (extent.backlog, extent.drain_window);
    let behind = format!("urgent event behind {backlog} others, {window} s windows");
    let rows = [("one queue", without, [Target::None; 3]), ("urgent queue", with, PROMISES)];
    Ok(rows
        .into_iter()
        .flat_map(|(queues, times, targets)| {
            let named = [("median", 0.5), ("99th percentile", 0.99), ("worst", 1.0)];
            let row = |((name, share), target): ((&str, f64), Target)| {
                Row::alone(format!("{behind}, {queues}: {name}"), "ms", percentile(&times, share), target)
            };
            named.into_iter().zip(targets).map(row).collect::<Vec<_>>()
        })
        .collect())
}

const PROMISES: [Target; 3] = [Target::None, Target::Below(PROMISED), Target::None];

/// From sending to contact, in milliseconds, of each urgent event.
async fn times(subjects: &Subjects, extent: Extent, lane: bool) -> Result<Vec<f64>, LocalError> {
    let deployment = subjects.deploy(config(extent, lane)).await?;
    let backlog: Vec<_> = (0..extent.backlog).map(|_| order("com.example.order.updated")).collect();
    deployment.send(&backlog).await?;
    let function = Function::new(deployment.inject(&subjects.inject, false)?);
    let mut sources = vec![&deployment.queues.contacts];
    sources.extend(deployment.queues.urgent.as_ref().map(|urgent| &urgent.url));
    let to = sources[sources.len() - 1];
    let contacts: Vec<_> = sources.iter().map(|url| EventSource::new(deployment.endpoint(), url, &function)).collect();
    let ids: Vec<_> = (0..URGENT).map(|_| Uuid::new_v4().to_string()).collect();
    let keys: BTreeSet<_> = ids.iter().map(|id| key(id)).collect();
    // The longest that the backlog and all urgent events can take, and as much again.
    let windows = (extent.backlog + URGENT).div_ceil(LIMIT) + 1;
    let patience = Duration::from_secs(extent.drain_window * 2 * u64::try_from(windows).unwrap_or(u64::MAX));
    let simulator = &deployment.simulator;
    let are_there = simulator.until(|tenant| made(tenant.contacts(), &keys).len() >= URGENT);
    let all = async { drop(timeout(patience, are_there).await) }.shared();
    let served = try_join_all(contacts.iter().map(|source| source.serve_until(all.clone())));
    let (sent, served) = futures::join!(send(&deployment, to, &ids), served);
    served?;
    let made = made(&simulator.contacts(), &keys);
    let times =
        sent?.into_iter().filter_map(|(key, at)| Some(number(made.get(&key)?.saturating_sub(at)))).collect::<Vec<_>>();
    if times.len() < URGENT {
        let outcome = format!("{} of {URGENT} urgent events have a contact", times.len());
        return Err(LocalError::Failed { function: "inject-contacts".to_owned(), outcome });
    }
    Ok(times)
}

fn config(extent: Extent, lane: bool) -> DeploymentConfig {
    let (urgent_clients, urgent_concurrency) = if lane { (1, 2) } else { (0, 0) };
    DeploymentConfig {
        clients: CLIENTS,
        urgent_clients,
        urgent_concurrency,
        rate_limit: LIMIT,
        window_seconds: extent.drain_window,
        latency: LATENCY,
        ..DeploymentConfig::default()
    }
}

/// Where urgent events come from.
const SOURCE: &str = "/crm/urgent";

fn key(id: &str) -> String {
    IdempotencyKey::of_event(SOURCE, id).to_string()
}

/// Sends the urgent events one by one; each one's key, and when it was sent.
async fn send(deployment: &Deployment, queue: &str, ids: &[String]) -> Result<Vec<(String, u64)>, LocalError> {
    let mut sent = Vec::with_capacity(ids.len());
    let mut pace = interval(GAP);
    for id in ids {
        pace.tick().await;
        let mut event: Value = serde_json::from_str(&order("com.example.order.updated")).unwrap_or_default();
        (event["id"], event["source"]) = (id.as_str().into(), SOURCE.into());
        let at = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
        deployment.send_to(queue, &[event.to_string()]).await?;
        sent.push((key(id), at));
    }
    Ok(sent)
}

/// When the contacts of these keys were created.
fn made(contacts: &[Contact], keys: &BTreeSet<String>) -> BTreeMap<String, u64> {
    let own = contacts.iter().filter(|contact| keys.contains(&contact.idempotency_key));
    own.map(|contact| (contact.idempotency_key.clone(), contact.created_at_ms)).collect()
}

/// The value that such a share of the values does not exceed.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a short list")]
    let place = (number(sorted.len()) * share).ceil() as usize;
    sorted.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_value_that_its_share_does_not_exceed() {
        let values: Vec<_> = (1..=100).rev().map(f64::from).collect();
        let of = |share| percentile(&values, share);
        assert!(
            [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)].iter().all(|(share, value)| (of(*share) - value).abs() < 1e-9)
        );
        assert!(percentile(&[], 0.5).is_nan());
    }
}
