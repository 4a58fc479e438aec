//! The functions as they are deployed: binaries built from this workspace, each with its routes beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::HostError;
use crate::workspace_root;

/// Which build of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The one that is deployed.
    Release,
    /// The one that tests are built with: minutes faster to build, and slower.
    Dev,
}

/// One function's unpacked package.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

impl Package {
    /// Builds a function, by the name of its crate, and lays these routes beside it.
    pub async fn build(function: &str, profile: Profile, routes: &Path) -> Result<Self, HostError> {
        let binary = build(function, profile).await?;
        let folder = TempDir::new().map_err(HostError::system("make a temporary folder"))?;
        let package = Self { folder };
        // A link in the same file system costs nothing; elsewhere it takes a copy.
        let bootstrap = package.bootstrap();
        let laid = fs::hard_link(&binary, &bootstrap).or_else(|_| fs::copy(&binary, &bootstrap).map(drop));
        laid.map_err(HostError::system(format!("copy {}", binary.display())))?;
        package.lay_routes(routes)?;
        Ok(package)
    }

    /// Replaces the routes.
    pub fn lay_routes(&self, routes: &Path) -> Result<(), HostError> {
        let copied = fs::copy(routes, self.root().join("routes.json"));
        copied.map(drop).map_err(HostError::system(format!("copy {}", routes.display())))
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The program.
    pub fn bootstrap(&self) -> PathBuf {
        self.root().join("bootstrap")
    }
}

async fn build(function: &str, profile: Profile) -> Result<PathBuf, HostError> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace_root()).args(["build", "--locked", "--quiet", "--package", function]);
    command.arg("--message-format=json-render-diagnostics");
    if profile == Profile::Release {
        command.arg("--release");
    }
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(HostError::system("start cargo"))?;
    if !output.status.success() {
        return Err(HostError::Tool {
            command: format!("cargo build --package {function}"),
            status: output.status,
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = artifacts
        .filter(|artifact| artifact["target"]["name"] == function)
        .filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next().ok_or_else(|| HostError::NoBinary(function.to_owned()))
}
