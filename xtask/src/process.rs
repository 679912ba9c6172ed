//! Running other programs.

use std::process::{Command, Stdio};

use crate::failure::Result;
use crate::tree;

/// Cargo itself, the one that started us, at the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(tree::root());
    command
}

/// Runs it with our own terminal and waits for success.
pub fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.status().map_err(|err| format!("cannot start `{line}`: {err}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}").into()) }
}

/// Runs it, waits for success and returns what it printed on its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command.stdin(Stdio::null()).output().map_err(|err| format!("cannot start `{line}`: {err}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{line}` failed: {}\n{}", output.status, complaint.trim_end()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether it starts and succeeds; says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The command as one would type it; a long argument (an SQL script) is cut.
pub fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        line.extend(argument.chars().take(60));
        if argument.chars().count() > 60 {
            line.push('…');
        }
    }
    line
}
