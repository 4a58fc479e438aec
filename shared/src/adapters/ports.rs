//! All adapters of a function, under the names that the ports give them.

use std::sync::Arc;

use aws_config::SdkConfig;
use reqwest::Client;

use super::{
    dynamodb::{DynamoClients, DynamoLedger, DynamoRegistry},
    environment::System,
    http::{Cxone, ForbiddenUrl, NoHttp, client_of_fresh_connections},
    secrets::SecretsManager,
    settings::{InjectSettings, Settings},
    sqs::{SqsContactQueue, SqsDeadLetters},
};
use crate::{
    dialects::Dialect,
    domain::lane::Lanes,
    ports::{Environment, InjectPorts, Ports},
};

/// Why there is no way to CXone.
#[derive(Debug, thiserror::Error)]
pub enum NoTransport {
    /// Nothing may be sent to its base URL.
    #[error(transparent)]
    Url(#[from] ForbiddenUrl),
    /// There is no HTTP client.
    #[error(transparent)]
    Http(#[from] NoHttp),
}

/// What every worker needs, for real: by the machine's clock, or by another one.
#[derive(Debug)]
pub struct WorkerPorts<E = System> {
    clients: DynamoClients,
    secrets: SecretsManager<E>,
    registry: DynamoRegistry<E>,
    transport: Cxone<E>,
    dialect: Arc<dyn Dialect>,
    environment: E,
}

impl WorkerPorts {
    /// Connects nothing yet; the first use does.
    ///
    /// # Errors
    /// [`NoTransport`] where CXone's base URL is one that nothing may be sent to, or there is no HTTP client for it.
    pub fn new(aws: &SdkConfig, http: Client, settings: &Settings) -> Result<Self, NoTransport> {
        Self::over(
            aws_sdk_dynamodb::Client::new(aws),
            aws_sdk_secretsmanager::Client::new(aws),
            http,
            settings,
            Lanes::One,
            System::new(),
        )
    }
}

impl<E: Environment + Clone> WorkerPorts<E> {
    /// The same over these clients, for so many lanes, and in this environment.
    ///
    /// # Errors
    /// [`NoTransport`] where CXone's base URL is one that nothing may be sent to, or there is no HTTP client for it.
    pub fn over(
        dynamodb: aws_sdk_dynamodb::Client,
        secrets: aws_sdk_secretsmanager::Client,
        http: Client,
        settings: &Settings,
        lanes: Lanes,
        environment: E,
    ) -> Result<Self, NoTransport> {
        let arn = settings.secret_arn.clone();
        let keyed = settings.dialect.facts().key_memory.is_some();
        let http = if keyed { http } else { client_of_fresh_connections()? };
        Ok(Self {
            clients: DynamoClients::new(dynamodb.clone(), settings.clients_table.clone()),
            secrets: SecretsManager::new(secrets, arn, Arc::clone(&settings.dialect), lanes, environment.clone()),
            registry: DynamoRegistry::new(dynamodb, settings.registry_table.clone(), environment.clone()),
            transport: Cxone::new(http, settings.cxone_base_url.as_deref(), environment.clone())?,
            dialect: Arc::clone(&settings.dialect),
            environment,
        })
    }
}

impl<E: Environment + Clone> Ports for WorkerPorts<E> {
    type Clients = DynamoClients;
    type Secrets = SecretsManager<E>;
    type Registry = DynamoRegistry<E>;
    type Transport = Cxone<E>;
    type Environment = E;

    fn clients(&self) -> &Self::Clients {
        &self.clients
    }
    fn secrets(&self) -> &Self::Secrets {
        &self.secrets
    }
    fn registry(&self) -> &Self::Registry {
        &self.registry
    }
    fn transport(&self) -> &Self::Transport {
        &self.transport
    }
    fn environment(&self) -> &Self::Environment {
        &self.environment
    }
    fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }
}

/// What a worker that injects contacts needs, for real.
#[derive(Debug)]
pub struct InjectorPorts<E = System> {
    worker: WorkerPorts<E>,
    ledger: DynamoLedger<E>,
    dead_letters: SqsDeadLetters,
    queue: SqsContactQueue,
}

impl InjectorPorts {
    /// Connects nothing yet; the first use does.
    ///
    /// # Errors
    /// [`NoTransport`] where CXone's base URL is one that nothing may be sent to, or there is no HTTP client for it.
    pub fn new(aws: &SdkConfig, http: Client, settings: &InjectSettings) -> Result<Self, NoTransport> {
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        Self::over(dynamodb, secrets, aws_sdk_sqs::Client::new(aws), http, settings, System::new())
    }
}

impl<E: Environment + Clone> InjectorPorts<E> {
    /// The same over these clients, and in this environment.
    ///
    /// # Errors
    /// [`NoTransport`] where CXone's base URL is one that nothing may be sent to, or there is no HTTP client for it.
    pub fn over(
        dynamodb: aws_sdk_dynamodb::Client,
        secrets: aws_sdk_secretsmanager::Client,
        sqs: aws_sdk_sqs::Client,
        http: Client,
        settings: &InjectSettings,
        environment: E,
    ) -> Result<Self, NoTransport> {
        let lanes = settings.lanes();
        let urgent = settings.urgent.as_ref().map(|urgent| urgent.queue_url.clone());
        Ok(Self {
            worker: WorkerPorts::over(dynamodb.clone(), secrets, http, &settings.common, lanes, environment.clone())?,
            ledger: DynamoLedger::new(dynamodb, settings.ledger_table.clone(), environment),
            dead_letters: SqsDeadLetters::new(sqs.clone(), settings.dead_letter_queue_url.clone()),
            queue: SqsContactQueue::new(sqs, settings.contact_queue_url.clone(), urgent),
        })
    }
}

impl<E: Environment + Clone> Ports for InjectorPorts<E> {
    type Clients = DynamoClients;
    type Secrets = SecretsManager<E>;
    type Registry = DynamoRegistry<E>;
    type Transport = Cxone<E>;
    type Environment = E;

    fn clients(&self) -> &Self::Clients {
        self.worker.clients()
    }
    fn secrets(&self) -> &Self::Secrets {
        self.worker.secrets()
    }
    fn registry(&self) -> &Self::Registry {
        self.worker.registry()
    }
    fn transport(&self) -> &Self::Transport {
        self.worker.transport()
    }
    fn environment(&self) -> &Self::Environment {
        self.worker.environment()
    }
    fn dialect(&self) -> &dyn Dialect {
        self.worker.dialect()
    }
}

impl<E: Environment + Clone> InjectPorts for InjectorPorts<E> {
    type Ledger = DynamoLedger<E>;
    type DeadLetters = SqsDeadLetters;
    type Queue = SqsContactQueue;

    fn ledger(&self) -> &Self::Ledger {
        &self.ledger
    }
    fn dead_letters(&self) -> &Self::DeadLetters {
        &self.dead_letters
    }
    fn queue(&self) -> &Self::Queue {
        &self.queue
    }
}
