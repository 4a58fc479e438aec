//! A function and its execution environments.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::{Environment, Invocation};
use crate::local::{LocalError, REGION};
use crate::template::{Template, TemplateError};

/// What an environment is started with.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// The function's name.
    pub name: String,
    /// The program.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it is told to handle events with; nothing to a binary.
    pub handler: String,
    /// Its own variables.
    pub variables: BTreeMap<String, String>,
    /// The unpacked package.
    pub task_root: PathBuf,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The memory that it is told to have; no limit is enforced.
    pub memory_mib: u32,
}

impl FunctionConfig {
    /// A binary with the template's time and memory.
    pub fn new(
        name: &str,
        binary: &Path,
        task_root: &Path,
        variables: BTreeMap<String, String>,
    ) -> Result<Self, LocalError> {
        let template = Template::read()?;
        let number = |pointer: &str| -> Result<u64, TemplateError> {
            template.at(pointer)?.as_u64().ok_or_else(|| TemplateError::Missing(pointer.to_owned()))
        };
        Ok(Self {
            name: name.to_owned(),
            command: binary.to_path_buf(),
            arguments: Vec::new(),
            handler: "bootstrap".to_owned(),
            variables,
            task_root: task_root.to_path_buf(),
            timeout: Duration::from_secs(number("/Globals/Function/Timeout")?),
            memory_mib: u32::try_from(number("/Globals/Function/MemorySize")?).unwrap_or(u32::MAX),
        })
    }

    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:000000000000:function:{}", self.name)
    }
}

/// A function. Dropping it kills its environments.
#[derive(Debug)]
pub struct Function {
    config: FunctionConfig,
    environments: Mutex<Environments>,
}

#[derive(Debug, Default)]
struct Environments {
    idle: Vec<Arc<Environment>>,
    busy: Vec<Arc<Environment>>,
    ended: Vec<Arc<Environment>>,
}

impl Function {
    /// A function without any environment.
    pub fn new(config: FunctionConfig) -> Self {
        Self { config, environments: Mutex::default() }
    }

    /// Hands an event to the environment that was idle last, or to a fresh one where none is idle.
    pub async fn invoke(&self, payload: &Value) -> Result<Invocation, LocalError> {
        let idle = {
            let mut environments = self.locked();
            let idle = environments.idle.pop();
            environments.busy.extend(idle.clone());
            idle
        };
        let environment = match idle {
            Some(environment) => environment,
            None => self.start().await?,
        };
        let invocation = environment.invoke(payload).await;
        self.locked().give_back(&environment);
        invocation
    }

    /// Every environment there ever was, the living first.
    pub fn environments(&self) -> Vec<Arc<Environment>> {
        let environments = self.locked();
        [&environments.idle, &environments.busy, &environments.ended].into_iter().flatten().cloned().collect()
    }

    /// Kills an environment that is working on an event, with SIGKILL; false where none is.
    pub async fn kill_a_busy_one(&self) -> bool {
        let busy = self.locked().busy.first().cloned();
        let Some(environment) = busy else { return false };
        environment.kill().await;
        true
    }

    async fn start(&self) -> Result<Arc<Environment>, LocalError> {
        let environment = Arc::new(Environment::start(&self.config).await?);
        self.locked().busy.push(Arc::clone(&environment));
        Ok(environment)
    }

    fn locked(&self) -> MutexGuard<'_, Environments> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Environments {
    fn give_back(&mut self, environment: &Arc<Environment>) {
        self.busy.retain(|busy| !Arc::ptr_eq(busy, environment));
        let to = if environment.has_ended() { &mut self.ended } else { &mut self.idle };
        to.push(Arc::clone(environment));
    }
}
