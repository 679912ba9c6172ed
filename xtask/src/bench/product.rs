//! The product's command lines, as a user would type them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setting;
use super::orders::TABLE;
use crate::failure::Result;
use crate::tree;

pub fn copy(source: &Path, sink: &Path) -> Command {
    let mut command = syncline();
    command.arg("copy").args([source, sink]);
    command
}

pub fn compare(one: &Path, other: &Path) -> Command {
    let mut command = syncline();
    command.arg("compare").args([one, other]);
    command
}

/// Between databases of any brand, each named by its URL.
pub fn copy_urls(source: &str, sink: &str) -> Command {
    let mut command = syncline();
    command.args(["copy", source, sink]);
    command
}

pub fn compare_urls(one: &str, other: &str) -> Command {
    let mut command = syncline();
    command.args(["compare", one, other]);
    command
}

/// A file with one job that has a step to do for each row, a filter that every row passes.
pub fn filtered_job(setting: &Setting, source: &str, sink: &str) -> Result<PathBuf> {
    let file = setting.folder.file("syncline.yaml");
    let text = format!(
        "version: 1\nconnections:\n  one: \"{source}\"\n  other: \"{sink}\"\n\
         jobs:\n  filtered:\n    from: one\n    to: other\n    tables:\n      {TABLE}: {{where: \"id > 0\"}}\n"
    );
    fs::write(&file, text).map_err(|err| format!("cannot write {}: {err}", file.display()))?;
    Ok(file)
}

/// From the beginning, whatever the job has done before.
pub fn run_job(file: &Path) -> Command {
    let mut command = syncline();
    command.args(["run", "filtered", "--restart", "--config"]).arg(file);
    command
}

/// The same with no more memory than this: address space, so that code, stacks and what is set aside count too.
pub fn within(bytes: u64, command: &Command) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--as={bytes}")).arg("--core=0").arg(command.get_program()).args(command.get_args());
    limited
}

pub fn syncline() -> Command {
    Command::new(tree::target().join("release").join("syncline"))
}
