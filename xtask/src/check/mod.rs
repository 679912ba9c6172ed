//! `cargo xtask check`: formatting, lints, and what the dependencies may be.

mod licences;

use crate::failure::{Failure, Result};
use crate::process;

/// A step's name and the function that takes it.
pub type Step = (&'static str, fn() -> Result<()>);

pub const STEPS: &[Step] = &[("fmt", fmt), ("clippy", clippy), ("licences", licences::check)];

pub fn run(arguments: &[String]) -> Result<()> {
    let wanted: Vec<&Step> = match arguments {
        [] => STEPS.iter().collect(),
        [name] => STEPS.iter().filter(|(step, _)| step == name).collect(),
        _ => Vec::new(),
    };
    if wanted.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::Usage(format!("usage: cargo xtask check [{}]", names.join("|"))));
    }
    let mut failures = Vec::new();
    for (name, step) in wanted {
        println!("check: {name}");
        if let Err(failure) = step() {
            failures.push(format!("{name}: {failure}"));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn fmt() -> Result<()> {
    process::run(&mut process::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    process::run(&mut process::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}
