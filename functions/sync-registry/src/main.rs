//! The sync-registry function: reads its configuration, connects, and hands every invocation to the handler.

use contact_injection::adapters::{
    aws, http,
    ports::WorkerPorts,
    settings::{Settings, process},
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use sync_registry::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::read(&process).inspect_err(|error| telemetry::cannot_start(error))?;
    telemetry::start(settings.log_level);
    let client = http::client().inspect_err(|error| telemetry::cannot_start(error))?;
    let ports = WorkerPorts::new(&aws::configuration(&process, client.clone()), client, &settings)?;
    let handler = Handler::new(ports, settings);
    handler.warm().await.inspect_err(|error| telemetry::cannot_start(error))?;
    run(service_fn(async |event: LambdaEvent<Value>| handler.handle(event).await)).await
}
