//! `resolve`: what a person found out about an event whose outcome is unknown.

use clap::{Args, ValueEnum};
use contact_injection::adapters::{dynamodb::DynamoLedger, environment::System};
use contact_injection::domain::claim::Resolution;
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::ledger;
use contact_injection::ports::Environment as _;
use serde_json::json;

use crate::answer::{Answer, End};
use crate::cli::Target;
use crate::error::Error;
use crate::stack::Stack;

/// Decides about an event whose outcome is unknown, so that a redrive of its dead letter goes on with it.
///
/// Exits with 1 where the event isn't parked, so that there is nothing to decide.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The event's idempotency key, as `dead-letters` shows it.
    #[arg(value_parser = super::key)]
    key: IdempotencyKey,
    /// What you found in CXone.
    #[arg(value_enum)]
    found: Found,
}

/// What a person found.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Found {
    /// Its contact exists: the event is a duplicate from now on.
    Injected,
    /// There is none: the event may be injected again, with the same data.
    Retry,
}

/// Writes the decision to the ledger.
pub(super) async fn run(target: &Target, arguments: &Arguments) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let table = stack.output("LedgerTableName")?;
    let ledger = DynamoLedger::new(stack.dynamodb(), table.to_owned(), System::new());
    let resolution = match arguments.found {
        Found::Injected => Resolution::Injected,
        Found::Retry => Resolution::Retry,
    };
    let resolved = ledger::resolve(&ledger, arguments.key, resolution, System::new().now()).await;
    let failed = |error| Error::ledger("dynamodb:GetItem and dynamodb:PutItem", &format!("the table {table}"), &error);
    let resolved = resolved.map_err(failed)?;
    let (words, end) = if resolved {
        ("resolved: redrive its dead letter", End::Done)
    } else {
        ("nothing to resolve: the event is not parked", End::Problems)
    };
    Ok(Answer::done(words, json!({ "resolved": resolved })).ending(end))
}
