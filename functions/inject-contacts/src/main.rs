//! The inject-contacts function: reads its configuration, connects, and hands every invocation to the handler.

use contact_injection::adapters::{
    aws, http,
    ports::InjectorPorts,
    settings::{InjectSettings, process},
    telemetry,
};
use inject_contacts::Handler;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

// One thread: a worker waits for CXone, it doesn't compute.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = InjectSettings::read(&process).inspect_err(|error| telemetry::cannot_start(error))?;
    telemetry::start(settings.common.log_level);
    let client = http::client().inspect_err(|error| telemetry::cannot_start(error))?;
    let ports = InjectorPorts::new(&aws::configuration(&process, client.clone()), client, &settings)?;
    let handler = Handler::new(ports, settings);
    handler.warm().await.inspect_err(|error| telemetry::cannot_start(error))?;
    run(service_fn(async |event: LambdaEvent<Value>| handler.handle(event).await)).await
}
