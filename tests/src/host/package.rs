//! The functions as they are deployed: a binary with its routes beside it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::local::{LocalError, tool};
use crate::workspace_root;

/// One function's unpacked package.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

impl Package {
    /// Builds a function as it is deployed, by the name of its crate, and lays these routes beside it.
    pub async fn build(function: &str, routes: &Path) -> Result<Self, LocalError> {
        Self::of(&built(function, "release").await?, routes)
    }

    /// A binary that is there, with these routes beside it.
    pub fn of(binary: &Path, routes: &Path) -> Result<Self, LocalError> {
        let folder = TempDir::new().map_err(LocalError::system("make a temporary folder"))?;
        let package = Self { folder };
        // A link in the same file system costs nothing; elsewhere it takes a copy.
        let bootstrap = package.bootstrap();
        let laid = fs::hard_link(binary, &bootstrap).or_else(|_| fs::copy(binary, &bootstrap).map(drop));
        laid.map_err(LocalError::system(format!("copy {}", binary.display())))?;
        package.lay_routes(routes)?;
        Ok(package)
    }

    /// Replaces the routes.
    pub fn lay_routes(&self, routes: &Path) -> Result<(), LocalError> {
        let copied = fs::copy(routes, self.root().join("routes.json"));
        copied.map(drop).map_err(LocalError::system(format!("copy {}", routes.display())))
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

/// A function's binary, built in this profile.
pub(crate) async fn built(function: &str, profile: &str) -> Result<PathBuf, LocalError> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace_root()).args([
        "build",
        "--locked",
        "--quiet",
        "--profile",
        profile,
        "--package",
        function,
    ]);
    command.arg("--message-format=json-render-diagnostics");
    let messages = tool::run(command).await?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = artifacts
        .filter(|artifact| artifact["target"]["name"] == function)
        .filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next().ok_or_else(|| LocalError::NoBinary(function.to_owned()))
}
