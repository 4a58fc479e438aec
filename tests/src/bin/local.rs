//! `local demo [guide|cxone]` runs the demo of that profile; `local up` leaves the same stack running until Ctrl-C.

use std::io::{self, Write as _};
use std::process::ExitCode;

use contact_injection::error::chain;
use contact_injection_tests::local::LocalError;
use contact_injection_tests::local::demo::{self, Demo};
use contact_injection_tests::local::tenant_demo;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: local demo [guide|cxone] | up";

#[tokio::main]
async fn main() -> ExitCode {
    // Whatever is dropped by the interruption ends the processes that it stands for.
    tokio::select! {
        code = run() => code,
        () = interrupted() => ExitCode::from(130),
    }
}

async fn run() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["demo"] | ["demo", "guide"] => demo::run().await,
        ["demo", "cxone"] => tenant_demo::run().await,
        ["up"] => up().await,
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
