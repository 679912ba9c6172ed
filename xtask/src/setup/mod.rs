//! `cargo xtask setup`: what the tests need from outside, and only what is missing of it.

mod packages;

use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Result, takes_nothing};
use crate::process;
use packages::{PACKAGES, Package};

/// Runs as root. Starts no service: see the script.
const INSTALL: &str = include_str!("install.sh");

pub fn run(arguments: &[String]) -> Result<()> {
    takes_nothing("setup", arguments)?;
    components()?;
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !there(package.proof)).collect();
    if missing.is_empty() {
        println!("setup: all {} packages are here", PACKAGES.len());
        return Ok(());
    }
    for package in &missing {
        println!("setup: {} is missing ({}), needed: {}", package.name, package.proof, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    install(&names)?;
    for package in &missing {
        if !there(package.proof) {
            return Err(format!("{} was installed, but {} is still missing", package.name, package.proof).into());
        }
    }
    println!("setup: installed {}", names.join(" "));
    Ok(())
}

/// Whether a file is there; one folder of its path may be `*`.
fn there(proof: &str) -> bool {
    let Some((parent, rest)) = proof.split_once("/*/") else { return Path::new(proof).exists() };
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join(rest)).any(|path| path.exists())
}

/// rustfmt and clippy are missing from rustup's minimal profile.
fn components() -> Result<()> {
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(command, _)| !process::succeeds(&mut process::cargo(&[command, "--version"])))
        .map(|(_, component)| component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("setup: adding {} to the Rust toolchain", missing.join(" "));
    process::run(Command::new("rustup").args(["component", "add"]).args(missing))
}

/// Installs Debian packages, asking nobody.
pub fn install(names: &[&str]) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        let names = names.join(", ");
        return Err(format!("this is not Debian: install by hand what corresponds to {names}").into());
    }
    let root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if root {
        Command::new("sh")
    } else if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        let mut command = Command::new("sudo");
        command.args(["-n", "sh"]);
        command
    } else {
        return Err(Failure::Failed(format!(
            "not root, and sudo asks for a password; run this once:\n  \
             sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
            names.join(" ")
        )));
    };
    process::run(command.arg("-c").arg(INSTALL).arg("install.sh").args(names))
}
