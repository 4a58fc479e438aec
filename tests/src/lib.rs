//! The local stack, and the tests that need one.
//!
//! `template` reads the deployment's template, and `cloudwatch` judges its alarms; `local` runs it on this machine: an
//! AWS emulator, the real functions and a CXone simulator; `host` runs the functions' binaries as Lambda does, and
//! `bench` measures them by it; `iam` decides by policies as AWS does.

use std::path::{Path, PathBuf};

pub mod bench;
pub mod cloudwatch;
pub mod host;
pub mod iam;
pub mod local;
mod ordinary_routes;
pub mod pipe;
pub mod template;

pub use ordinary_routes::ordinary_routes;

/// The folder of the workspace, which holds the template, the routes and the tools' `.venv`.
pub fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}
