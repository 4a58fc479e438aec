//! `cxone-simulator [--face guide|cxone] [--port N] [--config FILE] [--ready-file FILE]`: serves one tenant until
//! SIGTERM or SIGINT, with the face of the routing guide or that of NICE's published API. Each has a configuration of
//! its own.
//!
//! The first line on standard output is `listening on URL`; `--ready-file` gets the bare URL once requests are served.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cxone_simulator::{Simulator, SimulatorConfig, nice};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: cxone-simulator [--face guide|cxone] [--port N] [--config FILE] [--ready-file FILE]";

#[derive(Debug, Default, Clone, Copy)]
enum Face {
    #[default]
    Guide,
    Cxone,
}

/// A simulator that serves for as long as this lives.
enum Running {
    Guide(Simulator),
    Cxone(nice::Simulator),
}

impl Running {
    fn url(&self) -> String {
        match self {
            Self::Guide(simulator) => simulator.url(),
            Self::Cxone(simulator) => simulator.url(),
        }
    }
}

#[derive(Debug, Default)]
struct Arguments {
    face: Face,
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
    // Before anything says that it is ready, so that a signal from then on ends it in order.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let running = start(&arguments).await?;
    announce(&running.url(), arguments.ready_file)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn start(arguments: &Arguments) -> io::Result<Running> {
    match arguments.face {
        Face::Guide => {
            let mut config: SimulatorConfig = configuration(arguments)?;
            config.port = arguments.port.unwrap_or(config.port);
            Simulator::start(config).await.map(Running::Guide)
        }
        Face::Cxone => {
            let mut config: nice::Config = configuration(arguments)?;
            config.port = arguments.port.unwrap_or(config.port);
            nice::Simulator::start(config).await.map(Running::Cxone)
        }
    }
}

fn configuration<T: Default + DeserializeOwned>(arguments: &Arguments) -> io::Result<T> {
    match &arguments.config {
        Some(path) => Ok(serde_json::from_slice(&std::fs::read(path)?)?),
        None => Ok(T::default()),
    }
}

/// Writes the ready file first, so that whoever reads the line finds the file; the rename keeps it from being seen half
/// written.
fn announce(url: &str, ready_file: Option<PathBuf>) -> io::Result<()> {
    if let Some(path) = ready_file {
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        std::fs::write(&partial, url)?;
        std::fs::rename(partial, path)?;
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {url}")?;
    stdout.flush()
}

fn parse(arguments: impl Iterator<Item = OsString>) -> io::Result<Arguments> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, USAGE);
    let mut parsed = Arguments::default();
    let mut arguments = arguments;
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(wrong)?;
        match option.to_str() {
            Some("--face") => {
                parsed.face = match value.to_str() {
                    Some("guide") => Face::Guide,
                    Some("cxone") => Face::Cxone,
                    _ => return Err(wrong()),
                };
            }
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
