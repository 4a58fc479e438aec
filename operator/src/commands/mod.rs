//! The commands, one module each.

mod check;
mod completions;
mod dead_letters;
mod doctor;
mod dry_run;
mod pause;
mod protect;
mod redrive;
mod resolve;
mod status;
mod versions;

use std::path::Path;

use clap::Subcommand;
use contact_injection::domain::idempotency::IdempotencyKey;
use serde::Deserialize;

use crate::answer::Answer;
use crate::cli::Target;
use crate::error::Error;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    DryRun(dry_run::Arguments),
    Status(status::Arguments),
    DeadLetters(dead_letters::Arguments),
    Redrive(redrive::Arguments),
    Resolve(resolve::Arguments),
    Doctor(doctor::Arguments),
    /// Turns the event source mappings off: nothing is received until `resume`, and messages wait in their queue.
    Pause,
    /// Turns the event source mappings on again.
    Resume,
    Versions(versions::Arguments),
    /// Makes a stack hard to lose: termination protection, a stack policy, and the ledger's deletion protection.
    ///
    /// Turns termination protection on, so that nobody deletes the stack; sets a stack policy, so that no update
    /// replaces or deletes the tables, the contact and dead-letter queues or the secrets, nor replaces the urgent
    /// queue; and turns deletion protection of the ledger on, so that nobody deletes that table. Says what it changed
    /// and what was so already. docs/runbook.md says how each is taken off again.
    Protect,
    Completions(completions::Arguments),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, target: &Target) -> Result<Answer, Error> {
        match self {
            Self::Check(arguments) => check::run(target, arguments).await,
            Self::DryRun(arguments) => dry_run::run(target, arguments).await,
            Self::Status(arguments) => status::run(target, arguments).await,
            Self::DeadLetters(arguments) => dead_letters::run(target, arguments).await,
            Self::Redrive(arguments) => redrive::run(target, arguments).await,
            Self::Resolve(arguments) => resolve::run(target, &arguments).await,
            Self::Doctor(arguments) => doctor::run(target, &arguments).await,
            Self::Pause => pause::run(target, pause::Wanted::Off).await,
            Self::Resume => pause::run(target, pause::Wanted::On).await,
            Self::Versions(arguments) => versions::run(target, &arguments).await,
            Self::Protect => protect::run(target).await,
            Self::Completions(arguments) => Ok(completions::run(&arguments)),
        }
    }
}

/// Reads a file.
fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// Reads JSON; what is none is told by its position, and nothing of its text.
fn json<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> Result<T, Error> {
    let position = |error: serde_json::Error| format!("no JSON at line {}, column {}", error.line(), error.column());
    serde_json::from_str(text).map_err(|error| unreadable(path, &position(error)))
}

fn unreadable(path: &Path, why: &impl ToString) -> Error {
    Error::Unreadable { path: path.display().to_string(), why: why.to_string() }
}

/// A text that is no idempotency key.
#[derive(Debug, thiserror::Error)]
#[error("an idempotency key is a UUID, as a2557f4f-de63-5abf-938e-b777f7427914")]
struct NoKey;

/// Reads an idempotency key.
fn key(text: &str) -> Result<IdempotencyKey, NoKey> {
    IdempotencyKey::parse(text).ok_or(NoKey)
}
