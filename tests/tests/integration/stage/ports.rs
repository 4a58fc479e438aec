//! The real adapters, with a clock that tests can move and a wire that they can watch and break.

use aws_config::SdkConfig;
use contact_injection::adapters::cxone::Cxone;
use contact_injection::adapters::dynamodb::{DynamoClients, DynamoLedger, DynamoRegistry};
use contact_injection::adapters::secrets::SecretsManager;
use contact_injection::adapters::settings::InjectSettings;
use contact_injection::adapters::sqs::{SqsContactQueue, SqsDeadLetters};
use contact_injection::ports::{InjectPorts, Ports};

use super::{Clock, Wire};

pub(crate) struct TestPorts {
    clients: DynamoClients,
    secrets: SecretsManager<Clock>,
    registry: DynamoRegistry,
    api: Cxone<Clock>,
    clock: Clock,
    ledger: DynamoLedger,
    dead_letters: SqsDeadLetters,
    queue: SqsContactQueue,
}

impl TestPorts {
    pub(crate) fn new(aws: &SdkConfig, settings: &InjectSettings, clock: &Clock, wire: &Wire) -> Self {
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(aws).interceptor(wire.clone()).build();
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
        let sqs = aws_sdk_sqs::config::Builder::from(aws).interceptor(wire.clone()).build();
        let sqs = aws_sdk_sqs::Client::from_conf(sqs);
        let secrets = aws_sdk_secretsmanager::config::Builder::from(aws).interceptor(wire.clone()).build();
        let secrets = aws_sdk_secretsmanager::Client::from_conf(secrets);
        let common = &settings.common;
        Self {
            clients: DynamoClients::new(dynamodb.clone(), common.clients_table.clone()),
            secrets: SecretsManager::new(secrets, common.secret_arn.clone(), clock.clone()),
            registry: DynamoRegistry::new(dynamodb.clone(), common.registry_table.clone()),
            api: Cxone::new(&common.cxone_base_url, clock.clone()).unwrap(),
            clock: clock.clone(),
            ledger: DynamoLedger::new(dynamodb, settings.ledger_table.clone()),
            dead_letters: SqsDeadLetters::new(sqs.clone(), settings.dead_letter_queue_url.clone()),
            queue: SqsContactQueue::new(sqs, settings.contact_queue_url.clone()),
        }
    }
}

impl Ports for TestPorts {
    type Clients = DynamoClients;
    type Secrets = SecretsManager<Clock>;
    type Registry = DynamoRegistry;
    type Api = Cxone<Clock>;
    type Environment = Clock;

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
        &self.clock
    }
}

impl InjectPorts for TestPorts {
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
