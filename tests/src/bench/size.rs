//! How large what is deployed is.

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use super::subject::{Subjects, bytes_under, peer_folder};
use super::{Row, Target, number};
use crate::host::Package;
use crate::local::{LocalError, tool};
use crate::workspace_root;

const MIB: f64 = 1024.0 * 1024.0;

/// Packs a folder as `sam deploy` does, without what no package holds.
const ZIP: &str = "\
import os, sys, zipfile
root, target = sys.argv[1:3]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != '__pycache__' and not name.startswith(('pip', 'setuptools'))]
        for name in files:
            path = os.path.join(folder, name)
            archive.write(path, os.path.relpath(path, root))";

pub(super) async fn measure(subjects: &Subjects) -> Result<Vec<Row>, LocalError> {
    let binary = |package: &Package| number(bytes_under(&package.bootstrap())) / MIB;
    let peer = peer_folder().join("lib");
    let (inject, sync, peer_zip) =
        (zipped(subjects.inject.root()).await?, zipped(subjects.sync.root()).await?, zipped(&peer).await?);
    Ok(vec![
        Row::beside(
            "inject-contacts, unpacked",
            "MiB",
            binary(&subjects.inject),
            number(bytes_under(&peer)) / MIB,
            Target::None,
        ),
        Row::beside("inject-contacts, zip with routes", "MiB", inject, peer_zip, Target::Below(3.0)),
        Row::alone("sync-registry, zip with routes", "MiB", sync, Target::Below(3.0)),
    ])
}

async fn zipped(folder: &Path) -> Result<f64, LocalError> {
    let target = TempDir::new().map_err(LocalError::system("make a temporary folder"))?;
    let archive = target.path().join("package.zip");
    let python = workspace_root().join(".venv/bin/python");
    let mut command = Command::new(python);
    command.args(["-c", ZIP]).arg(folder).arg(&archive);
    tool::run(command).await?;
    Ok(number(bytes_under(&archive)) / MIB)
}
