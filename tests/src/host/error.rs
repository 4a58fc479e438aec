//! What can go wrong with the host itself; what goes wrong in a function is an [`Outcome`](super::Outcome).

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;

use crate::local::LocalError;

/// Why the host can't do what it was asked to.
#[derive(Debug, Error)]
pub enum HostError {
    /// A file, a socket or a process of this machine.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// An environment ended before it asked for its first event.
    #[error("{function} ended with {status} before it was ready:\n{log}")]
    InitFailed {
        /// Which function.
        function: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
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
        /// Its last lines.
        log: String,
    },
    /// The environment has ended.
    #[error("the environment of {0} has ended")]
    Gone(String),
    /// A build or another tool failed.
    #[error("`{command}` ended with {status}:\n{output}")]
    Tool {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The build made no such binary.
    #[error("the build made no {0}")]
    NoBinary(String),
    /// The emulator refused a call.
    #[error("{call} failed")]
    Aws {
        /// Which call.
        call: &'static str,
        /// What the SDK said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer or a file is not the JSON that it should be.
    #[error("cannot read {what}")]
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// An invocation of the preparation failed.
    #[error("{function} answered {outcome}")]
    Failed {
        /// Which function.
        function: String,
        /// What it answered.
        outcome: String,
    },
    /// The emulator or one of its tables.
    #[error(transparent)]
    Local(#[from] LocalError),
}

impl HostError {
    pub(crate) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing: doing.into(), source }
    }

    pub(crate) fn aws<E>(call: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Aws { call, source: Box::new(source) }
    }
}
