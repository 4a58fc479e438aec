//! Events that one core turns into checked contacts, by the benchmark of the transformation itself.

use tokio::process::Command;

use super::{Row, Target, median};
use crate::local::{LocalError, tool};
use crate::workspace_root;

/// The line of the benchmark that holds the whole way of an event.
const LINE: &str = "all of it";
/// Runs of it, seconds apart: a core that is shared with a neighbour is at times half as fast as at others.
const RUNS: usize = 15;

/// The median of the runs.
pub(super) async fn measure() -> Result<Vec<Row>, LocalError> {
    let mut micros = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        micros.push(micros_per_event().await?);
    }
    Ok(vec![Row::alone("parse, map and check, one core", "events/s", 1e6 / median(micros), Target::AtLeast(100_000.0))])
}

async fn micros_per_event() -> Result<f64, LocalError> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace_root());
    command.args(["bench", "--locked", "--quiet", "--package", "contact-injection", "--bench", "transformation"]);
    let printed = tool::run(command).await?;
    let micros = printed.lines().find_map(|line| {
        let rest = line.strip_prefix(LINE)?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    micros.ok_or_else(|| LocalError::Failed { function: "the benchmark".to_owned(), outcome: printed })
}
