//! The commands of development, run as `cargo xtask COMMAND`.
//!
//! The standard library only: this is the first thing built after a fresh clone, and every step of continuous
//! integration waits for it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod bench;
mod check;
mod failure;
mod process;
mod round;
mod servers;
mod setup;
mod sim;
mod soak;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use failure::{Failure, Result};

/// A command's name, what follows it, what it does, and the function that does it.
struct Command {
    name: &'static str,
    arguments: &'static str,
    does: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        arguments: "",
        does: "install what the tests need, only what is missing",
        run: setup::run,
    },
    Command {
        name: "up",
        arguments: "",
        does: "start the database servers of the tests and leave them running",
        run: servers::up,
    },
    Command { name: "down", arguments: "", does: "end these servers, with all their data", run: servers::down },
    Command { name: "check", arguments: "[STEP]", does: "formatting, lints, licences and sources", run: check::run },
    Command { name: "tidy", arguments: "", does: "our own rules: sizes, names, leftovers, links", run: tidy::run },
    Command { name: "test", arguments: "", does: "setup, check, tidy, servers and every test", run: test::run },
    Command {
        name: "bench",
        arguments: "[NAME] [--rows N]",
        does: "measure the product against a yardstick taken in the same run",
        run: bench::run,
    },
    Command {
        name: "sim",
        arguments: "[--histories N] [--seed S] [--nodes N] [--wrong NAME]",
        does: "random histories of sync groups in memory, judged by the promises",
        run: sim::run,
    },
    Command {
        name: "round",
        arguments: "[--rows N]",
        does: "a shop from PostgreSQL to MariaDB to SQLite to PostgreSQL, judged by all three",
        run: round::run,
    },
    Command {
        name: "soak",
        arguments: "[--minutes N] [--kills N] [--transactions N] [--seed N]",
        does: "load, kills and faults at random on all brands, then every row is judged",
        run: soak::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage(list()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", list());
        return Ok(());
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(rest),
        None => Err(Failure::Usage(format!("there is no command `{name}`\n{}", list()))),
    }
}

fn list() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND");
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("\n  {call:<24}{}", command.does));
    }
    text
}
