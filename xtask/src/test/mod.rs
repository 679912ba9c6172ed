//! `cargo xtask test`: everything that must be green, in one command.
//!
//! Every step runs, also after one that failed, and its output streams through; the summary at the end is for the
//! reader who scrolls to the bottom first.

mod count;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result, takes_nothing};
use crate::{check, process, setup, sim, soak, tidy};
use count::Count;

/// The short form of the soak: the program that the tests have just built, for as long as everybody can wait.
const SOAK: [&str; 7] = ["--minutes", "2", "--kills", "40", "--transactions", "20000", "--debug"];

/// How many tests run at a time. Half of their time they wait: for servers, and for processes to die.
const THREADS: &str = "RUST_TEST_THREADS";

/// What one step came to.
struct Outcome {
    name: String,
    took: Duration,
    failure: Option<Failure>,
    /// The commands that repeat it.
    again: Vec<String>,
}

pub fn run(arguments: &[String]) -> Result<()> {
    takes_nothing("test", arguments)?;
    let mut outcomes = vec![step("setup", "cargo xtask setup", || setup::run(&[]))];
    for (name, check) in check::STEPS {
        outcomes.push(step(name, &format!("cargo xtask check {name}"), check));
    }
    outcomes.push(step("tidy", "cargo xtask tidy", || tidy::run(&[])));
    outcomes.push(step("sim", "cargo xtask sim --histories 100000", sim::short));
    // Held until the tests are over, and then gone; also if we are killed. Those that were up before stay up.
    let mut servers = None;
    outcomes.push(step("servers", "cargo xtask up", || {
        servers = Some(syncline_rig::up(true)?);
        Ok(())
    }));
    let mut count = Count::default();
    let mut tests = step("tests", "cargo test --workspace", || cargo_test(&mut count));
    if !count.failed_names.is_empty() {
        tests.again = count.failed_names.iter().map(|name| again(name)).collect();
    }
    outcomes.push(tests);
    drop(servers);
    let soaked = SOAK.map(str::to_string);
    outcomes.push(step("soak", &format!("cargo xtask soak {}", SOAK.join(" ")), || soak::run(&soaked)));
    summary(&outcomes, &count)
}

/// Repeats one test; the servers are gone by then.
fn again(test: &str) -> String {
    format!("cargo xtask up && cargo test --workspace -- {test}")
}

fn step(name: &str, again: &str, act: impl FnOnce() -> Result<()>) -> Outcome {
    println!("\n== {name}");
    let started = Instant::now();
    let failure = act().err();
    if let Some(failure) = &failure {
        println!("{failure}");
    }
    Outcome { name: name.to_string(), took: started.elapsed(), failure, again: vec![again.to_string()] }
}

/// Passes every line on as it comes, and counts along.
fn cargo_test(count: &mut Count) -> Result<()> {
    // All binaries, also after one that failed: the count would otherwise be of no use.
    let mut command = process::cargo(&["test", "--workspace", "--no-fail-fast"]);
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        command.env(THREADS, (cores * 2).to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|err| format!("cannot start cargo: {err}"))?;
    if let Some(output) = child.stdout.take() {
        let mut shown = std::io::stdout();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(|err| format!("cannot read from cargo: {err}"))?;
            count.take(&String::from_utf8_lossy(&line));
            // A reader who went away is no reason to stop counting.
            let _ = shown.write_all(&line).and_then(|()| shown.write_all(b"\n")).and_then(|()| shown.flush());
        }
    }
    let status = child.wait().map_err(|err| format!("cannot wait for cargo: {err}"))?;
    if !status.success() {
        return Err(format!("cargo test failed: {status}").into());
    }
    if count.passed == 0 {
        return Err("not one test has run".to_string().into());
    }
    Ok(())
}

fn summary(outcomes: &[Outcome], count: &Count) -> Result<()> {
    println!("\n== summary");
    for outcome in outcomes {
        let verdict = if outcome.failure.is_none() { "pass" } else { "FAIL" };
        println!("{:<10}{verdict}  {:>7.1} s", outcome.name, outcome.took.as_secs_f64());
    }
    println!("tests: {} passed, {} failed, {} ignored", count.passed, count.failed, count.ignored);
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    for again in failed.iter().flat_map(|outcome| &outcome.again) {
        println!("again: {again}");
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {} steps failed", failed.len(), outcomes.len()).into())
}
