//! What a function's variables point to: tables, queues and secrets in an emulator, and a simulated CXone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use cxone_simulator::{ClientConfig, Queue, Simulator, SimulatorConfig};
use serde_json::{Value, json};

use super::{AwsRequests, Environment, FunctionConfig, HostError, Outcome, Package};
use crate::local::{ACCESS_KEY, Ministack, Queues, REGION, Tables, create_queues, create_tables, sdk_config};
use crate::template::{Template, TemplateError};
use crate::workspace_root;

/// Room in every queue, so that no run fills one.
const ROOM: u64 = 1_000_000_000;

/// What a deployment is made with.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The routes file.
    pub routes: PathBuf,
    /// OAuth clients of the inject function.
    pub clients: usize,
    /// Requests that CXone grants a client in one window.
    pub rate_limit: usize,
    /// The window's length in seconds.
    pub window_seconds: u64,
    /// CXone's time before every answer.
    pub latency: Duration,
}

impl Default for Terms {
    /// The demo's routes, two clients, the template's rate, 5 ms.
    fn default() -> Self {
        Self {
            routes: workspace_root().join("tests/fixtures/demo/routes.json"),
            clients: 2,
            rate_limit: 120,
            window_seconds: 60,
            latency: Duration::from_millis(5),
        }
    }
}

/// Everything around a function. Dropping it ends all of it.
#[derive(Debug)]
pub struct Deployment {
    /// The simulated CXone.
    pub simulator: Simulator,
    /// What the functions ask of AWS.
    pub aws_requests: AwsRequests,
    /// The three tables.
    pub tables: Tables,
    /// The two queues.
    pub queues: Queues,
    emulator: Ministack,
    inject_secret: String,
    sync_secret: String,
    terms: Terms,
}

impl Deployment {
    /// Makes it all, with an empty registry.
    pub async fn start(terms: Terms) -> Result<Self, HostError> {
        let tenant = tenant(&terms)?;
        let (workers, sync) = tenant.clients.split_at(terms.clients);
        let (workers, sync) = (secret(workers), secret(sync));
        let simulator = Simulator::start(tenant).await.map_err(HostError::system("start the CXone simulator"))?;
        let emulator = tokio::task::spawn_blocking(Ministack::start).await;
        let emulator = emulator.map_err(|error| HostError::system("start the emulator")(error.into()))??;
        let tables = create_tables(emulator.endpoint(), "host").await?;
        let queues = create_queues(emulator.endpoint(), "host").await?;
        let inject_secret = create_secret(&emulator, "host-inject", &workers).await?;
        let sync_secret = create_secret(&emulator, "host-sync", &sync).await?;
        let aws_requests = AwsRequests::start(emulator.endpoint()).await?;
        Ok(Self { simulator, aws_requests, tables, queues, emulator, inject_secret, sync_secret, terms })
    }

    /// The emulator's own endpoint, past the counting proxy.
    pub fn endpoint(&self) -> &str {
        self.emulator.endpoint()
    }

    /// The inject function of this deployment. With `counted`, its requests to AWS pass the counting proxy, which costs
    /// each a fraction of a millisecond.
    pub fn inject(&self, package: &Package, counted: bool) -> Result<FunctionConfig, HostError> {
        let mut variables = self.common(&self.inject_secret, counted);
        variables.extend([
            ("CONTACT_QUEUE_URL".to_owned(), self.queues.contacts.clone()),
            ("DEAD_LETTER_QUEUE_URL".to_owned(), self.queues.dead_letters.clone()),
            ("LEDGER_TABLE".to_owned(), self.tables.ledger.clone()),
            ("MAXIMUM_CONCURRENCY".to_owned(), self.terms.clients.max(2).to_string()),
            ("COMPLIANCE_BOUNDARY".to_owned(), "outside".to_owned()),
            ("QUEUE_HEALTH_MAX_AGE_SECONDS".to_owned(), "180".to_owned()),
        ]);
        function("inject-contacts", package, variables)
    }

    /// The sync function of this deployment.
    pub fn sync(&self, package: &Package) -> Result<FunctionConfig, HostError> {
        function("sync-registry", package, self.common(&self.sync_secret, false))
    }

    /// Fills the registry by the sync function.
    pub async fn fill_registry(&self, sync: &Package) -> Result<Value, HostError> {
        let environment = Environment::start(&self.sync(sync)?).await?;
        match environment.invoke(&json!({})).await?.outcome {
            Outcome::Answered(summary) => Ok(summary),
            other => Err(HostError::Failed {
                function: "sync-registry".to_owned(),
                outcome: format!("{other:?}\n{}", environment.lines().join("\n")),
            }),
        }
    }

