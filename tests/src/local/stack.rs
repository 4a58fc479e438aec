//! The real template, deployed to the emulator by the tools that deploy it to AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use super::{ACCESS_KEY, LocalError, Ministack, REGION, tool};
use crate::template::Template;
use crate::workspace_root;

/// The stack's name: the one of `samconfig.toml`.
pub(super) const STACK_NAME: &str = "contact-injection";
/// A bus that is in every account. With one, the ledger has its stream, and the stack includes the one of the pipe. The
/// emulator makes the pipe and lets nothing through it.
const OUTCOME_BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const BUILD_DIR: &str = ".local/build";

/// A deployed stack. Dropping it ends the emulator and with it everything deployed.
#[derive(Debug)]
pub struct Stack {
    emulator: Ministack,
    outputs: Outputs,
}

/// What the stack says of itself.
#[derive(Debug, Clone)]
pub struct Outputs(BTreeMap<String, String>);

impl Outputs {
    fn parse(listed: &str) -> Result<Self, LocalError> {
        let listed: Vec<Output> = parse("the stack's outputs", listed)?;
        Ok(Self(listed.into_iter().map(|output| (output.output_key, output.output_value)).collect()))
    }

    /// Every output, by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an output of the template.
    pub fn get(&self, name: &'static str) -> Result<&str, LocalError> {
        self.0.get(name).map(String::as_str).ok_or(LocalError::NoOutput(name))
    }
}

impl Stack {
    /// Builds both functions with these routes. The first time takes minutes, every other seconds.
    pub async fn build(routes: &Path) -> Result<(), LocalError> {
        let mut command = sam("build");
        command.args(["--build-dir", BUILD_DIR, "--parameter-overrides", &architecture()]);
        command.env("ROUTES", routes).env("ARCHITECTURE", host_architecture());
        tool::run(command).await.map(drop)
    }

    /// Deploys what was built last to an emulator of its own, with these parameters (`Name=value`) of the template.
    pub async fn deploy(parameters: &[String]) -> Result<Self, LocalError> {
        let emulator = Ministack::start()?;
        let deploy = Deploy {
            template: workspace_root().join(BUILD_DIR).join("template.yaml"),
            stack: STACK_NAME,
            region: REGION,
            parameters: [parameters, &[format!("OutcomeBusArn={OUTCOME_BUS}"), architecture()]].concat(),
        };
        let outputs = deploy.to(&emulator).await?;
        Ok(Self { emulator, outputs })
    }

    /// The emulator that it is deployed to.
    pub fn emulator(&self) -> &Ministack {
        &self.emulator
    }

    /// Its outputs.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Invokes a function by its name in the template and gives its answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, LocalError> {
        let mut command = sam("remote");
        command.args(["invoke", function, "--stack-name", STACK_NAME, "--event", &event.to_string()]);
        let answer = tool::run(against(self.emulator.endpoint(), REGION, command)).await?;
        parse(&format!("the answer of {function}"), answer.trim())
    }
}

/// Runs a command of the operator's program on a stack and gives what it prints.
pub(super) async fn operate(stack: &Stack, words: &[&str]) -> Result<String, LocalError> {
    let mut command = Command::new("cargo");
    command.args(["run", "--locked", "--quiet", "--package", "operator", "--bin", "contact-injection", "--"]);
    command.args(words).args(["--stack", STACK_NAME]).current_dir(workspace_root());
    tool::run(against(stack.emulator.endpoint(), REGION, command)).await
}

/// One deployment of a template.
#[derive(Debug)]
pub struct Deploy<'a> {
    /// The template's file; its package is what lies beside it, or what a build put there.
    pub template: PathBuf,
    /// The stack's name.
    pub stack: &'a str,
    /// Where to.
    pub region: &'a str,
    /// `Name=value` of the template's parameters.
    pub parameters: Vec<String>,
}

impl Deploy<'_> {
    /// Deploys to an emulator, as `make deploy` does to AWS, and gives the stack's outputs.
    pub async fn to(&self, emulator: &Ministack) -> Result<Outputs, LocalError> {
        self.through(emulator.endpoint()).await?;
        Outputs::parse(
            &tool::run(against(emulator.endpoint(), self.region, list_outputs(&sam_path(), self.stack))).await?,
        )
    }

    /// Deploys to what answers as AWS at this endpoint.
    pub async fn through(&self, endpoint: &str) -> Result<(), LocalError> {
        let mut command = sam("deploy");
        command.arg("--template-file").arg(self.emulated()?);
        // Looked for beside the template otherwise.
        command.arg("--config-file").arg(workspace_root().join("samconfig.toml"));
        command.args(["--stack-name", self.stack, "--no-progressbar"]);
        if !self.parameters.is_empty() {
            command.arg("--parameter-overrides").args(&self.parameters);
        }
        tool::run(against(endpoint, self.region, command)).await.map(drop)
    }

    /// The template beside itself, but for what the emulator lacks: it has no `CodeDeploy` and no alarm on an
    /// expression, and lets SAM see the parameters' defaults alone.
    fn emulated(&self) -> Result<PathBuf, LocalError> {
        let mut template = Template::read_from(self.template.clone())?;
        // A template without functions has none.
        if template.at("/Parameters/Canary").is_ok() {
            template.set_default("Canary", "false")?;
        }
        template.retain_resources(|resource| resource["Properties"].get("Metrics").is_none());
        let path = self.template.with_file_name("emulated.json");
        std::fs::write(&path, template.document().to_string()).map_err(LocalError::system("write the template"))?;
        Ok(path)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

fn sam_path() -> PathBuf {
    workspace_root().join(".venv/bin/sam")
}

fn list_outputs(sam: &Path, stack: &str) -> Command {
    let mut command = Command::new(sam);
    command.args(["list", "stack-outputs", "--stack-name", stack, "--output", "json"]).env("SAM_CLI_TELEMETRY", "0");
    command
}

fn sam(subcommand: &str) -> Command {
    let mut command = Command::new(sam_path());
    command
        .current_dir(workspace_root())
        .arg(subcommand)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", REGION);
    command
}

/// Runs a Python program in the tools' environment, against the emulator, and gives what it prints.
pub async fn python(emulator: &Ministack, arguments: &[&str]) -> Result<String, LocalError> {
    let mut command = Command::new(workspace_root().join(".venv/bin/python"));
    command.args(arguments);
    tool::run(against(emulator.endpoint(), REGION, command)).await
}

/// Points a tool at an endpoint, and away from whatever AWS account this shell may know.
fn against(endpoint: &str, region: &str, mut command: Command) -> Command {
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
        // The SDKs read one, sam and boto3 the other.
        .env("AWS_REGION", region)
        .env("AWS_DEFAULT_REGION", region)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN");
    command
}

fn architecture() -> String {
    format!("Architecture={}", host_architecture())
}

fn host_architecture() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" }
}

fn parse<T: for<'de> Deserialize<'de>>(what: &str, text: &str) -> Result<T, LocalError> {
    serde_json::from_str(text).map_err(|source| LocalError::Unreadable { what: format!("{what} ({text})"), source })
}
