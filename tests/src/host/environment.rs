//! One execution environment: a process, its Runtime API, and one event at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex as AsyncMutex;

use super::process::Process;
use super::runtime_api::{InvocationResult, Phase, RuntimeApi, instant, since_epoch};
use super::{FunctionConfig, Usage};
use crate::local::LocalError;

/// Lambda gives an environment so long to ask for its first event.
const INIT_WITHIN: Duration = Duration::from_secs(10);

/// What became of one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function's answer.
    Answered(Value),
    /// The function reported an error.
    Failed(Value),
    /// It was killed at its deadline.
    TimedOut,
    /// It ended in the middle, or was killed on demand.
    Died,
}

/// One event, handled.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its request id.
    pub request_id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// From handing the event out to its answer.
    pub duration: Duration,
    /// The environment's time on a processor for it.
    pub cpu: Duration,
    /// Whether it was the environment's first.
    pub first: bool,
}

impl Invocation {
    /// The answer, where there is one.
    pub fn answer(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}

/// A started environment. Dropping it kills its process.
#[derive(Debug)]
pub struct Environment {
    function: String,
    timeout: Duration,
    init: Duration,
    process: Process,
    api: RuntimeApi,
    /// Held for the length of an invocation; whether there was one before.
    used: AsyncMutex<bool>,
    usage: Mutex<Usage>,
}

impl Environment {
    /// Starts a process and waits until it asks for its first event.
    pub async fn start(function: &FunctionConfig) -> Result<Self, LocalError> {
        let api = RuntimeApi::serve(function.arn()).await?;
        let mut phase = api.phase();
        let command = command(function, &api);
        let spawned = instant();
        let process = Process::start(command)?;
        let name = || function.name.clone();
        let ready = tokio::select! {
            phase = phase.wait_for(|phase| !matches!(phase, Phase::Starting)) => phase.ok().map(|phase| phase.clone()),
            Some(status) = process.end() => {
                return Err(match api.phase().borrow().clone() {
                    Phase::Failed(report) => LocalError::InitError { function: name(), report },
                    _ => LocalError::InitFailed { function: name(), status, log: process.output() },
                });
            }
            () = tokio::time::sleep(INIT_WITHIN) => None,
        };
        match ready {
            Some(Phase::Ready(at)) => Ok(Self {
                function: function.name.clone(),
                timeout: function.timeout,
                init: at.duration_since(spawned),
                usage: Mutex::new(process.usage().unwrap_or_default()),
                process,
                api,
                used: AsyncMutex::new(false),
            }),
            Some(Phase::Failed(report)) => Err(LocalError::InitError { function: name(), report }),
            _ => Err(LocalError::InitTimeout { function: name(), within: INIT_WITHIN, log: process.output() }),
        }
    }

    /// From its spawn to its first request for an event.
    pub fn init(&self) -> Duration {
        self.init
    }

    /// What it has cost so far, or had cost after its last event where it is gone.
    pub fn usage(&self) -> Usage {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = self.process.usage() {
            *usage = now;
        }
        *usage
    }

    /// All that it has printed: its log, its metrics, and whatever went to standard error.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Whether its process has ended.
    pub fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    /// SIGKILL, in the middle of whatever it does; it is gone when this returns.
    pub async fn kill(&self) {
        self.process.kill();
        self.process.end().await;
    }

    /// Hands it an event and waits for the answer, the deadline or the end of the process; one event at a time.
    ///
    /// # Errors
    /// [`LocalError::Gone`] where the process had ended before.
    pub async fn invoke(&self, payload: &Value) -> Result<Invocation, LocalError> {
        self.invoke_within(self.timeout, payload).await
    }

    /// The same with another time than its function's.
    ///
    /// # Errors
    /// [`LocalError::Gone`] where the process had ended before.
    pub async fn invoke_within(&self, timeout: Duration, payload: &Value) -> Result<Invocation, LocalError> {
        let mut used = self.used.lock().await;
        if self.has_ended() {
            return Err(LocalError::Gone(self.function.clone()));
        }
        let before = self.usage();
        let started = instant();
        let deadline = since_epoch() + timeout;
        let (request_id, answer) = self.api.hand_out(Bytes::from(payload.to_string()), deadline);
        let outcome = tokio::select! {
            answer = answer => answer.map_or(Outcome::Died, read),
            _ = self.process.end() => Outcome::Died,
            () = tokio::time::sleep(timeout) => {
                self.kill().await;
                Outcome::TimedOut
            }
        };
        let duration = elapsed(started);
        let cpu = self.usage().cpu.saturating_sub(before.cpu);
        let first = !std::mem::replace(&mut *used, true);
        Ok(Invocation { request_id, outcome, duration, cpu, first })
    }
}

fn elapsed(since: Instant) -> Duration {
    instant().duration_since(since)
}

fn read(answer: InvocationResult) -> Outcome {
    let value = |body: &[u8]| {
        serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
    };
    match answer {
        InvocationResult::Response(body) => Outcome::Answered(value(&body)),
        InvocationResult::Error(body) => Outcome::Failed(value(&body)),
    }
}

/// The variables that Lambda sets, and the function's own. Nothing of this shell's gets through but the path.
fn command(function: &FunctionConfig, api: &RuntimeApi) -> Command {
    let mut command = Command::new(&function.command);
    command
        .args(&function.arguments)
        .current_dir(&function.task_root)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("LAMBDA_TASK_ROOT", &function.task_root)
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        // A published one, as the alias has: its outcomes are told by it.
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .env("_HANDLER", &function.handler)
        .envs(&function.variables);
    command
}
