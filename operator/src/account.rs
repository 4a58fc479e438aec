//! The AWS account and region, found as the AWS CLI finds them.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};

use crate::cli::Target;
use crate::error::Error;

/// Tries of a call, with the SDK's backoff between them: half a minute of throttling is waited for.
const ATTEMPTS: u32 = 8;
/// Longer than the inject function's own timeout of 90 s, which a dry run may take.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// The configuration of every client.
///
/// # Errors
/// Where no region is to be found.
pub(crate) async fn configuration(target: &Target) -> Result<SdkConfig, Error> {
    let client = Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(aws_sdk_sqs::config::RuntimeComponents::sleep_impl));
        // A proxy by the environment, as the AWS CLI takes it.
        connector.proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    });
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client.clone())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build());
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    let region = config.region().ok_or(Error::NoRegion)?.clone();
    let Some(profile) = &target.profile else { return Ok(config) };
    // A profile that is named comes before credentials of the environment, which the SDK would prefer.
    let provider = ProviderConfig::default().with_http_client(client).with_region(Some(region));
    let credentials = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
    Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}
