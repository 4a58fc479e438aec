//! What can go wrong with the local stack and its host; what goes wrong in a function is an
//! [`Outcome`](crate::host::Outcome).

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use contact_injection::domain::routes::RoutesError;

use crate::pipe::PipeError;
use crate::template::TemplateError;

/// Why the stack or the host can't do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file, a socket or a process of this machine.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The tools are not installed.
    #[error("{} is missing: `make demo` and `make test` install the tools first", .0.display())]
    NoTools(PathBuf),
    /// The emulator ended or said nothing.
    #[error("the AWS emulator did not start: {0}")]
    Emulator(String),
    /// A tool ended with a failure.
    #[error("`{command}` ended with {status}:\n{output}")]
    Tool {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The template lacks what is to be created from it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The routes of the demo are none.
    #[error(transparent)]
    Routes(#[from] RoutesError),
    /// The template's pipe makes no event of a record that its filter lets through.
    #[error("the pipe can't tell a record of the ledger's stream")]
    Pipe(#[from] PipeError),
    /// A file that describes the demo can't be read as such.
    #[error("cannot read {what}")]
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// What the demo recorded is not fit to be shown.
    #[error("the report was not written, since it would show {0}")]
    Leak(&'static str),
    /// Outcome events can't be told.
    #[error("the ledger has no stream")]
    NoStream,
    /// The stack has no such output.
    #[error("the stack has no output {0}")]
    NoOutput(&'static str),
    /// The emulator refused a call.
    #[error("{call} failed")]
    Aws {
        /// Which call.
        call: &'static str,
        /// What the SDK said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Messages were still on their way when the time was up.
    #[error("after {seconds} s there are still {messages} messages in the contact queue")]
    NotDrained {
        /// How long it was waited.
        seconds: u64,
        /// How many were left.
        messages: u32,
    },
    /// An environment ended before it asked for its first event.
    #[error("{function} ended with {status} before it was ready:\n{log}")]
    InitFailed {
        /// Which function.
        function: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        log: String,
    },
    /// An environment said itself that it can't start.
    #[error("{function} can't start: {report}")]
    InitError {
        /// Which function.
        function: String,
        /// What it reported.
        report: String,
    },
    /// An environment never asked for its first event.
    #[error("{function} was not ready after {} s:\n{log}", .within.as_secs())]
    InitTimeout {
        /// Which function.
        function: String,
        /// How long it was waited.
        within: Duration,
        /// What it printed.
        log: String,
    },
    /// The environment has ended.
    #[error("the environment of {0} has ended")]
    Gone(String),
    /// The build made no such binary.
    #[error("the build made no {0}")]
    NoBinary(String),
    /// A function that had to succeed did not.
    #[error("{function} answered {outcome}")]
    Failed {
        /// Which function.
        function: String,
        /// What it answered.
        outcome: String,
    },
}

impl LocalError {
    pub(crate) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing: doing.into(), source }
    }

    pub(crate) fn aws<E>(call: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Error + Send + Sync + 'static,
    {
        move |source| Self::Aws { call, source: Box::new(source) }
    }
}
