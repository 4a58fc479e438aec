//! What a function's variables point to: tables, queues and secrets in an emulator, and a simulated CXone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cxone_simulator::{ClientConfig, Queue, Simulator, SimulatorConfig, nice};
use serde_json::{Value, json};

use super::{AwsRequests, Bindings, CxoneApi, Environment, FunctionConfig, Outcome, Package};
use crate::local::{
    LocalError, MessageQueue, Ministack, Queues, Tables, create_lanes, create_secret_of_text, create_tables,
    key_secret_text, sdk_config, secret_text, with_urgent_clients,
};
use crate::workspace_root;

/// Room in every queue, so that no run fills one.
const ROOM: u64 = 1_000_000_000;

/// What a deployment is made with.
#[derive(Debug, Clone)]
pub struct DeploymentConfig {
    /// The routes file.
    pub routes: PathBuf,
    /// OAuth clients of the inject function.
    pub clients: usize,
    /// How many of them, the last ones, are for urgent messages alone.
    pub urgent_clients: usize,
    /// Workers at once for the urgent queue; with 0 there is none.
    pub urgent_concurrency: usize,
    /// Requests that CXone grants a client in one window.
    pub rate_limit: usize,
    /// The window's length in seconds.
    pub window_seconds: u64,
    /// CXone's time before every answer.
    pub latency: Duration,
}

impl Default for DeploymentConfig {
    /// The demo's routes, two clients, no urgent queue, the template's rate, 5 ms.
    fn default() -> Self {
        Self {
            routes: workspace_root().join("tests/fixtures/demo/routes.json"),
            clients: 2,
            urgent_clients: 0,
            urgent_concurrency: 0,
            rate_limit: 120,
            window_seconds: 60,
            latency: Duration::from_millis(5),
        }
    }
}

/// Everything around a function. Dropping it ends all of it.
#[derive(Debug)]
pub struct Deployment<S = Simulator> {
    /// The simulated CXone.
    pub simulator: S,
    /// What the functions ask of AWS.
    pub aws_requests: AwsRequests,
    /// The three tables.
    pub tables: Tables,
    /// The queues.
    pub queues: Queues,
    cxone: CxoneApi,
    emulator: Ministack,
    inject_secret: String,
    sync_secret: String,
    config: DeploymentConfig,
}

impl Deployment {
    /// Makes it all, with an empty registry.
    pub async fn start(config: DeploymentConfig) -> Result<Self, LocalError> {
        let tenant = tenant(&config)?;
        let (workers, sync) = tenant.clients.split_at(config.clients);
        let secrets = [secret_text(workers), secret_text(sync)];
        let simulator =
            Simulator::start(tenant.clone()).await.map_err(LocalError::system("start the CXone simulator"))?;
        let cxone = CxoneApi::Guide { base_url: simulator.url() };
        Self::around(simulator, cxone, secrets, config).await
    }
}

impl Deployment<nice::Simulator> {
    /// The same of a NICE CXone tenant with these points of contact, one more access key than clients, and skills that
    /// are open.
    pub async fn of_tenant(points: Vec<nice::PointOfContact>, config: DeploymentConfig) -> Result<Self, LocalError> {
        let key = |number| {
            let key = nice::AccessKey::new(&format!("KEY{number}"), &format!("secret+{number}===="));
            key.with_client("back-end", "hush")
        };
        let keys: Vec<_> = (0..=config.clients).map(key).collect();
        let (sync, workers) = keys.split_at(1);
        let secrets = [key_secret_text(workers), key_secret_text(sync)];
        let mut tenant = nice::Config { access_keys: keys.clone(), ..nice::Config::default() };
        tenant.skills = points.iter().filter_map(|point| point.default_skill_id).map(nice::Skill::open).collect();
        tenant.points_of_contact = points;
        tenant.rate_limit.limit = config.rate_limit;
        tenant.rate_limit.window_milliseconds = config.window_seconds * 1000;
        tenant.latency_milliseconds = u64::try_from(config.latency.as_millis()).unwrap_or(u64::MAX);
        let simulator =
            nice::Simulator::start(tenant).await.map_err(LocalError::system("start the CXone simulator"))?;
        let cxone = CxoneApi::Tenant { issuer: simulator.url() };
        Self::around(simulator, cxone, secrets, config).await
    }
}

