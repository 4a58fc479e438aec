//! `cxone-simulator [--port N] [--config FILE] [--ready-file FILE]`: serves one tenant until SIGTERM or SIGINT.
//!
//! The first line on standard output is `listening on URL`; `--ready-file` gets the bare URL once requests are served.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cxone_simulator::{Simulator, SimulatorConfig};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: cxone-simulator [--port N] [--config FILE] [--ready-file FILE]";

#[derive(Debug, Default)]
struct Arguments {
    port: Option<u16>,
    config: Option<PathBuf>,
    ready_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to report to if standard error is gone.
            let _ = writeln!(io::stderr(), "cxone-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let arguments = parse(std::env::args_os().skip(1))?;
    let mut config = match &arguments.config {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => SimulatorConfig::default(),
    };
    config.port = arguments.port.unwrap_or(config.port);
    // Before anything says that it is ready, so that a signal from then on ends it in order.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let simulator = Simulator::start(config).await?;
    announce(&simulator, arguments.ready_file)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Writes the ready file first, so that whoever reads the line finds the file; the rename keeps it from being seen half
/// written.
fn announce(simulator: &Simulator, ready_file: Option<PathBuf>) -> io::Result<()> {
    if let Some(path) = ready_file {
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        std::fs::write(&partial, simulator.url())?;
        std::fs::rename(partial, path)?;
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {}", simulator.url())?;
    stdout.flush()
}

fn parse(arguments: impl Iterator<Item = OsString>) -> io::Result<Arguments> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, USAGE);
    let mut parsed = Arguments::default();
    let mut arguments = arguments;
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(wrong)?;
        match option.to_str() {
            Some("--port") => {
                parsed.port = Some(value.to_str().and_then(|port| port.parse().ok()).ok_or_else(wrong)?);
            }
            Some("--config") => parsed.config = Some(value.into()),
            Some("--ready-file") => parsed.ready_file = Some(value.into()),
            _ => return Err(wrong()),
        }
    }
    Ok(parsed)
}
