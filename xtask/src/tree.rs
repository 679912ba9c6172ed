//! The files of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Result;

/// Folders that hold no source of ours.
const FOREIGN: &[&str] = &["target", ".git", ".syncline", "node_modules"];

/// The root of the workspace: where cargo was asked to run us, or else where we were built.
pub fn root() -> PathBuf {
    let ours = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let ours = PathBuf::from(ours);
    ours.parent().map(Path::to_path_buf).unwrap_or(ours)
}

/// The folder that cargo builds into, as cargo itself decides it.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Every file under `root`, sorted, as paths relative to it.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let wrong = |err| format!("cannot list {}: {err}", root.join(&folder).display());
        for entry in fs::read_dir(root.join(&folder)).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(wrong)?;
            if kind.is_dir() {
                if !FOREIGN.iter().any(|name| *name == entry.file_name()) {
                    folders.push(path);
                }
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file; a file that is not UTF-8 is an error.
pub fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|err| format!("cannot read {}: {err}", path.display()))?)
}
