//! Where a warm contact's instructions go, by callgrind: of what the crates do, and not of when.
//!
//! The inject function is built as it is deployed, but with its symbols; what is counted stands between two batches of
//! the same environment, so that neither the start nor what is only done once is in it. Valgrind is asked for; without
//! it there is nothing to tell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::single::injected;
use super::subject::{Subjects, unlimited};
use super::{Row, Target, number};
use crate::host::{Environment, FunctionConfig, built};
use crate::local::{LocalError, tool};

/// Batches before those that are counted: connections, token and patterns are there then.
const WARM_UP: usize = 3;
/// Batches that are counted.
const COUNTED: usize = 10;
/// Messages in a batch.
const BATCH: usize = 10;

/// What does the work, and the crates that do it, by the names that symbols and paths begin with. The first that is
/// found counts.
const GROUPS: [(&str, &[&str]); 7] = [
    ("its own code", &["contact_injection", "inject_contacts"]),
    ("signing", &["aws_sigv4", "sha2", "hmac", "ring", "ring_core"]),
    ("logging", &["tracing", "tracing_subscriber", "tracing_serde", "tracing_core"]),
    ("JSON and time", &["serde_json", "serde_core", "serde", "itoa", "ryu", "zmij", "jiff"]),
    (
        "HTTP",
        &["hyper", "hyper_util", "http", "http_body", "httparse", "h1", "reqwest", "url", "tokio", "mio", "bytes"],
    ),
    (
        "the SDK",
        &["aws_smithy", "aws_sdk", "aws_runtime", "aws_types", "aws_config", "aws_credential", "lambda_runtime"],
    ),
    (
        "allocating and copying",
        &["malloc", "free", "realloc", "calloc", "memmove", "memcpy", "memset", "memcmp", "alloc::"],
    ),
];
const OTHERS: &str = "the rest";

pub(super) async fn measure(subjects: &Subjects) -> Result<Vec<Row>, LocalError> {
    let folder = TempDir::new().map_err(LocalError::system("make a temporary folder"))?;
    let deployment = subjects.deploy(unlimited()).await?;
    let ours = deployment.inject(&subjects.inject, false)?;
    let counted = FunctionConfig {
        command: PathBuf::from("valgrind"),
        arguments: vec![
            "--quiet".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", folder.path().join("counts").display()),
            format!("--vgdb-prefix={}", folder.path().join("vgdb").display()),
            built("inject-contacts", "profiling").await?.display().to_string(),
        ],
        ..ours
    };
    let environment = Environment::start(&counted).await?;
    for _ in 0..WARM_UP {
        injected(&environment).await?;
    }
    dump(folder.path()).await?;
    for _ in 0..COUNTED {
        injected(&environment).await?;
    }
    dump(folder.path()).await?;
    let mut annotate = Command::new("callgrind_annotate");
    annotate.args(["--threshold=100", "--auto=no"]).arg(folder.path().join("counts.2"));
    let groups = grouped(&tool::run(annotate).await?);
    let per_contact = |instructions: u64| number(instructions) / 1000.0 / number(COUNTED * BATCH);
    let total = groups.values().sum();
    let row = |figure: String, instructions| Row::alone(figure, "thousands", per_contact(instructions), Target::None);
    let mut rows = vec![row("instructions per contact, warm".to_owned(), total)];
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, instructions)| std::cmp::Reverse(*instructions));
    rows.extend(groups.into_iter().map(|(group, instructions)| row(format!("of these, {group}"), instructions)));
    Ok(rows)
}

/// Writes down what was counted so far, and begins anew.
async fn dump(folder: &Path) -> Result<(), LocalError> {
    let mut control = Command::new("callgrind_control");
    control.arg(format!("--vgdb-prefix={}", folder.join("vgdb").display())).arg("--dump");
    tool::run(control).await.map(drop)
}

/// The instructions of each group, of callgrind's list of functions: `1,234 ( 5.6%)  file:function [object]`. The
/// functions that were running all along, such as `main`, are listed with all that was done in them.
fn grouped(listed: &str) -> BTreeMap<&'static str, u64> {
    let mut groups = BTreeMap::new();
    let mut total = None;
    for line in listed.lines() {
        let Some((count, rest)) = line.trim_start().split_once(" (") else { continue };
        let Ok(count) = count.replace(',', "").parse::<u64>() else { continue };
        let Some((_, function)) = rest.split_once("%)  ") else { continue };
        if function == "PROGRAM TOTALS" {
            total = Some(count);
        } else if total != Some(count) {
            *groups.entry(group(function)).or_default() += count;
        }
    }
    groups
}

/// The group of the crate that is named first: in the symbol, or else in the path of its source.
fn group(function: &str) -> &'static str {
    let (path, symbol) = function.split_once(".rs:").unwrap_or(("", function));
    let first = |text: &str| {
        let places = GROUPS.into_iter().flat_map(|(group, crates)| crates.iter().map(move |name| (group, name)));
        places.filter_map(|(group, name)| Some((place(text, name)?, group))).min().map(|(_, group)| group)
    };
    first(symbol).or_else(|| first(path)).unwrap_or(OTHERS)
}

/// Where a word of a text begins with this name, `-` being `_` there.
fn place(text: &str, name: &str) -> Option<usize> {
    let text = text.replace('-', "_");
    let begins = |at: &usize| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(name).map(|(at, _)| at).find(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_for_the_crate_that_is_named_first() {
        let listed = "\
1,085 (100.0%)  PROGRAM TOTALS

1,085 (100.0%)  ???:main [/bootstrap]
 1,040 ( 7.3%)  /registry/serde_json-1.0.154/src/read.rs:serde_json::read::SliceRead::skip_to_escape [/bootstrap]
    30 ( 0.1%)  library/core/src/ptr/mod.rs:core::ptr::drop_in_place<contact_injection::domain::Route> [/bootstrap]
     7 ( 0.1%)  ./malloc/./malloc/malloc.c:_int_malloc [/usr/lib/x86_64-linux-gnu/libc.so.6]
     5 ( 0.1%)  /registry/aws-smithy-http-0.64.3/src/label.rs:core::ops::function::FnOnce::call_once [/bootstrap]
     3 ( 0.1%)  ???:0x000000000001ab70 [/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2]
";
        let groups = grouped(listed);
        let expected = [
            ("JSON and time", 1_040),
            ("allocating and copying", 7),
            ("its own code", 30),
            ("the SDK", 5),
            (OTHERS, 3),
        ];
        assert_eq!(groups, expected.into_iter().collect());
    }
}
