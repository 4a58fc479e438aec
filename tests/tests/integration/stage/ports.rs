//! The real adapters, with a clock that tests can move and a wire that they can watch and break.

use aws_config::SdkConfig;
use contact_injection::adapters::http;
use contact_injection::adapters::ports::InjectorPorts;
use contact_injection::adapters::settings::InjectSettings;

use super::{Clock, Wire};

pub(crate) type TestPorts = InjectorPorts<Clock>;

pub(crate) fn adapters(aws: &SdkConfig, settings: &InjectSettings, clock: &Clock, wire: &Wire) -> TestPorts {
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(aws).interceptor(wire.clone()).build();
    let secrets = aws_sdk_secretsmanager::config::Builder::from(aws).interceptor(wire.clone()).build();
    let sqs = aws_sdk_sqs::config::Builder::from(aws).interceptor(wire.clone()).build();
    InjectorPorts::over(
        aws_sdk_dynamodb::Client::from_conf(dynamodb),
        aws_sdk_secretsmanager::Client::from_conf(secrets),
        aws_sdk_sqs::Client::from_conf(sqs),
        http::client().unwrap(),
        settings,
        clock.clone(),
    )
    .unwrap()
}
