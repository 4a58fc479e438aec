//! `bench [--full] [--write FILE] [--summary FILE] [PART…]`: measures, and prints a table.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use contact_injection::error::chain;
use contact_injection_tests::bench::{self, Extent, Part, Report};

const USAGE: &str = "usage: bench [--full] [--write FILE] [--summary FILE] \
                     [single] [requests] [size] [throughput] [utilisation] [drain] [lanes] [growth]";

struct Arguments {
    extent: Extent,
    write: Option<PathBuf>,
    summary: Option<PathBuf>,
    parts: Vec<Part>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = parse(std::env::args().skip(1)) else {
        complain(USAGE);
        return ExitCode::from(2);
    };
    let measured = tokio::select! {
        measured = bench::run(arguments.extent, &arguments.parts) => measured,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match measured.and_then(|report| show(&report, &arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn show(report: &Report, arguments: &Arguments) -> Result<(), contact_injection_tests::local::LocalError> {
    // Nobody is left to read it if standard output is gone.
    let _ = io::stdout().write_all(report.text().as_bytes());
    arguments.write.as_ref().map_or(Ok(()), |path| report.write_into(path))?;
    arguments.summary.as_ref().map_or(Ok(()), |path| report.with_targets().write_into(path))
}

fn parse(mut given: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments { extent: Extent::SHORT, write: None, summary: None, parts: Vec::new() };
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--full" => arguments.extent = Extent::FULL,
            "--write" => arguments.write = Some(given.next()?.into()),
            "--summary" => arguments.summary = Some(given.next()?.into()),
            name => arguments.parts.push(Part::named(name)?),
        }
    }
    if arguments.parts.is_empty() {
        arguments.parts = Part::ALL.to_vec();
    }
    Some(arguments)
}

fn complain(line: &str) {
    // Nothing is left to report to if standard error is gone.
    let _ = writeln!(io::stderr(), "{line}");
}
