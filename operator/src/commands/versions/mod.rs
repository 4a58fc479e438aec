//! `versions`: the published versions of the inject function, and how the old ones go.

mod prune;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::FunctionConfiguration;
use clap::Args;
use contact_injection::domain::time::Timestamp;
use serde_json::{Value, json};

use self::prune::{Alias, before, prunable};
use crate::answer::{Answer, End, count, plain, table};
use crate::cli::Target;
use crate::error::Error;
use crate::function::INJECT;
use crate::stack::Stack;

/// The alias that the queues invoke.
const LIVE: &str = "live";
/// Lambda's code for what isn't there.
const UNKNOWN: &str = "ResourceNotFoundException";
/// Lambda's code for a version that something still leads to.
const IN_USE: &str = "ResourceConflictException";
const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

/// Lists the published versions of the inject function: which is live, and which is the one to go back to.
///
/// Each deployment publishes one, and Lambda keeps them all: --prune deletes the old ones. It never deletes the newest,
/// the live one, one that gets a part of the invocations, or the one before the live one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Delete all but the newest N and those that are in use
    #[arg(long, value_name = "N")]
    prune: Option<NonZeroUsize>,
    /// Only say which would be deleted
    #[arg(long, requires = "prune")]
    plan: bool,
}

/// A published version.
struct Version {
    published: String,
    bytes: i64,
}

type Versions = BTreeMap<u64, Version>;

/// What became of the versions that were to go.
#[derive(Default)]
struct Pruning {
    pruned: Vec<u64>,
    notes: Vec<String>,
    stopped: bool,
}

/// Lists them, and deletes those that may go.
pub(super) async fn run(target: &Target, arguments: &Arguments) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let (lambda, function) = (stack.lambda(), stack.output(INJECT)?);
    let mut versions = published(&lambda, function).await?;
    let alias = live(&lambda, function).await?;
    let numbers: BTreeSet<u64> = versions.keys().copied().collect();
    let planned = match (arguments.prune, &alias) {
        (None, _) => Vec::new(),
        (Some(keep), Some(alias)) => prunable(&numbers, alias, keep),
        (Some(_), None) => {
            let words = "leads to no version, so that nothing says which are in use: none is deleted";
            return Err(Error::NotDone(format!("the alias {LIVE} of the function {function} {words}")));
        }
    };
    let pruning = if arguments.plan { Pruning::default() } else { prune(&lambda, function, &planned).await };
    versions.retain(|number, _| !pruning.pruned.contains(number));
    let mut text = listed(&versions, alias.as_ref());
    if arguments.prune.is_some() {
        text.extend(["\n", &words(arguments.plan, &planned, &pruning.pruned)]);
    }
    let json = json!({
        "versions": as_json(&versions, alias.as_ref()), "planned": planned, "pruned": pruning.pruned,
    });
    let end = if pruning.stopped { End::NotDone } else { End::Done };
    Ok(Answer::done(text, json).ending(end).with_notes(pruning.notes))
}

