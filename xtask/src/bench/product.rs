//! The product's command lines, as a user would type them.

use std::path::Path;
use std::process::Command;

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

fn syncline() -> Command {
    Command::new(tree::target().join("release").join("syncline"))
}
