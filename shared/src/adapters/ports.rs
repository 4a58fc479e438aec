//! All adapters of a function, under the names that the ports give them.

use aws_config::SdkConfig;
use reqwest::Client;

use super::{
    cxone::{Cxone, ForbiddenUrl},
    dynamodb::{DynamoClients, DynamoLedger, DynamoRegistry},
    environment::System,
    secrets::SecretsManager,
    settings::{InjectSettings, Settings},
    sqs::{SqsContactQueue, SqsDeadLetters},
};
use crate::ports::{InjectPorts, Ports};

/// What every worker needs, for real.
#[derive(Debug)]
pub struct WorkerPorts {
    clients: DynamoClients,
    secrets: SecretsManager<System>,
    registry: DynamoRegistry,
    api: Cxone<System>,
    environment: System,
}

impl WorkerPorts {
    /// Connects nothing yet; the first use does.
    ///
    /// # Errors
    /// [`ForbiddenUrl`] where CXone's base URL is one that nothing may be sent to.
    pub fn new(aws: &SdkConfig, http: Client, settings: &Settings) -> Result<Self, ForbiddenUrl> {
        let environment = System::new();
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        Ok(Self {
            clients: DynamoClients::new(dynamodb.clone(), settings.clients_table.clone()),
            secrets: SecretsManager::new(
                aws_sdk_secretsmanager::Client::new(aws),
                settings.secret_arn.clone(),
                environment.clone(),
            ),
            registry: DynamoRegistry::new(dynamodb, settings.registry_table.clone()),
            api: Cxone::over(http, &settings.cxone_base_url, environment.clone())?,
            environment,
        })
    }
}

impl Ports for WorkerPorts {
    type Clients = DynamoClients;
    type Secrets = SecretsManager<System>;
    type Registry = DynamoRegistry;
    type Api = Cxone<System>;
    type Environment = System;

    fn clients(&self) -> &Self::Clients {
        &self.clients
    }
    fn secrets(&self) -> &Self::Secrets {
        &self.secrets
    }
    fn registry(&self) -> &Self::Registry {
        &self.registry
    }
    fn api(&self) -> &Self::Api {
        &self.api
    }
    fn environment(&self) -> &Self::Environment {
        &self.environment
    }
}

/// What a worker that injects contacts needs, for real.
#[derive(Debug)]
pub struct InjectorPorts {
    worker: WorkerPorts,
    ledger: DynamoLedger,
    dead_letters: SqsDeadLetters,
    queue: SqsContactQueue,
}

impl InjectorPorts {
    /// Connects nothing yet; the first use does.
    ///
    /// # Errors
    /// [`ForbiddenUrl`] where CXone's base URL is one that nothing may be sent to.
    pub fn new(aws: &SdkConfig, http: Client, settings: &InjectSettings) -> Result<Self, ForbiddenUrl> {
        let sqs = aws_sdk_sqs::Client::new(aws);
        Ok(Self {
            worker: WorkerPorts::new(aws, http, &settings.common)?,
            ledger: DynamoLedger::new(aws_sdk_dynamodb::Client::new(aws), settings.ledger_table.clone()),
            dead_letters: SqsDeadLetters::new(sqs.clone(), settings.dead_letter_queue_url.clone()),
            queue: SqsContactQueue::new(sqs, settings.contact_queue_url.clone()),
        })
    }
}

impl Ports for InjectorPorts {
    type Clients = DynamoClients;
    type Secrets = SecretsManager<System>;
    type Registry = DynamoRegistry;
    type Api = Cxone<System>;
    type Environment = System;

    fn clients(&self) -> &Self::Clients {
        self.worker.clients()
    }
    fn secrets(&self) -> &Self::Secrets {
        self.worker.secrets()
    }
    fn registry(&self) -> &Self::Registry {
        self.worker.registry()
    }
    fn api(&self) -> &Self::Api {
        self.worker.api()
    }
    fn environment(&self) -> &Self::Environment {
        self.worker.environment()
    }
}

impl InjectPorts for InjectorPorts {
    type Ledger = DynamoLedger;
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
