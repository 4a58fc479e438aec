//! Files of cases.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::cases::{Case, NoCase};

/// What can't be read as cases.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct UnreadableCases {
    /// Which file or folder.
    pub path: String,
    /// Why.
    #[source]
    pub why: Unreadable,
}

/// Why something can't be read as cases. It shows nothing of an event.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The system can't read it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It holds something else.
    #[error(transparent)]
    NoCase(#[from] NoCase),
}

/// Reads these files, and those with the extension `json` in these folders, in the order of their names.
///
/// # Errors
/// [`UnreadableCases`] names the file, and the place in it that is no case.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Case>, UnreadableCases> {
    let mut cases = Vec::new();
    for path in paths {
        let files = if path.is_dir() { folder(path).map_err(about(path))? } else { vec![path.clone()] };
        for file in files {
            cases.extend(cases_of(&file).map_err(about(&file))?);
        }
    }
    Ok(cases)
}

fn cases_of(file: &Path) -> Result<Vec<Case>, Unreadable> {
    Ok(Case::read(&file.display().to_string(), &fs::read_to_string(file)?)?)
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let entries: Result<Vec<_>, _> = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = entries?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

fn about(path: &Path) -> impl FnOnce(Unreadable) -> UnreadableCases {
    let path = path.display().to_string();
    |why| UnreadableCases { path, why }
}
