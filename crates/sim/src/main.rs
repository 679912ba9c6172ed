//! `syncline-sim [--histories N] [--seed S] [--nodes N] [--wrong NAME]`: many histories, one after the other.
//!
//! `cargo xtask sim` builds it optimised and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use syncline_sim::{Broken, Counts, History, Wrong, run};

/// Histories unless `--histories` says otherwise.
const HISTORIES: u64 = 1_000_000;
/// How often a line of progress is printed.
const PROGRESS: Duration = Duration::from_secs(10);

struct Wanted {
    histories: u64,
    first: History,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match wanted(&arguments) {
        Ok(wanted) => simulate(&wanted),
        Err(text) => {
            eprintln!("sim: {text}\nusage: [--histories N] [--seed S] [--nodes 2..7] [--wrong NAME]");
            ExitCode::from(2)
        }
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted { histories: HISTORIES, first: History::default() };
    for pair in arguments.chunks(2) {
        let [option, value] = pair else { return Err(format!("`{}` needs a value", pair.concat())) };
        let number = || value.parse::<u64>().map_err(|_| format!("`{option}` needs a number, not `{value}`"));
        match option.as_str() {
            "--histories" => wanted.histories = number()?,
            "--seed" => wanted.first.seed = number()?,
            "--nodes" => {
                let nodes = usize::try_from(number()?).ok().filter(|nodes| (2..=7).contains(nodes));
                wanted.first.nodes = Some(nodes.ok_or("a group has 2 to 7 nodes")?);
            }
            "--wrong" => {
                let wrong = Wrong::named(value);
                wanted.first.wrong = Some(wrong.ok_or_else(|| format!("there is no wrong rule `{value}`"))?);
            }
            _ => return Err(format!("there is no option `{option}`")),
        }
    }
    Ok(wanted)
}

fn simulate(wanted: &Wanted) -> ExitCode {
    let started = Instant::now();
    let mut told = started;
    let mut counts = Counts::default();
    for count in 0..wanted.histories {
        let history = History { seed: wanted.first.seed.wrapping_add(count), ..wanted.first };
        let outcome = run(history);
        if let Some(broken) = outcome.broken {
            return failed(history, &broken, count);
        }
        counts = counts.plus(outcome.counts);
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            println!("sim: {} of {} histories, {}", count + 1, wanted.histories, rate(count + 1, started));
        }
    }
    let all = wanted.histories;
    println!("sim: {all} histories from seed {}, all promises kept, {}", wanted.first.seed, rate(all, started));
    let counts: Vec<String> = counts.named().iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("sim: {}", counts.join(", "));
    ExitCode::SUCCESS
}

fn rate(count: u64, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64();
    format!("{seconds:.1} s, {:.0} histories/s", count as f64 / seconds.max(0.001))
}

fn failed(history: History, broken: &Broken, before: u64) -> ExitCode {
    println!("sim: FAILED at seed {} after {before} histories\n  {broken}", history.seed);
    let mut again = format!("cargo xtask sim --histories 1 --seed {}", history.seed);
    if let Some(nodes) = history.nodes {
        again.push_str(&format!(" --nodes {nodes}"));
    }
    if let Some(wrong) = history.wrong {
        again.push_str(&format!(" --wrong {wrong}"));
    }
    println!("again: {again}");
    ExitCode::FAILURE
}
