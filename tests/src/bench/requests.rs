//! Requests for each contact, what they cost in write units, and the log. Counts, so they are the same on every
//! machine.

use aws_sdk_dynamodb::types::AttributeValue;

use super::single::injected;
use super::subject::{Subjects, peer, unlimited};
use super::{Row, Target, number};
use crate::host::{Counts, Deployment, Environment, FunctionConfig};
use crate::local::{LocalError, sdk_config};

/// Warm batches of ten that are counted.
const BATCHES: usize = 10;

/// Contacts in each.
const BATCH_SIZE: usize = 10;

/// Bytes of an item that one write unit pays for.
const WRITE_UNIT: usize = 1024;

/// Requests of one warm batch of ten, on average.
struct Requests {
    writes: f64,
    reads: f64,
    cxone: f64,
    /// Bytes of log for each contact.
    logged: f64,
}

pub(super) async fn measure(subjects: &Subjects) -> Result<Vec<Row>, LocalError> {
    let deployment = subjects.deploy(unlimited()).await?;
    let ours = deployment.inject(&subjects.inject, true)?;
    let peer = peer(&ours)?;
    let ours = count(&deployment, &ours).await?;
    let units = write_units(&deployment).await?;
    let peer = count(&deployment, &peer).await?;
    Ok(vec![
        Row::alone("DynamoDB write units per contact", "", units, Target::None),
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
        Row::beside("log and metric lines per contact, bytes", "", ours.logged, peer.logged, Target::None),
    ])
}

async fn count(deployment: &Deployment, function: &FunctionConfig) -> Result<Requests, LocalError> {
    let environment = Environment::start(function).await?;
    injected(&environment).await?;
    let bytes = || environment.output().len();
    let logged_before = bytes();
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
        logged: number(bytes() - logged_before) / number(BATCHES * BATCH_SIZE),
    })
}

/// What DynamoDB charges for the two ledger writes of a contact and a tenth of the two lease writes of its batch, by
/// the items as they stand.
async fn write_units(deployment: &Deployment) -> Result<f64, LocalError> {
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(deployment.endpoint()));
    let largest = async |table: &str| {
        let items = client.scan().table_name(table).send().await.map_err(LocalError::aws("dynamodb:Scan"))?;
        let sizes = items.items().iter().map(|item| item.iter().map(|(name, value)| name.len() + size(value)).sum());
        Ok::<usize, LocalError>(sizes.max().unwrap_or_default())
    };
    let units = |bytes: usize| number(bytes.div_ceil(WRITE_UNIT));
    let (ledger, clients) = (largest(&deployment.tables.ledger).await?, largest(&deployment.tables.clients).await?);
    Ok(2.0 * units(ledger) + 2.0 * units(clients) / number(BATCH_SIZE))
}

/// An attribute's size by DynamoDB's rules, rounded up: names and values in UTF-8, three bytes around a list or a map
/// and one for each of its members, and no number of more than 21 bytes.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => (digits.len() / 2 + 2).min(21),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(members) => members.iter().map(|member| size(member) + 1).sum::<usize>() + 3,
        AttributeValue::M(members) => {
            members.iter().map(|(name, member)| name.len() + size(member) + 1).sum::<usize>() + 3
        }
        _ => 1,
    }
}

fn sum(counts: &Counts, operations: &[&str]) -> f64 {
    let counted = counts
        .iter()
        .filter(|(name, _)| name.strip_prefix("DynamoDB.").is_some_and(|operation| operations.contains(&operation)));
    number(counted.map(|(_, count)| *count).sum::<u64>())
}
