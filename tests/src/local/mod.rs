//! The stack on this machine: an AWS emulator and whatever of the deployment a test or the demo needs in it.
//!
//! Everything listens on loopback, and every process started here ends with its handle.

pub mod demo;
mod emulator;
mod error;
mod outcome;
mod queue;
mod report;
mod resources;
mod rig;
mod samples;
mod stack;
mod stream;
pub mod tenant_demo;
mod told;
pub(crate) mod tool;

pub use emulator::Ministack;
pub use error::LocalError;
pub use queue::{Depth, MessageQueue};
pub use resources::{
    Queues, Tables, UrgentQueue, create_lanes, create_queues, create_secret, create_secret_of_text, create_tables,
    key_secret_text, secret_text, with_urgent_clients,
};
pub use stack::{Deploy, Outputs, Stack, python};
pub use stream::stream_records;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;

/// The emulator's region; nothing depends on it.
pub const REGION: &str = "us-east-1";
/// The emulator takes any credentials. These can't be mistaken for real ones.
pub const ACCESS_KEY: &str = "test";

/// A client of what this machine serves: without a proxy, and without the root certificates, which take longer to read
/// than most requests here take.
pub fn loopback_http() -> reqwest::ClientBuilder {
    // Nothing here is encrypted, but a client is built with whichever provider stands. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Settings for every SDK client of the emulator: its endpoint, its region, no real credentials, plain HTTP.
pub fn sdk_config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            ACCESS_KEY, ACCESS_KEY, None, None, "local",
        )))
        .http_client(Builder::new().build_http())
        .build()
}
