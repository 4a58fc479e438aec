//! Events that one core turns into checked contacts, by the benchmark of the transformation itself.

use std::process::Stdio;

use tokio::process::Command;

use super::{Row, Target, median};
use crate::host::HostError;
use crate::workspace_root;

/// The line of the benchmark that holds the whole way of an event.
const LINE: &str = "all of it";
/// Runs of it, seconds apart: a core that is shared with a neighbour is at times half as fast as at others.
const RUNS: usize = 15;

/// The median of the runs.
pub(super) async fn measure() -> Result<Vec<Row>, HostError> {
    let mut micros = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        micros.push(micros_per_event().await?);
    }
    Ok(vec![Row::alone("parse, map and check, one core", "events/s", 1e6 / median(micros), Target::AtLeast(100_000.0))])
}

async fn micros_per_event() -> Result<f64, HostError> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace_root()).stdin(Stdio::null()).kill_on_drop(true);
    command.args(["bench", "--locked", "--quiet", "--package", "contact-injection", "--bench", "transformation"]);
    let output = command.output().await.map_err(HostError::system("start cargo"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let micros = printed.lines().find_map(|line| {
        let rest = line.strip_prefix(LINE)?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    micros.filter(|_| output.status.success()).ok_or_else(|| HostError::Tool {
        command: "cargo bench --bench transformation".to_owned(),
        status: output.status,
        output: printed + &String::from_utf8_lossy(&output.stderr),
    })
}
