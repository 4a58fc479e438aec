//! Requests for each contact, what they cost in write units, and the log. Counts, so they are the same on every
//! machine.

use aws_sdk_dynamodb::types::AttributeValue;
use cxone_simulator::nice::PointOfContact;
use serde_json::{Value, json};

use super::single::accepted;
use super::subject::{Subjects, batch, peer, unlimited};
use super::{Row, Target, number};
use crate::host::{AwsRequests, Counts, Deployment, DeploymentConfig, Environment, FunctionConfig, message_event};
use crate::local::{LocalError, sdk_config};
use crate::workspace_root;

/// Warm batches of ten that are counted.
const BATCHES: usize = 10;

/// Contacts in each.
const BATCH_SIZE: usize = 10;

/// Bytes of an item that one write unit pays for.
const WRITE_UNIT: usize = 1024;

/// Requests of one warm batch of ten, on average.
struct Requests {
    dynamodb: f64,
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
    let sent = || deployment.simulator.requests().len();
    let ours = count(&deployment.aws_requests, &ours, batch, sent).await?;
    let units = async |size| write_units(&deployment, size).await;
    let peer = count(&deployment.aws_requests, &peer, batch, sent).await?;
    let alone = count_in(1, &deployment.aws_requests, &deployment.inject(&subjects.inject, true)?, batch, sent).await?;
    let tenant = of_tenant(subjects).await?;
    Ok(vec![
        Row::alone("DynamoDB write units per contact", "", units(BATCH_SIZE).await?, Target::None),
        Row::alone("DynamoDB write units of a contact that comes alone", "", units(1).await?, Target::None),
        Row::beside(
            "DynamoDB writes per batch of 10 contacts",
            "",
            ours.writes,
            peer.writes,
            // Two for each contact, and two for the batch.
            Target::AtMost(22.0),
        ),
        Row::alone(
            "the same where the API knows no key (profile cxone)",
            "",
            tenant.writes,
            // Three for each contact, and two for the batch.
            Target::AtMost(32.0),
        ),
        Row::beside(
            "HTTP requests to DynamoDB per batch of 10 contacts",
            "",
            ours.dynamodb,
            peer.dynamodb,
            // One that claims them all, one that settles each, and two for the client.
            Target::AtMost(13.0),
        ),
        Row::alone("requests to CXone per batch of 10 contacts there", "", tenant.cxone, Target::None),
        Row::beside("DynamoDB reads per batch of 10 contacts", "", ours.reads, peer.reads, Target::None),
        Row::beside("HTTP requests to CXone per batch of 10 contacts", "", ours.cxone, peer.cxone, Target::None),
        Row::beside("log and metric lines per contact, bytes", "", ours.logged, peer.logged, Target::None),
        Row::alone("log and metric lines of a contact that comes alone, bytes", "", alone.logged, Target::None),
    ])
}

/// The inject function where a NICE CXone tenant takes its contacts as work items.
async fn of_tenant(subjects: &Subjects) -> Result<Requests, LocalError> {
    let routes = workspace_root().join("tests/fixtures/cxone/routes.json");
    let points = vec![
        PointOfContact::new(123_456, "Orders", 4012),
        PointOfContact::new(223_344, "Payments", 4014),
        PointOfContact::new(323_344, "Overflow", 4013),
    ];
    let config = DeploymentConfig { routes, ..unlimited() };
    subjects.inject.lay_routes(&config.routes)?;
    subjects.sync.lay_routes(&config.routes)?;
    let deployment = Deployment::of_tenant(points, config).await?;
    deployment.fill_registry(&subjects.sync).await?;
    let function = deployment.inject(&subjects.inject, true)?;
    let sent = || deployment.simulator.requests().len();
    count(&deployment.aws_requests, &function, payments, sent).await
}

/// A batch of bounced payments that were never seen before, for the route whose skill has no limit.
fn payments(size: usize) -> Value {
    let payment = |_| {
        json!({
            "specversion": "1.0",
            "type": "com.example.payment.bounced",
            "source": "/payments",
            "id": uuid::Uuid::new_v4(),
            "data": {"phone": "+15550100100", "ref": "PAY-20815"},
        })
        .to_string()
    };
    message_event(&(0..size).map(payment).collect::<Vec<_>>())
}

async fn count(
    aws: &AwsRequests,
    function: &FunctionConfig,
    batch: impl Fn(usize) -> Value,
    sent: impl Fn() -> usize,
) -> Result<Requests, LocalError> {
    count_in(BATCH_SIZE, aws, function, batch, sent).await
}

/// The same in batches of this size.
async fn count_in(
    size: usize,
    aws: &AwsRequests,
    function: &FunctionConfig,
    batch: impl Fn(usize) -> Value,
    sent: impl Fn() -> usize,
) -> Result<Requests, LocalError> {
    let environment = Environment::start(function).await?;
    accepted(&environment, &batch(size)).await?;
    let bytes = || environment.output().len();
    let (logged_before, sent_before) = (bytes(), sent());
    aws.take();
    for _ in 0..BATCHES {
        accepted(&environment, &batch(size)).await?;
    }
    let counts = aws.take();
    let of = |kinds: &[&str]| sum(&counts, kinds) / number(BATCHES);
    Ok(Requests {
        dynamodb: number(counts.iter().filter(|(name, _)| is_request(name)).map(|(_, count)| *count).sum::<u64>())
            / number(BATCHES),
        writes: of(&["PutItem", "UpdateItem", "DeleteItem", "PartiQLInsert"]),
        reads: of(&["GetItem", "BatchGetItem", "Query", "Scan"]),
        cxone: number(sent() - sent_before) / number(BATCHES),
        logged: number(bytes() - logged_before) / number(BATCHES * size),
    })
}

/// What DynamoDB charges for the two ledger writes of a contact and its part of the two lease writes of its batch of
/// this size, by the items as they stand.
async fn write_units(deployment: &Deployment, size: usize) -> Result<f64, LocalError> {
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(deployment.endpoint()));
    let largest = async |table: &str| {
        let items = client.scan().table_name(table).send().await.map_err(LocalError::aws("dynamodb:Scan"))?;
        let sizes = items.items().iter().map(|item| item.iter().map(|(name, value)| name.len() + stored(value)).sum());
        Ok::<usize, LocalError>(sizes.max().unwrap_or_default())
    };
    let units = |bytes: usize| number(bytes.div_ceil(WRITE_UNIT));
    let (ledger, clients) = (largest(&deployment.tables.ledger).await?, largest(&deployment.tables.clients).await?);
    Ok(2.0 * units(ledger) + 2.0 * units(clients) / number(size))
}

/// An attribute's size by DynamoDB's rules, rounded up: names and values in UTF-8, three bytes around a list or a map
/// and one for each of its members, and no number of more than 21 bytes.
fn stored(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => (digits.len() / 2 + 2).min(21),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(members) => members.iter().map(|member| stored(member) + 1).sum::<usize>() + 3,
        AttributeValue::M(members) => {
            members.iter().map(|(name, member)| name.len() + stored(member) + 1).sum::<usize>() + 3
        }
        _ => 1,
    }
}

/// Whether a count is of requests to DynamoDB, and not of the statements within them.
fn is_request(name: &str) -> bool {
    name.strip_prefix("DynamoDB.").is_some_and(|operation| !operation.starts_with("PartiQL"))
}

fn sum(counts: &Counts, operations: &[&str]) -> f64 {
    let counted = counts
        .iter()
        .filter(|(name, _)| name.strip_prefix("DynamoDB.").is_some_and(|operation| operations.contains(&operation)));
    number(counted.map(|(_, count)| *count).sum::<u64>())
}
