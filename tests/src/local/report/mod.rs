//! The demo's report: one HTML page with nothing outside it, made from what the run recorded.
//!
//! `record` holds what was recorded; `figures` counts and measures it; `scale`, `chart`, `columns`, `lines` and `points`
//! draw, from data to SVG; `panels` says what is drawn; `page` puts it all together; `guard` looks the page over.

mod chart;
mod columns;
mod figures;
mod guard;
mod lines;
mod page;
mod panels;
mod points;
mod record;
mod scale;

use std::path::PathBuf;

pub(super) use record::{LedgerState, Observed, Record, StepMark};

use super::LocalError;
use crate::workspace_root;

/// Where the report is written to; git ignores the folder.
const PATH: &str = ".local/demo-report.html";

/// Writes the report and says where. `secrets` must not be in it, nor may a phone number or an e-mail address.
pub(super) fn write<'a>(
    record: &Record,
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
