//! The two that are measured: the inject function as it is deployed, and the peer.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::host::{Deployment, DeploymentConfig, FunctionConfig, Package, message_event};
use crate::local::LocalError;
use crate::workspace_root;

/// A rate that stands in nothing's way: the largest, in the shortest window.
pub(super) const UNLIMITED: (usize, u64) = (10_000, 1);

/// What is measured, built.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) inject: Package,
    pub(super) sync: Package,
}

impl Subjects {
    pub(super) async fn build() -> Result<Self, LocalError> {
        let routes = DeploymentConfig::default().routes;
        Ok(Self {
            inject: Package::build("inject-contacts", &routes).await?,
            sync: Package::build("sync-registry", &routes).await?,
        })
    }

    /// A deployment with these routes, its registry filled.
    pub(super) async fn deploy(&self, config: DeploymentConfig) -> Result<Deployment, LocalError> {
        self.inject.lay_routes(&config.routes)?;
        self.sync.lay_routes(&config.routes)?;
        let deployment = Deployment::start(config).await?;
        deployment.fill_registry(&self.sync).await?;
        Ok(deployment)
    }
}

/// A deployment under which no rate limit is ever met.
pub(super) fn unlimited() -> DeploymentConfig {
    DeploymentConfig { rate_limit: UNLIMITED.0, window_seconds: UNLIMITED.1, ..DeploymentConfig::default() }
}

/// The peer, run by AWS's own Python runtime client, in the deployment of the function that it is compared with.
pub(super) fn peer(ours: &FunctionConfig) -> Result<FunctionConfig, LocalError> {
    let python = peer_folder().join("bin/python");
    if !python.exists() {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "`make bench` installs it first");
        return Err(LocalError::System { doing: format!("find {}", python.display()), source: missing });
    }
    Ok(FunctionConfig {
        name: "peer".to_owned(),
        command: python,
        arguments: vec!["-m".to_owned(), "awslambdaric".to_owned(), "handler.handler".to_owned()],
        handler: "handler.handler".to_owned(),
        task_root: workspace_root().join("tests/peer"),
        ..ours.clone()
    })
}

/// Where the peer's packages are.
pub(super) fn peer_folder() -> PathBuf {
    workspace_root().join(".venv-peer")
}

/// A batch of events that were never seen before, all for the demo's first route.
pub(super) fn batch(size: usize) -> serde_json::Value {
    message_event(&(0..size).map(|_| order("com.example.order.updated")).collect::<Vec<_>>())
}

/// An order of a gold customer: every attribute of the route is there, and something to mask.
pub(super) fn order(event_type: &str) -> String {
    json!({
        "specversion": "1.0",
        "type": event_type,
        "source": "/crm/acme",
        "id": uuid::Uuid::new_v4(),
        "data": {
            "customer": {"phone": "+15550100100", "tier": "gold", "vip": true, "name": "Jo Example"},
            "order": {"total": 1250.5, "ref": "ORD-20815", "details": {"item_name": "Lamp", "quantity": 2}},
            "notes": "Wants a call back about the lamp; write to jo@example.com otherwise.",
        },
    })
    .to_string()
}

/// Bytes of everything under a path.
pub(super) fn bytes_under(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| bytes_under(&entry.path())).sum()
}
