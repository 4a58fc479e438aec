//! The functions as the processes that Lambda would start.

use std::path::Path;
use std::time::Duration;

use contact_injection_tests::host::{Environment, FunctionConfig, Outcome};
use contact_injection_tests::local::LocalError;
use serde_json::Value;

use super::{Simulated, Stage, emulator};

/// Which function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    Inject,
    Sync,
}

/// A running function. It is killed when this is dropped.
pub(crate) struct Process(Environment);

impl<S: Simulated> Stage<S> {
    /// Starts a function, with these variables in place of the stage's own; an empty one is left out.
    pub(crate) async fn process(&self, function: Function, changed: &[(&str, &str)]) -> Process {
        Process(self.start(function, changed).await.unwrap())
    }

    /// What a function printed that ended with a failure instead of starting.
    pub(crate) async fn failed_start(&self, function: Function, changed: &[(&str, &str)]) -> String {
        match self.start(function, changed).await {
            Err(LocalError::InitFailed { status, log, .. }) => {
                assert!(!status.success());
                log
            }
            other => panic!("{other:?}"),
        }
    }

    async fn start(&self, function: Function, changed: &[(&str, &str)]) -> Result<Environment, LocalError> {
        let binary = match function {
            Function::Inject => env!("CARGO_BIN_EXE_inject-contacts-process"),
            Function::Sync => env!("CARGO_BIN_EXE_sync-registry-process"),
        };
        let mut variables = self.variables(emulator().endpoint());
        variables.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        variables.retain(|_, value| !value.is_empty());
        let config = FunctionConfig::new("function", Path::new(binary), self.folder.path(), variables)?;
        Environment::start(&config).await
    }
}

impl Process {
    /// One invocation with a minute's time: the function's result, or its error.
    pub(crate) async fn invoke(&self, payload: Value) -> Result<Value, Value> {
        self.invoke_within(Duration::from_secs(60), payload).await
    }

    /// One invocation with so much time.
    pub(crate) async fn invoke_within(&self, timeout: Duration, payload: Value) -> Result<Value, Value> {
        match self.0.invoke_within(timeout, &payload).await.unwrap().outcome {
            Outcome::Answered(answer) => Ok(answer),
            Outcome::Failed(error) => Err(error),
            other => panic!("{other:?}: {}", self.output()),
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(&self) {
        self.0.kill().await;
    }

    /// All that it has printed.
    pub(crate) fn output(&self) -> String {
        self.0.output()
    }
}