    /// Puts messages into the contact queue.
    pub async fn send(&self, bodies: &[String]) -> Result<(), HostError> {
        let client = aws_sdk_sqs::Client::new(&sdk_config(self.endpoint()));
        for batch in bodies.chunks(10) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(index, body)| {
                    SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(HostError::aws("sqs:SendMessageBatch"))?;
            let request = client.send_message_batch().queue_url(&self.queues.contacts).set_entries(Some(entries));
            request.send().await.map_err(HostError::aws("sqs:SendMessageBatch"))?;
        }
        Ok(())
    }

    /// The variables that every program finds in an environment of this deployment.
    pub fn common(&self, secret: &str, counted: bool) -> BTreeMap<String, String> {
        let endpoint = if counted { self.aws_requests.endpoint() } else { self.endpoint().to_owned() };
        [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", ACCESS_KEY.to_owned()),
            ("CXONE_BASE_URL", self.simulator.url()),
            ("CLIENTS_TABLE", self.tables.clients.clone()),
            ("REGISTRY_TABLE", self.tables.registry.clone()),
            ("SECRET_ARN", secret.to_owned()),
            ("RATE_LIMIT", self.terms.rate_limit.to_string()),
            ("RATE_WINDOW_SECONDS", self.terms.window_seconds.to_string()),
            ("LOG_LEVEL", "INFO".to_owned()),
            ("STACK_NAME", "host".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The inject function's secret.
    pub fn inject_secret(&self) -> &str {
        &self.inject_secret
    }
}

fn function(name: &str, package: &Package, variables: BTreeMap<String, String>) -> Result<FunctionConfig, HostError> {
    let template = Template::read().map_err(crate::local::LocalError::from)?;
    let number = |pointer: &str| -> Result<u64, TemplateError> {
        template.at(pointer)?.as_u64().ok_or_else(|| TemplateError::Missing(pointer.to_owned()))
    };
    let timeout = number("/Globals/Function/Timeout").map_err(crate::local::LocalError::from)?;
    let memory = number("/Globals/Function/MemorySize").map_err(crate::local::LocalError::from)?;
    Ok(FunctionConfig {
        name: name.to_owned(),
        command: package.bootstrap(),
        arguments: Vec::new(),
        handler: "bootstrap".to_owned(),
        variables,
        task_root: package.root().to_path_buf(),
        timeout: Duration::from_secs(timeout),
        memory_mib: u32::try_from(memory).unwrap_or(u32::MAX),
    })
}

/// The demo's tenant with as many clients as asked for, one more for the sync function, and every queue of the routes
/// open and with room for any number of contacts.
fn tenant(terms: &Terms) -> Result<SimulatorConfig, HostError> {
    let mut tenant: SimulatorConfig = read(&workspace_root().join("tests/fixtures/demo/tenant.json"))?;
    tenant.clients = (1..=terms.clients)
        .map(|number| ClientConfig::new(&format!("inject-worker-{number}"), &format!("secret-{number}")))
        .chain([ClientConfig::new("registry-sync", "secret-sync")])
        .collect();
    let routes: Value = read(&terms.routes)?;
    let mut queues = BTreeSet::new();
    gather(&routes, "queueId", &mut queues);
    tenant.queues = queues.iter().map(|id| Queue::open(id).with_max_capacity(ROOM)).collect();
    tenant.rate_limit.limit = terms.rate_limit;
    tenant.rate_limit.window_milliseconds = terms.window_seconds * 1000;
    tenant.latency_milliseconds = u64::try_from(terms.latency.as_millis()).unwrap_or(u64::MAX);
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

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, HostError> {
    let text = std::fs::read_to_string(path).map_err(HostError::system(format!("read {}", path.display())))?;
    serde_json::from_str(&text).map_err(|source| HostError::Unreadable { what: path.display().to_string(), source })
}

fn secret(clients: &[ClientConfig]) -> String {
    let clients: Vec<_> = clients
        .iter()
        .map(|client| json!({"client_id": client.client_id, "client_secret": client.client_secret}))
        .collect();
    json!({ "clients": clients }).to_string()
}

async fn create_secret(emulator: &Ministack, name: &str, text: &str) -> Result<String, HostError> {
    let client = aws_sdk_secretsmanager::Client::new(&sdk_config(emulator.endpoint()));
    let created = client.create_secret().name(name).secret_string(text).send().await;
    let created = created.map_err(HostError::aws("secretsmanager:CreateSecret"))?;
    Ok(created.arn.unwrap_or_else(|| name.to_owned()))
}
