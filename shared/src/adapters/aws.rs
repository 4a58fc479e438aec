//! The AWS SDK: where its configuration comes from, over which HTTP client it talks, and its limits.
//!
//! A function finds all of it in its environment: Lambda puts the role's credentials and the region there. So the SDK's
//! chain of profiles, containers, instance metadata and single sign-on is left out, a twentieth of each binary.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    config::SharedCredentialsProvider,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use reqwest::Client;

use super::{http, settings::Variables};
use crate::{error::chain, ports::StoreError};

/// A call to AWS answers within milliseconds or not at all; three tries of this fit into what a worker keeps for
/// closing.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);
const OPERATION_TIMEOUT: Duration = Duration::from_millis(4500);
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// The SDK's configuration. The environment is read by the SDKs' own names: `AWS_REGION`, credentials,
/// `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`.
pub fn configuration(variables: Variables<'_>, client: Client) -> SdkConfig {
    let text = |name| variables(name).filter(|value| !value.is_empty());
    let whether = |name| text(name).map(|value| value.eq_ignore_ascii_case("true"));
    let endpoints = ServiceEndpoints::read(variables);
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(endpoints)
        .http_client(http::for_aws(client))
        .retry_config(retries())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        );
    builder.set_region(text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")).map(Region::new));
    builder.set_endpoint_url(text("AWS_ENDPOINT_URL"));
    builder.set_use_fips(whether("AWS_USE_FIPS_ENDPOINT"));
    builder.set_use_dual_stack(whether("AWS_USE_DUALSTACK_ENDPOINT"));
    builder.build()
}

/// How a request that failed for the service's fault, or that was throttled, is tried again.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF)
}

/// Endpoints of single services, where the environment has any.
#[derive(Debug)]
struct ServiceEndpoints(Vec<(&'static str, String)>);

impl ServiceEndpoints {
    fn read(variables: Variables<'_>) -> Self {
        let services = [
            ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
            ("SQS", "AWS_ENDPOINT_URL_SQS"),
            ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        ];
        let set = services.into_iter().filter_map(|(service, name)| Some((service, variables(name)?)));
        Self(set.filter(|(_, url)| !url.is_empty()).collect())
    }
}

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let asked = |(service, _): &&(&str, String)| key.env() == "AWS_ENDPOINT_URL" && key.service_id() == *service;
        self.0.iter().find(asked).map(|(_, url)| url.clone())
    }
}

/// An AWS service's failure, with its code and message, or with what kept the call from being answered. Never the
/// response itself, which may hold an item.
pub(super) fn failed<E>(store: &'static str, operation: &'static str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let cause = match error {
        SdkError::ServiceError(answer) => {
            let error = answer.err();
            format!("{}: {}", error.code().unwrap_or("no code"), error.message().unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().map_or_else(|| "not sent".to_owned(), |error| chain(error))
        }
        _ => "an answer that can't be read".to_owned(),
    };
    StoreError { store, operation, source: cause.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(variables: &[(&str, &str)]) -> SdkConfig {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        configuration(&value, http::client().unwrap())
    }

    #[test]
    fn the_environment_says_where_aws_is() {
        let sdk = configured(&[("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
        assert_eq!(sdk.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!((sdk.endpoint_url(), sdk.use_fips()), (Some("http://127.0.0.1:1"), None));
        let sdk = configured(&[("AWS_DEFAULT_REGION", "us-gov-west-1"), ("AWS_USE_FIPS_ENDPOINT", "true")]);
        assert_eq!((sdk.region().unwrap().as_ref(), sdk.use_fips()), ("us-gov-west-1", Some(true)));
    }

    #[test]
    fn a_services_own_endpoint_is_its_own() {
        let sdk = configured(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2"), ("AWS_ENDPOINT_URL_DYNAMODB", "")]);
        let asked = |service| {
            let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
            sdk.service_config().unwrap().load_config(key.build().unwrap())
        };
        assert_eq!(asked("SQS").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!((asked("DynamoDB"), asked("Secrets Manager")), (None, None));
    }
}
