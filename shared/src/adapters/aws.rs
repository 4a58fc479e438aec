//! The AWS SDK: over which HTTP client it talks, and its limits.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use reqwest::Client;

use super::http;
use crate::{error::chain, ports::StoreError};

/// A call to AWS answers within milliseconds or not at all; three tries of this fit into what a worker keeps for closing.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);
const OPERATION_TIMEOUT: Duration = Duration::from_millis(4500);

/// The SDK's configuration: credentials, region and endpoint from the environment, as the SDKs read them.
pub async fn configuration(client: Client) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::for_aws(client))
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .load()
        .await
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
