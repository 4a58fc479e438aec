//! What SAM makes of a template, by its own translator, as `CloudFormation` gets it.

use std::process::Command;

use serde_json::Value;

use super::TemplateError;
use crate::workspace_root;

/// Translates a template of the workspace; without one, the template by which SAM makes its own bucket.
pub(super) fn translated(file: Option<&str>) -> Result<Value, TemplateError> {
    let failed = |why: String| TemplateError::Untranslated(why);
    let mut python = Command::new(workspace_root().join(".venv/bin/python"));
    python.arg("tests/src/template/sam.py").args(file).current_dir(workspace_root());
    // The translator wants a region, and its output tells of none.
    python.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
    let output = python.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}