impl<S> Deployment<S> {
    /// Everything else, around a simulator.
    async fn around(
        simulator: S,
        cxone: CxoneApi,
        secrets: [String; 2],
        config: DeploymentConfig,
    ) -> Result<Self, LocalError> {
        let emulator = tokio::task::spawn_blocking(Ministack::start).await;
        let emulator = emulator.map_err(|error| LocalError::system("start the emulator")(error.into()))??;
        let tables = create_tables(emulator.endpoint(), "host").await?;
        let queues = create_lanes(emulator.endpoint(), "host", config.urgent_concurrency).await?;
        let [inject, sync] = secrets;
        let inject = with_urgent_clients(&inject, config.urgent_clients)?;
        let inject_secret = create_secret_of_text(emulator.endpoint(), "host-inject", inject).await?;
        let sync_secret = create_secret_of_text(emulator.endpoint(), "host-sync", sync).await?;
        let aws_requests = AwsRequests::start(emulator.endpoint()).await?;
        Ok(Self { simulator, aws_requests, tables, queues, cxone, emulator, inject_secret, sync_secret, config })
    }

    /// The emulator's own endpoint, past the counting proxy.
    pub fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    /// The inject function of this deployment. With `counted`, its requests to AWS pass the counting proxy, which costs
    /// each a fraction of a millisecond.
    pub fn inject(&self, package: &Package, counted: bool) -> Result<FunctionConfig, LocalError> {
        let aws = if counted { self.aws_requests.endpoint() } else { self.endpoint().to_owned() };
        self.function("inject-contacts", package, aws, &self.inject_secret)
    }

    /// The sync function of this deployment.
    pub fn sync(&self, package: &Package) -> Result<FunctionConfig, LocalError> {
        self.function("sync-registry", package, self.endpoint().to_owned(), &self.sync_secret)
    }

    fn function(&self, name: &str, package: &Package, aws: String, secret: &str) -> Result<FunctionConfig, LocalError> {
        let bindings = Bindings {
            aws,
            cxone: self.cxone.clone(),
            tables: &self.tables,
            queues: &self.queues,
            secret,
            rate_limit: self.config.rate_limit,
            window_seconds: self.config.window_seconds,
            workers: self.config.clients.max(2),
        };
        FunctionConfig::new(name, &package.bootstrap(), package.root(), bindings.variables())
    }

    /// Fills the registry by the sync function.
    pub async fn fill_registry(&self, sync: &Package) -> Result<Value, LocalError> {
        let environment = Environment::start(&self.sync(sync)?).await?;
        match environment.invoke(&json!({})).await?.outcome {
            Outcome::Answered(summary) => Ok(summary),
            other => Err(LocalError::Failed {
                function: "sync-registry".to_owned(),
                outcome: format!("{other:?}\n{}", environment.output()),
            }),
        }
    }

    /// Puts messages into the contact queue.
    pub async fn send(&self, bodies: &[String]) -> Result<(), LocalError> {
        self.send_to(&self.queues.contacts, bodies).await
    }

    /// Puts messages into a queue.
    pub async fn send_to(&self, queue_url: &str, bodies: &[String]) -> Result<(), LocalError> {
        let sqs = aws_sdk_sqs::Client::new(&sdk_config(self.endpoint()));
        MessageQueue::new(&sqs, queue_url).send(bodies).await
    }
}

/// The demo's tenant with as many clients as asked for, one more for the sync function, and every queue of the routes
/// open and with room for any number of contacts.
fn tenant(config: &DeploymentConfig) -> Result<SimulatorConfig, LocalError> {
    let mut tenant: SimulatorConfig = read(&workspace_root().join("tests/fixtures/demo/tenant.json"))?;
    tenant.clients = (1..=config.clients)
        .map(|number| ClientConfig::new(&format!("inject-worker-{number}"), &format!("secret-{number}")))
        .chain([ClientConfig::new("registry-sync", "secret-sync")])
        .collect();
    let routes: Value = read(&config.routes)?;
    let mut queues = BTreeSet::new();
    gather(&routes, "queueId", &mut queues);
    tenant.queues = queues.iter().map(|id| Queue::open(id).with_max_capacity(ROOM)).collect();
    tenant.rate_limit.limit = config.rate_limit;
    tenant.rate_limit.window_milliseconds = config.window_seconds * 1000;
    tenant.latency_milliseconds = u64::try_from(config.latency.as_millis()).unwrap_or(u64::MAX);
    Ok(tenant)
}

/// Every text under this name, at any depth.
fn gather(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| gather(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, name, found)),
        _ => {}
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LocalError> {
    let text = std::fs::read_to_string(path).map_err(LocalError::system(format!("read {}", path.display())))?;
    serde_json::from_str(&text).map_err(|source| LocalError::Unreadable { what: path.display().to_string(), source })
}
