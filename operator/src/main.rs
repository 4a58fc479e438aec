//! `contact-injection`: what an operator does with a deployed stack.
//!
//! `cli` reads the command line; `stack` finds what a command works on, by the account that the AWS CLI would use; each
//! command is one module of `commands` and gives an [`Answer`](answer::Answer), which is printed here. `letters` is
//! what the commands on dead letters share.

mod account;
mod answer;
mod cli;
mod commands;
mod error;
mod function;
mod interrupt;
mod letters;
mod progress;
mod stack;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::answer::Answer;
use crate::cli::Arguments;
use crate::error::Error;

fn main() -> ExitCode {
    let Arguments { target, json, command } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(Error::Runtime).and_then(|runtime| runtime.block_on(command.run(&target)));
    match answer {
        Ok(answer) => print(&answer, json),
        Err(error) => {
            // Nothing is left to report to if standard error is gone.
            let _ = writeln!(io::stderr(), "contact-injection: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn print(answer: &Answer, json: bool) -> ExitCode {
    let text = if json { format!("{:#}", answer.json) } else { answer.text.clone() };
    // Nobody is left to read it if standard output is gone.
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    for note in &answer.notes {
        let _ = writeln!(io::stderr(), "contact-injection: {note}");
    }
    ExitCode::from(answer.end.exit_code())
}
