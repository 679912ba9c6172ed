//! `cargo xtask sim`: many histories of the simulator of sync groups, optimised.
//!
//! The simulator needs the model and so its dependencies; a program of its own keeps these out of xtask.

use crate::failure::Result;
use crate::process;

/// Histories in continuous integration, each time the same.
const HISTORIES: &str = "100000";

pub fn run(arguments: &[String]) -> Result<()> {
    println!("sim: building the simulator");
    let mut simulator = process::cargo(&["run", "--release", "--quiet", "--package", "syncline-sim", "--"]);
    process::run(simulator.args(arguments))
}

/// The short form for `cargo xtask test`.
pub fn short() -> Result<()> {
    run(&["--histories".to_string(), HISTORIES.to_string()])
}
