//! `operator dead-letters STACK` lists the dead letters of a stack; `operator redrive STACK` sends them back;
//! `operator resolve STACK KEY injected|retry` decides about an event whose outcome is unknown.

use std::io::{self, Write as _};
use std::process::ExitCode;

use contact_injection::error::chain;
use contact_injection_tests::operator::{self, Operator};
use contact_injection_tests::{local::LocalError, workspace_root};

const USAGE: &str = "usage: operator dead-letters | redrive STACK, operator resolve STACK KEY injected|retry";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [command, stack, rest @ ..] = arguments.as_slice() else {
        return refuse(USAGE);
    };
    match run(command, stack, rest).await {
        Ok(Some(text)) => {
            // Nobody is left to read it if standard output is gone.
            let _ = writeln!(io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Ok(None) => refuse(USAGE),
        Err(error) => refuse(&chain(&error)),
    }
}

/// What there is to say, or nothing for an unknown command.
async fn run(command: &str, stack: &str, rest: &[String]) -> Result<Option<String>, LocalError> {
    let operator = Operator::of_stack(&workspace_root().join(".venv/bin/sam"), stack).await?;
    match (command, rest) {
        ("dead-letters", []) => Ok(Some(operator::summary(&operator.dead_letters().await?))),
        ("redrive", []) => operator.redrive().await.map(Some),
        ("resolve", [key, resolution]) => operator.resolve(key, resolution).await.map(Some),
        _ => Ok(None),
    }
}

fn refuse(why: &str) -> ExitCode {
    // Nothing is left to report to if standard error is gone.
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::FAILURE
}