/// The versions, without the unpublished `$LATEST`.
async fn published(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Versions, Error> {
    let mut versions = Versions::new();
    let mut pages = lambda.list_versions_by_function().function_name(function).into_paginator().items().send();
    while let Some(version) = pages.next().await {
        let failed = |error| Error::aws("lambda:ListVersionsByFunction", &format!("the function {function}"), &error);
        versions.extend(number_of(&version.map_err(failed)?));
    }
    Ok(versions)
}

fn number_of(version: &FunctionConfiguration) -> Option<(u64, Version)> {
    let number = version.version()?.parse().ok()?;
    let at = version.last_modified().unwrap_or("-");
    // Lambda writes the offset without a colon.
    let published = Timestamp::parse_rfc3339(at).map_or_else(|| at.to_owned(), |at| at.to_string());
    Some((number, Version { published, bytes: version.code_size() }))
}

/// Where the alias leads; nowhere where there is none, or where it leads to what isn't published.
async fn live(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Option<Alias>, Error> {
    let answer = match lambda.get_alias().function_name(function).name(LIVE).send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some(UNKNOWN) => return Ok(None),
        Err(error) => return Err(Error::aws("lambda:GetAlias", &format!("the function {function}:{LIVE}"), &error)),
    };
    let Some(live) = answer.function_version().and_then(|version| version.parse().ok()) else { return Ok(None) };
    let weights = answer.routing_config().and_then(|config| config.additional_version_weights());
    let weights = weights.into_iter().flatten();
    let weights = weights.filter_map(|(version, weight)| Some((version.parse().ok()?, *weight))).collect();
    Ok(Some(Alias { live, weights }))
}

/// Deletes them one by one. Each deletion is whole by itself, so that it may end after any.
async fn prune(lambda: &aws_sdk_lambda::Client, function: &str, planned: &[u64]) -> Pruning {
    let mut pruning = Pruning::default();
    for number in planned {
        let request = lambda.delete_function().function_name(function).qualifier(number.to_string());
        let Err(error) = request.send().await else {
            pruning.pruned.push(*number);
            continue;
        };
        match error.code() {
            // Somebody else was faster.
            Some(UNKNOWN) => pruning.pruned.push(*number),
            // Another alias, or a mapping that was made by hand.
            Some(IN_USE) => {
                let said = plain(error.message().unwrap_or("no words"));
                pruning.notes.push(format!("version {number} stays, since it is in use: {said}"));
            }
            _ => {
                let error = Error::aws("lambda:DeleteFunction", &format!("the function {function}:{number}"), &error);
                pruning.notes.push(error.to_string());
                pruning.stopped = true;
                break;
            }
        }
    }
    pruning
}

fn words(plan: bool, planned: &[u64], pruned: &[u64]) -> String {
    let (numbers, done) = if plan { (planned, "would be deleted") } else { (pruned, "deleted") };
    let named: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    match &named[..] {
        [] => "none to delete".to_owned(),
        named => format!("{} {done}: {}", count(named.len(), "version"), named.join(", ")),
    }
}

/// The newest first.
fn listed(versions: &Versions, alias: Option<&Alias>) -> String {
    let before = alias.and_then(|alias| before(&versions.keys().copied().collect(), alias.live));
    let row = |(number, version): (&u64, &Version)| {
        #[expect(clippy::cast_precision_loss, reason = "a package is far smaller than 2^52 bytes")]
        let size = format!("{:.1} MiB", version.bytes as f64 / BYTES_PER_MIB);
        [number.to_string(), version.published.clone(), size, used(*number, alias, before)]
    };
    let heading = [["VERSION", "PUBLISHED", "SIZE", "USE"].map(str::to_owned)];
    table(&heading.into_iter().chain(versions.iter().rev().map(row)).collect::<Vec<_>>())
}

fn used(number: u64, alias: Option<&Alias>, before: Option<u64>) -> String {
    let Some(alias) = alias else { return String::new() };
    let share = alias.weights.get(&number).map(|weight| format!("gets {:.0} % of the invocations", weight * 100.0));
    let live = (number == alias.live).then(|| LIVE.to_owned());
    let before = (before == Some(number)).then(|| "the one before".to_owned());
    [live, share, before].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn as_json(versions: &Versions, alias: Option<&Alias>) -> Vec<Value> {
    let before = alias.and_then(|alias| before(&versions.keys().copied().collect(), alias.live));
    let version = |(number, version): (&u64, &Version)| {
        json!({
            "version": number,
            "published": version.published,
            "bytes": version.bytes,
            "live": alias.is_some_and(|alias| alias.live == *number),
            "weight": alias.and_then(|alias| alias.weights.get(number)),
            "before": before == Some(*number),
        })
    };
    versions.iter().rev().map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(published: &str) -> Version {
        Version { published: published.to_owned(), bytes: 3_040_870 }
    }

    #[test]
    fn the_newest_is_told_first_and_each_with_its_use() {
        let versions: Versions = (40..=42).map(|number| (number, version("2026-03-01T12:00:00Z"))).collect();
        let alias = Alias { live: 41, weights: BTreeMap::from([(42, 0.1)]) };
        let expected = "VERSION  PUBLISHED             SIZE     USE\n\
                        \x20    42  2026-03-01T12:00:00Z  2.9 MiB  gets 10 % of the invocations\n\
                        \x20    41  2026-03-01T12:00:00Z  2.9 MiB  live\n\
                        \x20    40  2026-03-01T12:00:00Z  2.9 MiB  the one before\n";
        assert_eq!(listed(&versions, Some(&alias)), expected);
    }

    #[test]
    fn the_unpublished_version_is_none_and_lambdas_times_are_read() {
        let of = |number: &str| {
            let at = "2026-03-01T12:00:00.000+0000";
            number_of(&FunctionConfiguration::builder().version(number).last_modified(at).build())
        };
        assert!(of("$LATEST").is_none());
        let (number, version) = of("42").unwrap();
        assert_eq!((number, version.published.as_str()), (42, "2026-03-01T12:00:00.000Z"));
    }
}
