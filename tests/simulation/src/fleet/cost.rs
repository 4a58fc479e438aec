//! What a scenario asked of each service, and what that costs, by the prices of the runbook.

use super::figures::Lived;

/// Prices of us-east-1 in November 2026, in dollars a million.
const WRITE_UNITS: f64 = 0.625;
const READ_UNITS: f64 = 0.125;
const SQS: f64 = 0.40;
const INVOCATIONS: f64 = 0.20;
const SECRET_READS: f64 = 5.0;

/// A second at 256 MB, and a gigabyte of logs, in dollars.
const SECOND: f64 = 0.25 * 0.000_016_666_7;
const LOGS: f64 = 0.50;

/// Bytes that are logged of a delivery and of an invocation: from what `make bench` counts of ten contacts that come
/// together, and of one that comes alone.
const LINE_OF_DELIVERY: f64 = 780.0;
const LINES_OF_INVOCATION: f64 = 1610.0;

/// One thing that is asked for.
pub(super) struct Asked {
    pub(super) what: &'static str,
    /// For each contact.
    pub(super) per_contact: f64,
    /// For a million contacts, in dollars.
    pub(super) dollars: f64,
}

/// Everything that a scenario asked for.
pub(super) fn asked(lived: &Lived) -> Vec<Asked> {
    let (usage, contacts) = (&lived.usage, count(lived.contacts as u64).max(1.0));
    let of = |what, asked: f64, a_million: f64| {
        let per_contact = asked / contacts;
        Asked { what, per_contact, dollars: per_contact * a_million }
    };
    let written = lived.tables.iter().map(|table| count(table.units.0)).sum();
    let read = lived.tables.iter().map(|table| table.units.1).sum();
    let seconds = count(usage.billed) / 1000.0;
    let logged = count(usage.deliveries) * LINE_OF_DELIVERY + count(usage.invocations) * LINES_OF_INVOCATION;
    let posts = count(lived.cxone.posts as u64);
    vec![
        of("CXone, requests for contacts", posts, 0.0),
        of("CXone, questions and tokens", count((lived.cxone.health + lived.cxone.tokens) as u64), 0.0),
        of("DynamoDB, write units", written, WRITE_UNITS),
        of("DynamoDB, read units", read, READ_UNITS),
        of("SQS, sends by the upstream system", count(lived.events as u64), SQS),
        of("SQS, receives", count(usage.receives + usage.empty_receives), SQS),
        of("SQS, deletes of a batch", count(usage.deletes), SQS),
        of("SQS, changes of visibility of a batch", count(usage.visibility_changes), SQS),
        of("Lambda, invocations", count(usage.invocations), INVOCATIONS),
        of("Lambda, seconds at 256 MB", seconds, SECOND * 1e6),
        of("Secrets Manager, reads", count(usage.secret_reads), SECRET_READS),
        of("CloudWatch Logs, bytes", logged, LOGS / 1e9 * 1e6),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn count(count: u64) -> f64 {
    count as f64
}
