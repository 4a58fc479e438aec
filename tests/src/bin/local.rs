//! `local demo` runs the demo; `local up` leaves the same stack running until Ctrl-C.

use std::io::{self, Write as _};
use std::process::ExitCode;

use contact_injection::error::chain;
use contact_injection_tests::local::LocalError;
use contact_injection_tests::local::demo::{self, Demo};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: local demo | up";

#[tokio::main]
async fn main() -> ExitCode {
    // Whatever is dropped by the interruption ends the processes that it stands for.
    tokio::select! {
        code = run() => code,
        () = interrupted() => ExitCode::from(130),
    }
}

async fn run() -> ExitCode {
    let command = std::env::args().nth(1);
    let result = match command.as_deref() {
        Some("demo") => demo::run().await,
        Some("up") => up().await,
        _ => {
            complain(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn up() -> Result<bool, LocalError> {
    let demo = Demo::start().await?;
    // Nobody is left to read it if standard output is gone.
    let _ = writeln!(io::stdout(), "-- running until Ctrl-C; in another shell:\n{}", demo.environment());
    std::future::pending::<()>().await;
    Ok(true)
}

async fn interrupted() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn complain(line: &str) {
    // Nothing is left to report to if standard error is gone.
    let _ = writeln!(io::stderr(), "{line}");
}
