//! A command-line tool that runs to its end, or ends with whoever waits for it.

use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::LocalError;

/// Runs a tool and gives what it printed on standard output. It and all that it starts end if this is dropped first.
pub(crate) async fn run(mut command: Command) -> Result<String, LocalError> {
    let line = command_line(&command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(LocalError::system(format!("start `{line}`")))?;
    let group = Group(child.id());
    let Output { status, stdout, stderr } =
        child.wait_with_output().await.map_err(LocalError::system(format!("wait for `{line}`")))?;
    drop(group);
    let printed = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() {
        return Ok(printed);
    }
    Err(LocalError::Tool { command: line, status, output: printed + &String::from_utf8_lossy(&stderr) })
}

/// The processes of one tool, by their group.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // A tool that came to its end has left no group.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    }
}

fn command_line(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
