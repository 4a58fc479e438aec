//! `completions`: what a shell needs to complete commands and flags.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};
use serde_json::json;

use crate::answer::Answer;

/// Prints what a shell needs to complete commands and flags: `source <(contact-injection completions bash)`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which shell.
    shell: Shell,
}

/// The script.
pub(super) fn run(arguments: &Arguments) -> Answer {
    let mut script = Vec::new();
    generate(arguments.shell, &mut crate::cli::Arguments::command(), "contact-injection", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let json = json!({ "script": script });
    Answer::done(script, json)
}
