//! Requests for each contact. Counts, so they are the same on every machine.

use super::single::injected;
use super::subject::{Subjects, peer, unlimited};
use super::{Row, Target, number};
use crate::host::{Counts, Deployment, Environment, FunctionConfig, HostError};

/// Warm batches of ten that are counted.
const BATCHES: usize = 10;

/// Requests of one warm batch of ten, on average.
struct Requests {
    writes: f64,
    reads: f64,
    cxone: f64,
}

pub(super) async fn measure(subjects: &Subjects) -> Result<Vec<Row>, HostError> {
    let deployment = subjects.deploy(unlimited()).await?;
    let ours = deployment.inject(&subjects.inject, true)?;
    let peer = count(&deployment, &peer(&ours)?).await?;
    let ours = count(&deployment, &ours).await?;
    Ok(vec![
        Row::beside(
            "DynamoDB writes per batch of 10 contacts",
            "",
            ours.writes,
            peer.writes,
            // Two for each contact, and two for the batch.
            Target::AtMost(22.0),
        ),
        Row::beside("DynamoDB reads per batch of 10 contacts", "", ours.reads, peer.reads, Target::None),
        Row::beside("HTTP requests to CXone per batch of 10 contacts", "", ours.cxone, peer.cxone, Target::None),
    ])
}

async fn count(deployment: &Deployment, function: &FunctionConfig) -> Result<Requests, HostError> {
    let environment = Environment::start(function).await?;
    injected(&environment).await?;
    let sent_before = deployment.simulator.requests().len();
    deployment.aws_requests.take();
    for _ in 0..BATCHES {
        injected(&environment).await?;
    }
    let counts = deployment.aws_requests.take();
    let of = |kinds: &[&str]| sum(&counts, kinds) / number(BATCHES);
    Ok(Requests {
        writes: of(&["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"]),
        reads: of(&["GetItem", "BatchGetItem", "Query", "Scan"]),
        cxone: number(deployment.simulator.requests().len() - sent_before) / number(BATCHES),
    })
}

fn sum(counts: &Counts, operations: &[&str]) -> f64 {
    let counted = counts
        .iter()
        .filter(|(name, _)| name.strip_prefix("DynamoDB.").is_some_and(|operation| operations.contains(&operation)));
    number(counted.map(|(_, count)| *count).sum::<u64>())
}
