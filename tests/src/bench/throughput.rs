//! Events that one core turns into checked contacts, by the benchmark of the transformation itself.

use std::process::Stdio;

use tokio::process::Command;

use super::{Row, Target};
use crate::host::HostError;
use crate::workspace_root;

/// The line of the benchmark that holds the whole way of an event.
const LINE: &str = "all of it";

pub(super) async fn measure() -> Result<Vec<Row>, HostError> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace_root()).stdin(Stdio::null()).kill_on_drop(true);
    command.args(["bench", "--locked", "--quiet", "--package", "contact-injection", "--bench", "transformation"]);
    let output = command.output().await.map_err(HostError::system("start cargo"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let micros = printed.lines().find_map(|line| {
        let rest = line.strip_prefix(LINE)?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    let Some(micros) = micros.filter(|_| output.status.success()) else {
        let output_text = printed + &String::from_utf8_lossy(&output.stderr);
        let command = "cargo bench --bench transformation".to_owned();
        return Err(HostError::Tool { command, status: output.status, output: output_text });
    };
    Ok(vec![Row::alone("parse, map and check, one core", "events/s", 1e6 / micros, Target::AtLeast(100_000.0))])
}
