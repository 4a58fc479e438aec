//! The demo's report: one HTML page with nothing outside it, of what the simulator and the queues recorded.

mod guard;
mod page;
mod rate;

use std::path::PathBuf;

use cxone_simulator::{RequestRecord, SimulatorConfig};

use super::LocalError;
use super::outcome::{Outcome, Row};
use crate::workspace_root;

/// Where the report is written to; git ignores the folder.
const PATH: &str = ".local/demo-report.html";

/// What a run left behind.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) steps: &'a [StepMark],
    pub(super) outcomes: &'a [Outcome],
    /// The outcomes as lines of the table.
    pub(super) rows: &'a [Row],
    /// The tenant as it stands at the end.
    pub(super) tenant: &'a SimulatorConfig,
    /// Every request that CXone got.
    pub(super) requests: &'a [RequestRecord],
}

/// When a step of the demo began.
#[derive(Debug, Clone)]
pub(super) struct StepMark {
    pub(super) letter: char,
    pub(super) title: String,
    pub(super) events: usize,
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
}

/// Writes the report and says where. `secrets` must not be in it, nor may a phone number or an e-mail address.
pub(super) fn write<'a>(
    record: &Record<'_>,
    made_at: &str,
    secrets: impl IntoIterator<Item = &'a str>,
) -> Result<PathBuf, LocalError> {
    let page = page::render(record, made_at).into_string();
    guard::look_over(&page, secrets).map_err(LocalError::Leak)?;
    let path = workspace_root().join(PATH);
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, page)
    };
    write().map_err(LocalError::system(format!("write {}", path.display())))?;
    Ok(path)
}
