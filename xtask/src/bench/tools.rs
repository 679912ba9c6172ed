//! Programs that only benches need. `cargo xtask setup` does not bring them: no test wants them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Result;
use crate::{process, setup, tree};

/// pgcopydb copies a PostgreSQL database with its indexes.
pub fn pgcopydb() -> Result<PathBuf> {
    from_package("pgcopydb")
}

/// pgloader copies a database of another brand into PostgreSQL.
pub fn pgloader() -> Result<PathBuf> {
    from_package("pgloader")
}

/// The package is named after its only program.
fn from_package(name: &str) -> Result<PathBuf> {
    let program = Path::new("/usr/bin").join(name);
    if !program.exists() {
        println!("bench: installing {name}");
        setup::install(&[name])?;
    }
    Ok(program)
}

/// reladiff compares tables by checksums of their parts; in an environment of its own under `target`.
pub fn reladiff() -> Result<PathBuf> {
    const VERSION: &str = "0.6.0";
    let place = tree::target().join("bench").join(format!("reladiff-{VERSION}"));
    let program = place.join("bin").join("reladiff");
    if program.exists() {
        return Ok(program);
    }
    println!("bench: installing reladiff {VERSION}");
    // By the system's own python: another one may have been put in front of it.
    let python = || Command::new("/usr/bin/python3");
    if !process::succeeds(python().args(["-m", "ensurepip", "--version"])) {
        setup::install(&["python3-venv"])?;
    }
    process::run(python().args(["-m", "venv"]).arg(&place))?;
    let wanted = format!("reladiff[postgresql,mysql]=={VERSION}");
    process::run(Command::new(place.join("bin").join("pip")).args(["install", "--quiet", &wanted]))?;
    Ok(program)
}

/// What a program says of its version, first line.
pub fn version(program: &Path, argument: &str) -> String {
    let said = process::output(Command::new(program).arg(argument)).unwrap_or_default();
    said.lines().next().unwrap_or("unknown").trim().to_string()
}
