//! Names of the change notes under `changes.d`.

use std::path::{Path, PathBuf};

use super::Finding;

const KINDS: &[&str] = &["added", "changed", "fixed", "removed", "security"];

pub fn check(paths: &[PathBuf]) -> Vec<Finding> {
    let ours = |path: &&PathBuf| path.parent() == Some(Path::new("changes.d")) && !path.ends_with("README.md");
    let wrong = paths.iter().filter(ours).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let parts: Vec<&str> = name.split('.').collect();
        !matches!(parts.as_slice(), [subject, kind, "md"] if !subject.is_empty() && KINDS.contains(kind))
    });
    let text = format!("a change note is called `subject.KIND.md`, KIND one of {}", KINDS.join(", "));
    wrong.map(|path| Finding { path: path.clone(), line: 1, text: text.clone() }).collect()
}
